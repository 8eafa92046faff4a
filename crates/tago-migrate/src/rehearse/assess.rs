//! The assessment: named checks, each with a verdict and what to do.

use tago_api::{DeviceId, Time};

use super::{Part, Scanned};
use crate::plan::{
    Check, CheckName, CheckVerdict, Choices, DataItem, DeviceItem, Inactive, Inside, Policy, ReasonCode,
    Verdict,
};
use crate::words::counted;

/// A check names so many devices.
const NAMED: usize = 5;

pub(super) fn assess(
    choices: &Choices,
    unknown: &[DeviceId],
    scanned: &[Scanned],
    items: &[DeviceItem],
    data: &[Part],
) -> Vec<Check> {
    let is_written = |item: &DataItem| {
        item.verdict == Verdict::Fill && item.windows.iter().any(|window| !window.missing.is_empty())
    };
    let written = |place: usize| data[place].items.iter().any(is_written);
    let blocked = |code: ReasonCode| {
        let ours = items.iter().flat_map(|item| &item.reasons);
        let theirs = data.iter().flat_map(|part| &part.items).flat_map(|item| &item.reasons);
        ours.chain(theirs).filter(|reason| reason.code == code).count()
    };
    let parsers = items.iter().enumerate().filter(|(place, item)| written(*place) && item.parses);
    let parsers: Vec<&str> = parsers.map(|(_, item)| item.name.as_str()).collect();
    let made: Vec<&Scanned> = scanned
        .iter()
        .zip(items)
        .filter(|(_, item)| item.verdict == Verdict::Create)
        .map(|(scanned, _)| scanned)
        .collect();
    let serials = made.iter().flat_map(|made| &made.tokens).filter(|token| token.serial.is_some()).count();
    vec![
        pass(CheckName::TargetReadable, "the target answers, and its devices can be read"),
        pass(CheckName::DifferentProjects, "source and target are different projects"),
        chosen(choices, unknown, scanned.len()),
        inside(choices, items, data),
        count(
            CheckName::Networks,
            blocked(ReasonCode::NoNetwork),
            "every network and connector that is needed is on the target",
            ["device names", "devices name"],
            "a network or connector that is not on the target; without it, nothing is done there",
        ),
        count(
            CheckName::RecordCaps,
            blocked(ReasonCode::TooManyRecords),
            "no device of the target would hold more records than it may",
            ["time range is", "time ranges are"],
            "left out, because the device would hold more records than it may",
        ),
        active(choices, items, blocked(ReasonCode::Inactive)),
        count(
            CheckName::SerialNumbers,
            serials,
            "no serial number has to move",
            ["serial number belongs", "serial numbers belong"],
            "to devices that will be made; nothing of that is moved, so that no live traffic is taken away: see the \
             report's list of tokens",
        ),
        count(
            CheckName::SideEffects,
            parsers.len(),
            "no device that is written to has a payload parser",
            ["device", "devices"],
            &format!("written to with a payload parser, which may change the records: {}", named(&parsers)),
        ),
        Check {
            name: CheckName::Unrecoverable,
            verdict: if made.is_empty() { CheckVerdict::Pass } else { CheckVerdict::Warn },
            text: if made.is_empty() {
                "nothing has to be made anew, so ids and tokens of the target stay".to_owned()
            } else {
                format!(
                    "{} new ids and new tokens; ids of records and the moments of their arrival are always new",
                    counted(made.len() as u64, "device gets", "devices get")
                )
            },
        },
    ]
}

/// Devices that refuse data as they are.
fn active(choices: &Choices, items: &[DeviceItem], blocked: usize) -> Check {
    let waking: Vec<&str> = items.iter().filter(|item| item.wakes).map(|item| item.name.as_str()).collect();
    match choices.inactive {
        Inactive::Leave => count(
            CheckName::ActiveDevices,
            blocked,
            "every device that is written to takes data",
            ["device is", "devices are"],
            "inactive on the target and left out; activate what is to take data, and rehearse again",
        ),
        Inactive::Wake => count(
            CheckName::ActiveDevices,
            waking.len(),
            "every device that is written to takes data",
            ["device is", "devices are"],
            &format!(
                "inactive on the target; each is active while its records are written, and takes \
                 what else is sent to it for so long, and is inactive again at the end: {}",
                named(&waking)
            ),
        ),
    }
}

pub(super) fn readable(later: u64, cutoff: Time) -> Check {
    let good = "the source answers, and its devices can be read";
    match later {
        0 => pass(CheckName::SourceReadable, good),
        later => Check {
            name: CheckName::SourceReadable,
            verdict: CheckVerdict::Warn,
            text: format!(
                "{good}; {} dated after {cutoff} and left out",
                counted(later, "record is", "records are")
            ),
        },
    }
}

pub(super) fn retention(forgotten: u64) -> Check {
    count(
        CheckName::Retention,
        usize::try_from(forgotten).unwrap_or(usize::MAX),
        "no record is older than what its device keeps",
        ["record is", "records are"],
        "older than what the immutable device keeps, and left out",
    )
}

/// Ids and addresses inside records.
fn inside(choices: &Choices, items: &[DeviceItem], data: &[Part]) -> Check {
    let found = items.iter().zip(data).flat_map(|(item, part)| {
        part.inside.iter().map(|(variable, names)| (item.name.as_str(), variable, names))
    });
    let (mut renamed, mut unknown, mut places) = (0, 0, Vec::new());
    for (device, variable, names) in found {
        renamed += names.renamed;
        unknown += names.unknown;
        if let Some((id, at)) = &names.example {
            let records = names.unknown;
            places.push(format!("{records} of {device} / {variable} ({id} at {at})"));
        }
    }
    let mut said = Vec::new();
    match (renamed, choices.inside) {
        (0, _) => {}
        (renamed, Inside::Rewrite) => said.push(format!(
            "{renamed} records name devices, files or the profile by what the source calls them; they get the \
             target's ids and addresses"
        )),
        (renamed, Inside::Leave | Inside::Unsaid) => said.push(format!(
            "{renamed} records name devices, files or the profile by what the source calls them, and stay so"
        )),
    }
    if unknown > 0 {
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        said.push(format!(
            "{unknown} records hold what looks like an id and is not known on the target; it stays as it is: {}",
            named(&places)
        ));
    }
    let left = unknown > 0 || (renamed > 0 && choices.inside != Inside::Rewrite);
    let verdict = if left { CheckVerdict::Warn } else { CheckVerdict::Pass };
    if said.is_empty() {
        return pass(
            CheckName::InsideRecords,
            "no record names anything that is called otherwise on the target",
        );
    }
    Check { name: CheckName::InsideRecords, verdict, text: said.join("; ") }
}

fn chosen(choices: &Choices, unknown: &[DeviceId], found: usize) -> Check {
    let (verdict, text) = if let Some(first) = unknown.first() {
        let text =
            format!("{} of the chosen devices are not in the source, {first} for example", unknown.len());
        (CheckVerdict::Block, text)
    } else if found == 0 {
        (CheckVerdict::Block, "the source has no device to choose from".to_owned())
    } else if choices.from.zip(choices.to).is_some_and(|(from, to)| from > to) {
        (CheckVerdict::Block, "the time range ends before it begins".to_owned())
    } else if choices.policy == Policy::Replace && choices.from.zip(choices.to).is_none() {
        (CheckVerdict::Block, "a time range that is replaced needs a beginning and an end".to_owned())
    } else {
        (CheckVerdict::Pass, format!("{found} devices are chosen"))
    };
    Check { name: CheckName::ChosenDevices, verdict, text }
}

/// The first few, and how many more there are.
pub(crate) fn named(names: &[&str]) -> String {
    let first = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

pub(crate) fn pass(name: CheckName, text: &str) -> Check {
    Check { name, verdict: CheckVerdict::Pass, text: text.to_owned() }
}

/// Passes if nothing is found, and otherwise says how many of what, in the words for one and for more.
pub(crate) fn count(name: CheckName, found: usize, good: &str, what: [&str; 2], bad: &str) -> Check {
    match found as u64 {
        0 => pass(name, good),
        found => {
            let text = format!("{} {bad}", counted(found, what[0], what[1]));
            Check { name, verdict: CheckVerdict::Warn, text }
        }
    }
}
