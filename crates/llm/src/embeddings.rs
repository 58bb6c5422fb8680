//! Vectors of texts, from any server that speaks OpenAI's `/embeddings`.

use crate::models::{OpenError, guarded};
use crate::provider::openai::{self, OpenAi};
use crate::provider::{Fault, Protocol};
use outbound::{Client, HeaderMap, HeaderValue, Limits, Method, Request, StatusCode, Url, header};
use serde::Deserialize;
use serde_json::json;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Instrument, field};

/// Characters of a text that are sent; small models take in no more, and some servers refuse what is longer.
const MAX_CHARACTERS: usize = 2000;
/// The largest models known have half of it.
const MAX_DIMENSIONS: usize = 8192;
/// A full batch of the largest vectors, as numbers of up to 24 characters, fills less than half of it.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// A server that failed is left alone for this long, so that it costs one wait and not one a planning.
const LEFT_ALONE: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which server and model.
pub struct EmbedderSettings {
    /// Name of the provider, for people.
    pub provider: String,
    /// Where it is; none: OpenAI.
    pub base_url: Option<String>,
    /// Its key.
    pub api_key: Option<String>,
    /// The model.
    pub model: String,
}

/// Asks for vectors. Does not try again: who asks can do without.
pub struct Embedder {
    client: Client,
    url: Url,
    headers: HeaderMap,
    key: Option<String>,
    provider: String,
    model: String,
    left_alone_until: Mutex<Option<Instant>>,
}

/// There are no vectors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// It failed shortly before, and was not asked.
    #[error("it failed before and is left alone for {0:.0?}")]
    LeftAlone(Duration),
    /// No connection, no answer in time, one without end.
    #[error("{0}")]
    Away(String),
    /// It does not want to.
    #[error("it answered with status {0}")]
    Refused(u16),
    /// It answered something else than what was asked for.
    #[error("its answer is wrong: {0}")]
    Wrong(&'static str),
}

impl EmbedError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LeftAlone(_) => "embeddings_left_alone",
            Self::Away(_) => "embeddings_away",
            Self::Refused(_) => "embeddings_refused",
            Self::Wrong(_) => "embeddings_wrong",
        }
    }
}

impl Embedder {
    /// Texts of one call, at most: few enough that a server without a graphics card gets somewhere with each.
    pub const BATCH: usize = 32;

    /// Connects to nobody yet.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: EmbedderSettings) -> Result<Self, OpenError> {
        let provider = settings.provider;
        let limits = Limits {
            connect_timeout: CONNECT_TIMEOUT,
            max_response_bytes: MAX_ANSWER_BYTES,
            ..Limits::default()
        };
        let base_url = settings.base_url.as_deref().unwrap_or(openai::BASE_URL);
        let (client, mut url) = guarded(&provider, base_url, limits)?;
        let headers = OpenAi::at(&url).headers(settings.api_key.as_deref());
        let mut headers = headers.map_err(|source| OpenError::Key {
            provider: provider.clone(),
            source,
        })?;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let path = format!("{}/embeddings", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self {
            client,
            url,
            headers,
            key: settings.api_key,
            provider,
            model: settings.model,
            left_alone_until: Mutex::new(None),
        })
    }

    /// Provider and model. Vectors of another one are not to be compared with its own.
    pub fn id(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }

    /// Vectors of unit length and of equal dimensions, one a text, in order; at most [`Self::BATCH`] texts, of which
    /// the first 2000 characters count. Ends within `patience`.
    ///
    /// # Errors
    /// When there are none. After a failure nobody is asked for 30 s.
    pub async fn embed(&self, texts: &[&str], patience: Duration) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.len() > Self::BATCH {
            return Err(EmbedError::Wrong("more texts than one call may have"));
        }
        if let Some(left) = self.left_alone_for() {
            return Err(EmbedError::LeftAlone(left));
        }
        let span = tracing::info_span!(
            "embeddings",
            otel.name = format!("embeddings {}", self.model),
            otel.kind = "client",
            gen_ai.operation.name = "embeddings",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = self.model,
            server.address = self.url.host_str().unwrap_or_default(),
            error.type = field::Empty,
            otel.status_code = field::Empty,
        );
        let outcome = self.ask(texts, patience).instrument(span.clone()).await;
        if let Err(error) = &outcome {
            span.record("error.type", error.code());
            span.record("otel.status_code", "ERROR");
            tracing::warn!(provider = self.provider, model = self.model, %error, "no embeddings");
        }
        let until = outcome.is_err().then(|| Instant::now() + LEFT_ALONE);
        *self.left_alone_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        outcome
    }

    async fn ask(&self, texts: &[&str], patience: Duration) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<&str> = texts.iter().map(|text| beginning(text)).collect();
        let mut request = Request::new(Method::POST, self.url.clone(), patience);
        request.headers = self.headers.clone();
        request.body = json!({"model": self.model, "input": texts}).to_string().into();
        let answer = self.client.send(request).await.map_err(|error| {
            let fault = Fault::of_outbound(&error, patience).presentable(self.key.as_deref());
            EmbedError::Away(fault.detail)
        })?;
        if answer.status != StatusCode::OK {
            return Err(EmbedError::Refused(answer.status.as_u16()));
        }
        read(&answer.body, texts.len())
    }

    fn left_alone_for(&self) -> Option<Duration> {
        let until = *self.left_alone_until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_CHARACTERS);
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[derive(Deserialize)]
struct Body {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

/// Servers may answer in any order; each text has exactly one vector.
fn read(body: &[u8], texts: usize) -> Result<Vec<Vec<f32>>, EmbedError> {
    let body: Body = serde_json::from_slice(body).map_err(|_| EmbedError::Wrong("no list of vectors"))?;
    let mut items = body.data;
    items.sort_by_key(|item| item.index);
    if items.len() != texts || !items.iter().map(|item| item.index).eq(0..texts) {
        return Err(EmbedError::Wrong("not one vector a text"));
    }
    let dimensions = items.first().map_or(0, |item| item.embedding.len());
    if dimensions > MAX_DIMENSIONS || items.iter().any(|item| item.embedding.len() != dimensions) {
        return Err(EmbedError::Wrong("vectors of different dimensions, or of too many"));
    }
    let vectors = items.into_iter().map(|item| unit(item.embedding));
    vectors
        .collect::<Option<_>>()
        .ok_or(EmbedError::Wrong("a vector without direction"))
}

/// The same direction at length 1; none: it has no direction.
fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|part| f64::from(*part).powi(2)).sum::<f64>().sqrt();
    if !length.is_normal() {
        return None;
    }
    for part in &mut vector {
        #[expect(clippy::cast_possible_truncation, reason = "a part of a vector of length 1")]
        let scaled = (f64::from(*part) / length) as f32;
        *part = scaled;
    }
    Some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use testkit::{ModelServer, Say};

    const PATIENCE: Duration = Duration::from_secs(5);

    fn embedder(server: &ModelServer) -> Embedder {
        Embedder::new(EmbedderSettings {
            provider: "own".to_owned(),
            base_url: Some(server.url()),
            api_key: Some("sk-secret".to_owned()),
            model: "m".to_owned(),
        })
        .unwrap()
    }

    fn raw(status: u16, body: &Value) -> Say {
        Say::Raw {
            status,
            content_type: "application/json".to_owned(),
            body: body.to_string(),
        }
    }

    fn item(index: usize, embedding: &[f64]) -> Value {
        json!({"object": "embedding", "index": index, "embedding": embedding})
    }

    #[tokio::test]
    async fn vectors_come_in_the_order_of_the_texts_at_unit_length() {
        let server = ModelServer::start().await.unwrap();
        server.always(raw(
            200,
            &json!({"data": [item(1, &[0.0, 2.0]), item(0, &[-3.0, 0.0])]}),
        ));
        let long = "ü".repeat(MAX_CHARACTERS + 1);
        let vectors = embedder(&server).embed(&["a", &long], PATIENCE).await.unwrap();
        assert_eq!(vectors, [[-1.0, 0.0], [0.0, 1.0]]);
        let asked = server.asked().remove(0);
        assert_eq!(asked.path, "/v1/embeddings");
        assert_eq!(asked.headers["authorization"], "Bearer sk-secret");
        assert_eq!(asked.body["model"], "m");
        assert_eq!(asked.body["input"][1].as_str().unwrap().chars().count(), MAX_CHARACTERS);
    }

    #[tokio::test]
    async fn an_answer_that_is_not_one_good_vector_a_text_is_none() {
        let server = ModelServer::start().await.unwrap();
        let wrong = [
            json!("hello"),
            json!({"data": []}),
            json!({"data": [item(0, &[1.0])]}),
            json!({"data": [item(0, &[1.0]), item(0, &[1.0])]}),
            json!({"data": [item(0, &[1.0]), item(2, &[1.0])]}),
            json!({"data": [item(0, &[1.0]), item(1, &[1.0]), item(2, &[1.0])]}),
            json!({"data": [item(0, &[1.0]), item(1, &[1.0, 2.0])]}),
            json!({"data": [item(0, &[1.0]), item(1, &[0.0])]}),
            json!({"data": [item(0, &[1.0]), item(1, &[1e300])]}),
            json!({"data": [item(0, &[]), item(1, &[])]}),
            json!({"data": [item(0, &[1.0]), {"index": 1, "embedding": ["NaN"]}]}),
            json!({"data": [item(0, &[1.0; MAX_DIMENSIONS + 1]), item(1, &[1.0; MAX_DIMENSIONS + 1])]}),
        ];
        for body in wrong {
            server.always(raw(200, &body));
            let outcome = embedder(&server).embed(&["a", "b"], PATIENCE).await;
            assert!(matches!(outcome, Err(EmbedError::Wrong(_))), "{body}: {outcome:?}");
        }
        server.always(raw(500, &json!({"error": {"message": "the key sk-secret is bad"}})));
        let outcome = embedder(&server).embed(&["a"], PATIENCE).await;
        assert_eq!(outcome, Err(EmbedError::Refused(500)));
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_costs_one_wait_and_is_asked_again_after_the_pause() {
        let server = ModelServer::start().await.unwrap();
        server.next([Say::Silent]);
        server.always(raw(200, &json!({"data": [item(0, &[1.0])]})));
        let embedder = embedder(&server);
        let started = Instant::now();
        let outcome = embedder.embed(&["a"], Duration::from_millis(100)).await;
        assert!(matches!(outcome, Err(EmbedError::Away(_))), "{outcome:?}");
        let outcome = embedder.embed(&["a"], PATIENCE).await;
        assert!(matches!(outcome, Err(EmbedError::LeftAlone(_))), "{outcome:?}");
        assert!(started.elapsed() < PATIENCE);
        assert_eq!(server.asked().len(), 1);
        *embedder.left_alone_until.lock().unwrap() = Some(Instant::now());
        assert_eq!(embedder.embed(&["a"], PATIENCE).await, Ok(vec![vec![1.0]]));
    }
}
