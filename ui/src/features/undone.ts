// What a run held back and what came of taking one back, in words: one sentence for each thing.
import type { HeldView, ResourceNote, ResourceUndone, ReversedItem, StayedItem, UndoneView } from "../ipc";
import { f, w } from "../words";

type Lists = { reversed: ResourceNote[]; kept: ResourceNote[]; impossible: ResourceNote[] };

/** What was said of each resource, as a sentence. */
export function sentences(notes: ResourceNote[]): ResourceNote[] {
  return notes.map((note) => ({ ...note, detail: f.sentence(note.detail) }));
}

export function undoneResources(undone: ResourceUndone): Lists {
  const said: Record<string, string> = w.undo.resource;
  return {
    reversed: undone.reversed.map((note) => ({ ...note, detail: said[note.detail] ?? note.detail })),
    kept: sentences(undone.kept),
    impossible: sentences(undone.impossible),
  };
}

export function undoneRecords(undone: UndoneView): Lists {
  return {
    reversed: undone.reversed.map((item) => device(item.device_name, reversedText(item))),
    kept: undone.kept.map((item) => device(item.device_name, stayedText(item))),
    impossible: undone.impossible.map((item) => device(item.device_name, stayedText(item))),
  };
}

export function heldRecords(held: HeldView[]): ResourceNote[] {
  return held.map((item) => device(item.device_name, heldText(item)));
}

function heldText(item: HeldView): string {
  const between =
    item.from !== null && item.to !== null
      ? w.undo.between(f.localDateTime(item.from), f.localDateTime(item.to))
      : "";
  const what = item.variable ?? (between ? w.wizard.planEveryVariable : "");
  return what ? `${what}${between}: ${f.sentence(item.reason)}` : item.reason;
}

const device = (name: string, detail: string): ResourceNote => ({ kind: "device", name, detail });

function reversedText(item: ReversedItem): string {
  if (item.what === "records") return w.undo.recordsRemoved(item.records);
  if (item.what === "written_back") return w.undo.recordsWrittenBack(item.records);
  return w.undo.device[item.what];
}

function stayedText(item: StayedItem): string {
  const reason = f.sentence(item.reason);
  if (item.records === 0) return reason;
  const between =
    item.from !== null && item.to !== null
      ? w.undo.between(f.localDateTime(item.from), f.localDateTime(item.to))
      : "";
  return `${w.undo.ofRecords(item.records)}${between}: ${reason}`;
}
