// The one place that chooses a language. A second one is a second file of the shape of `en`.
import { en } from "./en";

export type Words = typeof en;
export const w: Words = en;
export * as f from "./format";
