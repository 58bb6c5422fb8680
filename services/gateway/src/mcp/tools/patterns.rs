//! `search_patterns`: what was learned, filtered by words.

use super::{Described, reads};
use crate::application::{Application, Page, unreadable};
use crate::caller::Caller;
use crate::documents::arguments::{self, QUERY_CHARACTERS};
use crate::query::MAX_LIMIT;
use crate::refusal::Refusal;
use serde_json::{Map, Value, json};

/// Pages looked through; of more patterns the newest are searched, and the answer says so.
const MAX_PAGES: usize = 10;

pub fn described() -> Described {
    Described {
        title: "Search learned patterns",
        does: "Ways that worked before: patterns whose intent or steps hold every word of q, newest first. complete \
               is false when there are more patterns than were looked through.",
        input: json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "q": {"type": "string", "maxLength": QUERY_CHARACTERS, "description": "Words; absent: all patterns."},
                "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "description": "Default 50."},
            },
        }),
        output: json!({
            "title": "Patterns",
            "type": "object",
            "required": ["patterns", "searched", "complete"],
            "properties": {
                "patterns": {"type": "array", "items": {"type": "object"}},
                "searched": {"type": "integer", "description": "Patterns looked at."},
                "complete": {"type": "boolean", "description": "Whether there are no more matches."},
            },
        }),
        hints: reads(),
    }
}

pub async fn run(app: &Application, caller: Caller, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let (q, limit) = arguments::search(arguments)?;
    let words: Vec<String> = q.split_whitespace().map(str::to_lowercase).collect();
    let (mut found, mut searched, mut cursor) = (Vec::new(), 0, Some(String::new()));
    for _ in 0..MAX_PAGES {
        let Some(after) = cursor.take_if(|_| found.len() < limit) else {
            break;
        };
        let page = Page {
            limit: MAX_LIMIT,
            cursor: after,
        };
        let page = app.patterns(caller, page).await?;
        let mut page: Value = serde_json::from_str(&page.json).map_err(|_| unreadable("the patterns"))?;
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        let patterns = page.get_mut("patterns").and_then(Value::as_array_mut);
        let patterns = patterns.map(std::mem::take).unwrap_or_default();
        searched += patterns.len();
        found.extend(patterns.into_iter().filter(|pattern| holds(pattern, &words)));
    }
    let complete = cursor.is_none() && found.len() <= limit;
    found.truncate(limit);
    Ok(json!({"patterns": found, "searched": searched, "complete": complete}))
}

/// Whether intent and steps together hold every word.
fn holds(pattern: &Value, words: &[String]) -> bool {
    let parts = ["intent", "steps"].into_iter().filter_map(|name| pattern.get(name));
    let text: Vec<String> = parts.map(|part| part.to_string().to_lowercase()).collect();
    let text = text.join(" ");
    words.iter().all(|word| text.contains(word))
}
