import { describe, expect, it } from "vitest";
import { undoneRecords, undoneResources } from "./undone";

describe("what came of taking a run back", () => {
  it("says of each device what was done and what stayed", () => {
    const stayed = {
      device_name: "Freezer",
      records: 2,
      from: 0,
      to: 60_000,
      reason: "somebody changed them",
    };
    const told = undoneRecords({
      records: 3,
      reversed: [
        { device_name: "Freezer", what: "records", records: 3 },
        { device_name: "Freezer", what: "written_back", records: 1 },
        { device_name: "Probe", what: "deleted", records: 0 },
      ],
      kept: [stayed],
      impossible: [{ ...stayed, records: 0, reason: "it holds data of somebody else" }],
    });
    expect(told.reversed.map((note) => note.detail)).toEqual([
      "3 records removed.",
      "1 record written back.",
      "The device, which the run had made, is deleted.",
    ]);
    expect(told.kept[0]?.detail).toMatch(/^2 records, from .* 1969, .* to .*: Somebody changed them\.$/);
    expect(told.impossible[0]?.detail).toBe("It holds data of somebody else.");
  });

  it("makes sentences of the reasons for resources", () => {
    const note = { kind: "dashboard", name: "Hall", detail: "somebody deleted it" };
    const told = undoneResources({
      reversed: [{ ...note, detail: "deleted" }],
      kept: [note],
      impossible: [],
    });
    expect([told.reversed[0]?.detail, told.kept[0]?.detail]).toEqual(["Deleted.", "Somebody deleted it."]);
  });
});
