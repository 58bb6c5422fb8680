//! The planner: request to intent and plan.

use service::config::Role;
use std::process::ExitCode;

fn main() -> ExitCode {
    service::run_checked("planner", |config| config.llm.check_keys(Role::Planner), planner::run)
}
