//! The coordinator: the only one that decides what a task does next.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::run("coordinator", coordinator::run)
}
