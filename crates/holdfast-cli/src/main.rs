//! `holdfastctl`: the engine of Holdfast without its window. A plan file goes in, a report comes out.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod command;
mod connect;
mod credential;
mod failure;
mod progress;
mod resources;
mod show;

use arguments::Arguments;
use failure::Failure;

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Before anything else, because whatever reads the arguments may repeat them.
    if let Err(refused) = arguments::refuse_tokens(std::env::args_os().skip(1)) {
        return end(Err(refused));
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { failure::BAD_INPUT } else { failure::DONE });
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    end(match runtime {
        Ok(runtime) => runtime.block_on(command::carry_out(arguments)),
        Err(source) => Err(Failure::Start(source)),
    })
}

fn end(outcome: Result<u8, Failure>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let _ = writeln!(io::stderr(), "holdfastctl: {}", failure.in_words());
            ExitCode::from(failure.code())
        }
    }
}
