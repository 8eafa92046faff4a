//! Names of a project's things that stand inside its records: ids of devices in metadata and values, the
//! profile and the host in addresses of files, a device before the group in fixed positions.
//!
//! A record is sent with the target's names in it, and compared by what it says apart from whose names it
//! uses: on both sides its key is that of the record with the source's. So seals, multisets and proof hold
//! though a device that records name is not made yet when they are sealed, and a record that held the
//! target's own name all along, as one of a restored copy may, is the same record before and after.

use std::collections::{BTreeMap, BTreeSet};

use tago_api::{DeviceId, Value};

use crate::json::Json;
use crate::machine::ledger::Ledger;
use crate::plan::{Header, Inside, Item, Plan};
use crate::record::{Key, Record};
use crate::resources::remap::{Mapping, Unresolved, ids_in, remap_inside};
use crate::run::Side;

pub(crate) mod device;

/// What of the source is called what in the target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// For what is sent.
    to_target: Mapping,
    /// For comparing, from the target's names to the source's.
    back: Mapping,
}

impl Terms {
    /// As far as the run has come: a device that it makes has no name in the target before.
    pub(crate) fn of(plan: &Plan, ledger: &Ledger) -> Terms {
        let items = plan.items.iter().zip(0_u32..).filter_map(|(item, place)| match item {
            Item::Device(item) => {
                let made = || ledger.devices.get(&place)?.made;
                Some((item.device, item.target.or_else(made)?))
            }
            Item::Data(_) => None,
        });
        Terms::between(&plan.header, items)
    }

    /// With these devices beside those that the header knows.
    pub(crate) fn between(header: &Header, devices: impl IntoIterator<Item = (DeviceId, DeviceId)>) -> Terms {
        match header.choices.inside {
            Inside::Rewrite => Terms::all(header, devices),
            Inside::Leave | Inside::Unsaid => Terms::default(),
        }
    }

    fn all(header: &Header, devices: impl IntoIterator<Item = (DeviceId, DeviceId)>) -> Terms {
        let devices: BTreeMap<DeviceId, DeviceId> = devices.into_iter().collect();
        // Nothing has the name of two: what the plan says of its own devices counts.
        let taken: BTreeSet<DeviceId> = devices.values().copied().collect();
        let known = header
            .counterparts
            .iter()
            .filter(|(ours, theirs)| !devices.contains_key(ours) && !taken.contains(theirs));
        let pairs = known.chain(&devices).map(|(ours, theirs)| (ours.to_string(), theirs.to_string()));
        let profiles = (header.source.profile.to_string(), header.target.profile.to_string());
        let pairs = pairs.chain([profiles]).filter(|(ours, theirs)| ours != theirs);
        let mut to_target: BTreeMap<String, String> = pairs.collect();
        let mut taken: BTreeSet<String> = to_target.values().cloned().collect();
        for (ours, theirs) in header.choices.renamed.iter().flat_map(|renamed| &renamed.ids) {
            if ours != theirs && !to_target.contains_key(ours) && taken.insert(theirs.clone()) {
                to_target.insert(ours.clone(), theirs.clone());
            }
        }
        let back: BTreeMap<String, String> =
            to_target.iter().map(|(ours, theirs)| (theirs.clone(), ours.clone())).collect();
        let hosts = hosts(&header.source.origin, &header.target.origin);
        let hosts_back: Vec<_> = hosts.iter().map(|(ours, theirs)| (theirs.clone(), ours.clone())).collect();
        Terms { to_target: Mapping { ids: to_target, hosts }, back: Mapping { ids: back, hosts: hosts_back } }
    }

    /// By what a record of one side compares with those of the other.
    pub(crate) fn key(&self, side: Side, record: &Record) -> Key {
        self.key_in(side, record, &mut Vec::new())
    }

    /// The same, with room to write in.
    pub(crate) fn key_in(&self, side: Side, record: &Record, said: &mut Vec<u8>) -> Key {
        // What cannot be sent with the target's names has the key of what is sent instead.
        let sent = match side {
            Side::Source => rewritten(record, &self.to_target),
            Side::Target => None,
        };
        let record = sent.as_ref().unwrap_or(record);
        match rewritten(record, &self.back) {
            Some(record) => record.key_in(said),
            None => record.key_in(said),
        }
    }

    /// A record of the source as it is sent.
    pub(crate) fn sent(&self, record: Record) -> Record {
        rewritten(&record, &self.to_target).unwrap_or(record)
    }
}

/// What a rehearsal finds inside the records of one device, by variable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found(BTreeMap<String, Names>);

/// What records of one variable hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Records that name something that is called otherwise in the target.
    pub(crate) renamed: u64,
    /// Records that hold what looks like an id and has no counterpart.
    pub(crate) unknown: u64,
    /// The first such id, and where it stands.
    pub(crate) example: Option<(String, String)>,
}

/// What a rehearsal knows of names.
pub(crate) struct Known {
    /// As the owner chose.
    terms: Terms,
    /// What has another name in the target.
    renamed: Mapping,
    /// The same, with everything that needs no other name, or will have one.
    all: Mapping,
    to_make: BTreeSet<String>,
    rewrites: bool,
}

impl Known {
    /// `same` are ids that mean the same on both sides, `to_make` devices that the run will make.
    pub(crate) fn new(
        header: &Header,
        devices: &[(DeviceId, DeviceId)],
        same: impl IntoIterator<Item = String>,
        to_make: impl IntoIterator<Item = DeviceId>,
    ) -> Known {
        let told = Terms::all(header, devices.iter().copied());
        let to_make: BTreeSet<String> = to_make.into_iter().map(|device| device.to_string()).collect();
        let mut all = told.to_target.clone();
        for id in same.into_iter().chain(to_make.iter().cloned()).chain(told.back.ids.into_keys()) {
            all.ids.entry(id.clone()).or_insert(id);
        }
        Known {
            terms: Terms::between(header, devices.iter().copied()),
            renamed: told.to_target,
            all,
            to_make,
            rewrites: header.choices.inside == Inside::Rewrite,
        }
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Notes what these records hold. Answers the devices to be made that they name.
    pub(crate) fn look(&self, records: &[Record], found: &mut Found) -> BTreeSet<DeviceId> {
        let mut named = BTreeSet::new();
        for record in records {
            let of_new: BTreeSet<&str> = ids_of(record).filter(|id| self.to_make.contains(*id)).collect();
            let renamed = !of_new.is_empty() || rewritten(record, &self.renamed).is_some();
            if self.rewrites {
                named.extend(of_new.iter().filter_map(|id| id.parse::<DeviceId>().ok()));
            }
            let unknown = unresolved(record, &self.all);
            if renamed || !unknown.is_empty() {
                let names = found.0.entry(record.variable.clone()).or_default();
                names.renamed += u64::from(renamed);
                names.unknown += u64::from(!unknown.is_empty());
                if names.example.is_none() {
                    names.example = unknown.into_iter().next().map(|unknown| (unknown.id, unknown.at));
                }
            }
        }
        named
    }
}

impl Found {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Names)> {
        self.0.iter().map(|(variable, names)| (variable.as_str(), names))
    }
}

/// The record with other names in it; `None` if none of its names has another.
fn rewritten(record: &Record, mapping: &Mapping) -> Option<Record> {
    if mapping.ids.is_empty() && mapping.hosts.is_empty() {
        return None;
    }
    let mut new = None;
    if let Some(Value::Text(text)) = &record.value
        && may_hold_names(text)
    {
        let (value, _) = remap_inside("value", &serde_json::Value::from(text.as_str()), mapping);
        if let serde_json::Value::String(value) = value
            && value != *text
        {
            new.get_or_insert_with(|| record.clone()).value = Some(Value::Text(value));
        }
    }
    if let Some(metadata) = document(record.metadata.as_ref()) {
        let (changed, _) = remap_inside("metadata", &metadata, mapping);
        // Two names of one thing side by side would become one, and what stands under one of them be lost.
        if changed != metadata
            && keys_in(&changed) == keys_in(&metadata)
            && let Ok(changed) = Json::from_text(changed.to_string())
        {
            new.get_or_insert_with(|| record.clone()).metadata = Some(changed);
        }
    }
    new
}

fn keys_in(document: &serde_json::Value) -> usize {
    match document {
        serde_json::Value::Object(fields) => fields.len() + fields.values().map(keys_in).sum::<usize>(),
        serde_json::Value::Array(items) => items.iter().map(keys_in).sum(),
        _ => 0,
    }
}

fn unresolved(record: &Record, mapping: &Mapping) -> Vec<Unresolved> {
    let mut found = Vec::new();
    if let Some(Value::Text(text)) = &record.value
        && may_hold_names(text)
    {
        found.extend(remap_inside("value", &serde_json::Value::from(text.as_str()), mapping).1);
    }
    if let Some(metadata) = document(record.metadata.as_ref()) {
        found.extend(remap_inside("metadata", &metadata, mapping).1);
    }
    found
}

/// The ids in the text of a record's value and metadata, the devices of fixed positions among them.
fn ids_of(record: &Record) -> impl Iterator<Item = &str> {
    let value = match &record.value {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let metadata = record.metadata.as_ref().map(Json::as_str);
    let texts = [value, metadata].into_iter().flatten();
    texts.flat_map(|text| ids_in(text).map(|(_, id)| id).chain(positions_in(text)))
}

/// The first halves of what is as long as two ids.
fn positions_in(text: &str) -> impl Iterator<Item = &str> {
    let runs = text.split(|digit: char| !digit.is_ascii_hexdigit());
    runs.filter(|run| run.len() == 2 * ID).filter_map(|run| run.get(..ID))
}

/// Digits of an id.
const ID: usize = 24;

/// Whether there is something in it to look at.
pub(crate) fn may_tell(record: &Record) -> bool {
    matches!(&record.value, Some(Value::Text(text)) if may_hold_names(text)) || record.metadata.is_some()
}

fn document(metadata: Option<&Json>) -> Option<serde_json::Value> {
    let text = metadata?.as_str();
    // An escape may hide anything.
    if may_hold_names(text) || text.contains('\\') { serde_json::from_str(text).ok() } else { None }
}

fn may_hold_names(text: &str) -> bool {
    text.contains("://")
        || text
            .as_bytes()
            .chunk_by(|a, b| a.is_ascii_hexdigit() == b.is_ascii_hexdigit())
            .any(|run| run.len() >= ID && run[0].is_ascii_hexdigit())
}

/// The hosts of two addresses, if they differ. An address on the owner's own computer has another port
/// tomorrow, so it is no name for anything.
fn hosts(source: &str, target: &str) -> Vec<(String, String)> {
    let host = |origin: &str| {
        let rest = origin.split_once("://").map_or(origin, |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
    };
    let is_here = |host: &str| ["127.", "localhost", "[::1]"].iter().any(|here| host.starts_with(here));
    let (source, target) = (host(source), host(target));
    let lasting = !is_here(&source) && !is_here(&target) && !source.is_empty() && !target.is_empty();
    if source != target && lasting { vec![(source, target)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tago_api::Time;

    use super::*;
    use crate::plan::{Choices, FORMAT, InUse};
    use crate::ports::Identity;

    const A: &str = "5f2a8e3b9c1d4e00112233aa";
    const B: &str = "5f2a8e3b9c1d4e00112233bb";
    const C: &str = "5f2a8e3b9c1d4e00112233cc";
    const OURS: &str = "5f2a8e3b9c1d4e00aaaaaaaa";
    const THEIRS: &str = "69000000000000000000aaaa";
    const GROUP: &str = "5f2a8e3b9c1d4e0011220000";

    fn header(inside: Inside) -> Header {
        let identity = |host: &str, profile: &str| Identity {
            origin: format!("https://{host}"),
            profile: profile.parse().unwrap(),
            name: host.to_owned(),
        };
        Header {
            version: FORMAT,
            created_at: Time::default(),
            cutoff: Time::default(),
            choices: Choices { inside, ..Choices::default() },
            source: identity("api.old.tagoio.net", OURS),
            target: identity("api.new.tagoio.net", THEIRS),
            in_use: InUse::default(),
            checks: Vec::new(),
            actions: Vec::new(),
            undo_actions: Vec::new(),
            triggers: BTreeMap::new(),
            left_off: Vec::new(),
            counterparts: BTreeMap::new(),
            probe: BTreeMap::new(),
        }
    }

    fn terms(pairs: &[(&str, &str)]) -> Terms {
        let pairs = pairs.iter().map(|(ours, theirs)| (ours.parse().unwrap(), theirs.parse().unwrap()));
        Terms::between(&header(Inside::Rewrite), pairs)
    }

    fn record(rest: &str) -> Record {
        serde_json::from_str(&format!(
            r#"{{"variable":"v","time":"2026-11-22T04:30:00Z","group":"{GROUP}",{rest}}}"#
        ))
        .unwrap()
    }

    fn sent(terms: &Terms, rest: &str) -> String {
        serde_json::to_string(&terms.sent(record(rest))).unwrap()
    }

    #[test]
    fn names_are_rewritten_where_records_hold_them_and_groups_and_numbers_stay() {
        let terms = terms(&[(A, B)]);
        let file = format!(
            r#""metadata":{{"file":{{"url":"https://api.old.tagoio.net/file/{OURS}/devices/{A}/x.png","path":"{OURS}/x.png"}},"n":1.50}}"#
        );
        let said = sent(&terms, &file);
        assert!(
            said.contains(&format!("https://api.new.tagoio.net/file/{THEIRS}/devices/{B}/x.png")),
            "{said}"
        );
        assert!(said.contains(&format!("\"path\":\"{THEIRS}/x.png\"")) && said.contains(GROUP), "{said}");
        let said = sent(
            &terms,
            &format!(
                r#""metadata":{{"fixed_position":{{"{A}{GROUP}":{{"x":0.5,"device":"{A}"}},"{C}{A}":1}}}}"#
            ),
        );
        assert!(said.contains(&format!(r#""{B}{GROUP}":{{"#)), "{said}");
        assert!(said.contains(&format!(r#""device":"{B}""#)), "{said}");
        assert!(said.contains(&format!(r#""{C}{A}":1"#)), "the second half is a group: {said}");
        assert!(sent(&terms, &format!(r#""value":"{A}""#)).contains(B));
        for untouched in
            [format!(r#""value":"{A}0""#), format!(r#""value":"{C}""#), r#""value":7"#.to_owned()]
        {
            let before = serde_json::to_string(&record(&untouched)).unwrap();
            assert_eq!(sent(&terms, &untouched), before);
        }
        assert!(sent(&Terms::between(&header(Inside::Leave), []), &file).contains("api.old"));
    }

    #[test]
    fn two_names_of_one_device_side_by_side_stay_two() {
        let terms = terms(&[(A, B)]);
        let both = format!(r#""metadata":{{"{A}":1,"{B}":2}}"#);
        let said = sent(&terms, &both);
        assert!(said.contains(A) && said.contains(B), "{said}");
        let sent = terms.sent(record(&both));
        assert_eq!(terms.key(Side::Source, &record(&both)), terms.key(Side::Target, &sent));
    }

    /// A device that was not chosen has the name of one that was, by its name alone.
    #[test]
    fn a_device_of_the_target_stands_for_one_of_the_source() {
        let [a, b, c] = [A, B, C].map(|id| id.parse::<DeviceId>().unwrap());
        let mut header = header(Inside::Rewrite);
        header.counterparts.insert(a, c);
        let terms = Terms::between(&header, [(b, c)]);
        for id in [A, B, C] {
            let said = record(&format!(r#""value":"{id}""#));
            let sent = terms.sent(said.clone());
            assert_eq!(terms.key(Side::Source, &said), terms.key(Side::Target, &sent), "{id}");
        }
    }

    /// What holds the run together: what was sent is known again, whatever it named before, also where
    /// the two sides call different things the same, and a device that is not made yet changes nothing.
    #[test]
    fn what_is_sent_is_known_again() {
        let values = [A, B, C, OURS, THEIRS, GROUP].map(|id| format!(r#""value":"{id}""#));
        let addresses = ["old", "new", "other"].map(|host| {
            format!(r#""metadata":{{"file":{{"url":"https://api.{host}.tagoio.net/file/{OURS}/{A}"}},"{A}":"{B}"}}"#)
        });
        // Names that become one on one of the two sides, or on neither.
        let keys = [[A, B], [B, C], [A, C]].map(|[one, other]| {
            format!(r#""value":"{one}","metadata":{{"{one}":1,"{other}":2,"of":"{other}"}}"#)
        });
        let before = terms(&[]);
        for pairs in [&[(A, B)][..], &[(A, B), (B, C)], &[(A, B), (B, A)], &[]] {
            let terms = terms(pairs);
            for said in values.iter().chain(&addresses).chain(&keys) {
                let sent = terms.sent(record(said));
                assert_eq!(
                    terms.key(Side::Source, &record(said)),
                    terms.key(Side::Target, &sent),
                    "{said} with {pairs:?}"
                );
            }
        }
        // A device to be made has a name that the source does not know.
        let made = terms(&[(A, "69000000000000000000beef")]);
        for said in values.iter().chain(&addresses).chain(&keys) {
            assert_eq!(
                before.key(Side::Source, &record(said)),
                made.key(Side::Source, &record(said)),
                "{said}"
            );
        }
    }

    #[test]
    fn a_rehearsal_counts_what_is_renamed_and_what_leads_nowhere() {
        let header = header(Inside::Rewrite);
        let pair = (A.parse().unwrap(), B.parse().unwrap());
        let new = "5f2a8e3b9c1d4e00112233dd".parse().unwrap();
        let known = Known::new(&header, &[pair], [GROUP.to_owned()], [new]);
        let mut found = Found::default();
        let named = known.look(
            &[
                record(&format!(r#""value":"{A}""#)),
                record(r#""metadata":{"of":"5f2a8e3b9c1d4e00112233dd"}"#),
                record(&format!(r#""metadata":{{"seen":["{C}"]}}"#)),
                record(&format!(r#""value":"{GROUP}""#)),
                record(r#""value":"plain""#),
            ],
            &mut found,
        );
        assert_eq!(named.len(), 1);
        let (variable, names) = found.iter().next().unwrap();
        assert_eq!((variable, names.renamed, names.unknown), ("v", 2, 1));
        assert_eq!(names.example, Some((C.to_owned(), "metadata.seen[0]".to_owned())));
    }

    #[test]
    fn an_address_on_this_computer_is_no_lasting_name() {
        assert_eq!(hosts("http://127.0.0.1:4000", "http://127.0.0.1:5000"), []);
        assert_eq!(hosts("https://a.b/x", "https://c.d"), [("a.b".to_owned(), "c.d".to_owned())]);
    }
}
