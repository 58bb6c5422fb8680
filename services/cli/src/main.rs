//! `orchestrator`.

use clap::Parser;
use cli::arguments::Arguments;
use std::process::ExitCode;

// One thread: what it does is waiting, and processes asked to die with their parent die with the
// thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::run(Arguments::parse()).await
}
