import { render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import { IpcError, events, ipc, type RunView, type UiError } from "../../ipc";
import { w } from "../../words";
import Run from "./Run.svelte";

const left = {
  at: 0,
  actions: ["Alarm"],
  awake: ["Truck 2"],
  tokens: ["Truck 1"],
  files: false,
  incomplete: [],
  batches_in_doubt: 1,
};
const unreachable: UiError = { code: "unreachable", message: "No answer.", hint: null, retryable: true };
const busy: UiError = { code: "rate_limited", message: "Too many requests.", hint: null, retryable: true };

async function open(over: Partial<Record<keyof RunView, unknown>>) {
  const side = { connection: "c", project: "p" };
  const run = {
    id: "r",
    source: side,
    target: side,
    source_name: "Copy",
    target_name: "Plant",
    state: "paused",
    reason: null,
    waiting: null,
    records_done: 7,
    records_total: 9,
    actions: [{ id: "a", name: "Alarm", state: "held", acted: null }],
    awake: [],
    held: [],
    batches_to_check: 0,
    undone: null,
    proof: null,
    given_up: null,
    ...over,
  } as unknown as RunView;
  vi.spyOn(events.runChanged, "listen").mockResolvedValue(() => undefined);
  vi.spyOn(ipc, "runs").mockResolvedValue([]);
  vi.spyOn(ipc, "run").mockResolvedValue(run);
  vi.spyOn(ipc, "report").mockResolvedValue({ tokens: [], ids: [], exceptions: [] } as never);
  render(Run, { id: "r" });
  await screen.findByTestId("run-state");
}

afterEach(() => void vi.restoreAllMocks());

describe("a run that was given up", () => {
  it("says what it leaves and is not resumed", async () => {
    const actions = [{ id: "a", name: "Alarm", state: "left_off", acted: null }];
    await open({ state: "given_up", given_up: left, actions });
    expect(screen.getByTestId("run-state").textContent).toBe(w.run.state.given_up);
    expect(screen.getByText(w.giveUp.actions(["Alarm"]))).toBeTruthy();
    expect(screen.getByText(w.giveUp.awake(["Truck 2"]))).toBeTruthy();
    expect(screen.getByText(w.giveUp.tokens(["Truck 1"]))).toBeTruthy();
    expect(screen.getByText(w.giveUp.batches(1))).toBeTruthy();
    expect(screen.queryByTestId("run-resume")).toBeNull();
    expect(screen.getByTestId("release").textContent.trim()).toBe(w.giveUp.releaseAll);
    expect(screen.queryByTestId("left-active")).toBeNull();
    expect(screen.getByTestId("undo")).toBeTruthy();
  });
});

describe("giving up", () => {
  it("is offered where the project does not answer", async () => {
    await open({ reason: unreachable });
    expect(screen.getByTestId("give-up")).toBeTruthy();
  });

  it("is offered once switching its actions on again was refused", async () => {
    await open({});
    expect(screen.queryByTestId("give-up")).toBeNull();
    vi.spyOn(ipc, "releaseRun").mockRejectedValue(new IpcError(unreachable));
    screen.getByTestId("release").click();
    expect(await screen.findByTestId("give-up")).toBeTruthy();
  });

  it("is not offered where the project is only busy", async () => {
    await open({ reason: busy });
    expect(screen.queryByTestId("give-up")).toBeNull();
  });

  it("is not offered where only the source is silent: stopping needs the target alone", async () => {
    await open({ reason: { ...unreachable, side: "source" } });
    expect(screen.queryByTestId("give-up")).toBeNull();
    expect(screen.getByText(w.giveUp.sourceGone("Copy", "Plant"))).toBeTruthy();
    expect(screen.getByTestId("run-stop")).toBeTruthy();
  });

  it("is offered once the target of such a run is silent too", async () => {
    await open({ reason: { ...unreachable, side: "source" } });
    vi.spyOn(ipc, "releaseRun").mockRejectedValue(new IpcError({ ...unreachable, side: "target" }));
    screen.getByTestId("release").click();
    expect(await screen.findByTestId("give-up")).toBeTruthy();
    expect(screen.queryByTestId("source-gone")).toBeNull();
  });

  it("says in its dialog what is left", async () => {
    await open({ reason: unreachable, awake: ["Truck 2"] });
    screen.getByTestId("give-up").click();
    const said = await screen.findByTestId("give-up-leaves");
    expect(said.textContent).toBe(w.giveUp.leaves(7, ["Alarm"], ["Truck 2"], 0));
  });
});

describe("devices that a run has left active", () => {
  it("are named and made inactive again by one button", async () => {
    await open({ state: "stopped", actions: [], awake: ["Truck 2"] });
    expect(screen.getByText(w.leftActive.text(["Truck 2"], "Plant"))).toBeTruthy();
    const release = vi.spyOn(ipc, "releaseRun").mockResolvedValue(null);
    screen.getByTestId("let-rest").click();
    expect(release).toHaveBeenCalledWith("r");
  });

  it("rest with the actions, where the run holds some", async () => {
    await open({ awake: ["Truck 2"] });
    expect(screen.getByTestId("left-active").textContent).toContain(w.leftActive.withActions);
    expect(screen.queryByTestId("let-rest")).toBeNull();
  });
});
