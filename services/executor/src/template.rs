//! String templates: data, not programs. No includes, no loader, bounded work, an unknown name is an error.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value as TemplateValue;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;
use std::sync::LazyLock;

/// Bounds one rendering: about as many instructions, or 64 times as many bytes.
const FUEL: u64 = 100_000;

/// A template that cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[error("template: {0}")]
pub struct TemplateError(String);

/// Where a rendered value ends up, and so how it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// As it is.
    Text,
    /// Percent-encoded, so that a value stays within its path segment.
    UrlPath,
}

static TEXT: LazyLock<Environment<'static>> = LazyLock::new(environment);
static URL_PATH: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = environment();
    environment.set_formatter(|out, _, value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out.write_str(&percent_encode(&text)).map_err(Into::into)
    });
    environment
});

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(false);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment
}

/// Anything else is taken literally.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Renders `text`.
///
/// # Errors
/// Syntax, an unknown name, or too much work.
pub fn render(text: &str, context: &TemplateValue, place: Place) -> Result<String, TemplateError> {
    let environment = match place {
        Place::Text => &*TEXT,
        Place::UrlPath => &*URL_PATH,
    };
    environment
        .render_str(text, context.clone())
        .map_err(|error| TemplateError(error.to_string()))
}

/// A JSON value as templates see it. Whole numbers lose their `.0`.
pub fn to_template(value: &Value) -> TemplateValue {
    match value {
        Value::Null => TemplateValue::from(()),
        Value::Bool(flag) => TemplateValue::from(*flag),
        Value::Number(number) => number_to_template(number),
        Value::String(text) => TemplateValue::from(text.as_str()),
        Value::Array(items) => items.iter().map(to_template).collect(),
        Value::Object(members) => TemplateValue::from_pairs(
            members
                .iter()
                .map(|(name, member)| (name.as_str(), to_template(member))),
        ),
    }
}

fn number_to_template(number: &serde_json::Number) -> TemplateValue {
    if let Some(whole) = number.as_i64() {
        return TemplateValue::from(whole);
    }
    let float = number.as_f64().unwrap_or(f64::NAN);
    // Below 2^53 the conversion is exact.
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        TemplateValue::from(float as i64)
    } else {
        TemplateValue::from(float)
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(text: &str) -> Result<String, String> {
        let context = to_template(&json!({
            "request": "hello", "metrics": {"revenue": 50000.0, "rate": 0.04}, "empty": "", "list": ["a", "b"]
        }));
        render(text, &context, Place::Text).map_err(|e| e.to_string())
    }

    #[test]
    fn a_template_reads_its_context_and_keeps_line_breaks() {
        for (text, expected) in [
            ("{{request}}", "hello"),
            ("{{ metrics.revenue }} at {{ metrics.rate }}\n", "50000 at 0.04\n"),
            ("{% for x in list %}{{ x }};{% endfor %}", "a;b;"),
            ("{% if empty %}no{% else %}yes{% endif %}", "yes"),
            ("{{ '{' }}{{ '{' }}x", "{{x"),
        ] {
            assert_eq!(rendered(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_unknown_name_an_include_and_endless_work_are_errors() {
        for bad in [
            "{{ nope }}",
            "{{ metrics.nope }}",
            "{% include 'x' %}",
            "{{ unclosed",
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            "{{ 'x' * 100000000 }}",
        ] {
            assert!(rendered(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_stays_within_its_path_segment() {
        let context = to_template(&json!({"id": "a/b?c#d e", "n": 7}));
        let path = render("/items/{{id}}/{{n}}", &context, Place::UrlPath);
        assert_eq!(path.unwrap(), "/items/a%2Fb%3Fc%23d%20e/7");
    }
}
