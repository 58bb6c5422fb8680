//! Jobs.

use super::calls::id;
use super::{Trainer, TrainingFault};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What a job bears, so that it is found again.
const MARK: &str = "orchestrator_fine_tune";
/// Characters of a state's or model's name.
const MOST_NAME: usize = 200;

/// How it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From examples to follow.
    Supervised,
    /// From pairs of a better and a worse answer.
    Dpo,
}

impl Method {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supervised => "supervised",
            Self::Dpo => "dpo",
        }
    }
}

/// What training is told; none: the provider chooses.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyperparameters {
    /// Times that the examples are gone through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_epochs: Option<u32>,
    /// Examples of one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// Of the provider's own rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_multiplier: Option<f64>,
}

/// A job to start.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// What it is found by again; the same for the same job: letters, digits and `-`.
    pub mark: &'a str,
    /// The model that is trained further.
    pub base_model: &'a str,
    /// Id of the file of examples.
    pub training_file: &'a str,
    /// Id of a file that is only measured with.
    pub validation_file: Option<&'a str>,
    /// How.
    pub method: Method,
    /// What training is told.
    pub hyperparameters: Hyperparameters,
    /// Becomes part of the model's name.
    pub suffix: Option<&'a str>,
    /// What chance follows from.
    pub seed: Option<u32>,
}

/// A job as the provider tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The provider's.
    pub id: String,
    /// In its words.
    pub status: String,
    /// The model it made.
    pub model: Option<String>,
    /// Tokens that are billed.
    pub trained_tokens: Option<u64>,
    /// When it expects to be done; seconds since the Unix epoch.
    pub estimated_finish: Option<i64>,
    /// When it was made; seconds since the Unix epoch.
    pub created_at: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// There is a model.
    Succeeded,
    /// There is none.
    Failed,
    /// Somebody wanted none.
    Cancelled,
}

impl Job {
    /// How it ended; none: it goes on, or is in a state that nobody knows here.
    pub fn end(&self) -> Option<JobEnd> {
        match self.status.as_str() {
            "succeeded" => Some(JobEnd::Succeeded),
            "failed" => Some(JobEnd::Failed),
            "cancelled" | "canceled" => Some(JobEnd::Cancelled),
            _ => None,
        }
    }
}

impl Trainer {
    /// Starts a job. Where the answer is lost, it may have been started all the same.
    ///
    /// # Errors
    /// When it was not started, or may have been.
    pub async fn start(&self, job: &NewJob<'_>) -> Result<Job, TrainingFault> {
        let answer = self
            .post(self.url(&["fine_tuning", "jobs"])?, &body(job), Some(job.mark))
            .await?;
        self.job_of(&answer)
    }

    /// A job as it is now.
    ///
    /// # Errors
    /// When it cannot be told; `Unknown`: there is none.
    pub async fn job(&self, id: &str) -> Result<Job, TrainingFault> {
        self.job_of(&self.get(self.url(&["fine_tuning", "jobs", id])?).await?)
    }

    /// The jobs that bear the mark or train with that file, the oldest first.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn jobs(&self, mark: &str, training_file: &str) -> Result<Vec<Job>, TrainingFault> {
        let read = |job: &Value| {
            let marked = job.get("metadata").and_then(|metadata| metadata.get(MARK));
            let file = job.get("training_file").and_then(Value::as_str);
            let is_ours = marked.and_then(Value::as_str) == Some(mark) || file == Some(training_file);
            is_ours.then(|| self.job_of(job).ok())?
        };
        let mut found = self.list(&["fine_tuning", "jobs"], &[], read).await?;
        found.sort_by_key(|job| job.created_at);
        Ok(found)
    }

    /// Ends a job; tells where it stands then.
    ///
    /// # Errors
    /// When that is not known. A job that had ended already may be refused.
    pub async fn cancel(&self, id: &str) -> Result<Job, TrainingFault> {
        let url = self.url(&["fine_tuning", "jobs", id, "cancel"])?;
        self.job_of(&self.post(url, &json!({}), None).await?)
    }

    fn job_of(&self, value: &Value) -> Result<Job, TrainingFault> {
        let wrong = |what: &str| TrainingFault::Wrong(format!("the job has no {what}"));
        let name = |key: &str| {
            let name = value.get(key).and_then(Value::as_str)?;
            let sound =
                !name.trim().is_empty() && name.chars().count() <= MOST_NAME && !name.chars().any(char::is_control);
            sound.then(|| name.to_owned())
        };
        let error = value.get("error").and_then(|error| error.get("message"));
        Ok(Job {
            id: id(value).ok_or_else(|| wrong("id"))?,
            status: name("status").ok_or_else(|| wrong("status"))?,
            model: name("fine_tuned_model"),
            trained_tokens: value.get("trained_tokens").and_then(Value::as_u64),
            estimated_finish: value.get("estimated_finish").and_then(Value::as_i64),
            created_at: value.get("created_at").and_then(Value::as_i64),
            error: error.and_then(Value::as_str).map(|words| self.words(words)),
        })
    }
}

fn body(job: &NewJob<'_>) -> Value {
    let method = job.method.as_str();
    let mut body = Map::from_iter([
        ("model".to_owned(), json!(job.base_model)),
        ("training_file".to_owned(), json!(job.training_file)),
        (
            "method".to_owned(),
            json!({ "type": method, method: { "hyperparameters": job.hyperparameters } }),
        ),
        ("metadata".to_owned(), json!({ MARK: job.mark })),
    ]);
    let more = [
        ("validation_file", job.validation_file.map(Value::from)),
        ("suffix", job.suffix.map(Value::from)),
        ("seed", job.seed.map(Value::from)),
    ];
    for (name, value) in more {
        body.extend(value.map(|value| (name.to_owned(), value)));
    }
    Value::Object(body)
}
