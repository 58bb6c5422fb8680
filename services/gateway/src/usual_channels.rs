//! Where a user's results go when a request does not say it: what they prefer, asked of the learner and never waited for long.
//! A submission is accepted without the learner.

use crate::caller::{Caller, TENANT};
use crate::learner::Learner;
use contracts::learner::ListPreferencesRequest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

/// The preference.
pub const CHANNELS: &str = "channels";
/// A submission waits this long for it, then goes on without.
const PATIENCE: Duration = Duration::from_millis(100);
/// What was answered counts this long, an outage too; a change that comes by another gateway is late by it.
const FRESH: Duration = Duration::from_secs(2);
/// Of more users nothing is remembered for a moment.
const MOST_USERS: usize = 10_000;

/// One question to the learner, and what it answered: whoever comes meanwhile waits for the same answer.
type Question = Arc<OnceCell<Option<Value>>>;

/// What was asked of each user, and until when the answer counts.
#[derive(Default)]
pub struct UsualChannels(Mutex<BTreeMap<String, (Instant, Question)>>);

impl UsualChannels {
    /// A list of names; none where nothing is preferred, or nobody answers in time.
    pub async fn of(&self, learner: &Learner, caller: Caller) -> Option<Value> {
        let user = caller.to_message().actor;
        let question = self.question(&user, Instant::now());
        let answer = question.get_or_init(|| ask(learner, user));
        // Once more: who asks may be gone, and another one then asks anew.
        timeout(PATIENCE, answer).await.ok().cloned().flatten()
    }

    /// The one that counts still, or a new one.
    fn question(&self, user: &str, now: Instant) -> Question {
        let mut known = self.known();
        if let Some((until, question)) = known.get(user)
            && now < *until
        {
            return Arc::clone(question);
        }
        if known.len() >= MOST_USERS {
            known.clear();
        }
        let question = Question::default();
        known.insert(user.to_owned(), (now + FRESH, Arc::clone(&question)));
        question
    }

    /// Somebody's own preferences changed. A question that is still open is not asked for anybody who comes from now on.
    pub fn forget(&self, user: &str) {
        self.known().remove(user);
    }

    /// Preferences of many changed.
    pub fn forget_all(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, Question)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(learner: &Learner, user: String) -> Option<Value> {
    let request = ListPreferencesRequest {
        tenant: TENANT.to_owned(),
        user,
        key: CHANNELS.to_owned(),
        ..ListPreferencesRequest::default()
    };
    let answer = timeout(PATIENCE, learner.preferences(request)).await.ok()?.ok()?;
    effective(&answer.json)
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
