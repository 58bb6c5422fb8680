//! Patterns: what a planning recalls of them, what people see and decide.

pub mod choice;
pub mod direction;
mod document;
mod fillable;
mod fragments;
pub mod fusion;
mod meaning;
mod review;
pub mod standing;
mod transfer;

pub use meaning::Embedding;
pub use review::Review;

use crate::interval::{Estimate, Sample, uplift};
use crate::store::{Fitting, Given, Question, Store, StoreError};
use choice::{Arm, drawn};
use chrono::{DateTime, TimeDelta};
use contracts::learner::{Pattern, RecallRequest, RecallResponse, Scores, Uplift};
use fusion::{fused, together};
use meaning::Ranking;
use serde_json::Value;
use service::config::{LearningConfig, OfferFrom};
use standing::State;
use std::sync::Arc;
use uuid::Uuid;
use workflow::hash::Fingerprint;

/// Most whole plans offered to one planning.
const MOST_PLANS: usize = 5;
/// Most parts of plans.
const MOST_FRAGMENTS: usize = 3;
/// Of each kind so many are looked at: some are of no use here.
const MOST_FITTING: usize = 10;
/// Requests are matched by so many characters.
const MAX_QUESTION_CHARS: usize = 20_000;
/// Scores of tasks that ended in so many days are compared. A pattern that is not shown any more, because it was worse, is
/// forgotten to be after them and shown again.
const COMPARED: TimeDelta = TimeDelta::days(30);

/// Answers from patterns. Clones are the same.
#[derive(Clone)]
pub struct Patterns {
    store: Store,
    config: LearningConfig,
    ranking: Arc<Ranking>,
}

impl Patterns {
    /// Over the store's patterns.
    pub fn new(store: Store, config: LearningConfig) -> Self {
        Self {
            store,
            config,
            ranking: Arc::default(),
        }
    }

    /// What fits a request, chosen by lot; nothing where the task is held out, or the lots favour a plan from scratch. A
    /// task that is planned again is given what it was given before, as far as that still fits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn recall(&self, task: Uuid, request: RecallRequest) -> Result<RecallResponse, StoreError> {
        let now = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default();
        let since = now - COMPARED;
        let question = Question {
            since,
            now,
            text: question(&request),
            tenant: request.tenant.clone(),
            tools: request.tool_ids.clone(),
            states: self.offered_states(),
        };
        let best = self.best(&question, &request).await?;
        let mut fitting = self.store.fitting(&question, &best).await?;
        fitting.retain(|pattern| fillable::fillable(&pattern.slots, &pattern.subject, &question.text));
        let mut fitting = fragments::most(fitting, MOST_PLANS, MOST_FRAGMENTS);
        let held_out = self.holds_out(task);
        let mut known = Sample::default();
        if !fitting.is_empty() {
            let ids: Vec<Uuid> = fitting.iter().map(|pattern| pattern.pattern).collect();
            let scratch = self.store.planned_without(&ids, since, now).await?;
            known = scratch.quality;
            let (given, patterns) = match self.store.given(task).await? {
                Some(before) => before,
                None => {
                    let now = chosen(task, &fitting, scratch.tally, held_out);
                    self.store.note_offer(task, now.0, &now.1).await?;
                    now
                }
            };
            fitting = in_order(fitting, if given == Given::Offered { &patterns } else { &[] });
        }
        let patterns = fitting.into_iter().map(told).collect();
        Ok(RecallResponse {
            patterns,
            preferences_json: "{}".to_owned(),
            held_out,
            withheld: scores(known),
            associations: Vec::new(),
            issues: Vec::new(),
        })
    }

    /// What fits best by words, by letters and by meaning.
    async fn best(&self, question: &Question, request: &RecallRequest) -> Result<Vec<Uuid>, StoreError> {
        let near = self.store.near(question);
        let meant = self.ranking.near(&self.store, question, request);
        let (near, meant) = tokio::try_join!(near, meant)?;
        Ok(fused(together(near, meant), self.config.meaning_floor, MOST_FITTING))
    }

    /// Whether a task is planned without memory.
    pub fn holds_out(&self, task: Uuid) -> bool {
        held_out(task, self.config.hold_out_share)
    }

    /// States of patterns that are offered, beside those pinned.
    pub fn offered_states(&self) -> Vec<&'static str> {
        let least = match self.config.offer_from {
            OfferFrom::Candidate => State::Candidate,
            OfferFrom::Trial => State::Trial,
        };
        let offered = [State::Candidate, State::Trial, State::Active];
        offered
            .into_iter()
            .filter(|state| *state >= least)
            .map(State::as_str)
            .collect()
    }
}

/// As the planner is told.
fn told(pattern: Fitting) -> Pattern {
    Pattern {
        uplift: told_uplift(&uplift(pattern.went_well)),
        pattern_id: pattern.pattern.to_string(),
        kind: if pattern.fragment { "fragment" } else { "plan" }.to_owned(),
        intent: pattern.intent,
        plan_json: pattern.template,
        slots_json: pattern.slots,
        evidence: pattern.evidence.unsigned_abs(),
        tasks: pattern.tasks.unsigned_abs(),
        quality: pattern.quality.mean(),
        note: pattern.note.unwrap_or_default(),
        scores: scores(pattern.quality),
        state: pattern.state.as_str().to_owned(),
    }
}

/// What a task is given of the patterns that fit. Whether it is held out does not touch the lots: those held out would have
/// been offered the same.
fn chosen(task: Uuid, fitting: &[Fitting], scratch: standing::Tally, held_out: bool) -> (Given, Vec<Uuid>) {
    let arm = |pattern: &Fitting| Arm {
        pattern: pattern.pattern,
        tally: pattern.tally,
        pinned: pattern.pinned,
    };
    let drawn = drawn(task, &fitting.iter().map(arm).collect::<Vec<_>>(), scratch);
    let drawn = fragments::beside_plans(drawn, fitting);
    match (drawn.is_empty(), held_out) {
        (true, _) => (Given::Passed, fitting.iter().map(|pattern| pattern.pattern).collect()),
        (false, true) => (Given::Withheld, drawn),
        (false, false) => (Given::Offered, drawn),
    }
}

fn in_order(mut fitting: Vec<Fitting>, order: &[Uuid]) -> Vec<Fitting> {
    let place = |pattern: &Fitting| order.iter().position(|id| *id == pattern.pattern);
    fitting.retain(|pattern| place(pattern).is_some());
    fitting.sort_by_key(place);
    fitting
}

fn told_uplift(found: &Estimate) -> Option<Uplift> {
    let [low, high] = found.interval?;
    Some(Uplift {
        value: found.value?,
        low,
        high,
        n: found.n,
    })
}

/// Whether a task is planned without memory: for ever the same answer for the same task.
pub fn held_out(task: Uuid, share: f64) -> bool {
    let hash = Fingerprint::of([b"hold-out".as_slice(), task.as_bytes()]).to_bytes();
    let head = hash
        .iter()
        .take(6)
        .fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    (head as f64) < share * (1_u64 << 48) as f64
}

fn scores(sample: Sample) -> Option<Scores> {
    Some(Scores {
        n: sample.n,
        mean: sample.mean()?,
        deviation: sample.deviation(),
    })
}

/// The request, how and where its result is wanted.
fn question(request: &RecallRequest) -> String {
    let preferences: Value = serde_json::from_str(&request.preferences_json).unwrap_or_default();
    let preferences = preferences.as_object().into_iter().flatten();
    let wishes = preferences.filter_map(|(_, value)| value.as_str());
    let parts = std::iter::once(request.request.as_str())
        .chain(wishes)
        .chain(request.channels.iter().map(String::as_str));
    let text = parts.collect::<Vec<_>>().join("\n");
    text.chars().filter(|c| *c != '\0').take(MAX_QUESTION_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_held_out_for_ever_and_by_its_share() {
        let task = |n: u128| Uuid::from_u128(n << 64 | 7 << 76);
        let count = |share| (0..10_000).filter(|n| held_out(task(*n), share)).count();
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((850..1150).contains(&count(0.1)), "{}", count(0.1));
        // A larger share keeps those that were held out before.
        assert!((0..1000).all(|n| !held_out(task(n), 0.1) || held_out(task(n), 0.2)));
        // Pinned: another function would mix the groups of a running comparison.
        assert_eq!(
            (0..60).filter(|n| held_out(task(*n), 0.1)).collect::<Vec<_>>(),
            [1, 5, 9, 12, 36, 38, 39, 46, 48, 53]
        );
    }
}
