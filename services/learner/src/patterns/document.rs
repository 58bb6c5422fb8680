//! Patterns as documents.

use super::Patterns;
use crate::figure::{Figure, Window};
use crate::interval::{difference, mean, share, uplift};
use crate::store::{Changed, Compared, PatternRow, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

impl Patterns {
    /// A page of a tenant's patterns, the newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn page(&self, tenant: &str, after: Option<Uuid>, limit: u32) -> Result<Value, StoreError> {
        let mut rows = self.store.patterns(tenant, after, i64::from(limit) + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.id);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let compared = self.store.compared(&ids).await?;
        let document = |row: &PatternRow| document(row, compared.get(&row.id).copied().unwrap_or_default());
        Ok(json!({
            "patterns": rows.iter().map(document).collect::<Vec<_>>(),
            "preferences": [],
            "issues": [],
            "next_cursor": next,
        }))
    }

    /// One of a tenant's patterns, its plan and slots included.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn one(&self, tenant: &str, id: Uuid) -> Result<Option<Value>, StoreError> {
        let Some(row) = self.store.pattern(tenant, id).await? else {
            return Ok(None);
        };
        let compared = self.store.compared(&[id]).await?;
        let changes = self.store.changes(tenant, id).await?;
        let mut document = document(&row, compared.get(&id).copied().unwrap_or_default());
        if let Some(members) = document.as_object_mut() {
            members.insert("plan".to_owned(), stored(&row.template));
            members.insert("slots".to_owned(), stored(&row.slots));
            members.insert("history".to_owned(), changes.iter().map(change).collect());
        }
        Ok(Some(document))
    }
}

fn document(row: &PatternRow, compared: Compared) -> Value {
    let window = row
        .first_at
        .zip(row.last_at)
        .map(|(since, until)| Window::new(since, until));
    let figure = |estimate| Figure::new(estimate, window.clone());
    json!({
        "pattern_id": row.id,
        "kind": row.kind,
        "intent": row.intent,
        "steps": steps(&row.template),
        "state": row.state,
        "pinned": row.pinned,
        "note": row.note,
        "imported": row.imported,
        "evidence": row.evidence,
        "evidence_tasks": row.evidence_tasks,
        "offered": row.offered,
        "adopted": row.adopted,
        "adapted": row.adapted,
        "refused": row.refused,
        "success_rate": figure(share(row.evidence.unsigned_abs(), row.tasks.unsigned_abs())),
        "quality": figure(mean(row.quality, [0.0, 1.0])),
        "uplift": figure(uplift(row.went_well)),
        "quality_uplift": figure(difference(compared.offered, compared.withheld)),
    })
}

/// What a reviewer wants to see of each step.
fn steps(template: &str) -> Value {
    let template = stored(template);
    let steps = template.get("steps").and_then(Value::as_array).into_iter().flatten();
    let shown = |step: &Value| {
        let members = ["key", "title", "tool_id", "depends_on", "channel"];
        let there = members
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), step.get(name)?.clone())));
        Value::Object(there.collect())
    };
    steps.map(shown).collect()
}

fn stored(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn change(change: &Changed) -> Value {
    json!({
        "state": change.state,
        "reason": change.reason,
        "actor": change.actor,
        "changed_at": service::clock::rfc3339(change.changed_at.timestamp_millis()),
    })
}
