//! What can be exported: one case for each record, with its place among others.

use super::{Store, StoreError};
use crate::cluster::{BANDS, Cluster, Neighbourhood};
use crate::record::Split;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use uuid::Uuid;
use workflow::ids::TaskId;

/// Ids read with one statement.
const IDS: i64 = 4096;

/// A record to be placed.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCase {
    /// Its id.
    pub record: Uuid,
    /// What it is sorted by.
    pub finished_at: DateTime<Utc>,
    /// Overall score, 0-1.
    pub quality: Option<f64>,
    /// Reached its threshold.
    pub passed: Option<bool>,
    /// `granted` or `denied`, where the request says so itself.
    pub consent: Option<&'static str>,
    /// Of the signature of its request.
    pub bands: [i64; BANDS],
    /// The cluster it says it is of.
    pub named: Option<Uuid>,
    /// It is an example to follow.
    pub example: bool,
    /// It holds pairs of answers.
    pub pairs: bool,
}

/// A live record that has no place yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unplaced {
    /// The task.
    pub task: TaskId,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Overall score, 0-1.
    pub quality: Option<f64>,
    /// Reached its threshold.
    pub passed: Option<bool>,
    /// The JSON text as it came.
    pub json: String,
}

impl Store {
    /// Ids of live records of a tenant without a place, the earliest first, after `after`. Empty: there are none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unplaced(
        &self,
        tenant: &str,
        after: Option<(DateTime<Utc>, TaskId)>,
    ) -> Result<Vec<(DateTime<Utc>, TaskId)>, StoreError> {
        let (end, task) = after.map_or((DateTime::UNIX_EPOCH, Uuid::nil()), |(end, task)| (end, task.0));
        let select = sqlx::query(
            "SELECT finished_at, task_id FROM learner.record r
             WHERE tenant = $1 AND (finished_at, task_id) > ($2, $3)
               AND NOT EXISTS (SELECT FROM learner.training_case c WHERE c.tenant = r.tenant AND c.record_id = r.task_id)
             ORDER BY finished_at, task_id LIMIT $4",
        );
        let rows = select
            .bind(tenant)
            .bind(end)
            .bind(task)
            .bind(IDS)
            .fetch_all(&self.pool)
            .await;
        let rows = rows.and_then(|rows| {
            let read = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, TaskId(row.try_get(1)?)));
            rows.iter().map(read).collect()
        });
        rows.map_err(StoreError::query("look for records without a place"))
    }

    /// Those of `tasks`, in that order of their end, as they are kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn to_place(&self, tenant: &str, tasks: &[TaskId]) -> Result<Vec<Unplaced>, StoreError> {
        let ids: Vec<Uuid> = tasks.iter().map(|task| task.0).collect();
        let select = sqlx::query(
            "SELECT task_id, finished_at, quality, passed, record FROM learner.record
             WHERE tenant = $1 AND task_id = ANY($2) ORDER BY finished_at, task_id",
        );
        let rows = select.bind(tenant).bind(ids).fetch_all(&self.pool).await;
        let rows = rows.and_then(|rows| {
            let read = |row: &sqlx::postgres::PgRow| {
                Ok(Unplaced {
                    task: TaskId(row.try_get(0)?),
                    finished_at: row.try_get(1)?,
                    quality: row.try_get(2)?,
                    passed: row.try_get(3)?,
                    json: row.try_get(4)?,
                })
            };
            rows.iter().map(read).collect()
        });
        rows.map_err(StoreError::query("read records without a place"))
    }

    /// Gives live records their places; those that have one, or are not kept any more, are passed over.
    ///
    /// # Errors
    /// When the database does not take them; then none has one.
    pub async fn place(&self, tenant: &str, cases: &[NewCase]) -> Result<(), StoreError> {
        let place = async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction, tenant).await?;
            let ids: Vec<Uuid> = cases.iter().map(|case| case.record).collect();
            // Locked, so that an erasure sees either no case or the whole of it.
            let select = sqlx::query_scalar::<_, Uuid>(
                "SELECT task_id FROM learner.record r WHERE task_id = ANY($2) AND tenant = $1
                   AND NOT EXISTS (SELECT FROM learner.training_case c WHERE c.tenant = $1 AND c.record_id = r.task_id)
                 FOR SHARE",
            );
            let open = select.bind(tenant).bind(ids).fetch_all(&mut *transaction).await?;
            let open: Vec<&NewCase> = cases.iter().filter(|case| open.contains(&case.record)).collect();
            // One that was imported before it came itself stays where it is.
            place_in(&mut transaction, tenant, &open, false).await?;
            transaction.commit().await
        };
        place.await.map_err(StoreError::query("place records"))
    }
}

/// Until the transaction ends: records of one tenant get their places one after the other.
pub(super) async fn lock(connection: &mut PgConnection, tenant: &str) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('clusters of ' || $1, 0))");
    lock.bind(tenant).execute(connection).await.map(drop)
}

/// Places new records, under the lock; tells how many stand apart.
pub(super) async fn place_in(
    connection: &mut PgConnection,
    tenant: &str,
    cases: &[&NewCase],
    imported: bool,
) -> Result<u64, sqlx::Error> {
    let mut known = neighbourhood(connection, tenant, cases).await?;
    let places: Vec<_> = cases
        .iter()
        .map(|case| known.place(case.record, &case.bands, case.named))
        .collect();
    let (clusters, bands) = known.into_new();
    insert_clusters(connection, tenant, &clusters).await?;
    insert_bands(connection, tenant, &bands).await?;
    let insert = sqlx::query(
        "INSERT INTO learner.training_case (tenant, imported, record_id, finished_at, quality, passed, consent, cluster,
                                            split, apart, example, pairs)
         SELECT $1, $2, * FROM unnest($3::uuid[], $4::timestamptz[], $5::float8[], $6::bool[], $7::text[], $8::uuid[],
                                      $9::int2[], $10::bool[], $11::bool[], $12::bool[])",
    );
    let insert = insert
        .bind(tenant)
        .bind(imported)
        .bind(cases.iter().map(|case| case.record).collect::<Vec<_>>())
        .bind(cases.iter().map(|case| case.finished_at).collect::<Vec<_>>())
        .bind(cases.iter().map(|case| case.quality).collect::<Vec<_>>())
        .bind(cases.iter().map(|case| case.passed).collect::<Vec<_>>())
        .bind(cases.iter().map(|case| case.consent).collect::<Vec<_>>())
        .bind(places.iter().map(|place| place.cluster.id).collect::<Vec<_>>())
        .bind(
            places
                .iter()
                .map(|place| place.cluster.split.number())
                .collect::<Vec<_>>(),
        )
        .bind(places.iter().map(|place| place.apart).collect::<Vec<_>>())
        .bind(cases.iter().map(|case| case.example).collect::<Vec<_>>())
        .bind(cases.iter().map(|case| case.pairs).collect::<Vec<_>>());
    insert.execute(connection).await?;
    Ok(places.iter().filter(|place| place.apart).count() as u64)
}

/// The clusters that have a band of one of the records, or that one names.
async fn neighbourhood(
    connection: &mut PgConnection,
    tenant: &str,
    cases: &[&NewCase],
) -> Result<Neighbourhood, sqlx::Error> {
    let youngest = sqlx::query_scalar("SELECT coalesce(max(no), 0) FROM learner.request_cluster WHERE tenant = $1");
    let mut known = Neighbourhood::new(youngest.bind(tenant).fetch_one(&mut *connection).await?);
    let mut bands: Vec<i64> = cases.iter().flat_map(|case| case.bands).collect();
    bands.sort_unstable();
    bands.dedup();
    let near = sqlx::query(
        "SELECT band, no, cluster, split FROM learner.request_band b JOIN learner.request_cluster c USING (tenant, cluster)
         WHERE tenant = $1 AND band = ANY($2)",
    );
    for row in near.bind(tenant).bind(bands).fetch_all(&mut *connection).await? {
        known.know_band(row.try_get("band")?, cluster(&row)?);
    }
    let named: Vec<Uuid> = cases.iter().filter_map(|case| case.named).collect();
    let select =
        sqlx::query("SELECT no, cluster, split FROM learner.request_cluster WHERE tenant = $1 AND cluster = ANY($2)");
    for row in select.bind(tenant).bind(named).fetch_all(&mut *connection).await? {
        known.know(cluster(&row)?);
    }
    Ok(known)
}

fn cluster(row: &sqlx::postgres::PgRow) -> Result<Cluster, sqlx::Error> {
    let id: Uuid = row.try_get("cluster")?;
    let number: i16 = row.try_get("split")?;
    let splits = [Split::Train, Split::Validation, Split::Test];
    let split = splits.into_iter().find(|split| split.number() == number);
    Ok(Cluster {
        no: row.try_get("no")?,
        id,
        split: split.unwrap_or(Split::Test),
    })
}

async fn insert_clusters(connection: &mut PgConnection, tenant: &str, clusters: &[Cluster]) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "INSERT INTO learner.request_cluster (tenant, cluster, no, split)
         SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::int2[])",
    );
    let insert = insert
        .bind(tenant)
        .bind(clusters.iter().map(|cluster| cluster.id).collect::<Vec<_>>())
        .bind(clusters.iter().map(|cluster| cluster.no).collect::<Vec<_>>())
        .bind(
            clusters
                .iter()
                .map(|cluster| cluster.split.number())
                .collect::<Vec<_>>(),
        );
    insert.execute(connection).await.map(drop)
}

async fn insert_bands(connection: &mut PgConnection, tenant: &str, bands: &[(i64, Uuid)]) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "INSERT INTO learner.request_band (tenant, band, cluster) SELECT $1, * FROM unnest($2::bigint[], $3::uuid[])",
    );
    let insert = insert
        .bind(tenant)
        .bind(bands.iter().map(|(band, _)| *band).collect::<Vec<_>>())
        .bind(bands.iter().map(|(_, cluster)| *cluster).collect::<Vec<_>>());
    insert.execute(connection).await.map(drop)
}
