//! Parts of plans: what tasks ran of them, and which of them are patterns.
//!
//! A part is a pattern once enough intents or users succeeded with it, and while nothing else tells as much: no other part
//! and no one plan has it within in all of its successes, nor is it the whole plan in all of them. Each sign of that is
//! counted, so that a task costs the same however many there were before.

use super::evidence::{self, Shown};
use super::{Studied, column, show_nothing};
use crate::lesson::{Sign, lesson};
use crate::store::Rules;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Tasks whose parts are put right with one transaction.
const PAGE: i64 = 64;

/// Notes the parts of what these tasks ran, and answers their forms; parts that are known already stay as they are. Evidence
/// of the tasks is there.
pub(super) async fn learn(
    connection: &mut PgConnection,
    lessons: &[Studied],
    rules: &Rules,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let new = insert(connection, lessons).await?;
    let forms: Vec<Uuid> = column(&new, |part| part.form);
    insert_patterns(connection, &new).await?;
    evidence::add(connection, &column(&new, |part| (part.task, part.form))).await?;
    let good: Vec<(Uuid, Uuid)> = column(new.iter().filter(|part| part.good), |part| (part.task, part.form));
    count_signs(connection, &good, 1).await?;
    show(connection, &forms, rules).await?;
    Ok(forms)
}

struct New {
    task: Uuid,
    form: Uuid,
    good: bool,
    tenant: String,
}

async fn insert(connection: &mut PgConnection, lessons: &[Studied]) -> Result<Vec<New>, sqlx::Error> {
    let (mut tasks, mut forms, mut kinds, mut signs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for studied in lessons {
        for part in &studied.lesson.parts {
            for (kind, sign) in &part.signs {
                tasks.push(studied.task);
                forms.push(part.form);
                kinds.push(kind.number());
                signs.push(*sign);
            }
        }
    }
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let insert = sqlx::query(
        "WITH new AS (
             INSERT INTO learner.fragment (task_id, form, good, quality, finished_at, kinds, signs)
             SELECT n.task_id, n.form, e.succeeded AND NOT e.withdrawn, e.quality, e.finished_at, n.kinds, n.signs
             FROM (
                 SELECT task_id, form, array_agg(kind) AS kinds, array_agg(sign) AS signs
                 FROM (
                     SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[], $3::int2[], $4::uuid[])
                 ) AS given(task_id, form, kind, sign) GROUP BY 1, 2
             ) AS n JOIN learner.evidence e USING (task_id)
             ON CONFLICT DO NOTHING RETURNING task_id, form, good
         )
         SELECT new.*, e.tenant FROM new JOIN learner.evidence e USING (task_id)",
    );
    let insert = insert.bind(tasks).bind(forms).bind(kinds).bind(signs);
    let rows = insert.fetch_all(connection).await?;
    let read = rows.iter().map(|row| {
        Ok(New {
            task: row.try_get("task_id")?,
            form: row.try_get("form")?,
            good: row.try_get("good")?,
            tenant: row.try_get("tenant")?,
        })
    });
    read.collect()
}

async fn insert_patterns(connection: &mut PgConnection, parts: &[New]) -> Result<(), sqlx::Error> {
    let forms: BTreeMap<Uuid, &str> = parts.iter().map(|part| (part.form, part.tenant.as_str())).collect();
    let insert = sqlx::query(
        "INSERT INTO learner.pattern (pattern_id, form, tenant, kind)
         SELECT *, 'fragment' FROM unnest($1::uuid[], $2::uuid[], $3::text[]) ON CONFLICT (form) DO NOTHING",
    );
    let insert = insert
        .bind(forms.keys().map(|_| service::ids::v7()).collect::<Vec<Uuid>>())
        .bind(forms.keys().copied().collect::<Vec<Uuid>>())
        .bind(forms.values().copied().collect::<Vec<&str>>());
    insert.execute(connection).await.map(drop)
}

/// Counts the signs of these parts of good tasks, or by -1 counts them no more.
async fn count_signs(connection: &mut PgConnection, parts: &[(Uuid, Uuid)], by: i64) -> Result<(), sqlx::Error> {
    if parts.is_empty() {
        return Ok(());
    }
    let upsert = sqlx::query(
        "INSERT INTO learner.fragment_sign AS s (form, kind, sign, good)
         SELECT form, said.kind, said.sign, $3 * count(*)
         FROM unnest($1::uuid[], $2::uuid[]) AS asked(task_id, form) JOIN learner.fragment f USING (task_id, form),
              unnest(f.kinds, f.signs) AS said(kind, sign)
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
         ON CONFLICT (form, kind, sign) DO UPDATE SET good = s.good + excluded.good",
    );
    let upsert = upsert
        .bind(column(parts, |part| part.0))
        .bind(column(parts, |part| part.1))
        .bind(by);
    upsert.execute(&mut *connection).await?;
    if by < 0 {
        let delete = sqlx::query("DELETE FROM learner.fragment_sign WHERE form = ANY($1) AND good <= 0");
        delete.bind(column(parts, |part| part.1)).execute(connection).await?;
    }
    Ok(())
}

/// Puts right what feedback changed of a task's evidence. The forms of its parts.
pub(super) async fn reconsider(
    connection: &mut PgConnection,
    task: Uuid,
    rules: &Rules,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let update = sqlx::query_as(
        "UPDATE learner.fragment f SET good = NOT f.good FROM learner.evidence e
         WHERE f.task_id = $1 AND e.task_id = $1 AND f.good <> (e.succeeded AND NOT e.withdrawn) RETURNING f.form, f.good",
    );
    let changed: Vec<(Uuid, bool)> = update.bind(task).fetch_all(&mut *connection).await?;
    let forms: Vec<Uuid> = column(&changed, |(form, _)| *form);
    let by = if changed.iter().any(|(_, good)| *good) { 1 } else { -1 };
    let update = sqlx::query("UPDATE learner.pattern SET evidence = evidence + $2 WHERE form = ANY($1)");
    update.bind(&forms).bind(by).execute(&mut *connection).await?;
    count_signs(connection, &column(&forms, |form| (task, *form)), by).await?;
    show(connection, &forms, rules).await?;
    settled(connection, &[task]).await?;
    Ok(forms)
}

/// Tasks whose evidence an earlier version beside this one changed or took away, without the parts. Some at a time.
pub(super) async fn overlooked(connection: &mut PgConnection) -> Result<Vec<Overlooked>, sqlx::Error> {
    let select = sqlx::query(
        "SELECT s.task_id, e.task_id IS NULL AS erased FROM learner.fragment_stale s
         LEFT JOIN learner.evidence e USING (task_id) ORDER BY 1 LIMIT $1",
    );
    let rows = select.bind(PAGE).fetch_all(connection).await?;
    let read = rows.iter().map(|row| {
        Ok(Overlooked {
            task: row.try_get("task_id")?,
            erased: row.try_get("erased")?,
        })
    });
    read.collect()
}

/// A task whose parts are not what its evidence says.
pub(super) struct Overlooked {
    pub task: Uuid,
    /// There is no evidence any more.
    pub erased: bool,
}

async fn settled(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM learner.fragment_stale WHERE task_id = ANY($1)");
    delete.bind(tasks).execute(connection).await.map(drop)
}

/// Takes back the parts of tasks that are erased; their forms. Sums are for the caller to make again, before [`show`].
pub(super) async fn forget(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    let select = sqlx::query_as("SELECT task_id, form FROM learner.fragment WHERE task_id = ANY($1) AND good");
    let good: Vec<(Uuid, Uuid)> = select.bind(tasks).fetch_all(&mut *connection).await?;
    count_signs(connection, &good, -1).await?;
    let delete = sqlx::query_scalar("DELETE FROM learner.fragment WHERE task_id = ANY($1) RETURNING form");
    let mut forms: Vec<Uuid> = delete.bind(tasks).fetch_all(&mut *connection).await?;
    settled(connection, tasks).await?;
    forms.sort_unstable();
    forms.dedup();
    Ok(forms)
}

/// Lets those of these forms be patterns that tell something, as their oldest success did it, and no others.
pub(super) async fn show(connection: &mut PgConnection, forms: &[Uuid], rules: &Rules) -> Result<(), sqlx::Error> {
    if forms.is_empty() {
        return Ok(());
    }
    let select = sqlx::query(
        "SELECT form, exemplar, tells.oldest FROM learner.pattern p, LATERAL (
             SELECT CASE WHEN ($2 <= (SELECT count(*) FROM (SELECT FROM learner.fragment_sign s WHERE s.form = p.form AND s.kind = $3 LIMIT $2) AS intents)
                            OR $2 <= (SELECT count(*) FROM (SELECT FROM learner.fragment_sign s WHERE s.form = p.form AND s.kind = $4 LIMIT $2) AS users))
                           AND NOT EXISTS (SELECT FROM learner.fragment_sign s WHERE s.form = p.form AND s.kind = $5 AND s.good >= p.evidence)
                           AND NOT EXISTS (SELECT FROM learner.fragment_sign s WHERE s.form = p.form AND s.kind = $6 AND s.good >= p.evidence)
                    THEN (SELECT f.task_id FROM learner.fragment f WHERE f.form = p.form AND f.good
                          ORDER BY f.finished_at, f.task_id LIMIT 1) END AS oldest
         ) AS tells
         WHERE form = ANY($1) AND kind = 'fragment' AND tells.oldest IS DISTINCT FROM exemplar",
    );
    let select = select
        .bind(forms)
        .bind(i64::from(rules.fragment_support))
        .bind(Sign::Intent.number())
        .bind(Sign::User.number())
        .bind(Sign::Within.number())
        .bind(Sign::Whole.number());
    for row in select.fetch_all(&mut *connection).await? {
        let form: Uuid = row.try_get("form")?;
        show_nothing(connection, form).await?;
        if let Some(oldest) = row.try_get("oldest")? {
            show_as(connection, form, oldest).await?;
        }
    }
    Ok(())
}

async fn show_as(connection: &mut PgConnection, form: Uuid, task: Uuid) -> Result<(), sqlx::Error> {
    let select = sqlx::query("SELECT tenant, finished_at, record FROM learner.record WHERE task_id = $1");
    let Some(row) = select.bind(task).fetch_optional(&mut *connection).await? else {
        return Ok(());
    };
    let (tenant, raw): (String, String) = (row.try_get("tenant")?, row.try_get("record")?);
    let finished_at: DateTime<Utc> = row.try_get("finished_at")?;
    let exemplar = lesson(&tenant, &raw, 0.0).and_then(|lesson| lesson.exemplar_of(form));
    let shown = exemplar.as_ref().map(|exemplar| Shown {
        task,
        form,
        finished_at,
        exemplar,
    });
    evidence::note_exemplars(connection, shown.as_slice()).await
}

#[cfg(test)]
impl crate::store::Store {
    /// As after an upgrade from before there were parts.
    pub async fn forget_parts(&self) {
        for statement in [
            "TRUNCATE learner.fragment, learner.fragment_sign",
            "DELETE FROM learner.pattern WHERE kind = 'fragment'",
            "UPDATE learner.record SET mined = false",
        ] {
            sqlx::query(statement).execute(&self.pool).await.unwrap();
        }
    }

    /// As a learner does that knows of no parts, when a task is disliked.
    pub async fn withdraw_as_before(&self, task: Uuid) {
        let update = sqlx::query("UPDATE learner.evidence SET withdrawn = true WHERE task_id = $1");
        update.bind(task).execute(&self.pool).await.unwrap();
    }

    /// As a learner does that knows of no parts, when the user who asked for a task is erased.
    pub async fn erase_as_before(&self, task: Uuid) {
        for statement in [
            "DELETE FROM learner.evidence WHERE task_id = $1",
            "UPDATE learner.pattern SET template = NULL, slots = NULL, intent = NULL, subject = NULL, exemplar = NULL,
                    counted_task = NULL
             WHERE kind = 'plan' AND exemplar = $1",
            "DELETE FROM learner.record WHERE task_id = $1",
        ] {
            sqlx::query(statement).bind(task).execute(&self.pool).await.unwrap();
        }
    }

    /// Whether what is counted of parts is what the rows say, and there is something to count.
    pub async fn signs_are_sums(&self) -> bool {
        let select = sqlx::query_scalar(
            "WITH rows AS (
                 SELECT form, said.kind, said.sign, count(*) AS good FROM learner.fragment f, unnest(kinds, signs) AS said(kind, sign)
                 WHERE good GROUP BY 1, 2, 3
             )
             SELECT (SELECT count(*) FROM rows) > 0
                AND NOT EXISTS (SELECT * FROM rows EXCEPT SELECT form, kind, sign, good FROM learner.fragment_sign)
                AND NOT EXISTS (SELECT form, kind, sign, good FROM learner.fragment_sign EXCEPT SELECT * FROM rows)",
        );
        select.fetch_one(&self.pool).await.unwrap()
    }
}
