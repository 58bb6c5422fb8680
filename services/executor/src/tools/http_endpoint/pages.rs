//! Lists that are read page by page.

use super::answer::Answers;
use super::request::FrozenRequest;
use super::sending::HttpSender;
use crate::failure::RunFailure;
use outbound::{HeaderMap, Redirects, Url, header};
use serde_json::Value;
use service::config::{PaginationConfig, PaginationKind};
use tokio::time::Instant;

/// What of one page decides about the next.
struct Page<'a> {
    url: &'a Url,
    headers: &'a HeaderMap,
    document: &'a Value,
    items: usize,
}

/// All items, in order, as one list.
///
/// # Errors
/// As of a single call; `tool_response_too_large` when all pages together are longer than `max_bytes`.
pub async fn all_items(
    sender: &HttpSender<'_>,
    pagination: &PaginationConfig,
    answers: &Answers,
    first: FrozenRequest,
    max_bytes: usize,
    end: Instant,
) -> Result<Value, RunFailure> {
    let mut url = Url::parse(&first.url).map_err(|_| bad("the first page has no URL"))?;
    start(pagination, &mut url);
    let (mut items, mut bytes) = (Vec::new(), 0_usize);
    for number in 0..pagination.max_pages {
        let asked = FrozenRequest {
            url: url.to_string(),
            ..first.clone()
        };
        let response = sender.read(&asked, Redirects::Followed, end).await?;
        bytes = bytes.saturating_add(response.body.len());
        if bytes > max_bytes {
            let message = format!("the pages are longer than {max_bytes} bytes together");
            return Err(RunFailure::permanent("tool_response_too_large", message));
        }
        let document: Value = serde_json::from_slice(&response.body).map_err(|_| bad("a page is not JSON"))?;
        let Some(Value::Array(list)) = document.pointer(answers.pointer()) else {
            return Err(bad("a page has no list where `output_pointer` leads"));
        };
        items.extend(list.iter().cloned());
        let page = Page {
            url: &url,
            headers: &response.headers,
            document: &document,
            items: list.len(),
        };
        match next(pagination, number, items.len(), &page)? {
            Some(following) => url = following,
            None => break,
        }
    }
    Ok(Value::Array(items))
}

fn start(pagination: &PaginationConfig, url: &mut Url) {
    let first = match pagination.kind {
        PaginationKind::Page => pagination.first_page.to_string(),
        PaginationKind::Offset => "0".to_owned(),
        PaginationKind::LinkHeader | PaginationKind::Cursor => return,
    };
    set(url, pagination.parameter(), &first);
}

/// Where the next page is; none: this was the last one.
fn next(
    pagination: &PaginationConfig,
    number: u32,
    items_so_far: usize,
    page: &Page<'_>,
) -> Result<Option<Url>, RunFailure> {
    let with = |value: &str| {
        let mut url = page.url.clone();
        set(&mut url, pagination.parameter(), value);
        url
    };
    let following = match pagination.kind {
        PaginationKind::LinkHeader => linked(page)?,
        PaginationKind::Cursor => cursor(pagination, page.document).map(|cursor| with(&cursor)),
        PaginationKind::Page | PaginationKind::Offset if page.items == 0 => None,
        PaginationKind::Page => Some(with(&(pagination.first_page.saturating_add(number) + 1).to_string())),
        PaginationKind::Offset => Some(with(&items_so_far.to_string())),
    };
    if following.as_ref() == Some(page.url) {
        return Err(bad("a page names itself as the next one"));
    }
    Ok(following)
}

fn cursor(pagination: &PaginationConfig, document: &Value) -> Option<String> {
    match document.pointer(pagination.cursor_pointer.as_deref()?)? {
        Value::String(cursor) if !cursor.is_empty() => Some(cursor.clone()),
        Value::Number(cursor) => Some(cursor.to_string()),
        _ => None,
    }
}

/// RFC 8288. The next page is on the same server: what answers is not the one to say whom to call.
fn linked(page: &Page<'_>) -> Result<Option<Url>, RunFailure> {
    let links = page.headers.get_all(header::LINK).iter();
    let target = links.filter_map(|value| value.to_str().ok()).find_map(next_of);
    let Some(target) = target else { return Ok(None) };
    let url = page.url.join(target).map_err(|_| bad("the next page has no URL"))?;
    if url.origin() == page.url.origin() {
        Ok(Some(url))
    } else {
        Err(RunFailure::permanent(
            "host_not_allowed",
            "the next page is on another server",
        ))
    }
}

/// The target of the link whose relation is `next`. A comma within `<…>` separates nothing.
fn next_of(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, link)) = rest.split_once('<') {
        let (target, after) = link.split_once('>')?;
        let parameters = after.split_once('<').map_or(after, |(parameters, _)| parameters);
        if parameters.split([';', ',']).any(is_next) {
            return Some(target);
        }
        rest = after;
    }
    None
}

fn is_next(parameter: &str) -> bool {
    let value = parameter.trim().to_ascii_lowercase();
    let relations = value
        .strip_prefix("rel")
        .map(str::trim_start)
        .and_then(|rest| rest.strip_prefix('='));
    relations.is_some_and(|names| {
        names
            .trim()
            .trim_matches('"')
            .split_whitespace()
            .any(|name| name == "next")
    })
}

fn set(url: &mut Url, name: &str, value: &str) {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .append_pair(name, value);
}

fn bad(message: &str) -> RunFailure {
    RunFailure::transient("tool_bad_response", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, expected) in [
            (
                r#"<https://a.example/?page=2>; rel="next""#,
                Some("https://a.example/?page=2"),
            ),
            (
                r#"</x?a=1,2>; rel="prev", </x?a=3,4>; title="n"; rel="last next""#,
                Some("/x?a=3,4"),
            ),
            (r#"<a>; rel=prev, <b>; REL=Next"#, Some("b")),
            (r#"<a>; rel="prev next-archive""#, None),
            ("<unclosed; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_of(header), expected, "{header}");
        }
    }
}
