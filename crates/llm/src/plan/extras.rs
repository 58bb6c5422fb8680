//! Tools the request asks for in their own words: API endpoints, MCP tools, the operator's agents.

use super::matching::{Matcher, stems};
use super::revision::Revision;
use super::roles::{Role, cast};
use crate::brief::Brief;
use crate::brief::scan::find_phrase;
use crate::catalog::ToolCard;

/// Most of them in one plan.
const MOST: usize = 4;
/// Share of a tool's words the request must have.
const LEAST_SHARE: f64 = 0.4;
/// The same for tools that do something outside.
const LEAST_SHARE_WITH_EFFECTS: f64 = 0.6;

/// A tool that was asked for and why we think so.
pub struct Extra<'a> {
    pub tool: &'a ToolCard,
    pub share: f64,
    /// The request calls it by its id or name.
    pub by_name: bool,
}

/// Tools beyond the usual parts whose description says what the request clearly asks for.
pub fn asked_for<'a>(brief: &Brief, said: &[String], matcher: &Matcher<'a>, revision: &Revision) -> Vec<Extra<'a>> {
    let usual: Vec<&str> = Role::ALL
        .iter()
        .filter_map(|role| cast(*role, matcher, &Revision::default()))
        .map(|(tool, _)| tool.tool_id.as_str())
        .collect();
    let request = format!("{}\n{}", brief.request, said.join("\n"));
    let words = stems(&request);
    let mut found: Vec<Extra<'a>> = matcher
        .tools()
        .filter(|tool| {
            tool.tool_id != "null"
                && !usual.contains(&tool.tool_id.as_str())
                && !revision.banned.contains(&tool.tool_id)
        })
        .filter_map(|tool| {
            let by_name = is_named(&request, tool) || revision.forced.contains(&tool.tool_id);
            let (share, count) = matcher.asked_for(&words, tool);
            let least = if tool.effects == "read_only" {
                LEAST_SHARE
            } else {
                LEAST_SHARE_WITH_EFFECTS
            };
            (by_name || (count >= 2 && share >= least)).then_some(Extra { tool, share, by_name })
        })
        .collect();
    found.sort_by(|a, b| {
        b.by_name
            .cmp(&a.by_name)
            .then(b.share.total_cmp(&a.share))
            .then_with(|| a.tool.tool_id.cmp(&b.tool.tool_id))
    });
    found.truncate(MOST);
    found
}

/// By its id as it is written, or both parts of `shop.stock` next to each other.
fn is_named(request: &str, tool: &ToolCard) -> bool {
    let spoken = tool.tool_id.replace(['.', '_'], " ");
    let several = spoken.contains(' ');
    find_phrase(request, &tool.tool_id).is_some() || (several && find_phrase(request, &spoken).is_some())
}
