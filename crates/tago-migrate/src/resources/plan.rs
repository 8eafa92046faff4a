//! The plan for what a project holds beside records: a pure function of two snapshots and the owner's
//! choices, item by item, sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tago_api::Time;

use super::document::{carried, differences, name, seal, tag};
use super::kind::{Kind, Part};
use super::matching::{Counterpart, Why, counterparts, key, known_ids};
use super::ports::Address;
use super::remap::{Mapping, Unresolved, blueprint_ids, ids_in, remap, remap_text};
use super::scan::{Found, Gap, PartDifference, Snapshot, entry_seal, part_difference, same_entry};
use super::scripts::ScriptFile;
use crate::plan::{Check, CheckVerdict, Seal, Verdict};
use crate::ports::Identity;
use crate::run::Side;
use crate::sides::Sides;

mod assess;
mod file;

use assess::assess;

/// What the owner chose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceChoices {
    /// Types; all if `None`.
    pub kinds: Option<BTreeSet<Kind>>,
    /// Ids in the source; all if `None`. The widgets of a dashboard come with it.
    pub items: Option<BTreeSet<String>>,
    /// Only what carries this tag, with this value if one is given.
    pub tagged: Option<(String, Option<String>)>,
    /// What becomes of resources that are on both sides and differ.
    pub conflict: Conflict,
    /// The same for one type.
    pub conflict_of_kind: BTreeMap<Kind, Conflict>,
    /// The same for one resource, by its id in the source.
    pub conflict_of_item: BTreeMap<String, Conflict>,
    /// The tag by whose value counterparts are found.
    pub match_tag: Option<String>,
    /// Counterparts as the owner knows them: ids in the source and in the target.
    pub counterparts: BTreeMap<String, String>,
    /// A folder with code for analyses of which the source has none: files named by the id of an analysis,
    /// or by its name with an ending that its runtime reads. An unpacked profile backup is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scripts: Option<PathBuf>,
}

/// What becomes of a resource that is on both sides and differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// It stays as it is; what its parts lack is added.
    #[default]
    KeepTarget,
    /// It gets the source's fields and entries.
    TakeSource,
    /// It gets the source's tags beside its own.
    MergeTags,
    /// The source's is made beside it.
    Both,
}

/// What a run will do to resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePlan {
    pub(crate) header: ResourceHeader,
    pub(crate) items: Vec<ResourceItem>,
}

/// What holds for the whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceHeader {
    /// The version of the format.
    pub version: u32,
    /// When it was made.
    pub created_at: Time,
    /// What the owner chose.
    pub choices: ResourceChoices,
    /// Where resources come from.
    pub source: Identity,
    /// Where they go.
    pub target: Identity,
    /// The sides to which something was sent in the hours before. They keep a larger share of their limits.
    #[serde(default = "both_sides", skip_serializing_if = "are_both")]
    pub in_use: BTreeSet<Side>,
    /// Ids of the source that are known in the target.
    pub ids: BTreeMap<String, String>,
    /// Hosts in addresses, and what they become.
    pub hosts: Vec<(String, String)>,
    /// What could not be read in the source.
    pub gaps: Vec<Gap>,
    /// The assessment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Code from the owner's folder, by the id of the analysis in the source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scripts: BTreeMap<String, ScriptFile>,
}

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceItem {
    /// Which, in the source.
    pub at: Address,
    /// Its name.
    pub name: String,
    /// What no other of its type has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is to be done.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<ResourceReason>,
    /// Its counterpart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Address>,
    /// What becomes of differences.
    pub conflict: Conflict,
    /// Its hash in the source.
    pub source_seal: Seal,
    /// That of its counterpart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_seal: Option<Seal>,
    /// Whether all fields become those of the source: it is new, or the owner wants it so, or it is the
    /// same but for ids of what is made anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follows: bool,
    /// Fields that will be set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Entries of its part that will be written.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub entries: BTreeSet<String>,
    /// What each of them is, in the source and in its counterpart. Older plans do not say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entry_seals: BTreeMap<String, EntrySeals>,
    /// Ids that will lead nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// What the owner has to do by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub work: Vec<Work>,
    /// Serial numbers on its tokens, which move over by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serials: Vec<String>,
}

/// The hashes of one entry of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySeals {
    /// As it is in the source.
    pub source: Seal,
    /// As it is in the counterpart, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Seal>,
}

/// Why an item has its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceReason {
    /// Nothing in the target is its counterpart.
    NoCounterpart,
    /// It has a counterpart.
    Matched(Why),
    /// Several resources of the target could be its counterpart: how many.
    ManyCounterparts(usize),
    /// These fields differ.
    Differs(Vec<String>),
    /// It is the same but for ids of what is made anew.
    LeadsToNew,
    /// These fields differ and cannot be changed after the making.
    Unchangeable(Vec<String>),
    /// So many entries of its part are not in the target.
    Lacks(Part, usize),
    /// So many entries of its part are others in the target.
    OtherEntries(Part, usize),
    /// What it needs is not there and is not made: a network, a connector, its dashboard.
    Needs(String),
}

/// What the owner has to do by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Enter the value of the secret.
    EnterSecret,
    /// Let the person choose a new password.
    NewPassword,
    /// Give the new token to whoever calls with it.
    HandOutToken,
    /// Upload the script: no source has it.
    UploadScript,
    /// Look for ids in the script: it is carried as it is.
    CheckScript,
    /// Switch it on.
    Activate,
    /// Put the serial number on a token when the old project is switched off.
    MoveSerial,
    /// Look for ids in the payload parser: it is carried as it is.
    CheckParser,
}

/// The version of the format.
pub(crate) const FORMAT: u32 = 1;

/// Compares two sides.
pub fn plan(
    source: &Snapshot,
    target: &Snapshot,
    choices: &ResourceChoices,
    hosts: Vec<(String, String)>,
    created_at: Time,
) -> ResourcePlan {
    let found = counterparts(source, target, choices);
    let mut mapping = known_ids(source, target, &found);
    mapping.hosts = hosts;
    add_catalogue(source, target, &mut mapping);
    let (from, to) = (source.identity.profile.to_string(), target.identity.profile.to_string());
    mapping.ids.insert(from, to);
    let counterparts = mapping.clone();
    let mut planning = Planning {
        source,
        target,
        choices,
        found: &found,
        made: BTreeSet::new(),
        mapping,
        counterparts: &counterparts,
    };
    planning.find_made();
    let chosen: Vec<usize> = (0..source.found.len()).filter(|place| planning.is_chosen(*place)).collect();
    let mut blocked = BTreeSet::new();
    let mut items = Vec::new();
    for place in chosen {
        let item = planning.item(place, &blocked);
        if matches!(item.verdict, Verdict::Blocked) {
            planning.made.remove(&item.at.id);
            blocked.insert(item.at.id.clone());
        }
        items.push(item);
    }
    let header = ResourceHeader {
        version: FORMAT,
        created_at,
        choices: choices.clone(),
        source: source.identity.clone(),
        target: target.identity.clone(),
        in_use: [(Side::Source, source), (Side::Target, target)]
            .into_iter()
            .filter(|(_, snapshot)| snapshot.in_use)
            .map(|(side, _)| side)
            .collect(),
        ids: planning.mapping.ids,
        hosts: planning.mapping.hosts,
        gaps: source.gaps.clone(),
        checks: assess(source, target, choices, &items),
        scripts: BTreeMap::new(),
    };
    ResourcePlan { header, items }
}

impl ResourceHeader {
    pub(crate) fn sides(&self) -> Sides<'_> {
        Sides { source: &self.source, target: &self.target }
    }
}

/// Of a plan that does not say.
fn both_sides() -> BTreeSet<Side> {
    BTreeSet::from([Side::Source, Side::Target])
}

fn are_both(sides: &BTreeSet<Side>) -> bool {
    *sides == both_sides()
}

struct Planning<'a> {
    source: &'a Snapshot,
    target: &'a Snapshot,
    choices: &'a ResourceChoices,
    found: &'a [Counterpart],
    /// Ids of the source that will have new ones.
    made: BTreeSet<String>,
    mapping: Mapping,
    /// The same, with counterparts beside which a second one is made.
    counterparts: &'a Mapping,
}

impl Planning<'_> {
    fn is_chosen(&self, place: usize) -> bool {
        let one = &self.source.found[place];
        let parent = one.at.parent.as_ref().and_then(|parent| {
            self.source
                .found
                .iter()
                .position(|other| other.at.kind == Kind::Dashboard && other.at.id == *parent)
        });
        if let Some(parent) = parent
            && one.at.kind == Kind::Widget
            && self.choices.items.as_ref().is_none_or(|items| !items.contains(&one.at.id))
        {
            return self.is_chosen(parent);
        }
        let of_kind = self.choices.kinds.as_ref().is_none_or(|kinds| kinds.contains(&one.at.kind));
        let by_id = self.choices.items.as_ref().is_none_or(|items| items.contains(&one.at.id));
        let by_tag = self.choices.tagged.as_ref().is_none_or(|(key, value)| {
            tag(&one.document, key).is_some_and(|found| value.as_deref().is_none_or(|value| value == found))
        });
        of_kind && by_id && by_tag
    }

    fn find_made(&mut self) {
        for (place, counterpart) in self.found.iter().enumerate() {
            let one = &self.source.found[place];
            let is_made = one.at.kind != Kind::File
                && !self.is_unknown(one.at.kind)
                && match counterpart {
                    Counterpart::None => true,
                    Counterpart::One(other, _) => self.makes_both(one, &self.target.found[*other]),
                    Counterpart::Many(_) => false,
                };
            if is_made && one.at.kind != Kind::RunConfiguration && self.is_chosen(place) {
                self.made.insert(one.at.id.clone());
                self.mapping.ids.remove(&one.at.id);
            }
        }
    }

    /// Whether the target does not say what it has of a type.
    fn is_unknown(&self, kind: Kind) -> bool {
        self.target.gaps.iter().any(|gap| gap.kind == kind && gap.id.is_none())
    }

    fn conflict(&self, one: &Found) -> Conflict {
        let of_item = self.choices.conflict_of_item.get(&one.at.id);
        let of_kind = self.choices.conflict_of_kind.get(&one.at.kind);
        of_item.or(of_kind).copied().unwrap_or(self.choices.conflict)
    }

    /// Whether the two say something else, but for their ids.
    fn differs(&self, one: &Found, other: &Found) -> bool {
        let row = one.at.kind.descriptor();
        let kept = carried(row.kind, &one.document);
        let (wanted, _) = remap(row.kind, &kept, self.counterparts, &self.local(one));
        let rewritten = |(key, entry): (&String, &_)| (key.clone(), entry_with(entry, self.counterparts));
        let entries = one.entries.iter().map(rewritten).collect();
        !differences(row, &wanted, &carried(row.kind, &other.document)).is_empty()
            || row.part.is_some_and(|part| {
                part_difference(part, &entries, &other.entries) != PartDifference::default()
            })
    }

    fn moves(&self, one: &Found) -> bool {
        one.at.kind == Kind::File && ids_in(&one.at.id).any(|(_, id)| self.made.contains(id))
    }

    /// A second one beside a counterpart, which is only possible where no key forbids it.
    fn makes_both(&self, one: &Found, other: &Found) -> bool {
        let row = one.at.kind.descriptor();
        let possible = row.key.is_none() && !matches!(row.kind, Kind::RunConfiguration | Kind::Widget);
        possible && self.conflict(one) == Conflict::Both && self.differs(one, other)
    }

    /// What the target is to have, with ids that will only be known later left as they are.
    fn wanted(&self, one: &Found) -> (super::Document, Vec<Unresolved>) {
        let local = self.local(one);
        let (wanted, unresolved) =
            remap(one.at.kind, &carried(one.at.kind, &one.document), &self.mapping, &local);
        let unresolved = unresolved.into_iter().filter(|found| !self.made.contains(&found.id));
        // A text that only looks like an id of something is no news.
        (wanted, unresolved.collect())
    }

    fn local(&self, one: &Found) -> BTreeSet<String> {
        let dashboard = match one.at.kind {
            Kind::Dashboard => Some(one),
            Kind::Widget => self.source.found.iter().find(|other| {
                other.at.kind == Kind::Dashboard && Some(&other.at.id) == one.at.parent.as_ref()
            }),
            _ => None,
        };
        dashboard.map(|dashboard| blueprint_ids(&dashboard.document)).unwrap_or_default()
    }

    fn item(&self, place: usize, blocked: &BTreeSet<String>) -> ResourceItem {
        let one = &self.source.found[place];
        let kind = one.at.kind;
        let (wanted, unresolved) = self.wanted(one);
        let mut item = ResourceItem {
            at: one.at.clone(),
            name: name(kind, &one.document),
            key: key(kind, &one.document),
            verdict: Verdict::Skip,
            reasons: Vec::new(),
            target: None,
            conflict: self.conflict(one),
            source_seal: seal(kind, &one.document),
            target_seal: None,
            follows: false,
            fields: Vec::new(),
            entries: BTreeSet::new(),
            entry_seals: BTreeMap::new(),
            unresolved,
            work: Vec::new(),
            serials: one.serials.clone(),
        };
        match self.found[place] {
            Counterpart::Many(number) => {
                item.verdict = Verdict::Conflict;
                item.reasons.push(ResourceReason::ManyCounterparts(number));
            }
            // A file whose path holds the id of what is made anew is wanted under the new path.
            Counterpart::One(other, why)
                if !self.makes_both(one, &self.target.found[other]) && !self.moves(one) =>
            {
                item.reasons.push(ResourceReason::Matched(why));
                self.compare(&mut item, one, &wanted, &self.target.found[other]);
            }
            _ if kind == Kind::RunConfiguration => {
                item.verdict = Verdict::Blocked;
                item.reasons.push(ResourceReason::NoCounterpart);
            }
            _ if self.is_unknown(kind) => {
                item.verdict = Verdict::Blocked;
                item.reasons.push(ResourceReason::Needs(format!("a target that has the type {kind}")));
            }
            _ => {
                item.verdict = Verdict::Create;
                item.follows = true;
                item.reasons.push(ResourceReason::NoCounterpart);
                item.entries = one.entries.keys().cloned().collect();
                item.work = self.work(one, true);
                self.check_needs(&mut item, one, blocked);
            }
        }
        if matches!(item.verdict, Verdict::Skip | Verdict::Conflict | Verdict::Blocked) {
            item.unresolved.clear();
        }
        item.entry_seals = self.entry_seals(&item, place);
        item
    }

    fn entry_seals(&self, item: &ResourceItem, place: usize) -> BTreeMap<String, EntrySeals> {
        let Some(part) = item.at.kind.descriptor().part else { return BTreeMap::new() };
        let other = match self.found[place] {
            Counterpart::One(other, _) if item.target.is_some() => Some(&self.target.found[other]),
            _ => None,
        };
        let sealed = |key: &String| {
            let source = entry_seal(part, self.source.found[place].entries.get(key)?);
            let target = other.and_then(|other| other.entries.get(key));
            let target = target.map(|entry| entry_seal(part, entry));
            Some((key.clone(), EntrySeals { source, target }))
        };
        item.entries.iter().filter_map(sealed).collect()
    }

    fn compare(&self, item: &mut ResourceItem, one: &Found, wanted: &super::Document, other: &Found) {
        let kind = one.at.kind;
        let row = kind.descriptor();
        let there = carried(kind, &other.document);
        item.target = Some(other.at.clone());
        item.target_seal = Some(seal(kind, &other.document));
        let leads_to_new = self.leads_to_new(one);
        let differing = differences(row, wanted, &there);
        let (fields, fixed): (Vec<_>, Vec<_>) =
            differing.into_iter().partition(|field| row.is_editable(field));
        let is_own = differences(row, &carried(kind, &one.document), &there).is_empty();
        let entries = row.part.map(|part| (part, part_difference(part, &self.entries(one), &other.entries)));
        if !fixed.is_empty() {
            item.reasons.push(ResourceReason::Unchangeable(fixed.clone()));
        }
        if !fields.is_empty() {
            item.reasons.push(ResourceReason::Differs(fields.clone()));
        }
        if leads_to_new {
            item.reasons.push(ResourceReason::LeadsToNew);
        }
        let mut others = 0;
        if let Some((part, difference)) = entries {
            if !difference.absent.is_empty() {
                item.reasons.push(ResourceReason::Lacks(part, difference.absent.len()));
                item.entries.extend(difference.absent.into_keys());
            }
            if !difference.other.is_empty() {
                item.reasons.push(ResourceReason::OtherEntries(part, difference.other.len()));
            }
            // The target's own entry that leads to what is gone has to lead to the new one.
            let is_own = |key: &String| {
                one.entries
                    .get(key)
                    .zip(other.entries.get(key))
                    .is_some_and(|(one, other)| same_entry(part, one, other))
            };
            let leading = one.entries.iter().filter(|(key, entry)| is_own(key) && self.names_made(entry));
            let leading: Vec<String> = leading.map(|(key, _)| key.clone()).collect();
            if !leading.is_empty() && !leads_to_new {
                item.reasons.push(ResourceReason::LeadsToNew);
            }
            item.entries.extend(leading);
            let (own, foreign): (Vec<_>, Vec<_>) = difference.other.into_keys().partition(is_own);
            item.entries.extend(own);
            others = foreign.len();
            if item.conflict == Conflict::TakeSource {
                item.entries.extend(foreign);
            }
        }
        item.fields = match item.conflict {
            // The target's own resource that leads to what is gone: it has to lead to the new one.
            _ if is_own => fields.clone(),
            Conflict::TakeSource => fields.clone(),
            Conflict::MergeTags => fields.iter().filter(|field| *field == "tags").cloned().collect(),
            Conflict::KeepTarget | Conflict::Both => Vec::new(),
        };
        let changes = !item.fields.is_empty()
            || !item.entries.is_empty()
            || leads_to_new && (is_own || item.conflict == Conflict::TakeSource);
        let left = !fixed.is_empty()
            || fields.len() > item.fields.len()
            || others > 0 && item.conflict != Conflict::TakeSource
            || leads_to_new;
        item.verdict = match (changes, left) {
            (true, _) => Verdict::Update,
            (false, true) => Verdict::Conflict,
            (false, false) => Verdict::Skip,
        };
        if item.verdict == Verdict::Update {
            item.follows = is_own || item.conflict == Conflict::TakeSource;
            item.work = self.work(one, false);
        }
    }

    /// Entries with the ids of the target, as far as they are known.
    fn entries(&self, one: &Found) -> super::ports::Entries {
        let rewritten = |value: &serde_json::Value| entry_with(value, &self.mapping);
        one.entries.iter().map(|(key, entry)| (key.clone(), rewritten(entry))).collect()
    }

    fn names_made(&self, entry: &serde_json::Value) -> bool {
        match entry {
            serde_json::Value::String(text) => ids_in(text).any(|(_, id)| self.made.contains(id)),
            serde_json::Value::Array(items) => items.iter().any(|item| self.names_made(item)),
            serde_json::Value::Object(fields) => fields.values().any(|field| self.names_made(field)),
            _ => false,
        }
    }

    fn leads_to_new(&self, one: &Found) -> bool {
        let local = self.local(one);
        let kept = carried(one.at.kind, &one.document);
        let (_, unresolved) = remap(one.at.kind, &kept, &self.mapping, &local);
        unresolved.iter().any(|found| self.made.contains(&found.id))
    }

    fn check_needs(&self, item: &mut ResourceItem, one: &Found, blocked: &BTreeSet<String>) {
        let known =
            |id: &str| (self.mapping.ids.contains_key(id) || self.made.contains(id)) && !blocked.contains(id);
        let needed: Vec<(&str, Option<&str>)> = match one.at.kind {
            Kind::Device => vec![
                ("network", super::document::text(&one.document, "network")),
                ("connector", super::document::text(&one.document, "connector")),
            ],
            Kind::Widget => vec![("dashboard", one.at.parent.as_deref())],
            _ => Vec::new(),
        };
        for (what, id) in needed {
            if let Some(id) = id.filter(|id| !id.is_empty() && !known(id)) {
                item.verdict = Verdict::Blocked;
                item.reasons.push(ResourceReason::Needs(format!("{what} {id}")));
            }
        }
    }

    fn work(&self, one: &Found, is_new: bool) -> Vec<Work> {
        let mut work = Vec::new();
        let is_active = one.document.get("active") != Some(&serde_json::Value::Bool(false));
        let parses =
            super::document::text(&one.document, "payload_decoder").is_some_and(|code| !code.is_empty());
        match one.at.kind {
            Kind::Secret if is_new => work.push(Work::EnterSecret),
            Kind::RunUser if is_new => work.push(Work::NewPassword),
            Kind::ServiceAuthorization | Kind::Network if is_new => work.push(Work::HandOutToken),
            Kind::Device if is_new => {
                work.push(Work::HandOutToken);
                if !one.serials.is_empty() {
                    work.push(Work::MoveSerial);
                }
            }
            Kind::Analysis if is_new => {
                work.push(if one.entries.is_empty() { Work::UploadScript } else { Work::CheckScript });
            }
            _ => {}
        }
        if is_new && parses {
            work.push(Work::CheckParser);
        }
        if is_new && one.at.kind.descriptor().rests && is_active {
            work.push(Work::Activate);
        }
        work
    }
}

/// A value of a part, with the ids of the target.
pub(crate) fn entry_with(value: &serde_json::Value, mapping: &Mapping) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(remap_text(text, mapping)),
        Value::Array(items) => items.iter().map(|item| entry_with(item, mapping)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| match name.as_str() {
                    // A row keeps its own id, and a script its hash.
                    "id" | "sha256" => (name.clone(), value.clone()),
                    _ => (name.clone(), entry_with(value, mapping)),
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Networks and connectors that everybody has: the same id, or else the only one of the same name.
fn add_catalogue(source: &Snapshot, target: &Snapshot, mapping: &mut Mapping) {
    for (kind, ours) in &source.catalogue {
        let theirs = target.catalogue.get(kind).map_or(&[][..], Vec::as_slice);
        for one in ours {
            if mapping.ids.contains_key(&one.id) {
                continue;
            }
            let same_id = theirs.iter().find(|other| other.id == one.id);
            let mut same_name = theirs.iter().filter(|other| other.name == one.name);
            let by_name = same_name.next().filter(|_| same_name.next().is_none());
            let is_own = source.of_kind(*kind).any(|found| found.at.id == one.id);
            if let Some(other) = same_id.or(by_name)
                && !(is_own && same_id.is_none())
            {
                mapping.ids.insert(one.id.clone(), other.id.clone());
            }
        }
    }
}

impl ResourcePlan {
    /// What holds for the whole plan.
    pub fn header(&self) -> &ResourceHeader {
        &self.header
    }

    /// The items, in the order in which they are made.
    pub fn items(&self) -> &[ResourceItem] {
        &self.items
    }

    /// Why it cannot be run, if it cannot.
    pub fn obstacle(&self) -> Option<String> {
        let block = self.header.checks.iter().find(|check| check.verdict == CheckVerdict::Block);
        block.map(|check| check.text.clone())
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        !self.items.iter().any(ResourceItem::acts)
    }

    pub(crate) fn mapping(&self) -> Mapping {
        Mapping { ids: self.header.ids.clone(), hosts: self.header.hosts.clone() }
    }
}

impl ResourceItem {
    /// Whether a run does anything about it.
    pub fn acts(&self) -> bool {
        matches!(self.verdict, Verdict::Create | Verdict::Update)
    }
}
