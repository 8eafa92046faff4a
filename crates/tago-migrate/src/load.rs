//! What of one data item is sent, cut into batches, and what of a batch is still lacking.
//!
//! For each window let B be the multiset that the target held when the window was opened, S the source's
//! and M what is to be written: S - B when filling gaps or replacing, S when appending. The journal keeps, before the
//! first byte of a window leaves, B's count of every record of S (see [`Runs`]); so S, which can be read
//! again at any time, gives back M and its batches to the last byte, also after a crash, and also where B
//! holds true duplicates of M.
//!
//! Batches of one item go one after the other. So when batch k is in doubt, the target holds B, all of
//! the batches before k, some part of k, and what others wrote. Of each record of k there must be
//! B + M(up to k); what lacks to that is the remainder, and nothing else is ever sent again.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tago_api::{RecordId, Time};

use crate::announced::Announced;
use crate::batch::Batch;
use crate::inside::Terms;
use crate::multiset::{Counts, Runs};
use crate::plan::{DataItem, Policy, Window};
use crate::record::{Key, Record, Tally};
use crate::replaced::surplus;
use crate::run::Side;
use crate::settings::USUAL_TEXT;

/// A record, ready to compare and to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) time: Time,
    pub(crate) variable: String,
    pub(crate) key: Key,
    /// Its id in the project that it was read from.
    pub(crate) id: Option<RecordId>,
    /// Its JSON.
    pub(crate) body: Body,
}

/// The JSON of one record, in one text with that of its neighbours: a page has thousands.
#[derive(Clone)]
pub(crate) struct Body {
    text: Arc<String>,
    place: Range<usize>,
}

impl Deref for Body {
    type Target = str;

    fn deref(&self) -> &str {
        // Each place begins and ends where a record does.
        self.text.get(self.place.clone()).unwrap_or_default()
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        **self == **other
    }
}

impl Eq for Body {}

impl PartialOrd for Body {
    fn partial_cmp(&self, other: &Body) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Body {
    fn cmp(&self, other: &Body) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// From so many records on, reading them takes longer than waking another thread.
const MANY: usize = 500;

/// The records of one data item on one side, in the one order that both sides and every session agree on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parcels(Vec<Parcel>);

impl Parcels {
    /// Of many records on a thread of its own, so that other requests go on meanwhile; but of one page `alone`,
    /// because each takes twice its room while it is made ready.
    pub(crate) async fn aside(
        side: Side,
        records: Vec<Record>,
        terms: &Arc<Terms>,
        alone: &Arc<Mutex<()>>,
    ) -> Parcels {
        if records.len() < MANY {
            return Parcels::of(side, records, terms);
        }
        let (terms, alone) = (Arc::clone(terms), Arc::clone(alone));
        let made = tokio::task::spawn_blocking(move || {
            let _alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
            Parcels::of(side, records, &terms)
        });
        made.await.unwrap_or_else(|end| std::panic::resume_unwind(end.into_panic()))
    }

    /// Of one side: they compare by what they say apart from whose names they use, and the source's are
    /// spelled as they are sent.
    pub(crate) fn of(side: Side, records: Vec<Record>, terms: &Terms) -> Parcels {
        let mut text = Vec::with_capacity(records.len() * USUAL_TEXT);
        let mut said = Vec::with_capacity(2 * USUAL_TEXT);
        let spelled: Vec<_> = records
            .into_iter()
            .map(|record| {
                let key = terms.key_in(side, &record, &mut said);
                let record = if side == Side::Source { terms.sent(record) } else { record };
                let begin = text.len();
                // Its maps have texts for keys, so it always has a spelling.
                let _ = serde_json::to_writer(&mut text, &record);
                (record.time, key, record.id, record.variable, begin..text.len())
            })
            .collect();
        let text = Arc::new(String::from_utf8(text).unwrap_or_default());
        let mut parcels: Vec<_> = spelled
            .into_iter()
            .map(|(time, key, id, variable, place)| {
                let body = Body { text: Arc::clone(&text), place };
                Parcel { time, variable, key, id, body }
            })
            .collect();
        parcels.sort_unstable_by(|a, b| {
            (a.time, &a.variable, a.key, &a.body).cmp(&(b.time, &b.variable, b.key, &b.body))
        });
        Parcels(parcels)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Parcel> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn keep_before(&mut self, end: Time) {
        self.0.truncate(self.0.partition_point(|parcel| parcel.time < end));
    }

    pub(crate) fn tallies(&self) -> BTreeMap<&str, Tally> {
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for parcel in &self.0 {
            tallies.entry(&parcel.variable).or_default().put(parcel.key, 1);
        }
        tallies
    }

    /// Each distinct record with its copies.
    pub(crate) fn distinct(&self) -> impl Iterator<Item = (&Parcel, &[Parcel])> {
        self.0.chunk_by(|a, b| a.key == b.key).filter_map(|copies| Some((copies.first()?, copies)))
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts::of(self.0.iter().map(|parcel| parcel.key))
    }
}

/// What the target held of the source's records of one window when it was opened: a count for each
/// distinct record, in the order of [`Parcels`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// Its place among the item's windows.
    pub(crate) window: u32,
    /// B's counts.
    pub(crate) had: Runs,
}

/// Why a window is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    Source,
    Target,
}

/// Compares every window that has something to write with its seal. One that holds is opened, the others
/// are held back.
pub(crate) fn open(
    item: &DataItem,
    policy: Policy,
    source: &Parcels,
    target: &Parcels,
) -> (Vec<Opened>, Vec<(u32, Changed)>) {
    let (in_source, in_target) = (source.tallies(), target.tallies());
    let had = target.counts();
    let mut opened: BTreeMap<&str, Opened> = BTreeMap::new();
    let mut changed = Vec::new();
    for (window, place) in item.windows.iter().zip(0_u32..) {
        if !window.is_touched() {
            continue;
        }
        let variable = window.variable.as_str();
        if in_source.get(variable).copied().unwrap_or_default() != window.source {
            changed.push((place, Changed::Source));
        } else if in_target.get(variable).copied().unwrap_or_default() != window.target {
            changed.push((place, Changed::Target));
        } else {
            opened.insert(variable, Opened { window: place, had: Runs::default() });
        }
    }
    for (parcel, _) in source.distinct() {
        if let Some(window) = opened.get_mut(parcel.variable.as_str()) {
            window.had.push(had.get(parcel.key));
        }
    }
    let mut opened: Vec<_> = opened.into_values().collect();
    opened.sort_unstable_by_key(|window| window.window);
    let missing = missing(item, policy, source, &opened);
    let surplus = if policy == Policy::Replace { surplus(source, target) } else { BTreeMap::new() };
    let removable = |window: &Window| {
        let removed = surplus.get(window.variable.as_str()).map(Vec::as_slice).unwrap_or_default();
        Tally::of(removed.iter().map(|parcel| parcel.key)) == window.removed
            && removed.iter().all(|parcel| parcel.id.is_some())
    };
    let lost: Vec<_> = match missing {
        Some((tallies, ..)) => opened
            .iter()
            .map(|window| window.window)
            .filter(|place| {
                let window = &item.windows[*place as usize];
                tallies.get(place) != Some(&window.missing) || !removable(window)
            })
            .collect(),
        None => opened.iter().map(|window| window.window).collect(),
    };
    opened.retain(|window| !lost.contains(&window.window));
    changed.extend(lost.into_iter().map(|place| (place, Changed::Target)));
    (opened, changed)
}

/// The records to send and the batches that they travel in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    keys: Vec<Key>,
    /// The JSON of all records, a comma between each two.
    text: String,
    /// Where each record begins in `text`.
    starts: Vec<usize>,
    batches: Vec<Range<usize>>,
    /// B's count of each record that is sent.
    had: Counts,
    /// What goes after the request at hand, last first, where a batch takes several.
    pub(crate) rest: Vec<Batch>,
}

impl Load {
    /// Of the windows that were opened. `None` if the source is not what it was then.
    pub(crate) fn new(
        item: &DataItem,
        policy: Policy,
        source: &Parcels,
        opened: &[Opened],
        batch_bytes: usize,
    ) -> Option<Load> {
        let (tallies, sent, had) = missing(item, policy, source, opened)?;
        for window in opened {
            if tallies.get(&window.window) != Some(&item.windows.get(window.window as usize)?.missing) {
                return None;
            }
        }
        let mut load = Load {
            keys: Vec::with_capacity(sent.len()),
            text: String::with_capacity(sent.iter().map(|parcel| parcel.body.len() + 1).sum()),
            starts: Vec::with_capacity(sent.len() + 1),
            batches: Vec::new(),
            had,
            rest: Vec::new(),
        };
        let mut begin = 0;
        for parcel in sent {
            let here = load.keys.len();
            let first = load.starts.get(begin).copied().unwrap_or(0);
            // Two brackets around, a comma before.
            if here > begin && fills(load.text.len() - first + 1, &parcel.body, batch_bytes) {
                load.batches.push(begin..here);
                begin = here;
            }
            if !load.text.is_empty() {
                load.text.push(',');
            }
            load.starts.push(load.text.len());
            load.keys.push(parcel.key);
            load.text.push_str(&parcel.body);
        }
        if load.keys.len() > begin {
            load.batches.push(begin..load.keys.len());
        }
        load.starts.push(load.text.len() + 1);
        Some(load)
    }

    /// What an undo has to know of it: what is about to be sent, in this order, and which records of the
    /// target say the same already.
    pub(crate) fn announced(&self, target: &Parcels) -> Announced {
        let twins = target.iter().filter(|parcel| self.had.get(parcel.key) > 0);
        Announced { twins: twins.filter_map(|parcel| parcel.id).collect(), keys: self.keys.clone() }
    }

    /// How many batches there are.
    pub(crate) fn batches(&self) -> u32 {
        u32::try_from(self.batches.len()).unwrap_or(u32::MAX)
    }

    /// The whole of one batch.
    pub(crate) fn batch(&self, batch: u32) -> Batch {
        let range = self.range(batch);
        let mut body = Vec::with_capacity(range.len() * USUAL_TEXT);
        body.push(b'[');
        if let (Some(first), Some(end)) = (self.starts.get(range.start), self.starts.get(range.end)) {
            body.extend_from_slice(&self.text.as_bytes()[*first..end - 1]);
        }
        body.push(b']');
        Batch { body: Bytes::from(body), tally: Tally::of(self.keys[range].iter().copied()) }
    }

    /// Whether it goes on where a session before this one stopped, with these records `before` one batch,
    /// and these in it if it was sent. A source that spells its records otherwise has other batches.
    pub(crate) fn goes_on(&self, batch: u32, before: Tally, sent: Option<Tally>) -> bool {
        let range = self.range(batch);
        let tally = |keys: Range<usize>| Tally::of(self.keys[keys].iter().copied());
        tally(0..range.start) == before && sent.is_none_or(|sent| tally(range) == sent)
    }

    /// What of one batch the target, in which every earlier batch is stored, still lacks: requests of at most
    /// so many bytes.
    pub(crate) fn remainder(&self, batch: u32, target: &Parcels, most_bytes: usize) -> Vec<Batch> {
        self.requests(self.lacking(batch, target), most_bytes)
    }

    /// The whole of one batch in requests of at most so many bytes.
    pub(crate) fn split(&self, batch: u32, most_bytes: usize) -> Vec<Batch> {
        self.requests(self.range(batch), most_bytes)
    }

    /// How many of the records that one batch still lacks are of this kind, by their JSON.
    pub(crate) fn lacks(&self, batch: u32, target: &Parcels, is_such: impl Fn(&str) -> bool) -> u64 {
        self.lacking(batch, target).into_iter().filter(|place| is_such(self.body(*place))).count() as u64
    }

    /// The first of these requests; the others wait.
    pub(crate) fn take_first(&mut self, mut requests: Vec<Batch>) -> Option<Batch> {
        requests.reverse();
        let first = requests.pop();
        self.rest = requests;
        first
    }

    /// Records that wait for the request at hand.
    pub(crate) fn waiting(&self) -> Tally {
        self.rest.iter().fold(Tally::default(), |sum, batch| sum + batch.tally)
    }

    /// Places of the records that one batch still lacks.
    fn lacking(&self, batch: u32, target: &Parcels) -> Vec<usize> {
        let range = self.range(batch);
        // Of every record of this batch: what must be there once the batch is.
        let mut lacking = Counts::default();
        for key in &self.keys[range.clone()] {
            if lacking.get(*key) == 0 {
                lacking.put(*key, self.had.get(*key));
            }
            lacking.put(*key, 1);
        }
        for key in &self.keys[..range.start] {
            if lacking.get(*key) > 0 {
                lacking.put(*key, 1);
            }
        }
        for parcel in target.iter() {
            lacking.take(parcel.key);
        }
        range.filter(|place| lacking.take(self.keys[*place])).collect()
    }

    fn requests(&self, places: impl IntoIterator<Item = usize>, most_bytes: usize) -> Vec<Batch> {
        let mut requests = Vec::new();
        let (mut body, mut tally) = (Vec::from(*b"["), Tally::default());
        for place in places {
            let record = self.body(place);
            if !tally.is_empty() && fills(body.len(), record, most_bytes) {
                body.push(b']');
                requests.push(Batch { body: Bytes::from(body), tally });
                (body, tally) = (Vec::from(*b"["), Tally::default());
            }
            if !tally.is_empty() {
                body.push(b',');
            }
            body.extend_from_slice(record.as_bytes());
            tally.put(self.keys[place], 1);
        }
        if !tally.is_empty() {
            body.push(b']');
            requests.push(Batch { body: Bytes::from(body), tally });
        }
        requests
    }

    fn body(&self, place: usize) -> &str {
        &self.text[self.starts[place]..self.starts[place + 1] - 1]
    }

    /// Whether the target holds more of what this batch and those after it carry than it had before and got
    /// from the batches before: somebody else, another run perhaps, has sent it meanwhile.
    pub(crate) fn is_overtaken(&self, batch: u32, target: &Parcels) -> bool {
        let begin = self.range(batch).start;
        let (sent, unsent) = self.keys.split_at(begin);
        let mut due: BTreeMap<Key, u32> = unsent.iter().map(|key| (*key, self.had.get(*key))).collect();
        for key in sent {
            if let Some(times) = due.get_mut(key) {
                *times += 1;
            }
        }
        target.iter().any(|parcel| match due.get_mut(&parcel.key) {
            Some(0) => true,
            Some(times) => {
                *times -= 1;
                false
            }
            None => false,
        })
    }

    /// How many records there are up to the end of one batch.
    pub(crate) fn up_to(&self, batch: u32) -> u64 {
        self.range(batch).end as u64
    }

    fn range(&self, batch: u32) -> Range<usize> {
        self.batches.get(batch as usize).cloned().unwrap_or(self.keys.len()..self.keys.len())
    }
}

/// Whether one more record goes over a batch in which records take so many bytes with a comma after each.
pub(crate) fn fills(filled: usize, body: &str, batch_bytes: usize) -> bool {
    filled + body.len() + 2 > batch_bytes
}

type Missing<'a> = (BTreeMap<u32, Tally>, Vec<&'a Parcel>, Counts);

/// M of the opened windows: its tally by window, its records, and B's counts of them. `None` if the
/// source has other records than were counted.
fn missing<'a>(
    item: &DataItem,
    policy: Policy,
    source: &'a Parcels,
    opened: &[Opened],
) -> Option<Missing<'a>> {
    let mut windows: BTreeMap<&str, (u32, _)> = BTreeMap::new();
    for window in opened {
        let variable = item.windows.get(window.window as usize)?.variable.as_str();
        windows.insert(variable, (window.window, window.had.iter()));
    }
    let mut tallies: BTreeMap<u32, Tally> = opened.iter().map(|w| (w.window, Tally::default())).collect();
    let mut sent = Vec::new();
    let mut counts = Counts::default();
    for (parcel, copies) in source.distinct() {
        let Some((window, had)) = windows.get_mut(parcel.variable.as_str()) else { continue };
        let had = had.next()?;
        let wanted = match policy {
            Policy::Append => copies.len(),
            Policy::Fill | Policy::Replace => copies.len().saturating_sub(had as usize),
        };
        sent.extend(&copies[..wanted]);
        if wanted > 0 {
            tallies.entry(*window).or_default().put(parcel.key, wanted as u64);
            counts.put(parcel.key, had);
        }
    }
    windows.values_mut().all(|(_, had)| had.next().is_none()).then_some((tallies, sent, counts))
}
