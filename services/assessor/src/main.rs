//! The assessor: outputs to scores, evidence and blame.

use service::config::Role;
use std::process::ExitCode;

fn main() -> ExitCode {
    service::run_checked("assessor", |config| config.llm.check_keys(Role::Judge), assessor::run)
}
