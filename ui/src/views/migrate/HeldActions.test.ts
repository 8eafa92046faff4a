import { render, screen } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { app } from "../../features/app.svelte";
import type { RunState, RunView } from "../../ipc";
import { w } from "../../words";
import HeldActions from "./HeldActions.svelte";

function held(state: RunState) {
  const actions = [{ id: "a", name: "Alarm", state: "held", acted: null }];
  render(HeldActions, { run: { id: "r", state, reason: null, actions } as unknown as RunView });
}

beforeEach(() => {
  app.pausedHere = new Set();
});

describe("actions that a run holds", () => {
  it("are offered to be switched on again where the run was interrupted", () => {
    held("paused");
    expect(screen.getByTestId("release")).toBeTruthy();
    expect(screen.getByText(w.guard.releaseText)).toBeTruthy();
  });

  it("are offered to be switched on again where the run was stopped, which has no Resume", () => {
    held("stopped");
    expect(screen.getByTestId("release")).toBeTruthy();
    expect(screen.getByText(w.guard.releaseStopped)).toBeTruthy();
  });

  it("are offered to be switched on again where the taking back was interrupted", () => {
    held("undo_paused");
    expect(screen.getByTestId("release")).toBeTruthy();
    expect(screen.getByText(w.guard.releaseUndo)).toBeTruthy();
  });

  it("stay with a run that only waits to be resumed", () => {
    app.keepPaused("r", true);
    held("paused");
    expect(screen.queryByTestId("release")).toBeNull();
    expect(screen.getByText(w.guard.pausedText)).toBeTruthy();
  });

  it("are offered again once that run has gone on and was interrupted", () => {
    app.keepPaused("r", true);
    app.keepPaused("r", false);
    held("paused");
    expect(screen.getByTestId("release")).toBeTruthy();
  });
});
