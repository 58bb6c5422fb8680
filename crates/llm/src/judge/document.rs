//! What readers get: one text a channel, made of one step's output or of several.

use super::form::Form;
use crate::brief::Brief;
use crate::port::{JudgeAsk, JudgedText};

/// One text as it reaches its readers.
pub struct Document<'a> {
    pub channel: String,
    /// The steps it is made of, in plan order.
    pub pieces: Vec<&'a JudgedText>,
    pub text: String,
    pub form: Form,
    /// What tools other than agents said.
    pub given: String,
}

impl Document<'_> {
    /// For evidence.
    pub fn name(&self) -> String {
        if self.channel.is_empty() {
            self.pieces
                .iter()
                .map(|piece| piece.step_key.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        } else {
            self.channel.clone()
        }
    }
}

/// Steps tagged with a channel stand alone; what is left over is one text, unless every channel has its own.
pub fn documents<'a>(ask: &JudgeAsk<'a>, brief: &Brief) -> Vec<Document<'a>> {
    let visible = || ask.texts.iter().filter(|text| text.visible);
    let given: Vec<&str> = ask
        .texts
        .iter()
        .filter(|text| !text.tool_id.ends_with("_agent") && !text.visible)
        .map(|text| text.text.as_str())
        .collect();
    let given = given.join("\n");
    let make = |channel: &str, pieces: Vec<&'a JudgedText>| Document {
        channel: channel.to_owned(),
        text: pieces
            .iter()
            .map(|piece| piece.text.trim())
            .collect::<Vec<_>>()
            .join("\n\n"),
        form: Form::of(brief, channel),
        pieces,
        given: given.clone(),
    };
    let mut channels: Vec<&str> = Vec::new();
    for text in visible().filter(|text| !text.channel.is_empty()) {
        if !channels.contains(&text.channel.as_str()) {
            channels.push(&text.channel);
        }
    }
    let mut found: Vec<Document<'a>> = channels
        .iter()
        .map(|channel| make(channel, visible().filter(|text| text.channel == **channel).collect()))
        .collect();
    let served = !channels.is_empty()
        && ask
            .context
            .channels
            .iter()
            .all(|channel| channels.contains(&channel.as_str()));
    let rest: Vec<&JudgedText> = visible().filter(|text| text.channel.is_empty()).collect();
    if !rest.is_empty() && !served {
        found.push(make("", rest));
    }
    found
}
