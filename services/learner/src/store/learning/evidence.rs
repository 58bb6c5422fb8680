//! Evidence, and the patterns summed up from it.

use super::{Studied, column};
use crate::lesson::Exemplar;
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Tasks that are new, and whether each is withdrawn already.
pub(super) async fn insert(
    connection: &mut PgConnection,
    lessons: &[Studied],
) -> Result<BTreeMap<Uuid, bool>, sqlx::Error> {
    let insert = sqlx::query_as(
        "INSERT INTO learner.evidence (task_id, tenant, form, succeeded, withdrawn, quality, finished_at)
         SELECT task_id, tenant, form, succeeded, learner.is_disliked(task_id, tenant), quality, finished_at
         FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bool[], $5::float8[], $6::timestamptz[])
              AS n(task_id, tenant, form, succeeded, quality, finished_at)
         ON CONFLICT DO NOTHING RETURNING task_id, withdrawn",
    );
    let insert = insert
        .bind(column(lessons, |l| l.task))
        .bind(column(lessons, |l| l.tenant.clone()))
        .bind(column(lessons, |l| l.lesson.form))
        .bind(column(lessons, |l| l.lesson.succeeded))
        .bind(column(lessons, |l| l.quality))
        .bind(column(lessons, |l| l.finished_at));
    let new: Vec<(Uuid, bool)> = insert.fetch_all(connection).await?;
    Ok(new.into_iter().collect())
}

/// A row for every form seen, that failures before the first success count too.
pub(super) async fn insert_patterns(connection: &mut PgConnection, lessons: &[&Studied]) -> Result<(), sqlx::Error> {
    let forms: BTreeMap<Uuid, &str> = lessons.iter().map(|l| (l.lesson.form, l.tenant.as_str())).collect();
    let insert = sqlx::query(
        "INSERT INTO learner.pattern (pattern_id, form, tenant)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[]) ON CONFLICT (form) DO NOTHING",
    );
    let insert = insert
        .bind(forms.keys().map(|_| service::ids::v7()).collect::<Vec<Uuid>>())
        .bind(forms.keys().copied().collect::<Vec<Uuid>>())
        .bind(forms.values().copied().collect::<Vec<&str>>());
    insert.execute(connection).await.map(drop)
}

/// How a form is done again, as a success of it did.
pub(super) struct Shown<'l> {
    pub task: Uuid,
    pub form: Uuid,
    pub finished_at: DateTime<Utc>,
    pub exemplar: &'l Exemplar,
}

/// The success that ended first, of those not withdrawn, shows the way, whatever the order in which tasks are told of.
pub(super) async fn note_exemplars(connection: &mut PgConnection, shown: &[Shown<'_>]) -> Result<(), sqlx::Error> {
    let text = |of: fn(&Exemplar) -> &str| -> Vec<&str> { shown.iter().map(|shown| of(shown.exemplar)).collect() };
    let update = sqlx::query(
        "UPDATE learner.pattern p SET exemplar = n.task_id, exemplar_at = n.finished_at, intent = n.intent,
                subject = n.subject, template = n.template, slots = n.slots,
                tools = ARRAY(SELECT jsonb_array_elements_text(n.tools::jsonb))
         FROM (
             SELECT DISTINCT ON (form) * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[],
                                                     $6::text[], $7::text[], $8::text[])
                    AS given(task_id, form, finished_at, intent, subject, template, slots, tools)
             ORDER BY form, finished_at, task_id
         ) AS n
         WHERE p.form = n.form
           AND (p.exemplar IS NULL OR (n.finished_at, n.task_id) < (p.exemplar_at, p.exemplar))",
    );
    let tools = shown.iter().map(|shown| json!(shown.exemplar.tools).to_string());
    let update = update
        .bind(column(shown, |shown| shown.task))
        .bind(column(shown, |shown| shown.form))
        .bind(column(shown, |shown| shown.finished_at))
        .bind(text(|exemplar| &exemplar.intent))
        .bind(text(|exemplar| &exemplar.subject))
        .bind(text(|exemplar| &exemplar.template))
        .bind(text(|exemplar| &exemplar.slots))
        .bind(tools.collect::<Vec<String>>());
    update.execute(connection).await.map(drop)
}

/// Adds what came of these tasks to the patterns of these forms that they ran.
pub(super) async fn add(connection: &mut PgConnection, ran: &[(Uuid, Uuid)]) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.pattern p SET
             tasks = p.tasks + n.tasks, evidence = p.evidence + n.evidence, judged = p.judged + n.judged,
             quality_sum = p.quality_sum + n.quality_sum, quality_squares = p.quality_squares + n.quality_squares,
             first_at = least(p.first_at, n.first_at), last_at = greatest(p.last_at, n.last_at)
         FROM (
             SELECT form, count(*) AS tasks, count(*) FILTER (WHERE good) AS evidence,
                    count(quality) AS judged, coalesce(sum(quality), 0) AS quality_sum,
                    coalesce(sum(quality * quality), 0) AS quality_squares,
                    min(finished_at) AS first_at, max(finished_at) AS last_at
             FROM learner.ran JOIN (
                 SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[])
             ) AS asked(task_id, form) USING (task_id, form) GROUP BY form
         ) AS n
         WHERE p.form = n.form",
    );
    let update = update.bind(column(ran, |ran| ran.0)).bind(column(ran, |ran| ran.1));
    update.execute(connection).await.map(drop)
}
