//! A step's tool: in the catalog and active.

use super::faults::Faults;
use crate::plan::model::PlanStep;
use crate::tool::{CatalogTool, TenantCatalog};
use crate::vocabulary::ToolState;

pub(super) fn find<'c>(
    index: usize,
    step: &PlanStep,
    catalog: TenantCatalog<'c>,
    faults: &mut Faults,
) -> Option<&'c CatalogTool> {
    let known = catalog.get(&step.tool_id);
    let detail = match known.map(|tool| tool.state) {
        Some(ToolState::Active) => return known,
        Some(state) => format!("the tool `{}` is {state}; only active tools can be used", step.tool_id),
        None => format!("there is no tool `{}`; GET /tools lists them", step.tool_id),
    };
    faults.push("plan_tool", format!("/steps/{index}/tool_id"), detail);
    None
}
