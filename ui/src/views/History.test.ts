import { render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import { app } from "../features/app.svelte";
import { ipc, type RunSummary } from "../ipc";
import { w } from "../words";
import History from "./History.svelte";

const run = (over: Partial<RunSummary>) =>
  ({
    id: "r",
    source_name: "Copy",
    target_name: "Plant",
    state: "done_with_exceptions",
    only_counted: false,
    started_at: 0,
    finished_at: 1,
    records_done: 1,
    records_total: 1,
    ...over,
  }) as RunSummary;

async function told(of: RunSummary): Promise<string> {
  app.runs = [];
  vi.spyOn(ipc, "runs").mockResolvedValue([of]);
  vi.spyOn(ipc, "resourceRuns").mockResolvedValue([]);
  vi.spyOn(ipc, "restores").mockResolvedValue([]);
  render(History);
  return (await screen.findByTestId("history-row")).textContent ?? "";
}

afterEach(() => void vi.restoreAllMocks());

describe("the outcome of a run", () => {
  it("is no exception where nothing is amiss and counts alone were compared", async () => {
    const said = await told(run({ only_counted: true }));
    expect(said).toContain(w.run.doneCounted);
    expect(said).not.toContain(w.run.state.done_with_exceptions);
  });

  it("is an exception where something is amiss", async () => {
    expect(await told(run({}))).toContain(w.run.state.done_with_exceptions);
  });
});
