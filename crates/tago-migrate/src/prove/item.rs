//! The proof of one item of the plan.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use tago_api::DeviceId;

use super::explain::{Pairing, explain};
use super::{Difference, DifferenceKind, ProofDepth, ProveError, Prover, WindowProof, WindowVerdict};
use crate::device::{Param, seal};
use crate::inside;
use crate::inside::device::{differing, localised};
use crate::load::Parcels;
use crate::machine::Route;
use crate::machine::ledger::DataLedger;
use crate::plan::{DataItem, DeviceItem, Item, Policy, Verdict, Window};
use crate::ports::{PortError, Range};
use crate::run::Side;
use crate::words::either;

/// What was found of one item.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(super) windows: Vec<WindowProof>,
    /// Records of the target that were read.
    pub(super) read: u64,
    /// Whether something is not there that may only not be shown yet.
    #[serde(skip)]
    pub(super) lacks: bool,
}

impl Part {
    fn of(window: WindowProof) -> Part {
        Part { windows: vec![window], ..Part::default() }
    }

    /// Records of the target that were read or counted.
    pub(super) fn covered(&self) -> u64 {
        self.read.max(self.windows.iter().map(|window| window.records).sum())
    }

    pub(super) fn is_proven(&self) -> bool {
        let holds =
            |window: &WindowProof| matches!(window.verdict, WindowVerdict::Equal | WindowVerdict::Foreign);
        !self.windows.is_empty() && self.windows.iter().all(holds)
    }
}

impl Prover<'_> {
    /// A device that the run made or changed must be what it is in the source.
    pub(super) async fn device(&self, item: &DeviceItem, place: u32) -> Result<Part, ProveError> {
        if !item.follows_source() {
            return Ok(Part::default());
        }
        let about = |verdict, text: String| WindowProof {
            device: item.device,
            name: item.name.clone(),
            variable: None,
            from: self.plan.header.cutoff,
            to: self.plan.header.cutoff,
            verdict,
            text,
            records: 0,
            differences: Vec::new(),
            source_changed: false,
        };
        if self.ledger.held.contains(&place) || !self.ledger.devices.get(&place).is_some_and(|d| d.finished) {
            return Ok(Part::of(about(WindowVerdict::NotRun, self.why_not(place, None))));
        }
        let made = self.ledger.devices.get(&place).and_then(|device| device.made);
        let Some(target) = item.target.or(made) else { return Ok(Part::default()) };
        let port = self.target.port;
        let there = match self.target.ask(Route::Lookup, || port.device(target)).await {
            Err(PortError::NotFound { .. }) => {
                let text = "the device is not on the target any more".to_owned();
                return Ok(Part::of(about(WindowVerdict::Differs, text)));
            }
            there => there.map_err(on(Side::Target))?,
        };
        let params =
            self.target.ask(Route::Lookup, || port.params(target)).await.map_err(on(Side::Target))?;
        if seal(&there.definition, &params) == item.source_seal {
            return Ok(Part::of(about(WindowVerdict::Equal, "as in the source".to_owned())));
        }
        let port = self.source.port;
        let ours = self.source.ask(Route::Lookup, || port.device(item.device)).await;
        let ours = ours.map_err(on(Side::Source))?;
        let our_params = self.source.ask(Route::Lookup, || port.params(item.device)).await;
        let our_params = our_params.map_err(on(Side::Source))?;
        let names = inside::device::names(&self.plan.header);
        let (_, named_params) = localised((&ours.definition, our_params.as_slice()), &names, &item.remapped);
        // Parameters of its own that a changed device had before are not the run's affair.
        let own = |param: &&Param| {
            let same = |other: &Param| {
                (&other.key, &other.value, other.sent) == (&param.key, &param.value, param.sent)
            };
            item.verdict == Verdict::Create || our_params.iter().chain(&named_params).any(same)
        };
        let params: Vec<Param> = params.iter().filter(own).cloned().collect();
        let ours = (&ours.definition, our_params.as_slice());
        let differing = differing(ours, (&there.definition, &params), &names, &item.remapped);
        Ok(Part::of(if differing.is_empty() {
            about(WindowVerdict::Equal, "as in the source".to_owned())
        } else {
            about(WindowVerdict::Differs, format!("different from the source: {}", differing.join(", ")))
        }))
    }

    /// The windows of one data item.
    pub(super) async fn data(&self, item: &DataItem, place: u32) -> Result<Part, ProveError> {
        let nothing = DataLedger::default();
        let ledger = self.ledger.data.get(&place).unwrap_or(&nothing);
        let over = item.verdict == Verdict::Skip || (item.verdict == Verdict::Fill && ledger.done);
        let target = self.counterpart(item.device).filter(|_| over && !self.ledger.held.contains(&place));
        let Some(target) = target else {
            let why = self.why_not(place, None);
            let windows = item
                .windows
                .iter()
                .map(|window| self.about(item, window, WindowVerdict::NotRun, why.clone()));
            return Ok(Part { windows: windows.collect(), ..Part::default() });
        };
        match self.depth {
            ProofDepth::Counts => self.counted(item, place, ledger, target).await,
            ProofDepth::Content | ProofDepth::Records => self.compared(item, place, ledger, target).await,
        }
    }

    /// One count of each window.
    async fn counted(
        &self,
        item: &DataItem,
        place: u32,
        ledger: &DataLedger,
        target: DeviceId,
    ) -> Result<Part, ProveError> {
        let mut part = Part::default();
        for (window, number) in item.windows.iter().zip(0_u32..) {
            if is_untouched(window, number, ledger) {
                let why = self.why_not(place, Some(number));
                part.windows.push(self.about(item, window, WindowVerdict::NotRun, why));
                continue;
            }
            let range = Range { from: item.from, to: item.to, variables: vec![window.variable.clone()] };
            let port = self.target.port;
            let found = match self.target.ask(Route::Read, || port.count(target, &range)).await {
                Err(PortError::NotFound { .. }) => 0,
                found => found.map_err(on(Side::Target))?,
            };
            let expected = window.after().count;
            let mut proof = match found.cmp(&expected) {
                Ordering::Equal => {
                    let text =
                        format!("{found} records, as many as it should; their content was not compared");
                    self.about(item, window, WindowVerdict::Equal, text)
                }
                Ordering::Less => {
                    let text = format!("{found} records instead of {expected}");
                    self.about(item, window, WindowVerdict::Differs, text)
                }
                Ordering::Greater => {
                    let text = format!(
                        "{found} records instead of {expected}; whether somebody else wrote the others, or some are \
                         doubled{}, only a comparison of content tells",
                        if window.removed.is_empty() { "" } else { " or should have been removed" }
                    );
                    self.about(item, window, WindowVerdict::Differs, text)
                }
            };
            proof.records = found;
            if found < expected {
                part.lacks = true;
                proof.differences.push(missing(expected - found));
            }
            part.windows.push(proof);
        }
        Ok(part)
    }

    /// Every record of the target; at the last depth every record of the source too.
    async fn compared(
        &self,
        item: &DataItem,
        place: u32,
        ledger: &DataLedger,
        target: DeviceId,
    ) -> Result<Part, ProveError> {
        let range = Range { from: item.from, to: item.to, variables: self.plan.header.choices.variables() };
        let theirs = match self.target.range(target, &range).await {
            Err(PortError::NotFound { .. }) => Parcels::default(),
            Err(PortError::Refused { message }) => {
                let unread = |window| self.about(item, window, WindowVerdict::NotRun, message.clone());
                return Ok(Part { windows: item.windows.iter().map(unread).collect(), ..Part::default() });
            }
            theirs => Parcels::of(Side::Target, theirs.map_err(on(Side::Target))?, &self.terms),
        };
        let windows = Vec::with_capacity(item.windows.len());
        let mut part = Part { windows, read: theirs.len() as u64, ..Part::default() };
        if let (Some(names), Some(written)) = (&self.names, &ledger.written) {
            names.note(place, written, &theirs).map_err(ProveError::Write)?;
        }
        let found = theirs.tallies();
        let mut ours = None;
        for (window, number) in item.windows.iter().zip(0_u32..) {
            if is_untouched(window, number, ledger) {
                let why = self.why_not(place, Some(number));
                part.windows.push(self.about(item, window, WindowVerdict::NotRun, why));
                continue;
            }
            let found = found.get(window.variable.as_str()).copied().unwrap_or_default();
            let expected = window.after();
            let mut proof =
                self.about(item, window, WindowVerdict::Equal, "holds exactly what it should".to_owned());
            if found != expected || self.depth == ProofDepth::Records {
                let ours = match &mut ours {
                    Some(ours) => ours,
                    None => {
                        let read = self.source.range(item.device, &range).await.map_err(on(Side::Source))?;
                        ours.insert(Parcels::of(Side::Source, read, &self.terms))
                    }
                };
                let ours_now = ours.tallies().get(window.variable.as_str()).copied().unwrap_or_default();
                proof.source_changed = ours_now != window.source;
                if !proof.source_changed {
                    let policy = self.plan.header.choices.policy;
                    let opened = ledger.opened.iter().find(|opened| opened.window == number);
                    let pairing = if self.depth == ProofDepth::Records {
                        Pairing::AlsoByContent
                    } else {
                        Pairing::ByMoment
                    };
                    let differences = explain(window, policy, opened, ours, &theirs, pairing);
                    proof = judged(proof, differences);
                } else if found == expected {
                    proof.text = format!(
                        "holds exactly what it should; the source has changed since the rehearsal, from {} records to {}",
                        window.source.count, ours_now.count
                    );
                } else {
                    proof.verdict = WindowVerdict::Differs;
                    proof.text = format!(
                        "{} records instead of {}; which ones cannot be told, because the source changed",
                        found.count, expected.count
                    );
                }
            }
            proof.records = found.count;
            // What is there too often does not go away by waiting.
            part.lacks |= proof.verdict == WindowVerdict::Differs
                && (proof.source_changed
                    || proof.differences.iter().any(|difference| {
                        matches!(difference.kind, DifferenceKind::Missing | DifferenceKind::Changed)
                    }));
            part.windows.push(proof);
        }
        if self.plan.header.choices.policy == Policy::Replace {
            part.windows.extend(self.of_other_variables(item, &theirs));
        }
        Ok(part)
    }

    /// What somebody else has written since into a range that is replaced, of variables that it did not have.
    fn of_other_variables<'a>(
        &'a self,
        item: &'a DataItem,
        theirs: &'a Parcels,
    ) -> impl Iterator<Item = WindowProof> + 'a {
        let planned = |variable: &str| item.windows.iter().any(|window| window.variable == variable);
        let others = theirs.tallies().into_iter().filter(move |(variable, _)| !planned(variable));
        others.map(|(variable, found)| {
            let window = Window { variable: variable.to_owned(), ..Window::default() };
            let policy = self.plan.header.choices.policy;
            let differences = explain(&window, policy, None, &Parcels::default(), theirs, Pairing::ByMoment);
            let proof = self.about(item, &window, WindowVerdict::Foreign, String::new());
            WindowProof { records: found.count, ..judged(proof, differences) }
        })
    }

    fn about(&self, item: &DataItem, window: &Window, verdict: WindowVerdict, text: String) -> WindowProof {
        WindowProof {
            device: item.device,
            name: self.name(item.device),
            variable: Some(window.variable.clone()),
            from: item.from,
            to: item.to,
            verdict,
            text,
            records: 0,
            differences: Vec::new(),
            source_changed: false,
        }
    }

    fn counterpart(&self, device: DeviceId) -> Option<DeviceId> {
        self.plan.items.iter().zip(0_u32..).find_map(|(item, place)| match item {
            Item::Device(item) if item.device == device => {
                item.target.or_else(|| self.ledger.devices.get(&place)?.made)
            }
            _ => None,
        })
    }

    fn name(&self, device: DeviceId) -> String {
        let name = self.plan.items.iter().find_map(|item| match item {
            Item::Device(item) if item.device == device => Some(item.name.clone()),
            _ => None,
        });
        name.unwrap_or_default()
    }

    fn why_not(&self, place: u32, window: Option<u32>) -> String {
        let held = self
            .ledger
            .reasons
            .iter()
            .find(|(item, held, _)| *item == place && (held.is_none() || *held == window));
        if let Some((_, _, reason)) = held {
            return reason.clone();
        }
        let planned = match self.plan.items.get(place as usize) {
            Some(Item::Data(item)) if item.verdict == Verdict::Blocked => item.reasons.first(),
            _ => None,
        };
        planned.map_or_else(|| "the run has not come to it".to_owned(), |reason| reason.text.clone())
    }
}

/// Whether the run had something to write into a window and did not come to it.
fn is_untouched(window: &Window, number: u32, ledger: &DataLedger) -> bool {
    window.is_touched() && ledger.opened.iter().all(|opened| opened.window != number)
}

/// Records of which only the number is known.
fn missing(times: u64) -> Difference {
    let kind = DifferenceKind::Missing;
    Difference { kind, time: None, expected: None, found: None, fields: Vec::new(), times }
}

/// What is said of so many records that should be gone.
pub(super) fn not_removed_words(count: u64) -> &'static str {
    either(
        count,
        "that should have been removed and is still there",
        "that should have been removed and are still there",
    )
}

/// The verdict that follows from the differences.
fn judged(mut proof: WindowProof, differences: Vec<Difference>) -> WindowProof {
    if differences.is_empty() {
        return proof;
    }
    let count = |kind| -> u64 {
        differences
            .iter()
            .filter(|difference| difference.kind == kind)
            .map(|difference| difference.times)
            .sum()
    };
    let not_removed = count(DifferenceKind::NotRemoved);
    let counts = [
        (count(DifferenceKind::Missing), "missing"),
        (count(DifferenceKind::Changed), "changed"),
        (count(DifferenceKind::Doubled), "doubled"),
        (not_removed, not_removed_words(not_removed)),
        (count(DifferenceKind::Foreign), "foreign"),
    ];
    let said: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    proof.text = said.join(", ");
    proof.verdict = match counts[..4].iter().all(|(count, _)| *count == 0) {
        true => WindowVerdict::Foreign,
        false => WindowVerdict::Differs,
    };
    proof.differences = differences;
    proof
}

fn on(side: Side) -> impl Fn(PortError) -> ProveError {
    move |cause| ProveError::Port { side, cause }
}
