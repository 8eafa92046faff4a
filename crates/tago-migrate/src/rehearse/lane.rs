//! How the records travel, and why: in batches by stream, or in files that the target imports.
//!
//! An import takes few requests, counts no Data Input and wakes no payload parser. But the platform takes
//! it without saying what becomes of it, names no job that could be asked, and publishes neither how its
//! file spells places, metadata and types nor what is stored of a file that fails half-way. Batches are
//! counted in each answer and can be settled one by one, so everything travels by stream.

use super::Part;
use crate::plan::{Check, CheckName, CheckVerdict, DeviceItem, Verdict};

/// A file is not cheaper below this: it is what the platform's metering rounds up to.
const WORTH_A_FILE: u64 = 10_000;
/// The most records and bytes of one file.
const ROWS_OF_A_FILE: u64 = 1_000_000;
const BYTES_OF_A_FILE: u64 = 200_000_000;

/// What one device gets.
struct Share<'a> {
    name: &'a str,
    records: u64,
    bytes: u64,
    /// Requests by stream.
    requests: u64,
    is_immutable: bool,
}

impl Share<'_> {
    fn is_worth_a_file(&self) -> bool {
        self.is_immutable && self.records >= WORTH_A_FILE
    }

    /// Each is sent, and then imported.
    fn requests_by_file(&self) -> u64 {
        let files = self.records.div_ceil(ROWS_OF_A_FILE).max(self.bytes.div_ceil(BYTES_OF_A_FILE));
        2 * files
    }
}

pub(super) fn check(items: &[DeviceItem], data: &[Part], batch_bytes: usize) -> Check {
    let batch_bytes = (batch_bytes as u64).max(1);
    let shares = items.iter().zip(data).map(|(device, part)| {
        let filled = part.items.iter().filter(|item| item.verdict == Verdict::Fill);
        let mut share = Share {
            name: &device.name,
            records: 0,
            bytes: 0,
            requests: 0,
            is_immutable: device.kind == "immutable",
        };
        for item in filled {
            share.records += item.windows.iter().map(|window| window.missing.count).sum::<u64>();
            share.bytes += item.bytes;
            share.requests += item.bytes.div_ceil(batch_bytes);
        }
        share
    });
    let shares: Vec<Share<'_>> = shares.collect();
    let requests: u64 = shares.iter().map(|share| share.requests).sum();
    let worth: Vec<&Share<'_>> = shares.iter().filter(|share| share.is_worth_a_file()).collect();
    let text = match worth.as_slice() {
        _ if requests == 0 => "no record has to travel".to_owned(),
        [] => format!(
            "every record travels by stream, in about {requests} requests; no immutable device gets \
             {WORTH_A_FILE} records or more, so a file would not be cheaper"
        ),
        worth => {
            let records: u64 = worth.iter().map(|share| share.records).sum();
            let by_file: u64 = worth.iter().map(|share| share.requests_by_file()).sum();
            let by_stream: u64 = worth.iter().map(|share| share.requests).sum();
            let names: Vec<&str> = worth.iter().map(|share| share.name).collect();
            format!(
                "every record travels by stream, in about {requests} requests; a file would take {by_file} \
                 requests instead of {by_stream} for the {records} records of {} and count no data input, but \
                 the platform tells no outcome of an import, so nobody could say that nothing is lost or doubled",
                super::assess::named(&names)
            )
        }
    };
    Check { name: CheckName::Lane, verdict: CheckVerdict::Pass, text }
}
