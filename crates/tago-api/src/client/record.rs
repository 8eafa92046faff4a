use std::collections::HashSet;
use std::mem;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::api::Api;
use super::device::{Device, Param};
use super::error::ApiError;
use super::transport::{Call, Transport};
use crate::{DeviceId, RecordId, Time, Value};

/// One record of device data, as it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Answered")]
pub struct Record {
    /// Made anew at every ingestion.
    pub id: RecordId,
    /// What is measured.
    pub variable: String,
    /// What was measured; a record may have a location alone.
    pub value: Option<Value>,
    /// When.
    pub time: Time,
    /// In what unit.
    pub unit: Option<String>,
    /// What belongs together.
    pub group: Option<String>,
    /// GeoJSON.
    pub location: Option<Box<RawValue>>,
    /// An object of the owner's own.
    pub metadata: Option<Box<RawValue>>,
    /// When the platform took it; only with details.
    pub created_at: Option<Time>,
}

/// A record on the wire, where the group may also come under its older name, or under both.
#[derive(Deserialize)]
struct Answered {
    id: RecordId,
    variable: String,
    #[serde(default)]
    value: Option<Value>,
    time: Time,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    serie: Option<String>,
    #[serde(default)]
    location: Option<Box<RawValue>>,
    #[serde(default)]
    metadata: Option<Box<RawValue>>,
    #[serde(default)]
    created_at: Option<Time>,
}

impl From<Answered> for Record {
    fn from(record: Answered) -> Record {
        let Answered { id, variable, value, time, unit, group, serie, location, metadata, created_at } =
            record;
        Record { id, variable, value, time, unit, group: group.or(serie), location, metadata, created_at }
    }
}

/// One record of device data, as it is written.
#[derive(Debug, Clone, Serialize)]
pub struct NewRecord {
    /// 1 to 100 characters of `[a-z0-9_]`.
    pub variable: String,
    /// May be absent beside a location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// When; the platform keeps milliseconds.
    pub time: Time,
    /// At most 25 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// At most 100 characters. Without it the platform makes one group of all records of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// GeoJSON point, or `{lat, lng}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Box<RawValue>>,
    /// An object of at most 10,000 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<RawValue>>,
}

/// A closed range of time: both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First moment.
    pub from: Time,
    /// Last moment.
    pub to: Time,
}

impl TimeRange {
    /// All of it, also what is dated in the future.
    pub const ALL: TimeRange = TimeRange { from: Time::MIN, to: Time::MAX };
}

/// Which records. The end of the range and the quantity are always sent: the
/// platform would take *now* and *15*.
#[derive(Debug, Clone)]
pub struct RecordQuery {
    /// All variables when empty.
    pub variables: Vec<String>,
    /// These records alone, when not empty.
    pub ids: Vec<RecordId>,
    /// Closed range of time.
    pub range: TimeRange,
    /// Most records (of each listed variable), up to [`RecordQuery::LARGEST`].
    pub quantity: usize,
    /// Records to pass over.
    pub skip: usize,
    /// Oldest first.
    pub ascending: bool,
    /// With `created_at`.
    pub details: bool,
}

impl RecordQuery {
    /// Most records that the platform returns in one answer.
    pub const LARGEST: usize = 10_000;

    /// All records of the range, oldest first.
    pub fn range(range: TimeRange) -> RecordQuery {
        RecordQuery {
            variables: Vec::new(),
            ids: Vec::new(),
            range,
            quantity: RecordQuery::LARGEST,
            skip: 0,
            ascending: true,
            details: false,
        }
    }

    /// Only this variable.
    pub fn variable(mut self, variable: impl Into<String>) -> RecordQuery {
        self.variables = vec![variable.into()];
        self
    }

    fn onto(&self, call: Call) -> Call {
        let mut call = self
            .selection_onto(call)
            .query("qty", self.quantity)
            .query("ordination", if self.ascending { "ascending" } else { "descending" });
        if self.skip > 0 {
            call = call.query("skip", self.skip);
        }
        if self.details {
            call = call.query("details", true);
        }
        call
    }

    fn selection_onto(&self, mut call: Call) -> Call {
        call = match self.variables.as_slice() {
            [] => call,
            [one] => call.query("variables", one),
            several => list_onto(call, "variables", several),
        };
        call = list_onto(call, "ids", &self.ids);
        if self.range.from > Time::MIN {
            call = call.query("start_date", self.range.from);
        }
        call.query("end_date", self.range.to)
    }
}

/// Device data as a profile sees it: read and delete; writing takes a [`DeviceApi`].
impl Api {
    /// One answer's worth of records.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn record_page(&self, device: DeviceId, query: &RecordQuery) -> Result<Vec<Record>, ApiError> {
        self.record_page_as(device, query, |record| record).await
    }

    /// The same as records of another shape, made where the answer is read: of many on a thread of its own.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn record_page_as<T: Send + 'static>(
        &self,
        device: DeviceId,
        query: &RecordQuery,
        shape: fn(Record) -> T,
    ) -> Result<Vec<T>, ApiError> {
        let call = query.onto(Call::new("GET /device/{device}/data").with(device));
        let shaped = move |records: Vec<Record>| {
            let mut shaped: Vec<T> = records.into_iter().map(shape).collect();
            // It grew by doubling, and may wait for its turn.
            shaped.shrink_to_fit();
            shaped
        };
        self.transport.result_as(call, shaped).await
    }

    /// All records of a range, oldest first, in pages of at most [`RecordQuery::LARGEST`].
    pub fn records(&self, device: DeviceId, variable: Option<&str>, range: TimeRange) -> RecordPages {
        let mut query = RecordQuery::range(range);
        query.variables.extend(variable.map(str::to_owned));
        RecordPages { api: self.clone(), device, query, seen: HashSet::new(), done: false }
    }

    /// How many records the query selects; its quantity and skip are not looked at.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn record_count(&self, device: DeviceId, query: &RecordQuery) -> Result<u64, ApiError> {
        let call = query.selection_onto(Call::new("GET /device/{device}/data").with(device));
        let counts: Counts = self.transport.result(call.query("query", "count")).await?;
        Ok(counts.total())
    }

    /// The newest record, or the newest of each listed variable.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn last_records(&self, device: DeviceId, query: &RecordQuery) -> Result<Vec<Record>, ApiError> {
        let call = query.selection_onto(Call::new("GET /device/{device}/data").with(device));
        self.transport.result(call.query("query", "last_item")).await
    }

    /// The oldest record, or the oldest of each listed variable.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn first_records(
        &self,
        device: DeviceId,
        query: &RecordQuery,
    ) -> Result<Vec<Record>, ApiError> {
        let call = query.selection_onto(Call::new("GET /device/{device}/data").with(device));
        self.transport.result(call.query("query", "first_item")).await
    }

    /// Deletes what the query selects, at most its quantity; returns how many the platform says it deleted.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_records(&self, device: DeviceId, query: &RecordQuery) -> Result<u64, ApiError> {
        let route = "DELETE /device/{device}/data";
        let answer: String = self.transport.result(query.onto(Call::new(route).with(device))).await?;
        leading_count(&self.transport, route, &answer)
    }

    /// Has the platform import a CSV file of this profile into the device, some time later: the answer says
    /// that it is queued, and nothing tells what became of it but the device's records.
    ///
    /// # Errors
    /// [`ApiError::delivery`] says whether it may have been queued all the same.
    pub async fn import_records(&self, device: DeviceId, path: &str) -> Result<(), ApiError> {
        let body = ImportOf { file_address: path };
        let call = Call::new("POST /device/{device}/data/restore").with(device).json(&body)?;
        self.done(call).await
    }
}

#[derive(Serialize)]
struct ImportOf<'a> {
    file_address: &'a str,
}

/// What the token of one device opens.
#[derive(Clone)]
pub struct DeviceApi {
    transport: Transport,
}

impl DeviceApi {
    pub(super) fn new(transport: Transport) -> DeviceApi {
        DeviceApi { transport }
    }

    /// Stores records; returns how many the platform says it took. Never repeated by itself.
    ///
    /// # Errors
    /// [`ApiError::delivery`] says whether they may have been stored all the same.
    pub async fn write(&self, records: &[NewRecord]) -> Result<u64, ApiError> {
        self.post(Call::new(WRITE).json(&records)?).await
    }

    /// The same with an array that is written already.
    ///
    /// # Errors
    /// As [`DeviceApi::write`].
    pub async fn write_json(&self, records: impl Into<Bytes>) -> Result<u64, ApiError> {
        self.post(Call::new(WRITE).body(records.into())).await
    }

    async fn post(&self, call: Call) -> Result<u64, ApiError> {
        let answer: String = self.transport.result(call).await?;
        leading_count(&self.transport, WRITE, &answer)
    }

    /// One answer's worth of records.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn record_page(&self, query: &RecordQuery) -> Result<Vec<Record>, ApiError> {
        self.transport.result(query.onto(Call::new("GET /data"))).await
    }

    /// The device that the token belongs to.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn device(&self) -> Result<Device, ApiError> {
        self.transport.result(Call::new("GET /info")).await
    }

    /// The device's configuration parameters.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn params(&self) -> Result<Vec<Param>, ApiError> {
        self.transport.result(Call::new("GET /device/params")).await
    }
}

const WRITE: &str = "POST /data";

/// The pages of [`Api::records`]. Each starts at the last moment of the one
/// before, so records that come or go meanwhile shift nothing.
pub struct RecordPages {
    api: Api,
    device: DeviceId,
    query: RecordQuery,
    /// Records of the moment at which the next page starts that have been returned already.
    seen: HashSet<RecordId>,
    done: bool,
}

impl RecordPages {
    /// The next records; `None` after the last.
    ///
    /// # Errors
    /// See [`ApiError`]. The same page may be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<Record>>, ApiError> {
        while !self.done {
            let page = match self.api.record_page(self.device, &self.query).await {
                Err(ApiError::TooLarge { .. }) if self.query.quantity > 1 => {
                    self.query.quantity /= 2;
                    continue;
                }
                page => page?,
            };
            let fresh = self.advance(page);
            if !fresh.is_empty() {
                return Ok(Some(fresh));
            }
        }
        Ok(None)
    }

    fn advance(&mut self, mut page: Vec<Record>) -> Vec<Record> {
        self.done = page.len() < self.query.quantity;
        let Some(last) = page.last().map(|record| record.time) else { return page };
        let started_at = mem::replace(&mut self.query.range.from, last);
        self.query.skip = if started_at == last { self.query.skip + page.len() } else { 0 };
        page.retain(|record| !self.seen.contains(&record.id));
        if started_at != last {
            self.seen.clear();
        }
        self.seen.extend(page.iter().filter(|record| record.time == last).map(|record| record.id));
        page
    }
}

/// `count` answers with a number, or with one row for each variable.
#[derive(Deserialize)]
#[serde(untagged)]
enum Counts {
    Number(u64),
    Rows(Vec<Count>),
}

#[derive(Deserialize)]
struct Count {
    value: u64,
}

impl Counts {
    fn total(&self) -> u64 {
        match self {
            Counts::Number(number) => *number,
            Counts::Rows(rows) => rows.iter().map(|row| row.value).sum(),
        }
    }
}

fn list_onto(call: Call, name: &str, values: &[impl ToString]) -> Call {
    values
        .iter()
        .enumerate()
        .fold(call, |call, (i, value)| call.query(format!("{name}[{i}]"), value.to_string()))
}

/// The number at the beginning of `12 Data Added`.
fn leading_count(transport: &Transport, route: &'static str, answer: &str) -> Result<u64, ApiError> {
    let count = answer.split_whitespace().next().and_then(|word| word.parse().ok());
    count.ok_or_else(|| {
        let error = serde_json::Error::custom("a text that begins with a count, like \"12 Data Added\"");
        transport.undecodable(route, "result".to_owned(), Bytes::copy_from_slice(answer.as_bytes()), error)
    })
}
