//! The social agent: a short post for one channel.

use super::assignment::Assignment;
use super::edit::finish;
use super::filling::Filling;
use super::members;
use super::sayings::{QUESTIONS, STAKES};
use super::summary::{source_sentences, telling};
use super::voice::{closers, openers};
use crate::brief::Brief;
use crate::text::phrases::{capitalised, closed, contains_phrase, distinct, shorten};
use crate::text::tokens::{content_words, word_count};
use serde_json::{Map, Value, json};

/// Channels that take short posts, and how many characters and words they take.
const CHANNELS: [(&str, usize, usize); 11] = [
    ("linkedin", 3000, 110),
    ("facebook", 3000, 80),
    ("instagram", 2200, 70),
    ("threads", 500, 55),
    ("mastodon", 500, 55),
    ("bluesky", 300, 32),
    ("twitter", 280, 30),
    ("tweet", 280, 30),
    ("tiktok", 2200, 45),
    ("slack", 3000, 60),
    ("social", 1000, 80),
];

fn known(channel: &str) -> Option<(usize, usize)> {
    let lower = channel.to_lowercase();
    if lower.ends_with("thread") {
        // Several posts after one another.
        return Some((3000, 90));
    }
    let found = CHANNELS
        .iter()
        .find(|(name, ..)| lower.contains(name))
        .map(|(_, chars, words)| (*chars, *words));
    found.or_else(|| (lower == "x" || lower.starts_with("x_") || lower.starts_with("x-")).then_some((280, 30)))
}

/// Whether the channel takes short posts.
pub fn is_social(channel: &str) -> bool {
    known(channel).is_some()
}

/// Most characters a post on the channel may have.
pub fn character_limit(channel: &str) -> Option<usize> {
    known(channel).map(|(chars, _)| chars)
}

/// The agent.
pub fn run(assignment: &Assignment<'_>) -> Map<String, Value> {
    let brief = &assignment.brief;
    let named = assignment.channel();
    let channel = if named.is_empty() { brief.label.clone() } else { named };
    let (limit, usual) = known(&channel).unwrap_or((1000, 80));
    let limit = brief.max_chars().map_or(limit, |asked| asked.min(limit));
    let hashtags = hashtags(brief, limit);
    let wanted = words_wanted(assignment, usual);
    let text = fitted(assignment, limit, wanted, &hashtags);
    let text = finish(assignment, &text).trim_end().to_owned();
    members(
        json!({"text": text, "hashtags": hashtags, "channel": channel, "title": super::title::title(brief, &assignment.picker)}),
    )
}

/// The post's own length: what feedback asks for, else what the channel usually takes.
fn words_wanted(assignment: &Assignment<'_>, usual: usize) -> usize {
    let fixes = &assignment.fixes;
    let stepped = match fixes.length_steps {
        0 => usual,
        steps if steps < 0 => usual * 2 / 3,
        _ => usual * 3 / 2,
    };
    let wanted = fixes.target.unwrap_or(stepped);
    fixes.max.map_or(wanted, |max| wanted.min(max * 9 / 10)).max(8)
}

/// As many paragraphs as fit, the most important first.
fn fitted(assignment: &Assignment<'_>, limit: usize, wanted: usize, hashtags: &[String]) -> String {
    let brief = &assignment.brief;
    let filling = Filling::new(brief);
    let tone = brief.tones.first().copied();
    let tags = hashtags.join(" ");
    let hook = hook(assignment, limit, &filling);
    let closer = filling.fill(assignment.picker.one("post closer", closers(tone)), &brief.topic.short);
    let call = brief.call_to_action.as_deref().map(|call| closed(&capitalised(call)));
    let musts: Vec<String> = brief
        .must_include
        .iter()
        .filter(|phrase| !contains_phrase(&hook, phrase))
        .map(|phrase| closed(&capitalised(phrase)))
        .collect();
    let mut paragraphs = vec![hook];
    if !musts.is_empty() {
        paragraphs.push(musts.join(" "));
    }
    let assembled = |paragraphs: &[String], ending: &[&String]| {
        let tail = ending
            .iter()
            .map(|text| (*text).clone())
            .chain((!tags.is_empty()).then(|| tags.clone()));
        paragraphs
            .iter()
            .cloned()
            .chain(tail)
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("\n\n")
    };
    let ending: Vec<&String> = call.iter().chain([&closer]).collect();
    let ending = if assembled(&paragraphs, &ending).chars().count() <= limit {
        ending
    } else {
        call.iter().collect()
    };
    let mut body: Vec<String> = Vec::new();
    for sentence in material(assignment) {
        let mut tried = body.clone();
        tried.push(sentence);
        let with: Vec<String> = paragraphs
            .iter()
            .cloned()
            .chain(tried.chunks(2).map(|pair| pair.join(" ")))
            .collect();
        let text = assembled(&with, &ending);
        if text.chars().count() <= limit && word_count(&text) <= wanted + wanted / 8 {
            body = tried;
        }
        if word_count(&text) >= wanted {
            break;
        }
    }
    paragraphs.splice(1..1, body.chunks(2).map(|pair| pair.join(" ")));
    let whole = assembled(&paragraphs, &ending);
    if whole.chars().count() <= limit {
        whole
    } else {
        assembled(&paragraphs, &[]).chars().take(limit).collect()
    }
}

/// The first line: in the tone, with the whole topic where it fits.
fn hook(assignment: &Assignment<'_>, limit: usize, filling: &Filling) -> String {
    let brief = &assignment.brief;
    let opener = filling.fill(
        assignment.picker.one("hook", openers(brief.tones.first().copied())),
        &brief.topic.short,
    );
    let readers = brief
        .audience
        .as_deref()
        .map(|audience| format!(", for {audience}"))
        .unwrap_or_default();
    let plain = closed(&format!("{}{readers}", capitalised(&brief.topic.text)));
    if limit <= 300 && opener.chars().count() > limit / 2 {
        plain
    } else if limit > 500 && !readers.is_empty() {
        format!(
            "{opener} This one is for {}.",
            brief.audience.as_deref().unwrap_or("you")
        )
    } else {
        opener
    }
}

/// Sentences to choose from: figures and statements given, then the telling ones of the text.
fn material(assignment: &Assignment<'_>) -> Vec<String> {
    let brief = &assignment.brief;
    let source = source_sentences(&assignment.text("text"));
    let about_the_text = [
        "section",
        "paragraph",
        "this article",
        "blog post",
        "brief",
        "given with the request",
        "according to",
        "this part",
    ];
    let usable: Vec<String> = source
        .into_iter()
        .filter(|sentence| {
            word_count(sentence) <= 28 && !about_the_text.iter().any(|word| contains_phrase(sentence, word))
        })
        .filter(|sentence| {
            !sentence.starts_with("A ") || !sentence.contains(" for ") || sentence.split(' ').count() > 8
        })
        .collect();
    let statements = brief.facts.iter().map(|fact| closed(fact)).take(3);
    let asked = brief
        .sections
        .iter()
        .map(|section| closed(&format!("Worth a look: {section}")))
        .take(3);
    let told = telling(&usable, &brief.topic.text, 8);
    let picker = &assignment.picker;
    let filling = Filling::new(brief);
    // A post has no parts to speak of.
    let stakes: Vec<&'static str> = STAKES
        .iter()
        .copied()
        .filter(|saying| !saying.contains("parts below"))
        .collect();
    let general = [picker.order("post", &stakes), picker.order("post questions", QUESTIONS)].concat();
    let spare = general
        .into_iter()
        .take(8)
        .map(|saying| filling.fill(saying, &brief.topic.short));
    distinct(statements.chain(asked).chain(told).chain(spare))
}

fn hashtags(brief: &Brief, limit: usize) -> Vec<String> {
    let count = if limit <= 300 { 2 } else { 4 };
    let whole = tag(&brief.topic.short);
    let parts = brief.topic.parts.iter().map(|part| tag(part));
    let single = brief.topic_words().into_iter().map(|word| tag(&word));
    let all = std::iter::once(whole).chain(parts).chain(single);
    let fitting = all.filter(|tag| {
        (3..=28).contains(&tag.chars().count())
            && tag != "#TheSubject"
            && !brief
                .avoid
                .iter()
                .any(|word| tag.to_lowercase().contains(&word.to_lowercase()))
    });
    distinct(fitting).into_iter().take(count).collect()
}

fn tag(phrase: &str) -> String {
    let words: Vec<String> = content_words(phrase)
        .into_iter()
        .map(|word| capitalised(&word.replace(['\'', '’', '.', '&', '+', '#', ','], "")))
        .collect();
    if words.is_empty() || words.len() > 4 {
        String::new()
    } else {
        format!("#{}", shorten(&words.concat(), 40))
    }
}
