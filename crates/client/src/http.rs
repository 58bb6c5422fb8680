//! Sending requests and reading answers.

use crate::{Client, ClientError};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A silent connection is given up after this; event streams comment every 15 s.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

impl Client {
    /// A client of the gateway at `url`, such as `http://127.0.0.1:8080`; a path behind it is kept only
    /// where it is the base of the API already.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        // Loopback is the usual place of a gateway, where a proxy of the environment would only be in the way.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .tcp_nodelay(true)
            .no_proxy()
            .build()?;
        let url = url.trim_end_matches('/');
        let base = match url.strip_suffix("/api/orchestrator") {
            Some(_) => url.to_owned(),
            None => format!("{url}/api/orchestrator"),
        };
        Ok(Self { http, base })
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, ClientError> {
        read(self.request(Method::GET, path).send().await?).await
    }

    pub(crate) async fn post<B: Serialize, A: DeserializeOwned>(&self, path: &str, body: &B) -> Result<A, ClientError> {
        read(self.request(Method::POST, path).json(body).send().await?).await
    }
}

/// The document of a success.
pub(crate) async fn read<A: DeserializeOwned>(response: Response) -> Result<A, ClientError> {
    let bytes = checked(response).await?.bytes().await?;
    serde_json::from_slice(&bytes).map_err(ClientError::Unreadable)
}

/// The response itself, when it is a success.
pub(crate) async fn checked(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is_problem = content_type.is_some_and(|value| value.starts_with("application/problem+json"));
    let unexpected = ClientError::Unexpected {
        status: status.as_u16(),
    };
    if !is_problem {
        return Err(unexpected);
    }
    let bytes = response.bytes().await?;
    Err(serde_json::from_slice(&bytes).map_or(unexpected, |problem| ClientError::Problem(Box::new(problem))))
}
