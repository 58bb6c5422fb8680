//! Which records an export takes, in which order.

use super::StoreError;
use crate::record::Split;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Tasks of this system.
    Live,
    /// Imports.
    Imported,
}

/// What a format can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Every record.
    #[default]
    All,
    /// Examples to follow.
    Examples,
    /// Pairs of answers.
    Pairs,
}

/// Which records an export takes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Selection {
    /// Whose.
    pub tenant: String,
    /// Only of this origin.
    pub origin: Option<Origin>,
    /// Ended at or after.
    pub since: Option<DateTime<Utc>>,
    /// Ended before.
    pub until: Option<DateTime<Utc>>,
    /// Of at least this overall score.
    pub min_quality: Option<f64>,
    /// That reached their own threshold.
    pub must_pass: bool,
    /// `granted` or `denied` or `unknown`: of live records that say nothing themselves.
    pub consent: &'static str,
    /// Only those whose owners allow it.
    pub must_be_granted: bool,
    /// Only of this part.
    pub split: Option<Split>,
    /// What the format can use.
    pub wanted: Wanted,
}

/// How many records a selection takes and leaves, each for the first reason that holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// The tenant's of that origin.
    pub considered: u64,
    /// Not in the period.
    pub period: u64,
    /// Never judged, where quality is asked for.
    pub quality_unknown: u64,
    /// Judged, but not good enough.
    pub quality: u64,
    /// Their owners do not allow training with them, or were not asked where that is needed.
    pub consent: u64,
    /// Like records of two parts.
    pub between_splits: u64,
    /// Of another part than asked for.
    pub other_split: u64,
    /// Nothing the format can use.
    pub no_use: u64,
    /// What is left.
    pub selected: u64,
}

/// A record of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its id.
    pub record: Uuid,
    /// Where it is kept.
    pub imported: bool,
    /// Its cluster.
    pub cluster: Uuid,
    /// Its part.
    pub split: Split,
}

/// Why a case is left out, or `taken`. Of the binds $1-$10.
macro_rules! judged {
    () => {
        "SELECT record_id, finished_at, imported, cluster, split, CASE
             WHEN finished_at < $3::timestamptz OR finished_at >= $4::timestamptz THEN 'period'
             WHEN ($5::float8 IS NOT NULL AND quality IS NULL) OR ($6::bool AND passed IS NULL) THEN 'quality_unknown'
             WHEN ($5::float8 IS NOT NULL AND quality < $5) OR ($6 AND NOT passed) THEN 'quality'
             WHEN coalesce(consent, CASE WHEN imported THEN 'unknown' ELSE $7::text END) = 'denied'
               OR ($8::bool AND coalesce(consent, CASE WHEN imported THEN 'unknown' ELSE $7::text END) <> 'granted') THEN 'consent'
             WHEN apart THEN 'between_splits'
             WHEN split <> $9::int2 THEN 'other_split'
             WHEN ($10::int2 = 1 AND NOT example) OR ($10 = 2 AND NOT pairs) THEN 'no_use'
             ELSE 'taken' END AS why
         FROM learner.training_case
         WHERE tenant = $1 AND ($2::bool IS NULL OR imported = $2)"
    };
}

macro_rules! bound {
    ($query:expr, $selection:expr) => {
        $query
            .bind(&$selection.tenant)
            .bind($selection.origin.map(|origin| origin == Origin::Imported))
            .bind($selection.since.unwrap_or(DateTime::UNIX_EPOCH))
            .bind($selection.until.unwrap_or_else(far))
            .bind($selection.min_quality)
            .bind($selection.must_pass)
            .bind($selection.consent)
            .bind($selection.must_be_granted)
            .bind($selection.split.map(Split::number))
            .bind(match $selection.wanted {
                Wanted::All => 0_i16,
                Wanted::Examples => 1,
                Wanted::Pairs => 2,
            })
    };
}

/// Later than any task ends.
fn far() -> DateTime<Utc> {
    DateTime::from_timestamp(200_000_000_000, 0).unwrap_or_default()
}

/// How many cases a selection takes and leaves.
pub(super) async fn count(connection: &mut PgConnection, selection: &Selection) -> Result<Counts, StoreError> {
    let select = sqlx::query(concat!(
        "SELECT why, count(*) FROM (",
        judged!(),
        ") AS judged GROUP BY why"
    ));
    let rows = bound!(select, selection).fetch_all(connection).await;
    let counts = rows.and_then(|rows| {
        let read = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
        rows.iter().map(read).collect::<Result<BTreeMap<String, u64>, _>>()
    });
    let counts = counts.map_err(StoreError::query("count records"))?;
    let of = |why: &str| counts.get(why).copied().unwrap_or_default();
    Ok(Counts {
        considered: counts.values().sum(),
        period: of("period"),
        quality_unknown: of("quality_unknown"),
        quality: of("quality"),
        consent: of("consent"),
        between_splits: of("between_splits"),
        other_split: of("other_split"),
        no_use: of("no_use"),
        selected: of("taken"),
    })
}

/// Opens the cursor `chosen` over what a selection takes, in the order of the file.
///
/// With a limit, that many are drawn from all clusters in proportion: of each cluster every n-th record of a seeded
/// order, from a seeded beginning. Which ones depends on the seed and the ids alone.
pub(super) async fn open(
    connection: &mut PgConnection,
    selection: &Selection,
    draw: Option<(u64, u64)>,
) -> Result<(), StoreError> {
    let opened = match draw {
        None => {
            let declare = sqlx::query(concat!(
                "DECLARE chosen NO SCROLL CURSOR FOR SELECT record_id, imported, cluster, split FROM (",
                judged!(),
                ") AS judged WHERE why = 'taken' ORDER BY finished_at, record_id"
            ));
            bound!(declare, selection).execute(connection).await
        }
        Some((limit, seed)) => {
            let declare = sqlx::query(concat!(
                "DECLARE chosen NO SCROLL CURSOR FOR SELECT record_id, imported, cluster, split FROM (
                     SELECT *, row_number() OVER (ORDER BY place, ticket, record_id) AS nth FROM (
                         SELECT *, (row_number() OVER own - beginning) / count(*) OVER all_of_it AS place FROM (
                             SELECT *, md5($11::text || ':' || record_id::text) AS ticket,
                                 ('x' || left(md5($11::text || ':' || cluster::text), 8))::bit(32)::bigint / 4294967296.0::float8
                                     AS beginning
                             FROM (",
                judged!(),
                ") AS judged WHERE why = 'taken'
                         ) AS ticketed
                         WINDOW own AS (PARTITION BY cluster ORDER BY ticket, record_id), all_of_it AS (PARTITION BY cluster)
                     ) AS placed
                 ) AS ranked WHERE nth <= $12::bigint ORDER BY finished_at, record_id"
            ));
            let declare = bound!(declare, selection).bind(seed.to_string());
            declare
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .execute(connection)
                .await
        }
    };
    opened.map_err(StoreError::query("choose records"))?;
    Ok(())
}

/// The next records of the cursor; none after the last.
pub(super) async fn next(connection: &mut PgConnection) -> Result<Vec<Chosen>, StoreError> {
    let rows = sqlx::query("FETCH 64 FROM chosen").fetch_all(connection).await;
    let rows = rows.and_then(|rows| {
        let read = |row: &sqlx::postgres::PgRow| {
            let number: i16 = row.try_get(3)?;
            let splits = [Split::Train, Split::Validation, Split::Test];
            Ok(Chosen {
                record: row.try_get(0)?,
                imported: row.try_get(1)?,
                cluster: row.try_get(2)?,
                split: splits
                    .into_iter()
                    .find(|split| split.number() == number)
                    .unwrap_or(Split::Test),
            })
        };
        rows.iter().map(read).collect()
    });
    rows.map_err(StoreError::query("read the next records"))
}
