//! The console of a platform that runs: real HTTP, real databases, a clock that the tests move.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod addresses;
mod bills;
mod crash;
mod demo;
mod document;
mod exclusions;
mod harness;
mod identity;
mod isolation;
mod killed;
mod list;
mod loopback;
mod money;
mod people;
mod published;
mod restore;
mod roles;
mod schedule;
mod services;
