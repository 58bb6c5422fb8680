//! The command line: starts a development installation and talks to a running one.

pub mod arguments;
mod asking;
pub mod dev;
mod failure;
pub mod layout;
mod look;
mod progress;
mod sample;
mod table;
mod terminal;
mod text;
mod verbs;

use arguments::{Arguments, Command};
use clap::CommandFactory;
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
        Command::Completions { shell } => completions(shell),
        command => verbs::run(&layout, arguments.url, arguments.json, command).await,
    }
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "orchestrator", &mut script);
    terminal::answer(String::from_utf8_lossy(&script).trim_end())?;
    Ok(())
}
