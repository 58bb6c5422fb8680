//! Preferences as documents.

use super::holding::{Held, History, Viewpoint, history};
use super::{Source, Statement};
use crate::store::{Erased, UseOf, Uses};
use chrono::{DateTime, Utc};
use contracts::coordinator::EraseUserTasksResponse;
use contracts::learner::ListPreferencesRequest;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Statements that the history of one preference shows at most, the newest first.
const MOST_PAST: usize = 100;

/// For a planning: `{name: {value, source, scope, strength}}`.
pub fn told(found: &[Held]) -> Value {
    let told = found.iter().map(|held| {
        let about = json!({
            "value": held.value,
            "source": held.source.as_str(),
            "scope": held.scope.as_str(),
            "strength": held.strength,
        });
        (held.key.clone(), about)
    });
    Value::Object(told.collect::<Map<_, _>>())
}

/// `{items, next_cursor, user, at, known_at}`. There are so few that they come as one page.
pub fn listed(
    found: &[Held],
    uses: &BTreeMap<UseOf, Uses>,
    past: Option<&[Statement]>,
    view: &Viewpoint,
    request: &ListPreferencesRequest,
) -> Value {
    let item = |held: &Held| {
        let mut item = item(held, uses);
        if let (Some(past), Some(members)) = (past, item.as_object_mut()) {
            let past = history(past, held, view).into_iter().take(MOST_PAST);
            members.insert("history".to_owned(), past.map(|past| statement(&past)).collect());
        }
        item
    };
    let mut items: Vec<Value> = found.iter().map(item).collect();
    if let Some(past) = past {
        items.extend(ended(found, past, view, request));
    }
    json!({
        "items": items,
        "next_cursor": null,
        "user": view.user,
        "teams": view.teams.keys().collect::<Vec<_>>(),
        "at": time(view.at),
        "known_at": view.known_at.map(time),
    })
}

/// As a plan's preferences and as a list's are shown.
fn item(held: &Held, uses: &BTreeMap<UseOf, Uses>) -> Value {
    let of = (
        held.scope.as_str().to_owned(),
        held.subject.clone(),
        held.key.clone(),
        held.value.to_string(),
    );
    let uses = uses.get(&of).copied().unwrap_or_default();
    json!({
        "key": held.key,
        "value": held.value,
        "scope": held.scope.as_str(),
        "subject": held.subject,
        "source": held.source.as_str(),
        "strength": held.strength,
        "since": time(held.since),
        "effective": held.effective,
        "evidence": {
            "statements": held.evidence,
            "in_favour": held.in_favour,
            "effective_n": held.effective_n,
        },
        "uses": {
            "offered": uses.offered,
            "applied": uses.applied,
            "violated": uses.violated,
        },
    })
}

/// What was stated once and holds no more, where people ask for history.
fn ended(found: &[Held], past: &[Statement], view: &Viewpoint, request: &ListPreferencesRequest) -> Vec<Value> {
    let mut gone: BTreeMap<_, &Statement> = BTreeMap::new();
    for statement in past.iter().filter(|statement| statement.source == Source::Explicit) {
        let is_wanted = (request.scope.is_empty() || request.scope == statement.scope.as_str())
            && (request.key.is_empty() || request.key == statement.key);
        let holds = found.iter().any(|held| {
            held.scope == statement.scope && held.subject == statement.subject && held.key == statement.key
        });
        if is_wanted && !holds {
            gone.insert((statement.scope, &statement.subject, &statement.key), statement);
        }
    }
    let item = |of: &Statement| {
        let like = Held {
            key: of.key.clone(),
            value: Value::Null,
            scope: of.scope,
            subject: of.subject.clone(),
            source: of.source,
            strength: 0.0,
            since: of.valid_at,
            effective: false,
            evidence: 0,
            in_favour: 0,
            effective_n: 0.0,
        };
        let past: Vec<Value> = history(past, &like, view)
            .iter()
            .take(MOST_PAST)
            .map(statement)
            .collect();
        json!({
            "key": of.key,
            "value": null,
            "scope": of.scope.as_str(),
            "subject": of.subject,
            "source": of.source.as_str(),
            "effective": false,
            "history": past,
        })
    };
    gone.into_values().map(item).collect()
}

fn statement(past: &History<'_>) -> Value {
    let statement = past.statement;
    json!({
        "value": statement.value,
        "source": statement.source.as_str(),
        "against": statement.against,
        "weight": statement.weight,
        "valid_at": time(statement.valid_at),
        "invalid_at": past.invalid_at.map(time),
        "recorded_at": time(statement.recorded_at),
        "task_id": statement.task,
    })
}

/// What was deleted of a user.
///
/// `tasks` are the coordinator's rows: `erasing` goes on by itself, as `ordered` does once the coordinator answers.
pub fn erased(user: &str, erased: Erased, told: Option<EraseUserTasksResponse>) -> Value {
    let tasks = match told {
        Some(told) => json!({
            "state": if told.up_to_date { "erased" } else { "erasing" },
            "erased": told.erased,
            "when_they_end": told.running,
        }),
        None => json!({ "state": "ordered" }),
    };
    json!({
        "user": user,
        "tasks": tasks,
        "erased": {
            "records": erased.records,
            "preference_statements": erased.statements,
            "feedback": erased.feedback,
            "preference_uses": erased.uses,
            "patterns_recomputed": erased.patterns,
            "exports_dropped": erased.exports,
        },
        // Said by docs/preferences.md, too.
        "kept": [
            "a hash of the user and of their tasks' ids, so that nothing comes back",
            "of their ended tasks ids, times, states, costs and idempotency keys, without words; tasks that run until they end",
            "their name where they decided about other people's tasks, and the work of others that began from theirs",
            "published results, downloaded exports, points of business metrics, messages nobody could read (30 days), backups",
        ],
    })
}

fn time(at: DateTime<Utc>) -> String {
    service::clock::rfc3339(at.timestamp_millis())
}
