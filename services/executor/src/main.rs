use service::config::Role;
use std::process::ExitCode;

fn main() -> ExitCode {
    service::run_checked("executor", |config| config.llm.check_keys(Role::Writer), executor::run)
}
