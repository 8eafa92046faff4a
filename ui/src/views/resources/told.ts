// What the shell says in codes, in words.
import type { ResourceNote, ResourceReasonView } from "../../ipc";
import { f, w } from "../../words";

export function kindName(kind: string): string {
  const names: Record<string, string> = w.resources.kinds;
  return names[kind] ?? kind;
}

/** One of this type. */
export function oneOf(kind: string): string {
  const names: Record<string, string> = w.resources.oneOf;
  return names[kind] ?? kind;
}

/** Which, and what is to say of it. */
export function noteText(note: ResourceNote): string {
  return `${[oneOf(note.kind), note.name].filter(Boolean).join(" ")}: ${f.sentence(note.detail)}`;
}

export function reasonText(reason: ResourceReasonView): string {
  const say = w.resources.reasons as Record<string, ((names: string, n: number) => string) | undefined>;
  const parts: Record<string, string> = w.resources.parts;
  const names = reason.names.map((name) => parts[name] ?? name).join(", ");
  return say[reason.code]?.(names, reason.count ?? 0) ?? reason.code;
}

export function workText(code: string): string {
  const work: Record<string, string> = w.resources.work;
  return work[code] ?? code;
}
