//! Compiles the protobuf files of `proto/` and keeps their descriptors for gRPC reflection.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let files = [
        "orchestrator/work/v1/work.proto",
        "orchestrator/coordinator/v1/worker.proto",
        "orchestrator/coordinator/v1/notices.proto",
        "orchestrator/coordinator/v1/rollouts.proto",
        "orchestrator/coordinator/v1/tasks.proto",
        "orchestrator/coordinator/v1/tools.proto",
        "orchestrator/learner/v1/fine_tunes.proto",
        "orchestrator/learner/v1/learner.proto",
        "orchestrator/learner/v1/models.proto",
        "orchestrator/v1/fine_tunes.proto",
        "orchestrator/v1/learning.proto",
        "orchestrator/v1/models.proto",
        "orchestrator/v1/orchestrator.proto",
        "orchestrator/v1/problem.proto",
        "orchestrator/v1/tools.proto",
    ];
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(files.iter().map(|f| root.join(f)), [&root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("descriptors.bin");
    std::fs::write(&out, prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure()
        // Most results are far smaller than a plan with its forecast.
        .boxed(".orchestrator.work.v1.JobResult.outcome.planned")
        .compile_fds(descriptors)?;
    Ok(())
}
