use std::process::ExitCode;

fn main() -> ExitCode {
    service::run("gateway", |ctx| async { Ok(gateway::run(ctx).await?) })
}
