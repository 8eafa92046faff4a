// The one door to the shell: every command either answers with its value or throws an IpcError.
import { commands, events } from "./bindings";
import type { UiError } from "./bindings";

export type * from "./bindings";
export { events };

export class IpcError extends Error {
  readonly code: UiError["code"];
  readonly hint: string | null;
  readonly retryable: boolean;
  readonly side: UiError["side"];

  constructor(error: UiError) {
    super(error.message);
    this.name = "IpcError";
    this.code = error.code;
    this.hint = error.hint;
    this.retryable = error.retryable;
    this.side = error.side;
  }
}

/** What to show for anything that was thrown; only a defect of ours is not an IpcError. */
export function asUiError(thrown: unknown): UiError {
  if (thrown instanceof IpcError) {
    const { code, message, hint, retryable, side } = thrown;
    return { code, message, hint, retryable, side };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "internal", message, hint: null, retryable: false };
}

type Answer<R> = R extends { status: "ok"; data: infer T } ? T : R extends { status: "error" } ? never : R;
type Throwing<C> = {
  [K in keyof C]: C[K] extends (...args: infer A) => Promise<infer R>
    ? (...args: A) => Promise<Answer<R>>
    : never;
};

export const ipc = throwing(commands);

function throwing<C extends Record<string, (...args: never[]) => Promise<unknown>>>(source: C): Throwing<C> {
  const wrapped: Record<string, unknown> = {};
  for (const [name, command] of Object.entries(source)) {
    wrapped[name] = async (...args: never[]) => unwrap(await command(...args));
  }
  return wrapped as Throwing<C>;
}

function unwrap(answer: unknown): unknown {
  if (isResult(answer)) {
    if (answer.status === "ok") return answer.data;
    throw new IpcError(answer.error);
  }
  return answer;
}

/** A view model may have a `status` of its own, so the shape must be exactly that of a result. */
function isResult(
  answer: unknown,
): answer is { status: "ok"; data: unknown } | { status: "error"; error: UiError } {
  if (typeof answer !== "object" || answer === null || Object.keys(answer).length !== 2) return false;
  const { status } = answer as { status?: unknown };
  return (status === "ok" && "data" in answer) || (status === "error" && "error" in answer);
}
