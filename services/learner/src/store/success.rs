//! What tasks did beside how they went.

use super::erasure::guard;
use super::{Store, StoreError};
use crate::business::Association;
use crate::success::{Features, read};
use sqlx::Row;
use uuid::Uuid;

/// Records read with one transaction.
const PAGE: i64 = 64;

/// Whoever locks a row reads it.
const UNREAD: &str = "UPDATE learner.evidence e SET features_read = true FROM (
         SELECT task_id FROM learner.evidence n
         WHERE NOT features_read AND EXISTS (SELECT FROM learner.record k WHERE k.task_id = n.task_id)
         ORDER BY task_id LIMIT $1 FOR UPDATE SKIP LOCKED
     ) AS next JOIN learner.record r USING (task_id)
     WHERE e.task_id = next.task_id
     RETURNING e.task_id, r.record";

/// A tenant to compare the tasks of, and how much was noted of it until then.
#[derive(sqlx::FromRow, Clone, Debug, PartialEq, Eq)]
pub struct Uncompared {
    pub tenant: String,
    news: i64,
}

/// A task that is compared with others.
#[derive(Clone, Debug, PartialEq)]
pub struct StudiedTask {
    pub features: Vec<String>,
    /// Of its goal.
    pub words: Vec<String>,
    pub succeeded: bool,
    pub first_try: bool,
    pub quality: Option<f64>,
}

/// A significant association, as a planning is told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub feature: String,
    pub outcome: String,
    pub effect: f64,
    pub q: f64,
    pub n: i64,
    pub statement: String,
}

impl Store {
    /// Reads what tasks did that nobody read yet; some at a time. False: none is left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_features(&self) -> Result<bool, StoreError> {
        let read_all = async {
            let mut transaction = self.pool.begin().await?;
            guard(&mut transaction).await?;
            let rows = sqlx::query(UNREAD).bind(PAGE).fetch_all(&mut *transaction).await?;
            for row in &rows {
                let (task, raw): (Uuid, String) = (row.try_get("task_id")?, row.try_get("record")?);
                let Features {
                    names,
                    words,
                    first_try,
                } = read(&raw);
                // A learner of before reads beside this one, and the same.
                let insert = sqlx::query(
                    "INSERT INTO learner.task_feature (task_id, features, words, first_try) VALUES ($1, $2, $3, $4)
                     ON CONFLICT DO NOTHING",
                );
                let insert = insert.bind(task).bind(names).bind(words).bind(first_try);
                insert.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(rows.len() as i64 == PAGE)
        };
        read_all.await.map_err(StoreError::query("read what tasks did"))
    }

    /// Tenants of which something new is known that is not compared yet, at most so many: those that were looked at longest ago,
    /// so that one whose comparison fails is last the next time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn uncompared(&self, most: i64) -> Result<Vec<Uncompared>, StoreError> {
        let select = sqlx::query_as(
            "UPDATE learner.issue_tenant SET looked_at = clock_timestamp() WHERE tenant IN (
                 SELECT tenant FROM learner.issue_tenant WHERE compared < news
                 ORDER BY looked_at NULLS FIRST, tenant LIMIT $1 FOR UPDATE SKIP LOCKED)
             RETURNING tenant, news",
        );
        let tenants = select.bind(most).fetch_all(&self.pool).await;
        tenants.map_err(StoreError::query("look for tenants to compare"))
    }

    /// A tenant's latest tasks, in the order of their end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn studied_tasks(&self, tenant: &str, most: i64) -> Result<Vec<StudiedTask>, StoreError> {
        let select = sqlx::query(
            "SELECT * FROM (
                 SELECT features, words, first_try, succeeded AND NOT withdrawn AS succeeded, quality, finished_at, task_id
                 FROM learner.task_feature JOIN learner.evidence USING (task_id)
                 WHERE tenant = $1 ORDER BY finished_at DESC, task_id LIMIT $2
             ) AS latest ORDER BY finished_at, task_id",
        );
        let read = async {
            let rows = select.bind(tenant).bind(most).fetch_all(&self.pool).await?;
            let tasks = rows.iter().map(|row| -> Result<StudiedTask, sqlx::Error> {
                Ok(StudiedTask {
                    features: row.try_get("features")?,
                    words: row.try_get("words")?,
                    succeeded: row.try_get("succeeded")?,
                    first_try: row.try_get("first_try")?,
                    quality: row.try_get("quality")?,
                })
            });
            tasks.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("read what tasks did"))
    }

    /// Keeps what is significant in place of what was; not where somebody has compared what came later.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn keep_associations(&self, of: &Uncompared, found: &[&Association]) -> Result<(), StoreError> {
        let tenant = &of.tenant;
        let keep = async {
            let mut transaction = self.pool.begin().await?;
            guard(&mut transaction).await?;
            // One at a time, by its row.
            let take = sqlx::query("UPDATE learner.issue_tenant SET compared = $2 WHERE tenant = $1 AND compared < $2");
            let taken = take.bind(tenant).bind(of.news).execute(&mut *transaction).await?;
            if taken.rows_affected() == 0 {
                return Ok(());
            }
            let delete = sqlx::query("DELETE FROM learner.association WHERE tenant = $1").bind(tenant);
            delete.execute(&mut *transaction).await?;
            let texts =
                |of: fn(&Association) -> &str| found.iter().map(|one| of(one).to_owned()).collect::<Vec<String>>();
            let numbers = |of: fn(&Association) -> f64| found.iter().map(|one| of(one)).collect::<Vec<f64>>();
            let insert = sqlx::query(
                "INSERT INTO learner.association (tenant, feature, outcome, statement, effect, q, n)
                 SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::bigint[])",
            );
            let insert = insert
                .bind(tenant)
                .bind(texts(|one| &one.feature))
                .bind(texts(|one| &one.outcome))
                .bind(texts(|one| &one.statement))
                .bind(numbers(|one| one.effect))
                .bind(numbers(|one| one.q))
                .bind(
                    found
                        .iter()
                        .map(|one| i64::try_from(one.n).unwrap_or(i64::MAX))
                        .collect::<Vec<_>>(),
                );
            insert.execute(&mut *transaction).await?;
            transaction.commit().await
        };
        keep.await.map_err(StoreError::query("keep what goes with success"))
    }

    /// What is significant of a tenant's tasks, the clearest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn significant(&self, tenant: &str, most: i64) -> Result<Vec<Known>, StoreError> {
        let select = sqlx::query(
            "SELECT feature, outcome, effect, q, n, statement FROM learner.association
             WHERE tenant = $1 ORDER BY q, feature, outcome LIMIT $2",
        );
        let read = async {
            let rows = select.bind(tenant).bind(most).fetch_all(&self.pool).await?;
            let known = rows.iter().map(|row| -> Result<Known, sqlx::Error> {
                Ok(Known {
                    feature: row.try_get("feature")?,
                    outcome: row.try_get("outcome")?,
                    effect: row.try_get("effect")?,
                    q: row.try_get("q")?,
                    n: row.try_get("n")?,
                    statement: row.try_get("statement")?,
                })
            });
            known.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("read what goes with success"))
    }
}

#[cfg(test)]
impl Store {
    /// As if nothing could be kept of what goes with this tenant's success.
    pub async fn break_associations_of(&self, tenant: &str) {
        let check = format!("ALTER TABLE learner.association ADD CHECK (tenant <> '{tenant}')");
        sqlx::query(sqlx::AssertSqlSafe(check))
            .execute(&self.pool)
            .await
            .unwrap();
    }
}
