//! Formatting: one deliverable for a channel out of finished steps' outputs. Adds no facts.

mod article;
mod post;
mod trim;

use crate::deliverable::Deliverable;
use serde_json::Value;

/// A finished step's output.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// The channel the step was tagged with, or empty.
    pub channel: String,
    /// It only puts together what others made.
    pub gathered: bool,
    /// Its output.
    pub output: Value,
}

/// What a deliverable may be made of.
pub struct Material<'a> {
    /// In plan order.
    pub parts: &'a [Part],
    /// One sentence about the plan, or empty.
    pub plan_summary: &'a str,
    /// What the user asked for.
    pub request: &'a str,
}

/// Members of an output that hold its text.
const TEXT_MEMBERS: [&str; 3] = ["text", "content", "markdown"];

/// The deliverable of `channel`: the last output tagged with it as it is, else composed of the untagged ones.
pub fn deliverable(channel: &str, material: &Material<'_>) -> Deliverable {
    let tagged = material.parts.iter().rev().find(|part| part.channel == channel);
    if let Some(part) = tagged {
        return as_it_is(channel, part, material);
    }
    let untagged: Vec<&Value> = outputs(material.parts, |part| part.channel.is_empty());
    // What was written for other channels is better than nothing.
    let outputs = if untagged.is_empty() {
        outputs(material.parts, |_| true)
    } else {
        untagged
    };
    let title = title(&outputs, material);
    match post::limit(channel) {
        Some(limit) => {
            let content = post::compose(&title, &outputs, limit);
            Deliverable::new(channel, title, content, "text/plain")
        }
        None => {
            let content = article::compose(&title, &outputs);
            Deliverable::new(channel, title, content, "text/markdown")
        }
    }
}

fn outputs(parts: &[Part], keep: impl Fn(&Part) -> bool) -> Vec<&Value> {
    parts
        .iter()
        .filter(|part| keep(part))
        .map(|part| &part.output)
        .collect()
}

fn as_it_is(channel: &str, part: &Part, material: &Material<'_>) -> Deliverable {
    let output = &part.output;
    let member = || TEXT_MEMBERS.iter().find_map(|name| output.get(name)?.as_str());
    let title = title(&[output], material);
    let text = output.as_str().or_else(member).map(str::to_owned);
    match text.or_else(|| llm::gathered(output).filter(|_| part.gathered)) {
        Some(text) => Deliverable::new(channel, title, text, "text/markdown"),
        None => Deliverable::new(channel, title, pretty(output), "application/json"),
    }
}

/// The first title among the outputs, else the plan's summary, else the request; one line.
fn title(outputs: &[&Value], material: &Material<'_>) -> String {
    let found = outputs.iter().find_map(|output| llm::title_of(output));
    let or_summary = found.or_else(|| Some(material.plan_summary.to_owned()).filter(|s| !s.trim().is_empty()));
    trim::one_line(&or_summary.unwrap_or_else(|| material.request.to_owned()))
}

fn pretty(output: &Value) -> String {
    serde_json::to_string_pretty(output).unwrap_or_else(|_| output.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part(channel: &str, output: Value) -> Part {
        Part {
            channel: channel.to_owned(),
            gathered: false,
            output,
        }
    }

    fn made(channel: &str, parts: &[Part]) -> Deliverable {
        let material = Material {
            parts,
            plan_summary: "",
            request: "Write about tea",
        };
        deliverable(channel, &material)
    }

    #[test]
    fn a_tagged_output_is_used_as_it_is() {
        let text = "## Tea\n\nGreen.  ";
        for output in [
            json!(text),
            json!({"text": text}),
            json!({"content": text}),
            json!({"markdown": text}),
        ] {
            let made = made("blog", &[part("", json!("other")), part("blog", output)]);
            assert_eq!(
                (made.content.as_str(), made.content_type.as_str()),
                (text, "text/markdown")
            );
        }
        let gathered = json!({"items": [{"text": "Green.", "topic": "tea"}, {"text": "Black."}]});
        let mut gathered = part("blog", gathered);
        assert_eq!(made("blog", &[gathered.clone()]).content_type, "application/json");
        gathered.gathered = true;
        assert_eq!(made("blog", &[gathered]).content, "Green.\n\nBlack.");
        let titled = made("blog", &[part("blog", json!({"title": "Tea", "text": "Green."}))]);
        assert_eq!(titled.title, "Tea");
    }

    #[test]
    fn a_tagged_output_without_text_stays_json() {
        let made = made("data", &[part("data", json!({"rows": [1, 2]}))]);
        assert_eq!(made.content_type, "application/json");
        assert_eq!(
            serde_json::from_str::<Value>(&made.content).unwrap(),
            json!({"rows": [1, 2]})
        );
    }

    #[test]
    fn an_article_has_one_heading_and_every_final_output() {
        let parts = [
            part("", json!({"title": "Tea", "text": "Green tea."})),
            part("", json!("Black tea.")),
            part("linkedin", json!("For elsewhere.")),
        ];
        let made = made("blog", &parts);
        assert_eq!(made.content, "# Tea\n\nGreen tea.\n\nBlack tea.\n");
        let own_heading = [part("", json!({"title": "Tea", "text": "# Tea time\n\nGreen."}))];
        assert_eq!(
            super::tests::made("blog", &own_heading).content,
            "# Tea time\n\nGreen.\n"
        );
    }

    #[test]
    fn a_post_is_a_hook_and_whole_sentences_within_the_limit() {
        let long = format!(
            "# Tea\n\n**Green** tea is [old](http://x). {}",
            "It has been drunk for long. ".repeat(300)
        );
        let made = made("linkedin", &[part("", json!({"title": "Tea", "text": long}))]);
        assert!(made.content.chars().count() <= 3000);
        assert!(
            made.content.starts_with("Tea\n\nGreen tea is old. It has"),
            "{}",
            &made.content[..80]
        );
        assert!(made.content.ends_with("for long."));
        assert_eq!(made.content_type, "text/plain");
    }

    #[test]
    fn outputs_without_text_are_shown_and_only_other_channels_texts_are_used_when_there_is_nothing_else() {
        let bare = made("blog", &[part("", json!({"rows": [1, 2]}))]);
        assert!(bare.content.contains("\"rows\""), "{}", bare.content);
        assert_eq!(bare.title, "Write about tea");
        let borrowed = made("blog", &[part("linkedin", json!("For elsewhere."))]);
        assert!(borrowed.content.contains("For elsewhere."));
    }

    #[test]
    fn the_same_material_gives_the_same_bytes() {
        let parts = [part("", json!({"title": "Tea", "text": "Green tea."}))];
        assert_eq!(made("blog", &parts), made("blog", &parts));
    }
}
