//! The main database's connections: one thread writes, others read.

mod behind;

use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tago_api::Time;
use tokio::sync::oneshot;

use behind::Behind;
pub use behind::Late;

use super::data::chunks;
use super::recent::Recent;
use super::trigger::Triggers;
use super::{ProjectError, Shared, schema};
use crate::{Clock, Random};

/// Jobs that become one transaction at most.
const JOBS_IN_A_TRANSACTION: usize = 64;
/// Connections that read at the same time.
const READERS: usize = 4;

pub(super) struct Store {
    path: PathBuf,
    writer: Mutex<Writer>,
    lookups: Mutex<Option<Connection>>,
    readers: Mutex<Readers>,
    returned: Condvar,
    pub(super) recent: Arc<Recent>,
    behind: Arc<Behind>,
    /// The day (since 1970, UTC) up to which chunks have rolled over.
    day: Arc<AtomicI64>,
    clock: Arc<dyn Clock>,
    /// Closing any descriptor of the file in this process would drop SQLite's locks on it:
    /// copies are read through this one, and it is closed last.
    file: File,
}

struct Writer {
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Readers {
    idle: Vec<Connection>,
    busy: usize,
    closed: bool,
}

enum Work {
    Job(Job),
    Pause { paused: Sender<()>, until: Receiver<()> },
}

type Job = Box<dyn FnOnce(&mut Writing<'_>) -> Done + Send>;

/// What a job left, and how its caller is told once that is durable or undone.
struct Done {
    keep: bool,
    tell: Box<dyn FnOnce(Result<(), rusqlite::Error>) + Send>,
}

/// Why what a job did is not in the database.
pub(super) enum Unwritten {
    Closed,
    /// The work panicked: what it did is undone, and the writer goes on.
    Panicked,
    Commit(rusqlite::Error),
}

/// What a job of the writer works with.
pub(super) struct Writing<'a> {
    pub(super) db: &'a Connection,
    pub(super) cache: &'a mut Cache,
    pub(super) random: &'a Random,
    pub(super) now: Time,
}

/// What the writer knows without asking the database. Emptied when a job fails.
#[derive(Default)]
pub(super) struct Cache {
    pub(super) next_sequence: Option<u64>,
    pub(super) variables: HashMap<Box<str>, i64>,
    /// Records of a device, by its number.
    pub(super) amounts: HashMap<i64, u64>,
    /// Devices that had data in this transaction, and when.
    pub(super) last_inputs: HashMap<i64, Time>,
    pub(super) triggers: Option<Triggers>,
}

impl Store {
    pub(super) fn open(path: &Path, shared: Shared) -> Result<Store, ProjectError> {
        let failed = |source| ProjectError::Database { path: path.to_owned(), source };
        let file =
            File::open(path).map_err(|source| ProjectError::Directory { path: path.to_owned(), source })?;
        let writing = open_to_write(path).map_err(failed)?;
        let lookups = open_to_read(path).map_err(failed)?;
        let (work, jobs) = channel();
        let recent = Arc::new(Recent::default());
        let behind = Arc::new(Behind::new(path));
        let day = Arc::new(AtomicI64::new(i64::MIN));
        let clock = shared.clock.clone();
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn({
                let beside = Beside { recent: recent.clone(), behind: behind.clone(), day: day.clone() };
                move || write_until_closed(&writing, &jobs, &shared, &beside)
            })
            .map_err(|source| ProjectError::Directory { path: path.to_owned(), source })?;
        Ok(Store {
            path: path.to_owned(),
            writer: Mutex::new(Writer { work: Some(work), thread: Some(thread) }),
            lookups: Mutex::new(Some(lookups)),
            readers: Mutex::default(),
            returned: Condvar::new(),
            recent,
            behind,
            day,
            clock,
            file,
        })
    }

    /// Has the writer do `work`, and returns once that is durable. What fails leaves nothing behind.
    pub(super) async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, Unwritten>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |writing: &mut Writing<'_>| {
            // What a panic leaves of the cache and the transaction is thrown away.
            let outcome = catch_unwind(AssertUnwindSafe(|| work(writing)));
            Done {
                keep: matches!(outcome, Ok(Ok(_))),
                tell: Box::new(move |committed| {
                    let told = match (outcome, committed) {
                        (Err(_), _) => Err(Unwritten::Panicked),
                        (_, Err(error)) => Err(Unwritten::Commit(error)),
                        (Ok(outcome), Ok(())) => Ok(outcome),
                    };
                    // A caller who is gone has nobody to be told.
                    let _ = reply.send(told);
                }),
            }
        });
        self.send(Work::Job(job)).map_err(|Closed| Unwritten::Closed)?;
        answer.await.unwrap_or(Err(Unwritten::Closed))
    }

    /// Has done what the beginning of a day brings, whoever is the first to look.
    pub(super) async fn keep_up(&self) {
        if self.day.load(Ordering::Acquire) != day_of(self.clock.now()) {
            // Whoever asks hears of a broken database at once.
            let _ = self.write(|_| Ok::<_, rusqlite::Error>(())).await;
        }
    }

    /// Makes durable what was noted in passing: call it before it is shown.
    pub(super) async fn save_recent(&self) {
        if self.recent.unwritten() {
            // It may be shown a little out of date; whoever asks hears of a broken database at once.
            let _ = self.write(|_| Ok::<_, rusqlite::Error>(())).await;
        }
    }

    /// Reads a row or two, quickly.
    pub(super) fn lookup<T>(&self, work: impl FnOnce(&Connection) -> T) -> Result<T, ProjectError> {
        lock(&self.lookups).as_ref().map(work).ok_or(ProjectError::Closed)
    }

    /// Reads, for as long as it takes. Waits for a free connection.
    pub(super) fn read_blocking<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<rusqlite::Result<T>, ProjectError> {
        let mut readers = self
            .returned
            .wait_while(lock(&self.readers), |readers| readers.busy >= READERS && !readers.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if readers.closed {
            return Err(ProjectError::Closed);
        }
        readers.busy += 1;
        let idle = readers.idle.pop();
        drop(readers);
        let _returned = Returned(self);
        let db = match idle.map_or_else(|| open_to_read(&self.path), Ok) {
            Ok(db) => db,
            Err(source) => return Ok(Err(source)),
        };
        let read = db.unchecked_transaction().and_then(|reading| {
            let outcome = work(&reading);
            reading.finish()?;
            outcome
        });
        lock(&self.readers).idle.push(db);
        Ok(read)
    }

    /// Reads what was there as long ago as writes of its kind are shown late.
    pub(super) fn read_late_blocking<T>(
        &self,
        what: Late,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<rusqlite::Result<T>, ProjectError> {
        let seen = self.behind.seen_at(self.clock.now());
        if seen.is_present(what) {
            drop(seen);
            return self.read_blocking(work);
        }
        match seen.state() {
            Some(db) => Ok(work(db)),
            None => self.read_blocking(work),
        }
    }

    /// From now on a write is shown to readers after `lag` and no more than an eighth of it earlier, by the
    /// platform's clock. A snapshot shows what was written before it.
    pub(super) fn show_late(&self, late: Late, lag: Duration) {
        self.behind.set(late, lag);
    }

    /// A row or two that are shown at once where records are shown late; `None` where they are not.
    pub(super) fn lookup_before_records<T>(
        &self,
        work: impl FnOnce(&Connection) -> T,
    ) -> Result<Option<T>, ProjectError> {
        let late = self.behind.seen_at(self.clock.now()).is_of_records();
        late.then(|| self.lookup(work)).transpose()
    }

    /// Stops the writer between two transactions, with the write lock held, until the guard is dropped.
    pub(super) fn pause(&self) -> Result<Pause, ProjectError> {
        let (paused, is_paused) = channel();
        let (end, until) = channel();
        self.send(Work::Pause { paused, until }).map_err(|Closed| ProjectError::Closed)?;
        is_paused.recv().map_err(|_| ProjectError::Closed)?;
        // Whoever reads an old state would keep the log from being folded in.
        self.behind.let_go();
        Ok(Pause { _end: end })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The database file, to be read from while its content is known to stand still.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn close(&self) {
        let thread = {
            let mut writer = lock(&self.writer);
            writer.work = None;
            writer.thread.take()
        };
        if let Some(thread) = thread {
            // One that panicked outside of a job has told its callers by dropping their replies.
            let _ = thread.join();
        }
        lock(&self.lookups).take();
        self.behind.let_go();
        let mut readers = lock(&self.readers);
        readers.closed = true;
        self.returned.notify_all();
        let mut readers = self
            .returned
            .wait_while(readers, |readers| readers.busy > 0)
            .unwrap_or_else(PoisonError::into_inner);
        readers.idle.clear();
    }

    fn send(&self, work: Work) -> Result<(), Closed> {
        let sender = lock(&self.writer).work.clone().ok_or(Closed)?;
        sender.send(work).map_err(|_| Closed)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// While it lives nothing is written.
pub(super) struct Pause {
    _end: Sender<()>,
}

struct Closed;

/// What the writer shares with readers.
struct Beside {
    recent: Arc<Recent>,
    behind: Arc<Behind>,
    day: Arc<AtomicI64>,
}

fn day_of(time: Time) -> i64 {
    time.millis().div_euclid(24 * 60 * 60 * 1000)
}

struct Returned<'a>(&'a Store);

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        lock(&self.0.readers).busy -= 1;
        self.0.returned.notify_all();
    }
}

/// The writer's thread.
fn write_until_closed(db: &Connection, work: &Receiver<Work>, shared: &Shared, beside: &Beside) {
    let mut cache = Cache::default();
    let mut next = work.recv().ok();
    while let Some(first) = next.take() {
        match first {
            Work::Pause { paused, until } => {
                if beside.day.load(Ordering::Acquire) != day_of(shared.clock.now()) {
                    // The copy is of a database that has done what was due.
                    let nothing = Box::new(|_: &mut Writing<'_>| Done { keep: true, tell: Box::new(drop) });
                    write_together(db, nothing, &channel().1, &mut cache, shared, beside);
                }
                pause(db, &paused, &until);
            }
            Work::Job(first) => next = write_together(db, first, work, &mut cache, shared, beside),
        }
        if next.is_none() {
            next = work.recv().ok();
        }
    }
}

/// Runs `first` and the jobs that wait behind it as one transaction; returns what is not a job.
fn write_together(
    db: &Connection,
    first: Job,
    work: &Receiver<Work>,
    cache: &mut Cache,
    shared: &Shared,
    beside: &Beside,
) -> Option<Work> {
    let mut told = Vec::new();
    let mut left = None;
    let outcome: rusqlite::Result<()> = (|| {
        beside.behind.keep(shared.clock.now())?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        let (now, today) = (shared.clock.now(), beside.day.load(Ordering::Acquire));
        if day_of(now) != today {
            chunks::roll_over(db, now)?;
            cache.amounts.clear();
        }
        let mut job = Some(first);
        while let Some(run) = job.take() {
            told.push(run_job(db, run, cache, shared)?);
            if told.len() < JOBS_IN_A_TRANSACTION {
                match work.try_recv() {
                    Ok(Work::Job(another)) => job = Some(another),
                    Ok(other) => left = Some(other),
                    Err(_) => {}
                }
            }
        }
        cache.save(db)?;
        beside.recent.save(db)?;
        db.execute_batch("COMMIT")?;
        beside.day.store(day_of(now), Ordering::Release);
        Ok(())
    })();
    match outcome {
        Ok(()) => told.into_iter().for_each(|tell| tell(Ok(()))),
        Err(error) => {
            *cache = Cache::default();
            if !db.is_autocommit() {
                // If even this fails, the next BEGIN says so.
                let _ = db.execute_batch("ROLLBACK");
            }
            let text = error.to_string();
            for tell in told {
                tell(Err(rusqlite::Error::ToSqlConversionFailure(text.clone().into())));
            }
        }
    }
    left
}

type Tell = Box<dyn FnOnce(Result<(), rusqlite::Error>) + Send>;

fn run_job(db: &Connection, job: Job, cache: &mut Cache, shared: &Shared) -> rusqlite::Result<Tell> {
    db.prepare_cached("SAVEPOINT job")?.execute([])?;
    let now = shared.clock.now();
    let inputs_before = cache.last_inputs.clone();
    let done = job(&mut Writing { db, cache, random: &shared.random, now });
    if !done.keep {
        *cache = Cache { last_inputs: inputs_before, ..Cache::default() };
        db.prepare_cached("ROLLBACK TO job")?.execute([])?;
    } else if let Some(next) = cache.next_sequence {
        schema::put(db, "next_sequence", i64::try_from(next).unwrap_or(i64::MAX))?;
    }
    db.prepare_cached("RELEASE job")?.execute([])?;
    Ok(done.tell)
}

fn pause(db: &Connection, paused: &Sender<()>, until: &Receiver<()>) {
    if db.execute_batch("BEGIN IMMEDIATE").is_ok() {
        // Whoever asked is gone, or drops its end when it has what it needs: both end the pause.
        let _ = paused.send(());
        let _ = until.recv();
        let _ = db.execute_batch("ROLLBACK");
    }
}

impl Cache {
    fn save(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for (device, at) in self.last_inputs.drain() {
            db.prepare_cached("UPDATE devices SET last_input = ?2 WHERE number = ?1")?
                .execute((device, at.millis()))?;
        }
        Ok(())
    }
}

impl Writing<'_> {
    /// The sequence number of the next record.
    pub(super) fn next_sequence(&mut self) -> rusqlite::Result<u64> {
        let next = match self.cache.next_sequence {
            Some(next) => next,
            None => schema::get::<i64>(self.db, "next_sequence")?.map_or(1, i64::unsigned_abs),
        };
        self.cache.next_sequence = Some(next + 1);
        Ok(next)
    }
}

/// A connection of its own, as the writer's.
pub(super) fn open_to_write(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(Duration::from_secs(10))?;
    db.set_prepared_statement_cache_capacity(64);
    // What is acknowledged survives a power cut.
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "cache_size", -32_000)?;
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let db = open_to_write(path)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
