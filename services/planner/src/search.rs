//! Which tools of a large catalog an engine is shown: BM25 over what tools say of themselves.

use llm::{Memory, PlanAsk, ToolCard};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How soon more of the same word says nothing new, and how much long descriptions are held back: the usual values.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// A word in an id or a name says more than one in a description.
const NAME_WEIGHT: usize = 3;

/// At most `most` of the tools: those every plan may need and those that learned plans use, then what fits
/// the request best. In catalog order; all where there are no more.
pub fn fitting(ask: &PlanAsk<'_>, most: usize) -> Vec<ToolCard> {
    let tools = ask.tools;
    let mut chosen: BTreeSet<usize> = BTreeSet::new();
    let learned = tools_of(ask.memory);
    let needed = |tool: &ToolCard| learned.contains(tool.tool_id.as_str()) || named(ask, &tool.tool_id);
    let indices = |wanted: &dyn Fn(&ToolCard) -> bool| -> Vec<usize> {
        let all = (0..).zip(tools);
        all.filter(|(_, tool)| wanted(tool)).map(|(index, _)| index).collect()
    };
    let core: Vec<usize> = CORE
        .iter()
        .flat_map(|part| indices(&|tool| is_core(tool, part)))
        .collect();
    // The core alone would fill a small list: it has a third of it, and what is left.
    let fitting = most - core.len().min(most / 3);
    let ranked = ranked(tools, &query(ask));
    let mut take = |from: &[usize], until: usize| {
        for index in from {
            if chosen.len() < until {
                chosen.insert(*index);
            }
        }
    };
    take(&indices(&needed), most);
    take(&ranked, fitting);
    take(&core, most);
    take(&ranked, most);
    chosen
        .into_iter()
        .filter_map(|index| tools.get(index).cloned())
        .collect()
}

/// The parts of most plans, the commonest first: somebody has to write, gather and edit.
const CORE: [&str; 6] = ["writing", "research", "editing", "summary", "planning", "social"];

fn is_core(tool: &ToolCard, part: &str) -> bool {
    tool.source == "builtin" && tool.tool_id.ends_with("_agent") && tool.category == part
}

/// People name a tool where they want it, and a refused plan names the tool it is about.
fn named(ask: &PlanAsk<'_>, tool_id: &str) -> bool {
    ask.context.request.contains(tool_id) || ask.feedback.iter().any(|text| text.contains(tool_id))
}

fn tools_of(memory: &Memory) -> BTreeSet<&str> {
    let steps = memory
        .patterns
        .iter()
        .filter_map(|pattern| pattern.plan.get("steps")?.as_array());
    let ids = steps.flatten().filter_map(|step| step.get("tool_id")?.as_str());
    ids.collect()
}

fn query(ask: &PlanAsk<'_>) -> BTreeSet<String> {
    let context = ask.context;
    let preferences = context.preferences.values().filter_map(Value::as_str);
    let texts = [context.request.as_str()].into_iter().chain(preferences);
    let texts = texts.chain(context.channels.iter().map(String::as_str));
    texts
        .chain(ask.feedback.iter().map(String::as_str))
        .flat_map(words)
        .collect()
}

/// Indices of the tools that share a word with the query, the best first; equals in catalog order.
fn ranked(tools: &[ToolCard], query: &BTreeSet<String>) -> Vec<usize> {
    let documents: Vec<BTreeMap<String, usize>> = tools.iter().map(document).collect();
    let lengths: Vec<f64> = documents
        .iter()
        .map(|words| words.values().sum::<usize>() as f64)
        .collect();
    let all = documents.len() as f64;
    let average = lengths.iter().sum::<f64>() / all.max(1.0);
    let rarity = |word: &String| {
        let with = documents.iter().filter(|words| words.contains_key(word)).count() as f64;
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    };
    let rarities: Vec<(&String, f64)> = query.iter().map(|word| (word, rarity(word))).collect();
    let score = |(words, length): (&BTreeMap<String, usize>, &f64)| -> f64 {
        let held_back = K1 * (1.0 - B + B * length / average.max(1.0));
        let of_word = |(word, rarity): &(&String, f64)| {
            let count = words.get(*word).copied().unwrap_or_default() as f64;
            rarity * count * (K1 + 1.0) / (count + held_back)
        };
        rarities.iter().map(of_word).sum()
    };
    let scores: Vec<f64> = documents.iter().zip(&lengths).map(score).collect();
    let mut ranked: Vec<(usize, f64)> = (0..).zip(scores).filter(|(_, score)| *score > 0.0).collect();
    ranked.sort_by(|(a, first), (b, second)| second.total_cmp(first).then(a.cmp(b)));
    ranked.into_iter().map(|(index, _)| index).collect()
}

/// Words of a tool, counted: its id and name, what it does, the names of its arguments.
fn document(tool: &ToolCard) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let properties = tool.input_schema.get("properties").and_then(Value::as_object);
    let arguments = properties.into_iter().flatten().map(|(name, _)| name.as_str());
    let texts = [tool.description.as_str(), &tool.category].into_iter().chain(arguments);
    for word in texts.flat_map(words) {
        *counts.entry(word).or_default() += 1;
    }
    for word in [&tool.tool_id, &tool.name].into_iter().flat_map(|text| words(text)) {
        *counts.entry(word).or_default() += NAME_WEIGHT;
    }
    counts
}

/// Lower-case words, the commonest English endings cut off so that `order` finds `orders`.
fn words(text: &str) -> impl Iterator<Item = String> {
    let pieces = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 1);
    pieces.map(|word| {
        let lower = word.to_lowercase();
        let stem = ["ing", "es", "s"].iter().find_map(|ending| lower.strip_suffix(ending));
        match stem.filter(|stem| stem.chars().count() > 2) {
            Some(stem) => stem.to_owned(),
            None => lower,
        }
    })
}

#[cfg(test)]
mod measured;
#[cfg(test)]
mod tests {
    use super::fitting;
    use llm::{Context, KnownPattern, Memory, PlanAsk, ToolCard};
    use serde_json::json;

    fn card(tool_id: &str, description: &str) -> ToolCard {
        ToolCard {
            tool_id: tool_id.to_owned(),
            name: tool_id.to_owned(),
            description: description.to_owned(),
            category: "api".to_owned(),
            source: "api".to_owned(),
            ..llm::null_tool()
        }
    }

    /// 200 tools of no use, then some.
    fn catalog() -> Vec<ToolCard> {
        let useless = (0..200).map(|n| card(&format!("crm.record{n}"), "Reads a record of customers by number"));
        let useful = [
            card("weather.forecast", "Forecasts temperature and rain for a city"),
            card("shop.orders", "Lists the open orders of the shop"),
            card("geo.lookup", "Finds places"),
        ];
        useless.chain(useful).chain(llm::agent_tools()).collect()
    }

    fn chosen(request: &str, memory: &Memory, feedback: &[String], most: usize) -> Vec<String> {
        let context = Context {
            request: request.to_owned(),
            ..Context::default()
        };
        let tools = catalog();
        let ask = PlanAsk {
            context: &context,
            tools: &tools,
            memory,
            feedback,
        };
        fitting(&ask, most).into_iter().map(|tool| tool.tool_id).collect()
    }

    #[test]
    fn what_fits_the_request_is_found_among_many_and_the_core_is_always_there() {
        let found = chosen(
            "Write about the rain forecast for Leeds and our order backlog",
            &Memory::default(),
            &[],
            12,
        );
        assert!(found.len() <= 12, "{found:?}");
        for wanted in [
            "weather.forecast",
            "shop.orders",
            "writer_agent",
            "research_agent",
            "editor_agent",
        ] {
            assert!(found.iter().any(|id| id == wanted), "{wanted} in {found:?}");
        }
    }

    #[test]
    fn tools_that_are_named_or_that_a_learned_plan_uses_come_first() {
        let memory = Memory {
            patterns: vec![KnownPattern {
                plan: json!({"steps": [{"key": "a", "tool_id": "geo.lookup"}]}),
                ..KnownPattern::default()
            }],
            ..Memory::default()
        };
        let found = chosen(
            "Say hello",
            &memory,
            &["plan_arguments: crm.record7 takes a number".to_owned()],
            2,
        );
        assert_eq!(found, ["crm.record7", "geo.lookup"]);
    }

    #[test]
    fn where_nothing_fits_the_core_is_shown() {
        let found = chosen("???", &Memory::default(), &[], 24);
        assert!(
            found.iter().all(|id| id.ends_with("_agent")) && found.len() >= 6,
            "{found:?}"
        );
    }
}
