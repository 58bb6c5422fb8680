//! Records that came from elsewhere.

use super::cases::{self, NewCase};
use super::{Store, StoreError};
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A record to import.
#[derive(Clone, Debug, PartialEq)]
pub struct NewImport {
    /// Where it belongs.
    pub case: NewCase,
    /// SHA-256 of the record as it came.
    pub hash: Vec<u8>,
    /// JSON, scrubbed.
    pub json: String,
}

/// What became of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is there now.
    New,
    /// It was there already, imported or of this system's own.
    Duplicate,
    /// Another record of that id was imported before; it stays.
    Conflict,
}

impl Store {
    /// Imports records, in their order; tells what became of each, and how many of the new ones stand apart.
    ///
    /// # Errors
    /// When the database does not take them; then none is imported.
    pub async fn import(&self, tenant: &str, records: &[NewImport]) -> Result<(Vec<Imported>, u64), StoreError> {
        let import = async {
            let mut transaction = self.pool.begin().await?;
            cases::lock(&mut transaction, tenant).await?;
            let mut known = known(&mut transaction, tenant, records).await?;
            let outcomes: Vec<Imported> = records.iter().map(|record| known.note(record)).collect();
            let new = records
                .iter()
                .zip(&outcomes)
                .filter(|(_, outcome)| **outcome == Imported::New);
            let new: Vec<&NewImport> = new.map(|(record, _)| record).collect();
            insert(&mut transaction, tenant, &new).await?;
            let cases: Vec<&NewCase> = new.iter().map(|record| &record.case).collect();
            let apart = cases::place_in(&mut transaction, tenant, &cases, true).await?;
            transaction.commit().await?;
            Ok((outcomes, apart))
        };
        import.await.map_err(StoreError::query("import records"))
    }
}

/// What is there already.
struct Known {
    /// By id; none: of this system's own; empty: its content is not known any more.
    by_id: BTreeMap<Uuid, Option<Vec<u8>>>,
}

impl Known {
    fn note(&mut self, record: &NewImport) -> Imported {
        match self.by_id.get(&record.case.record) {
            Some(Some(hash)) if !hash.is_empty() && *hash != record.hash => Imported::Conflict,
            Some(_) => Imported::Duplicate,
            None => {
                self.by_id.insert(record.case.record, Some(record.hash.clone()));
                Imported::New
            }
        }
    }
}

async fn known(connection: &mut PgConnection, tenant: &str, records: &[NewImport]) -> Result<Known, sqlx::Error> {
    // Its id is part of a record's content, so that whoever has the content has the id.
    let select = sqlx::query(
        "SELECT record_id, content_hash FROM learner.imported WHERE tenant = $1 AND record_id = ANY($2)
         UNION ALL
         SELECT task_id, NULL FROM learner.record WHERE tenant = $1 AND task_id = ANY($2)
         UNION ALL
         SELECT id, NULL FROM unnest($2::uuid[]) AS asked(id)
         JOIN learner.erased_task e ON e.task_hash = sha256(uuid_send(id))",
    );
    let ids: Vec<Uuid> = records.iter().map(|record| record.case.record).collect();
    let rows = select.bind(tenant).bind(ids).fetch_all(connection).await?;
    let read = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
    Ok(Known {
        by_id: rows.iter().map(read).collect::<Result<_, sqlx::Error>>()?,
    })
}

async fn insert(connection: &mut PgConnection, tenant: &str, records: &[&NewImport]) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "INSERT INTO learner.imported (tenant, record_id, content_hash, record)
         SELECT $1, * FROM unnest($2::uuid[], $3::bytea[], $4::text[])",
    );
    let insert = insert
        .bind(tenant)
        .bind(records.iter().map(|record| record.case.record).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.hash.clone()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.json.clone()).collect::<Vec<_>>());
    insert.execute(connection).await.map(drop)
}
