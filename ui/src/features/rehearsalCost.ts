// What a rehearsal will cost before it is begun, at most: from what the first look at the source told.
import type { Depth, SideDevice } from "../ipc";

export type RehearsalCost = { requests: number; records: number; low: number; high: number };

/** Records of one read. */
const PAGE = 10_000;
/** Definition, parameters, tokens and networks, on both sides. */
const LOOKUPS_OF_A_DEVICE = 6;
/** Counts on both sides, and the first and last record. */
const COUNTS_OF_A_DEVICE = 5;
/** On a quick line and on a slow one, within the share of the limits that Holdfast uses. */
const REQUESTS_PER_SECOND = [100, 20] as const;
/** Both sides read and compared: on a quick line and on a slow one. */
const RECORDS_PER_SECOND = [200_000, 5_000] as const;

export function rehearsalCost(devices: SideDevice[], depth: Depth): RehearsalCost {
  const exact = depth === "exact";
  let requests = 0;
  let records = 0;
  for (const device of devices) {
    const held = device.records ?? 0;
    requests += LOOKUPS_OF_A_DEVICE;
    if (held === 0) continue;
    requests += exact ? 1 + 2 * Math.ceil(held / PAGE) : COUNTS_OF_A_DEVICE;
    records += exact ? held : 0;
  }
  const seconds = (place: 0 | 1) =>
    Math.ceil(requests / REQUESTS_PER_SECOND[place] + records / RECORDS_PER_SECOND[place]);
  return { requests, records, low: seconds(0), high: seconds(1) };
}
