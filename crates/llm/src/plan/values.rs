//! Values for a tool's arguments, found in the request by the argument's name.

use crate::brief::scan::places;
use crate::text::tokens::words;
use serde_json::{Value, json};

const PLACES: [&str; 7] = ["city", "location", "place", "country", "region", "destination", "town"];
const CODES: [&str; 6] = ["id", "sku", "code", "number", "ref", "reference"];

/// The value the request gives for property `name`.
pub fn value_in(request: &str, name: &str, schema: &Value) -> Option<Value> {
    let spoken = name.replace(['_', '-'], " ").to_lowercase();
    if let Some(choice) = choice(request, schema) {
        return Some(choice);
    }
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or("string");
    if matches!(kind, "integer" | "number") {
        return number_near(request, &spoken).and_then(|number| typed_number(&number, kind));
    }
    if kind != "string" {
        return None;
    }
    let last = spoken.split(' ').next_back().unwrap_or("").to_owned();
    let found = named(request, &spoken)
        .or_else(|| shaped(request, &spoken))
        .or_else(|| PLACES.contains(&last.as_str()).then(|| place(request)).flatten())
        .or_else(|| CODES.contains(&last.as_str()).then(|| code(request)).flatten());
    found.map(Value::String)
}

/// One of the schema's choices that the request mentions.
fn choice(request: &str, schema: &Value) -> Option<Value> {
    let choices = schema.get("enum")?.as_array()?;
    choices
        .iter()
        .find(|choice| {
            choice
                .as_str()
                .is_some_and(|text| !places(request, &text.replace('_', " ")).is_empty())
        })
        .cloned()
}

/// `sku K-100`, `order id: 77`, `sku is "K 100"`.
fn named(request: &str, spoken: &str) -> Option<String> {
    let last = spoken.split(' ').next_back()?;
    for (_, end) in places(request, spoken).into_iter().chain(places(request, last)) {
        let rest = request.get(end..)?.trim_start_matches([' ', ':', '=', '#']);
        let rest = ["is ", "of ", "number ", "named ", "called "]
            .iter()
            .find_map(|lead| rest.strip_prefix(lead))
            .unwrap_or(rest);
        if let Some(inner) = rest.strip_prefix(['"', '“']) {
            return inner.split(['"', '”']).next().map(str::to_owned);
        }
        let word = words(rest).into_iter().next().filter(|word| word.start == 0)?;
        if is_value(word.text) {
            return Some(word.text.to_owned());
        }
    }
    None
}

/// A name, a code or a number, and no ordinary word.
fn is_value(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit()) || word.starts_with(char::is_uppercase)
}

/// Values known by their shape: addresses, dates, currencies.
fn shaped(request: &str, spoken: &str) -> Option<String> {
    let pieces = || {
        request
            .split_whitespace()
            .map(|piece| piece.trim_matches(|c: char| [',', '.', ';', '(', ')', '"'].contains(&c)))
    };
    let has = |part: &str| spoken.split(' ').any(|word| word == part);
    if has("url") || has("link") || has("address") {
        return pieces().find(|piece| piece.contains("://")).map(str::to_owned);
    }
    if has("email") || has("recipient") {
        return pieces()
            .find(|piece| {
                piece
                    .split_once('@')
                    .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
            })
            .map(str::to_owned);
    }
    if has("date") || has("day") || has("since") || has("until") {
        return pieces().find(|piece| is_date(piece)).map(str::to_owned);
    }
    if has("currency") {
        return pieces()
            .find(|piece| piece.len() == 3 && piece.chars().all(|c| c.is_ascii_uppercase()))
            .map(str::to_owned);
    }
    None
}

fn is_date(piece: &str) -> bool {
    let parts: Vec<&str> = piece.split('-').collect();
    let sizes: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    sizes == [4, 2, 2] && parts.iter().all(|part| part.chars().all(|c| c.is_ascii_digit()))
}

/// Capitalised words after `in`, `for`, `at`, `to`, `from`.
fn place(request: &str) -> Option<String> {
    let found = words(request);
    for (i, word) in found.iter().enumerate() {
        if ["in", "for", "at", "to", "from"].contains(&word.text.to_lowercase().as_str()) {
            let named = found
                .iter()
                .skip(i + 1)
                .take_while(|next| next.text.starts_with(char::is_uppercase))
                .take(3);
            let named: Vec<_> = named.collect();
            let beside = named
                .windows(2)
                .all(|pair| pair.first().zip(pair.last()).is_some_and(|(a, b)| b.start == a.end + 1));
            match (named.first(), named.last()) {
                (Some(first), Some(last)) if beside => return request.get(first.start..last.end).map(str::to_owned),
                (Some(first), _) => return Some(first.text.to_owned()),
                _ => {}
            }
        }
    }
    None
}

/// Something with letters, or a hyphen, and digits.
fn code(request: &str) -> Option<String> {
    let mixed = |text: &str| {
        text.chars().any(|c| c.is_ascii_digit()) && text.chars().any(|c| c.is_ascii_uppercase() || c == '_')
    };
    words(request)
        .into_iter()
        .map(|word| word.text)
        .find(|text| mixed(text))
        .map(str::to_owned)
}

/// A number right before or after the name.
fn number_near(request: &str, spoken: &str) -> Option<String> {
    let found = words(request);
    let (start, end) = places(request, spoken).first().copied()?;
    let before = found.iter().rev().find(|word| word.end <= start);
    let after = found
        .iter()
        .filter(|word| word.start >= end)
        .find(|word| !["is", "of", "to"].contains(&word.text));
    let numeric = |text: &str| text.replace(',', "").parse::<f64>().is_ok();
    [after, before]
        .into_iter()
        .flatten()
        .map(|word| word.text)
        .find(|text| numeric(text))
        .map(|text| text.replace(',', ""))
}

fn typed_number(text: &str, kind: &str) -> Option<Value> {
    if kind == "integer" {
        text.parse::<i64>().ok().map(|n| json!(n))
    } else {
        text.parse::<f64>().ok().map(|n| json!(n))
    }
}

#[cfg(test)]
mod tests {
    use super::value_in;
    use serde_json::json;

    #[test]
    fn values_are_found_by_name_shape_and_choice() {
        let string = json!({"type": "string"});
        let request = "Check the stock of sku K-100 in New York on 2026-05-01, limit 5, in EUR, mail a@b.example, express delivery";
        for (name, schema, expected) in [
            ("sku", string.clone(), Some(json!("K-100"))),
            ("product_id", string.clone(), Some(json!("K-100"))),
            ("city", string.clone(), Some(json!("New York"))),
            ("date", string.clone(), Some(json!("2026-05-01"))),
            ("currency", string.clone(), Some(json!("EUR"))),
            ("email", string.clone(), Some(json!("a@b.example"))),
            ("limit", json!({"type": "integer"}), Some(json!(5))),
            (
                "delivery",
                json!({"type": "string", "enum": ["standard", "express"]}),
                Some(json!("express")),
            ),
            ("colour", string.clone(), None),
            ("stock", string, None),
        ] {
            assert_eq!(value_in(request, name, &schema), expected, "{name}");
        }
    }
}
