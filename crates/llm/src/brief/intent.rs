//! What was understood of a request, as the status document shows it.

use super::Brief;
use crate::port::Context;
use crate::text::phrases::{closed, listed, shorten, with_article};
use serde_json::{Value, json};

/// `{goal, requirements[], business_context, preferences, success_criteria[]}`.
pub fn intent(brief: &Brief, context: &Context) -> Value {
    let mut preferences = context.preferences.clone();
    preferences.entry("channels").or_insert_with(|| json!(context.channels));
    json!({
        "goal": goal(brief),
        "requirements": requirements(brief),
        "business_context": business_context(brief),
        "preferences": preferences,
        "success_criteria": success_criteria(brief),
    })
}

fn goal(brief: &Brief) -> String {
    let readers = brief
        .audience
        .as_deref()
        .map(|audience| format!(" for {audience}"))
        .unwrap_or_default();
    let business = brief
        .business
        .as_deref()
        .map(|business| format!(", on behalf of {business}"))
        .unwrap_or_default();
    let what = with_article(&brief.label);
    shorten(
        &format!("Produce {what} about {}{readers}{business}", brief.topic.text),
        400,
    )
}

fn requirements(brief: &Brief) -> Vec<String> {
    let mut found = vec![
        format!("Format: {}", brief.label.as_str()),
        format!("Topic: {}", brief.topic.text),
    ];
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            found.push(format!("{name}: {value}"));
        }
    };
    add("Audience", brief.audience.clone().unwrap_or_default());
    add("Tone", listed(&brief.tone_labels()));
    add(
        "Length",
        match brief.max_words() {
            _ if brief.length_wanted() => format!("about {} words", brief.target_words()),
            Some(most) => format!("at most {most} words"),
            None => String::new(),
        },
    );
    add("Items", brief.items.map(|n| n.to_string()).unwrap_or_default());
    add("Sections", brief.sections.join("; "));
    add(
        "Must include",
        brief
            .must_include
            .iter()
            .map(|phrase| format!("“{phrase}”"))
            .collect::<Vec<_>>()
            .join("; "),
    );
    add("Avoid", brief.avoid.join("; "));
    add("Call to action", brief.call_to_action.clone().unwrap_or_default());
    add("Given facts", shorten(&brief.facts.join(" "), 600));
    add("Channels", brief.channels.join(", "));
    found
}

fn business_context(brief: &Brief) -> String {
    let mut said = Vec::new();
    said.extend(
        brief
            .business
            .as_deref()
            .map(|business| format!("Written for {business}.")),
    );
    if !brief.figures.is_empty() {
        let figures = brief
            .figures
            .iter()
            .map(|figure| format!("{} {}", figure.name, figure.value))
            .collect::<Vec<_>>();
        said.push(format!("Figures given: {}.", figures.join(", ")));
    }
    said.extend(brief.derived.iter().map(|sentence| closed(sentence)));
    said.join(" ")
}

fn success_criteria(brief: &Brief) -> Vec<String> {
    let mut found = vec![
        format!("Takes up {}", listed(&brief.topic_words())),
        format!(
            "Is a complete {} of roughly {} words",
            brief.label.as_str(),
            brief.target_words()
        ),
        "Every figure in it comes from the request or follows from it".to_owned(),
    ];
    if !brief.must_include.is_empty() {
        found.push(format!("Says word for word: {}", brief.must_include.join("; ")));
    }
    if !brief.tones.is_empty() {
        found.push(format!("Reads {}", listed(&brief.tone_labels())));
    }
    found.extend(
        brief
            .channels
            .iter()
            .map(|channel| format!("Has a version fit for {channel}")),
    );
    found
}
