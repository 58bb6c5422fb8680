//! Fetching a document, where it is another one than the one that is known.

use super::reading::MAX_BYTES;
use outbound::{
    AllowList, Client, HeaderMap, HeaderName, HeaderValue, Limits, Method, Redirects, Request, StatusCode, Unlisted,
    Url, header,
};
use service::config::ApiConfig;
use std::time::Duration;
use workflow::hash::Fingerprint;

const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// By what a document that was read is known again.
pub struct Document {
    text: Fingerprint,
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
}

impl Document {
    fn of(text: &str, headers: &HeaderMap) -> Self {
        Self {
            text: Fingerprint::of([text.as_bytes()]),
            etag: headers.get(header::ETAG).cloned(),
            modified: headers.get(header::LAST_MODIFIED).cloned(),
        }
    }

    /// Has a server answer 304 while it has this one.
    fn conditions(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let etag = self.etag.clone().map(|etag| (header::IF_NONE_MATCH, etag));
        let modified = self.modified.clone().map(|at| (header::IF_MODIFIED_SINCE, at));
        etag.into_iter().chain(modified)
    }
}

/// A document and its text; none where it is the known one. Without credentials: they are for the API, and the document
/// may lie elsewhere.
///
/// # Errors
/// What came instead, for people.
pub async fn fetch(api: &ApiConfig, url: &Url, known: Option<&Document>) -> Result<Option<(Document, String)>, String> {
    let mut allow = AllowList::new(Unlisted::Refused);
    for entry in std::iter::once(url.as_str()).chain(api.allow_hosts.iter().map(String::as_str)) {
        allow.allow(entry).map_err(|error| error.to_string())?;
    }
    let limits = Limits {
        max_response_bytes: MAX_BYTES,
        ..Limits::default()
    };
    let client = Client::new(allow, limits).map_err(|error| error.to_string())?;
    let mut request = Request::new(Method::GET, url.clone(), FETCH_TIMEOUT);
    request.redirects = Redirects::Followed;
    request.headers.extend(known.into_iter().flat_map(Document::conditions));
    let response = client.send(request).await;
    let response = response.map_err(|error| format!("{}: {error}", error.code()))?;
    if known.is_some() && response.status == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    if !response.status.is_success() {
        return Err(format!("its server answered {}", response.status.as_u16()));
    }
    let text = String::from_utf8(response.body.to_vec()).map_err(|_| "it is not UTF-8".to_owned())?;
    let document = Document::of(&text, &response.headers);
    let is_known = known.is_some_and(|known| known.text == document.text);
    Ok((!is_known).then_some((document, text)))
}
