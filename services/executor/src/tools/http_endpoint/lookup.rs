//! Finding out whether a call that may have been sent did its work.

use super::request::FrozenRequest;
use super::sending::HttpSender;
use crate::condition::holds;
use crate::effects::{Licensed, Looked};
use crate::failure::RunFailure;
use crate::template::percent_encode;
use outbound::{Redirects, StatusCode};
use serde_json::{Value, json};
use service::config::LookupConfig;

/// Stands in the frozen URL where the key belongs, which is not known before the request is frozen. Every
/// character of it stays as it is in a URL.
pub const KEY_PLACE: &str = "__effect_key__";

/// Asks, and reads the answer as the call's own: `{status, body}`.
pub async fn look_up(sender: &HttpSender<'_>, lookup: &LookupConfig, frozen: &FrozenRequest, by: &Licensed) -> Looked {
    let Some(url) = &frozen.lookup_url else {
        let message = "the frozen request says not how to look it up";
        return Looked::Unclear(RunFailure::permanent("effect_request", message));
    };
    let question = FrozenRequest {
        method: "GET".to_owned(),
        url: url.replace(KEY_PLACE, &percent_encode(&by.key)),
        ..FrozenRequest::default()
    };
    let answered = sender
        .exchange(&question, None, Redirects::Followed, by.send_before)
        .await;
    let response = match answered {
        Ok(response) => response,
        Err(unanswered) => return Looked::Unclear(unanswered.failure()),
    };
    let unclear = |what: String| Looked::Unclear(RunFailure::transient("effect_lookup", what));
    if response.status == StatusCode::NOT_FOUND {
        return Looked::Missing;
    }
    if !response.status.is_success() {
        return unclear(format!("the look-up was answered {}", response.status.as_u16()));
    }
    let Ok(document) = serde_json::from_slice::<Value>(&response.body) else {
        return unclear("the answer to the look-up is not JSON".to_owned());
    };
    if !holds(&lookup.done, &document) {
        return Looked::Missing;
    }
    let pointer = lookup.answer_pointer.as_deref().unwrap_or_default();
    let answer = document.pointer(pointer).cloned().unwrap_or_default();
    let body = sender.credentials.redactor().text(answer.to_string());
    Looked::Found(json!({"status": response.status.as_u16(), "body": body, "looked_up": true}))
}
