//! Tables for spreadsheets, in which no cell can become a formula.

use super::Report;
use crate::worklist::{WorkItem, WorkState};

pub(super) fn tokens(report: &Report) -> String {
    let mut table = line(&[
        "device id in the source",
        "device",
        "token",
        "serial number",
        "fingerprint in the source",
        "fingerprint in the target",
        "what to update",
    ]);
    for token in &report.tokens {
        table.push_str(&line(&[
            &token.device.to_string(),
            &token.device_name,
            &token.token_name,
            token.serial.as_deref().unwrap_or_default(),
            &token.source.to_string(),
            &token.target.as_ref().map(ToString::to_string).unwrap_or_default(),
            &token.what_to_update,
        ]));
    }
    table
}

pub(super) fn ids(report: &Report) -> String {
    let mut table = line(&["id in the source", "id in the target", "device"]);
    for (old, new, name) in &report.ids {
        table.push_str(&line(&[&old.to_string(), &new.to_string(), name]));
    }
    table
}

pub(super) fn removed(report: &Report) -> String {
    let mut table =
        line(&["device id in the source", "device", "variable", "from", "to", "records removed", "kept in"]);
    for part in &report.removed {
        table.push_str(&line(&[
            &part.device.to_string(),
            &part.device_name,
            part.variable.as_deref().unwrap_or_default(),
            &part.from.to_string(),
            &part.to.to_string(),
            &part.records.to_string(),
            &part.kept,
        ]));
    }
    table
}

/// What is left to do by hand.
pub(crate) fn worklist(worklist: &[WorkItem]) -> String {
    let mut table = line(&[
        "state",
        "what",
        "type",
        "name",
        "id in the source",
        "id in the target",
        "to do",
        "seen",
        "key",
    ]);
    for item in worklist {
        table.push_str(&line(&[
            match item.state {
                WorkState::Open => "open",
                WorkState::Done => "done",
                WorkState::DoneByHand => "ticked",
            },
            item.task.as_str(),
            item.kind.as_str(),
            &item.name,
            &item.source,
            item.target.as_deref().unwrap_or_default(),
            &item.text,
            item.seen.as_deref().unwrap_or_default(),
            &item.key,
        ]));
    }
    table
}

pub(crate) fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell_text(cell)).collect();
    cells.join(",") + "\r\n"
}

/// Quoted, and with an apostrophe before whatever a spreadsheet would calculate.
fn cell_text(cell: &str) -> String {
    let formula = cell.trim_start().starts_with(['=', '+', '-', '@']) || cell.starts_with(['\t', '\r', '\n']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_becomes_a_formula() {
        assert_eq!(cell_text("=HYPERLINK(\"http://x\")"), "\"'=HYPERLINK(\"\"http://x\"\")\"");
        for dangerous in ["+1", "-1", "@x", "\t=1", " =1", "\r=1"] {
            assert!(cell_text(dangerous).starts_with("\"'"), "{dangerous:?}");
        }
        assert_eq!(cell_text("Cold room, 2"), "\"Cold room, 2\"");
    }
}
