// Whether an error may mean that one project of a run is gone for good, and not only busy or slow.
import type { End, UiError } from "../ipc";

const CODES: readonly UiError["code"][] = [
  "unreachable",
  "unauthorized",
  "forbidden",
  "not_found",
  "credential_missing",
  "other_project",
];

/** What does not say which of the two it means may mean the target. */
export function mayBeGone(side: End, error: UiError | null): boolean {
  return error !== null && CODES.includes(error.code) && (error.side ?? "target") === side;
}
