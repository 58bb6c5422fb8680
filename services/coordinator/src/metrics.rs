//! What the coordinator counts.

use crate::tenant_budgets::{TenantBudget, Used};
use crate::work::account::{Account, KeptCall};
use contracts::gen_ai as attribute;
use service::metrics::{Counter, Registry, gen_ai, names};
use std::collections::BTreeMap;
use std::time::Duration;
use workflow::agreement::Counts;
use workflow::judge::{Figures, Judge, Judges};

/// Judges with series of their own.
const MOST_JUDGES: usize = 16;

/// Handles on the coordinator's counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    applied: Counter,
    batches: Counter,
    conflicts: Counter,
    quarantined: Counter,
    busy_micros: Counter,
    swept: Counter,
    /// Calls are labelled by who was called.
    registry: Registry,
}

impl Metrics {
    pub fn new(registry: &Registry) -> Self {
        Self {
            applied: registry.counter(names::INPUTS, &[("outcome", "applied")]),
            conflicts: registry.counter(names::INPUTS, &[("outcome", "conflict")]),
            batches: registry.counter(names::BATCHES, &[]),
            quarantined: registry.counter(names::QUARANTINED, &[]),
            busy_micros: registry.counter(names::WRITER_BUSY, &[]),
            swept: registry.counter(names::SWEPT, &[]),
            registry: registry.clone(),
        }
    }

    /// A commit wrote this many tasks.
    pub fn committed(&self, tasks: usize) {
        self.batches.inc();
        self.applied.add(tasks as u64);
    }

    /// A batch was written, which took so long.
    pub fn batch_seconds(&self, took: Duration) {
        self.busy_micros
            .add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// A version guard failed: another replica was first.
    pub fn conflict(&self) {
        self.conflicts.inc();
    }

    pub fn quarantined(&self) {
        self.quarantined.inc();
    }

    pub fn swept(&self, tasks: usize) {
        self.swept.add(tasks as u64);
    }

    /// What became of an event that a webhook was to be told of.
    pub fn webhook(&self, webhook: &str, outcome: &str) {
        let labels = [("webhook", webhook), ("outcome", outcome)];
        self.registry.counter(names::WEBHOOK_EVENTS, &labels).inc();
    }

    /// What a tenant may spend in its window, and has spent or set aside.
    #[expect(clippy::cast_precision_loss, reason = "a figure for dashboards")]
    pub fn tenant_budget(&self, tenant: &str, budget: &TenantBudget, used: Used) {
        let (limit, all) = (budget.limit, used.all());
        let units = [
            ("usd", limit.usd_micros, all.usd_micros, 1e6),
            ("tokens", limit.tokens, all.tokens, 1.0),
            ("calls", limit.calls, all.calls, 1.0),
        ];
        for (unit, limit, used, scale) in units {
            let Some(limit) = limit else { continue };
            let labels = [("tenant", tenant), ("unit", unit)];
            let gauge = |name| self.registry.gauge(name, &labels);
            gauge(names::TENANT_BUDGET_LIMIT).set(limit as f64 / scale);
            gauge(names::TENANT_BUDGET_USED).set(used as f64 / scale);
        }
    }

    /// Events a webhook has not taken yet.
    pub fn waiting_for_webhook(&self, webhook: &str, events: i64) {
        #[expect(clippy::cast_precision_loss, reason = "rows of a table are far below 2^52")]
        let events = events as f64;
        self.registry
            .gauge(names::WEBHOOK_WAITING, &[("webhook", webhook)])
            .set(events);
    }

    /// How far people agree with judges, whoever's they are. Of more judges than are shown those with most labels count.
    pub fn judges(&self, judges: &Judges) {
        let series = [names::JUDGE_AGREEMENT, names::JUDGE_KAPPA, names::JUDGE_LABELS];
        series.into_iter().for_each(|metric| self.registry.forget(metric));
        for (judge, figures) in most_labelled(judges) {
            let (models, prompts) = (judge.models.join("+"), judge.prompts.join("+"));
            for (dimension, counts) in figures {
                let labels = [
                    ("model", &*models),
                    ("prompt", &*prompts),
                    ("dimension", dimension.as_str()),
                ];
                #[expect(clippy::cast_precision_loss, reason = "counts of decisions are far below 2^52")]
                let n = counts.n() as f64;
                let values = [counts.agreement().value, counts.kappa().value, Some(n)];
                for (metric, value) in series.into_iter().zip(values) {
                    if let Some(value) = value {
                        self.registry.gauge(metric, &labels).set(value);
                    }
                }
            }
        }
    }

    /// What a run called, of models and tools.
    pub fn called(&self, account: &Account) {
        for call in &account.calls {
            match call.kind.as_str() {
                "model" => self.model_called(call),
                "tool" => self.tool_called(call),
                _ => {}
            }
        }
    }

    fn model_called(&self, call: &KeptCall) {
        let labels = [
            (attribute::OPERATION_NAME, attribute::CHAT),
            (attribute::PROVIDER_NAME, call.provider.as_str()),
            (attribute::REQUEST_MODEL, call.model.as_str()),
        ];
        let duration = with(&labels, (attribute::ERROR_TYPE, &call.error));
        self.registry
            .histogram(gen_ai::OPERATION_DURATION, &duration)
            .record(call.duration_seconds);
        let Some(usage) = &call.usage else { return };
        for (kind, tokens) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
            let labels = with(&labels, (attribute::TOKEN_TYPE, kind));
            #[expect(clippy::cast_precision_loss, reason = "tokens of a call are far below 2^52")]
            let tokens = tokens as f64;
            self.registry.histogram(gen_ai::TOKEN_USAGE, &labels).record(tokens);
        }
    }

    fn tool_called(&self, call: &KeptCall) {
        // A model may ask for any name; those that are none would fill the registry.
        let name = match call.error.as_str() {
            "tool_unknown" => "_OTHER",
            _ => call.name.as_str(),
        };
        let labels = [
            (attribute::OPERATION_NAME, attribute::EXECUTE_TOOL),
            (attribute::TOOL_NAME, name),
        ];
        let labels = with(&labels, (attribute::ERROR_TYPE, &call.error));
        self.registry
            .histogram(gen_ai::EXECUTE_TOOL_DURATION, &labels)
            .record(call.duration_seconds);
    }
}

/// All tenants together.
fn most_labelled(judges: &Judges) -> Vec<(&Judge, Figures)> {
    let mut sums: BTreeMap<&Judge, Figures> = BTreeMap::new();
    for (judge, figures) in judges.all() {
        let sum = sums.entry(judge).or_default();
        for (dimension, counts) in figures {
            let known = sum.entry(dimension.clone()).or_default();
            *known = known.plus(*counts);
        }
    }
    let mut sums: Vec<(&Judge, Figures)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.values().map(Counts::n).sum::<u64>()));
    sums.truncate(MOST_JUDGES);
    sums
}

/// With one more label, unless it says nothing.
fn with<'a>(labels: &[(&'a str, &'a str)], more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    let more = Some(more).filter(|(_, value)| !value.is_empty());
    labels.iter().copied().chain(more).collect()
}
