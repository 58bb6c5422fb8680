//! Quoted evidence: only what occurs in a text is any.

/// Letters and digits a quote has at least, unless the text itself has fewer.
const LEAST: usize = 8;

/// Texts in the form quotes are looked up in.
#[derive(Debug)]
pub struct Quotable(Vec<String>);

impl Quotable {
    pub fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        Self(texts.map(bare).collect())
    }

    /// The quote occurs, whatever its spaces, case and marks.
    pub fn has(&self, quote: &str) -> bool {
        let wanted = bare(quote);
        let long = |text: &String| wanted.len() >= LEAST.min(text.len());
        !wanted.is_empty() && self.0.iter().any(|text| long(text) && text.contains(&wanted))
    }
}

/// Letters and digits alone: models change spaces, quotation marks and emphasis when they copy.
pub fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Quotable;

    #[test]
    fn a_quote_occurs_whatever_its_marks_and_a_forged_or_empty_one_does_not() {
        let texts = Quotable::new(["## Tea\n\nWarm the **bowl**, then\n“sift” the powder.", "Ok!"].into_iter());
        for quote in ["Warm the bowl, then \"sift\" the powder", "warm  the bowl", "ok"] {
            assert!(texts.has(quote), "{quote}");
        }
        for quote in ["Warm the kettle first", "the", "", "…"] {
            assert!(!texts.has(quote), "{quote}");
        }
    }
}
