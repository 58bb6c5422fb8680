//! Publication of one approved deliverable.

use super::{Executor, elsewhere};
use crate::channels::Publication;
use crate::deliverable::{Deliverable, sha256_hex};
use crate::effects::Stop;
use crate::failure::RunFailure;
use bus::worker::{Ended, JobContext, json_of};
use contracts::work::job_result::Outcome;
use contracts::work::{PublishOutcome, PublishSpec};

pub async fn run(executor: &Executor, job: &JobContext, spec: &PublishSpec) -> Ended {
    match publish(executor, job, spec).await {
        Ok(location) => Ended::with(Outcome::Published(PublishOutcome {
            location,
            effect_state: "confirmed".to_owned(),
        })),
        Err(stop) => elsewhere::or_ended(&job.job, stop),
    }
}

async fn publish(executor: &Executor, job: &JobContext, spec: &PublishSpec) -> Result<String, Stop> {
    let broken = |what: String| RunFailure::permanent("internal", format!("the work item: {what}"));
    let task = job.item.task_id.parse().map_err(|_| broken("no task id".to_owned()))?;
    let deliverable: Deliverable =
        serde_json::from_str(json_of(spec.deliverable.as_ref())).map_err(|error| broken(error.to_string()))?;
    // What a human approved is named by this hash.
    if sha256_hex(&deliverable.content) != deliverable.content_hash {
        return Err(broken("the content is not what its hash names".to_owned()).into());
    }
    let publication = Publication {
        task,
        deliverable: &deliverable,
        now: service::clock::now(),
    };
    executor.definitions.heard_for(&spec.channel).await;
    executor.channels.get(&spec.channel)?.publish(publication, job).await
}
