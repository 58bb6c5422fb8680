//! What the intents of patterns mean: kept as directions, a byte a dimension.

use super::learning::lock;
use super::recall::{Question, candidate};
use super::{Store, StoreError};
use crate::patterns::direction::Direction;
use crate::patterns::fusion::Candidate;
use sqlx::Row;
use uuid::Uuid;

/// Directions of a tenant that a request is compared with exactly: those that differ least by signs.
const MOST_COMPARED: i64 = 1_000;

/// A pattern whose intent nobody knows the meaning of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unembedded {
    pub pattern: Uuid,
    pub intent: String,
}

impl Store {
    /// Of all tenants, the newest first: at most `limit` offered patterns, older than `before`, without a direction of this
    /// model, or with one of other dimensions than it has by now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unembedded(
        &self,
        model: &str,
        dimensions: Option<usize>,
        states: &[&str],
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Unembedded>, StoreError> {
        let select = sqlx::query(
            "SELECT pattern_id, intent FROM learner.pattern p
             WHERE template IS NOT NULL AND intent <> '' AND learner.is_offered(state, pinned, learner.own_successes(kind, exemplar, evidence), vouched, $3)
               AND ($4::uuid IS NULL OR pattern_id < $4)
               AND NOT EXISTS (SELECT FROM learner.pattern_meaning m
                               WHERE m.pattern_id = p.pattern_id AND m.model = $1
                                 AND ($2::bigint IS NULL OR octet_length(m.direction) = $2))
             ORDER BY pattern_id DESC LIMIT $5",
        );
        let select = select
            .bind(model)
            .bind(dimensions.map(|dimensions| dimensions as i64))
            .bind(states)
            .bind(before)
            .bind(limit as i64);
        let read = async {
            let rows = select.fetch_all(&self.pool).await?;
            let read = rows.iter().map(|row| {
                Ok(Unembedded {
                    pattern: row.try_get("pattern_id")?,
                    intent: row.try_get("intent")?,
                })
            });
            read.collect::<Result<Vec<_>, sqlx::Error>>()
        };
        read.await.map_err(StoreError::query("look for patterns to embed"))
    }

    /// Keeps where intents point, but of those that changed while they were embedded.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn keep_directions(&self, model: &str, found: &[(Unembedded, Direction)]) -> Result<(), StoreError> {
        // Intents change, and users are erased, under the same lock.
        let insert = sqlx::query(
            "INSERT INTO learner.pattern_meaning (pattern_id, tenant, model, direction)
             SELECT p.pattern_id, p.tenant, $1, n.direction
             FROM unnest($2::uuid[], $3::text[], $4::bytea[]) AS n(id, intent, direction)
             JOIN learner.pattern p ON p.pattern_id = n.id AND p.intent = n.intent
             ON CONFLICT (pattern_id) DO UPDATE SET model = excluded.model, direction = excluded.direction",
        );
        let insert = insert
            .bind(model)
            .bind(found.iter().map(|(of, _)| of.pattern).collect::<Vec<Uuid>>())
            .bind(found.iter().map(|(of, _)| of.intent.as_str()).collect::<Vec<&str>>())
            .bind(
                found
                    .iter()
                    .map(|(_, direction)| direction.bytes())
                    .collect::<Vec<&[u8]>>(),
            );
        let keep = async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction).await?;
            insert.execute(&mut *transaction).await?;
            transaction.commit().await
        };
        keep.await.map_err(StoreError::query("keep what patterns mean"))
    }

    /// Of the tenant's patterns those that point about where `asked` does and may be offered, each with its direction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn directions(
        &self,
        question: &Question,
        model: &str,
        asked: &Direction,
    ) -> Result<Vec<(Candidate, Direction)>, StoreError> {
        let select = sqlx::query(
            "SELECT p.pattern_id, p.kind, p.evidence, 0::real AS by_words, 0::real AS by_letters, near.direction
             FROM (SELECT pattern_id, direction FROM learner.pattern_meaning
                   WHERE tenant = $1 AND model = $2 AND length(signs) = octet_length($6)
                   ORDER BY bit_count(signs # (SELECT learner.signs($6))), pattern_id DESC LIMIT $3) AS near
             JOIN learner.pattern p USING (pattern_id)
             WHERE p.template IS NOT NULL AND p.tools <@ $4
               AND learner.is_offered(p.state, p.pinned, learner.own_successes(p.kind, p.exemplar, p.evidence), p.vouched, $5)",
        );
        let select = select
            .bind(&question.tenant)
            .bind(model)
            .bind(MOST_COMPARED)
            .bind(&question.tools)
            .bind(&question.states)
            .bind(asked.bytes());
        let read = async {
            let rows = select.fetch_all(&self.pool).await?;
            let read = rows
                .iter()
                .map(|row| Ok((candidate(row)?, Direction::kept(row.try_get("direction")?))));
            read.collect::<Result<Vec<_>, sqlx::Error>>()
        };
        read.await.map_err(StoreError::query("look for what patterns mean"))
    }
}

#[cfg(test)]
impl Store {
    /// A direction without sense for each pattern of a tenant; made in the database.
    pub async fn plant_directions(&self, tenant: &str, model: &str, dimensions: i32) {
        let insert = sqlx::query(
            "INSERT INTO learner.pattern_meaning (pattern_id, tenant, model, direction)
             SELECT pattern_id, tenant, $2, (
                 SELECT decode(string_agg(md5(pattern_id::text || n), ''), 'hex') FROM generate_series(1, $3 / 16) AS n
             ) FROM learner.pattern WHERE tenant = $1
             ON CONFLICT DO NOTHING",
        );
        let insert = insert.bind(tenant).bind(model).bind(dimensions);
        insert.execute(&self.pool).await.unwrap();
        let analyze = sqlx::query("ANALYZE learner.pattern_meaning");
        analyze.execute(&self.pool).await.unwrap();
    }

    /// The intents whose meaning is kept, and dimensions.
    pub async fn embedded(&self) -> Vec<(String, i32)> {
        let select = sqlx::query_as(
            "SELECT coalesce(intent, ''), octet_length(direction)
             FROM learner.pattern_meaning JOIN learner.pattern USING (pattern_id) ORDER BY 1",
        );
        select.fetch_all(&self.pool).await.unwrap()
    }
}
