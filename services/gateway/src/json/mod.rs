//! Strict reading of JSON: what is accepted has one meaning and can be stored as text.
//!
//! Refused beyond the grammar: too deep nesting, duplicate keys, NUL and lone surrogates.

mod scan;
mod strict;

use crate::refusal::Refusal;
use contracts::problem::FieldError;
use serde_json::{Map, Value};
use strict::Fault;

/// Reads a document whose top level must be an object.
///
/// # Errors
/// 400 `body_required`, `invalid_text`, `json_too_deep`, `json_syntax`, `duplicate_key`, `json_type`;
/// 422 `validation` for a number outside of what a double holds.
pub fn read_object(bytes: &[u8], max_depth: usize) -> Result<Map<String, Value>, Refusal> {
    match read(bytes, max_depth, "")? {
        Value::Object(map) => Ok(map),
        other => Err(Refusal::new(
            400,
            "json_type",
            format!("the body must be a JSON object, it is {}", kind(&other)),
        )),
    }
}

/// Reads a document; `base` is the JSON pointer of its root for error messages.
///
/// # Errors
/// As [`read_object`], without `json_type`.
pub fn read(bytes: &[u8], max_depth: usize, base: &str) -> Result<Value, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let detail = format!("not valid UTF-8 at byte {}", e.valid_up_to());
        Refusal::new(400, "invalid_text", detail)
    })?;
    if text.trim_ascii().is_empty() {
        return Err(Refusal::new(
            400,
            "body_required",
            "a JSON document is required, there is none",
        ));
    }
    scan::scan(text, max_depth).map_err(|fault| match fault {
        scan::Fault::TooDeep { at } => Refusal::new(
            400,
            "json_too_deep",
            format!("nested deeper than {max_depth} levels at byte {at}"),
        ),
        scan::Fault::Text { at, what } => Refusal::new(400, "invalid_text", format!("{what} at byte {at}")),
    })?;
    strict::parse(text).map_err(|fault| problem(fault, base))
}

fn problem(fault: Fault, base: &str) -> Refusal {
    match fault {
        Fault::Duplicate { pointer } => {
            let detail = "a key stands twice in one object".to_owned();
            Refusal::new(400, "duplicate_key", detail.clone()).with_errors(vec![FieldError {
                pointer: format!("{base}{pointer}"),
                detail,
            }])
        }
        Fault::NumberOutOfRange { pointer } => {
            let detail = "the number is outside of what a double can hold".to_owned();
            Refusal::new(422, "validation", detail.clone()).with_errors(vec![FieldError {
                pointer: format!("{base}{pointer}"),
                detail,
            }])
        }
        Fault::Syntax { message, line, column } => Refusal::new(400, "json_syntax", message)
            .with("line", line)
            .with("column", column),
    }
}

/// Refuses NUL in documents that did not come as JSON text.
///
/// # Errors
/// 400 `invalid_text`.
pub fn refuse_nul(map: &Map<String, Value>) -> Result<(), Refusal> {
    if map.iter().any(|(name, value)| name.contains('\0') || has_nul(value)) {
        return Err(Refusal::new(400, "invalid_text", "NUL in text"));
    }
    Ok(())
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What a value is, for error messages.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use crate::refusal::Refusal;
    use serde_json::{Map, Value};

    fn read_object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
        super::read_object(body, 64)
    }

    fn code(body: &[u8]) -> (u16, String) {
        let refusal = read_object(body).unwrap_err();
        (refusal.status(), refusal.problem().code.clone())
    }

    #[test]
    fn unreadable_bodies_get_the_code_of_what_is_wrong() {
        let deep = "[".repeat(10_000);
        let deep_object = "{\"a\":".repeat(65);
        let cases: [(&[u8], u16, &str); 19] = [
            (b"", 400, "body_required"),
            (b" \n\t", 400, "body_required"),
            (b"{", 400, "json_syntax"),
            (b"{\"a\":1}}", 400, "json_syntax"),
            (b"{'a':1}", 400, "json_syntax"),
            (b"{\"a\":NaN}", 400, "json_syntax"),
            (b"\xef\xbb\xbf{}", 400, "json_syntax"),
            (deep.as_bytes(), 400, "json_too_deep"),
            (deep_object.as_bytes(), 400, "json_too_deep"),
            (b"\xff{}", 400, "invalid_text"),
            (b"{\"a\":\"\x00\"}", 400, "invalid_text"),
            (br#"{"a":"\u0000"}"#, 400, "invalid_text"),
            (br#"{"a\u0000":1}"#, 400, "invalid_text"),
            (br#"{"a":"\ud800"}"#, 400, "invalid_text"),
            (br#"{"a":"\udc00x"}"#, 400, "invalid_text"),
            (br#"{"a":"\ud800\u0041"}"#, 400, "invalid_text"),
            (br#"{"a":1,"a":2}"#, 400, "duplicate_key"),
            (b"[1]", 400, "json_type"),
            (b"{\"a\":1e999}", 422, "validation"),
        ];
        for (body, status, expected) in cases {
            assert_eq!(
                code(body),
                (status, expected.to_owned()),
                "{:?}",
                String::from_utf8_lossy(&body[..body.len().min(40)])
            );
        }
    }

    #[test]
    fn faults_name_the_place() {
        let refusal = read_object(br#"{"a":[{"b/c":1,"b\u002fc":2}]}"#).unwrap_err();
        assert_eq!(refusal.problem().errors[0].pointer, "/a/0/b~1c");
        let refusal = read_object(b"{\"a\":1,\n  oops}").unwrap_err();
        assert_eq!(
            (
                refusal.problem().extra["line"].as_u64(),
                refusal.problem().extra["column"].as_u64()
            ),
            (Some(2), Some(3))
        );
        let refusal = read_object(br#"{"m":{"x":-1e400}}"#).unwrap_err();
        assert_eq!(refusal.problem().errors[0].pointer, "/m/x");
    }

    #[test]
    fn what_is_well_formed_is_read_whole() {
        let body = format!(
            "{{\"a\":{}1{},\"s\":\"\\ud83d\\ude00 \\\\u0000 [[\"}}",
            "[".repeat(63),
            "]".repeat(63)
        );
        let map = read_object(body.as_bytes()).unwrap();
        assert_eq!(map["s"], "\u{1f600} \\u0000 [[");
    }
}
