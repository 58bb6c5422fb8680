//! The assessor: outputs to scores, evidence and blame.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::run("assessor", assessor::run)
}
