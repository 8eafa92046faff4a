//! What is printed: text for people, or one JSON document for machines.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::json;
pub(crate) use tago_migrate::separated as count;
use tago_migrate::{
    CheckVerdict, Depth, DevicePart, DifferenceKind, Ending, Halt, LeftBehind, Plan, Proof, ProofDepth,
    Report, Reversal, RunStatus, Side, Undone, Verdict, WindowVerdict, counted, irreversible,
};

mod resources;

#[derive(Clone, Copy)]
pub(crate) struct Show {
    json: bool,
}

impl Show {
    pub(crate) fn new(json: bool) -> Show {
        Show { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    pub(crate) fn plan(self, plan: &Plan, file: &Path) -> io::Result<()> {
        let (header, summary, fingerprint) = (plan.header(), plan.summary(), plan.fingerprint());
        if self.json {
            let devices: Vec<_> = plan.devices().iter().map(device_json).collect();
            return document(&json!({
                "plan": file,
                "fingerprint": fingerprint,
                "runnable": plan.is_runnable(),
                "nothing_to_do": summary.nothing_to_do,
                "cutoff": header.cutoff,
                "source": header.source,
                "target": header.target,
                "in_use": header.in_use,
                "checks": header.checks,
                "actions": header.actions,
                "records": {
                    "source": summary.records_source,
                    "target": summary.records_target,
                    "to_write": summary.records_missing,
                    "to_remove": summary.records_removed,
                    "beyond": summary.records_beyond,
                },
                "bytes": summary.bytes,
                "irreversible": irreversible(plan),
                "devices": devices,
            }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "From     {} ({})", plain(&header.source.name), header.source.origin)?;
        writeln!(out, "To       {} ({})", plain(&header.target.name), header.target.origin)?;
        writeln!(out, "Up to    {}", header.cutoff)?;
        let used = |side| if header.in_use.contains(&side) { "in use" } else { "idle" };
        writeln!(out, "Pace     the source is {}, the target {}", used(Side::Source), used(Side::Target))?;
        for check in &header.checks {
            let mark = match check.verdict {
                CheckVerdict::Pass => continue,
                CheckVerdict::Warn => "look",
                CheckVerdict::Block => "STOP",
            };
            writeln!(out, "{mark}     {}", plain(&check.text))?;
        }
        let devices = |verdict| summary.devices.get(&verdict).copied().unwrap_or(0);
        writeln!(
            out,
            "Devices  {} to make, {} to change, {} as they are",
            count(devices(Verdict::Create)),
            count(devices(Verdict::Update)),
            count(devices(Verdict::Skip) + devices(Verdict::Conflict)),
        )?;
        writeln!(
            out,
            "Records  {} to write; the source has {}, the target {} in the same time",
            count(summary.records_missing),
            count(summary.records_source),
            count(summary.records_target),
        )?;
        if summary.records_removed > 0 {
            let about = if header.choices.depth == Depth::Counted { "about " } else { "" };
            let removed = counted(summary.records_removed, "record", "records");
            writeln!(
                out,
                "Removed  {about}{removed} that only the target has, kept whole in the run's folder first"
            )?;
        }
        for part in plan.devices() {
            device_lines(&mut out, &part)?;
        }
        for told in irreversible(plan) {
            writeln!(out, "  stays  {}: {}", plain(&told.name), plain(&told.reason))?;
        }
        writeln!(out, "Plan     {}", file.display())?;
        if summary.nothing_to_do {
            writeln!(out, "There is nothing to do.")
        } else if plan.is_runnable() {
            writeln!(out, "Approve  {fingerprint}")
        } else {
            writeln!(out, "This plan cannot be run.")
        }
    }

    /// What the undo of a newer plan does not bring back.
    pub(crate) fn removed_before(self, folder: &Path) -> io::Result<()> {
        let kept = folder.join("kept");
        writeln!(
            io::stdout().lock(),
            "Kept     records that the damaged run removed are in {}: the only copy, which neither this plan nor its \
             undo writes back",
            kept.display()
        )
    }

    pub(crate) fn left_behind(self, left: &LeftBehind) -> io::Result<()> {
        if self.json {
            return document(&json!({ "given_up": true, "left": left }));
        }
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "Given up. Stored, and not taken back: {}.",
            counted(left.records_done, "record", "records")
        )?;
        for action in &left.actions {
            writeln!(out, "  action “{}” may be switched off: switch it on yourself", plain(&action.name))?;
        }
        for (device, name) in &left.awake {
            writeln!(
                out,
                "  device “{}” ({device}) may be active still: it was inactive before",
                plain(name)
            )?;
        }
        for device in &left.tokens {
            writeln!(out, "  device {device} may have a token of this run: remove it")?;
        }
        for (device, name) in &left.incomplete {
            writeln!(out, "  device “{}” ({device}) was made and not completed", plain(name))?;
        }
        if left.batches_open > 0 {
            writeln!(
                out,
                "  nobody knows whether {} arrived",
                counted(left.batches_open, "batch", "batches")
            )?;
        }
        if left.is_something() {
            writeln!(
                out,
                "If the project is there: `holdfastctl release` switches the actions on, lets the devices rest and \
                 removes the tokens, `undo` takes back what it wrote, and `plan` shows what is missing."
            )?;
        }
        Ok(())
    }

    pub(crate) fn ending(self, ending: &Ending, status: &RunStatus, folder: &Path) -> io::Result<()> {
        let (state, text) = ending_words(ending, "resume");
        if self.json {
            let held: Vec<_> = status
                .held
                .iter()
                .map(|item| {
                    json!({
                        "device": item.device,
                        "name": item.name,
                        "variable": item.variable,
                        "between": item.between,
                        "reason": item.reason,
                    })
                })
                .collect();
            return document(&json!({
                "run": status.run,
                "folder": folder,
                "ending": state,
                "text": text,
                "records_done": status.records_done,
                "records_total": status.records_total,
                "records_removed": status.records_removed,
                "records_to_remove": status.records_to_remove,
                "batches_open": status.batches_open,
                "held": held,
                "devices_made": status.created,
                "actions": status.actions,
            }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        writeln!(out, "Records  {} of {} stored", count(status.records_done), count(status.records_total))?;
        if status.records_to_remove > 0 {
            let (removed, all) = (count(status.records_removed), count(status.records_to_remove));
            writeln!(out, "Removed  {removed} of {all}, kept in {}", folder.join("kept").display())?;
        }
        if status.batches_open > 0 {
            writeln!(
                out,
                "         {} to check again when it goes on",
                counted(status.batches_open, "batch", "batches")
            )?;
        }
        for item in &status.held {
            writeln!(out, "held     {}: {}", plain(&item.name), plain(&item.reason))?;
        }
        for action in status.actions.iter().filter(|action| action.state.is_held()) {
            let name = plain(&action.name);
            writeln!(
                out,
                "off      {name}: `holdfastctl resume` or `release` switches this action on again"
            )?;
        }
        Ok(())
    }

    pub(crate) fn undone(self, ending: &Ending, undone: &Undone, folder: &Path) -> io::Result<()> {
        let (state, text) = match ending {
            Ending::Finished => ("finished", "Taken back.".to_owned()),
            Ending::Stopped => ("stopped", "Stopped; `holdfastctl undo` goes on.".to_owned()),
            Ending::Halted(halt) => ("halted", halted(halt, "`holdfastctl undo` goes on.")),
        };
        if self.json {
            return document(&json!({ "folder": folder, "ending": state, "text": text, "undone": undone }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        for reversed in &undone.reversed {
            let name = plain(&reversed.name);
            match reversed.what {
                Reversal::Records(records) => {
                    writeln!(out, "undone   {name}: {} removed", counted(records, "record", "records"))
                }
                Reversal::WrittenBack(records) => {
                    writeln!(out, "undone   {name}: {} written back", counted(records, "record", "records"))
                }
                Reversal::Deleted => writeln!(out, "undone   {name}: the device that was made is deleted"),
                Reversal::Restored => writeln!(out, "undone   {name}: the device has what it had before"),
            }?;
        }
        for (mark, list) in [("changed", &undone.changed_since), ("stays  ", &undone.impossible)] {
            for stayed in list {
                write!(out, "{mark}  {}: ", plain(&stayed.name))?;
                if stayed.records > 0 {
                    write!(out, "{}: ", counted(stayed.records, "record", "records"))?;
                }
                write!(out, "{}", plain(&stayed.reason))?;
                match stayed.between {
                    Some((from, to)) => writeln!(out, " ({from} to {to})"),
                    None => writeln!(out),
                }?;
            }
        }
        Ok(())
    }

    pub(crate) fn proof(self, proof: &Proof) -> io::Result<()> {
        if self.json {
            return document(proof);
        }
        let mut out = io::stdout().lock();
        let (good, windows) = (count(proof.windows_green), count(proof.windows));
        let ranges = format!("{good} of {windows} time ranges");
        let records = count(proof.records);
        match (proof.depth, proof.agrees) {
            (ProofDepth::Counts, true) => {
                writeln!(out, "COUNTS AGREE in {ranges}; content was not compared")?;
            }
            (ProofDepth::Counts, false) => writeln!(out, "NOT GREEN: counts agree in {ranges} only")?,
            (_, true) => writeln!(out, "GREEN: {ranges} hold what they should, {records} records read")?,
            (_, false) => writeln!(out, "NOT GREEN: {ranges} hold what they should, {records} records read")?,
        }
        for (number, what) in [
            (proof.missing, "missing"),
            (proof.changed, "changed"),
            (proof.doubled, "doubled"),
            (proof.not_removed, "that should have been removed and are still there"),
            (proof.foreign, "written by somebody else"),
            (proof.not_run, "time ranges not run"),
            (proof.source_changed, "time ranges in which the source has changed since the rehearsal"),
        ] {
            if number > 0 {
                writeln!(out, "  {} {what}", count(number))?;
            }
        }
        for window in &proof.windows_not_equal {
            if window.verdict == WindowVerdict::Foreign {
                continue;
            }
            let variable = window.variable.as_deref().unwrap_or("the device itself");
            writeln!(out, "{} / {}: {}", plain(&window.name), plain(variable), plain(&window.text))?;
            for difference in &window.differences {
                let kind = match difference.kind {
                    DifferenceKind::Missing => "missing",
                    DifferenceKind::Changed => "changed",
                    DifferenceKind::Doubled => "doubled",
                    DifferenceKind::NotRemoved => "not removed",
                    DifferenceKind::Foreign => continue,
                };
                let expected = difference.expected.as_deref().unwrap_or("-");
                let found = difference.found.as_deref().unwrap_or("-");
                let fields = match difference.fields.join(", ") {
                    fields if fields.is_empty() => fields,
                    fields => format!(" ({fields})"),
                };
                writeln!(out, "  {kind}{fields}: should be {} and is {}", plain(expected), plain(found))?;
            }
        }
        Ok(())
    }

    pub(crate) fn report(self, report: &Report) -> io::Result<()> {
        if self.json {
            return document(&json!({ "report": report, "json": report.json, "html": report.html }));
        }
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "Records  {} written, {} devices made",
            count(report.records_written),
            report.devices_created
        )?;
        if report.records_to_remove > 0 {
            let (removed, all) = (count(report.records_removed), count(report.records_to_remove));
            writeln!(out, "Removed  {removed} of {all}")?;
        }
        writeln!(out, "Proof    {}", verdict(report.proven))?;
        for exception in &report.exceptions {
            writeln!(out, "look     {}", plain(exception))?;
        }
        writeln!(out, "Tokens   {} to look at", count(report.tokens.len() as u64))?;
        writeln!(out, "Report   {}", report.html.display())?;
        writeln!(out, "         {}", report.json.display())?;
        writeln!(out, "Again    {}", report.prove_line)
    }
}

/// What a proof came to, if there is one.
fn verdict(proven: Option<bool>) -> &'static str {
    match proven {
        Some(true) => "green",
        Some(false) => "not green",
        None => "not made yet",
    }
}

fn document(document: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, document)?;
    writeln!(out)
}

fn device_json(part: &DevicePart<'_>) -> serde_json::Value {
    json!({
        "device": part.item.device,
        "name": part.item.name,
        "verdict": part.item.verdict,
        "reasons": part.item.reasons,
        "data": part.data,
        "records": {
            "source": part.records_source,
            "target": part.records_target,
            "to_write": part.records_missing,
            "to_remove": part.records_removed,
        },
        "between": part.missing_between,
    })
}

fn device_lines(out: &mut impl Write, part: &DevicePart<'_>) -> io::Result<()> {
    let mark = match (part.item.verdict, part.data) {
        (Verdict::Create, _) => "make  ",
        (Verdict::Update, _) => "change",
        (Verdict::Blocked, _) | (_, Verdict::Blocked) => "STOP  ",
        (Verdict::Conflict, _) => "differ",
        (_, Verdict::Fill) if part.records_removed > 0 => "remove",
        (_, Verdict::Fill) => "fill  ",
        _ => return Ok(()),
    };
    write!(
        out,
        "  {mark} {}: {}",
        plain(&part.item.name),
        counted(part.records_missing, "record", "records")
    )?;
    if part.records_removed > 0 {
        write!(out, " to write, {} to remove", count(part.records_removed))?;
    }
    if let Some((from, to)) = part.missing_between {
        write!(out, " between {from} and {to}")?;
    }
    writeln!(out)?;
    if mark == "STOP  " || mark == "differ" {
        for reason in &part.item.reasons {
            writeln!(out, "         {}", plain(&reason.text))?;
        }
    }
    Ok(())
}

/// How it ended, in one word and in a sentence that says which command goes on.
fn ending_words(ending: &Ending, command: &str) -> (&'static str, String) {
    match ending {
        Ending::Finished => ("finished", "Finished.".to_owned()),
        Ending::Stopped => ("stopped", format!("Stopped; `holdfastctl {command}` goes on.")),
        Ending::Halted(halt) => (
            "halted",
            halted(halt, &format!("`holdfastctl {command}` goes on. What is stored stays stored.")),
        ),
    }
}

/// `goes_on` says what goes on once that is mended.
fn halted(halt: &Halt, goes_on: &str) -> String {
    let (what, then) = match halt {
        Halt::Auth { side, message } => {
            (format!("Halted: the {side} refused its token ({})", plain(message)), "give a valid one and")
        }
        Halt::Unreachable { side, message } => {
            (format!("Halted: the {side} does not answer ({})", plain(message)), "when it does,")
        }
        Halt::Quota { message } => {
            (format!("Halted: the target takes no more ({})", plain(message)), "raise its limit and")
        }
    };
    format!("{what}; {then} {goes_on}")
}

/// Names come from the platform: nothing in them may steer a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
