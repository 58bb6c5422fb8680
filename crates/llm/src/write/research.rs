//! The research agent: what was given, sorted, and what is still open.

use super::assignment::Assignment;
use super::filling::Filling;
use super::members;
use super::pick::Deck;
use super::sayings::QUESTIONS;
use super::section::aspects;
use crate::text::markdown::{Block, render};
use crate::text::phrases::{capitalised, closed, distinct, listed, with_article};
use serde_json::{Map, Value, json};

/// The agent.
pub fn run(assignment: &Assignment<'_>) -> Map<String, Value> {
    let brief = &assignment.brief;
    let focus = assignment.text("focus").to_lowercase();
    let numbers = ["metric", "audience", "figure", "business"]
        .iter()
        .any(|word| focus.contains(word));
    let mut points = if numbers {
        of_business(assignment)
    } else {
        of_topic(assignment)
    };
    points.extend(
        brief
            .must_include
            .iter()
            .filter(|_| !numbers)
            .map(|phrase| format!("To be said word for word: {phrase}.")),
    );
    let points = distinct(points);
    let filling = Filling::new(brief);
    let mut deck = Deck::new(&assignment.picker, &format!("research {focus}"), QUESTIONS);
    let questions: Vec<String> = (0..4).map(|_| filling.fill(deck.draw(), &brief.topic.short)).collect();
    let sources = distinct(
        brief
            .links
            .iter()
            .cloned()
            .chain(assignment.items("sources", "sources")),
    );
    let mut blocks = vec![
        Block::Heading(1, format!("Research: {}", brief.topic.text)),
        Block::Heading(2, "What was given".to_owned()),
        Block::List(false, points.clone()),
    ];
    blocks.extend([
        Block::Heading(2, "What is open".to_owned()),
        Block::List(false, questions.clone()),
    ]);
    if !sources.is_empty() {
        blocks.extend([
            Block::Heading(2, "Sources named".to_owned()),
            Block::List(false, sources.clone()),
        ]);
    }
    members(
        json!({"topic": brief.topic.text, "points": points, "questions": questions, "sources": sources, "text": render(&blocks)}),
    )
}

fn of_topic(assignment: &Assignment<'_>) -> Vec<String> {
    let brief = &assignment.brief;
    let mut points = vec![closed(&format!(
        "The request asks for {} about {}",
        with_article(&brief.label),
        brief.topic.text
    ))];
    points.extend(brief.facts.iter().map(|fact| closed(fact)));
    let parts = aspects(brief, &assignment.picker);
    points.push(closed(&format!("Parts to look at: {}", listed(&parts))));
    points
}

fn of_business(assignment: &Assignment<'_>) -> Vec<String> {
    let brief = &assignment.brief;
    let mut points: Vec<String> = Vec::new();
    points.extend(
        brief
            .audience
            .as_deref()
            .map(|audience| closed(&format!("The readers are {audience}"))),
    );
    points.extend(
        brief
            .business
            .as_deref()
            .map(|business| closed(&format!("It is written for {business}"))),
    );
    points.extend(
        brief
            .figures
            .iter()
            .map(|figure| format!("{}: {}.", capitalised(&figure.name), figure.value)),
    );
    points.extend(brief.derived.iter().cloned());
    if points.is_empty() {
        points.push("Neither readers nor figures were named.".to_owned());
    }
    points
}
