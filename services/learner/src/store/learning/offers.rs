//! What became of offers.

use super::{Planless, Studied, column};
use crate::lesson::lesson;
use serde::Deserialize;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;
use workflow::plan::{Plan, containment, similarity};

/// From here on a plan follows a pattern, and from here on in part.
const ADOPTED: f64 = 0.8;
const ADAPTED: f64 = 0.4;

/// Whether a plan follows a pattern, by what they have in common.
fn decision(similarity: f64) -> &'static str {
    match similarity {
        s if s >= ADOPTED => "adopted",
        s if s >= ADAPTED => "adapted",
        _ => "refused",
    }
}

/// Tells by the executed plans what became of offers; the tasks with offers. Every task that was to be offered something
/// counts, whether or not its planner waited for the answer, and whatever it was told when it planned again: who is left out
/// must not depend on how planning went.
pub(super) async fn decide(connection: &mut PgConnection, lessons: &[&Studied]) -> Result<Vec<Uuid>, sqlx::Error> {
    let asked: BTreeMap<Uuid, &Studied> = lessons.iter().map(|lesson| (lesson.task, *lesson)).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let offers = sqlx::query(
        "SELECT o.task_id, o.pattern_id, o.withheld, o.passed, p.form, p.template, p.kind FROM learner.offer o
         JOIN learner.pattern p USING (pattern_id) WHERE o.task_id = ANY($1)",
    );
    let offers = offers.bind(asked.keys().copied().collect::<Vec<Uuid>>());
    let offers = offers.fetch_all(&mut *connection).await?;
    let (mut tasks, mut patterns, mut decisions, mut alike) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in offers {
        let task: Uuid = row.try_get("task_id")?;
        let kept_back = kept_back(&row)?;
        let Some(studied) = asked.get(&task) else {
            continue;
        };
        let is_part = row.try_get::<&str, _>("kind")? == "fragment";
        let template: Option<String> = match row.try_get("template")? {
            None => as_ran(connection, row.try_get("form")?, is_part).await?,
            shown => shown,
        };
        let common = if is_part { containment } else { similarity };
        let share = shared(template.as_deref(), &studied.lesson.plan, common);
        tasks.push(task);
        patterns.push(row.try_get::<Uuid, _>("pattern_id")?);
        decisions.push(kept_back.unwrap_or_else(|| decision(share)));
        alike.push(share);
    }
    let insert = sqlx::query(
        "INSERT INTO learner.pattern_use (task_id, pattern_id, tenant, decision, similarity, quality, succeeded, finished_at)
         SELECT n.task_id, n.pattern_id, e.tenant, n.decision, n.similarity, e.quality,
                e.succeeded AND NOT e.withdrawn, e.finished_at
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[]) AS n(task_id, pattern_id, decision, similarity)
         JOIN learner.evidence e USING (task_id)
         ON CONFLICT DO NOTHING",
    );
    insert
        .bind(&tasks)
        .bind(patterns)
        .bind(decisions)
        .bind(alike)
        .execute(connection)
        .await?;
    Ok(tasks)
}

/// How a form is done that is shown no more since it was offered: as any task that ran it did, for what is compared is the
/// same of all of them. None: those are erased.
async fn as_ran(connection: &mut PgConnection, form: Uuid, is_part: bool) -> Result<Option<String>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT r.tenant, r.record FROM learner.ran JOIN learner.record r USING (task_id) WHERE ran.form = $1 LIMIT 1",
    );
    let ran: Option<(String, String)> = select.bind(form).fetch_optional(connection).await?;
    let lesson = ran.and_then(|(tenant, raw)| lesson(&tenant, &raw, 0.0));
    let exemplar = lesson.and_then(|lesson| match is_part {
        true => lesson.exemplar_of(form),
        false => lesson.exemplar,
    });
    Ok(exemplar.map(|exemplar| exemplar.template))
}

/// Why a pattern was not shown to the planner; none: it was.
fn kept_back(row: &PgRow) -> Result<Option<&'static str>, sqlx::Error> {
    let (withheld, passed): (bool, bool) = (row.try_get("withheld")?, row.try_get("passed")?);
    Ok(match (passed, withheld) {
        (true, _) => Some("passed"),
        (_, true) => Some("withheld"),
        _ => None,
    })
}

/// Where a task never had a plan, its offers count by what was to be: without them the failures that an offer brings
/// about would be left out of what is said of it. The tasks with offers.
pub(super) async fn decide_planless(
    connection: &mut PgConnection,
    tasks: &[Planless],
) -> Result<Vec<Uuid>, sqlx::Error> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let insert = sqlx::query_scalar(
        "INSERT INTO learner.pattern_use (task_id, pattern_id, tenant, decision, similarity, succeeded, finished_at)
         SELECT task_id, o.pattern_id, n.tenant,
                CASE WHEN o.passed THEN 'passed' WHEN o.withheld THEN 'withheld' ELSE 'refused' END, 0, false, n.finished_at
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS n(task_id, tenant, finished_at)
         JOIN learner.offer o USING (task_id)
         ON CONFLICT DO NOTHING RETURNING task_id",
    );
    let insert = insert
        .bind(column(tasks, |task| task.task))
        .bind(column(tasks, |task| task.tenant.clone()))
        .bind(column(tasks, |task| task.finished_at));
    let mut decided: Vec<Uuid> = insert.fetch_all(connection).await?;
    decided.sort_unstable();
    decided.dedup();
    Ok(decided)
}

fn shared(template: Option<&str>, plan: &Plan, common: fn(&Plan, &Plan) -> f64) -> f64 {
    let pattern = template
        .and_then(|template| serde_json::from_str::<Value>(template).ok())
        .and_then(|template| Plan::deserialize(template).ok());
    pattern.map_or(0.0, |pattern| common(&pattern, plan))
}

/// Adds what became of the offers of these tasks to the patterns.
pub(super) async fn add_uses(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<(), sqlx::Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let update = sqlx::query(
        "UPDATE learner.pattern p SET offered = p.offered + n.offered, adopted = p.adopted + n.adopted,
                adapted = p.adapted + n.adapted, refused = p.refused + n.refused,
                offered_went_well = p.offered_went_well + n.offered_went_well, withheld = p.withheld + n.withheld,
                withheld_went_well = p.withheld_went_well + n.withheld_went_well
         FROM (
             SELECT pattern_id, count(*) FILTER (WHERE decision NOT IN ('withheld', 'passed')) AS offered,
                    count(*) FILTER (WHERE decision = 'adopted') AS adopted,
                    count(*) FILTER (WHERE decision = 'adapted') AS adapted,
                    count(*) FILTER (WHERE decision = 'refused') AS refused,
                    count(*) FILTER (WHERE decision NOT IN ('withheld', 'passed') AND succeeded) AS offered_went_well,
                    count(*) FILTER (WHERE decision = 'withheld') AS withheld,
                    count(*) FILTER (WHERE decision = 'withheld' AND succeeded) AS withheld_went_well
             FROM learner.pattern_use WHERE task_id = ANY($1) GROUP BY pattern_id
         ) AS n
         WHERE p.pattern_id = n.pattern_id",
    );
    update.bind(tasks).execute(connection).await.map(drop)
}

/// Counts a task's success no longer where it was offered or withheld, or counts it again.
pub(super) async fn reconsider(connection: &mut PgConnection, task: Uuid, withdrawn: bool) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.pattern p SET
             offered_went_well = p.offered_went_well + CASE WHEN u.decision IN ('withheld', 'passed') THEN 0 ELSE $2 END,
             withheld_went_well = p.withheld_went_well + CASE WHEN u.decision = 'withheld' THEN $2 ELSE 0 END
         FROM learner.pattern_use u WHERE u.task_id = $1 AND p.pattern_id = u.pattern_id",
    );
    let by = if withdrawn { -1_i64 } else { 1 };
    update.bind(task).bind(by).execute(connection).await.map(drop)
}

#[cfg(test)]
impl crate::store::Store {
    /// As a learner does that does not know of tasks that went well.
    pub async fn count_as_before(&self) {
        for statement in [
            "UPDATE learner.pattern_use SET succeeded = false",
            "UPDATE learner.pattern SET offered_went_well = 0, withheld = 0, withheld_went_well = 0",
        ] {
            sqlx::query(statement).execute(&self.pool).await.unwrap();
        }
    }

    /// What became of offers: task, decision, whether it went well.
    pub async fn pattern_uses(&self) -> Vec<(Uuid, String, bool)> {
        let select = sqlx::query_as("SELECT task_id, decision, succeeded FROM learner.pattern_use ORDER BY task_id");
        select.fetch_all(&self.pool).await.unwrap()
    }

    /// Whether what patterns count of their offers is what the rows say, and there is something to count.
    pub async fn counts_are_sums(&self) -> bool {
        let select = sqlx::query_scalar(
            "SELECT coalesce(bool_and(p.offered_went_well = n.offered AND p.withheld = n.withheld
                                      AND p.withheld_went_well = n.well), false) AND sum(n.offered) > 0 AND sum(n.well) > 0
             FROM learner.pattern p, LATERAL (
                 SELECT count(*) FILTER (WHERE decision NOT IN ('withheld', 'passed') AND succeeded) AS offered,
                        count(*) FILTER (WHERE decision = 'withheld') AS withheld,
                        count(*) FILTER (WHERE decision = 'withheld' AND succeeded) AS well
                 FROM learner.pattern_use u WHERE u.pattern_id = p.pattern_id
             ) AS n WHERE p.template IS NOT NULL",
        );
        select.fetch_one(&self.pool).await.unwrap()
    }
}
