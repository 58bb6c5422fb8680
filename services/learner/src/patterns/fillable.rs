//! Whether a request says what a pattern's slots need. Pure.
//!
//! A plan that reads the page at an address is of no use for a request that names none. Only what clearly cannot be filled
//! counts: the value of the task that the pattern is from was an address, an e-mail address or the name of a file, that task's
//! request said it itself, and nothing in this request looks like one. What was not said then, the planner knew from elsewhere;
//! numbers, texts and all else it makes up from the request.

use serde::Deserialize;
use serde_json::Value;

/// Endings of names of files.
const FILES: [&str; 28] = [
    "pdf", "doc", "docx", "odt", "rtf", "txt", "md", "csv", "tsv", "xls", "xlsx", "ods", "ppt", "pptx", "json", "xml",
    "yaml", "html", "zip", "png", "jpg", "jpeg", "gif", "svg", "webp", "mp3", "mp4", "wav",
];

/// What a value can be that no planner can make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Address,
    Email,
    File,
}

/// Whether all slots can be filled. `slots`: JSON `[{name, type, example?}]`; `said`: with the request that the pattern is
/// from; `request`: the one that is planned now.
pub fn fillable(slots: &str, said: &str, request: &str) -> bool {
    #[derive(Deserialize)]
    struct Slot {
        #[serde(default)]
        example: Value,
    }
    let slots: Vec<Slot> = serde_json::from_str(slots).unwrap_or_default();
    slots.iter().filter_map(|slot| slot.example.as_str()).all(|example| {
        let example = example.trim();
        let given = Given::of(example).filter(|_| !example.contains(char::is_whitespace) && said.contains(example));
        given.is_none_or(|given| request.split(is_between).any(|word| given.can_be(word)))
    })
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || "<>()[]{}\"'`,;|".contains(c)
}

impl Given {
    fn of(value: &str) -> Option<Self> {
        if value.starts_with("http://") || value.starts_with("https://") || value.starts_with("www.") {
            return Some(Self::Address);
        }
        if is_email(value) {
            return Some(Self::Email);
        }
        is_file(value).then_some(Self::File)
    }

    /// Generous: a word that might be one is one.
    fn can_be(self, word: &str) -> bool {
        match self {
            Self::Address => word.contains("://") || is_dotted(word),
            Self::Email => word.contains('@'),
            Self::File => word.contains('/') || word.contains('\\') || is_dotted(word),
        }
    }
}

fn is_email(word: &str) -> bool {
    word.split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && is_dotted(host))
}

fn is_file(word: &str) -> bool {
    let ending = word.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    ending.is_some_and(|ending| FILES.contains(&ending.as_str()))
}

/// Letters on both sides of a dot, as in a host's or a file's name.
fn is_dotted(word: &str) -> bool {
    let word = word.trim_end_matches(['.', '!', '?', ':']);
    word.split_once('.')
        .is_some_and(|(before, after)| !before.is_empty() && after.starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(example: &str, said: &str, request: &str) -> bool {
        let slots = json!([{"name": "n", "type": "number", "example": 3}, {"name": "u", "type": "string", "example": example},
            {"name": "long", "type": "string"}, {"name": "from", "type": "reference"}]);
        fillable(&slots.to_string(), said, request)
    }

    #[test]
    fn an_address_a_mail_or_a_file_that_the_request_gave_must_be_given_again() {
        let page = "https://shop.example/tea";
        let then = "Summarise https://shop.example/tea for the blog";
        assert!(!ask(page, then, "Summarise our latest news for the blog"));
        for request in [
            "Summarise http://a.example",
            "what does shop.example/coffee say?",
            "see (www.tea.example).",
        ] {
            assert!(ask(page, then, request), "{request}");
        }
        assert!(!ask(
            "bo@tea.example",
            "write to bo@tea.example",
            "write to our customers. Be kind"
        ));
        assert!(ask(
            "bo@tea.example",
            "write to bo@tea.example",
            "write to <ann@x.example>"
        ));
        assert!(!ask("sales.csv", "chart of sales.csv", "a chart of what we sold"));
        assert!(ask("sales.csv", "chart of sales.csv", "a chart of costs.xlsx"));
    }

    #[test]
    fn what_the_planner_knew_or_can_make_up_is_fillable() {
        // An address that no request said: the tool's own.
        assert!(ask("https://api.example", "How is the weather?", "And now?"));
        assert!(ask("green tea", "about green tea", "about bees"));
        assert!(ask(
            "see https://shop.example/tea please",
            "see https://shop.example/tea please",
            "a text"
        ));
        assert!(fillable("not json", "a", "b") && fillable("{}", "a", "b"));
    }
}
