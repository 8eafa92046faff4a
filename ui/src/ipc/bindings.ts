// Replaced by the file that the shell generates; of the same shape.
import { invoke } from "@tauri-apps/api/core";
import { listen, type UnlistenFn } from "@tauri-apps/api/event";

export type UiError = { code: ErrorCode; message: string; hint: string | null; retryable: boolean };
export type ErrorCode =
  | "bad_input" | "unauthorized" | "forbidden" | "not_found" | "unreachable" | "refused" | "rate_limited"
  | "quote_expired" | "quote_changed" | "project_busy" | "conflict" | "same_project" | "plan_changed" | "not_approved"
  | "keyring_locked" | "keyring_missing" | "keyring_denied" | "credential_missing" | "practice_failed"
  | "journal" | "in_use" | "undecodable" | "internal";
// bad_input carries the field in `hint`? No: message is a sentence that names the field and the rule.

export type Capabilities = { list_backups: boolean; back_up_now: boolean; schedule: boolean; new_project_from_backup: boolean;
  quote: boolean; delete_project: boolean; migrate: boolean; practice_damage: boolean };
export type ConnectionKind = "this_computer" | "tagodeploy" | "tagoio";
export type ConnectionState = "ready" | "starting" | "unreachable" | "signed_out" | "keyring_locked" | "keyring_missing" | "keyring_denied";
export type Connection = { id: string; kind: ConnectionKind; name: string; address: string; token_hint: string | null;
  state: ConnectionState; detail: string | null; capabilities: Capabilities; account: string | null };
export type KeyringState = "available" | "locked" | "missing" | "denied";

export type Role = "owner" | "admin" | "contractor";
export type RestoredFrom = { project: string; project_name: string; backup: string; backup_created_at: number };
export type Project = { connection: string; id: string; name: string; role: Role; region: string; version: string; api: string;
  status: "active" | "deploying" | "failed"; created_at: number; size: number; restored_from: RestoredFrom | null;
  deployment: string | null };
export type Backup = { id: string; created_at: number; size: number; size_change: number | null; kind: "daily" | "manual";
  status: "completed" | "running" | "failed"; disappears_at: number | null; restored_as: { id: string; name: string }[]; error: string | null };
export type BackupPage = { backups: Backup[]; next_run_at: number; last_run_at: number | null; retention_days: number; keep_at_most: number };
export type MainDatabase = { daily_time: string /* "04:30" UTC */; retention_days: number; keep_at_most: number; next_runs: number[];
  last_run: { at: number; status: "completed" | "running" | "failed" } | null };
export type SchedulePreview = { next_runs: number[]; deletes: { id: string; created_at: number; size: number }[] };
export type QuoteLine = { label: string; category: string; micros: number; per: "once" | "hour" };
export type Quote = { id: string; backup: string; region: string; version: string; expires_at: number; currency: string;
  lines: QuoteLine[]; creation_fee: number; per_hour: number; per_month: number; size: number };
export type RestoreStarted = { project: string; deployment: string };
export type DeploymentEvent = { seq: number; at: number; event: string; message: string; done: number | null; total: number | null };
export type Deployment = { id: string; project: string; status: "in_progress" | "success" | "error"; started_at: number;
  finished_at: number | null; error: string | null; log: DeploymentEvent[] };
export type Meter = { project: string; since: number; until: number | null; hours_started: number; creation_fee: number; per_hour: number; total: number };
export type BadDay = { project: string; project_name: string; deleted_devices: string[]; emptied_devices: string[];
  emptied_from: number; emptied_to: number; records_lost: number; best_backup: string | null };

// ---- migration
export type Side = { connection: string; project: string };
export type Policy = "fill" | "append";
export type Choices = { devices: string[] | null /* source device ids; null = all */; variables: string[] | null; from: number | null; to: number | null;
  policy: Policy; depth: "counted" | "exact" };
export type SideDevice = { id: string; name: string; tags: { key: string; value: string }[]; records: number | null; first: number | null; last: number | null; on_target: boolean };
export type SourceOverview = { devices: SideDevice[]; variables: string[] };
export type Check = { name: string; title: string; verdict: "pass" | "warn" | "block"; message: string };
export type Verdict = "create" | "update" | "fill" | "skip" | "conflict" | "blocked";
export type RehearsalPhase = "connecting" | "assessing" | "scanning_source" | "scanning_target" | "comparing" | "done" | "failed";
export type RehearsalView = { id: string; source: Side; target: Side; source_name: string; target_name: string; choices: Choices; phase: RehearsalPhase;
  done: number; total: number | null; checks: Check[]; summary: PlanSummary | null; error: UiError | null };
export type PlanSummary = { fingerprint: string; cutoff: number; devices_create: number; devices_update: number; devices_unchanged: number; blocked: number; conflicts: number;
  records_missing: number; records_present: number; records_to_write: number; windows_to_write: number; requests: number; seconds_low: number; seconds_high: number;
  side_effects: string[]; not_recoverable: string[]; nothing_to_do: boolean };
export type PlanRow = { id: string; kind: "device" | "data" | "params" | "tags"; device: string; device_name: string; variable: string | null; from: number | null; to: number | null;
  verdict: Verdict; reason: string; source_count: number | null; target_count: number | null; missing_count: number | null };
export type PlanPage = { rows: PlanRow[]; total: number };
export type HoleStrip = { days: number[] /* start of day, UTC ms */; devices: { name: string; missing: number[]; present: number[] }[] };

export type RunState = "running" | "pausing" | "paused" | "settling" | "proving" | "done" | "done_with_exceptions" | "stopped" | "failed";
export type RunView = { id: string; source: Side; target: Side; source_name: string; target_name: string; state: RunState; reason: UiError | null;
  started_at: number; finished_at: number | null; records_done: number; records_total: number; steps_done: number; steps_total: number;
  rate: number /* records per s */; seconds_low: number | null; seconds_high: number | null; batches_to_check: number; safe_to_close: string /* one sentence */;
  proof: ProofView | null; restored_project_exists: boolean };
export type ProofDifference = { kind: "missing" | "changed" | "doubled"; device_name: string; variable: string; time: number; expected: string | null; found: string | null };
export type ProofView = { green: boolean; checked_at: number; windows: number; windows_green: number; records_checked: number; missing: number; changed: number; doubled: number;
  differences: ProofDifference[] /* first 200 */; strip: HoleStrip };
export type RunSummary = { id: string; source_name: string; target_name: string; state: RunState; started_at: number; finished_at: number | null; records_done: number; records_total: number };
export type TokenWork = { device: string; device_name: string; token_name: string; serial: string | null; old: string /* fingerprint */; new: string | null; what_to_update: string };
export type ReportView = { run: string; html_path: string; json_path: string; records_written: number; devices_created: number; tokens: TokenWork[]; ids: { old: string; new: string; name: string }[];
  prove_line: string; exceptions: string[] };

export type Result<T, E> = { status: "ok"; data: T } | { status: "error"; error: E };

async function call<T>(name: string, args: Record<string, unknown> = {}): Promise<Result<T, UiError>> {
  try {
    return { status: "ok", data: await invoke<T>(name, args) };
  } catch (error) {
    return { status: "error", error: error as UiError };
  }
}

export const commands = {
  connections: () => call<Connection[]>("connections"),
  connectTagodeploy: (name: string, address: string, token: string) => call<Connection>("connect_tagodeploy", { name, address, token }),
  connectTagoio: (name: string, address: string, token: string) => call<Connection>("connect_tagoio", { name, address, token }),
  forgetConnection: (connection: string) => call<null>("forget_connection", { connection }),
  keyringState: () => call<KeyringState>("keyring_state"),
  keyringTryAgain: () => call<KeyringState>("keyring_try_again"),
  restartApp: () => call<null>("restart_app"),
  startPractice: () => call<Connection>("start_practice"),
  practiceAs: (role: Role) => call<Connection>("practice_as", { role }),
  startBadDay: (project: string) => call<BadDay>("start_bad_day", { project }),
  badDay: () => call<BadDay | null>("bad_day"),
  projects: (connection: string) => call<Project[]>("projects", { connection }),
  deleteProject: (connection: string, project: string, typedName: string) => call<null>("delete_project", { connection, project, typedName }),
  meter: (connection: string, project: string) => call<Meter>("meter", { connection, project }),
  backups: (connection: string, project: string) => call<BackupPage>("backups", { connection, project }),
  backUpNow: (connection: string, project: string) => call<Backup>("back_up_now", { connection, project }),
  mainDatabase: (connection: string, project: string) => call<MainDatabase>("main_database", { connection, project }),
  previewSchedule: (connection: string, project: string, dailyTime: string, retentionDays: number) => call<SchedulePreview>("preview_schedule", { connection, project, dailyTime, retentionDays }),
  setSchedule: (connection: string, project: string, dailyTime: string, retentionDays: number) => call<MainDatabase>("set_schedule", { connection, project, dailyTime, retentionDays }),
  quote: (connection: string, project: string, backup: string, region: string | null, version: string | null) => call<Quote>("quote", { connection, project, backup, region, version }),
  restore: (connection: string, project: string, backup: string, quote: string, name: string, region: string, version: string) => call<RestoreStarted>("restore", { connection, project, backup, quote, name, region, version }),
  deployment: (connection: string, project: string, deployment: string) => call<Deployment>("deployment", { connection, project, deployment }),
  sourceOverview: (source: Side, target: Side) => call<SourceOverview>("source_overview", { source, target }),
  startRehearsal: (source: Side, target: Side, choices: Choices) => call<string>("start_rehearsal", { source, target, choices }),
  rehearsal: (id: string) => call<RehearsalView>("rehearsal", { id }),
  rehearsalRows: (id: string, verdict: Verdict | null, text: string, page: number) => call<PlanPage>("rehearsal_rows", { id, verdict, text, page }),
  rehearsalStrip: (id: string) => call<HoleStrip>("rehearsal_strip", { id }),
  cancelRehearsal: (id: string) => call<null>("cancel_rehearsal", { id }),
  startRun: (rehearsal: string, fingerprint: string, typedTargetName: string) => call<string>("start_run", { rehearsal, fingerprint, typedTargetName }),
  runs: () => call<RunSummary[]>("runs"),
  run: (id: string) => call<RunView>("run", { id }),
  pauseRun: (id: string) => call<null>("pause_run", { id }),
  resumeRun: (id: string) => call<null>("resume_run", { id }),
  stopRun: (id: string) => call<null>("stop_run", { id }),
  proveRun: (id: string) => call<null>("prove_run", { id }),
  report: (id: string) => call<ReportView>("report", { id }),
  openReport: (id: string) => call<null>("open_report", { id }),
  version: () => call<string>("version"),
};

function event<T>(name: string) {
  return { listen: (handler: (e: { payload: T }) => void): Promise<UnlistenFn> => listen<T>(name, handler) };
}

export const events = {
  connectionsChanged: event<null>("connections-changed"),
  deploymentChanged: event<Deployment>("deployment-changed"),
  rehearsalChanged: event<RehearsalView>("rehearsal-changed"),
  runChanged: event<RunView>("run-changed"),
  badDayChanged: event<null>("bad-day-changed"),
};
