use std::process::ExitCode;

fn main() -> ExitCode {
    service::run_checked("executor", executor::check, executor::run)
}
