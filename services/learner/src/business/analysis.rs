//! `GET /business-metrics-analysis`: reads what a question needs, has it compared, and writes the document.

use super::compare::{ALPHA, Needs, Test, compare};
use super::finding::{Finding, Subject};
use super::level::{Level, level_for};
use super::memory;
use super::query::{Asked, Query};
use super::together::{Association, associations};
use super::window::{Sides, Window, Windows, by_series, earlier};
use crate::store::{Arm, Began, Beginning, MOST_TOUCHES, Outcomes, Series, Store, StoreError, Touch};
use crate::success;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use contracts::problem::Problem;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Metrics of one answer, by name.
const MOST_NAMES: i64 = 50;
/// Other tasks that one metric tells of.
const MOST_CONFOUNDERS: usize = 20;
/// Days whose tasks are compared with days of metrics.
const TOGETHER_DAYS: usize = 180;
const MOST_ASSOCIATIONS: usize = 100;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// No ended task of the tenant has this id.
    #[error("there is no such task")]
    NoTask,
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A metric in a segment, and what may be said of it.
#[derive(Debug, Serialize)]
pub struct Entry {
    name: String,
    segment: Option<String>,
    pub(super) level: Option<Level>,
    pub(super) before: Option<f64>,
    pub(super) after: Option<f64>,
    pub(super) effect: Option<f64>,
    pub(super) interval: Option<[f64; 2]>,
    n: usize,
    pub(super) statement: String,
    intervention: Value,
    window: Option<Sided>,
    tests: Vec<Test>,
    /// Other tasks that touched it over the same days; 20 at most.
    confounded_by: Vec<Uuid>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Sided {
    before: Window,
    after: Window,
}

/// When something began, and how that is told.
struct Start {
    windows: Windows,
    document: Value,
    words: String,
}

/// Everything that was read.
struct Read {
    series: Vec<Series>,
    values: BTreeMap<i64, BTreeMap<NaiveDate, f64>>,
    /// Of what began and of others.
    touches: Vec<Touch>,
    /// There are more, which may be anything.
    is_cut: bool,
}

/// Before and after, of each series that is asked about.
struct Compared {
    asked: Vec<Series>,
    entries: Vec<Entry>,
    /// Chance of a claim where nothing happened, of each.
    alpha: f64,
    /// There are, of metrics.
    names: i64,
    series_left_out: i64,
}

async fn compared(store: &Store, query: &Query) -> Result<Compared, AnalysisError> {
    let began = began(store, query).await?;
    let names: Option<Vec<String>> = query.name.clone().map(|name| vec![name]);
    let segment = query.segment.as_deref();
    let of = |names| store.series(&query.tenant, names, segment, MOST_NAMES);
    let (own, total, series_left_out) = of(names.as_deref()).await?;
    let (others, ..) = match query.controls.as_slice() {
        [] => (Vec::new(), 0, 0),
        controls => of(Some(controls)).await?,
    };
    let asked: Vec<Series> = own.iter().filter(|series| is_asked(query, series)).cloned().collect();
    let start = began.as_ref().ok().map(|began| start(query, began));
    let read = read(store, query, start.as_ref(), &own, others).await?;

    // Of many that are looked at, some look as if something had happened (Bonferroni): name one to have it tested alone.
    let alpha = ALPHA / asked.len().max(1) as f64;
    let entries = asked
        .iter()
        .map(|series| match (&start, &began) {
            (Some(start), _) => before_and_after(series, start, query, &read, alpha),
            (None, began) => unanswered(series, began.as_ref().err().copied().unwrap_or(Needs::Beginning)),
        })
        .collect();
    Ok(Compared {
        asked,
        entries,
        alpha,
        names: total,
        series_left_out,
    })
}

/// Before and after of the one series that a question names, in the words of a document; none where it is not there.
///
/// # Errors
/// As [`analyse`].
pub async fn of_one(store: &Store, query: &Query) -> Result<Option<Entry>, AnalysisError> {
    Ok(compared(store, query).await?.entries.into_iter().next())
}

/// Answers a question.
///
/// # Errors
/// When the task that is asked about has not ended, or the database does not answer.
pub async fn analyse(store: &Store, query: Query) -> Result<Value, AnalysisError> {
    let Compared {
        asked,
        mut entries,
        alpha,
        names,
        series_left_out,
    } = compared(store, &query).await?;
    let level = level_for(entries.iter().map(|entry| entry.level));
    let ids: Vec<i64> = asked.iter().map(|series| series.id).collect();
    let (arms, outcomes) = store.arms(&query.tenant, &ids).await?;
    entries.extend(
        asked
            .iter()
            .filter_map(|series| of_memory(series, &arms, &outcomes, alpha)),
    );

    let (together, window) = together(store, &query, &asked).await?;
    let left_out = store.left_out(&query.tenant).await?;
    Ok(json!({
        "metrics": entries,
        "correlations": together,
        "level": level,
        "window": {"days": query.days, "until": rfc3339(query.now), "correlations": window},
        "names": names,
        "names_left_out": (names - MOST_NAMES).max(0),
        "series_left_out": series_left_out,
        "points_left_out": left_out.into_iter().map(|(reason, points)| json!({"reason": reason, "points": points})).collect::<Vec<_>>(),
    }))
}

/// The window of correlations.
fn recent(query: &Query) -> [NaiveDate; 2] {
    let end = query.now.date_naive();
    [earlier(end, TOGETHER_DAYS), end]
}

fn is_asked(query: &Query, series: &Series) -> bool {
    query.segment.as_ref().is_none_or(|segment| *segment == series.segment)
}

/// When it began, or why nothing did.
async fn began(store: &Store, query: &Query) -> Result<Result<Began, Needs>, AnalysisError> {
    let beginning = match query.asked {
        Asked::Since(at) => {
            return Ok(Ok(Began {
                at,
                task: Uuid::nil(),
                status: String::new(),
            }));
        }
        Asked::Of(beginning) => beginning,
    };
    Ok(match (store.began(&query.tenant, beginning).await?, beginning) {
        (None, Beginning::Task(_)) => return Err(AnalysisError::NoTask),
        (None, _) => Err(Needs::Beginning),
        (Some(began), _) if began.status != "completed" => Err(Needs::Completed),
        (Some(began), _) => Ok(began),
    })
}

fn start(query: &Query, began: &Began) -> Start {
    let at = rfc3339(began.at);
    let task = began.task;
    let (document, words) = match query.asked {
        Asked::Since(_) => (json!({"kind": "since", "at": at}), format!("what began at {at}")),
        Asked::Of(Beginning::Task(_)) => (
            json!({"kind": "task", "at": at, "task_id": task}),
            format!("task {task}"),
        ),
        Asked::Of(Beginning::Pattern(pattern)) => (
            json!({"kind": "pattern", "at": at, "task_id": task, "pattern_id": pattern}),
            format!("pattern {pattern}, which ran first at {at}"),
        ),
        Asked::Of(Beginning::FirstTask) => (
            json!({"kind": "first_task", "at": at, "task_id": task}),
            format!("the tasks done since {at}"),
        ),
    };
    Start {
        windows: Windows::around(began.at, query.days, query.now),
        document,
        words,
    }
}

async fn read(
    store: &Store,
    query: &Query,
    start: Option<&Start>,
    own: &[Series],
    others: Vec<Series>,
) -> Result<Read, StoreError> {
    let mut series = own.to_vec();
    series.extend(others.into_iter().filter(|other| !own.contains(other)));
    let Some(start) = start else {
        return Ok(Read {
            series,
            values: BTreeMap::new(),
            touches: Vec::new(),
            is_cut: false,
        });
    };
    let ids: Vec<i64> = series.iter().map(|series| series.id).collect();
    let windows = &start.windows;
    // Today is not over, and its mean will be another one.
    let end = windows.end().min(query.now.date_naive());
    let daily = store.daily(&ids, [windows.first(), end]).await?;
    let names: BTreeSet<String> = series.iter().map(|series| series.name.clone()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let reach = TimeDelta::days(i64::try_from(query.days).unwrap_or_default());
    let pattern = match query.asked {
        Asked::Of(Beginning::Pattern(pattern)) => Some(pattern),
        _ => None,
    };
    let around = [windows.began - reach, windows.began + reach];
    let touches = store.touches(&query.tenant, &names, around, pattern).await?;
    Ok(Read {
        series,
        values: by_series(&daily),
        is_cut: touches.len() >= MOST_TOUCHES,
        touches,
    })
}

/// Whether a task is not part of what began.
fn is_another(query: &Query, touch: &Touch, began: DateTime<Utc>) -> bool {
    match query.asked {
        Asked::Of(Beginning::Task(task)) => touch.task != task,
        Asked::Of(Beginning::Pattern(_)) => !touch.of_pattern,
        // What came afterwards is what began.
        Asked::Of(Beginning::FirstTask) | Asked::Since(_) => touch.at < began,
    }
}

fn before_and_after(series: &Series, start: &Start, query: &Query, read: &Read, alpha: f64) -> Entry {
    let none = BTreeMap::new();
    let sides = |series: &Series| start.windows.lay(read.values.get(&series.id).unwrap_or(&none));
    let touches = |one: &Touch| {
        one.name == series.name
            && (one.segment == series.segment || one.segment.is_empty() || series.segment.is_empty())
    };
    let confounders: BTreeSet<Uuid> = read
        .touches
        .iter()
        .filter(|one| touches(one) && is_another(query, one, start.windows.began))
        .map(|one| one.task)
        .collect();
    let is_confounded = read.is_cut || !confounders.is_empty();
    let controls: Vec<Sides> = read
        .series
        .iter()
        .filter(|other| is_control(series, other, query, read))
        .map(sides)
        .collect();
    let (finding, tests) = compare(&sides(series), &controls, &start.windows, is_confounded, alpha);
    let window = Sided {
        before: start.windows.before(),
        after: start.windows.after(),
    };
    Entry {
        window: Some(window),
        tests,
        confounded_by: confounders.into_iter().take(MOST_CONFOUNDERS).collect(),
        ..entry(series, &finding, &start.words, query.days, start.document.clone())
    }
}

/// Another segment of the same metric, or one of a metric that the caller says was not touched; never one that a task
/// was reported for over these days. The whole is no control of its parts, nor they of it.
fn is_control(series: &Series, other: &Series, query: &Query, read: &Read) -> bool {
    let touched = |one: &Touch| one.name == other.name && one.segment == other.segment;
    let apart = !series.segment.is_empty() && !other.segment.is_empty() && other.segment != series.segment;
    let kind = if other.name == series.name {
        apart
    } else {
        query.controls.contains(&other.name)
    };
    kind && !read.touches.iter().any(touched)
}

fn unanswered(series: &Series, needs: Needs) -> Entry {
    let finding = Finding::Insufficient(needs.to_string());
    entry(series, &finding, "", 0, Value::Null)
}

fn of_memory(series: &Series, arms: &[Arm], outcomes: &Outcomes, alpha: f64) -> Option<Entry> {
    let (finding, needs) = memory::compare(arms, outcomes.get(&series.id)?, alpha)?;
    let entry = entry(series, &finding, "memory", 0, json!({"kind": "memory"}));
    let test = Test {
        estimate: entry.effect,
        interval: entry.interval,
        compared_with: None,
        ..Test::of(memory::LEVEL, needs)
    };
    Some(Entry {
        tests: vec![test],
        ..entry
    })
}

fn entry(series: &Series, finding: &Finding, began: &str, days: usize, intervention: Value) -> Entry {
    let subject = Subject {
        name: &series.name,
        segment: &series.segment,
        began,
        days,
    };
    let numbers = finding.numbers();
    Entry {
        statement: finding.statement(subject),
        level: finding.level(),
        before: numbers.before,
        after: numbers.after,
        effect: numbers.effect,
        interval: numbers.interval,
        n: numbers.n,
        name: series.name.clone(),
        segment: Some(series.segment.clone()).filter(|segment| !segment.is_empty()),
        intervention,
        window: None,
        tests: Vec::new(),
        confounded_by: Vec::new(),
    }
}

async fn together(store: &Store, query: &Query, asked: &[Series]) -> Result<(Vec<Association>, Value), StoreError> {
    let days = recent(query);
    let ids: Vec<i64> = asked.iter().map(|series| series.id).collect();
    let asked: Vec<&Series> = asked.iter().collect();
    let values = by_series(&store.daily(&ids, days).await?);
    let tasks = store.task_days(&query.tenant, days).await?;
    let mut found = associations(&asked, &values, &tasks, days);
    found.truncate(MOST_ASSOCIATIONS);
    if query.name.is_none() {
        let of_success = success::associations(store, &query.tenant).await?;
        found.extend(of_success.into_iter().take(MOST_ASSOCIATIONS));
    }
    let [since, end] = days;
    Ok((found, json!({"since": since, "until": earlier(end, 1)})))
}

fn rfc3339(at: DateTime<Utc>) -> String {
    service::clock::rfc3339(at.timestamp_millis())
}

impl From<AnalysisError> for Problem {
    fn from(error: AnalysisError) -> Self {
        match error {
            AnalysisError::NoTask => Self::new(
                404,
                "task_not_found",
                "there is no such task, or it has not ended; what it published is compared from then on",
            ),
            AnalysisError::Store(error) => crate::rpc::away(&error),
        }
    }
}
