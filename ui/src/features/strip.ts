// Turns the strip of a rehearsal or a proof into runs of equal days, which a few paths can draw.
import type { HoleStrip } from "../ipc";

export type CellState = "none" | "there" | "part" | "missing" | "written";
export type StripRow = {
  name: string;
  states: CellState[];
  missing: number[];
  present: number[];
  totalMissing: number;
  daysMissing: number;
  /** Records that a replacement removes. */
  toRemove: number;
};

/** Devices with something missing (or written since `before`) first, the emptiest first. */
export function stripRows(strip: HoleStrip, before: HoleStrip | null): StripRow[] {
  const holesBefore = before ? missingByDeviceAndDay(before) : null;
  return strip.devices
    .map((device) => {
      const states = strip.days.map((day, i) => {
        const missing = device.missing[i] ?? 0;
        const present = device.present[i] ?? 0;
        if (missing > 0) return present > 0 ? "part" : "missing";
        if (present === 0) return "none";
        return holesBefore?.get(device.name)?.has(day) ? "written" : "there";
      });
      return {
        name: device.name,
        states,
        missing: device.missing,
        present: device.present,
        totalMissing: device.missing.reduce((sum, n) => sum + n, 0),
        daysMissing: device.missing.filter((n) => n > 0).length,
        toRemove: device.to_remove,
      };
    })
    .sort((a, b) => weight(b) - weight(a));
}

export function isOfInterest(row: StripRow): boolean {
  return row.toRemove > 0 || row.states.some((state) => state !== "there" && state !== "none");
}

/** An SVG path of unit squares for all days in one state. */
export function pathOf(states: CellState[], wanted: CellState, gap: number): string {
  return states.map((state, day) => (state === wanted ? `M${day} 0h${1 - gap}v1h${gap - 1}z` : "")).join("");
}

function weight(row: StripRow): number {
  return row.totalMissing + row.toRemove + row.states.filter((state) => state === "written").length / 1000;
}

function missingByDeviceAndDay(strip: HoleStrip): Map<string, Set<number>> {
  return new Map(
    strip.devices.map((device) => [
      device.name,
      new Set(strip.days.filter((_, i) => (device.missing[i] ?? 0) > 0)),
    ]),
  );
}
