//! The parts tools can play in a plan.

use super::matching::{Matcher, stems};
use super::revision::Revision;
use crate::catalog::ToolCard;

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Research,
    Audience,
    Keywords,
    Outline,
    Draft,
    Edit,
    Social,
    Summary,
}

/// Fit below which a tool does not play the part.
const LEAST_FIT: f64 = 0.34;

impl Role {
    pub const ALL: [Self; 8] = [
        Self::Research,
        Self::Audience,
        Self::Keywords,
        Self::Outline,
        Self::Draft,
        Self::Edit,
        Self::Social,
        Self::Summary,
    ];

    /// Words a tool for it is described with.
    pub fn described_by(self) -> &'static str {
        match self {
            Self::Research => "research collect background facts sources topic questions",
            Self::Audience => "research audience figures background collect",
            Self::Keywords => "seo search keywords meta description page title",
            Self::Outline => "outline section headings points title",
            Self::Draft => "write complete draft text article blog post",
            Self::Edit => "edit proofread repair draft text",
            Self::Social => "adapt social media channel short post hashtags",
            Self::Summary => "summarize text summary telling sentences",
        }
    }

    /// Categories such a tool is filed under.
    fn categories(self) -> &'static [&'static str] {
        match self {
            Self::Research | Self::Audience => &["research", "analysis", "analytics"],
            Self::Keywords => &["seo", "search"],
            Self::Outline => &["planning", "outline", "structure"],
            Self::Draft => &["writing", "writer", "content"],
            Self::Edit => &["editing", "editor", "qa"],
            Self::Social => &["social", "channel"],
            Self::Summary => &["summary", "summarization"],
        }
    }

    /// Keywords are taken over as a list: from a tool that gives none, some text would be.
    fn is_made_by(self, tool: &ToolCard) -> bool {
        self != Self::Keywords || tool.output_schema.pointer("/properties/keywords").is_some()
    }

    /// Words by which people name it in feedback.
    pub fn called(self) -> &'static [&'static str] {
        match self {
            Self::Research => &["research", "background"],
            Self::Audience => &["audience", "metrics", "audience analysis", "metrics analysis"],
            Self::Keywords => &["seo", "keywords", "keyword"],
            Self::Outline => &["outline"],
            Self::Draft => &["draft"],
            Self::Edit => &["editor", "editing", "proofreading", "edit"],
            Self::Social => &["social", "social post"],
            Self::Summary => &["summary", "summariser", "summarizer"],
        }
    }
}

/// The tool that plays `role` best: built in, without outside effects, and not ruled out.
pub fn cast<'a>(role: Role, matcher: &Matcher<'a>, revision: &Revision) -> Option<(&'a ToolCard, f64)> {
    if revision.dropped.contains(&role) {
        return None;
    }
    let query = stems(role.described_by());
    let candidates = matcher.tools().filter(|tool| {
        tool.tool_id != "null"
            && tool.source == "builtin"
            && tool.effects == "read_only"
            && !revision.banned.contains(&tool.tool_id)
            && role.is_made_by(tool)
    });
    let scored = candidates.map(|tool| {
        let filed = role.categories().contains(&tool.category.to_lowercase().as_str());
        let wanted = revision.forced.contains(&tool.tool_id);
        (
            tool,
            matcher.fit(&query, tool) + if filed { 0.5 } else { 0.0 } + if wanted { 0.2 } else { 0.0 },
        )
    });
    scored
        .filter(|(_, fit)| *fit >= LEAST_FIT)
        .max_by(|(a, x), (b, y)| x.total_cmp(y).then_with(|| b.tool_id.cmp(&a.tool_id)))
}

#[cfg(test)]
mod tests {
    use super::{Role, cast};
    use crate::catalog::agent_tools;
    use crate::plan::matching::Matcher;
    use crate::plan::revision::Revision;

    #[test]
    fn nobody_finds_keywords_who_gives_none() {
        let tools: Vec<_> = agent_tools()
            .into_iter()
            .filter(|tool| tool.tool_id != "seo_agent")
            .collect();
        let revision = Revision {
            forced: ["outline_agent".to_owned()].into(),
            ..Revision::default()
        };
        assert!(cast(Role::Keywords, &Matcher::new(&tools), &revision).is_none());
    }

    #[test]
    fn every_role_is_cast_with_its_agent() {
        let tools = agent_tools();
        let matcher = Matcher::new(&tools);
        let agents: Vec<&str> = Role::ALL
            .iter()
            .map(|role| cast(*role, &matcher, &Revision::default()).unwrap().0.tool_id.as_str())
            .collect();
        let expected = [
            "research_agent",
            "research_agent",
            "seo_agent",
            "outline_agent",
            "writer_agent",
            "editor_agent",
            "social_agent",
            "summary_agent",
        ];
        assert_eq!(agents, expected);
    }
}
