//! The `ndshm` command.

mod args;
mod convert;
mod datasets;
mod describe;
mod doctor;
mod dry_run;
mod exchange;
mod hints;
mod holders;
mod join;
mod json;
mod load;
mod look;
#[cfg(test)]
mod man;
mod output;
mod parse;
mod progress;
mod segments;
mod storage;
mod text;
mod value;
mod verify;
mod wait;

use core::sync::atomic::AtomicBool;
use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Args, Command};
use output::Failure;

/// Set by SIGINT, SIGTERM and SIGHUP: stop soon, and leave nothing behind.
static CANCEL: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    ndshm::sys::ignore_size_limit_signal();
    let args = Args::parse();
    let done = match &args.command {
        Command::Convert(args) => convert::run(args),
        Command::Join(args) => join::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Load(args) => load::run(args),
        Command::Import(args) => exchange::import(args),
        Command::Export(args) => exchange::export(args),
        Command::Describe(args) => describe::run(args),
        Command::Ls(args) => segments::ls(args),
        Command::Info(args) => segments::info(args),
        Command::Head(args) => look::run(args, look::End::Head),
        Command::Tail(args) => look::run(args, look::End::Tail),
        Command::Rm(args) => segments::rm(args),
        Command::Prune => segments::prune(),
        Command::Wait(args) => wait::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Completions(args) => {
            clap_complete::generate(args.shell, &mut Args::command(), "ndshm", &mut io::stdout());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Lets a signal cancel what is going on instead of ending the process.
fn cancel_on_signals() -> Result<&'static AtomicBool, Failure> {
    ndshm::sys::set_on_interrupt(&CANCEL).map_err(Failure::new)?;
    Ok(&CANCEL)
}
