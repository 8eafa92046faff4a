import { render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ipc, type PlanRow } from "../../ipc";
import { w } from "../../words";
import PlanTable from "./PlanTable.svelte";

const row: PlanRow = {
  id: "1.0",
  kind: "data",
  device: "5f2a",
  device_name: "Pump",
  variable: "pressure",
  from: 0,
  to: 1,
  verdict: "remove",
  reason: "",
  source_count: 0,
  target_count: 52,
  missing_count: 0,
  removed_count: 40,
};

async function shown(over: Partial<PlanRow>, removes = true) {
  vi.spyOn(ipc, "rehearsalRows").mockResolvedValue({ rows: [{ ...row, ...over }], total: 1 });
  render(PlanTable, { props: { rehearsal: "r", target: "Plant", removes, counted: false } });
  return (await screen.findByTestId("plan-row")).textContent;
}

afterEach(() => void vi.restoreAllMocks());

describe("the plan, item by item", () => {
  it("says of a window that only loses records how many go, and from where", async () => {
    expect(await shown({})).toContain(w.wizard.planVerdicts.remove);
    expect(screen.getByTestId("plan-removed").textContent).toBe("40");
    expect(screen.getByText(w.wizard.planRemoves(40, "Plant"))).toBeTruthy();
  });

  it("is asked for once, and not again because it was answered", async () => {
    await shown({});
    await new Promise((waited) => setTimeout(waited, 700));
    expect(ipc.rehearsalRows).toHaveBeenCalledTimes(1);
  });

  it("names both where records go and others are written", async () => {
    expect(await shown({ missing_count: 3 })).toContain(w.wizard.planFillAndRemove);
  });

  it("has no column for what goes where nothing does", async () => {
    await shown({ verdict: "fill", missing_count: 3, removed_count: 0 }, false);
    expect(screen.queryByTestId("plan-removed")).toBeNull();
  });
});
