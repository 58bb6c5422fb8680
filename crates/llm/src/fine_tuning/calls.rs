//! Making one call, and reading what comes.

use super::{MOST_PAGES, PAGE, Trainer, TrainingFault};
use crate::provider::{Fault, FaultKind, retry_after, words_of};
use outbound::{HeaderValue, Method, OutboundError, Request, Response, Url, header};
use serde_json::Value;
use std::time::Duration;

/// Bytes of an id that a provider gave.
const MOST_ID: usize = 200;

impl Trainer {
    /// Below the base URL; no part can leave its place.
    pub(super) fn url(&self, path: &[&str]) -> Result<Url, TrainingFault> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().extend(path);
            }
            Err(()) => return Err(TrainingFault::Refused("the base URL has no path".to_owned())),
        }
        Ok(url)
    }

    pub(super) async fn get(&self, url: Url) -> Result<Value, TrainingFault> {
        self.send(self.request(Method::GET, url, self.timeout)).await
    }

    pub(super) async fn delete(&self, url: Url) -> Result<(), TrainingFault> {
        let answer = self.client.send(self.request(Method::DELETE, url, self.timeout)).await;
        self.success(answer, self.timeout).map(drop)
    }

    /// `key`: the same for the same call; none: it may be made twice.
    pub(super) async fn post(&self, url: Url, body: &Value, key: Option<&str>) -> Result<Value, TrainingFault> {
        let mut request = self.request(Method::POST, url, self.timeout);
        let json = HeaderValue::from_static("application/json");
        request.headers.insert(header::CONTENT_TYPE, json);
        self.mark(&mut request, key)?;
        request.body = body.to_string().into();
        self.send(request).await
    }

    pub(super) fn mark(&self, request: &mut Request, key: Option<&str>) -> Result<(), TrainingFault> {
        let Some(key) = key else { return Ok(()) };
        let key = HeaderValue::from_str(key);
        let key = key.map_err(|_| TrainingFault::Refused("the idempotency key cannot stand in a header".to_owned()))?;
        request.headers.insert("idempotency-key", key);
        Ok(())
    }

    pub(super) fn request(&self, method: Method, url: Url, timeout: Duration) -> Request {
        let mut request = Request::new(method, url, timeout);
        request.headers = self.headers.clone();
        request
    }

    async fn send(&self, request: Request) -> Result<Value, TrainingFault> {
        let timeout = request.timeout;
        let answer = self.client.send(request).await;
        self.read(answer, timeout)
    }

    pub(super) fn read(
        &self,
        answer: Result<Response, OutboundError>,
        timeout: Duration,
    ) -> Result<Value, TrainingFault> {
        let answer = self.success(answer, timeout)?;
        serde_json::from_slice(&answer.body).map_err(|error| TrainingFault::Wrong(format!("it is no JSON: {error}")))
    }

    fn success(&self, answer: Result<Response, OutboundError>, timeout: Duration) -> Result<Response, TrainingFault> {
        let answer = answer.map_err(|error| self.told(Fault::of_outbound(&error, timeout), None))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let pause = retry_after(&answer.headers, (self.unix_ms)());
        let words = words_of(&String::from_utf8_lossy(&answer.body));
        let status = answer.status.as_u16();
        Err(self.told(Fault::of_status(answer.status, &words, pause), Some(status)))
    }

    fn told(&self, fault: Fault, status: Option<u16>) -> TrainingFault {
        let fault = fault.presentable(self.key.as_deref());
        match (fault.kind, status) {
            (FaultKind::Rejected, Some(404 | 405 | 410)) => TrainingFault::Unknown(fault.detail),
            (FaultKind::Failing, Some(501)) => TrainingFault::Unknown(fault.detail),
            (FaultKind::Rejected, _) => TrainingFault::Refused(fault.detail),
            (kind, _) => TrainingFault::Away {
                perhaps_done: !matches!(kind, FaultKind::RateLimited | FaultKind::Connect),
                detail: fault.detail,
                retry_after: fault.retry_after,
            },
        }
    }

    /// Words of a provider as they may be told.
    pub(super) fn words(&self, words: &str) -> String {
        Fault::broken(words).presentable(self.key.as_deref()).detail
    }

    /// Everything of a list that `read` finds something in, as far as it is worth looking.
    pub(super) async fn list<T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, TrainingFault> {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut url = self.url(path)?;
            url.query_pairs_mut()
                .extend_pairs(query)
                .append_pair("limit", &PAGE.to_string())
                .extend_pairs(after.as_deref().map(|after| ("after", after)));
            let page = self.get(url).await?;
            let Some(items) = page.get("data").and_then(Value::as_array) else {
                return Err(TrainingFault::Wrong("it is no list".to_owned()));
            };
            found.extend(items.iter().filter_map(&read));
            let last = items.last().and_then(|last| last.get("id")).and_then(Value::as_str);
            let more = page.get("has_more").and_then(Value::as_bool).unwrap_or_default();
            match last {
                Some(last) if more && after.as_deref() != Some(last) => after = Some(last.to_owned()),
                _ => break,
            }
        }
        Ok(found)
    }
}

/// An id as a provider gave it, if it is one that can be asked for again.
pub(super) fn id(value: &Value) -> Option<String> {
    let id = value.get("id")?.as_str()?;
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let is_id = (1..=MOST_ID).contains(&id.len()) && id.chars().all(sound) && !id.chars().all(|c| c == '.');
    is_id.then(|| id.to_owned())
}
