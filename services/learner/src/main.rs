//! The learner's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::run_checked("learner", learner::check, learner::run)
}
