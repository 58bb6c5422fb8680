//! `GET /judges`: how far people agree with whoever judges their tasks.

use serde_json::{Map, Value, json};
use workflow::agreement::{Counts, Measured};
use workflow::judge::{Figures, Judge, Judges, OVERALL};

/// Judges in one answer; those with most decisions.
const MOST: usize = 200;

/// `{floor, window, items, next_cursor}`: a tenant's judges, those with most decisions first.
pub fn judges(judges: &Judges, tenant: &str, days: u32) -> Value {
    let mut known: Vec<(&Judge, &Figures)> = judges.of(tenant).collect();
    let decisions = |figures: &Figures| figures.get(OVERALL).map_or(0, Counts::n);
    known.sort_by_key(|(_, figures)| std::cmp::Reverse(decisions(figures)));
    let item = |(judge, figures): &(&Judge, &Figures)| {
        let distrust = judges.distrust(tenant, judge);
        json!({
            "models": judge.models,
            "prompts": judge.prompts,
            "may_approve": distrust.is_none(),
            "reason": distrust,
            "figures": figures.iter().map(|(name, counts)| (name.clone(), figure(counts, days))).collect::<Map<_, _>>(),
        })
    };
    json!({
        "floor": judges.floor().map(|floor| json!({ "agreement": floor.agreement, "min_labels": floor.min_labels })),
        "window": { "days": days },
        "items": known.iter().take(MOST).map(item).collect::<Vec<_>>(),
        "next_cursor": null,
    })
}

fn figure(counts: &Counts, days: u32) -> Value {
    let n = counts.n();
    let shown = |measured: Measured| json!({ "value": measured.value, "n": n, "interval": measured.interval, "window": { "days": days } });
    json!({
        "n": n,
        "agreement": shown(counts.agreement()),
        "kappa": shown(counts.kappa()),
        "counts": {
            "both_good": counts.both_good,
            "only_judge_good": counts.only_judge_good,
            "only_people_good": counts.only_people_good,
            "both_bad": counts.both_bad,
        },
    })
}
