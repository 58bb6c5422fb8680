//! Training at a provider: any server that speaks OpenAI's files and fine-tuning jobs.
//!
//! Nothing is tried again here, and nothing is remembered. Whoever asks marks what it makes, and can look for its marks
//! where it does not know whether an answer was lost.

mod calls;
mod fault;
mod files;
mod job;
mod multipart;
#[cfg(test)]
mod tests;

pub use fault::TrainingFault;
pub use files::{KeptFile, NewFile};
pub use job::{Hyperparameters, Job, JobEnd, Method, NewJob};

use crate::models::{OpenError, guarded};
use crate::provider::Protocol;
use crate::provider::openai::{self, OpenAi};
use outbound::{Client, HeaderMap, Limits, Url};
use std::time::Duration;

/// A page of a hundred jobs, with everything that servers put there, is far smaller.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Items of one page, and pages that are looked through: what is looked for is among the newest.
const PAGE: usize = 100;
const MOST_PAGES: usize = 20;

/// Which server, and how patient one is with it.
pub struct TrainerSettings {
    /// Name of the provider, for people.
    pub provider: String,
    /// Where it is; none: OpenAI.
    pub base_url: Option<String>,
    /// Its key.
    pub api_key: Option<String>,
    /// For a whole call.
    pub timeout: Duration,
    /// For sending a whole file.
    pub upload_timeout: Duration,
    /// The clock, for dates in `Retry-After`.
    pub unix_ms: fn() -> i64,
}

/// Uploads examples, starts jobs and follows them.
pub struct Trainer {
    client: Client,
    base: Url,
    headers: HeaderMap,
    key: Option<String>,
    timeout: Duration,
    upload_timeout: Duration,
    unix_ms: fn() -> i64,
}

impl Trainer {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: TrainerSettings) -> Result<Self, OpenError> {
        let limits = Limits {
            connect_timeout: CONNECT_TIMEOUT,
            max_response_bytes: MAX_ANSWER_BYTES,
            ..Limits::default()
        };
        let base_url = settings.base_url.as_deref().unwrap_or(openai::BASE_URL);
        let (client, base) = guarded(&settings.provider, base_url, limits)?;
        let headers = OpenAi::at(&base).headers(settings.api_key.as_deref());
        let headers = headers.map_err(|source| OpenError::Key {
            provider: settings.provider.clone(),
            source,
        })?;
        Ok(Self {
            client,
            base,
            headers,
            key: settings.api_key,
            timeout: settings.timeout,
            upload_timeout: settings.upload_timeout,
            unix_ms: settings.unix_ms,
        })
    }
}
