//! What plannings are told of issues.

use super::{KnownIssue, TellableIssue, known};
use crate::store::erasure::guard;
use crate::store::{Store, StoreError};
use sqlx::Row;
use uuid::Uuid;

impl Store {
    /// Whether a task was planned before, and then told of issues, or not by lot, or there were none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn were_issues_given(&self, task: Uuid) -> Result<bool, StoreError> {
        let select = sqlx::query_scalar("SELECT EXISTS (SELECT FROM learner.issue_offer WHERE task_id = $1)");
        let given = select.bind(task).fetch_one(&self.pool).await;
        given.map_err(StoreError::query("look for issues told before"))
    }

    /// What is worth telling about these tools, what is in most tasks first; of what this task was given before
    /// alone, where one is named.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tellable_issues(
        &self,
        tenant: &str,
        tools: &[String],
        most: i64,
        again: Option<Uuid>,
    ) -> Result<Vec<TellableIssue>, StoreError> {
        let select = sqlx::query(
            "SELECT * FROM learner.issue i
             WHERE tenant = $1 AND state = 'told' AND hint IS NOT NULL AND tool = ANY($2)
               AND ($4::uuid IS NULL OR EXISTS (SELECT FROM learner.issue_offer o WHERE o.task_id = $4
                                                AND o.issue_id = i.issue_id AND o.hint_key = i.hint_key))
             ORDER BY weight DESC, issue_id LIMIT $3",
        );
        let read = async {
            let select = select.bind(tenant).bind(tools).bind(most).bind(again);
            let rows = select.fetch_all(&self.pool).await?;
            let tellable = rows.iter().map(|row| -> Result<TellableIssue, sqlx::Error> {
                let known: KnownIssue = known(row)?;
                Ok(TellableIssue {
                    known,
                    hint_key: row.try_get("hint_key")?,
                })
            });
            tellable.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("look for issues"))
    }

    /// Notes what a planning is told, and what not: issue, key of the hint, whether it is withheld. What was noted before
    /// stays. That there was nothing to tell is noted as an offer of no issue. Of an erased task, and of words that were
    /// erased meanwhile, nothing is.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_issues(&self, task: Uuid, given: &[(Uuid, Uuid, bool)]) -> Result<(), StoreError> {
        let nothing = [(Uuid::nil(), Uuid::nil(), false)];
        let given = if given.is_empty() { nothing.as_slice() } else { given };
        let note = async {
            let mut transaction = self.pool.begin().await?;
            guard(&mut transaction).await?;
            let insert = sqlx::query(
                "INSERT INTO learner.issue_offer (task_id, issue_id, hint_key, withheld)
                 SELECT $1, issue_id, CASE WHEN EXISTS (SELECT FROM learner.issue_sighting s
                            WHERE s.issue_id = n.issue_id AND s.hint_key = n.hint_key) THEN hint_key ELSE $5 END, withheld
                 FROM unnest($2::uuid[], $3::uuid[], $4::bool[]) AS n(issue_id, hint_key, withheld)
                 WHERE NOT EXISTS (SELECT FROM learner.erased_task WHERE task_hash = sha256(uuid_send($1)))
                 ON CONFLICT DO NOTHING",
            );
            let insert = insert
                .bind(task)
                .bind(given.iter().map(|(issue, ..)| *issue).collect::<Vec<Uuid>>())
                .bind(given.iter().map(|(_, key, _)| *key).collect::<Vec<Uuid>>())
                .bind(given.iter().map(|(.., withheld)| *withheld).collect::<Vec<bool>>())
                .bind(Uuid::nil());
            insert.execute(&mut *transaction).await?;
            transaction.commit().await
        };
        note.await.map_err(StoreError::query("note what is told of issues"))
    }
}
