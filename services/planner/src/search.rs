//! Which tools of a large catalog an engine is shown.

mod fusion;
mod words;

use fusion::fused;
use llm::{Memory, PlanAsk, ToolCard};
use std::collections::BTreeSet;
use words::{query, ranked};

/// At most `most` of the tools: those every plan may need and those that learned plans use, then what fits the request
/// best by words, and by meaning where `similarity` says for each tool how near it is; where it is empty nobody was
/// asked. In catalog order; all where there are no more.
pub fn fitting(ask: &PlanAsk<'_>, most: usize, similarity: &[Option<f32>]) -> Vec<ToolCard> {
    let by_words = ranked(ask.tools, &query(ask));
    let ranked = if similarity.is_empty() {
        by_words
    } else {
        fused(&by_words, similarity)
    };
    chosen(ask, most, &ranked)
}

fn chosen(ask: &PlanAsk<'_>, most: usize, ranked: &[usize]) -> Vec<ToolCard> {
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
    let mut take = |from: &[usize], until: usize| {
        for index in from {
            if chosen.len() < until {
                chosen.insert(*index);
            }
        }
    };
    take(&indices(&needed), most);
    take(ranked, fitting);
    take(&core, most);
    take(ranked, most);
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
        fitting(&ask, most, &[]).into_iter().map(|tool| tool.tool_id).collect()
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
