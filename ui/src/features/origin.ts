import type { RestoredFrom } from "../ipc";
import { f, w } from "../words";

/** "Restored from Northwind, backup of …": where a restored project comes from. */
export function originText(from: RestoredFrom): string {
  const at = from.backup_created_at;
  return at === null
    ? w.inspect.fromProject(from.project_name)
    : w.inspect.fromBackup(from.project_name, f.localDateTime(at));
}
