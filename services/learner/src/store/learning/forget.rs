//! Taking back what was learned of tasks that are erased.

use super::{choose_exemplar, fragments, reconsider, standing};
use crate::store::Rules;
use sqlx::PgConnection;
use uuid::Uuid;

/// What was made of them is made again of what is left. Answers how many patterns that changed. Under the lock.
pub async fn forget(connection: &mut PgConnection, tasks: &[Uuid], rules: &Rules) -> Result<u64, sqlx::Error> {
    // Before their evidence: what goes with them is not to be put right later.
    let parts = fragments::forget(connection, tasks).await?;
    let evidence = sqlx::query_scalar("DELETE FROM learner.evidence WHERE task_id = ANY($1) RETURNING form");
    let mut forms: Vec<Uuid> = evidence.bind(tasks).fetch_all(&mut *connection).await?;
    forms.sort_unstable();
    forms.dedup();
    let uses = sqlx::query_scalar("DELETE FROM learner.pattern_use WHERE task_id = ANY($1) RETURNING pattern_id");
    let used: Vec<Uuid> = uses.bind(tasks).fetch_all(&mut *connection).await?;
    let offers = sqlx::query("DELETE FROM learner.offer WHERE task_id = ANY($1)");
    offers.bind(tasks).execute(&mut *connection).await?;
    let all: Vec<Uuid> = forms.iter().chain(&parts).copied().collect();
    sum_up(connection, &all).await?;
    for form in &forms {
        choose_exemplar(connection, *form).await?;
    }
    fragments::show(connection, &parts, rules).await?;
    let counted = sqlx::query(
        "UPDATE learner.pattern SET counted_task = NULL
         WHERE (form = ANY($1) OR pattern_id = ANY($2)) AND counted_task = ANY($3)",
    );
    let counted = counted.bind(&all).bind(&used).bind(tasks);
    counted.execute(&mut *connection).await?;
    count_uses(connection, &used).await?;
    let mut touched = standing::touched(connection, &all, &[]).await?;
    touched.extend(used);
    standing::settle(connection, &touched, rules).await?;
    Ok(forms.len() as u64)
}

/// Puts right what of these tasks' evidence rested on feedback that is gone.
pub async fn reconsider_all(
    connection: &mut PgConnection,
    tasks: &[Uuid],
    tenant: &str,
    rules: &Rules,
) -> Result<(), sqlx::Error> {
    for task in tasks {
        reconsider(connection, *task, tenant, rules).await?;
    }
    Ok(())
}

async fn sum_up(connection: &mut PgConnection, forms: &[Uuid]) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.pattern p SET
             tasks = n.tasks, evidence = n.evidence, judged = n.judged, quality_sum = n.quality_sum,
             quality_squares = n.quality_squares, first_at = n.first_at, last_at = n.last_at
         FROM (
             SELECT f.form, count(e.task_id) AS tasks, count(e.task_id) FILTER (WHERE good) AS evidence,
                    count(quality) AS judged, coalesce(sum(quality), 0) AS quality_sum,
                    coalesce(sum(quality * quality), 0) AS quality_squares,
                    min(finished_at) AS first_at, max(finished_at) AS last_at
             FROM unnest($1::uuid[]) AS f(form) LEFT JOIN learner.ran e USING (form) GROUP BY f.form
         ) AS n
         WHERE p.form = n.form",
    );
    update.bind(forms).execute(connection).await.map(drop)
}

/// Counts what became of the offers of these patterns by the rows.
pub(super) async fn count_uses(connection: &mut PgConnection, patterns: &[Uuid]) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.pattern p SET offered = n.offered, adopted = n.adopted, adapted = n.adapted, refused = n.refused,
                offered_went_well = n.offered_went_well, withheld = n.withheld, withheld_went_well = n.withheld_went_well
         FROM (
             SELECT a.id, count(u.task_id) FILTER (WHERE decision NOT IN ('withheld', 'passed')) AS offered,
                    count(u.task_id) FILTER (WHERE decision = 'adopted') AS adopted,
                    count(u.task_id) FILTER (WHERE decision = 'adapted') AS adapted,
                    count(u.task_id) FILTER (WHERE decision = 'refused') AS refused,
                    count(u.task_id) FILTER (WHERE decision NOT IN ('withheld', 'passed') AND succeeded) AS offered_went_well,
                    count(u.task_id) FILTER (WHERE decision = 'withheld') AS withheld,
                    count(u.task_id) FILTER (WHERE decision = 'withheld' AND succeeded) AS withheld_went_well
             FROM (SELECT DISTINCT unnest($1::uuid[])) AS a(id)
             LEFT JOIN learner.pattern_use u ON u.pattern_id = a.id GROUP BY a.id
         ) AS n
         WHERE p.pattern_id = n.id",
    );
    update.bind(patterns).execute(connection).await.map(drop)
}
