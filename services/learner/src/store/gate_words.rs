//! Who wrote something where they decided about somebody's task: by a hash, so that their words are found when they are erased.

use super::records::NewRecord;
use crate::record::said::{silence, speakers};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Notes who wrote something about these tasks: task, tenant, people.
pub(super) async fn note(
    connection: &mut PgConnection,
    said: &[(Uuid, String, BTreeSet<String>)],
) -> Result<(), sqlx::Error> {
    let all = || {
        said.iter()
            .flat_map(|(task, tenant, people)| people.iter().map(move |person| (*task, tenant, person)))
    };
    if all().next().is_none() {
        return Ok(());
    }
    let insert = sqlx::query(
        "INSERT INTO learner.gate_words (task_id, tenant, said_by)
         SELECT task_id, tenant, sha256(convert_to(person, 'UTF8'))
         FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(task_id, tenant, person) ON CONFLICT DO NOTHING",
    );
    let insert = insert
        .bind(all().map(|(task, ..)| task).collect::<Vec<Uuid>>())
        .bind(all().map(|(_, tenant, _)| tenant.clone()).collect::<Vec<String>>())
        .bind(all().map(|(.., person)| person.clone()).collect::<Vec<String>>());
    insert.execute(connection).await.map(drop)
}

/// Takes the words of erased users out of new records, as far as they decided before their erasure. Under the guard.
pub(super) async fn silence_erased(
    connection: &mut PgConnection,
    records: &mut [NewRecord],
) -> Result<(), sqlx::Error> {
    let people: BTreeSet<(&str, &str)> = records
        .iter()
        .flat_map(|record| {
            record
                .said
                .iter()
                .map(|person| (record.tenant.as_str(), person.as_str()))
        })
        .collect();
    if people.is_empty() {
        return Ok(());
    }
    let (tenants, users): (Vec<&str>, Vec<&str>) = people.into_iter().unzip();
    let select = sqlx::query_as(
        "SELECT n.tenant, n.person, e.erased_at FROM unnest($1::text[], $2::text[]) AS n(tenant, person)
         JOIN learner.erased_user e ON e.tenant = n.tenant AND e.user_hash = sha256(convert_to(n.person, 'UTF8'))",
    );
    let rows: Vec<(String, String, DateTime<Utc>)> = select.bind(tenants).bind(users).fetch_all(connection).await?;
    let erased: BTreeMap<(&str, &str), DateTime<Utc>> = rows
        .iter()
        .map(|(tenant, person, at)| ((tenant.as_str(), person.as_str()), *at))
        .collect();
    for record in records {
        let is_theirs = |person: &str, decided_at: Option<DateTime<Utc>>| {
            let erased_at = erased.get(&(record.tenant.as_str(), person));
            erased_at.is_some_and(|erased_at| decided_at.is_none_or(|at| at <= *erased_at))
        };
        if !record
            .said
            .iter()
            .any(|person| erased.contains_key(&(record.tenant.as_str(), person.as_str())))
        {
            continue;
        }
        let mut raw: Value = serde_json::from_str(&record.json).unwrap_or_default();
        if silence(&mut raw, is_theirs) {
            (record.json, record.said) = (raw.to_string(), speakers(&raw));
        }
    }
    Ok(())
}

/// Takes what a user wrote about other people's tasks out of their records. Alone with the rows.
pub(super) async fn forget(connection: &mut PgConnection, tenant: &str, user: &str) -> Result<(), sqlx::Error> {
    let delete = sqlx::query(
        "WITH gone AS (
             DELETE FROM learner.gate_words WHERE tenant = $1 AND said_by = sha256(convert_to($2, 'UTF8')) RETURNING task_id
         )
         SELECT task_id, record FROM learner.record JOIN gone USING (task_id)",
    );
    for row in delete.bind(tenant).bind(user).fetch_all(&mut *connection).await? {
        let (task, raw): (Uuid, String) = (row.try_get("task_id")?, row.try_get("record")?);
        let mut raw: Value = serde_json::from_str(&raw).unwrap_or_default();
        if silence(&mut raw, |person, _| person == user) {
            let update = sqlx::query("UPDATE learner.record SET record = $2 WHERE task_id = $1");
            update
                .bind(task)
                .bind(raw.to_string())
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}
