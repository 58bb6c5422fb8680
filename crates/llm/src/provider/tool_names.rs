//! Tool ids as function names, which may hold no dot, and back.

use super::token;
use crate::catalog::ToolCard;
use std::collections::BTreeMap;

/// The names of the tools of one call.
pub(super) struct ToolNames {
    by_name: BTreeMap<String, String>,
}

impl ToolNames {
    pub(super) fn of(tools: &[ToolCard]) -> Self {
        let mut by_name = BTreeMap::new();
        for tool in tools {
            let wanted = token(&tool.tool_id);
            let mut name = wanted.clone();
            // Two ids may become one name: `a.b` and `a_b`.
            for n in 2..=tools.len() {
                if !by_name.contains_key(&name) {
                    break;
                }
                name = format!("{}_{n}", wanted.get(..60).unwrap_or(&wanted));
            }
            by_name.insert(name, tool.tool_id.clone());
        }
        Self { by_name }
    }

    /// The name of a tool; of one that is not there, what it would be.
    pub(super) fn name(&self, tool_id: &str) -> String {
        let found = self.by_name.iter().find(|(_, id)| *id == tool_id);
        found.map_or_else(|| token(tool_id), |(name, _)| name.clone())
    }

    /// The tool of a name; a name nobody gave stays as it is.
    pub(super) fn tool_id(&self, name: &str) -> String {
        self.by_name.get(name).map_or(name, String::as_str).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::ToolNames;
    use crate::catalog::null_tool;

    #[test]
    fn ids_with_dots_come_back_and_none_is_taken_for_another() {
        let mut cards = vec![null_tool(), null_tool()];
        cards[0].tool_id = "shop.stock".to_owned();
        cards[1].tool_id = "shop_stock".to_owned();
        let names = ToolNames::of(&cards);
        for card in &cards {
            assert_eq!(names.tool_id(&names.name(&card.tool_id)), card.tool_id);
        }
        assert_ne!(names.name("shop.stock"), names.name("shop_stock"));
        assert_eq!(names.tool_id("invented"), "invented");
    }
}
