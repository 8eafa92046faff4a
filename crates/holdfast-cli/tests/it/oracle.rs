//! What is in a project, read straight from its database: by own SQL, and by no code of the engine.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Records as a multiset: what each says, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Records(BTreeMap<Said, i64>);

/// All that a record says: device, variable, time, value, unit, group, location, metadata.
type Said = (String, String, i64, [Option<String>; 5]);

/// How two multisets differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Differences {
    pub(crate) lost: i64,
    pub(crate) doubled: i64,
}

/// The records of these devices, or of all.
pub(crate) fn records(database: &Path, devices: Option<&[String]>) -> Records {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = db
        .prepare(
            "SELECT d.id, v.name, r.time, r.value, r.unit, r.\"group\", r.location, r.metadata
             FROM records r JOIN devices d ON d.number = r.device JOIN variables v ON v.number = r.variable",
        )
        .unwrap();
    let mut records = Records::default();
    let mut rows = query.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let rest = [3, 4, 5, 6, 7].map(|column| row.get(column).unwrap());
        let said = (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap(), rest);
        records.add(said, devices);
    }
    records
}

/// Devices, parameters and device tokens, row by row.
pub(crate) fn everything_else(database: &Path) -> Vec<String> {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = Vec::new();
    for query in [
        "SELECT json_array(id, name, type, tags, active, visible, updated_at) FROM devices ORDER BY id",
        "SELECT json_array(id, device, key, value, sent) FROM params ORDER BY id",
        "SELECT json_array(id, owner, name, permission, serie_number) FROM tokens WHERE kind = 'device' ORDER BY id",
    ] {
        let mut query = db.prepare(query).unwrap();
        rows.extend(query.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap));
    }
    rows
}

impl Records {
    fn add(&mut self, said: Said, devices: Option<&[String]>) {
        if devices.is_none_or(|devices| devices.contains(&said.0)) {
            *self.0.entry(said).or_default() += 1;
        }
    }

    pub(crate) fn count(&self) -> i64 {
        self.0.values().sum()
    }

    /// Records that are there more than once.
    pub(crate) fn duplicates(&self) -> usize {
        self.0.values().filter(|times| **times > 1).count()
    }

    /// Both together.
    pub(crate) fn plus(&self, other: &Records) -> Records {
        let mut sum = self.clone();
        for (said, times) in &other.0 {
            *sum.0.entry(said.clone()).or_default() += times;
        }
        sum
    }

    /// Those of these devices.
    pub(crate) fn of(&self, devices: &[String]) -> Records {
        Records(
            self.0
                .iter()
                .filter(|(said, _)| devices.contains(&said.0))
                .map(|(s, n)| (s.clone(), *n))
                .collect(),
        )
    }

    /// Those between two moments, both included.
    pub(crate) fn between(&self, from: tago_api::Time, to: tago_api::Time) -> Records {
        let range = from.millis()..=to.millis();
        let within = self.0.iter().filter(|(said, _)| range.contains(&said.2));
        Records(within.map(|(said, times)| (said.clone(), *times)).collect())
    }

    /// Those whose group does not begin so.
    pub(crate) fn without_group(&self, prefix: &str) -> Records {
        let is_other = |said: &Said| !said.3[2].as_deref().is_some_and(|group| group.starts_with(prefix));
        Records(self.0.iter().filter(|(said, _)| is_other(said)).map(|(s, n)| (s.clone(), *n)).collect())
    }

    /// The same under other device ids.
    pub(crate) fn with_devices(&self, id: impl Fn(&str) -> String) -> Records {
        let mut records = Records::default();
        for ((device, variable, time, rest), times) in &self.0 {
            *records.0.entry((id(device), variable.clone(), *time, rest.clone())).or_default() += times;
        }
        records
    }

    /// What `self` has and `other` has not, or not as often.
    pub(crate) fn minus(&self, other: &Records) -> Records {
        let left = |(said, times): (&Said, &i64)| {
            let more = times - other.0.get(said).copied().unwrap_or(0);
            (more > 0).then(|| (said.clone(), more))
        };
        Records(self.0.iter().filter_map(left).collect())
    }

    /// How far `found` is from this.
    pub(crate) fn compare(&self, found: &Records) -> Differences {
        Differences { lost: self.minus(found).count(), doubled: found.minus(self).count() }
    }
}

/// Everything as it should be.
pub(crate) const NONE: Differences = Differences { lost: 0, doubled: 0 };
