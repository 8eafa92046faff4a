// What a person is told for each code: the heading, and the next step where the shell gives none.
import type { ErrorCode } from "../ipc";

type ErrorWords = { title: string; next: string | null };

const table: Record<ErrorCode, ErrorWords> = {
  bad_input: { title: "Please correct this", next: null },
  unauthorized: {
    title: "The token was not accepted",
    next: "Check that the token belongs to this address and has not been revoked, then connect again.",
  },
  forbidden: {
    title: "You are not allowed to do this",
    next: "Only the owner of a project may see, restore or schedule its backups. Ask the owner.",
  },
  not_found: { title: "It is not there any more", next: "Go back and load the page again." },
  unreachable: {
    title: "No answer",
    next: "Check the address and your network, then try again. What was written before is recorded.",
  },
  refused: { title: "The service refused this", next: null },
  rate_limited: {
    title: "The service asks us to slow down",
    next: "Wait a minute, then try again.",
  },
  quote_expired: { title: "The price has expired", next: "Look at the new price and agree to it again." },
  quote_changed: { title: "The price has changed", next: "Look at the new price and agree to it again." },
  project_busy: {
    title: "The project is busy with something else",
    next: "Wait until its deployment has finished, then try again.",
  },
  conflict: { title: "This does not fit the present state", next: null },
  same_project: {
    title: "Both sides are the same project",
    next: "Choose two different projects. Nothing was written.",
  },
  plan_changed: {
    title: "The project changed since the rehearsal",
    next: "Rehearse again, so that you approve what will really be written. Nothing was written.",
  },
  other_project: {
    title: "This is not the project of the rehearsal",
    next: "Connect the project that this run belongs to, and try again. Nothing was written now.",
  },
  not_approved: { title: "Not approved", next: "Type the name exactly as it is shown. Nothing was written." },
  planned_again: {
    title: "This run was given up for a newer plan",
    next: "Go on with that plan: it is under History if you began it. If not, choose “Plan again what is missing”.",
  },
  keyring_locked: {
    title: "Your keyring is locked",
    next: "Unlock it in your system’s password manager, then choose Try again.",
  },
  keyring_missing: {
    title: "No keyring is running",
    next: "Start your system’s keyring (for example GNOME Keyring or KWallet), then choose Try again.",
  },
  keyring_denied: {
    title: "Your keyring did not let Holdfast in",
    next: "Allow Holdfast to use the keyring when your system asks, then choose Try again.",
  },
  credential_missing: {
    title: "The token for this connection is not in your keyring",
    next: "Connect the same address again with a valid token. Do not forget the connection: its runs belong to it.",
  },
  practice_failed: {
    title: "The practice platform did not start",
    next: "Try again. If it fails again, restart Holdfast.",
  },
  journal: {
    title: "The record of this migration could not be written",
    next: "Check that the disk has space, then resume. Nothing is sent that is not recorded first.",
  },
  journal_gone: { title: "The journal of this run is gone", next: null },
  journal_newer: {
    title: "A newer Holdfast has written this run",
    next: "Install the newer Holdfast and open the run there. Nothing was sent or changed now.",
  },
  journal_readable: { title: "The journal can be read again", next: null },
  journal_damaged: { title: "The journal of this run is damaged", next: null },
  in_use: {
    title: "Something is under way there already",
    next: "Let it finish, or close the other Holdfast window or holdfastctl, then try again.",
  },
  undecodable: {
    title: "The service answered something unexpected",
    next: "Try again. If it stays, keep the details below: they say where the answer broke.",
  },
  internal: {
    title: "Something went wrong inside Holdfast",
    next: "Try again. If it happens again, restart Holdfast; a migration can be resumed.",
  },
};

export function errorWords(code: ErrorCode): ErrorWords {
  return table[code] ?? table.internal;
}
