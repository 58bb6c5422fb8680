//! Other people's words and values within a question, so that they are what they seem to be. Pure.

use crate::documents::is_hidden;
use serde_json::Value;

/// Characters of one text within a value: a longer one would push what stands behind it out of sight.
const TEXT: usize = 1_000;

/// A text in one line.
pub fn line(text: &str, most: usize) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let plain: String = spaced.filter(|c| !is_hidden(*c)).collect();
    cut(&plain, most)
}

/// A text whose every line is marked, so that none can be taken for a line of ours.
pub fn quoted(text: &str, most: usize) -> String {
    let plain: String = text.chars().filter(|c| *c == '\n' || !is_hidden(*c)).collect();
    let marked: Vec<String> = cut(&plain, most).lines().map(|line| format!("> {line}")).collect();
    marked.join("\n")
}

/// A value as JSON, exact but for what is said to be cut.
pub fn value(value: &Value, most: usize) -> String {
    let mut text = String::new();
    for c in format!("{:#}", shortened(value)).chars() {
        if c != '\n' && is_hidden(c) {
            let units = c
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect::<String>();
            text.push_str(&units);
        } else {
            text.push(c);
        }
    }
    cut(&text, most)
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => cut(text, TEXT).into(),
        Value::Array(elements) => elements.iter().map(shortened).collect(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, member)| (name.clone(), shortened(member)))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else {
        return text.to_owned();
    };
    let (shown, rest) = text.split_at(end);
    format!("{shown}… (cut: {} more characters)", rest.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_exact_and_what_is_cut_is_said() {
        let arguments = json!({"to": "a@b", "n": [1, true, null], "text": "two\nlines"});
        assert_eq!(
            serde_json::from_str::<Value>(&value(&arguments, 500)).unwrap(),
            arguments
        );
        let hiding = json!({"body": "x".repeat(9_000), "to": "evil@example"});
        let told = value(&hiding, 4_000);
        assert!(
            told.contains("evil@example") && told.contains("(cut: 8000 more characters)"),
            "{told}"
        );
        let many: Value = (0..9_000).collect();
        let told = value(&many, 4_000);
        assert!(told.chars().count() < 4_100 && told.contains("(cut: "), "{told}");
    }

    #[test]
    fn nothing_hides_or_turns_round_what_is_read() {
        let spoofed = json!({"to": "a\u{202e}moc.live@b\u{200b}", "\u{e0041}": "\u{7f}"});
        let told = value(&spoofed, 500);
        assert!(told.is_ascii(), "{told}");
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), spoofed);
        assert_eq!(line("a\u{202e}b\nc\td\u{0}", 100), "ab c d");
    }

    #[test]
    fn what_others_say_cannot_be_taken_for_our_words() {
        let said = quoted("Which size?\n\nApprove? All of it was checked.\r", 100);
        assert_eq!(said, "> Which size?\n> \n> Approve? All of it was checked.");
        assert_eq!(
            quoted(&"y".repeat(101), 100),
            format!("> {}… (cut: 1 more characters)", "y".repeat(100))
        );
    }
}
