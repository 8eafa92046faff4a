//! What becomes of the records of each device, read from both sides.

use super::compare::{compare, last_cut};
use super::*;

impl Rehearsal<'_> {
    pub(super) async fn data(
        &self,
        scanned: &[Scanned],
        items: &[DeviceItem],
        known: &Known,
        actions: &Actions,
    ) -> Result<Vec<Part>, RehearseError> {
        let whole = Range { to: self.choices.to.unwrap_or(Time::MAX), ..self.whole_range(None) };
        let counting = scanned.iter().map(|device| {
            let (id, range) = (device.device.id, &whole);
            async move {
                let request = || self.source.port.count(id, range);
                self.read(Side::Source, Route::Read, request).await
            }
        });
        let counts: Vec<u64> = in_lanes(LOOKUPS, counting.collect()).await?;
        self.watch.change(|figures| {
            figures.phase = Phase::Rehearsing;
            figures.devices_done = 0;
            figures.records_total = counts.iter().sum();
        });
        let comparing = scanned.iter().zip(items).zip(counts).map(|((scanned, item), count)| async move {
            let watching = Watching::of(actions, scanned, item);
            let mut part = self.part(scanned, item, known, count, &watching).await?;
            if self.choices.to.is_none_or(|to| to > self.cutoff) {
                part.later = count.saturating_sub(part.forgotten + part.in_source());
            }
            self.watch.change(|figures| {
                figures.devices_done += 1;
                figures.records_total = figures.records_total.saturating_sub(part.later);
            });
            Ok(part)
        });
        in_lanes(self.settings.reading_lanes(), comparing.collect()).await
    }

    async fn part(
        &self,
        scanned: &Scanned,
        item: &DeviceItem,
        known: &Known,
        count: u64,
        watching: &Watching<'_>,
    ) -> Result<Part, RehearseError> {
        let mut part = Part::default();
        let parses = item.parses;
        let target = scanned.target.as_ref().map(|(device, ..)| device);
        let keeper = target.map_or(&scanned.device.definition, |device| &device.definition);
        let keeps_from = retention::keeps_from(keeper, self.begun_at);
        let mut range = self.whole_range(keeps_from);
        let removes = self.choices.policy == Policy::Replace && target.is_some();
        if range.from > range.to || (count == 0 && !removes) {
            return Ok(part);
        }
        if let Some(first) = keeps_from {
            let (ours, before) = (self.source.port, first - Duration::from_millis(1));
            let older = Range { to: before, ..self.whole_range(None) };
            if older.from <= older.to {
                part.forgotten =
                    self.read(Side::Source, Route::Read, || ours.count(scanned.device.id, &older)).await?;
            }
        }
        let blocked = (item.verdict == Verdict::Blocked)
            .then(|| reason(ReasonCode::DeviceBlocked, "its device is blocked"));
        let inactive = if self.choices.inactive == Inactive::Leave && rests(scanned, item) {
            let text =
                "the device is inactive on the target and refuses data; activate it and rehearse again";
            Some(reason(ReasonCode::Inactive, text))
        } else {
            None
        };
        if self.choices.depth == Depth::Counted || blocked.is_some() {
            let counted = self.counted(scanned, &range, blocked.or(inactive)).await?;
            if let Some(item) = &counted {
                watching.look(item, self.choices.policy, None, &mut part.tripped);
            }
            part.items.extend(counted);
            return Ok(part);
        }
        let whole = range.clone();
        let mut without_group = 0_u64;
        let (mut newest, mut after) = (None, 0);
        loop {
            self.watch.pass().await?;
            self.watch.change(|figures| figures.requests += 2);
            let page = match self.watch.unless_stopped(self.source.page(scanned.device.id, &range)).await? {
                Ok(page) => page,
                Err(PortError::Refused { message }) => {
                    let too_dense = Some(reason(ReasonCode::TooDense, &message));
                    part.items.extend(self.counted(scanned, &range, too_dense).await?);
                    break;
                }
                Err(cause) => return Err(RehearseError::Port { side: Side::Source, cause }),
            };
            let no_group = |record: &&Record| record.group.is_none();
            let groupless: Vec<Time> =
                page.records.iter().filter(no_group).map(|record| record.time).collect();
            let mut telling: Vec<Record> =
                page.records.iter().filter(|record| may_tell(record)).cloned().collect();
            let mut ours = Parcels::of(Side::Source, page.records, known.terms());
            let mut next = page.next;
            let between = self.replaced(&range, next).or_else(|| ours.between());
            let theirs = self.counterpart_records(target, between, &ours, known.terms()).await?;
            let (mut theirs, unread) = match theirs {
                Ok(theirs) => (theirs, None),
                Err(reason) => (Theirs::default(), Some(reason)),
            };
            // The rest begins the next item, rather than travel in a request that is half empty.
            let bytes = self.settings.batch_bytes;
            if next.is_some()
                && let Some(cut) = last_cut(self.choices.policy, &ours, &theirs.records, bytes)
            {
                ours.keep_before(cut);
                // A run reads no further than the item's end.
                let replaced = self.replaced(&range, Some(cut));
                if let Some((_, last)) = replaced.or_else(|| ours.between()) {
                    theirs.records.keep_before(last + Duration::from_millis(1));
                }
                next = Some(cut);
            }
            without_group +=
                groupless.iter().filter(|time| next.is_none_or(|next| **time < next)).count() as u64;
            self.watch.change(|figures| figures.records_done += ours.len() as u64);
            if let Some((_, last)) = ours.between() {
                (newest, after) = (Some(last), 0);
            }
            after +=
                theirs.records.iter().filter(|theirs| newest.is_some_and(|last| theirs.time > last)).count();
            let whole = self.replaced(&range, next);
            let mut item = compare(scanned.device.id, self.choices.policy, whole, &ours, &theirs.records);
            if let Some(item) = &mut item {
                if let Some(reason) = unread.or_else(|| self.too_dense(item, &ours, &theirs.records)) {
                    item.verdict = Verdict::Blocked;
                    item.reasons = vec![reason];
                }
                replace::keep_removable(item, keeper, &theirs.groupless);
                let sides = (!parses).then_some((&ours, &theirs.records));
                watching.look(item, self.choices.policy, sides, &mut part.tripped);
                watching.look_back(item, sides, &mut part.undo_tripped);
            }
            telling.retain(|record| next.is_none_or(|next| record.time < next));
            let names = known.look(&telling, &mut part.inside);
            part.items.extend(item.map(|item| DataItem { names, ..item }));
            match next {
                Some(next) => range.from = next,
                None => break,
            }
        }
        if let Some(reason) = self.incomplete(scanned, &part, &whole, count, without_group).await? {
            part.items = self.counted(scanned, &whole, Some(reason)).await?.into_iter().collect();
            return Ok(part);
        }
        if let Some(reason) = inactive {
            for item in part.items.iter_mut().filter(|item| item.verdict == Verdict::Fill) {
                item.verdict = Verdict::Blocked;
                item.reasons.push(reason.clone());
            }
        }
        self.keep_within_cap(&mut part, target, keeper, count).await?;
        part.after = self.after_all(scanned, &part, &whole, after as u64).await?;
        Ok(part)
    }

    /// Why what was read of the source cannot be moved, if it is not all that the source says it has, or
    /// would come back as something else.
    async fn incomplete(
        &self,
        scanned: &Scanned,
        part: &Part,
        whole: &Range,
        counted: u64,
        without_group: u64,
    ) -> Result<Option<Reason>, RehearseError> {
        if without_group > 0 {
            let text = format!(
                "{without_group} records have no group; the target would make one up, and they would not be \
                 known again"
            );
            return Ok(Some(Reason { code: ReasonCode::NoGroup, text }));
        }
        let read = part.in_source();
        if read + part.forgotten == counted {
            return Ok(None);
        }
        // Some may be dated after the cut-off, and some may have come or gone since they were counted.
        let (ours, id) = (self.source.port, scanned.device.id);
        let now = self.read(Side::Source, Route::Read, || ours.count(id, whole)).await?;
        let text =
            format!("the source says that it has {now} records and answers with {read}; rehearse again");
        Ok((now != read).then_some(Reason { code: ReasonCode::Unreadable, text }))
    }

    /// The records of the counterpart between two moments, or why they cannot be read as a whole.
    async fn counterpart_records(
        &self,
        target: Option<&Device>,
        between: Option<(Time, Time)>,
        ours: &Parcels,
        terms: &Terms,
    ) -> Result<Result<Theirs, Reason>, RehearseError> {
        let (Some(target), Some((from, to))) = (target, between) else {
            return Ok(Ok(Theirs::default()));
        };
        let range = Range { from, to, variables: self.choices.variables() };
        if self.choices.policy == Policy::Replace {
            let (theirs, id) = (self.target.port, target.id);
            let there = self.read(Side::Target, Route::Read, || theirs.count(id, &range)).await?;
            if let Some(reason) = self.too_many_to_replace(&target.definition, ours, there) {
                return Ok(Err(reason));
            }
        }
        match self.watch.unless_stopped(self.target.range(target.id, &range)).await? {
            Ok(records) => Ok(Ok(Theirs::of(records, terms))),
            Err(PortError::Refused { message }) => Ok(Err(reason(ReasonCode::TooDense, &message))),
            Err(cause) => Err(RehearseError::Port { side: Side::Target, cause }),
        }
    }

    /// Whether the target would have more records at one moment than a read answers: what cannot be read
    /// again cannot be settled or proven.
    fn too_dense(&self, item: &DataItem, ours: &Parcels, theirs: &Parcels) -> Option<Reason> {
        if item.verdict != Verdict::Fill {
            return None;
        }
        let mut moments: BTreeMap<Time, usize> = BTreeMap::new();
        for parcel in ours.iter().chain(theirs.iter()) {
            *moments.entry(parcel.time).or_default() += 1;
        }
        let (time, count) = moments.into_iter().max_by_key(|(_, count)| *count)?;
        (count > self.target.densest()).then(|| Reason {
            code: ReasonCode::TooDense,
            text: format!("there would be {count} records at {time}, more than can be compared at once"),
        })
    }

    /// About how many records there are, without reading them.
    async fn counted(
        &self,
        scanned: &Scanned,
        range: &Range,
        blocked: Option<Reason>,
    ) -> Result<Option<DataItem>, RehearseError> {
        let (ours, id) = (self.source.port, scanned.device.id);
        let edge = |order| async move {
            let found = self.read(Side::Source, Route::Read, || ours.records(id, range, order, 0, 1)).await?;
            Ok::<_, RehearseError>(found.first().map(|record| record.time))
        };
        let between = match self.replaced(range, None) {
            Some(between) => Some(between),
            None => edge(Order::Ascending).await?.zip(edge(Order::Descending).await?),
        };
        let Some((from, to)) = between else { return Ok(None) };
        let range = Range { from, to, variables: range.variables.clone() };
        let source = self.read(Side::Source, Route::Read, || ours.count(id, &range)).await?;
        let target = match &scanned.target {
            Some((device, ..)) => {
                let (theirs, id) = (self.target.port, device.id);
                self.read(Side::Target, Route::Read, || theirs.count(id, &range)).await?
            }
            None => 0,
        };
        let (missing, removed) = match self.choices.policy {
            Policy::Fill => (source.saturating_sub(target), 0),
            Policy::Append => (source, 0),
            Policy::Replace if source + target == 0 => return Ok(None),
            Policy::Replace => (source.saturating_sub(target), target.saturating_sub(source)),
        };
        let verdict = match (&blocked, missing + removed) {
            (Some(_), _) => Verdict::Blocked,
            (None, 0) => Verdict::Skip,
            (None, _) => Verdict::Fill,
        };
        let about = |count| Tally { count, hash: 0 };
        self.watch.change(|figures| figures.records_done += source);
        Ok(Some(DataItem {
            device: id,
            from,
            to,
            verdict,
            reasons: blocked.into_iter().collect(),
            windows: vec![Window {
                variable: "*".to_owned(),
                source: about(source),
                target: about(target),
                missing: about(missing),
                beyond: Beyond::default(),
                removed: about(removed),
            }],
            bytes: 0,
            removes_first: false,
            names: BTreeSet::new(),
            days: BTreeMap::new(),
        }))
    }

    async fn keep_within_cap(
        &self,
        part: &mut Part,
        target: Option<&Device>,
        keeper: &Definition,
        in_source: u64,
    ) -> Result<(), RehearseError> {
        let windows = part.items.iter().flat_map(|item| &item.windows);
        let missing: u64 = windows.map(|window| window.missing.count).sum();
        if keeper.kind != "mutable" || missing == 0 {
            return Ok(());
        }
        let everything = Range { from: Time::MIN, to: Time::MAX, variables: Vec::new() };
        let there = match target {
            Some(device) => {
                let (theirs, id) = (self.target.port, device.id);
                self.read(Side::Target, Route::Read, || theirs.count(id, &everything)).await?
            }
            None => 0,
        };
        let most = MUTABLE_RECORDS.max(in_source);
        if there + missing > most && !replace::find_room(&mut part.items, there, most) {
            let text = format!(
                "the target would hold {} records, and a mutable device holds at most {MUTABLE_RECORDS}; \
                 choose a shorter time range",
                there + missing
            );
            for item in part.items.iter_mut().filter(|item| item.verdict == Verdict::Fill) {
                item.verdict = Verdict::Blocked;
                item.reasons.push(Reason { code: ReasonCode::TooManyRecords, text: text.clone() });
            }
        }
        Ok(())
    }

    fn whole_range(&self, keeps_from: Option<Time>) -> Range {
        let from = self.choices.from.unwrap_or(Time::MIN).max(keeps_from.unwrap_or(Time::MIN));
        Range { from, to: self.cutoff, variables: self.choices.variables() }
    }
}

/// What becomes of one device's records.
#[derive(Default)]
pub(super) struct Part {
    pub(super) items: Vec<DataItem>,
    /// Actions that they would set off.
    pub(super) tripped: BTreeSet<ActionId>,
    /// Actions that the removed ones would set off, written again.
    pub(super) undo_tripped: BTreeSet<ActionId>,
    /// Records of the source that are older than what the target's device keeps.
    pub(super) forgotten: u64,
    /// Records of the source that are dated after the cut-off.
    pub(super) later: u64,
    /// Records that are removed and came after all that the source has of the device.
    pub(super) after: u64,
    /// Ids and addresses inside the records.
    pub(super) inside: Found,
}

impl Part {
    pub(super) fn in_source(&self) -> u64 {
        self.items.iter().flat_map(|item| &item.windows).map(|window| window.source.count).sum()
    }
}

/// Records of the counterpart.
#[derive(Default)]
struct Theirs {
    records: Parcels,
    /// The first 64 bits of the key of each that has no group.
    groupless: Vec<u64>,
}

impl Theirs {
    fn of(records: Vec<Record>, terms: &Terms) -> Theirs {
        let groupless = records.iter().filter(|record| record.group.is_none());
        let groupless = groupless.map(|record| (terms.key(Side::Target, record).0 >> 64) as u64).collect();
        Theirs { records: Parcels::of(Side::Target, records, terms), groupless }
    }
}
