//! The independent check: it opens the databases themselves and asks them in SQL of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};

/// One record of device data without its id; devices are known by name, as a restore or a migration may renumber
/// them. What the record says is compared as the text that is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub device: String,
    pub variable: String,
    pub time: i64,
    value: Option<String>,
    unit: Option<String>,
    group: String,
    location: Option<String>,
    metadata: Option<String>,
}

/// Records with how often each is there.
pub type Records = BTreeMap<Record, usize>;

pub struct Database(Connection);

impl Database {
    /// For reading; the platform may go on writing.
    pub fn open(path: &Path) -> Database {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Database(Connection::open_with_flags(path, flags).unwrap())
    }

    /// For changing what is there behind everybody's back.
    pub fn open_for_tampering(path: &Path) -> Connection {
        let db = Connection::open(path).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        db
    }

    pub fn records(&self) -> Records {
        let mut records = Records::new();
        let sql = "SELECT d.name, v.name, r.time, r.value, r.unit, r.\"group\", r.location, r.metadata
            FROM records r JOIN devices d ON d.number = r.device JOIN variables v ON v.number = r.variable";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            Ok(Record {
                device: row.get(0)?,
                variable: row.get(1)?,
                time: row.get(2)?,
                value: row.get(3)?,
                unit: row.get(4)?,
                group: row.get(5)?,
                location: row.get(6)?,
                metadata: row.get(7)?,
            })
        });
        for record in rows.unwrap() {
            *records.entry(record.unwrap()).or_default() += 1;
        }
        records
    }

    /// Names of the devices, sorted.
    pub fn devices(&self) -> Vec<String> {
        self.column("SELECT name FROM devices ORDER BY name")
    }

    /// All but the ids and the times of last use: what makes a device this device.
    pub fn definitions(&self) -> Vec<Vec<Value>> {
        self.rows(
            "SELECT name, description, type, network, connector, active, visible, tags, payload_decoder,
                chunk_period, chunk_retention, mutable_variable_regex FROM devices ORDER BY name",
        )
    }

    /// Configuration parameters by the device's name.
    pub fn params(&self) -> Vec<Vec<Value>> {
        self.rows(
            "SELECT d.name, p.key, p.value, p.sent FROM params p JOIN devices d ON d.id = p.device
                ORDER BY d.name, p.key, p.value",
        )
    }

    /// Everything that a restore keeps as it is, table by table: resources with their ids and contents, and all
    /// records; not the project's own identity, not the tokens, not when somebody last read a device.
    pub fn kept_by_a_restore(&self) -> BTreeMap<&'static str, Vec<Vec<Value>>> {
        let tables = [
            (
                "devices",
                "SELECT number, id, name, description, type, network, connector, active, visible, tags,
                    payload_decoder, chunk_period, chunk_retention, mutable_variable_regex, last_input,
                    created_at, updated_at
                FROM devices ORDER BY number",
            ),
            ("params", "SELECT * FROM params ORDER BY id"),
            ("resources", "SELECT kind, id, name, body FROM resources ORDER BY kind, id"),
            ("variables", "SELECT * FROM variables ORDER BY number"),
            ("records", "SELECT * FROM records ORDER BY device, variable, time, sequence"),
        ];
        tables.into_iter().map(|(name, sql)| (name, self.rows(sql))).collect()
    }

    /// Tokens of devices: device name, token name, serial number, and the fingerprint that people see.
    pub fn device_tokens(&self) -> Vec<Token> {
        let sql =
            "SELECT d.name, t.name, t.serie_number, t.hash FROM tokens t JOIN devices d ON d.id = t.owner
            WHERE t.kind = 'device' ORDER BY d.name, t.name, t.hash";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let hash: Vec<u8> = row.get(3)?;
            Ok(Token {
                device: row.get(0)?,
                name: row.get(1)?,
                serial: row.get(2)?,
                fingerprint: hash[..4].iter().map(|byte| format!("{byte:02x}")).collect(),
            })
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Id, kind, owner, name, permission and serial number of each token; and apart from that its value's hash.
    pub fn tokens(&self) -> BTreeMap<Vec<String>, Vec<u8>> {
        let sql = "SELECT id, kind, owner, name, permission, ifnull(serie_number, ''), hash FROM tokens";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let described = (0..6).map(|at| row.get(at)).collect::<Result<Vec<String>, _>>()?;
            Ok((described, row.get(6)?))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    pub fn count(&self, table: &str) -> i64 {
        self.0.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    fn column(&self, sql: &str) -> Vec<String> {
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn rows(&self, sql: &str) -> Vec<Vec<Value>> {
        let mut statement = self.0.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    pub device: String,
    pub name: String,
    pub serial: Option<String>,
    pub fingerprint: String,
}

/// What `all` has and `known` has not, with multiplicities.
pub fn beyond(all: &Records, known: &Records) -> Records {
    let left = |(record, count): (&Record, &usize)| {
        let known = known.get(record).copied().unwrap_or(0);
        (*count > known).then(|| (record.clone(), count - known))
    };
    all.iter().filter_map(left).collect()
}

/// Both together, with multiplicities.
pub fn together(a: &Records, b: &Records) -> Records {
    let mut sum = a.clone();
    for (record, count) in b {
        *sum.entry(record.clone()).or_default() += count;
    }
    sum
}

pub fn amount(records: &Records) -> usize {
    records.values().sum()
}

/// SHA-256 of every byte of a live database, with its write-ahead log. Another process reads the files: closing
/// one in the platform's own process would drop the platform's locks on it.
pub fn bytes_of(database: &Path) -> Vec<u8> {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let read = Command::new("cat").arg(database).arg(log).output().unwrap();
    assert!(!read.stdout.is_empty());
    Sha256::digest(&read.stdout).to_vec()
}
