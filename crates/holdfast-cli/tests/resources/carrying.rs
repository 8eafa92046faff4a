use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tago_migrate::{
    Choices, Control, Ending, Env, Figures, Plan, Progress, Proof, SystemClock, Undone, Verdict, prove,
    rehearse, run, status, undo,
};
use tempfile::TempDir;

use crate::moving::settings;
use crate::running::Running;

/// A run of records, its folder and its time.
pub(crate) struct Carrying {
    folder: TempDir,
    clock: SystemClock,
    control: Control,
    progress: Progress,
}

impl Carrying {
    pub(crate) fn new() -> Carrying {
        Carrying {
            folder: TempDir::new().unwrap(),
            clock: SystemClock::start(),
            control: Control::new(),
            progress: Progress::new(Figures::default()),
        }
    }

    pub(crate) fn env(&self) -> Env<'_> {
        Env { clock: &self.clock, nonce: 7, progress: &self.progress, control: &self.control }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn rehearse(&self, source: &Running, target: &Running, choices: &Choices) -> Plan {
        rehearse(&source.live(), &target.live(), choices, &settings(), self.env()).await.unwrap()
    }

    pub(crate) async fn run(&self, plan: &Plan, source: &Running, target: &Running) {
        let (ours, theirs) = (source.live(), target.live());
        let approved = plan.fingerprint();
        let ending = run(plan, &approved, self.path(), &ours, &theirs, &settings(), self.env()).await;
        assert_eq!(ending.unwrap(), Ending::Finished);
        let status = status(self.path()).unwrap();
        assert!(status.held.is_empty(), "{:#?}", status.held);
    }

    pub(crate) async fn prove(&self, source: &Running, target: &Running) -> Proof {
        prove(self.path(), &source.live(), &target.live(), &settings(), self.env()).await.unwrap()
    }

    pub(crate) async fn undo(&self, target: &Running) -> Undone {
        let (ending, told) = undo(self.path(), &target.live(), &settings(), self.env()).await.unwrap();
        assert_eq!(ending, Ending::Finished);
        told
    }
}

/// What a plan of records would still do.
pub(crate) fn undone(plan: &Plan) -> Vec<String> {
    let devices = plan.devices().into_iter().filter(|part| part.item.verdict != Verdict::Skip);
    let records = plan.summary().records_missing;
    let told =
        devices.map(|part| format!("{} {:?} {:?}", part.item.name, part.item.verdict, part.item.reasons));
    told.chain((records > 0).then(|| format!("{records} records"))).collect()
}

/// All that the project holds, its records and the names of its tokens too.
pub(crate) async fn content(it: &Running) -> BTreeSet<String> {
    let mut content = it.content().await;
    let path = it.project.database_path();
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    for query in [
        "SELECT json_array(d.id, v.name, r.time, r.value, r.\"group\", r.metadata, count(*)) FROM records r
         JOIN devices d ON d.number = r.device JOIN variables v ON v.number = r.variable
         GROUP BY d.id, v.name, r.time, r.value, r.\"group\", r.metadata",
        "SELECT json_array(id, owner, name, permission) FROM tokens WHERE kind = 'device'",
    ] {
        let mut query = database.prepare(query).unwrap();
        let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
        content.extend(rows.map(Result::unwrap));
    }
    content
}
