use bytes::Bytes;

use crate::record::Tally;

/// Records of one device that travel in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The request body: a JSON array of records.
    pub body: Bytes,
    /// What it holds.
    pub tally: Tally,
}
