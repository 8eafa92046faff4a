// Whether an error may mean that a project is gone for good, and not only busy or slow.
import type { UiError } from "../ipc";

const CODES: readonly UiError["code"][] = [
  "unreachable",
  "unauthorized",
  "forbidden",
  "not_found",
  "credential_missing",
  "other_project",
];

export function mayBeGone(error: UiError | null): boolean {
  return error !== null && CODES.includes(error.code);
}
