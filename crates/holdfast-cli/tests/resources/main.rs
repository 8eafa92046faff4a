//! Whole projects through real HTTP and real SQLite: every type of resource, which refer to each other in
//! every way that the platform knows, and devices with their records.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod carrying;
mod files;
mod fixture;
mod moving;
mod port;
mod proving;
mod records;
mod reporting;
mod running;
mod scripts;
mod source;
#[path = "../it/stored.rs"]
mod stored;
mod together;
mod truths;
mod unwound;
mod whole;
