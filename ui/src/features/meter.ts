// What a restored project has cost by now, between two answers of the server.
import type { Meter } from "../ipc";

const HOUR = 3_600_000;

/**
 * The server counts the started hours; since its answer, hours are added by this computer's clock, so that a
 * difference between the two clocks never shows in the sum.
 */
export function meterNow(meter: Meter, answeredAt: number, now: number): { hours: number; total: number } {
  if (meter.until !== null) return { hours: meter.hours_started, total: meter.total };
  const added = Math.max(0, startedHours(meter.since, now) - startedHours(meter.since, answeredAt));
  return { hours: meter.hours_started + added, total: meter.total + added * meter.per_hour };
}

function startedHours(since: number, at: number): number {
  return Math.floor((at - since) / HOUR) + 1;
}
