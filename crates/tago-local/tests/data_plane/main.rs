//! The data plane of a project, asked as a client asks it: over HTTP, with literal paths and bodies.

mod asking;
mod changing;
mod devices;
mod faults;
mod harness;
mod limits;
mod rekeying;
mod resources;
mod sending;
mod snapshots;
mod tokens;
