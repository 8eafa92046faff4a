//! The file lane: records that travel in CSV files which the platform imports. An import counts no Data
//! Input and wakes no payload parser. But nothing tells what became of it, and nobody publishes how its file
//! spells places, metadata and types. So
//!
//! - a throw-away device in the target shows first which shapes of records a file brings back, and in which
//!   spelling ([`probe`]). A record of any other shape travels by stream;
//! - a file holds what is missing of one data item, and is one batch like any other: its window was opened,
//!   its intent is in the journal, and it is in doubt from the moment it was asked for. What lacks of it once
//!   it is over travels by stream (`machine/import.rs`).
//!
//! The engine writes the file out of what the target lacks, read at one unit of Data Output a record. A file
//! that the platform exports costs at least as much, for it is counted in steps of 10,000, and holds what
//! the target has already.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub(crate) mod clear;
pub(crate) mod probe;
pub(crate) mod sheet;

/// Where files of runs lie in the target.
pub(crate) const FOLDER: &str = "holdfast-imports";

/// Bytes of the records of one file, as JSON. A platform takes far more, but records are held while their
/// file is written.
pub(crate) const FILE_BYTES: usize = 8 << 20;

/// What a record may have that not every file brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// Numbers, truth values and texts; units, groups and times; and two records that are one and the same.
    Plain,
    /// A text with commas, quotes, line breaks, or letters beyond ASCII.
    Quoted,
    /// A text that could be taken for something else: for a number, a date, a truth value or JSON.
    Ambiguous,
    /// A point on the earth.
    Location,
    /// A location alone.
    Valueless,
    /// Metadata.
    Metadata,
}

impl Shape {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Plain => "plain records",
            Shape::Quoted => "texts with commas, quotes or line breaks",
            Shape::Ambiguous => "texts that look like numbers",
            Shape::Location => "locations",
            Shape::Valueless => "records without a value",
            Shape::Metadata => "metadata",
        }
    }
}

/// How a cell spells a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Point {
    /// As it is read: a GeoJSON point.
    #[default]
    GeoJson,
    /// `{"lat":…,"lng":…}`
    LatLng,
    /// `lat,lng`
    Pair,
}

/// What a file brings back, and how it is spelled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Spelling {
    /// What may be in it.
    pub(crate) shapes: BTreeSet<Shape>,
    /// Its locations.
    #[serde(default)]
    pub(crate) point: Point,
    /// Whether ambiguous texts stand in quotes of their own.
    #[serde(default)]
    pub(crate) quotes: bool,
}
