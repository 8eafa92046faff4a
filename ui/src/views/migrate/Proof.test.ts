import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ipc, type ProofView, type RunView } from "../../ipc";
import { w } from "../../words";
import Proof from "./Proof.svelte";

const nothing = { days: [], devices: [] };
const notGreen = {
  green: false,
  depth: "content",
  agrees: false,
  checked_at: 0,
  ranges_compared: 4,
  records_checked: 120,
  missing: 0,
  changed: 0,
  doubled: 0,
  differences: [],
  left_out: [],
  only_left_out: false,
  otherwise: [],
  strip: nothing,
  before: nothing,
} as unknown as ProofView;
const held = [{ device_name: "Truck 1", variable: null, from: null, to: null, reason: "changed since" }];

function proof(of: Partial<RunView>, found: Partial<ProofView> = {}) {
  const run = { id: "r", state: "done_with_exceptions", held: [], records_to_remove: 0, half_proven: false };
  render(Proof, { run: { ...run, proof: { ...notGreen, ...found }, ...of } as unknown as RunView });
  return screen.getByTestId("proof-verdict").textContent?.trim();
}

afterEach(() => void vi.restoreAllMocks());

describe("a proof that is not green", () => {
  it("leads to differences only where there are some", () => {
    const differences = [
      { kind: "missing", device_name: "Truck 1", variable: "v", time: 0, expected: "1", found: null },
    ] as ProofView["differences"];
    expect(proof({}, { differences, missing: 1 })).toBe(w.run.notGreen);
  });

  it("leads to what was held back where that is all", () => {
    expect(proof({ held })).toBe(w.run.notDone);
  });

  it("says of a stopped run that it did not come to everything", () => {
    expect(proof({ state: "stopped" })).toBe(w.run.notReached);
  });

  it("says where something could not be read", () => {
    expect(proof({})).toBe(w.run.notCompared);
  });

  it("compared nothing where it only counted", () => {
    proof({}, { depth: "counts", agrees: true, records_checked: 0 });
    const said = screen.getByTestId("proof-checked").textContent;
    expect(said).toContain("The records in 4 time ranges were counted");
    expect(said).not.toContain("compared");
  });
});

describe("a proof that was interrupted", () => {
  it("can be begun again, as closely as is chosen", async () => {
    const prove = vi.spyOn(ipc, "proveRun").mockResolvedValue(null);
    proof({ half_proven: true });
    await userEvent.click(screen.getByTestId("prove-afresh"));
    expect(prove).toHaveBeenCalledWith("r", "content", true);
    await userEvent.click(screen.getByTestId("prove-again"));
    expect(prove).toHaveBeenLastCalledWith("r", "content", false);
  });

  it("is not spoken of where none was", () => {
    proof({});
    expect(screen.queryByTestId("prove-afresh")).toBeNull();
  });
});
