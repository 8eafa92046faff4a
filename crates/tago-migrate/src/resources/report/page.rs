//! The page for people.

use super::{NOT_FINISHED, ReportLine, ResourceReport};
use crate::report::HALF_TAKEN_BACK;
use crate::report::html::{begin, end, here, section, table, verdict, worklist};
use crate::resources::prove::ItemVerdict;

pub(super) fn page(report: &ResourceReport) -> String {
    let mut page = begin(&format!("{} into {}", report.source.name, report.target.name));
    let (class, sentence) = match (&report.undone, report.finished_at, report.proven) {
        (Some(undone), _, _) if undone.is_complete => ("open", "Taken back, as far as the lists below say."),
        (Some(_), _, _) => ("open", HALF_TAKEN_BACK),
        (None, Some(_), Some(true)) => {
            ("good", "Done and proven: the target holds every resource as planned.")
        }
        (None, _, Some(false)) => ("bad", "The proof found differences; they are listed below."),
        (None, Some(_), None) => ("open", "Done, and not proven yet."),
        (None, None, _) => ("open", NOT_FINISHED),
    };
    verdict(&mut page, class, sentence);
    facts(&mut page, report);
    counts(&mut page, report);
    if !report.exceptions.is_empty() {
        section(&mut page, "h2", "To look at");
        table(&mut page, &["What, and why"], report.exceptions.iter().map(|told| vec![told.clone()]));
    }
    proof(&mut page, report);
    worklist(&mut page, &report.worklist);
    if let Some(undone) = &report.undone {
        lines(&mut page, "Taken back", &undone.reversed, "How");
        lines(&mut page, "Left, because somebody changed it since", &undone.changed_since, "Why");
        lines(&mut page, "What cannot be taken back", &undone.impossible, "Why");
    }
    lines(&mut page, "Made", &report.made, "New");
    lines(&mut page, "Changed", &report.changed, "What");
    if !report.unresolved.is_empty() {
        lines(&mut page, "Ids that lead nowhere", &report.unresolved, "Where");
    }
    section(&mut page, "h2", "Repeat the proof");
    section(&mut page, "pre", &report.prove_line);
    end(page)
}

fn facts(page: &mut String, report: &ResourceReport) {
    let mut rows = vec![
        vec!["From".to_owned(), format!("{} at {}", report.source.name, report.source.origin)],
        vec!["Into".to_owned(), format!("{} at {}", report.target.name, report.target.origin)],
        vec!["Rehearsed".to_owned(), here(report.planned_at)],
        vec!["Begun".to_owned(), here(report.started_at)],
        vec!["Finished".to_owned(), report.finished_at.map_or("not yet".to_owned(), here)],
    ];
    if let Some(proof) = &report.proof {
        let said =
            format!("{} of {} resources as planned, on {}", proof.items_green, proof.items, here(proof.at));
        rows.push(vec!["Proof".to_owned(), said]);
        if proof.read_in_source < proof.items {
            let said = format!(
                "{} resources compared with the source, the others with what the run sealed",
                proof.read_in_source
            );
            rows.push(vec!["Against".to_owned(), said]);
        }
    }
    rows.push(vec!["Plan".to_owned(), report.fingerprint.to_string()]);
    rows.push(vec!["Run".to_owned(), report.run.clone()]);
    rows.push(vec!["This page".to_owned(), here(report.at)]);
    table(page, &[], rows.into_iter());
}

fn counts(page: &mut String, report: &ResourceReport) {
    section(page, "h2", "How many");
    let rows = report.counts.iter().map(|(kind, counts)| {
        let numbers = [counts.planned, counts.made, counts.changed, counts.held, counts.kept, counts.same];
        std::iter::once(kind.to_string()).chain(numbers.map(|number| number.to_string())).collect()
    });
    table(page, &["Type", "In the plan", "Made", "Changed", "Held back", "Kept", "The same"], rows);
}

fn proof(page: &mut String, report: &ResourceReport) {
    let Some(proof) = report.proof.as_ref().filter(|proof| !proof.not_equal.is_empty()) else { return };
    section(page, "h2", "What the proof found");
    let rows = proof.not_equal.iter().map(|item| {
        let verdict = match item.verdict {
            ItemVerdict::Equal => "as planned",
            ItemVerdict::ChangedSince => "changed since",
            ItemVerdict::Differs => "not as planned",
            ItemVerdict::NotRun => "not carried out",
        };
        vec![verdict.to_owned(), item.at.kind.to_string(), item.name.clone(), item.text.clone()]
    });
    table(page, &["What", "Type", "Name", "Why"], rows);
}

fn lines(page: &mut String, title: &str, lines: &[ReportLine], detail: &str) {
    section(page, "h2", title);
    let rows = lines.iter().map(|line| {
        vec![
            line.kind.to_string(),
            line.name.clone(),
            line.source.clone(),
            line.target.clone().unwrap_or_default(),
            line.detail.clone(),
        ]
    });
    table(page, &["Type", "Name", "In the source", "In the target", detail], rows);
}
