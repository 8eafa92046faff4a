//! Accounts, profiles, run users, files and profile backups, asked over HTTP with literal paths and bodies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod backups;
mod files;
#[expect(dead_code, reason = "what only data needs is not used here")]
#[path = "../data_plane/harness.rs"]
mod harness;
mod notifications;
mod portal;
mod profiles;
mod run_users;
mod statistics;
mod uploads;
