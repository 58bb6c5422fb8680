//! Giving records their places before they are exported.

use super::progress::Progress;
use crate::cluster::bands;
use crate::export::render::Uses;
use crate::record::{Consent, TrainingRecord, from_raw};
use crate::scrub::Scrubber;
use crate::store::{NewCase, Store, StoreError, Unplaced};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Records placed with one transaction, and those of them whose texts are held at once.
const PAGE: usize = 64;
const TOGETHER: usize = 8;

/// Places all live records of a tenant that have no place yet; tells how many cannot be read.
///
/// # Errors
/// When the database is away; those placed so far have their places.
pub async fn place_all(
    store: &Store,
    scrubber: &Scrubber,
    tenant: &str,
    progress: &mut Progress<'_>,
) -> Result<u64, StoreError> {
    let (mut after, mut unreadable) = (None, 0);
    loop {
        let ids = store.unplaced(tenant, after).await?;
        let Some(last) = ids.last() else {
            return Ok(unreadable);
        };
        after = Some(*last);
        for page in ids.chunks(PAGE) {
            let tasks: Vec<_> = page.iter().map(|(_, task)| *task).collect();
            let mut cases: Vec<NewCase> = Vec::with_capacity(PAGE);
            for few in tasks.chunks(TOGETHER) {
                let records = store.to_place(tenant, few).await?;
                let read = records.iter().map(|record| case_of(scrubber, record));
                let before = cases.len();
                cases.extend(read.flatten());
                unreadable += (records.len() + before - cases.len()) as u64;
            }
            store.place(tenant, &cases).await?;
            // None of them is in the file yet.
            progress.tell(0).await?;
            tokio::task::yield_now().await;
        }
    }
}

fn case_of(scrubber: &Scrubber, unplaced: &Unplaced) -> Option<NewCase> {
    let record = from_raw(&unplaced.task.to_string(), &unplaced.json, None).ok()?;
    let (record, _) = scrubber.record(record).ok()?;
    Some(NewCase {
        quality: unplaced.quality,
        passed: unplaced.passed,
        ..case(&record, unplaced.task.0, unplaced.finished_at)
    })
}

/// The case of a scrubbed record: what was taken out of requests must not tell them apart.
pub fn case(record: &TrainingRecord, id: Uuid, finished_at: DateTime<Utc>) -> NewCase {
    let uses = Uses::of(record);
    let quality = record.quality.as_ref();
    NewCase {
        record: id,
        finished_at,
        quality: quality.and_then(|quality| quality.overall),
        passed: quality.and_then(|quality| quality.passed),
        consent: match record.consent {
            Consent::Granted => Some("granted"),
            Consent::Denied => Some("denied"),
            Consent::Unknown => None,
        },
        bands: bands(&record.request),
        named: Uuid::try_parse(&record.cluster).ok(),
        example: uses.example,
        pairs: uses.pairs,
    }
}
