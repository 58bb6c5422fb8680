//! Formatting of one channel's deliverable.

use crate::format::{Material, Part, deliverable};
use bus::worker::{Ended, JobContext, json_of};
use contracts::work::FormatSpec;
use serde::Deserialize;
use serde_json::json;
use workflow::plan::GATHERER;

#[derive(Deserialize, Default)]
struct Asked {
    #[serde(default)]
    request: String,
}

pub fn run(job: &JobContext, spec: &FormatSpec) -> Ended {
    let mut parts = Vec::with_capacity(spec.inputs.len());
    for input in &spec.inputs {
        match serde_json::from_str(json_of(input.output.as_ref())) {
            Ok(output) => parts.push(Part {
                channel: input.channel.clone(),
                gathered: input.tool_id == GATHERER,
                output,
            }),
            Err(error) => {
                let message = format!("the output of step `{}` cannot be read: {error}", input.step_key);
                return Ended::failure("internal", message, false);
            }
        }
    }
    // Only a title of last resort comes from it.
    let asked: Asked = serde_json::from_str(&job.submission).unwrap_or_default();
    let material = Material {
        parts: &parts,
        plan_summary: &spec.plan_summary,
        request: &asked.request,
    };
    Ended::deliverable(json!(deliverable(&spec.channel, &material)).to_string())
}
