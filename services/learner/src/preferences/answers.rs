//! Preferences for a planning and for people, and what people state.

use super::document::{erased, listed, told};
use super::holding::{Held, Viewpoint, held};
use super::{Scope, Source, Statement};
use crate::erasures::Erasures;
use crate::store::{MOST_STATED, NewStatement, StateError, Store, StoreError, Wanted};
use chrono::{DateTime, Utc};
use contracts::learner::{
    EraseUserRequest, ListPreferencesRequest, RecallRequest, RetractPreferenceRequest, StatePreferencesRequest,
};
use contracts::problem::Problem;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const MAX_BYTES: usize = 8 * 1024;
/// Of one stated value, as JSON.
const MAX_VALUE_BYTES: usize = 1024;
/// Of the names and values that a planning is told: they stand in its prompt.
const MAX_TOLD_BYTES: usize = 16 * 1024;
/// Where results go is settled when a task is accepted; a plan cannot change it.
const SETTLED: &str = "channels";

/// Why a question about preferences is not answered.
#[derive(Debug, thiserror::Error)]
pub enum PreferenceError {
    /// What the gateway checks before.
    #[error("{0}")]
    Unreadable(String),
    /// The configuration does not list the actor as a member.
    #[error("{0} is no team of yours")]
    NoMember(String),
    /// Nothing is stated that could be taken back.
    #[error("no such preference is stated")]
    NotStated,
    /// It cannot be stated so.
    #[error(transparent)]
    State(#[from] StateError),
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PreferenceError {
    fn unreadable(why: impl Into<String>) -> Self {
        Self::Unreadable(why.into())
    }
}

/// Answers from statements. Clones are the same.
#[derive(Clone)]
pub struct Preferences {
    store: Store,
    /// Members by team.
    teams: BTreeMap<String, BTreeSet<String>>,
    /// Who tells the coordinator whom it is to forget.
    erasures: Option<Erasures>,
}

impl Preferences {
    /// Over the store's statements; teams are the operator's word.
    pub fn new(store: Store, teams: BTreeMap<String, BTreeSet<String>>) -> Self {
        Self {
            store,
            teams,
            erasures: None,
        }
    }

    /// Erasing reaches the coordinator's rows as well.
    #[must_use]
    pub fn telling(mut self, erasures: Erasures) -> Self {
        self.erasures = Some(erasures);
        self
    }

    /// What a planning is told, as JSON, and the note of it. A task that is held out is told what people stated, and
    /// nothing that was learned. What the request says itself goes before, and is left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn recall(
        &self,
        task: Uuid,
        request: &RecallRequest,
        held_out: bool,
        now: DateTime<Utc>,
    ) -> Result<String, StoreError> {
        if request.user.is_empty() {
            return Ok("{}".to_owned());
        }
        let view = self.view(&request.user, now, None);
        let mut statements = self.read(&request.tenant, &view, false).await?;
        if held_out {
            statements.retain(|statement| statement.source == Source::Explicit);
        }
        let own: Map<String, Value> = serde_json::from_str(&request.preferences_json).unwrap_or_default();
        let mut found = held(&statements, &view);
        found.retain(|held| held.effective && held.key != SETTLED && !own.contains_key(&held.key));
        // Stated ones first: of others there may be any number.
        found.sort_by(|a, b| a.source.cmp(&b.source).then(b.strength.total_cmp(&a.strength)));
        found.truncate(2 * MOST_STATED);
        keep_within(&mut found, MAX_TOLD_BYTES);
        self.store.note_told(task, &request.tenant, &found).await?;
        Ok(told(&found).to_string())
    }

    /// What holds for a user, and how it was with it.
    ///
    /// # Errors
    /// When the question cannot be read, or the database does not answer.
    pub async fn list(&self, request: &ListPreferencesRequest, now: DateTime<Utc>) -> Result<Value, PreferenceError> {
        let at = time("at", &request.at)?.unwrap_or(now);
        let known_at = time("known_at", &request.known_at)?;
        let scope = match request.scope.as_str() {
            "" => None,
            name => Some(scope(name)?),
        };
        let view = self.view(&request.user, at, known_at);
        let statements = self.read(&request.tenant, &view, request.history).await?;
        let mut found = held(&statements, &view);
        found.retain(|held| {
            scope.is_none_or(|scope| scope == held.scope) && (request.key.is_empty() || request.key == held.key)
        });
        let teams: Vec<String> = view.teams.keys().cloned().collect();
        let uses = self.store.uses(&request.tenant, &request.user, &teams).await?;
        let past = request.history.then_some(statements.as_slice());
        Ok(listed(&found, &uses, past, &view, request))
    }

    /// What counts for a user now, as a list.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(&self, tenant: &str, user: &str, now: DateTime<Utc>) -> Result<Value, PreferenceError> {
        let request = ListPreferencesRequest {
            tenant: tenant.to_owned(),
            user: user.to_owned(),
            ..ListPreferencesRequest::default()
        };
        let mut document = self.list(&request, now).await?;
        let mut items = document.get_mut("items").map(Value::take).unwrap_or_default();
        if let Some(items) = items.as_array_mut() {
            items.retain(|item| item.get("effective") == Some(&Value::Bool(true)));
        }
        Ok(items)
    }

    /// What somebody states, from now on or since a time before.
    ///
    /// # Errors
    /// When it cannot be read or stated so, or the database does not take it.
    pub async fn state(&self, request: &StatePreferencesRequest, now: DateTime<Utc>) -> Result<Value, PreferenceError> {
        let stated = stated(&request.preferences_json)?;
        let since = time("since", &request.since)?.unwrap_or(now);
        if since > now {
            return Err(PreferenceError::unreadable("since must not lie in the future"));
        }
        let statement = |(key, value): (String, Value)| self.statement(request, key, Some(value), since);
        let statements = stated.into_iter().map(statement).collect::<Result<Vec<_>, _>>()?;
        let new = self.store.state(&statements).await?;
        let own = ListPreferencesRequest {
            tenant: request.tenant.clone(),
            user: request.actor.clone(),
            scope: request.scope.clone(),
            ..ListPreferencesRequest::default()
        };
        let mut document = self.list(&own, now).await?;
        if let Some(members) = document.as_object_mut() {
            members.insert("stated".to_owned(), json!(new));
        }
        Ok(document)
    }

    /// Takes back what was stated.
    ///
    /// # Errors
    /// When nothing is stated, or the database does not take it.
    pub async fn retract(
        &self,
        request: &RetractPreferenceRequest,
        now: DateTime<Utc>,
    ) -> Result<Value, PreferenceError> {
        let of = StatePreferencesRequest {
            tenant: request.tenant.clone(),
            actor: request.actor.clone(),
            scope: request.scope.clone(),
            team: request.team.clone(),
            ..StatePreferencesRequest::default()
        };
        let statement = self.statement(&of, request.key.clone(), None, now)?;
        let subject = statement.subject.clone();
        if self.store.state(&[statement]).await? == 0 {
            return Err(PreferenceError::NotStated);
        }
        Ok(json!({
            "key": request.key, "scope": request.scope, "subject": subject, "until": now_text(now),
        }))
    }

    /// Deletes what is kept of a user, and what was made of it.
    ///
    /// # Errors
    /// When the database does not take it. Asked again, it goes on.
    pub async fn erase(&self, request: &EraseUserRequest, now: DateTime<Utc>) -> Result<Value, PreferenceError> {
        if request.user.is_empty() || request.user.contains('\0') {
            return Err(PreferenceError::unreadable("a user has a name"));
        }
        let counts = self.store.erase(&request.tenant, &request.user, now).await?;
        let told = match &self.erasures {
            Some(erasures) => erasures.tell_of(&request.tenant, &request.user).await,
            None => Ok(None),
        };
        let told = told.unwrap_or_else(|error| {
            tracing::warn!(
                error = crate::chain(&error),
                "the coordinator is told of an erasure later"
            );
            None
        });
        Ok(erased(&request.user, counts, told))
    }

    fn view(&self, user: &str, at: DateTime<Utc>, known_at: Option<DateTime<Utc>>) -> Viewpoint {
        let own = self.teams.iter().filter(|(_, members)| members.contains(user));
        Viewpoint {
            user: user.to_owned(),
            teams: own.map(|(team, members)| (team.clone(), members.clone())).collect(),
            at,
            known_at,
        }
    }

    async fn read(&self, tenant: &str, view: &Viewpoint, history: bool) -> Result<Vec<Statement>, StoreError> {
        self.store.statements(Wanted { tenant, view, history }).await
    }

    fn statement(
        &self,
        request: &StatePreferencesRequest,
        key: String,
        value: Option<Value>,
        valid_at: DateTime<Utc>,
    ) -> Result<NewStatement, PreferenceError> {
        let scope = scope(&request.scope)?;
        let subject = match scope {
            Scope::User => request.actor.clone(),
            Scope::Team => self.own_team(request)?,
            Scope::Tenant => String::new(),
        };
        let is_text = |text: &str| !text.is_empty() && !text.contains('\0');
        if !is_text(&key) || !is_text(&request.actor) {
            return Err(PreferenceError::unreadable("a preference and its user have names"));
        }
        Ok(NewStatement {
            tenant: request.tenant.clone(),
            scope,
            subject,
            key,
            value,
            source: Source::Explicit,
            against: false,
            weight: 1.0,
            valid_at,
            shown: None,
            actor: request.actor.clone(),
        })
    }

    fn own_team(&self, request: &StatePreferencesRequest) -> Result<String, PreferenceError> {
        let members = self.teams.get(&request.team);
        if members.is_some_and(|members| members.contains(&request.actor)) {
            Ok(request.team.clone())
        } else {
            Err(PreferenceError::NoMember(request.team.clone()))
        }
    }
}

/// The first ones that together have no more bytes than that; one that does not fit is left out.
fn keep_within(found: &mut Vec<Held>, most: usize) {
    let mut left = most;
    found.retain(|held| {
        let rest = left.checked_sub(held.key.len() + held.value.to_string().len());
        left = rest.unwrap_or(left);
        rest.is_some()
    });
}

fn scope(name: &str) -> Result<Scope, PreferenceError> {
    Scope::parse(name).ok_or_else(|| PreferenceError::unreadable("a scope is user, team or tenant"))
}

fn stated(json: &str) -> Result<Map<String, Value>, PreferenceError> {
    let read: Result<Map<String, Value>, _> = serde_json::from_str(json);
    let stated = read.map_err(|error| PreferenceError::unreadable(format!("the preferences: {error}")))?;
    if json.len() > MAX_BYTES || json.contains("\\u0000") {
        return Err(PreferenceError::unreadable("they are too large, or have NUL"));
    }
    if stated
        .iter()
        .any(|(_, value)| value.to_string().len() > MAX_VALUE_BYTES)
    {
        return Err(PreferenceError::unreadable(format!(
            "a value has at most {MAX_VALUE_BYTES} bytes"
        )));
    }
    if stated.is_empty() || stated.values().any(Value::is_null) {
        return Err(PreferenceError::unreadable(
            "a preference has a value; DELETE takes one back",
        ));
    }
    Ok(stated)
}

fn time(name: &str, text: &str) -> Result<Option<DateTime<Utc>>, PreferenceError> {
    if text.is_empty() {
        return Ok(None);
    }
    // A `+` that was not encoded came as a space.
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&text.replace(' ', "+")))
        .map_err(|_| PreferenceError::unreadable(format!("{name} must be a time as of RFC 3339")))?;
    Ok(Some(time.with_timezone(&Utc)))
}

fn now_text(now: DateTime<Utc>) -> String {
    service::clock::rfc3339(now.timestamp_millis())
}

impl From<PreferenceError> for Problem {
    fn from(error: PreferenceError) -> Self {
        match error {
            PreferenceError::Unreadable(why) => Self::new(422, "validation", why),
            PreferenceError::NoMember(team) => Self::new(
                403,
                "not_a_member",
                format!("you are no member of a team {team:?}; the setting learning.teams says who is"),
            ),
            PreferenceError::NotStated => Self::new(
                404,
                "preference_not_found",
                "no such preference is stated there; GET /preferences lists what holds",
            ),
            PreferenceError::State(StateError::TooMany) => Self::new(
                409,
                "too_many_preferences",
                format!("no more than {MOST_STATED} preferences hold at a time; take some back first"),
            ),
            PreferenceError::State(error @ StateError::Superseded { .. }) => {
                Self::new(409, "superseded", error.to_string())
            }
            PreferenceError::State(StateError::Store(error)) | PreferenceError::Store(error) => {
                crate::rpc::away(&error)
            }
        }
    }
}
