//! The command line: starts a development installation and talks to a running one.

pub mod arguments;
pub mod dev;
mod failure;
pub mod layout;
mod sample;
mod terminal;
mod text;
mod verbs;

use arguments::{Arguments, Command};
use layout::Layout;
use std::process::ExitCode;

/// Runs one command; prints what went wrong and what would help.
pub async fn run(arguments: Arguments) -> ExitCode {
    let json = arguments.json;
    match execute(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, json),
    }
}

async fn execute(arguments: Arguments) -> anyhow::Result<()> {
    let layout = Layout::find()?;
    match arguments.command {
        Command::Dev(how) if how.detach => dev::up(&layout).await,
        Command::Dev(how) => dev::run(&layout, how.own_session).await,
        Command::Run(how) => sample::run(&layout, how).await,
        Command::Down => dev::down(&layout).await,
        Command::Reset => dev::reset(&layout).await,
        command => verbs::run(&layout, arguments.url, arguments.json, command).await,
    }
}
