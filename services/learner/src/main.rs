//! The learner's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::run("learner", learner::run)
}
