//! The shell without a desktop: its contract with the window, and what the window is allowed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod bindings;
mod capability;
mod connections;
mod desk;
mod keyring;
mod practice;
mod rescue;
mod statements;
