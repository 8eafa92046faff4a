//! All that a project has stored, read from its disk: every row of every table, and every file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// When a token or a device was last used, and how much was asked for: the platform's own notes, which any
/// reading makes.
const NOTED: [(&str, &str); 2] = [("tokens", "last_authorization"), ("devices", "last_output")];
const COUNTED: &str = "usage";
/// The day's beginning is carried out by whoever comes first, also by a reader.
const DAILY: &str = "meta key=chunks_rolled_over ";

/// Rows of the main database, and the files beside it.
pub(crate) fn stored(database: &Path, blobs: &Path) -> BTreeSet<String> {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(tables.len() > 10, "{tables:?}");
    let mut stored = BTreeSet::new();
    for table in tables.iter().filter(|table| *table != COUNTED) {
        let mut query = db.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let told = columns.iter().enumerate().filter(|(_, column)| !NOTED.contains(&(table, column)));
            let told: Vec<String> =
                told.map(|(at, column)| format!("{column}={}", shown(row.get_ref(at).unwrap()))).collect();
            let told = format!("{table} {}", told.join(" "));
            if !told.starts_with(DAILY) {
                stored.insert(told);
            }
        }
    }
    list(blobs, &mut stored);
    stored
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn list(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match entry.file_type().unwrap().is_dir() {
            true => list(&path, found),
            false => drop(found.insert(format!("{} {:?}", path.display(), fs::read(&path).unwrap()))),
        }
    }
}
