import { describe, expect, it } from "vitest";
import * as f from "./format";

const at = Date.UTC(2026, 10, 22, 2, 30, 7); // 2026-11-22 02:30:07 UTC, 21 Nov 23:30 in São Paulo

describe("dates", () => {
  it("runs where local time is not UTC", () => {
    expect(new Date(at).getTimezoneOffset()).toBe(180);
  });

  it("says local and UTC apart, also across midnight", () => {
    expect(f.localDateTime(at)).toBe("Sat 21 Nov 2026, 23:30");
    expect(f.localDate(at)).toBe("21 Nov 2026");
    expect(f.localTimeWithSeconds(at)).toBe("23:30:07");
    expect(f.utcDateTime(at)).toBe("2026-11-22 02:30 UTC");
    expect(f.utcDay(at)).toBe("2026-11-22");
    expect(f.utcShortDay(at)).toBe("22 Nov");
  });

  it("writes midnight as 00, not 24", () => {
    expect(f.localTime(Date.UTC(2026, 10, 22, 3, 0))).toBe("00:00");
  });

  it("reads back what it writes into a field", () => {
    const text = f.fieldDateTime(at);
    expect(text).toBe("2026-11-21 23:30");
    expect(f.parseFieldDateTime(text)).toBe(Date.UTC(2026, 10, 22, 2, 30));
    expect(f.parseFieldDateTime("2026-11-21")).toBe(Date.UTC(2026, 10, 21, 3));
  });

  it.each(["2026-02-30 10:00", "2026-11-21 24:00", "2026-11-21 10:60", "21/11/2026", "yesterday", ""])(
    "refuses %j as a moment",
    (text) => expect(f.parseFieldDateTime(text)).toBeNull(),
  );

  it.each([
    ["00:00", true],
    ["23:59", true],
    ["24:00", false],
    ["4:30", false],
    ["04:60", false],
  ])("daily time %s: %s", (text, valid) => expect(f.isDailyTime(text)).toBe(valid));

  it("translates a daily UTC time, with the day's shift", () => {
    expect(f.dailyTimeHere("04:30", at)).toEqual({ time: "01:30", days: 0 });
    expect(f.dailyTimeHere("01:00", at)).toEqual({ time: "22:00", days: -1 });
  });

  it("counts back and forward in plain words", () => {
    expect(f.ago(at - 20_000, at)).toBe("just now");
    expect(f.ago(at - 60_000, at)).toBe("1 minute ago");
    expect(f.ago(at - 3 * 3_600_000, at)).toBe("3 hours ago");
    expect(f.ago(at - 47 * 3_600_000, at)).toBe("47 hours ago");
    expect(f.ago(at - 49 * 3_600_000, at)).toBe("2 days ago");
    expect(f.ago(at + 5 * 60_000, at)).toBe("in 5 minutes");
  });
});

describe("numbers", () => {
  it("groups and counts", () => {
    expect(f.count(1234567)).toBe("1,234,567");
    expect(f.counted(1, "device", "devices")).toBe("1 device");
    expect(f.counted(0, "device", "devices")).toBe("0 devices");
  });

  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1.00 kB"],
    [12_345, "12.3 kB"],
    [999_999, "1.00 MB"],
    [31_457_280, "31.5 MB"],
    [4_200_000_000, "4.20 GB"],
  ])("size of %i", (bytes, text) => expect(f.size(bytes)).toBe(text));

  it("shows the sign of a change", () => {
    expect(f.sizeChange(24_100)).toBe("+24.1 kB");
    expect(f.sizeChange(-1_200_000)).toBe("\u22121.20 MB");
    expect(f.sizeChange(0)).toBe("no change");
  });

  it.each([
    [25_000_000, "$25.00"],
    [0, "$0.00"],
    [83_400, "$0.0834"],
    [150_000, "$0.15"],
    [60_882_000, "$60.88"],
  ])("money of %i", (micros, text) => expect(f.money(micros)).toBe(text));

  it("keeps the digits of an hourly price that a month is reckoned from", () => {
    expect(f.rate(1_202_800)).toBe("$1.2028");
    expect(f.rate(1_200_000)).toBe("$1.20");
  });

  it("gives spans and ranges of them", () => {
    expect(f.span(45)).toBe("45 seconds");
    expect(f.span(180)).toBe("3 minutes");
    expect(f.span(7500)).toBe("2 h 5 min");
    expect(f.spanRange(120, 240)).toBe("2 to 4 minutes");
    expect(f.spanRange(30, 240)).toBe("30 seconds to 4 minutes");
    expect(f.spanRange(1, 3)).toBe("1 to 3 seconds");
    expect(f.spanRange(5, 5)).toBe("about 5 seconds");
    expect(f.countdown(872_000)).toBe("14:32");
    expect(f.countdown(-5)).toBe("0:00");
  });

  it("tells the engine's moments in local time, and leaves everything else alone", () => {
    expect(f.withLocalMoments("From 2026-11-22T04:30:00.000Z to 2026-11-22T05:00:00Z: late.")).toBe(
      "From Sun 22 Nov 2026, 01:30 to Sun 22 Nov 2026, 02:00: late.",
    );
    expect(f.withLocalMoments("Truck 2026-11-22")).toBe("Truck 2026-11-22");
  });

  it("makes a sentence of a few words, and leaves a sentence alone", () => {
    expect(f.sentence("somebody deleted it")).toBe("Somebody deleted it.");
    expect(f.sentence("It is gone.")).toBe("It is gone.");
    expect(f.sentence("the name is “Harbour.”")).toBe("The name is “Harbour.”");
    expect(f.sentence("")).toBe("");
  });

  it("never rounds up to everything", () => {
    expect(f.percent(99_999, 100_000)).toBe("99%");
    expect(f.percent(5, 5)).toBe("100%");
    expect(f.percent(0, 0)).toBe("0%");
  });
});
