//! Where a user's results go when a request does not say it: what they prefer, asked of the learner and never waited for long.
//! A submission is accepted without the learner.

use crate::caller::{Caller, TENANT};
use crate::learner::Learner;
use contracts::learner::ListPreferencesRequest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The preference.
pub const CHANNELS: &str = "channels";
/// A submission waits this long for it, then goes on without.
const PATIENCE: Duration = Duration::from_millis(100);
/// What was answered counts this long, an outage too; a change that comes by another gateway is late by it.
const FRESH: Duration = Duration::from_secs(2);
/// Of more users nothing is remembered for a moment.
const MOST_USERS: usize = 10_000;

/// What was answered of each user, and until when it counts.
#[derive(Default)]
pub struct UsualChannels(Mutex<BTreeMap<String, (Instant, Option<Value>)>>);

impl UsualChannels {
    /// A list of names; none where nothing is preferred, or nobody answers in time.
    pub async fn of(&self, learner: &Learner, caller: Caller) -> Option<Value> {
        let user = caller.to_message().actor;
        let now = Instant::now();
        if let Some(known) = self.fresh(&user, now) {
            return known;
        }
        let request = ListPreferencesRequest {
            tenant: TENANT.to_owned(),
            user: user.clone(),
            key: CHANNELS.to_owned(),
            ..ListPreferencesRequest::default()
        };
        let answer = timeout(PATIENCE, learner.preferences(request)).await;
        let found = answer
            .ok()
            .and_then(Result::ok)
            .and_then(|answer| effective(&answer.json));
        self.known().insert(user, (now + FRESH, found.clone()));
        found
    }

    /// What counts still. Where nothing does, the caller asks, and whoever comes meanwhile makes do with what was known before.
    fn fresh(&self, user: &str, now: Instant) -> Option<Option<Value>> {
        let mut known = self.known();
        if known.len() >= MOST_USERS {
            known.clear();
        }
        let (until, found) = known.entry(user.to_owned()).or_insert((now, None));
        if now < *until {
            return Some(found.clone());
        }
        *until = now + FRESH;
        None
    }

    /// Somebody stated something.
    pub fn forget(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, Option<Value>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn effective(json: &str) -> Option<Value> {
    let document: Value = serde_json::from_str(json).ok()?;
    let mut items = document.get("items")?.as_array()?.iter();
    let is_it = |item: &&Value| {
        item.get("key").and_then(Value::as_str) == Some(CHANNELS) && item.get("effective") == Some(&Value::Bool(true))
    };
    let value = items.find(is_it)?.get("value")?;
    let names = value.as_array()?;
    names.iter().all(Value::is_string).then(|| value.clone())
}
