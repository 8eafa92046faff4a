//! The file lane of a run: first the throw-away device, then file after file. An import that was asked for is
//! a batch in doubt: it is counted until all of it is there. One that takes too long is fenced, by taking its
//! file away, so that it cannot begin any more; one that has begun is over once nothing more has come for a
//! whole late-commit bound.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tago_api::DeviceId;

use super::{Action, Route, Setback, Stage, Subject, Turn};
use crate::batch::Batch;
use crate::device::Definition;
use crate::journal::{Filed, Row, Was};
use crate::lane::probe::{self, Candidate};
use crate::lane::{FILE_BYTES, FOLDER, Spelling, clear, sheet};
use crate::load::{Load, Parcels};
use crate::plan::{DataItem, Item};
use crate::ports::{PortError, WriteError};
use crate::record::{Record, Tally};
use crate::run::{Halt, Side};

/// What is done for the file lane.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Make the throw-away device.
    Make(Box<Definition>),
    /// Put a file on the target, for an item or for the throw-away device, and the sign of its import before.
    Upload { item: Option<u32>, path: String, content: Bytes, sign: Option<String> },
    /// Ask for the import of one.
    Import { item: Option<u32>, device: DeviceId, path: String },
    /// Read the records of the throw-away device.
    Watch { device: DeviceId },
    /// Count the records that the target has in the times of an item.
    Count { item: u32, device: DeviceId },
    /// Take the file of an import away.
    Fence { item: u32, path: String },
    /// Take away what is not needed any more, as far as that succeeds at once.
    Drop { device: Option<DeviceId>, paths: Vec<String> },
    /// Take away all files and throw-away devices of the run, but for the signs of what may still be imported
    /// into these.
    Clear { run: String, imports: BTreeSet<DeviceId> },
    /// Look for what other runs have left.
    FindOthers { run: String },
    /// Take that away, but for the signs of their imports, or these too.
    ClearOthers { run: String, are_over: bool },
    /// Count what the target has on devices into which they may have been imported.
    CountOthers,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum ErrandDone {
    Made(Result<DeviceId, WriteError>),
    Uploaded { item: Option<u32>, result: Result<(), WriteError> },
    Imported { item: Option<u32>, result: Result<(), WriteError> },
    Watched(Result<Vec<Record>, PortError>),
    Counted { item: u32, result: Result<u64, PortError> },
    Fenced { item: u32, result: Result<(), PortError> },
    Dropped,
    Cleared(Result<(), PortError>),
    OthersFound(Result<bool, PortError>),
    OthersCleared(Result<(), PortError>),
    OthersCounted(Result<Vec<u64>, PortError>),
}

/// How far this session is with files.
#[derive(Default)]
pub(crate) struct Imports {
    others: Others,
    /// Whether there were some.
    others_were_found: bool,
    /// So many records were there when they were last counted since.
    last_counts: Option<Vec<u64>>,
    /// And as many later: nothing of them comes any more.
    others_are_over: bool,
    probing: Probing,
    /// What is in doubt, by item.
    under_way: BTreeMap<u32, UnderWay>,
    /// Devices that bear the sign of an import.
    signed: BTreeSet<DeviceId>,
    /// How often each item was filed.
    filed: BTreeMap<u32, u32>,
    /// Items that travel by stream after all.
    streamed: BTreeSet<u32>,
    /// What was acknowledged of items that took several requests is seen by then.
    seen_at: BTreeMap<u32, Duration>,
    /// Uploads and devices that were not answered have arrived by then, or never will.
    settled_at: Duration,
}

/// Files of other runs, which were given up: their imports may still begin.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Others {
    #[default]
    Unknown,
    Busy,
    /// They are asked about again then.
    Later(Duration),
    /// They are gone; what had begun is to be counted.
    Gone,
    /// It is counted again then.
    Counted(Duration),
    Over,
}

struct UnderWay {
    path: String,
    /// So many records are there once all of it is.
    expected: u64,
    /// When it is given up.
    until: Duration,
    pause: Duration,
    /// So many records are there: they are to be read.
    came: bool,
    /// It cannot begin any more.
    fenced: bool,
    /// So many records were there when they were last counted since.
    last: Option<u64>,
    /// And so many a late-commit bound later: it is over.
    over: bool,
}

impl UnderWay {
    fn new(path: String, expected: u64, until: Duration) -> UnderWay {
        let pause = SHORTEST_PAUSE;
        UnderWay { path, expected, until, pause, came: false, fenced: false, last: None, over: false }
    }
}

#[derive(Default)]
struct Probing {
    stage: Phase,
    step: Step,
    device: Option<DeviceId>,
    candidates: Vec<Candidate>,
    failures: u32,
    /// When the first look was, and until when to look.
    watch: Option<(Duration, Duration)>,
    pause: Duration,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Asking,
    Busy,
    Until(Duration),
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    #[default]
    Make,
    Upload(usize),
    Import(usize),
    Watch,
}

/// An item is filed so often at the most.
const FILINGS: u32 = 2;
/// A request for the throw-away device is repeated so often.
const FAILURES: u32 = 4;
/// Once plain records came, others get at least so long.
const GRACE: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Imports {
    /// When to go on.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        let others = match self.others {
            Others::Later(moment) | Others::Counted(moment) => Some(moment),
            _ => None,
        };
        let probe = match self.probing.stage {
            Phase::Until(moment) => Some(moment),
            _ => None,
        };
        others.into_iter().chain(probe).min()
    }

    pub(super) fn waiting_for(&self) -> Option<String> {
        if self.others_were_found && self.others != Others::Over {
            return Some("whatever an earlier run may have left on its way to the target".to_owned());
        }
        (!self.under_way.is_empty()).then(|| "the target to import the files that it was given".to_owned())
    }
}

impl Turn<'_> {
    /// What was asked for when the last session ended may still be carried out.
    pub(super) fn imports_start(&mut self) {
        let (now, config) = (self.moment.elapsed, self.state.config);
        let ledger = &self.state.ledger;
        if ledger.has_files {
            self.state.imports.settled_at = now + config.late_commit_bound;
        }
        self.state.imports.others_were_found = ledger.others_were_found;
        let unseen = ledger.data.iter().filter(|(_, data)| data.unseen);
        self.state.imports.seen_at =
            unseen.map(|(item, _)| (*item, now + config.late_commit_bound)).collect();
        let in_doubt = ledger.data.iter().filter(|(_, data)| data.doubt && !data.done);
        let under_way = in_doubt.filter_map(|(item, data)| {
            let Filed { path, rows } = data.file.clone()?;
            let expected = data.there + data.before.count + rows;
            let until = now + config.import_bound;
            let fenced = !ledger.has_files;
            Some((*item, UnderWay { fenced, ..UnderWay::new(path, expected, until) }))
        });
        self.state.imports.under_way = under_way.collect();
    }

    /// Time has passed.
    pub(super) fn imports_wake(&mut self) {
        let (now, imports) = (self.moment.elapsed, &mut self.state.imports);
        imports.others = match imports.others {
            Others::Later(moment) if moment <= now => Others::Unknown,
            Others::Counted(moment) if moment <= now => Others::Gone,
            others => others,
        };
        if matches!(imports.probing.stage, Phase::Until(moment) if moment <= now) {
            imports.probing.stage = Phase::Idle;
        }
    }

    /// Whether no import of another run can begin any more. If not, goes on with it. What an import brings
    /// after a window was read is doubled, however the records of this run travel.
    pub(super) fn others_are_gone(&mut self) -> bool {
        // What was uploaded shortly before the rehearsal need not be listed before then.
        if let Some(quiet) = self.state.quiet_until.filter(|quiet| *quiet > self.moment.elapsed) {
            self.state.imports.others = Others::Later(quiet);
        }
        let errand = match self.state.imports.others {
            Others::Unknown => Errand::FindOthers { run: self.state.ledger.run.clone() },
            Others::Gone => Errand::CountOthers,
            others => return others == Others::Over,
        };
        self.state.imports.others = Others::Busy;
        self.errand(errand);
        false
    }

    fn others_found(&mut self, result: Result<bool, PortError>) {
        match result {
            Ok(true) => {
                self.state.imports.others_were_found = true;
                self.journal(Row::OthersRemoval {});
                let run = self.state.ledger.run.clone();
                self.errand(Errand::ClearOthers { run, are_over: false });
            }
            Ok(false) if self.state.imports.others_were_found => self.state.imports.others = Others::Gone,
            // A platform without files has imported none, and who may not see files learns of it by the first
            // request that is needed.
            Ok(false)
            | Err(PortError::Refused { .. } | PortError::NotFound { .. } | PortError::Auth { .. }) => {
                self.state.imports.others = Others::Over;
            }
            Err(cause) => self.others_failed(&cause),
        }
    }

    fn others_cleared(&mut self, result: Result<(), PortError>) {
        match result {
            Ok(()) if self.state.imports.others_are_over => self.state.imports.others = Others::Over,
            Ok(()) => self.state.imports.others = Others::Gone,
            Err(cause) => self.others_failed(&cause),
        }
    }

    /// One that had begun may store record after record for long.
    fn others_counted(&mut self, result: Result<Vec<u64>, PortError>) {
        match result {
            Ok(there) if self.state.imports.last_counts.as_ref() == Some(&there) => {
                self.state.imports.others_are_over = true;
                let run = self.state.ledger.run.clone();
                self.errand(Errand::ClearOthers { run, are_over: true });
            }
            Ok(there) => {
                self.state.imports.last_counts = Some(there);
                let moment = self.moment.elapsed + self.state.config.late_commit_bound;
                self.state.imports.others = Others::Counted(moment);
            }
            Err(cause) => self.others_failed(&cause),
        }
    }

    fn others_failed(&mut self, cause: &PortError) {
        self.state.imports.others = Others::Unknown;
        match self.setback(Side::Target, cause) {
            Setback::Again => {}
            Setback::Later(pause) => self.state.imports.others = Others::Later(self.moment.elapsed + pause),
            Setback::Hold(message) => self.halt(Halt::Unreachable { side: Side::Target, message }),
            Setback::Halt(halt) => self.halt(halt),
        }
    }

    /// Whether an import in doubt may be counted at once.
    pub(super) fn is_counted(&self, item: u32) -> bool {
        self.state.imports.under_way.get(&item).is_some_and(|import| !import.fenced)
    }

    /// How large the batches of an item are, if they are to travel in files.
    pub(super) fn file_bytes_of(&self, data: &DataItem) -> Option<usize> {
        let may = self.is_by_file(data) && matches!(self.state.ledger.probed, Some(Ok(_)));
        may.then_some(FILE_BYTES)
    }

    /// Whether the next batch of an item travels in a file.
    pub(super) fn goes_by_file(&self, item: u32) -> bool {
        let imports = &self.state.imports;
        self.state.ledger.data.get(&item).is_some_and(|data| data.file_bytes.is_some())
            && self.spelling().is_some()
            && !imports.streamed.contains(&item)
            && imports.filed.get(&item).is_none_or(|times| *times < FILINGS)
    }

    /// Whether nothing of the file lane keeps an item from being begun.
    pub(super) fn lane_is_free(&self, item: u32, data: &DataItem) -> bool {
        let ledger = self.state.ledger.data.get(&item);
        let is_opened = ledger.is_some_and(|ledger| !ledger.opened.is_empty());
        let imports = &self.state.imports;
        if imports.under_way.contains_key(&item) || !self.is_by_file(data) {
            return true;
        }
        match &self.state.ledger.probed {
            None => is_opened,
            Some(Ok(_)) => imports.under_way.len() < self.state.config.lanes,
            Some(Err(_)) => true,
        }
    }

    fn is_by_file(&self, data: &DataItem) -> bool {
        let place = self.state.device_items.get(&data.device);
        let item = place.and_then(|place| self.state.plan.items.get(*place as usize));
        matches!(item, Some(Item::Device(device)) if device.by_file)
    }

    fn spelling(&self) -> Option<&Spelling> {
        self.state.ledger.probed.as_ref()?.as_ref().ok()
    }

    /// Has the batch written into a file and imported.
    pub(super) fn file(&mut self, item: u32, load: Load, batch: Batch) {
        if !self.may_begin() {
            return self.requeue(item);
        }
        let sheet = self.spelling().and_then(|spelling| sheet::sheet(&batch.body, spelling));
        let Some(sheet) = sheet else { return self.stream_instead(item) };
        *self.state.imports.filed.entry(item).or_default() += 1;
        self.state.active.insert(item, Stage::WantsToUpload(load, batch, sheet));
        self.actions.push(Action::Permit(Subject::Item(item), Route::File));
    }

    /// The limits allow it: the row, and then the file.
    pub(super) fn upload(&mut self, item: u32, load: Load, batch: Batch, sheet: sheet::Sheet) {
        if !self.may_begin() {
            return self.requeue(item);
        }
        let number = self.state.ledger.data.get(&item).map_or(0, |ledger| ledger.next);
        let filings = self.state.imports.filed.get(&item).copied().unwrap_or(0);
        let path = self.path(&format!("{item}-{number}-{filings}"));
        self.journal(Row::FileIntent { path: path.clone() });
        let content = sheet.csv.clone();
        let unsigned = self.device_of(item).filter(|device| !self.state.imports.signed.contains(device));
        let sign = unsigned.map(|device| clear::sign(&self.state.ledger.run, device));
        self.errand(Errand::Upload { item: Some(item), path: path.clone(), content, sign });
        let filed = Filed { path, rows: sheet.rows };
        self.state.active.insert(item, Stage::Uploading(load, batch, filed));
    }

    fn uploaded(&mut self, item: u32, result: Result<(), WriteError>) {
        let Some(Stage::Uploading(load, batch, filed)) = self.state.active.remove(&item) else { return };
        self.files_may_come();
        match result {
            Ok(()) => {
                self.works(Side::Target);
                let device = self.device_of(item);
                self.state.imports.signed.extend(device);
                self.ask_to_import(item, load, batch, filed);
            }
            Err(WriteError::Ambiguous(cause)) => {
                self.sleep(item, self.state.config.late_commit_bound);
                self.count_doubt(cause.to_string());
            }
            Err(WriteError::NotReceived(cause)) => self.filing_failed(item, &cause),
        }
    }

    /// A file, or the throw-away device, may arrive and be listed as late as this.
    fn files_may_come(&mut self) {
        self.state.imports.settled_at = self.moment.elapsed + self.state.config.late_commit_bound;
    }

    fn ask_to_import(&mut self, item: u32, load: Load, batch: Batch, filed: Filed) {
        if !self.may_begin() {
            return self.requeue(item);
        }
        self.state.active.insert(item, Stage::WantsToImport(load, batch, filed));
        self.actions.push(Action::Permit(Subject::Item(item), Route::File));
    }

    /// The limits allow it: the row, and then the request.
    pub(super) fn import(&mut self, item: u32, load: Load, batch: Batch, filed: Filed) {
        let Some(device) = self.target_of(item).filter(|_| self.may_begin()) else {
            return self.requeue(item);
        };
        let number = self.state.ledger.data.get(&item).map_or(0, |ledger| ledger.next);
        self.journal(Row::Intent {
            item,
            batch: number,
            tally: batch.tally,
            rest: Tally::default(),
            file: Some(filed.clone()),
        });
        self.guard_sends();
        self.errand(Errand::Import { item: Some(item), device, path: filed.path.clone() });
        self.state.active.insert(item, Stage::Importing(load, batch, filed));
    }

    fn imported(&mut self, item: u32, result: Result<(), WriteError>) {
        let Some(Stage::Importing(load, batch, filed)) = self.state.active.remove(&item) else { return };
        let number = self.state.ledger.data.get(&item).map_or(0, |ledger| ledger.next);
        let outcome = |was| Row::Outcome { item, batch: number, was };
        match result {
            Ok(()) => {
                self.journal(outcome(Was::Queued));
                self.works(Side::Target);
                self.state.doubts_in_a_row = 0;
                self.wait_for_import(item, filed);
            }
            Err(WriteError::Ambiguous(cause)) => {
                self.journal(outcome(Was::Doubtful));
                self.wait_for_import(item, filed);
                self.count_doubt(cause.to_string());
            }
            Err(WriteError::NotReceived(PortError::RateLimited { .. })) => {
                self.journal(outcome(Was::NotReceived));
                self.ask_to_import(item, load, batch, filed);
            }
            Err(WriteError::NotReceived(cause)) => {
                self.journal(outcome(Was::NotReceived));
                self.filing_failed(item, &cause);
            }
        }
    }

    fn wait_for_import(&mut self, item: u32, filed: Filed) {
        let ledger = self.state.ledger.data.get(&item);
        let there = ledger.map_or(0, |data| data.there + data.before.count);
        let until = self.moment.elapsed + self.state.config.import_bound;
        let import = UnderWay::new(filed.path, there + filed.rows, until);
        self.state.imports.under_way.insert(item, import);
        self.sleep(item, SHORTEST_PAUSE);
    }

    /// A request of several that carry one batch was acknowledged.
    pub(super) fn part_is_stored(&mut self, item: u32) {
        let seen_at = self.moment.elapsed + self.state.config.late_commit_bound;
        self.state.imports.seen_at.insert(item, seen_at);
    }

    /// Until when an item must not be looked for: what is acknowledged need not be seen at once, and a part of
    /// a batch that is not seen would be sent again.
    pub(super) fn unseen_until(&self, item: u32) -> Option<Duration> {
        let is_unseen = self.state.ledger.data.get(&item).is_some_and(|data| data.unseen);
        let seen_at = self.state.imports.seen_at.get(&item).copied();
        seen_at.filter(|at| is_unseen && *at > self.moment.elapsed)
    }

    /// What the platform does not take in a file it may take by stream.
    fn filing_failed(&mut self, item: u32, cause: &PortError) {
        match cause {
            PortError::Refused { .. } | PortError::NotFound { .. } | PortError::Quota { .. } => {
                self.stream_instead(item);
            }
            cause => self.set_back(item, Side::Target, cause),
        }
    }

    fn stream_instead(&mut self, item: u32) {
        self.state.imports.streamed.insert(item);
        self.requeue(item);
    }

    /// Goes on with an import that is under way; whether there was one that is not to be read yet.
    pub(super) fn look_for_import(&mut self, item: u32, device: DeviceId) -> bool {
        let now = self.moment.elapsed;
        let settled_at = self.state.imports.settled_at;
        let Some(import) = self.state.imports.under_way.get(&item) else { return false };
        if import.came || import.over {
            return false;
        }
        let errand = if !import.fenced && now >= import.until.max(settled_at) {
            let path = import.path.clone();
            self.journal(Row::FilesRemoval { item: Some(item) });
            Errand::Fence { item, path }
        } else {
            Errand::Count { item, device }
        };
        self.state.active.insert(item, Stage::Awaiting);
        self.errand(errand);
        true
    }

    fn counted(&mut self, item: u32, result: Result<u64, PortError>) {
        let there = match result {
            Ok(there) => there,
            Err(cause) => return self.set_back(item, Side::Target, &cause),
        };
        self.works(Side::Target);
        match self.state.imports.under_way.get_mut(&item) {
            Some(import) if import.fenced && import.last != Some(there) => {
                // One that has begun may store record after record for long.
                import.last = Some(there);
                self.guard_sends();
                self.sleep(item, self.state.config.late_commit_bound);
            }
            Some(import) if import.fenced => {
                import.over = true;
                self.requeue(item);
            }
            Some(import) if there < import.expected => self.count_later(item),
            Some(import) => {
                import.came = true;
                self.requeue(item);
            }
            None => self.requeue(item),
        }
    }

    fn count_later(&mut self, item: u32) {
        let now = self.moment.elapsed;
        let Some(import) = self.state.imports.under_way.get_mut(&item) else { return };
        import.pause = (import.pause * 2).min(LONGEST_PAUSE);
        let rest = import.until.saturating_sub(now).max(SHORTEST_PAUSE);
        let pause = import.pause.min(rest);
        self.sleep(item, pause);
    }

    fn fenced(&mut self, item: u32, result: Result<(), PortError>) {
        match result {
            Ok(()) => {
                self.works(Side::Target);
                if let Some(import) = self.state.imports.under_way.get_mut(&item) {
                    import.fenced = true;
                }
                self.guard_sends();
                self.requeue(item);
            }
            Err(cause) => self.set_back(item, Side::Target, &cause),
        }
    }

    /// How many records of the file of an import are not there.
    pub(super) fn lacks_of_import(&self, item: u32, load: &Load, batch: u32, target: &Parcels) -> u64 {
        match self.spelling().filter(|_| self.state.imports.under_way.contains_key(&item)) {
            Some(spelling) => load.lacks(batch, target, |record| sheet::holds(record, spelling)),
            None => 0,
        }
    }

    /// Whether an import may still bring some of these: then it is counted again.
    pub(super) fn import_goes_on(&mut self, item: u32, there: u64, lacks: u64) -> bool {
        match self.state.imports.under_way.get_mut(&item) {
            Some(import) if lacks > 0 && !import.fenced => {
                import.came = false;
                import.expected = there + lacks;
                self.count_later(item);
                true
            }
            _ => false,
        }
    }

    /// The import of an item can bring nothing more; whether there was one.
    pub(super) fn import_is_over(&mut self, item: u32) -> bool {
        let Some(import) = self.state.imports.under_way.remove(&item) else { return false };
        if !import.fenced {
            self.errand(Errand::Drop { device: None, paths: vec![import.path] });
        }
        true
    }

    /// From then on nothing that was asked for can be carried out any more.
    pub(super) fn imports_quiet_at(&self) -> Duration {
        let imports = self.state.imports.under_way.values().filter(|import| !import.fenced);
        let last = imports.map(|import| import.until).max().filter(|_| self.state.ledger.has_files);
        last.map_or(Duration::ZERO, |until| until + self.state.config.late_commit_bound)
    }

    /// Whether no file and no throw-away device of the run is on the target. If not, goes on with it.
    pub(super) fn files_tidied(&mut self) -> bool {
        let imports = self.may_be_imported_into();
        if !self.state.ledger.has_files && (!self.state.ledger.has_signs || !imports.is_empty()) {
            return true;
        }
        let settled_at = match self.state.tidying {
            super::Tidying::Until(moment) => moment.max(self.state.imports.settled_at),
            _ => self.state.imports.settled_at,
        };
        if settled_at > self.moment.elapsed {
            self.state.tidying = super::Tidying::Until(settled_at);
        } else {
            self.state.tidying = super::Tidying::Busy;
            self.journal(Row::FilesRemoval { item: None });
            let run = self.state.ledger.run.clone();
            self.errand(Errand::Clear { run, imports });
        }
        false
    }

    /// Devices into which an import of the run may have begun that is not known to be over.
    fn may_be_imported_into(&self) -> BTreeSet<DeviceId> {
        let in_doubt = self.state.ledger.data.iter();
        let in_doubt = in_doubt.filter(|(_, data)| data.doubt && data.file.is_some() && !data.done);
        in_doubt.filter_map(|(item, _)| self.device_of(*item)).collect()
    }

    /// The device of the target to which the records of an item go.
    fn device_of(&self, item: u32) -> Option<DeviceId> {
        let Item::Data(data) = self.state.plan.items.get(item as usize)? else { return None };
        let place = self.state.device_items.get(&data.device)?;
        let Item::Device(device) = self.state.plan.items.get(*place as usize)? else { return None };
        device.target.or_else(|| self.state.ledger.devices.get(place)?.made)
    }

    fn cleared(&mut self, result: Result<(), PortError>) {
        match result {
            Ok(()) => {
                self.works(Side::Target);
                let importing = !self.may_be_imported_into().is_empty();
                self.journal(Row::FilesRemoved { importing });
                self.guard_sends();
                self.tidy_again_after(Duration::ZERO);
            }
            Err(cause) => self.tidying_failed(&cause),
        }
    }

    pub(super) fn errand_done(&mut self, done: ErrandDone) {
        match done {
            ErrandDone::Made(result) => self.probe_made(result),
            ErrandDone::Uploaded { item: None, result } => self.probe_uploaded(result),
            ErrandDone::Imported { item: None, result } => self.probe_imported(result),
            ErrandDone::Watched(result) => self.probe_watched(result),
            ErrandDone::Uploaded { item: Some(item), result } => self.uploaded(item, result),
            ErrandDone::Imported { item: Some(item), result } => self.imported(item, result),
            ErrandDone::Counted { item, result } => self.counted(item, result),
            ErrandDone::Fenced { item, result } => self.fenced(item, result),
            ErrandDone::Dropped => {}
            ErrandDone::Cleared(result) => self.cleared(result),
            ErrandDone::OthersFound(result) => self.others_found(result),
            ErrandDone::OthersCleared(result) => self.others_cleared(result),
            ErrandDone::OthersCounted(result) => self.others_counted(result),
        }
    }

    fn errand(&mut self, errand: Errand) {
        self.effect(Action::Lane(errand));
    }

    /// No two files of a run have one path: an import that was given up would take another's for its own.
    fn path(&self, name: &str) -> String {
        let ledger = &self.state.ledger;
        format!("{FOLDER}/{}-{}-{name}.csv", ledger.run, ledger.sessions)
    }
}

/// The throw-away device.
impl Turn<'_> {
    /// Tries what a file brings back, once in a run, if something is to travel in files.
    pub(super) fn probe(&mut self) {
        let state = &*self.state;
        if state.ledger.probed.is_some() {
            return;
        }
        let is_wanted = |item: &u32| matches!(&state.plan.items[*item as usize], Item::Data(data) if self.is_by_file(data));
        if !state.waiting.iter().chain(state.sleeping.keys()).any(is_wanted) {
            return;
        }
        match (state.imports.probing.stage, state.imports.probing.step) {
            (Phase::Idle, Step::Watch) => self.watch_probe(),
            (Phase::Idle, _) => {
                self.state.imports.probing.stage = Phase::Asking;
                self.actions.push(Action::Permit(Subject::Probe, Route::File));
            }
            (Phase::Asking | Phase::Busy | Phase::Until(_), _) => {}
        }
    }

    /// The limits allow the next request for the throw-away device.
    pub(super) fn probe_on(&mut self) {
        if self.state.imports.probing.stage != Phase::Asking {
            return;
        }
        if !self.may_begin() {
            self.state.imports.probing.stage = Phase::Idle;
            return;
        }
        let run = self.state.ledger.run.clone();
        let errand = match self.state.imports.probing.step {
            Step::Make => {
                self.journal(Row::ProbeIntent { marker: probe::marker(&run) });
                Errand::Make(Box::new(probe::device(&run, &self.state.plan.header.probe)))
            }
            Step::Upload(number) => {
                let path = self.path(&format!("probe-{number}"));
                self.journal(Row::FileIntent { path: path.clone() });
                let candidate = self.state.imports.probing.candidates.get(number);
                let content = candidate.map(Candidate::csv).unwrap_or_default();
                Errand::Upload { item: None, path, content, sign: None }
            }
            Step::Import(number) => {
                let path = self.path(&format!("probe-{number}"));
                let Some(device) = self.state.imports.probing.device else { return };
                Errand::Import { item: None, device, path }
            }
            Step::Watch => return,
        };
        self.state.imports.probing.stage = Phase::Busy;
        self.errand(errand);
    }

    fn probe_made(&mut self, result: Result<DeviceId, WriteError>) {
        self.files_may_come();
        match result {
            Ok(device) => {
                self.works(Side::Target);
                let probing = &mut self.state.imports.probing;
                probing.device = Some(device);
                probing.candidates = probe::candidates(self.moment.now);
                self.probe_goes_to(Step::Upload(0));
            }
            Err(error) => self.probe_failed(&error),
        }
    }

    fn probe_uploaded(&mut self, result: Result<(), WriteError>) {
        self.files_may_come();
        match (result, self.state.imports.probing.step) {
            (Ok(()), Step::Upload(number)) => self.probe_goes_to(Step::Import(number)),
            (Ok(()), _) => {}
            (Err(error), _) => self.probe_failed(&error),
        }
    }

    fn probe_imported(&mut self, result: Result<(), WriteError>) {
        let Step::Import(number) = self.state.imports.probing.step else { return };
        let is_last = number + 1 >= self.state.imports.probing.candidates.len();
        let next = if is_last { Step::Watch } else { Step::Upload(number + 1) };
        match result {
            // One that is asked for twice would bring everything twice.
            Ok(()) | Err(WriteError::Ambiguous(_)) => self.probe_goes_to(next),
            Err(WriteError::NotReceived(PortError::Refused { .. } | PortError::NotFound { .. }))
                if number > 0 =>
            {
                self.probe_goes_to(next);
            }
            Err(error) => self.probe_failed(&error),
        }
    }

    fn watch_probe(&mut self) {
        let Some(device) = self.state.imports.probing.device else { return };
        self.state.imports.probing.stage = Phase::Busy;
        self.errand(Errand::Watch { device });
    }

    fn probe_watched(&mut self, result: Result<Vec<Record>, PortError>) {
        let (now, bound) = (self.moment.elapsed, self.state.config.import_bound);
        let probing = &mut self.state.imports.probing;
        if let Err(PortError::RateLimited { .. }) = result {
            probing.stage = Phase::Until(now + probing.pause);
            return;
        }
        let (since, mut until) = probing.watch.unwrap_or((now, now + bound));
        let found = match &result {
            Ok(records) => probe::find(&probing.candidates, records),
            Err(_) => probe::find(&probing.candidates, &[]),
        };
        if found.plain {
            until = until.min(now.max(since) + GRACE.max((now - since) * 4));
        }
        probing.watch = Some((since, until));
        if found.is_final || now >= until {
            let reason = "what was imported into a throw-away device did not come back as it was";
            return self.probe_is_over(found.spelling, reason.to_owned());
        }
        probing.pause = (probing.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        probing.stage = Phase::Until((now + probing.pause).min(until));
    }

    fn probe_goes_to(&mut self, step: Step) {
        let probing = &mut self.state.imports.probing;
        (probing.step, probing.stage, probing.failures) = (step, Phase::Idle, 0);
    }

    fn probe_failed(&mut self, error: &WriteError) {
        let stage = match self.setback(Side::Target, error.cause()) {
            Setback::Again => Phase::Idle,
            Setback::Later(pause) if self.state.imports.probing.failures < FAILURES => {
                self.state.imports.probing.failures += 1;
                Phase::Until(self.moment.elapsed + pause)
            }
            Setback::Halt(halt) if !matches!(error.cause(), PortError::Quota { .. }) => {
                self.halt(halt);
                Phase::Idle
            }
            _ => {
                let reason = format!("imports could not be tried: {}", error.cause());
                return self.probe_is_over(None, reason);
            }
        };
        self.state.imports.probing.stage = stage;
    }

    fn probe_is_over(&mut self, spelling: Option<Spelling>, reason: String) {
        let reason = if spelling.is_some() { String::new() } else { reason };
        self.journal(Row::Probed { spelling, reason });
        let files = 0..self.state.imports.probing.candidates.len();
        let paths = files.map(|number| self.path(&format!("probe-{number}"))).collect();
        let probing = std::mem::take(&mut self.state.imports.probing);
        self.errand(Errand::Drop { device: probing.device, paths });
    }
}
