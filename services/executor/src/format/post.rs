//! Posts for social networks: a hook and as many whole sentences as fit.

use super::trim::{plain, sentences, shorten};
use serde_json::Value;

/// Most characters of a post; none: the channel takes articles.
pub fn limit(channel: &str) -> Option<usize> {
    match channel.to_ascii_lowercase().as_str() {
        "linkedin" => Some(3000),
        "twitter" | "x" => Some(280),
        "bluesky" => Some(300),
        "mastodon" | "threads" => Some(500),
        "facebook" | "instagram" | "social" => Some(2200),
        _ => None,
    }
}

/// A post of `outputs`: the title, then the summary where there is one, else the text.
pub fn compose(title: &str, outputs: &[&Value], limit: usize) -> String {
    let summary = outputs.iter().find_map(|output| output.get("summary")?.as_str());
    let texts = || {
        outputs
            .iter()
            .filter_map(|output| llm::text_of(output))
            .collect::<Vec<_>>()
            .join("\n\n")
    };
    let text = plain(&summary.map_or_else(texts, str::to_owned));
    let hook = plain(title);
    let hook = if text.starts_with(&hook) {
        String::new()
    } else {
        format!("{hook}\n\n")
    };
    let mut post = shorten(&hook, limit);
    let mut left = limit.saturating_sub(post.chars().count());
    let mut added = false;
    for sentence in sentences(&text) {
        let length = sentence.chars().count();
        if length > left {
            if !added {
                post.push_str(&shorten(sentence, left));
            }
            break;
        }
        post.push_str(sentence);
        left -= length;
        added = true;
    }
    post.trim().to_owned()
}
