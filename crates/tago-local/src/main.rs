//! `tago-local`: the practice platform as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    tago_local::cli::run(std::env::args_os().skip(1), tago_local::cli::Knobs::Offered)
}
