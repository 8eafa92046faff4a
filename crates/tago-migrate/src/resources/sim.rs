//! A whole project against a target in memory that loses answers, commits late and refuses, with a
//! process that dies at any row of the journal: each step twice, each step failed, each undo twice.

mod assessed;
mod comparing;
mod defects;
mod fake;
mod fixture;
mod harness;
mod journal;
mod meanwhile;
mod outcomes;
mod pacing;
mod proving;
mod taken;
mod working;
