//! Sums over ended tasks, from which figures are made.

use super::{Store, StoreError};
use crate::interval::{Pairs, Sample, Share, Shares};
use chrono::{DateTime, Utc};
use sqlx::Row;

/// Classes of overall quality, each a tenth wide.
pub const CLASSES: usize = 10;

/// Sums over the tasks of a period.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Sums {
    /// Ended, and not by being cancelled.
    pub ended: u64,
    /// Of those completed.
    pub completed: u64,
    /// Overall scores.
    pub quality: Sample,
    /// Tasks by overall score, from 0 up.
    pub classes: Vec<u64>,
    /// Judged tasks that took a repair round.
    pub refined: u64,
    /// Ended tasks that once needed attention.
    pub escalated: u64,
    /// Tasks about whose result a human decided.
    pub decided: u64,
    /// Of those decided otherwise than the score.
    pub overridden: u64,
    /// What tasks of known cost did, US dollars.
    pub cost: Sample,
    /// Of those completed, and what they cost.
    pub completed_cost: Sample,
    /// Tasks that patterns were offered to.
    pub offered: u64,
    /// Of those whose plan followed one, whole or in part.
    pub followed: u64,
    /// Tasks that went well, of those that patterns were offered to and of those they were withheld from.
    pub memory: Shares,
    /// By how much overall scores were above what was foreseen.
    pub quality_beyond: Sample,
    /// What steps cost beside what was foreseen, US dollars.
    pub foreseen_usd: Pairs,
    /// What steps took beside what was foreseen, seconds.
    pub foreseen_seconds: Pairs,
}

impl Store {
    /// Sums over the tasks of `tenant`, none: of all, that ended at or after `since`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sums(&self, tenant: Option<&str>, since: DateTime<Utc>) -> Result<Sums, StoreError> {
        let read = async {
            let mut sums = self.sums_of_tasks(tenant, since).await?;
            sums.classes = self.quality_classes(tenant, since).await?;
            self.add_foreseen(&mut sums, tenant, since).await?;
            self.add_offers(&mut sums, tenant, since).await?;
            Ok(sums)
        };
        read.await.map_err(StoreError::query("sum up tasks"))
    }

    async fn sums_of_tasks(&self, tenant: Option<&str>, since: DateTime<Utc>) -> Result<Sums, sqlx::Error> {
        let select = sqlx::query(
            "SELECT count(*) FILTER (WHERE status <> 'cancelled') AS ended,
                    count(*) FILTER (WHERE status = 'completed') AS completed,
                    count(quality) AS judged, coalesce(sum(quality), 0) AS quality,
                    coalesce(sum(quality * quality), 0) AS quality_squares,
                    count(*) FILTER (WHERE quality IS NOT NULL AND refinements > 0) AS refined,
                    count(*) FILTER (WHERE escalated AND status <> 'cancelled') AS escalated,
                    count(overridden) AS decided, count(*) FILTER (WHERE overridden) AS overridden,
                    count(usd) AS priced, coalesce(sum(usd), 0) AS usd, coalesce(sum(usd * usd), 0) AS usd_squares,
                    count(usd) FILTER (WHERE status = 'completed') AS completed_priced,
                    coalesce(sum(usd) FILTER (WHERE status = 'completed'), 0) AS completed_usd
             FROM learner.record WHERE ($1::text IS NULL OR tenant = $1) AND finished_at >= $2",
        );
        let row = select.bind(tenant).bind(since).fetch_one(&self.pool).await?;
        let count = |name| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
        Ok(Sums {
            ended: count("ended")?,
            completed: count("completed")?,
            quality: Sample {
                n: count("judged")?,
                sum: row.try_get("quality")?,
                squares: row.try_get("quality_squares")?,
            },
            refined: count("refined")?,
            escalated: count("escalated")?,
            decided: count("decided")?,
            overridden: count("overridden")?,
            cost: Sample {
                n: count("priced")?,
                sum: row.try_get("usd")?,
                squares: row.try_get("usd_squares")?,
            },
            completed_cost: Sample {
                n: count("completed_priced")?,
                sum: row.try_get("completed_usd")?,
                squares: 0.0,
            },
            ..Sums::default()
        })
    }

    async fn add_offers(&self, sums: &mut Sums, tenant: Option<&str>, since: DateTime<Utc>) -> Result<(), sqlx::Error> {
        let select = sqlx::query(
            "SELECT count(*) FILTER (WHERE NOT withheld) AS offered,
                    count(*) FILTER (WHERE NOT withheld AND succeeded) AS offered_went_well,
                    count(*) FILTER (WHERE followed) AS followed,
                    count(*) FILTER (WHERE withheld) AS withheld,
                    count(*) FILTER (WHERE withheld AND succeeded) AS withheld_went_well
             FROM (
                 SELECT bool_or(decision = 'withheld') AS withheld, bool_or(succeeded) AS succeeded,
                        bool_or(decision IN ('adopted', 'adapted')) AS followed
                 FROM learner.pattern_use
                 WHERE ($1::text IS NULL OR tenant = $1) AND finished_at >= $2 AND decision <> 'passed'
                 GROUP BY task_id
             ) AS tasks",
        );
        let row = select.bind(tenant).bind(since).fetch_one(&self.pool).await?;
        let count = |name| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
        sums.offered = count("offered")?;
        sums.followed = count("followed")?;
        sums.memory = Shares {
            treated: Share {
                hits: count("offered_went_well")?,
                n: sums.offered,
            },
            control: Share {
                hits: count("withheld_went_well")?,
                n: count("withheld")?,
            },
        };
        Ok(())
    }

    async fn add_foreseen(
        &self,
        sums: &mut Sums,
        tenant: Option<&str>,
        since: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let select = sqlx::query(
            "SELECT count(beyond) AS judged, coalesce(sum(beyond), 0) AS beyond,
                    coalesce(sum(beyond * beyond), 0) AS beyond_squares,
                    count(steps_usd) AS usd_n, coalesce(sum(forecast_usd), 0) AS usd_of,
                    coalesce(sum(forecast_usd * forecast_usd), 0) AS usd_of_squares, coalesce(sum(steps_usd), 0) AS usd,
                    coalesce(sum(steps_usd * steps_usd), 0) AS usd_squares,
                    coalesce(sum(forecast_usd * steps_usd), 0) AS usd_products,
                    count(steps_seconds) AS seconds_n, coalesce(sum(forecast_seconds), 0) AS seconds_of,
                    coalesce(sum(forecast_seconds * forecast_seconds), 0) AS seconds_of_squares,
                    coalesce(sum(steps_seconds), 0) AS seconds,
                    coalesce(sum(steps_seconds * steps_seconds), 0) AS seconds_squares,
                    coalesce(sum(forecast_seconds * steps_seconds), 0) AS seconds_products
             FROM (
                 SELECT *, quality - forecast_quality AS beyond FROM learner.record
                 WHERE ($1::text IS NULL OR tenant = $1) AND finished_at >= $2
                   AND (forecast_quality IS NOT NULL OR steps_usd IS NOT NULL OR steps_seconds IS NOT NULL)
             ) AS foreseen",
        );
        let row = select.bind(tenant).bind(since).fetch_one(&self.pool).await?;
        let sample = |n: &str, sum: &str, squares: &str| {
            Ok::<_, sqlx::Error>(Sample {
                n: row.try_get::<i64, _>(n)?.unsigned_abs(),
                sum: row.try_get(sum)?,
                squares: row.try_get(squares)?,
            })
        };
        sums.quality_beyond = sample("judged", "beyond", "beyond_squares")?;
        sums.foreseen_usd = Pairs {
            of: sample("usd_n", "usd_of", "usd_of_squares")?,
            values: sample("usd_n", "usd", "usd_squares")?,
            products: row.try_get("usd_products")?,
        };
        sums.foreseen_seconds = Pairs {
            of: sample("seconds_n", "seconds_of", "seconds_of_squares")?,
            values: sample("seconds_n", "seconds", "seconds_squares")?,
            products: row.try_get("seconds_products")?,
        };
        Ok(())
    }

    async fn quality_classes(&self, tenant: Option<&str>, since: DateTime<Utc>) -> Result<Vec<u64>, sqlx::Error> {
        let select = sqlx::query_as::<_, (i32, i64)>(
            "SELECT least(greatest(width_bucket(quality, 0, 1, 10), 1), 10) AS class, count(*)
             FROM learner.record
             WHERE ($1::text IS NULL OR tenant = $1) AND finished_at >= $2 AND quality IS NOT NULL GROUP BY 1",
        );
        let mut classes = vec![0; CLASSES];
        for (class, count) in select.bind(tenant).bind(since).fetch_all(&self.pool).await? {
            let at = usize::try_from(class - 1).unwrap_or_default();
            if let Some(place) = classes.get_mut(at) {
                *place = count.unsigned_abs();
            }
        }
        Ok(classes)
    }
}
