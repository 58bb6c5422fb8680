//! What plannings are told of issues.

use super::{KnownIssue, TellableIssue, known};
use crate::store::{Store, StoreError};
use sqlx::Row;
use uuid::Uuid;

impl Store {
    /// The issues that a task was told of, or not by lot, when it was planned before; none: it never was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn issues_given(&self, task: Uuid) -> Result<Option<Vec<Uuid>>, StoreError> {
        let select = sqlx::query_scalar("SELECT issue_id FROM learner.issue_offer WHERE task_id = $1");
        let given: Vec<Uuid> = select
            .bind(task)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::query("look for issues told before"))?;
        Ok(Some(given).filter(|given| !given.is_empty()))
    }

    /// What is worth telling about these tools, what is in most tasks first; of these issues alone, where some are named.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tellable_issues(
        &self,
        tenant: &str,
        tools: &[String],
        most: i64,
        of: Option<&[Uuid]>,
    ) -> Result<Vec<TellableIssue>, StoreError> {
        let select = sqlx::query(
            "SELECT * FROM learner.issue
             WHERE tenant = $1 AND state = 'told' AND hint IS NOT NULL AND tool = ANY($2) AND ($4::uuid[] IS NULL OR issue_id = ANY($4))
             ORDER BY weight DESC, issue_id LIMIT $3",
        );
        let read = async {
            let select = select.bind(tenant).bind(tools).bind(most).bind(of);
            let rows = select.fetch_all(&self.pool).await?;
            let tellable = rows.iter().map(|row| -> Result<TellableIssue, sqlx::Error> {
                let known: KnownIssue = known(row)?;
                Ok(TellableIssue {
                    known,
                    hint_of: row.try_get("hint_of")?,
                })
            });
            tellable.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("look for issues"))
    }

    /// Notes what a planning is told, and what not: issue, the task its hint is of, whether it is withheld. What was noted
    /// before stays.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_issues(&self, task: Uuid, given: &[(Uuid, Uuid, bool)]) -> Result<(), StoreError> {
        if given.is_empty() {
            return Ok(());
        }
        let insert = sqlx::query(
            "INSERT INTO learner.issue_offer (task_id, issue_id, hint_of, withheld)
             SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::bool[]) ON CONFLICT DO NOTHING",
        );
        let insert = insert
            .bind(task)
            .bind(given.iter().map(|(issue, ..)| *issue).collect::<Vec<Uuid>>())
            .bind(given.iter().map(|(_, of, _)| *of).collect::<Vec<Uuid>>())
            .bind(given.iter().map(|(.., withheld)| *withheld).collect::<Vec<bool>>());
        let noted = insert.execute(&self.pool).await;
        noted
            .map(drop)
            .map_err(StoreError::query("note what is told of issues"))
    }
}
