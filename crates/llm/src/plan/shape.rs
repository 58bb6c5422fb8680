//! The shape of a plan: what is gathered side by side, what is written from it, what each channel gets.

use super::arguments::{Given, Supply, fill};
use super::extras::{Extra, asked_for};
use super::graph::{Node, PlanGraph};
use super::matching::Matcher;
use super::revision::Revision;
use super::roles::{Role, cast};
use crate::brief::Brief;
use crate::brief::kind::Shape;
use crate::call::EngineError;
use crate::catalog::ToolCard;
use crate::port::PlanAsk;
use crate::text::phrases::{capitalised, contains_phrase, shorten, with_article};
use crate::write::{character_limit, is_social};
use serde_json::{Map, Value, json};

/// Words from which a text is worth gathering material for.
const WORTH_GATHERING: usize = 100;

/// Builds the plan.
pub fn build<'a>(
    ask: &PlanAsk<'a>,
    brief: &Brief,
    matcher: &Matcher<'a>,
    revision: &Revision,
    said: &[String],
) -> Result<PlanGraph, EngineError> {
    let mut builder = Builder {
        ask,
        brief,
        matcher,
        revision,
        said,
        graph: PlanGraph::default(),
        sources: Vec::new(),
        findings: Vec::new(),
    };
    let late = builder.asked_tools();
    builder.text();
    builder.channels();
    builder.late_tools(late);
    builder.drop_unused();
    if builder.graph.nodes.is_empty() {
        let reasons: Vec<String> = builder
            .graph
            .left_out
            .iter()
            .map(|(tool, why)| format!("{tool} {why}"))
            .collect();
        return Err(EngineError::NoTool(format!(
            "{}: {}",
            shorten(&brief.request, 80),
            reasons.join(", ")
        )));
    }
    Ok(builder.graph)
}

struct Builder<'a, 'b> {
    ask: &'b PlanAsk<'a>,
    brief: &'b Brief,
    matcher: &'b Matcher<'a>,
    revision: &'b Revision,
    said: &'b [String],
    graph: PlanGraph,
    sources: Vec<(Given, String, &'a ToolCard)>,
    findings: Vec<(String, String)>,
}

/// A step for a part.
struct Part<'c> {
    role: Role,
    key: &'c str,
    title: String,
    reason: String,
    /// The channel the text is for, or empty.
    channel: &'c str,
    /// The channel the step is tagged with.
    tag: Option<&'c str>,
    focus: &'c str,
    acceptance: Vec<Value>,
}

impl<'c> Part<'c> {
    fn new(role: Role, key: &'c str, title: String, reason: String) -> Self {
        Self {
            role,
            key,
            title,
            reason,
            channel: "",
            tag: None,
            focus: "",
            acceptance: Vec::new(),
        }
    }
}

impl<'a> Builder<'a, '_> {
    fn fill(&self, tool: &ToolCard, channel: &str, focus: &str) -> Result<Map<String, Value>, String> {
        let withheld = self
            .revision
            .withheld
            .iter()
            .filter(|(id, _)| *id == tool.tool_id)
            .map(|(_, argument)| argument.clone());
        let supply = Supply {
            context: self.ask.context,
            brief: self.brief,
            guidance: self.said,
            channel,
            focus,
            sources: self.sources.clone(),
            findings: self.findings.clone(),
            withheld: withheld.collect(),
        };
        fill(tool, &supply)
    }

    /// Adds a step for a part; none where no tool plays it or an argument is lacking.
    fn part(&mut self, part: Part<'_>) -> Option<(String, &'a ToolCard)> {
        let (tool, _) = cast(part.role, self.matcher, self.revision)?;
        let arguments = match self.fill(tool, part.channel, part.focus) {
            Ok(arguments) => arguments,
            Err(lacking) => {
                self.graph
                    .left_out
                    .push((tool.tool_id.clone(), format!("needs {lacking}")));
                return None;
            }
        };
        let tag = part
            .tag
            .filter(|tag| !self.revision.untagged.contains(*tag))
            .map(str::to_owned);
        let acceptance = if self.revision.unchecked {
            Vec::new()
        } else {
            part.acceptance
        };
        let node = Node {
            key: part.key.to_owned(),
            title: part.title,
            tool_id: tool.tool_id.clone(),
            arguments,
            depends_on: Vec::new(),
            reason: part.reason,
            channel: tag,
            acceptance,
        };
        Some((self.graph.add(node), tool))
    }

    /// Tools the request asks for: those that need no text run at once, the others are returned.
    fn asked_tools(&mut self) -> Vec<Extra<'a>> {
        if self.revision.minimal {
            return Vec::new();
        }
        let (late, early): (Vec<_>, Vec<_>) = asked_for(self.brief, self.said, self.matcher, self.revision)
            .into_iter()
            .partition(|extra| works_on_text(extra.tool));
        for extra in early {
            if let Some(key) = self.asked_tool(&extra) {
                self.findings.push((extra.tool.tool_id.clone(), key));
            }
        }
        late
    }

    fn asked_tool(&mut self, extra: &Extra<'a>) -> Option<String> {
        let tool = extra.tool;
        match self.fill(tool, "", "") {
            Ok(arguments) => {
                let why = if extra.by_name {
                    "The request names this tool.".to_owned()
                } else {
                    format!(
                        "The request asks for what this tool does: {}",
                        shorten(&tool.description, 200)
                    )
                };
                let node = Node {
                    key: tool.tool_id.clone(),
                    title: tool.name.clone(),
                    tool_id: tool.tool_id.clone(),
                    arguments,
                    reason: why,
                    ..Node::default()
                };
                Some(self.graph.add(node))
            }
            Err(lacking) => {
                self.graph.left_out.push((
                    tool.tool_id.clone(),
                    format!("needs {lacking}, which the request does not give"),
                ));
                None
            }
        }
    }

    /// The text everything else is made of.
    fn text(&mut self) {
        let shape = self.brief.kind.shape;
        let made = match shape {
            // A post is written for its channels at once.
            Shape::Post if cast(Role::Social, self.matcher, self.revision).is_some() => return,
            Shape::Summary if !self.brief.facts.is_empty() => {
                let reason = "The request brings a text to be summarized.".to_owned();
                self.part(Part::new(
                    Role::Summary,
                    "summary",
                    "Summarize the text".to_owned(),
                    reason,
                ))
                .or_else(|| self.draft())
            }
            _ => {
                if shape != Shape::Lines && self.brief.target_words() >= WORTH_GATHERING && !self.revision.minimal {
                    self.gather();
                    self.outline();
                }
                if shape == Shape::Outline && self.sources.iter().any(|(given, ..)| *given == Given::Outline) {
                    None
                } else {
                    self.draft()
                }
            }
        };
        if let Some((key, tool)) = made {
            self.sources.push((Given::Text, key, tool));
            if self.revision.added.contains(&Role::Summary) && shape != Shape::Summary {
                self.part(Part::new(
                    Role::Summary,
                    "summary",
                    "Summarize the text".to_owned(),
                    "Feedback on the plan asked for it.".to_owned(),
                ));
            }
        }
    }

    /// Independent of each other, so side by side.
    fn gather(&mut self) {
        let topic = shorten(&self.brief.topic.text, 80);
        let research = Part {
            focus: "topic",
            ..Part::new(
                Role::Research,
                "research",
                format!("Research {topic}"),
                "Collects what is given on the topic and what is still open, before anything is written.".to_owned(),
            )
        };
        if let Some((key, tool)) = self.part(research) {
            self.sources.push((Given::Research, key, tool));
        }
        let brief = self.brief;
        let known_readers = brief.audience.is_some()
            || brief.business.is_some()
            || !brief.figures.is_empty()
            || self.revision.added.contains(&Role::Audience);
        if known_readers && !self.revision.dropped.contains(&Role::Audience) {
            let reason = if brief.figures.is_empty() {
                "The request names readers; the text should speak to them."
            } else {
                "Business figures were given; the text should use them correctly."
            };
            let audience = Part {
                focus: "audience and metrics",
                ..Part::new(
                    Role::Audience,
                    "audience",
                    "Look at audience and figures".to_owned(),
                    reason.to_owned(),
                )
            };
            if let Some((key, tool)) = self.part(audience) {
                self.sources.push((Given::Audience, key, tool));
            }
        }
        let keywords = Part::new(
            Role::Keywords,
            "keywords",
            format!("Find keywords for {topic}"),
            "Readers should find the text; independent of the research, so at the same time.".to_owned(),
        );
        if let Some((key, tool)) = self.part(keywords) {
            self.sources.push((Given::Keywords, key, tool));
        }
    }

    fn outline(&mut self) {
        let outline = Part::new(
            Role::Outline,
            "outline",
            "Outline the text".to_owned(),
            format!(
                "{} needs an order before it is written.",
                capitalised(&with_article(&self.brief.label))
            ),
        );
        let made = self.part(outline);
        if let Some((key, tool)) = made {
            self.sources.push((Given::Outline, key, tool));
        }
    }

    fn draft(&mut self) -> Option<(String, &'a ToolCard)> {
        let label = self.brief.label.as_str();
        let reason = format!("Writes the {label} the request asks for.");
        self.part(Part {
            acceptance: self.checks(),
            ..Part::new(Role::Draft, "draft", format!("Write the {label}"), reason)
        })
    }

    /// Whatever was gathered for a text that does not take it is not worth running.
    fn drop_unused(&mut self) {
        if self.brief.kind.shape == Shape::Outline {
            return;
        }
        loop {
            let needed: Vec<String> = self
                .graph
                .nodes
                .iter()
                .flat_map(|node| node.depends_on.clone())
                .collect();
            let gathered = |node: &Node| {
                self.sources
                    .iter()
                    .any(|(given, key, _)| *given != Given::Text && *key == node.key)
            };
            let unused = self
                .graph
                .nodes
                .iter()
                .position(|node| gathered(node) && !needed.contains(&node.key));
            match unused {
                Some(place) => drop(self.graph.nodes.remove(place)),
                None => return,
            }
        }
    }

    /// What any draft must satisfy: some length, and the word the request is about.
    fn checks(&self) -> Vec<Value> {
        let brief = self.brief;
        let mut checks = vec![json!({"pointer": "/text", "min_length": brief.least_words() * 2})];
        let word = brief.topic_words().into_iter().max_by_key(String::len);
        checks.extend(
            word.filter(|word| !brief.avoid.iter().any(|avoided| contains_phrase(word, avoided)))
                .map(|word| json!({"pointer": "/text", "contains": word})),
        );
        let phrases = brief
            .must_include
            .iter()
            .filter(|phrase| phrase.len() <= 200 && !phrase.contains(['’', '\'', '*']))
            .take(6);
        checks.extend(phrases.map(|phrase| json!({"pointer": "/text", "contains": phrase})));
        checks
    }

    /// One version of the text for each channel.
    fn channels(&mut self) {
        let post = self.brief.kind.shape == Shape::Post;
        let has_text = self.sources.iter().any(|(given, ..)| *given == Given::Text);
        let platform = self.brief.label.as_str();
        let channels = &self.ask.context.channels;
        if channels.is_empty() {
            if post && !has_text {
                self.part(Part {
                    channel: platform,
                    ..Part::new(
                        Role::Social,
                        "post",
                        format!("Write the {platform}"),
                        "The request asks for a short post.".to_owned(),
                    )
                });
            } else if has_text && self.brief.target_words() >= WORTH_GATHERING {
                self.part(Part::new(
                    Role::Edit,
                    "final",
                    "Edit the text".to_owned(),
                    "A second look finds what the first draft missed.".to_owned(),
                ));
            }
            return;
        }
        for channel in channels {
            let social = is_social(channel);
            if social || (post && !has_text) {
                let limit = character_limit(channel)
                    .filter(|_| social)
                    .map(|limit| json!({"pointer": "/text", "max_length": limit}));
                let role = Part {
                    channel: if social { channel } else { platform },
                    tag: Some(channel),
                    acceptance: limit.into_iter().collect(),
                    ..Part::new(
                        Role::Social,
                        channel,
                        format!("Post for {channel}"),
                        format!("{channel} takes short posts; independent of the other channels."),
                    )
                };
                self.part(role);
            } else if has_text {
                let reason = format!("{channel} takes the whole text, edited once more.");
                self.part(Part {
                    channel,
                    tag: Some(channel),
                    ..Part::new(Role::Edit, channel, format!("Edit for {channel}"), reason)
                });
            }
        }
    }

    /// Tools that work on the text.
    fn late_tools(&mut self, late: Vec<Extra<'a>>) {
        for extra in late {
            self.asked_tool(&extra);
        }
    }
}

/// Whether the tool needs a text of ours.
fn works_on_text(tool: &ToolCard) -> bool {
    let required = tool.input_schema.get("required").and_then(Value::as_array);
    let named = |name: &str| ["text", "content", "draft", "article", "body", "markdown"].contains(&name);
    required.is_some_and(|names| names.iter().filter_map(Value::as_str).any(named))
}
