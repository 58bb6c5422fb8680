//! Outlines: given or made.

use super::assignment::Assignment;
use super::members;
use super::section::{Purpose, Section, aspects};
use super::title::title;
use crate::brief::kind::Shape;
use crate::brief::preferences::list;
use crate::text::markdown::{Block, blocks, plain, render};
use crate::text::phrases::{capitalised, contains_phrase, shorten};
use serde_json::{Map, Value, json};

/// Title and sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub title: String,
    pub sections: Vec<Section>,
}

/// The agent: makes an outline and says it as Markdown too.
pub fn run(assignment: &Assignment<'_>) -> Map<String, Value> {
    let outline = made(assignment);
    let sections: Vec<Value> = outline
        .sections
        .iter()
        .map(|section| json!({"heading": section.heading, "purpose": section.purpose.as_str(), "points": section.points}))
        .collect();
    members(json!({"title": outline.title, "sections": sections, "text": text(assignment, &outline)}))
}

fn text(assignment: &Assignment<'_>, outline: &Outline) -> String {
    let brief = &assignment.brief;
    let readers = brief
        .audience
        .as_deref()
        .map(|audience| format!(" for {audience}"))
        .unwrap_or_default();
    let mut found = vec![
        Block::Heading(1, outline.title.clone()),
        Block::Paragraph(format!(
            "Plan for a {} about {}{readers}.",
            brief.label.as_str(),
            brief.topic.text
        )),
    ];
    for section in &outline.sections {
        found.push(Block::Heading(2, section.heading.clone()));
        let mut points: Vec<String> = section.points.iter().map(|point| capitalised(point)).collect();
        if points.is_empty() {
            points.push(format!(
                "{} of {}",
                capitalised(section.purpose.as_str()),
                brief.topic.short
            ));
        }
        found.push(Block::List(false, points));
    }
    if !brief.must_include.is_empty() {
        found.push(Block::Heading(2, "To be said word for word".to_owned()));
        found.push(Block::List(false, brief.must_include.clone()));
    }
    render(&found)
}

/// The outline in the arguments, with what feedback adds; else a new one.
pub fn given_or_made(assignment: &Assignment<'_>) -> Outline {
    let made = made(assignment);
    let Some(given) = assignment.arguments.get("outline").and_then(given) else {
        return made;
    };
    let mut sections = given.sections;
    // Material that the outline's maker did not have belongs into the text all the same.
    let missing = made.sections.into_iter().filter(|section| {
        let required = matches!(
            section.purpose,
            Purpose::Data | Purpose::Details | Purpose::Figures | Purpose::Items
        );
        let asked = assignment
            .brief
            .sections
            .contains(section.points.first().unwrap_or(&section.heading));
        let there = sections
            .iter()
            .any(|own| own.purpose == section.purpose && !asked || contains_phrase(&own.heading, &section.heading));
        (required || asked) && !there
    });
    let missing: Vec<Section> = missing.collect();
    sections.extend(missing);
    let title = assignment.brief.title.clone().or(given.title).unwrap_or(made.title);
    Outline { title, sections }
}

struct Given {
    title: Option<String>,
    sections: Vec<Section>,
}

/// Reads an outline agent's output, a list of headings, or Markdown.
fn given(value: &Value) -> Option<Given> {
    let title = value.get("title").and_then(Value::as_str).map(str::to_owned);
    let sections: Vec<Section> = match value.get("sections").unwrap_or(value) {
        Value::Array(items) => items.iter().filter_map(one).collect(),
        Value::String(text) => of_markdown(text),
        _ => Vec::new(),
    };
    (!sections.is_empty()).then_some(Given { title, sections })
}

fn one(item: &Value) -> Option<Section> {
    if let Some(heading) = item.as_str() {
        return Some(Section::about(heading, vec![heading.to_owned()]));
    }
    let heading = item.get("heading").or_else(|| item.get("title"))?.as_str()?.to_owned();
    let purpose = item
        .get("purpose")
        .and_then(Value::as_str)
        .and_then(Purpose::parse)
        .unwrap_or(Purpose::Aspect);
    let points = item.get("points").map(list).unwrap_or_default();
    Some(Section {
        heading,
        purpose,
        points,
    })
}

fn of_markdown(text: &str) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    for block in blocks(text) {
        match (block, found.last_mut()) {
            (Block::Heading(2.., heading), _) => found.push(Section::about(&plain(&heading), Vec::new())),
            (Block::List(_, items), Some(last)) => last.points.extend(items.iter().map(|item| plain(item))),
            (Block::List(_, items), None) => {
                found.extend(items.iter().map(|item| Section::about(&plain(item), Vec::new())))
            }
            _ => {}
        }
    }
    found
}

/// An outline of the shape the kind has.
fn made(assignment: &Assignment<'_>) -> Outline {
    let brief = &assignment.brief;
    let picker = &assignment.picker;
    let fresh = |purpose: Purpose| Section::new(purpose, picker);
    let parts = aspects(brief, picker);
    let part = |aspect: &String| Section::about(&capitalised(&shorten(aspect, 70)), vec![aspect.clone()]);
    let asked: Vec<Section> = brief.sections.iter().map(part).collect();
    let mut sections = Vec::new();
    match brief.kind.shape {
        Shape::Article | Shape::Study | Shape::Outline | Shape::Summary | Shape::Post => {
            let room = (brief.target_words() / 75).clamp(2, 12);
            let mut optional = vec![fresh(Purpose::Context)];
            if asked.is_empty() {
                optional.extend(parts.iter().take(room / 2).map(part));
            }
            optional.extend(
                [
                    Purpose::Stakes,
                    Purpose::Practice,
                    Purpose::Questions,
                    Purpose::Pitfalls,
                ]
                .map(fresh),
            );
            let fixed = asked.len()
                + usize::from(!brief.figures.is_empty())
                + usize::from(!brief.facts.is_empty())
                + usize::from(brief.items.is_some());
            optional.truncate(room.saturating_sub(fixed).max(1));
            let (before, after): (Vec<Section>, Vec<Section>) = optional
                .into_iter()
                .partition(|s| matches!(s.purpose, Purpose::Context | Purpose::Stakes | Purpose::Aspect));
            let (before, aspects): (Vec<Section>, Vec<Section>) =
                before.into_iter().partition(|s| s.purpose != Purpose::Aspect);
            sections.extend(before);
            sections.extend(material(assignment));
            sections.extend(asked);
            sections.extend(aspects);
            sections.extend(items(assignment));
            sections.extend(numbers(assignment));
            sections.extend(after);
        }
        Shape::Steps => {
            sections.push(fresh(Purpose::Context));
            sections.extend(material(assignment));
            sections.push(Section {
                points: parts,
                ..fresh(Purpose::Steps)
            });
            sections.extend(asked);
            sections.extend(numbers(assignment));
            sections.push(fresh(Purpose::Pitfalls));
        }
        Shape::Faq => {
            sections.push(Section {
                points: parts,
                ..fresh(Purpose::Asked)
            });
            sections.extend(material(assignment));
            sections.extend(asked);
            sections.extend(numbers(assignment));
        }
        Shape::Message => {
            sections.push(fresh(Purpose::Message));
            sections.extend(material(assignment));
            sections.extend(asked);
            sections.extend(items(assignment));
            sections.extend(numbers(assignment));
        }
        Shape::Release => {
            sections.extend(material(assignment));
            sections.push(fresh(Purpose::Release));
            sections.extend(asked);
            sections.extend(numbers(assignment));
        }
        Shape::Offer => {
            sections.push(Section {
                points: parts,
                ..fresh(Purpose::Offer)
            });
            sections.extend(material(assignment));
            sections.extend(asked);
            sections.extend(items(assignment));
            sections.extend(numbers(assignment));
        }
        Shape::Comparison => {
            sections.push(fresh(Purpose::Context));
            sections.extend(material(assignment));
            sections.push(Section {
                points: brief.topic.parts.clone(),
                ..fresh(Purpose::Compare)
            });
            sections.extend(if asked.is_empty() {
                brief.topic.parts.iter().map(part).collect()
            } else {
                asked
            });
            sections.extend(numbers(assignment));
            sections.push(fresh(Purpose::Practice));
        }
        Shape::Lines => sections.push(Section {
            points: parts,
            ..fresh(Purpose::Items)
        }),
    }
    Outline {
        title: title(brief, picker),
        sections,
    }
}

/// Sections for statements of the request and outputs of tools.
fn material(assignment: &Assignment<'_>) -> Vec<Section> {
    let mut found = Vec::new();
    if !assignment.brief.facts.is_empty() {
        found.push(Section::new(Purpose::Details, &assignment.picker));
    }
    if assignment.arguments.contains_key("inputs") {
        found.push(Section::new(Purpose::Data, &assignment.picker));
    }
    found
}

fn items(assignment: &Assignment<'_>) -> Option<Section> {
    let brief = &assignment.brief;
    let section = Section::new(Purpose::Items, &assignment.picker);
    brief.items.map(|_| Section {
        points: aspects(brief, &assignment.picker),
        ..section
    })
}

fn numbers(assignment: &Assignment<'_>) -> Option<Section> {
    let given = !assignment.brief.figures.is_empty();
    given.then(|| Section::new(Purpose::Figures, &assignment.picker))
}

#[cfg(test)]
mod tests {
    use super::given;
    use crate::write::section::Purpose;
    use serde_json::json;

    #[test]
    fn outlines_are_read_in_every_shape() {
        for value in [
            json!({"title": "T", "sections": [{"heading": "A", "points": ["x"]}, {"heading": "B", "purpose": "figures"}]}),
            json!("# T\n\n## A\n\n- x\n\n## B\n"),
            json!(["A", "B"]),
        ] {
            let found = given(&value).unwrap();
            let headings: Vec<&str> = found.sections.iter().map(|section| section.heading.as_str()).collect();
            assert_eq!(headings, ["A", "B"], "{value}");
        }
        let figures = given(&json!({"sections": [{"heading": "B", "purpose": "figures"}]})).unwrap();
        assert_eq!(figures.sections[0].purpose, Purpose::Figures);
        assert!(given(&json!(1)).is_none());
    }
}
