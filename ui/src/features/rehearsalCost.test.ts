import { describe, expect, it } from "vitest";
import type { SideDevice } from "../ipc";
import { rehearsalCost } from "./rehearsalCost";

const device = (records: number | null) => ({ records }) as SideDevice;

describe("what a rehearsal costs", () => {
  it("reads every record only if it is exact", () => {
    const devices = [device(25_000), device(10), device(0), device(null)];
    expect(rehearsalCost(devices, "exact")).toMatchObject({ records: 25_010, requests: 4 * 6 + 7 + 3 });
    expect(rehearsalCost(devices, "counted")).toMatchObject({ records: 0, requests: 4 * 6 + 5 + 5 });
  });

  it("says a range that grows with the records", () => {
    const small = rehearsalCost([device(10)], "exact");
    const large = rehearsalCost([device(10_000_000)], "exact");
    expect(small.low).toBeLessThanOrEqual(small.high);
    expect(large.low).toBeGreaterThan(small.high);
    expect(rehearsalCost([device(10_000_000)], "counted").high).toBeLessThan(large.low);
  });
});
