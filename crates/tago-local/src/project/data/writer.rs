use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use rusqlite::{Connection, Row};
use tago_api::Time;

use super::Target;
use super::select::{Key, text};
use crate::project::call::Refused;
use crate::project::record_id::RecordIds;

/// Writes records as JSON, one after the other.
pub(super) struct RecordWriter<'a> {
    /// The list of all of them, without its end.
    out: Vec<u8>,
    ids: &'a RecordIds,
    device: &'a str,
    variables: HashMap<i64, String>,
    /// What stands between the id and the time of a variable's records.
    between: BTreeMap<i64, String>,
    details: bool,
}

/// Bytes of a usual record.
const USUAL: usize = 192;

impl<'a> RecordWriter<'a> {
    pub(super) fn new(
        db: &Connection,
        target: &'a Target,
        ids: &'a RecordIds,
        details: bool,
        most: usize,
    ) -> rusqlite::Result<RecordWriter<'a>> {
        let variables = db
            .prepare_cached("SELECT number, name FROM variables")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut out = Vec::with_capacity(1 + most * USUAL);
        out.push(b'[');
        Ok(RecordWriter { out, ids, device: &target.id, variables, between: BTreeMap::new(), details })
    }

    pub(super) fn write(&mut self, row: &Row<'_>, key: Key) -> Result<Range<usize>, Refused> {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        let start = self.out.len();
        let between = self.between.entry(key.variable).or_insert_with(|| {
            let variable = self.variables.get(&key.variable).map_or("", String::as_str);
            format!(r#"","device":"{}","variable":"{variable}","time":""#, self.device)
        });
        for part in [
            b"{\"id\":\"".as_slice(),
            &self.ids.id(key.sequence.unsigned_abs()).to_ascii(),
            between.as_bytes(),
            &Time::from_millis(key.time).to_ascii(),
            b"\",\"group\":",
        ] {
            self.out.extend_from_slice(part);
        }
        self.quoted(text(row, 5)?.unwrap_or_default())?;
        if let Some(unit) = text(row, 4)? {
            self.out.extend_from_slice(b",\"unit\":");
            self.quoted(unit)?;
        }
        for (name, column) in [(",\"value\":", 3), (",\"location\":", 6), (",\"metadata\":", 7)] {
            if let Some(json) = text(row, column)? {
                self.out.extend_from_slice(name.as_bytes());
                self.out.extend_from_slice(json.as_bytes());
            }
        }
        if self.details {
            let created = format!(r#","created_at":"{}""#, Time::from_millis(row.get(8)?));
            self.out.extend_from_slice(created.as_bytes());
        }
        self.out.push(b'}');
        Ok(start..self.out.len())
    }

    fn quoted(&mut self, text: &str) -> Result<(), Refused> {
        // Looked at as a whole, because that is many bytes at a time.
        let escaped =
            text.bytes().fold(false, |any, byte| any | (byte < 0x20) | (byte == b'"') | (byte == b'\\'));
        if !escaped {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
            return Ok(());
        }
        serde_json::to_writer(&mut self.out, text).map_err(|error| Refused::internal(error.to_string()))
    }

    /// The list of what was written at `ranges`, in their order.
    pub(super) fn list(mut self, ranges: impl Iterator<Item = Range<usize>> + Clone) -> Vec<u8> {
        let mut end = 0;
        let is_all = ranges.clone().all(|range| range.start == std::mem::replace(&mut end, range.end) + 1);
        if is_all && end == self.out.len() {
            self.out.push(b']');
            return self.out;
        }
        let mut list = Vec::with_capacity(self.out.len() + 1);
        list.push(b'[');
        for range in ranges {
            if list.len() > 1 {
                list.push(b',');
            }
            list.extend_from_slice(&self.out[range]);
        }
        list.push(b']');
        list
    }
}
