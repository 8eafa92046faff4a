import { render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Pair } from "../../features/pair.svelte";
import { Wizard } from "../../features/wizard.svelte";
import { ipc, type PlanSummary } from "../../ipc";
import { w } from "../../words";
import Rehearsal from "./Rehearsal.svelte";

function rehearsed(over: Partial<PlanSummary>) {
  vi.spyOn(ipc, "rehearsalRows").mockResolvedValue({ rows: [], total: 0 } as never);
  const wizard = new Wizard(new Pair(null, null));
  const summary = { nothing_to_do: true, conflicts: 0, blocked: 0, actions: [], irreversible: [], ...over };
  wizard.rehearsal = {
    id: "r",
    target_name: "Plant",
    phase: "done",
    checks: [],
    choices: { policy: "fill", tripped: "hold", depth: "exact" },
    error: null,
    summary: { records_missing: 0, records_to_write: 0, devices_create: 0, cutoff: 0, ...summary },
  } as unknown as NonNullable<Wizard["rehearsal"]>;
  render(Rehearsal, { wizard });
}

afterEach(() => void vi.restoreAllMocks());

describe("a plan that writes nothing", () => {
  it("is good news where everything is there", () => {
    rehearsed({});
    expect(screen.getByText(w.wizard.nothing("Plant"))).toBeTruthy();
  });

  it("is a warning where things differ or are blocked", () => {
    rehearsed({ conflicts: 2, blocked: 1 });
    expect(screen.getByText(w.wizard.nothingWrittenTitle)).toBeTruthy();
    expect(screen.getByText(/2 differ and are left alone, 1 is blocked\./)).toBeTruthy();
    expect(screen.queryByText(w.wizard.nothing("Plant"))).toBeNull();
  });
});
