//! Documents as text for people.

use chrono::{DateTime, FixedOffset};
use serde_json::Value;
use std::time::Duration;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Member of a document as text; empty when it is not there.
pub fn field(document: &Value, name: &str) -> String {
    shown(document.get(name).unwrap_or(&Value::Null))
}

/// A value as text: strings without what a terminal would obey, nothing for null, lists by their
/// elements.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => harmless(&other.to_string()),
    }
}

/// Deliverables, tool outputs and errors are written by others: what moves the cursor, recolours or
/// reorders text could show a human something else than what is being approved.
pub fn harmless(text: &str) -> String {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
    };
    if !text.contains(is_harmful) {
        return text.to_owned();
    }
    text.replace("\r\n", "\n").replace(is_harmful, "\u{fffd}")
}

/// Rates are fractions in JSON and percent for people.
pub fn percent(value: Option<&Value>) -> String {
    value
        .and_then(Value::as_f64)
        .map_or_else(String::new, |rate| format!("{:.0} %", rate * 100.0))
}

/// An amount to a hundredth of a cent; nothing where it is unknown, which is not 0.
pub fn usd(value: Option<&Value>) -> String {
    let Some(amount) = value.and_then(Value::as_f64) else {
        return String::new();
    };
    let text = format!("${amount:.4}");
    match text.strip_suffix("00") {
        Some(cents) => cents.to_owned(),
        None => text,
    }
}

/// An RFC 3339 time to the second, as people write it.
pub fn moment(text: &str) -> String {
    match text.get(..19) {
        Some(head) if time(text).is_some() => head.replacen('T', " ", 1),
        _ => text.to_owned(),
    }
}

/// An RFC 3339 time.
pub fn time(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}

/// A duration in at most two units.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Columns a text takes on a terminal.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// One line of at most `width` columns, blanks in a row as one: for prose.
pub fn excerpt(text: &str, width: usize) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), width)
}

/// One line of at most `width` columns, laid out as it is.
pub fn cut(text: &str, width: usize) -> String {
    let line = text.replace(['\n', '\t'], " ");
    if columns(&line) <= width {
        return line;
    }
    let mut cut = String::new();
    let mut taken = 0;
    for c in line.chars() {
        taken += c.width().unwrap_or(0);
        if taken + 1 > width {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// The elements of a list member; none when it is not there.
pub fn items<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The members of an object member; none when it is not there.
pub fn members<'a>(document: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    document.get(name).and_then(Value::as_object).into_iter().flatten()
}

/// A member that is there and not null.
pub fn present<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    document.get(name).filter(|value| !value.is_null())
}

/// What a task waits for, the first by its name and why, the others counted.
pub fn waiting(task: &Value) -> Option<String> {
    let entries = items(task, "waiting");
    let first = entries.first()?;
    let text = ["what", "code", "message"].map(|name| field(first, name)).join(": ");
    Some(match entries.len() {
        1 => text,
        more => format!("{text} (and {} more)", more - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_excerpt_is_one_line_cut_between_characters_by_the_columns_they_take() {
        assert_eq!(excerpt("a\n b", 10), "a b");
        assert_eq!(excerpt("ääääää", 4), "äää…");
        assert_eq!(excerpt("漢字漢字", 5), "漢字…");
        assert_eq!(columns(&excerpt("漢字漢字", 4)), 3);
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        let hostile = json!("fine\x1b[2J\x1b[1;1Happroved\u{202e}dessap\u{9b}31m\r\ttab\nline");
        assert_eq!(
            shown(&hostile),
            "fine\u{fffd}[2J\u{fffd}[1;1Happroved\u{fffd}dessap\u{fffd}31m\u{fffd}\ttab\nline"
        );
    }

    #[test]
    fn an_unknown_price_is_not_shown_as_nothing() {
        assert_eq!(usd(Some(&Value::Null)), "");
        assert_eq!(usd(Some(&json!(0))), "$0.00");
        assert_eq!(usd(Some(&json!(0.00123))), "$0.0012");
        assert_eq!(usd(Some(&json!(12.5))), "$12.50");
    }

    #[test]
    fn durations_have_at_most_two_units() {
        let told = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(
            [0.04, 59.9, 61.0, 7322.0, 90_000.0].map(told),
            ["40 ms", "59 s", "1 min 01 s", "2 h 02 min", "1 d 1 h"]
        );
        assert_eq!(moment("2026-11-23T09:37:23.250Z"), "2026-11-23 09:37:23");
        assert_eq!(moment("soon"), "soon");
    }
}
