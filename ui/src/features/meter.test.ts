import { describe, expect, it } from "vitest";
import type { Meter } from "../ipc";
import { meterNow } from "./meter";

const HOUR = 3_600_000;
const since = Date.UTC(2026, 10, 22, 10, 15);
const meter: Meter = {
  project: "p",
  since,
  until: null,
  hours_started: 1,
  creation_fee: 25_000_000,
  per_hour: 400_000,
  total: 25_400_000,
};

describe("the meter of a restored project", () => {
  it("shows what the server said, within the started hour", () => {
    expect(meterNow(meter, since + 60_000, since + HOUR - 1)).toEqual({ hours: 1, total: 25_400_000 });
  });

  it("adds an hour as soon as it has started", () => {
    expect(meterNow(meter, since + 60_000, since + HOUR)).toEqual({ hours: 2, total: 25_800_000 });
    expect(meterNow(meter, since + 60_000, since + 5 * HOUR + 1)).toEqual({ hours: 6, total: 27_400_000 });
  });

  it("trusts the server where the clocks differ", () => {
    const ahead = { ...meter, hours_started: 30, total: 37_000_000 };
    expect(meterNow(ahead, since + 60_000, since + 120_000)).toEqual({ hours: 30, total: 37_000_000 });
  });

  it("stands still once the project is deleted", () => {
    const ended = { ...meter, until: since + 60_000 };
    expect(meterNow(ended, since, since + 9 * HOUR)).toEqual({ hours: 1, total: 25_400_000 });
  });
});
