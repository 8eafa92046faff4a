import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { IpcError, ipc, type WorkRow } from "../../ipc";
import { w } from "../../words";
import Work from "./Work.svelte";

const ticked = { key: "k", task: "activate", kind: "action", name: "Alarm", text: "", seen: null };
const rows = [{ ...ticked, state: "done_by_hand" }] as WorkRow[];
const silent = new IpcError({ code: "unreachable", message: "No answer.", hint: null, retryable: true });

function work() {
  render(Work, { cargo: "records", run: "r", moment: "stopped" });
}

afterEach(() => void vi.restoreAllMocks());

describe("what is left to do", () => {
  it("speaks of its own list, whatever became of the run", async () => {
    vi.spyOn(ipc, "worklist").mockResolvedValue(rows);
    vi.spyOn(ipc, "lookAtWorklist").mockResolvedValue(rows);
    work();
    expect(await screen.findByText("Everything on this list is done.")).toBeTruthy();
  });

  it("calls nothing done that it could not read", async () => {
    vi.spyOn(ipc, "worklist").mockRejectedValue(silent);
    work();
    expect(await screen.findByText("No answer.")).toBeTruthy();
    expect(screen.queryByText(w.work.allDone)).toBeNull();
  });

  it("can be looked at no longer, and shows what was seen until then", async () => {
    vi.spyOn(ipc, "worklist").mockResolvedValue(rows);
    let answer: (seen: WorkRow[]) => void = () => undefined;
    vi.spyOn(ipc, "lookAtWorklist").mockReturnValue(new Promise((resolve) => (answer = resolve)));
    const stop = vi.spyOn(ipc, "stopLooking").mockImplementation(async () => answer(rows));
    work();
    await userEvent.click(await screen.findByTestId("worklist-stop"));
    expect(stop).toHaveBeenCalledWith("r");
    expect(await screen.findByTestId("work-row")).toBeTruthy();
    expect(screen.queryByTestId("worklist-stop")).toBeNull();
  });
});
