//! The page for people: it stands alone, and it prints.

use std::fmt::{Display, Write};

use chrono::{Local, TimeZone};
use tago_api::Time;

use super::{HALF_TAKEN_BACK, NOT_FINISHED, RemovedPart, Report};
use crate::prove::{DifferenceKind, Proof, ProofDepth};
use crate::run::{ActionState, ActionStatus};
use crate::undo::{Reversal, Undone};
use crate::words::counted;
use crate::worklist::{WorkItem, WorkState};

/// Differences that are listed on the page; the files have all.
const LISTED: usize = 200;

pub(super) fn page(report: &Report) -> String {
    let mut page = begin(&format!("{} into {}", report.source.name, report.target.name));
    let (class, sentence) = conclusion(report);
    verdict(&mut page, class, sentence);
    facts(&mut page, report);
    if !report.exceptions.is_empty() {
        section(&mut page, "h2", "To look at");
        let rows = report.exceptions.iter().map(|exception| vec![exception.clone()]);
        table(&mut page, &["What, and why"], rows);
    }
    if let Some(proof) = &report.proof {
        differences(&mut page, proof);
    }
    if !report.actions.is_empty() {
        section(&mut page, "h2", "Actions that the records would set off");
        let rows = report.actions.iter().map(|action| vec![action.name.clone(), fate(action)]);
        table(&mut page, &["Action", "What became of it"], rows);
    }
    if !report.removed.is_empty() {
        removed(&mut page, &report.removed);
    }
    worklist(&mut page, &report.worklist);
    if let Some(undone) = &report.undone {
        taken_back(&mut page, undone);
    }
    section(&mut page, "h2", "Tokens: what outside must be updated");
    let tokens = report.tokens.iter().map(|token| {
        vec![
            token.device_name.clone(),
            token.token_name.clone(),
            token.serial.clone().unwrap_or_default(),
            token.source.to_string(),
            token.target.as_ref().map(ToString::to_string).unwrap_or_default(),
            token.what_to_update.clone(),
        ]
    });
    table(
        &mut page,
        &["Device", "Token", "Serial number", "In the source", "In the target", "To do"],
        tokens,
    );
    section(&mut page, "p", "Tokens are shown by the first eight digits of their SHA-256, never themselves.");
    section(&mut page, "h2", "Ids that changed");
    let ids = report.ids.iter().map(|(old, new, name)| vec![name.clone(), old.to_string(), new.to_string()]);
    table(&mut page, &["Device", "In the source", "In the target"], ids);
    section(&mut page, "h2", "Repeat the proof");
    section(&mut page, "pre", &report.prove_line);
    if !report.undone.as_ref().is_some_and(|undone| undone.complete) {
        section(&mut page, "h2", "Take the run back");
        section(&mut page, "pre", &report.undo_line);
    }
    end(page)
}

fn removed(page: &mut String, parts: &[RemovedPart]) {
    section(page, "h2", "Records that were removed");
    let rows = parts.iter().map(|part| {
        vec![
            part.device_name.clone(),
            part.variable.clone().unwrap_or_default(),
            format!("{} – {}", here(part.from), here(part.to)),
            part.records.to_string(),
            part.kept.clone(),
        ]
    });
    table(page, &["Device", "Variable", "Time range", "Records", "Kept whole in"], rows);
    let said = "Only the target had them. Taking the run back writes them again. They are kept whole in the run's \
                folder on this computer: do not delete that folder, it is the only copy.";
    section(page, "p", said);
}

fn taken_back(page: &mut String, undone: &Undone) {
    section(page, "h2", "Taken back");
    let how = |what| match what {
        Reversal::Records(records) => format!("{} removed", counted(records, "record", "records")),
        Reversal::WrittenBack(records) => format!("{} written back", counted(records, "record", "records")),
        Reversal::Deleted => "the device that was made is deleted".to_owned(),
        Reversal::Restored => "the device has what it had before".to_owned(),
    };
    let rows = undone.reversed.iter();
    let rows = rows.map(|line| vec![line.name.clone(), line.device.to_string(), how(line.what)]);
    table(page, &["Device", "In the target", "How"], rows);
    for (title, list) in [
        ("Left, because somebody changed it since", &undone.changed_since),
        ("What cannot be taken back", &undone.impossible),
    ] {
        section(page, "h2", title);
        let rows = list.iter().map(|line| {
            let records = if line.records > 0 { line.records.to_string() } else { String::new() };
            let between = line.between.map(|(from, to)| format!("{} – {}", here(from), here(to)));
            vec![
                line.name.clone(),
                line.device.to_string(),
                records,
                between.unwrap_or_default(),
                line.reason.clone(),
            ]
        });
        table(page, &["Device", "In the target", "Records", "Between", "Why"], rows);
    }
}

/// Everything before a page's content, with its heading.
pub(crate) fn begin(title: &str) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>Migration {}</title><style>{STYLE}</style></head><body>\n",
        text(title),
    );
    section(&mut page, "h1", title);
    page
}

pub(crate) fn end(mut page: String) -> String {
    page.push_str("</body></html>\n");
    page
}

fn fate(action: &ActionStatus) -> String {
    let became = match action.state {
        ActionState::Untouched => "not touched yet",
        ActionState::Held => "switched off, and not on again yet",
        ActionState::Doubtful => "the answer to a switch was lost; resuming the run looks for it",
        ActionState::Released => "switched off while the run wrote, and on again after it",
        ActionState::Inactive => "was inactive already, and stayed so",
        ActionState::SwitchedOn => "somebody switched it on while the run held it",
        ActionState::Gone => "deleted by somebody",
        ActionState::LeftOff => {
            "may still be switched off, because the run was given up: look at it in the project"
        }
        ActionState::LetFire => "left as it was: the owner let it act",
    };
    match action.acted {
        Some(false) => format!("{became}; it did not act"),
        Some(true) => format!("{became}; it acted at about the time when it was held"),
        None => became.to_owned(),
    }
}

pub(crate) fn verdict(page: &mut String, class: &str, sentence: &str) {
    let _ = writeln!(page, "<p class=\"verdict {class}\">{}</p>", text(sentence));
}

/// What is left to do by hand.
pub(crate) fn worklist(page: &mut String, worklist: &[WorkItem]) {
    section(page, "h2", "What you must still do");
    let rows = worklist.iter().map(|item| {
        let state = match item.state {
            WorkState::Open => "open",
            WorkState::Done => "done",
            WorkState::DoneByHand => "ticked",
        };
        vec![
            state.to_owned(),
            item.kind.to_string(),
            item.name.clone(),
            item.text.clone(),
            item.seen.clone().unwrap_or_default(),
        ]
    });
    table(page, &["State", "Type", "Name", "To do", "Seen"], rows);
}

fn conclusion(report: &Report) -> (&'static str, &'static str) {
    match (report.finished_at, report.proven) {
        _ if report.undone.as_ref().is_some_and(|undone| undone.complete) => {
            ("open", "Taken back, as far as the lists below say.")
        }
        _ if report.undone.is_some() => ("open", HALF_TAKEN_BACK),
        (Some(_), Some(true)) => ("good", "Done and proven: the target holds every record of the plan."),
        (_, Some(false)) => ("bad", "The proof found differences; they are listed below."),
        (Some(_), None) => ("open", "Done, and not proven yet."),
        (None, _) => ("open", NOT_FINISHED),
    }
}

fn facts(page: &mut String, report: &Report) {
    let mut rows = vec![
        vec!["From".to_owned(), format!("{} at {}", report.source.name, report.source.origin)],
        vec!["Into".to_owned(), format!("{} at {}", report.target.name, report.target.origin)],
        vec!["Begun".to_owned(), here(report.started_at)],
        vec!["Finished".to_owned(), report.finished_at.map_or("not yet".to_owned(), here)],
        vec![
            "Records written".to_owned(),
            format!("{} of {}", report.records_written, report.records_planned),
        ],
        vec![
            "Records removed".to_owned(),
            format!("{} of {}", report.records_removed, report.records_to_remove),
        ],
        vec!["Way".to_owned(), report.lane.clone()],
    ];
    if report.records_to_remove == 0 {
        rows.retain(|row| row[0] != "Records removed");
    }
    rows.extend(report.files.iter().map(|lane| {
        let said = format!("{} in files, {} by stream: {}", lane.by_file, lane.by_stream, lane.why);
        vec![format!("Way of {}", lane.name), said]
    }));
    rows.push(vec!["Devices made".to_owned(), report.devices_created.to_string()]);
    rows.push(vec!["Devices changed".to_owned(), report.devices_updated.to_string()]);
    if let Some(proof) = &report.proof {
        let looked = match proof.depth {
            ProofDepth::Counts => "records only counted, their content not compared".to_owned(),
            ProofDepth::Content => format!("{} records read", proof.records),
            ProofDepth::Records => format!("{} records compared one by one", proof.records),
        };
        let when = match proof.begun_at == proof.at {
            true => here(proof.at),
            false => format!("{} to {}", here(proof.begun_at), here(proof.at)),
        };
        let said = format!(
            "{} of {} time ranges as they should be, {looked}, on {when}",
            proof.windows_green, proof.windows
        );
        rows.push(vec!["Proof".to_owned(), said]);
        if proof.foreign > 0 {
            let said = format!("{} records in these ranges were written by others since", proof.foreign);
            rows.push(vec!["Beside".to_owned(), said]);
        }
    }
    rows.push(vec!["Plan".to_owned(), report.fingerprint.to_string()]);
    rows.push(vec!["Run".to_owned(), report.run.clone()]);
    rows.push(vec!["This page".to_owned(), here(report.at)]);
    table(page, &[], rows.into_iter());
}

fn differences(page: &mut String, proof: &Proof) {
    let found = proof.windows_not_equal.iter().flat_map(|window| {
        window.differences.iter().map(move |difference| {
            vec![
                match difference.kind {
                    DifferenceKind::Missing => "missing",
                    DifferenceKind::Changed => "changed",
                    DifferenceKind::Doubled => "doubled",
                    DifferenceKind::NotRemoved => "should have been removed",
                    DifferenceKind::Foreign => "foreign",
                }
                .to_owned(),
                window.name.clone(),
                window.variable.clone().unwrap_or_default(),
                difference.time.map(here).unwrap_or_default(),
                difference.expected.clone().unwrap_or_default(),
                difference.found.clone().unwrap_or_default(),
            ]
        })
    });
    let rows: Vec<Vec<String>> = found.take(LISTED).collect();
    if !rows.is_empty() {
        section(page, "h2", "What the proof found");
        table(page, &["What", "Device", "Variable", "Time", "Should be", "Is"], rows.into_iter());
    }
}

/// As people read a moment where the report is made, with UTC beside it.
pub(crate) fn here(moment: Time) -> String {
    spelt(moment, &Local)
}

fn spelt(moment: Time, zone: &impl TimeZone) -> String {
    let utc = moment.to_utc();
    let local = utc.with_timezone(zone).naive_local();
    let clock = if moment.millis().rem_euclid(1000) == 0 { "%H:%M:%S" } else { "%H:%M:%S%.3f" };
    let day = format!("%-d %b %Y, {clock}");
    match local == utc.naive_utc() {
        true => utc.format(&format!("{day} UTC")).to_string(),
        false if local.date() == utc.date_naive() => {
            format!("{} ({} UTC)", local.format(&day), utc.format(clock))
        }
        false => format!("{} ({} UTC)", local.format(&day), utc.format(&day)),
    }
}

pub(crate) fn section(page: &mut String, element: &str, content: &str) {
    let _ = writeln!(page, "<{element}>{}</{element}>", text(content));
}

pub(crate) fn table(page: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    page.push_str("<table>");
    if !head.is_empty() {
        let cells: String = head.iter().map(|cell| format!("<th>{}</th>", text(cell))).collect();
        let _ = write!(page, "<thead><tr>{cells}</tr></thead>");
    }
    page.push_str("<tbody>");
    let mut empty = true;
    for row in rows {
        empty = false;
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", text(cell))).collect();
        let _ = writeln!(page, "<tr>{cells}</tr>");
    }
    if empty {
        let _ = writeln!(page, "<tr><td colspan=\"{}\">none</td></tr>", head.len().max(1));
    }
    page.push_str("</tbody></table>\n");
}

/// Text that cannot become markup.
fn text(content: impl Display) -> String {
    let mut escaped = String::new();
    for character in content.to_string().chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;\
color:#1c2430}h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;\
width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #d8dde5;\
overflow-wrap:anywhere}th{border-bottom-width:2px}pre{white-space:pre-wrap;background:#f3f5f8;\
padding:.8rem}.verdict{font-weight:600;padding:.7rem 1rem;border-left:.35rem solid}\
.good{background:#e8f5ec;border-color:#1f8a4c}.bad{background:#fdecea;border-color:#c0392b}\
.open{background:#fff6e0;border-color:#c98a00}@media print{body{margin:0;max-width:none;font-size:11px}\
tr{break-inside:avoid}}";

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, Utc};

    use super::*;

    #[test]
    fn a_moment_is_local_with_utc_beside_it_and_the_other_day_where_it_is_another() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let sao_paulo = FixedOffset::west_opt(3 * 3600).unwrap();
        let spelt_there = |text: &str| spelt(at(text), &sao_paulo);
        assert_eq!(spelt_there("2026-11-22T04:30:05.000Z"), "22 Nov 2026, 01:30:05 (04:30:05 UTC)");
        assert_eq!(spelt_there("2026-11-22T04:30:05.250Z"), "22 Nov 2026, 01:30:05.250 (04:30:05.250 UTC)");
        let evening = "21 Nov 2026, 22:00:00 (22 Nov 2026, 01:00:00 UTC)";
        assert_eq!(spelt_there("2026-11-22T01:00:00.000Z"), evening);
        assert_eq!(spelt(at("2026-11-22T04:30:05.000Z"), &Utc), "22 Nov 2026, 04:30:05 UTC");
    }
}
