//! The planner: request to intent and plan.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::run_checked("planner", planner::check, planner::run)
}
