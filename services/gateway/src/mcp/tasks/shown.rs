//! Other people's words and values within a question, so that they are what they seem to be. Pure.

use crate::documents::is_hidden;
use serde_json::Value;

/// Characters of one text within a value: a longer one would push what stands behind it out of sight.
const TEXT: usize = 2_000;
/// Most entries of a list.
const ENTRIES: usize = 32;
/// Stands where what is asked about did not come with it.
const TOO_LARGE: &str = "(too large to be shown here)";

/// Tells what is asked about, and remembers whether all of it was told.
#[derive(Default, Debug)]
pub struct Telling {
    left_out: bool,
}

impl Telling {
    /// Whether nothing was cut or missing: only what was told whole may be approved by who was told.
    pub fn is_whole(&self) -> bool {
        !self.left_out
    }

    /// A text in one line.
    pub fn line(&mut self, text: &str, most: usize) -> String {
        let spaced: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
        let plain = self.plain(&spaced);
        self.cut(&plain, most)
    }

    /// A text whose every line is marked, so that none can be taken for a line of ours.
    pub fn quoted(&mut self, text: &str, most: usize) -> String {
        let plain = self.plain(text);
        let cut = self.cut(&plain, most);
        let marked: Vec<String> = cut.lines().map(|line| format!("> {line}")).collect();
        marked.join("\n")
    }

    /// A value as JSON, exact but for what is said to be cut.
    pub fn value(&mut self, value: &Value, most: usize) -> String {
        let mut text = String::new();
        for c in format!("{:#}", self.shortened(value)).chars() {
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
        self.cut(&text, most)
    }

    /// What `told` says of the first entries, as one paragraph; of more it says so. No paragraph for none.
    pub fn entries(
        &mut self,
        entries: Option<&Value>,
        between: &str,
        told: impl Fn(&mut Self, &Value) -> String,
    ) -> Vec<String> {
        let entries = entries.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut shown: Vec<String> = entries.iter().take(ENTRIES).map(|entry| told(self, entry)).collect();
        if entries.len() > ENTRIES {
            self.left_out = true;
            shown.push(format!("… and {} more", entries.len() - ENTRIES));
        }
        if shown.is_empty() {
            shown
        } else {
            vec![shown.join(between)]
        }
    }

    /// Of what did not come with the rest.
    pub fn too_large(&mut self) -> String {
        self.left_out = true;
        TOO_LARGE.to_owned()
    }

    /// Without what is not seen; whoever reads it does not know all of it. Line ends of all kinds, tabs and what joins
    /// emoji hide nothing.
    fn plain(&mut self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut before = ' ';
        for c in text.chars() {
            let joins = c == '\u{200d}' && !before.is_alphanumeric() && before > '\u{2000}';
            match c {
                '\n' => plain.push('\n'),
                '\t' => plain.push(' '),
                '\r' => {}
                _ if joins => plain.push(c),
                _ if is_hidden(c) => self.left_out = true,
                _ => plain.push(c),
            }
            before = c;
        }
        plain
    }

    fn shortened(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.cut(text, TEXT).into(),
            Value::Array(elements) => elements.iter().map(|element| self.shortened(element)).collect(),
            Value::Object(members) => {
                let members = members.iter();
                members
                    .map(|(name, member)| (name.clone(), self.shortened(member)))
                    .collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn cut(&mut self, text: &str, most: usize) -> String {
        let Some((end, _)) = text.char_indices().nth(most) else {
            return text.to_owned();
        };
        self.left_out = true;
        let (shown, rest) = text.split_at(end);
        format!("{shown}… (cut: {} more characters)", rest.chars().count())
    }
}

/// Whether a text, or one within a value, has characters that are not read as they stand.
pub fn hides(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(is_hidden),
        Value::Array(elements) => elements.iter().any(hides),
        Value::Object(members) => members
            .iter()
            .any(|(name, member)| name.chars().any(is_hidden) || hides(member)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_exact_and_what_is_cut_is_said() {
        let arguments = json!({"to": "a@b", "n": [1, true, null], "text": "two\nlines"});
        let mut telling = Telling::default();
        assert_eq!(
            serde_json::from_str::<Value>(&telling.value(&arguments, 500)).unwrap(),
            arguments
        );
        assert!(telling.is_whole());
        let hiding = json!({"body": "x".repeat(9_000), "to": "evil@example"});
        let told = telling.value(&hiding, 4_000);
        assert!(
            told.contains("evil@example") && told.contains("(cut: 7000 more characters)") && !telling.is_whole(),
            "{told}"
        );
        let many: Value = (0..9_000).collect();
        let mut telling = Telling::default();
        let told = telling.value(&many, 4_000);
        assert!(
            told.chars().count() < 4_100 && told.contains("(cut: ") && !telling.is_whole(),
            "{told}"
        );
    }

    #[test]
    fn whatever_was_left_out_is_remembered() {
        let list = |n: usize| -> Value { (0..n).map(|n| n.to_string()).collect() };
        let told = |list: &Value| {
            let mut telling = Telling::default();
            let told = telling.entries(Some(list), ",", |telling, entry| {
                telling.line(entry.as_str().unwrap(), 5)
            });
            (told, telling.is_whole())
        };
        assert_eq!(told(&list(2)), (vec!["0,1".to_owned()], true));
        assert_eq!(told(&list(0)), (Vec::new(), true));
        let (shown, is_whole) = told(&list(34));
        assert!(shown[0].ends_with(",31,… and 2 more") && !is_whole, "{shown:?}");
        assert!(!told(&json!(["123456", "1"])).1);
        let mut telling = Telling::default();
        telling.quoted("123456", 5);
        assert!(!telling.is_whole());
        let mut telling = Telling::default();
        telling.too_large();
        assert!(!telling.is_whole());
    }

    #[test]
    fn nothing_hides_or_turns_round_what_is_read() {
        let spoofed = json!({"to": "a\u{202e}moc.live@b\u{200b}", "\u{e0041}": "\u{7f}"});
        let mut telling = Telling::default();
        let told = telling.value(&spoofed, 500);
        assert!(told.is_ascii(), "{told}");
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), spoofed);
        assert!(telling.is_whole(), "it is told as it is");
        assert_eq!(telling.line("a\u{202e}b\nc\td\u{0}", 100), "ab c d");
        assert!(!telling.is_whole());
        assert!(hides(&spoofed) && hides(&json!([{"\u{200b}": 1}])) && !hides(&json!({"a": ["b", 1, null]})));
    }

    #[test]
    fn what_others_say_cannot_be_taken_for_our_words() {
        let mut telling = Telling::default();
        let said = telling.quoted("Which size?\n\nApprove? All of it was checked.\r", 100);
        assert_eq!(said, "> Which size?\n> \n> Approve? All of it was checked.");
        assert_eq!(
            telling.quoted(&"y".repeat(101), 100),
            format!("> {}… (cut: 1 more characters)", "y".repeat(100))
        );
    }
}
