//! The assessment: named checks, each with a verdict and what to do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ResourceChoices, ResourceItem, ResourceReason, Work};
use crate::plan::{Check, CheckName, CheckVerdict, Verdict};
use crate::rehearse::assess::{count, named, pass};
use crate::resources::kind::Kind;
use crate::resources::scan::{Gap, Snapshot};
use crate::words::counted;

pub(super) fn assess(
    source: &Snapshot,
    target: &Snapshot,
    choices: &ResourceChoices,
    items: &[ResourceItem],
) -> Vec<Check> {
    let made = || items.iter().filter(|item| item.verdict == Verdict::Create);
    let work = |wanted: Work| made().filter(|item| item.work.contains(&wanted)).count();
    let needs =
        |item: &&ResourceItem| item.reasons.iter().any(|reason| matches!(reason, ResourceReason::Needs(_)));
    vec![
        readable(CheckName::SourceReadable, "source", source, "and is not moved"),
        readable(CheckName::TargetReadable, "target", target, "so that nothing of it can be made"),
        two(source, target),
        chosen(source, target, choices, items),
        count(
            CheckName::Networks,
            items.iter().filter(needs).count(),
            "everything that is to be made finds what it needs",
            ["resource needs", "resources need"],
            "a network, a connector or a dashboard that is neither on the target nor chosen; without it, nothing is \
             made",
        ),
        limits(target, items),
        count(
            CheckName::SerialNumbers,
            work(Work::MoveSerial),
            "no serial number has to move",
            ["device has", "devices have"],
            "a serial number, which stays where it is, so that no live traffic is taken away; the worklist says when \
             to move it",
        ),
        count(
            CheckName::SwitchedOff,
            work(Work::Activate),
            "nothing that would run by itself is made",
            ["action or analysis that runs", "actions and analyses that run"],
            "in the source will be switched off at first, so that nothing fires before you have looked at it; the \
             worklist has them",
        ),
        unrecoverable(&[
            (
                work(Work::EnterSecret),
                ["value of a secret to enter again", "values of secrets to enter again"],
            ),
            (
                work(Work::NewPassword),
                ["password of a run user to be chosen anew", "passwords of run users to be chosen anew"],
            ),
            (work(Work::HandOutToken), ["new token to hand out", "new tokens to hand out"]),
            (
                work(Work::UploadScript),
                [
                    "script to upload, which the source does not have",
                    "scripts to upload, which the source does not have",
                ],
            ),
        ]),
        files(source, target, items),
        unresolved(items),
    ]
}

fn readable(name: CheckName, side: &str, snapshot: &Snapshot, so: &str) -> Check {
    let told = |gap: &Gap| match &gap.id {
        Some(id) => format!("{} {id}", gap.kind),
        None => format!("the type {}", gap.kind),
    };
    let gaps: Vec<String> = snapshot.gaps.iter().map(told).collect();
    if gaps.is_empty() {
        return pass(name, &format!("the {side} answers, and {} resources were read", snapshot.found.len()));
    }
    let gaps: Vec<&str> = gaps.iter().map(String::as_str).collect();
    warn(name, format!("the {side} does not show {}, {so}", named(&gaps)))
}

/// One project under two addresses has the same under the same ids, so that nothing is left to do.
fn two(source: &Snapshot, target: &Snapshot) -> Check {
    let name = CheckName::DifferentProjects;
    if source.found.is_empty() || source.content() != target.content() {
        return pass(name, "source and target are different projects");
    }
    warn(
        name,
        "both sides hold exactly the same under the same ids, so that nothing is to be done; if that surprises \
         you, they may be one project under two addresses"
            .to_owned(),
    )
}

fn chosen(source: &Snapshot, target: &Snapshot, choices: &ResourceChoices, items: &[ResourceItem]) -> Check {
    let name = CheckName::ChosenResources;
    let block = |text| Check { name, verdict: CheckVerdict::Block, text };
    let of = |side: &Snapshot| side.found.iter().map(|found| found.at.id.clone()).collect::<BTreeSet<_>>();
    let (ours, theirs) = (of(source), of(target));
    let named = choices.items.iter().flatten().chain(choices.conflict_of_item.keys());
    let unknown: BTreeSet<&String> =
        named.chain(choices.counterparts.keys()).filter(|id| !ours.contains(*id)).collect();
    let unpaired: Vec<&String> = choices.counterparts.values().filter(|id| !theirs.contains(*id)).collect();
    if let Some(first) = unknown.first() {
        return block(format!(
            "{} of the chosen resources are not in the source, {first} for example",
            unknown.len()
        ));
    }
    if let Some(first) = unpaired.first() {
        let text = format!(
            "{} of the chosen counterparts are not in the target, {first} for example",
            unpaired.len()
        );
        return block(text);
    }
    if items.is_empty() {
        return block("nothing in the source is what you chose".to_owned());
    }
    pass(name, &format!("{} resources are chosen", items.len()))
}

/// The platform refuses what goes beyond its plan, one resource after the other.
fn limits(target: &Snapshot, items: &[ResourceItem]) -> Check {
    let name = CheckName::PlanLimits;
    let mut made: BTreeMap<Kind, u64> = BTreeMap::new();
    for item in items.iter().filter(|item| item.verdict == Verdict::Create) {
        *made.entry(item.at.kind).or_default() += 1;
    }
    let beyond = made.into_iter().filter_map(|(kind, made)| {
        let limit = *target.limits.get(&kind)?;
        let room = limit.saturating_sub(target.of_kind(kind).count() as u64);
        (made > room).then(|| format!("{made} of the type {kind}, where {room} of {limit} are free"))
    });
    let beyond: Vec<String> = beyond.collect();
    if !beyond.is_empty() {
        let beyond: Vec<&str> = beyond.iter().map(String::as_str).collect();
        let text = format!(
            "the plan of the target has no room for all that would be made: {}; the rest is refused and held \
             back, so choose less or raise the plan",
            named(&beyond)
        );
        return warn(name, text);
    }
    match target.limits.is_empty() {
        true => pass(name, "the target does not tell how many of each type it may hold"),
        false => pass(name, "the plan of the target has room for all that will be made"),
    }
}

fn unrecoverable(lost: &[(usize, [&str; 2])]) -> Check {
    let lost: Vec<String> = lost
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, [one, more])| counted(*number as u64, one, more))
        .collect();
    let name = CheckName::Unrecoverable;
    match lost.is_empty() {
        true => pass(name, "nothing is lost that you would have to enter or hand out again"),
        false => warn(name, format!("no source can bring along everything: {}", lost.join(", "))),
    }
}

/// Addresses of the project's own files: a backup holds what names them, and not the files.
fn files(source: &Snapshot, target: &Snapshot, items: &[ResourceItem]) -> Check {
    let marker = format!("/file/{}/", source.identity.profile);
    let acting: BTreeSet<_> = items.iter().filter(|item| item.acts()).map(|item| &item.at).collect();
    let mut named_files = BTreeSet::new();
    for found in source.found.iter().filter(|found| acting.contains(&found.at)) {
        for value in found.document.values().chain(found.entries.values()) {
            paths(value, &marker, &mut named_files);
        }
    }
    let has = |side: &Snapshot, path: &str| side.of_kind(Kind::File).any(|file| file.at.id == path);
    named_files.retain(|path| !has(source, path) && !has(target, path));
    let absent: Vec<&str> = named_files.iter().map(String::as_str).collect();
    let name = CheckName::Files;
    match absent.len() {
        0 => pass(name, "every file that is shown is in the source or in the target"),
        number => {
            let text =
                format!("{number} files are shown that neither side has; upload them: {}", named(&absent));
            warn(name, text)
        }
    }
}

fn paths(value: &Value, marker: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for (at, _) in text.match_indices(marker) {
                let rest = &text[at + marker.len()..];
                let end = rest.find(['?', '#', '"', '\'', ' ', ')', '<']).unwrap_or(rest.len());
                found.insert(rest[..end].to_owned());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, marker, found)),
        Value::Object(fields) => fields.values().for_each(|field| paths(field, marker, found)),
        _ => {}
    }
}

fn unresolved(items: &[ResourceItem]) -> Check {
    let name = CheckName::UnresolvedIds;
    let lost = items.iter().flat_map(|item| item.unresolved.iter().map(move |found| (item, found)));
    let lost: Vec<_> = lost.filter(|(_, found)| found.is_reference).collect();
    // One place of each is enough to find it by.
    let ids: BTreeMap<&String, String> = lost
        .iter()
        .rev()
        .map(|(item, found)| (&found.id, format!("{} in “{}” ({})", found.id, item.name, found.at)))
        .collect();
    if lost.is_empty() {
        return pass(name, "every id in what is moved leads to something");
    }
    let shown: Vec<&str> = ids.values().map(String::as_str).collect();
    let text = format!(
        "{} ids in {} places are neither on the target nor chosen, so that they lead nowhere: {}",
        ids.len(),
        lost.len(),
        named(&shown)
    );
    warn(name, text)
}

fn warn(name: CheckName, text: String) -> Check {
    Check { name, verdict: CheckVerdict::Warn, text }
}
