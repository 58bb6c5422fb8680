//! Text that arrives as it is although strings of a plan may be templates.

/// Written so that rendering gives the text back.
pub fn literal(text: &str) -> String {
    let looks_like_template = ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark));
    if looks_like_template {
        text.replace('{', "{{ '{' }}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn only_what_looks_like_a_template_is_rewritten() {
        assert_eq!(literal("a {b}"), "a {b}");
        assert_eq!(literal("{{x}}"), "{{ '{' }}{{ '{' }}x}}");
    }
}
