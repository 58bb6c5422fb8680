//! Patterns as documents, and what a planning recalls of them.

use crate::figure::{Figure, Window};
use crate::interval::{Sample, difference, mean, share};
use crate::store::{Compared, PatternRow, Question, Store, StoreError};
use chrono::{DateTime, TimeDelta};
use contracts::learner::{Pattern, RecallRequest, RecallResponse, Scores};
use serde_json::{Value, json};
use service::config::LearningConfig;
use uuid::Uuid;
use workflow::hash::Fingerprint;

/// Most patterns offered to one planning.
const MOST_OFFERED: i64 = 5;
/// Requests are matched by so many characters.
const MAX_QUESTION_CHARS: usize = 20_000;
/// Scores of tasks that ended in so many days are compared. A pattern that is not shown any more, because it was worse, is
/// forgotten to be after them and shown again.
const COMPARED: TimeDelta = TimeDelta::days(30);

/// Answers from patterns. Clones are the same.
#[derive(Clone)]
pub struct Patterns {
    store: Store,
    config: LearningConfig,
}

impl Patterns {
    /// Over the store's patterns.
    pub fn new(store: Store, config: LearningConfig) -> Self {
        Self { store, config }
    }

    /// What fits a request; nothing where the task is held out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn recall(&self, task: Uuid, request: RecallRequest) -> Result<RecallResponse, StoreError> {
        let now = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default();
        let since = now - COMPARED;
        let question = Question {
            since,
            text: question(&request),
            tenant: request.tenant,
            tools: request.tool_ids,
            evidence: self.config.evidence_to_offer().into(),
            limit: MOST_OFFERED,
        };
        let fitting = self.store.fitting(&question).await?;
        let held_out = held_out(task, self.config.hold_out_share);
        let mut withheld = Sample::default();
        if !fitting.is_empty() {
            let ids: Vec<Uuid> = fitting.iter().map(|pattern| pattern.pattern).collect();
            self.store.note_offer(task, &ids, held_out).await?;
            withheld = self.store.withheld(&ids, since).await?;
        }
        let patterns = fitting.into_iter().map(|pattern| Pattern {
            pattern_id: pattern.pattern.to_string(),
            intent: pattern.intent,
            plan_json: pattern.template,
            slots_json: pattern.slots,
            evidence: pattern.evidence.unsigned_abs(),
            tasks: pattern.tasks.unsigned_abs(),
            quality: pattern.quality.mean(),
            note: String::new(),
            scores: scores(pattern.quality),
        });
        Ok(RecallResponse {
            patterns: patterns.filter(|_| !held_out).collect(),
            preferences_json: "{}".to_owned(),
            held_out,
            withheld: scores(withheld),
            associations: Vec::new(),
        })
    }

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
        let document = |row: &PatternRow| self.document(row, compared.get(&row.id).copied().unwrap_or_default());
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
        let mut document = self.document(&row, compared.get(&id).copied().unwrap_or_default());
        if let Some(members) = document.as_object_mut() {
            members.insert("plan".to_owned(), stored(&row.template));
            members.insert("slots".to_owned(), stored(&row.slots));
        }
        Ok(Some(document))
    }

    fn document(&self, row: &PatternRow, compared: Compared) -> Value {
        let window = row
            .first_at
            .zip(row.last_at)
            .map(|(since, until)| Window::new(since, until));
        let figure = |estimate| Figure::new(estimate, window.clone());
        let is_active = row.evidence >= i64::from(self.config.activate_after);
        json!({
            "pattern_id": row.id,
            "intent": row.intent,
            "steps": steps(&row.template),
            "state": if is_active { "active" } else { "candidate" },
            "evidence": row.evidence,
            "evidence_tasks": row.evidence_tasks,
            "offered": row.offered,
            "adopted": row.adopted,
            "adapted": row.adapted,
            "refused": row.refused,
            "success_rate": figure(share(row.evidence.unsigned_abs(), row.tasks.unsigned_abs())),
            "quality": figure(mean(row.quality, [0.0, 1.0])),
            "uplift": figure(difference(compared.offered, compared.withheld)),
        })
    }
}

/// Whether a task is planned without memory: for ever the same answer for the same task.
pub fn held_out(task: Uuid, share: f64) -> bool {
    let hash = Fingerprint::of([b"hold-out".as_slice(), task.as_bytes()]).to_bytes();
    let head = hash
        .iter()
        .take(6)
        .fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    (head as f64) < share * (1_u64 << 48) as f64
}

fn scores(sample: Sample) -> Option<Scores> {
    Some(Scores {
        n: sample.n,
        mean: sample.mean()?,
        deviation: sample.deviation(),
    })
}

/// The request, how and where its result is wanted.
fn question(request: &RecallRequest) -> String {
    let preferences: Value = serde_json::from_str(&request.preferences_json).unwrap_or_default();
    let preferences = preferences.as_object().into_iter().flatten();
    let wishes = preferences.filter_map(|(_, value)| value.as_str());
    let parts = std::iter::once(request.request.as_str())
        .chain(wishes)
        .chain(request.channels.iter().map(String::as_str));
    let text = parts.collect::<Vec<_>>().join("\n");
    text.chars().filter(|c| *c != '\0').take(MAX_QUESTION_CHARS).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_held_out_for_ever_and_by_its_share() {
        let task = |n: u128| Uuid::from_u128(n << 64 | 7 << 76);
        let count = |share| (0..10_000).filter(|n| held_out(task(*n), share)).count();
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((850..1150).contains(&count(0.1)), "{}", count(0.1));
        // A larger share keeps those that were held out before.
        assert!((0..1000).all(|n| !held_out(task(n), 0.1) || held_out(task(n), 0.2)));
        // Pinned: another function would mix the groups of a running comparison.
        assert_eq!(
            (0..60).filter(|n| held_out(task(*n), 0.1)).collect::<Vec<_>>(),
            [1, 5, 9, 12, 36, 38, 39, 46, 48, 53]
        );
    }
}
