//! What nobody should send: bad input on every route of the table, and random bytes for a minute. The answer
//! is always the documented refusal, and what was refused has stored nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asked;
mod bad_input;
mod bytes;
mod verdict;
mod world;
