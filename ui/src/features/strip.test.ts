import { describe, expect, it } from "vitest";
import { isOfInterest, pathOf, stripRows } from "./strip";

const days = [0, 86_400_000, 172_800_000];
const holes = {
  days,
  devices: [
    { device: "1", name: "fine", missing: [0, 0, 0], present: [5, 0, 5], to_remove: 0 },
    { device: "2", name: "emptied", missing: [0, 5, 2], present: [5, 0, 3], to_remove: 0 },
    { device: "3", name: "deleted", missing: [5, 5, 5], present: [0, 0, 0], to_remove: 0 },
  ],
};

describe("the calendar strip", () => {
  it("tells missing, partly missing, there and never sent apart, the emptiest first", () => {
    const rows = stripRows(holes, null);
    expect(rows.map((row) => row.name)).toEqual(["deleted", "emptied", "fine"]);
    expect(rows[1]?.states).toEqual(["there", "missing", "part"]);
    expect(rows[2]?.states).toEqual(["there", "none", "there"]);
    expect(rows[1]).toMatchObject({ totalMissing: 7, daysMissing: 2 });
    expect(rows.map(isOfInterest)).toEqual([true, true, false]);
  });

  it("does not hide a device that lacks nothing and of which records are removed", () => {
    const full = { device: "4", name: "too full", missing: [0, 0, 0], present: [9, 9, 9], to_remove: 40 };
    const rows = stripRows({ days, devices: [...holes.devices, full] }, null);
    expect(rows[0]).toMatchObject({ name: "too full", totalMissing: 0, toRemove: 40 });
    expect(rows.map(isOfInterest)).toEqual([true, true, true, false]);
  });

  it("shows after the proof which days were written", () => {
    const filled = {
      days,
      devices: holes.devices.map((device) => ({ ...device, missing: [0, 0, 0], present: [5, 5, 5] })),
    };
    const rows = stripRows(filled, holes);
    expect(rows.map((row) => row.name)).toEqual(["deleted", "emptied", "fine"]);
    expect(rows[0]?.states).toEqual(["written", "written", "written"]);
    expect(rows[1]?.states).toEqual(["there", "written", "written"]);
    expect(rows[2]?.states).toEqual(["there", "there", "there"]);
  });

  it("draws only the days in the wanted state", () => {
    expect(pathOf(["there", "missing", "missing"], "missing", 0)).toBe("M1 0h1v1h-1zM2 0h1v1h-1z");
    expect(pathOf(["there"], "missing", 0)).toBe("");
  });
});
