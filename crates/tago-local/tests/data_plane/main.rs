//! The data plane of a project, asked as a client asks it: over HTTP, with literal paths and bodies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asking;
mod automation;
mod changing;
mod chunks;
mod dashboards;
mod devices;
mod entities;
mod faults;
mod harness;
mod integrations;
mod limits;
mod numbers;
mod parsers;
mod rates;
mod rekeying;
mod resources;
mod running;
mod sending;
mod settings;
mod snapshots;
mod tokens;
mod transfer;
mod under_load;
