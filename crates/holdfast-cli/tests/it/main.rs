//! `holdfastctl` against a practice platform that runs as a process of its own.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod adapter;
mod bad_day;
mod bad_input;
mod clock;
mod crash;
mod ctl;
mod damaged;
mod disk;
mod lag;
mod lane;
mod older;
mod oracle;
mod pages;
mod platform;
mod rebuild;
mod replace;
mod resources;
mod secrets;
mod source;
mod stored;
mod storm;
mod token;
mod undo;
