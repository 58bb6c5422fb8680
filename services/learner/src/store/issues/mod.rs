//! Issues: what was read of tasks, what it comes to, and what plannings are told of it.

mod offers;
mod reading;
mod settling;
mod tenants;

pub(super) use settling::forget;
pub(super) use tenants::note_news;

use super::{Store, StoreError};
use crate::interval::Share;
use crate::issues::standing::Offers;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// An issue, as people and planners are told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownIssue {
    pub id: Uuid,
    pub code: String,
    pub tool: String,
    pub condition: String,
    pub state: String,
    pub hint: Option<String>,
    /// Who gave the hint.
    pub source: Option<String>,
    /// The hint put it right once.
    pub repaired: bool,
    pub seen: i64,
    pub tasks: i64,
    pub first_seen: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    /// Of late, in tasks that were not told.
    pub rate: Share,
    /// Of the hint.
    pub offers: Offers,
}

/// One that a planning may be told.
#[derive(Clone, Debug, PartialEq)]
pub struct TellableIssue {
    pub known: KnownIssue,
    /// Of the hint's words.
    pub hint_key: Uuid,
}

impl Store {
    /// A tenant's issues, those told first, and when their figures were made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn issues(
        &self,
        tenant: &str,
        most: i64,
    ) -> Result<Vec<(KnownIssue, Option<DateTime<Utc>>)>, StoreError> {
        let select = sqlx::query(
            "SELECT i.*, (SELECT settled_at FROM learner.issue_tenant t WHERE t.tenant = $1) AS settled_at
             FROM learner.issue i WHERE tenant = $1
             ORDER BY state <> 'told', weight DESC, tasks DESC, issue_id LIMIT $2",
        );
        let read = async {
            let rows = select.bind(tenant).bind(most).fetch_all(&self.pool).await?;
            let issue = |row| Ok((known(row)?, row.try_get("settled_at")?));
            rows.iter().map(issue).collect::<Result<Vec<_>, sqlx::Error>>()
        };
        read.await.map_err(StoreError::query("read issues"))
    }
}

fn known(row: &PgRow) -> Result<KnownIssue, sqlx::Error> {
    Ok(KnownIssue {
        id: row.try_get("issue_id")?,
        code: row.try_get("code")?,
        tool: row.try_get("tool")?,
        condition: row.try_get("condition")?,
        state: row.try_get("state")?,
        hint: row.try_get("hint")?,
        source: row.try_get("source")?,
        repaired: row.try_get::<Option<bool>, _>("repaired")?.unwrap_or_default(),
        seen: row.try_get("seen")?,
        tasks: row.try_get("tasks")?,
        first_seen: row.try_get("first_seen")?,
        last_seen: row.try_get("last_seen")?,
        rate: Share {
            hits: count(row, "rate_tasks")?,
            n: count(row, "rate_of")?,
        },
        offers: offers_of(row)?,
    })
}

fn offers_of(row: &PgRow) -> Result<Offers, sqlx::Error> {
    Ok(Offers {
        told: count(row, "told")?,
        withheld: count(row, "withheld")?,
        recurred_told: count(row, "recurred_told")?,
        recurred_withheld: count(row, "recurred_withheld")?,
        well_told: count(row, "well_told")?,
        well_withheld: count(row, "well_withheld")?,
    })
}

fn count(row: &PgRow, name: &str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(name)?.unsigned_abs())
}

#[cfg(test)]
impl Store {
    /// Everything that is kept of issues, but for when.
    pub async fn all_of_issues(&self) -> Vec<String> {
        let select = sqlx::query_scalar(
            "SELECT line FROM (
                 SELECT 'reading ' || to_jsonb(t)::text AS line FROM learner.issue_reading t
                 UNION ALL SELECT 'sighting ' || to_jsonb(t)::text FROM learner.issue_sighting t
                 UNION ALL SELECT 'offer ' || (to_jsonb(t) - 'offered_at')::text FROM learner.issue_offer t
                 UNION ALL SELECT 'issue ' || to_jsonb(t)::text FROM learner.issue t
             ) AS lines ORDER BY line",
        );
        select.fetch_all(&self.pool).await.unwrap()
    }

    /// As after an upgrade from before there were issues; what was told stays.
    pub async fn forget_issues(&self) {
        for statement in [
            "TRUNCATE learner.issue, learner.issue_sighting, learner.issue_reading",
            "UPDATE learner.evidence SET issues_read = false",
            "UPDATE learner.issue_offer SET is_read = false",
            "UPDATE learner.issue_tenant SET has_news = true",
        ] {
            sqlx::query(statement).execute(&self.pool).await.unwrap();
        }
    }
}
