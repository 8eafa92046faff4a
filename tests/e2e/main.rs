//! The real window on a real platform. See `tests/window.sh` for the session that these tests need.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test program exports nothing")]

mod alarms;
mod backups;
mod choices;
mod connections;
mod cost;
mod database;
mod history;
mod hostile;
mod keyring;
mod migration;
mod once;
mod owner;
mod platform;
mod proof;
mod redrawn;
mod replace;
mod resources;
mod rest;
mod restores;
mod scripts;
mod share;
mod stage;
mod window;
