//! What a discovery found: the catalog before and after it.

use crate::store::catalog::ToolRow;
use serde::Serialize;
use std::collections::HashMap;
use workflow::vocabulary::ToolState;

/// As `POST /tools/discover` answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Discovery {
    /// Tools that were not known before.
    pub discovered: usize,
    /// Tools that say something else of themselves.
    pub changed: usize,
    /// Tools that were suspended for that.
    pub suspended: usize,
    /// Tools that plans may use now.
    pub tools: usize,
    /// Every live executor has answered.
    pub complete: bool,
}

/// Compares.
pub fn difference(before: &[ToolRow], after: &[ToolRow], complete: bool) -> Discovery {
    let before: HashMap<&str, &ToolRow> = before.iter().map(|row| (row.tool_id.as_str(), row)).collect();
    let is = |row: &ToolRow, state: ToolState| row.state == state.as_str();
    let mut found = Discovery {
        discovered: 0,
        changed: 0,
        suspended: 0,
        tools: after.iter().filter(|row| is(row, ToolState::Active)).count(),
        complete,
    };
    for row in after {
        let Some(old) = before.get(row.tool_id.as_str()) else {
            found.discovered += 1;
            continue;
        };
        let said = |row: &ToolRow| row.pending_hash.clone().unwrap_or_else(|| row.version_hash.clone());
        found.changed += usize::from(said(row) != said(old));
        found.suspended += usize::from(is(row, ToolState::Suspended) && is(old, ToolState::Active));
    }
    found
}
