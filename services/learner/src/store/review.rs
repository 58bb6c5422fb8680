//! What people decide about patterns, and patterns from elsewhere.

use super::learning::{lock, standing};
use super::{Store, StoreError};
use crate::patterns::Review;
use crate::patterns::standing::State;
use crate::record::json::texts;
use serde_json::{Value, json};
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A pattern as another system needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedPattern {
    pub id: Uuid,
    /// It is a part of plans.
    pub fragment: bool,
    pub intent: String,
    pub subject: String,
    pub channels: Vec<String>,
    /// JSON.
    pub template: String,
    /// JSON.
    pub slots: String,
    pub note: Option<String>,
    /// Successes.
    pub evidence: i64,
}

/// A pattern that another system exported, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedPattern {
    pub form: Uuid,
    /// It is a part of plans.
    pub fragment: bool,
    pub intent: String,
    pub subject: String,
    /// JSON.
    pub template: String,
    /// JSON.
    pub slots: String,
    pub tools: Vec<String>,
    pub channels: Vec<String>,
    pub note: Option<String>,
}

/// That an import is done once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once<'a> {
    /// None: it may be done again.
    pub key: Option<&'a str>,
    /// Of its lines.
    pub body_hash: String,
}

impl Store {
    /// Notes what `actor` decides about a tenant's pattern. False: there is none.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn review(&self, tenant: &str, actor: &str, id: Uuid, review: &Review) -> Result<bool, StoreError> {
        let note = async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction).await?;
            let select = sqlx::query_scalar("SELECT state FROM learner.pattern WHERE pattern_id = $1 AND tenant = $2");
            let was: Option<String> = select.bind(id).bind(tenant).fetch_optional(&mut *transaction).await?;
            let vouched = review
                .state
                .filter(|state| matches!(state, State::Trial | State::Active));
            // What came before counts no more: whoever takes a pattern back up gives it a new chance.
            let update = sqlx::query_scalar(
                "UPDATE learner.pattern p SET
                     pinned = coalesce($3, pinned),
                     note = CASE WHEN $4::text IS NULL THEN note ELSE nullif($4, '') END,
                     imported = CASE WHEN $4::text IS NULL THEN imported ELSE (imported::jsonb - 'note')::text END,
                     state = coalesce($5, state),
                     vouched = CASE WHEN $5::text IS NULL THEN vouched ELSE $6 END,
                     run_sum = 0, run_good = 0, run_tasks = 0, run_since = NULL,
                     demotions = demotions + CASE WHEN $5 = 'demoted' AND state <> 'demoted' THEN 1 ELSE 0 END,
                     counts_after = CASE WHEN $5::text IS NULL THEN counts_after ELSE coalesce(
                         (SELECT finished_at FROM learner.plays(p.pattern_id, p.form, p.counts_after, 1)), counts_after) END
                 WHERE pattern_id = $1 AND tenant = $2 AND template IS NOT NULL RETURNING state",
            );
            let update = update
                .bind(id)
                .bind(tenant)
                .bind(review.pinned)
                .bind(&review.note)
                .bind(review.state.map(State::as_str))
                .bind(vouched.map(State::as_str));
            let state: Option<String> = update.fetch_optional(&mut *transaction).await?;
            let Some(state) = state.as_deref().and_then(State::parse) else {
                return Ok(false);
            };
            let is_new = was.as_deref() != Some(state.as_str());
            let names = self.rules.names.as_ref().filter(|_| is_new);
            standing::append(&mut transaction, names, id, state, &reason(review), Some(actor)).await?;
            standing::settle(&mut transaction, &[id], &self.rules).await?;
            transaction.commit().await?;
            Ok(true)
        };
        note.await.map_err(StoreError::query("note a review"))
    }

    /// A tenant's patterns after `after`, in the order of their ids.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn exported_patterns(
        &self,
        tenant: &str,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<ExportedPattern>, StoreError> {
        let select = sqlx::query(
            "SELECT p.*, coalesce(p.note, p.imported::jsonb ->> 'note') AS any_note, (SELECT r.record FROM learner.record r WHERE r.task_id = p.exemplar) AS record
             FROM learner.pattern p
             WHERE tenant = $1 AND template IS NOT NULL AND pattern_id > $2 ORDER BY pattern_id LIMIT $3",
        );
        let read = async {
            let rows = select
                .bind(tenant)
                .bind(after)
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
            let read = rows.iter().map(|row| -> Result<ExportedPattern, sqlx::Error> {
                Ok(ExportedPattern {
                    id: row.try_get("pattern_id")?,
                    fragment: row.try_get::<&str, _>("kind")? == "fragment",
                    intent: row.try_get("intent")?,
                    subject: row.try_get("subject")?,
                    channels: channels(row.try_get("imported")?, row.try_get("record")?),
                    template: row.try_get("template")?,
                    slots: row.try_get("slots")?,
                    note: row.try_get("any_note")?,
                    evidence: row.try_get("evidence")?,
                })
            });
            read.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("read patterns to export"))
    }

    /// Takes patterns over; those whose form is shown here already stay as they are. `answer` says what of how many were new;
    /// an import that was done already is answered as then, and true. None: its key was used for other lines.
    ///
    /// # Errors
    /// When the database does not take them.
    pub async fn import_patterns(
        &self,
        tenant: &str,
        actor: &str,
        patterns: Vec<ImportedPattern>,
        once: &Once<'_>,
        answer: impl FnOnce(u64) -> Value,
    ) -> Result<Option<(Value, bool)>, StoreError> {
        let mut by_form: BTreeMap<Uuid, ImportedPattern> = BTreeMap::new();
        for pattern in patterns {
            by_form.entry(pattern.form).or_insert(pattern);
        }
        let import = async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction).await?;
            if let Some((body_hash, answer)) = answered(&mut transaction, tenant, once).await? {
                let answer = serde_json::from_str(&answer).unwrap_or_default();
                return Ok((body_hash == once.body_hash).then_some((answer, true)));
            }
            let mut new = 0;
            for pattern in by_form.into_values() {
                let imported = json!({
                    "intent": pattern.intent, "subject": pattern.subject, "template": pattern.template,
                    "slots": pattern.slots, "tools": pattern.tools, "channels": pattern.channels,
                    "note": pattern.note,
                });
                let upsert = sqlx::query_as(
                    "INSERT INTO learner.pattern (pattern_id, form, tenant, intent, subject, template, slots, tools, imported, kind)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                     ON CONFLICT (form) DO UPDATE SET
                         intent = excluded.intent, subject = excluded.subject, template = excluded.template,
                         slots = excluded.slots, tools = excluded.tools,
                         vouched = NULL, pinned = false,
                         state = CASE WHEN pattern.state = 'retired' THEN 'retired' ELSE 'candidate' END,
                         imported = excluded.imported
                     WHERE pattern.template IS NULL
                     RETURNING pattern_id, state",
                );
                let upsert = upsert
                    .bind(service::ids::v7())
                    .bind(pattern.form)
                    .bind(tenant)
                    .bind(pattern.intent)
                    .bind(pattern.subject)
                    .bind(pattern.template)
                    .bind(pattern.slots)
                    .bind(pattern.tools)
                    .bind(imported.to_string())
                    .bind(if pattern.fragment { "fragment" } else { "plan" });
                let taken: Option<(Uuid, String)> = upsert.fetch_optional(&mut *transaction).await?;
                if let Some((id, state)) = taken {
                    new += 1;
                    let state = State::parse(&state).unwrap_or(State::Candidate);
                    standing::append(&mut transaction, None, id, state, "imported", Some(actor)).await?;
                }
            }
            let answer = answer(new);
            note_answer(&mut transaction, tenant, once, &answer).await?;
            transaction.commit().await?;
            Ok(Some((answer, false)))
        };
        import.await.map_err(StoreError::query("import patterns"))
    }
}

/// Hash of the lines, and the answer, of an import that was done.
async fn answered(
    connection: &mut PgConnection,
    tenant: &str,
    once: &Once<'_>,
) -> Result<Option<(String, String)>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT body_hash, answer FROM learner.pattern_import WHERE tenant = $1 AND idempotency_key = $2",
    );
    select.bind(tenant).bind(once.key).fetch_optional(connection).await
}

async fn note_answer(
    connection: &mut PgConnection,
    tenant: &str,
    once: &Once<'_>,
    answer: &Value,
) -> Result<(), sqlx::Error> {
    let Some(key) = once.key else {
        return Ok(());
    };
    let insert = sqlx::query(
        "INSERT INTO learner.pattern_import (tenant, idempotency_key, body_hash, answer) VALUES ($1, $2, $3, $4)",
    );
    let insert = insert
        .bind(tenant)
        .bind(key)
        .bind(&once.body_hash)
        .bind(answer.to_string());
    insert.execute(connection).await.map(drop)
}

/// Of what was imported, else of the task that shows the way. Read here, since a record may hold what the database takes for
/// no JSON.
fn channels(imported: Option<String>, record: Option<String>) -> Vec<String> {
    let of = |text: Option<String>, pointer: &str| {
        let document: serde_json::Value = serde_json::from_str(&text?).ok()?;
        Some(texts(&document, pointer))
    };
    of(imported, "/channels")
        .or_else(|| of(record, "/submission/channels"))
        .unwrap_or_default()
}

fn reason(review: &Review) -> String {
    let said = [
        review.state.map(|state| format!("state {}", state.as_str())),
        review
            .pinned
            .map(|pinned| if pinned { "pinned" } else { "no longer pinned" }.to_owned()),
        review
            .note
            .as_ref()
            .map(|note| if note.is_empty() { "note taken away" } else { "noted" }.to_owned()),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
