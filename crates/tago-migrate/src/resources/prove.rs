//! The proof of a run over resources: what the target holds against what the plan said it would, whatever
//! the journal believes. Where the source is gone, or another by now, against what the run sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tago_api::Time;

use super::document::{Document, carried, differences, merged_tags, same, seal};
use super::hands::see;
use super::keep::Folder;
use super::kind::Kind;
use super::ledger::{Ledger, Progress, What};
use super::machine::{Seen, holds};
use super::plan::{Conflict, ResourceItem, ResourcePlan, entry_with};
use super::ports::{Address, Resources};
use super::remap::{Mapping, blueprint_ids, remap};
use super::row::Row;
use super::run::past;
use super::scan::{Asking, same_entry};
use super::scripts::WithScripts;
use crate::folder::{self, write_whole};
use crate::journal::SqliteJournal;
use crate::lanes::in_lanes;
use crate::plan::{Seal, Verdict};
use crate::ports::PortError;
use crate::progress::Phase;
use crate::prove::{Beginning, ProveError, Unfinished};
use crate::run::{RunError, Side};
use crate::settings::{Env, Settings};
use crate::watch::Watch;

/// The comparison of the target with the plan, resource by resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceProof {
    /// When it was made.
    pub at: Time,
    /// When it was begun: one that was interrupted goes on, and looks again at nothing that it has proven.
    #[serde(default)]
    pub begun_at: Time,
    /// Whether every resource that was to be made or changed is as planned.
    pub green: bool,
    /// Resources that were to be made or changed.
    pub items: u64,
    /// Those that are as planned.
    pub items_green: u64,
    /// Those that were as planned, and that somebody changed or deleted since.
    pub changed_since: u64,
    /// Those that are not as planned.
    pub differing: u64,
    /// Those that were held back or not reached.
    pub not_run: u64,
    /// Those of which the source could be read as it was at the rehearsal. The others are compared with
    /// what the run sealed when it had written them.
    pub read_in_source: u64,
    /// Every one that is not as planned.
    pub not_equal: Vec<ItemProof>,
}

/// What was found about one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemProof {
    /// Which, in the source.
    pub at: Address,
    /// Its name.
    pub name: String,
    /// Its id in the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The verdict.
    pub verdict: ItemVerdict,
    /// Why, in words.
    pub text: String,
    /// Whether it was compared with the source, and not with what the run sealed.
    pub with_source: bool,
    /// Fields that are not as planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Entries of its part that are not as planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<String>,
}

/// The verdict on one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemVerdict {
    /// It is as planned.
    Equal,
    /// It was as planned; somebody changed or deleted it since.
    ChangedSince,
    /// It is not as planned.
    Differs,
    /// It was held back or not reached.
    NotRun,
}

/// Reads the target, and the source where there still is one, compares every resource that the run made
/// or changed with what the plan says, and stores the result in the run folder. One that was interrupted
/// goes on where it was.
///
/// # Errors
/// See [`ProveError`]. A run that was taken back has nothing to prove.
pub async fn prove(
    folder: &Path,
    source: Option<&dyn Resources>,
    target: &dyn Resources,
    settings: &Settings,
    env: Env<'_>,
) -> Result<ResourceProof, ProveError> {
    prove_as(folder, false, source, target, settings, env).await
}

/// The same; `afresh`, it looks again also at what an interrupted proof has proven.
///
/// # Errors
/// See [`prove`].
pub async fn prove_as(
    folder: &Path,
    afresh: bool,
    source: Option<&dyn Resources>,
    target: &dyn Resources,
    settings: &Settings,
    env: Env<'_>,
) -> Result<ResourceProof, ProveError> {
    let rows = SqliteJournal::read_of::<Row>(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    if ledger.undoing {
        let reason = "it is taken back, or being so".to_owned();
        return Err(ProveError::Run(RunError::NotRunnable { reason }));
    }
    if let Some(source) = source {
        plan.header.sides().expect(Side::Source, source.identity().await)?;
    }
    plan.header.sides().expect(Side::Target, target.identity().await)?;
    let beginning = Beginning {
        fingerprint: plan.fingerprint(),
        depth: WithSource(source.is_some()),
        rows: rows.len() as u64,
        begun_at: env.clock.now(),
    };
    let unfinished = Unfinished::open(folder, beginning, afresh)?;
    let keep = Folder::of(folder);
    let source = source.map(|source| WithScripts { source, scripts: &plan.header.scripts, keep: &keep });
    let source = source.as_ref().map(|source| source as &dyn Resources);
    let (proof, items) = examine(&plan, &ledger, source, target, &unfinished, settings, env).await?;
    store(folder, &proof, &items).map_err(ProveError::Write)?;
    unfinished.end().map_err(ProveError::Write)?;
    Ok(proof)
}

/// The proof that was stored last in a run folder, if there is one.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn last_proof(folder: &Path) -> std::io::Result<Option<ResourceProof>> {
    let file = match std::fs::File::open(folder.join(folder::PROOF)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut not_equal = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line?;
        if line.starts_with("{\"holdfast_resource_proof\"") {
            let ProofLine { holdfast_resource_proof } = serde_json::from_str(&line)?;
            return Ok(Some(ResourceProof { not_equal, ..holdfast_resource_proof }));
        }
        let item: ItemProof = serde_json::from_str(&line)?;
        if item.verdict != ItemVerdict::Equal {
            not_equal.push(item);
        }
    }
    Ok(None)
}

/// Whether the source is read as well: what was proven without it is compared with it again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
struct WithSource(bool);

/// What was found of one resource, and of a dashboard the ids that mean something inside it alone.
pub(crate) type Examined = (ItemProof, Option<BTreeSet<String>>);

#[derive(Serialize, Deserialize)]
struct ProofLine {
    holdfast_resource_proof: ResourceProof,
}

/// One line for each resource, and the proof without them at the end.
fn store(folder: &Path, proof: &ResourceProof, items: &[ItemProof]) -> std::io::Result<()> {
    write_whole(&folder.join(folder::PROOF), |file| {
        let mut file = BufWriter::new(file);
        for item in items {
            serde_json::to_writer(&mut file, item)?;
            file.write_all(b"\n")?;
        }
        let end = ResourceProof { not_equal: Vec::new(), ..proof.clone() };
        serde_json::to_writer(&mut file, &ProofLine { holdfast_resource_proof: end })?;
        file.write_all(b"\n")?;
        file.flush()
    })
}

/// The proof, and every resource's part of it.
pub(crate) async fn examine(
    plan: &ResourcePlan,
    ledger: &Ledger,
    source: Option<&dyn Resources>,
    target: &dyn Resources,
    unfinished: &Unfinished<Examined>,
    settings: &Settings,
    env: Env<'_>,
) -> Result<(ResourceProof, Vec<ItemProof>), ProveError> {
    let [for_source, for_target] = &plan.header.paces(source, target, settings, env.clock);
    let asking = |pacers| Asking { pacers, clock: env.clock, patience: settings.patience };
    let watch = Watch::new(env);
    watch.phase(Phase::Proving);
    watch.change(|figures| {
        figures.items_total = plan.items.iter().filter(|item| item.acts()).count() as u64;
    });
    let prover = Prover {
        ledger,
        mapping: ledger.mapping(plan),
        source: source.map(|port| (port, asking(for_source))),
        target: (target, asking(for_target)),
        watch: &watch,
    };
    let mut items = Vec::new();
    let proven = unfinished.proven();
    watch.change(|figures| figures.items_done = proven.len() as u64);
    // A widget is read by what its dashboard says, so a type is done before the next one begins.
    let mut local = BTreeMap::new();
    let prover = &prover;
    for kind in Kind::ALL {
        let chosen = (0_u32..).zip(&plan.items).filter(|(_, item)| item.acts() && item.at.kind == kind);
        let (local_before, proven) = (&local, &proven);
        let examining = chosen.map(|(place, item)| async move {
            if let Some(examined) = proven.get(&place) {
                return Ok::<_, ProveError>(examined.clone());
            }
            let examined = prover.examine(place, item, local_before).await?;
            if examined.0.verdict == ItemVerdict::Equal {
                unfinished.note(place, &examined).map_err(ProveError::Write)?;
            }
            Ok(examined)
        });
        let examining = examining.collect();
        let found = in_lanes(settings.lanes.max(1), examining).await?;
        for (proof, blueprints) in found {
            local.extend(blueprints.map(|blueprints| (proof.at.id.clone(), blueprints)));
            items.push(proof);
        }
    }
    watch.phase(Phase::Done);
    let count = |verdict| items.iter().filter(|item| item.verdict == verdict).count() as u64;
    let mut proof = ResourceProof {
        at: env.clock.now(),
        begun_at: unfinished.begun_at(),
        green: false,
        items: items.len() as u64,
        items_green: count(ItemVerdict::Equal),
        changed_since: count(ItemVerdict::ChangedSince),
        differing: count(ItemVerdict::Differs),
        not_run: count(ItemVerdict::NotRun),
        read_in_source: items.iter().filter(|item| item.with_source).count() as u64,
        not_equal: items.iter().filter(|item| item.verdict != ItemVerdict::Equal).cloned().collect(),
    };
    proof.green = proof.items_green == proof.items;
    Ok((proof, items))
}

struct Prover<'a> {
    ledger: &'a Ledger,
    mapping: Mapping,
    source: Option<(&'a dyn Resources, Asking<'a>)>,
    target: (&'a dyn Resources, Asking<'a>),
    watch: &'a Watch<'a>,
}

/// Blueprint devices of each dashboard of the source.
type Blueprints = BTreeMap<String, BTreeSet<String>>;

/// What is to be compared of one resource.
struct Subject<'a> {
    item: &'a ResourceItem,
    place: u32,
    progress: &'a Progress,
    there: &'a Seen,
}

/// What was found of one resource, in fields and in entries.
#[derive(Default)]
struct Findings {
    fields: Vec<String>,
    entries: Vec<String>,
    /// The target holds what the run itself left, and that is not what the plan says.
    is_own_mistake: bool,
}

impl Prover<'_> {
    /// One resource; of a dashboard also the ids that mean something inside it alone.
    async fn examine(
        &self,
        place: u32,
        item: &ResourceItem,
        local: &Blueprints,
    ) -> Result<Examined, ProveError> {
        self.watch.pass().await?;
        let progress = self.ledger.of_item(place);
        let at = self.target_of(item, &progress);
        let ours = match progress.done {
            true => self.in_source(item).await?,
            false => None,
        };
        let dashboard = ours.as_ref().filter(|_| item.at.kind == Kind::Dashboard);
        let blueprints = dashboard.map(|ours| blueprint_ids(&ours.document));
        let mut proof = ItemProof {
            at: item.at.clone(),
            name: item.name.clone(),
            target: at.as_ref().map(|at| at.id.clone()),
            verdict: ItemVerdict::Equal,
            text: String::new(),
            with_source: ours.is_some(),
            fields: Vec::new(),
            entries: Vec::new(),
        };
        match at.filter(|_| progress.done) {
            None => {
                proof.verdict = ItemVerdict::NotRun;
                proof.text = progress.held.unwrap_or_else(|| "the run did not get that far".to_owned());
            }
            Some(at) => match self.in_target(&at).await? {
                None => {
                    proof.verdict = ItemVerdict::ChangedSince;
                    proof.text = "somebody deleted it since".to_owned();
                }
                Some(there) => {
                    let subject = Subject { item, place, progress: &progress, there: &there };
                    let found = match &ours {
                        Some(ours) => {
                            let dashboard = item.at.parent.as_ref().unwrap_or(&item.at.id);
                            let local = blueprints.as_ref().or_else(|| local.get(dashboard));
                            self.against_source(&subject, ours, local)
                        }
                        None => self.against_seals(&subject),
                    };
                    judge(&mut proof, found);
                }
            },
        }
        self.watch.change(|figures| figures.items_done += 1);
        Ok((proof, blueprints))
    }

    /// Where it is in the target.
    fn target_of(&self, item: &ResourceItem, progress: &Progress) -> Option<Address> {
        if item.verdict != Verdict::Create {
            return item.target.clone();
        }
        let parent = item.at.parent.as_ref();
        let parent = parent.map(|parent| self.mapping.ids.get(parent).unwrap_or(parent).clone());
        let id = progress.id.clone()?;
        Some(Address { kind: item.at.kind, parent, id })
    }

    async fn in_target(&self, at: &Address) -> Result<Option<Seen>, ProveError> {
        let (port, asking) = &self.target;
        match see(*port, asking, at).await {
            Ok(seen) => Ok(Some(seen)),
            Err(PortError::NotFound { .. }) => Ok(None),
            Err(cause) => Err(ProveError::Port { side: Side::Target, cause }),
        }
    }

    /// It in the source, if that is there and as it was at the rehearsal.
    async fn in_source(&self, item: &ResourceItem) -> Result<Option<Seen>, ProveError> {
        let Some((port, asking)) = &self.source else { return Ok(None) };
        match see(*port, asking, &item.at).await {
            Ok(seen) => Ok(Some(seen).filter(|seen| seal(item.at.kind, &seen.document) == item.source_seal)),
            Err(PortError::NotFound { .. }) => Ok(None),
            Err(cause) => Err(ProveError::Port { side: Side::Source, cause }),
        }
    }

    fn against_source(
        &self,
        subject: &Subject<'_>,
        ours: &Seen,
        local: Option<&BTreeSet<String>>,
    ) -> Findings {
        let Subject { item, place, progress, there } = subject;
        let kind = item.at.kind;
        let nothing = BTreeSet::new();
        let carried_there = carried(kind, &there.document);
        let local = local.unwrap_or(&nothing);
        let (wanted, _) = remap(kind, &carried(kind, &ours.document), &self.mapping, local);
        let mut found = Findings { fields: unlike(item, &wanted, &carried_there), ..Findings::default() };
        found.is_own_mistake = !found.fields.is_empty() && is_as_left(kind, progress, &there.document);
        let Some(part) = kind.descriptor().part else { return found };
        let sent = self.sent(*place);
        for key in &item.entries {
            // A row that the source has lost since can only be compared with what was sent.
            let wanted = ours.entries.get(key).map(|entry| entry_with(entry, &self.mapping));
            let there = there.entries.get(key);
            let is_equal = match (&wanted, there) {
                (Some(wanted), Some(there)) => same_entry(part, wanted, there),
                (None, Some(there)) => sent.get(key).is_none_or(|sent| holds(part, there, sent)),
                (_, None) => false,
            };
            if !is_equal {
                found.is_own_mistake |=
                    there.zip(sent.get(key)).is_some_and(|(it, sent)| holds(part, it, sent));
                found.entries.push(key.clone());
            }
        }
        found
    }

    /// What the run read when it had written: then it was as planned.
    fn against_seals(&self, subject: &Subject<'_>) -> Findings {
        let Subject { item, place, progress, there } = subject;
        let kind = item.at.kind;
        let mut found = Findings::default();
        let sets_fields = item.follows || item.conflict == Conflict::MergeTags;
        if sets_fields && !is_as_left(kind, progress, &there.document) {
            found.fields.push(CONTENT.to_owned());
        }
        let Some(part) = kind.descriptor().part else { return found };
        let sent = self.sent(*place);
        let is_as_sent = |key: &&String| {
            let there = there.entries.get(*key);
            there.is_some_and(|there| sent.get(*key).is_none_or(|sent| holds(part, there, sent)))
        };
        found.entries.extend(item.entries.iter().filter(|key| !is_as_sent(key)).cloned());
        found
    }

    /// What each entry was when the run sent it last.
    fn sent(&self, place: u32) -> BTreeMap<&String, &Seal> {
        let effects = self.ledger.effects.iter();
        let effects = effects.filter(|effect| effect.item == place && !effect.is_nothing());
        let sent = effects.filter_map(|effect| match &effect.what {
            What::Entries { entries, .. } => Some(entries),
            _ => None,
        });
        sent.flatten().collect()
    }
}

/// What stands for all fields where only a hash of them is known.
const CONTENT: &str = "content";

fn judge(proof: &mut ItemProof, found: Findings) {
    proof.fields = found.fields;
    proof.entries = found.entries;
    let mut what: Vec<String> = Vec::new();
    match proof.fields.as_slice() {
        [] => {}
        [all] if all == CONTENT => what.push("its content is another one".to_owned()),
        fields => what.push(format!("other fields: {}", fields.join(", "))),
    }
    match proof.entries.len() {
        0 => {}
        1 => what.push("one of its entries is missing or another one".to_owned()),
        number => what.push(format!("{number} of its entries are missing or others")),
    }
    (proof.verdict, proof.text) = match (what.is_empty(), found.is_own_mistake) {
        (true, _) if proof.with_source => (ItemVerdict::Equal, "as in the source".to_owned()),
        (true, _) => (ItemVerdict::Equal, "as the run left it".to_owned()),
        (false, true) => (ItemVerdict::Differs, what.join("; ")),
        (false, false) => {
            (ItemVerdict::ChangedSince, format!("somebody changed it since: {}", what.join("; ")))
        }
    };
}

/// Fields that are not what the plan wants them to be.
fn unlike(item: &ResourceItem, wanted: &Document, there: &Document) -> Vec<String> {
    let row = item.at.kind.descriptor();
    if item.follows {
        let mut differing = differences(row, wanted, there);
        // What cannot be changed was told before the run.
        differing.retain(|field| item.verdict == Verdict::Create || row.is_editable(field));
        return differing;
    }
    if item.conflict == Conflict::MergeTags && row.is_editable("tags") {
        let nothing = Value::Null;
        let mine = there.get("tags").unwrap_or(&nothing);
        let merged = merged_tags(wanted.get("tags").unwrap_or(&nothing), mine);
        if !same(Some(&merged), Some(mine)) {
            return vec!["tags".to_owned()];
        }
    }
    Vec::new()
}

/// Whether the document is the one that the run read last. Its owner may have switched it on since.
fn is_as_left(kind: Kind, progress: &Progress, document: &Document) -> bool {
    let Some(left) = &progress.left else { return false };
    if seal(kind, document) == *left {
        return true;
    }
    kind.descriptor().rests
        && [Value::Bool(false), Value::Bool(true), Value::Null].into_iter().any(|active| {
            let mut document = document.clone();
            document.insert("active".to_owned(), active);
            seal(kind, &document) == *left
        })
}
