//! Accounts, profiles, run users, files and profile backups, asked over HTTP with literal paths and bodies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod files;
#[path = "../data_plane/harness.rs"]
mod harness;
mod uploads;
