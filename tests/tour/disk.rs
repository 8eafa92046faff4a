//! Where the app keeps its things: looked at from outside, with SQL of its own.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::database::Database;
use crate::window::Home;

pub struct Disk {
    data: PathBuf,
}

/// What the journal of a run says, row by row.
pub struct Journal {
    pub rows: i64,
    pub batches_sent: i64,
    /// Those whose outcome is not known.
    pub batches_open: i64,
}

impl Disk {
    pub fn of(home: &Home) -> Disk {
        Disk { data: home.folder().join("data/app.holdfast.desktop") }
    }

    /// The ids of all projects of the practice platform.
    pub fn projects(&self) -> Vec<String> {
        names(&self.data.join("practice/projects"))
    }

    pub fn project(&self, id: &str) -> Database {
        Database::open(&self.data.join(format!("practice/projects/{id}/main.sqlite")))
    }

    pub fn snapshot(&self, project: &str, backup: &str) -> PathBuf {
        self.data.join(format!("practice/backups/{project}/{backup}.sqlite"))
    }

    /// The folder of the only run.
    pub fn run(&self) -> PathBuf {
        let runs = self.data.join("runs");
        let mut folders = names(&runs).into_iter().map(|name| runs.join(name)).filter(|path| path.is_dir());
        let run = folders.next().expect("there is a run");
        assert_eq!(folders.next(), None, "there is only one run");
        run
    }

    pub fn journal(&self) -> Journal {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let journal = Connection::open_with_flags(self.run().join("journal.sqlite"), flags).unwrap();
        let sql = "SELECT count(*), total(kind = 'intent'), total(kind = 'intent') - total(kind = 'outcome') FROM row";
        let counts = journal.query_row(sql, [], |row| {
            #[expect(clippy::cast_possible_truncation, reason = "counts of rows")]
            let whole = |at| row.get::<_, f64>(at).map(|count| count as i64);
            Ok(Journal { rows: row.get(0)?, batches_sent: whole(1)?, batches_open: whole(2)? })
        });
        counts.unwrap()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
