use std::process::ExitCode;

fn main() -> ExitCode {
    service::run("executor", executor::run)
}
