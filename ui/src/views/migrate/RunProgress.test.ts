import { render, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { RunState, RunView } from "../../ipc";
import { w } from "../../words";
import RunProgress from "./RunProgress.svelte";

function progress(state: RunState) {
  const run = { id: "r", state, records_done: 1, records_total: 2, started_at: 0, finished_at: null };
  render(RunProgress, { run: { ...run, reason: null, undone: null } as unknown as RunView });
}

describe("a run that does not move", () => {
  it("can be resumed where it was interrupted", () => {
    progress("paused");
    expect(screen.getByTestId("run-resume")).toBeTruthy();
    expect(screen.getByText(w.run.resumeNote)).toBeTruthy();
  });

  it("shows what was removed where nothing is written", () => {
    const run = {
      id: "r",
      state: "done",
      records_done: 0,
      records_total: 0,
      started_at: 0,
      finished_at: null,
    };
    const removal = { records_removed: 412, records_to_remove: 412, reason: null, undone: null };
    render(RunProgress, { run: { ...run, ...removal } as unknown as RunView });
    expect(screen.getByText(w.run.progressRemoved)).toBeTruthy();
    expect(screen.queryByText(w.run.measuring)).toBeNull();
  });

  it("measures nothing where it wrote nothing", () => {
    const run = { id: "r", state: "done", records_done: 0, records_total: 0, records_to_remove: 0 };
    const rest = { started_at: 0, finished_at: null, reason: null, undone: null };
    render(RunProgress, { run: { ...run, ...rest } as unknown as RunView });
    expect(screen.queryByText(w.run.measuring)).toBeNull();
    expect(screen.getByText(w.run.noRecords)).toBeTruthy();
  });

  it("calls what was only counted not proven, and not an exception", () => {
    const run = { id: "r", state: "done_with_exceptions", records_done: 1, records_total: 1 };
    const rest = { started_at: 0, finished_at: null, reason: null, undone: null, proof: { agrees: true } };
    render(RunProgress, { run: { ...run, ...rest } as unknown as RunView });
    expect(screen.getByTestId("run-state").textContent).toBe(w.run.doneCounted);
  });

  it("offers no Resume where its record cannot be read", () => {
    progress("failed");
    expect(screen.queryByTestId("run-resume")).toBeNull();
    expect(screen.queryByText(w.run.resumeNote)).toBeNull();
  });
});
