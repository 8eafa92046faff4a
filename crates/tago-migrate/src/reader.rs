//! Reading one side: paced, and in ranges that one answer can hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tago_api::{DeviceId, Time};

use crate::clock::Clock;
use crate::machine::Route;
use crate::pacer::Pacers;
use crate::planted::{Bug, is_planted};
use crate::ports::{Order, PortError, Range, Source, WriteError};
use crate::record::Record;

/// One side, read at its pace.
pub(crate) struct Reader<'a> {
    pub(crate) port: &'a dyn Source,
    pub(crate) pacers: &'a Pacers<'a>,
    pub(crate) clock: &'a dyn Clock,
    /// The most records of one answer.
    pub(crate) limit: usize,
    /// How long to go on asking a side that does not answer.
    pub(crate) patience: Duration,
}

/// A moment may have as many records as so many answers hold: all of them are held at once.
const ANSWERS_OF_A_MOMENT: usize = 10;
/// A moment that changes while it is read is read again so often.
const READINGS: usize = 4;

/// Records without a gap: all that the range has from its beginning to `covered`.
pub(crate) struct Page {
    pub(crate) records: Vec<Record>,
    /// Where the next page begins, if there is more.
    pub(crate) next: Option<Time>,
}

impl Reader<'_> {
    /// Asks, and asks again after a 429, or for as long as patience lasts after no answer.
    pub(crate) async fn ask<T, F>(&self, route: Route, request: impl Fn() -> F) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        let mut silent_since: Option<Duration> = None;
        let mut pause = Duration::from_millis(250);
        loop {
            self.pacers.admit(route).await;
            match request().await {
                Err(PortError::RateLimited { retry_after }) => {
                    self.pacers.refused(route, retry_after);
                    silent_since = None;
                }
                Err(cause @ (PortError::Unreachable { .. } | PortError::Undecodable { .. })) => {
                    let now = self.clock.elapsed();
                    let silent = now.saturating_sub(*silent_since.get_or_insert(now));
                    if silent + pause >= self.patience {
                        return Err(cause);
                    }
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(8));
                }
                answer => return answer,
            }
        }
    }

    /// The same for a change that may be repeated until it is acknowledged.
    pub(crate) async fn change<F>(&self, route: Route, request: impl Fn() -> F) -> Result<(), PortError>
    where
        F: Future<Output = Result<(), WriteError>>,
    {
        self.ask(route, || async { request().await.map_err(|error| error.cause().clone()) }).await
    }

    /// All records of a range.
    pub(crate) async fn range(&self, device: DeviceId, range: &Range) -> Result<Vec<Record>, PortError> {
        let mut rest = range.clone();
        let mut records = Vec::new();
        loop {
            let mut page = self.page(device, &rest).await?;
            if records.is_empty() {
                records = page.records;
            } else {
                records.append(&mut page.records);
            }
            match page.next {
                Some(next) => rest.from = next,
                None => return Ok(records),
            }
        }
    }

    /// The first page of a range. A full answer may have been cut in the middle of a moment, so its last
    /// moment is left to the next page.
    pub(crate) async fn page(&self, device: DeviceId, range: &Range) -> Result<Page, PortError> {
        // The limit counts per variable where several are named.
        let limit = (self.limit / range.variables.len().max(1)).max(1);
        let request = || self.port.records(device, range, Order::Ascending, 0, limit);
        let mut records = self.ask(Route::Read, request).await?;
        if records.len() < limit {
            return Ok(Page { records, next: None });
        }
        let mut last: BTreeMap<&str, (usize, Time)> = BTreeMap::new();
        for record in &records {
            let (count, time) = last.entry(&record.variable).or_insert((0, record.time));
            (*count, *time) = (*count + 1, record.time.max(*time));
        }
        let full = last.values().filter(|(count, _)| *count >= limit).map(|(_, time)| *time).min();
        let Some(cut) = full.or_else(|| last.values().map(|(_, time)| *time).max()) else {
            return Ok(Page { records, next: None });
        };
        if cut <= range.from {
            let records = self.moment(device, cut, &range.variables).await?;
            let next = cut + Duration::from_millis(1);
            return Ok(Page { records, next: (next <= range.to).then_some(next) });
        }
        records.retain(|record| record.time < cut);
        let next = if is_planted(Bug::CursorOffByOne) { cut + Duration::from_millis(1) } else { cut };
        Ok(Page { records, next: Some(next) })
    }

    /// The most records that one moment may have.
    pub(crate) fn densest(&self) -> usize {
        self.limit * ANSWERS_OF_A_MOMENT
    }

    /// All records of one moment that has more of them than one answer holds. Pages are cut by place, and
    /// a record that arrives in between moves the others: the ids, and the count before and after, tell.
    async fn moment(
        &self,
        device: DeviceId,
        at: Time,
        variables: &[String],
    ) -> Result<Vec<Record>, PortError> {
        let range = Range { from: at, to: at, variables: variables.to_vec() };
        let count = || self.ask(Route::Read, || self.port.count(device, &range));
        let mut counted = count().await?;
        for _ in 0..READINGS {
            if counted > self.densest() as u64 {
                let message =
                    format!("there are {counted} records at {at}, more than can be compared at once");
                return Err(PortError::Refused { message });
            }
            let records = match variables {
                [] => self.placed(device, &range).await?,
                _ => {
                    let mut records = Vec::new();
                    for variable in variables {
                        let of_one = Range { variables: vec![variable.clone()], ..range.clone() };
                        records.extend(self.placed(device, &of_one).await?);
                    }
                    records
                }
            };
            let distinct = records.iter().map(|record| record.id).collect::<BTreeSet<_>>().len();
            let before = std::mem::replace(&mut counted, count().await?);
            if (distinct, records.len()) == (records.len(), counted as usize) && before == counted {
                return Ok(records);
            }
        }
        let message = format!("the records at {at} change while they are read");
        Err(PortError::Undecodable { message })
    }

    /// Page after page by place.
    async fn placed(&self, device: DeviceId, range: &Range) -> Result<Vec<Record>, PortError> {
        let mut records: Vec<Record> = Vec::new();
        while records.len() <= self.densest() {
            let skip = records.len();
            let request = || self.port.records(device, range, Order::Ascending, skip, self.limit);
            let page = self.ask(Route::Read, request).await?;
            let is_last = page.len() < self.limit;
            records.extend(page);
            if is_last {
                break;
            }
        }
        Ok(records)
    }
}
