//! What holds at a time, decided from statements.

use super::belief::{Belief, believed, majority};
use super::{Scope, Source, Statement};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// So many people must show the same before it counts for their team or tenant.
const LEAST_USERS: usize = 3;
/// And so likely must it be that most of them want it.
const ACT: f64 = 0.8;

/// Who asks, and about when.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewpoint {
    pub user: String,
    /// The user's teams, each with its members.
    pub teams: BTreeMap<String, BTreeSet<String>>,
    /// The time asked about.
    pub at: DateTime<Utc>,
    /// Only what was known then counts; none: all that is known.
    pub known_at: Option<DateTime<Utc>>,
}

impl Viewpoint {
    fn sees(&self, statement: &Statement) -> bool {
        statement.valid_at <= self.at && self.known_at.is_none_or(|known_at| statement.recorded_at <= known_at)
    }
}

/// A preference that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub key: String,
    pub value: Value,
    pub scope: Scope,
    /// The user or the team; empty: the tenant.
    pub subject: String,
    pub source: Source,
    /// 0-1; 1: somebody stated it.
    pub strength: f64,
    pub since: DateTime<Utc>,
    /// No nearer scope says otherwise: it is what a plan is told.
    pub effective: bool,
    /// Statements on it that count at that time, and of those the ones that speak for the value.
    pub evidence: usize,
    pub in_favour: usize,
    /// As many statements that count in full would tell the same.
    pub effective_n: f64,
}

/// A statement, and until when it counted.
#[derive(Clone, Debug, PartialEq)]
pub struct History<'s> {
    pub statement: &'s Statement,
    /// When a later word on the same took its place; none: it still counts, or it is one piece of evidence among others.
    pub invalid_at: Option<DateTime<Utc>>,
}

type Subject<'s> = (Scope, &'s str, &'s str);
type Groups<'s> = BTreeMap<Subject<'s>, Vec<&'s Statement>>;

/// What holds for somebody: by key, the nearest scope first. Of several teams the surer one goes first.
pub fn held(statements: &[Statement], view: &Viewpoint) -> Vec<Held> {
    let groups = grouped(statements, view);
    let beliefs = beliefs(&groups);
    let mut found: Vec<Held> = Vec::new();
    for ((scope, subject, key), group) in &groups {
        let is_own = match scope {
            Scope::User => *subject == view.user,
            Scope::Team => view.teams.contains_key(*subject),
            Scope::Tenant => true,
        };
        if is_own {
            let belief = beliefs.get(key).and_then(|users| users.get(subject));
            found.extend(of_group(
                (*scope, subject, key),
                group,
                belief.filter(|_| *scope == Scope::User),
            ));
        }
    }
    for (key, users) in &beliefs {
        for (team, members) in &view.teams {
            shared(&mut found, (Scope::Team, team, key), users, |user| {
                members.contains(user)
            });
        }
        shared(&mut found, (Scope::Tenant, "", key), users, |_| true);
    }
    found.sort_by(|a, b| {
        (&a.key, a.scope)
            .cmp(&(&b.key, b.scope))
            .then(b.strength.total_cmp(&a.strength))
            .then_with(|| a.subject.cmp(&b.subject))
    });
    let mut last: Option<String> = None;
    for held in &mut found {
        held.effective = last.as_ref() != Some(&held.key);
        last = Some(held.key.clone());
    }
    found
}

/// The statements on one preference, the newest first.
pub fn history<'s>(statements: &'s [Statement], of: &Held, view: &Viewpoint) -> Vec<History<'s>> {
    let own = |statement: &&Statement| {
        view.sees(statement)
            && statement.key == of.key
            && statement.scope == of.scope
            && statement.subject == of.subject
    };
    let mut found: Vec<&Statement> = statements.iter().filter(own).collect();
    found.sort_by_key(|statement| std::cmp::Reverse(order(statement)));
    let mut closed_at = None;
    let history = found.into_iter().map(|statement| {
        let is_stated = statement.source == Source::Explicit;
        let invalid_at = closed_at.filter(|_| is_stated);
        if is_stated {
            closed_at = Some(statement.valid_at);
        }
        History { statement, invalid_at }
    });
    history.collect()
}

fn order(statement: &Statement) -> impl Ord + use<> {
    (statement.valid_at, statement.recorded_at, statement.id)
}

/// What counts at that time, by whose and what it is, in the order of time.
fn grouped<'s>(statements: &'s [Statement], view: &Viewpoint) -> Groups<'s> {
    let mut groups = Groups::new();
    for statement in statements.iter().filter(|statement| view.sees(statement)) {
        let subject = (statement.scope, statement.subject.as_str(), statement.key.as_str());
        groups.entry(subject).or_default().push(statement);
    }
    for group in groups.values_mut() {
        group.sort_by_key(|statement| order(statement));
        keep_last_ratings(group);
    }
    groups
}

/// Of what somebody said of one task the last word counts, however often they said something.
fn keep_last_ratings(group: &mut Vec<&Statement>) {
    let mut rated = BTreeSet::new();
    let mut kept: Vec<&Statement> = std::mem::take(group)
        .into_iter()
        .rev()
        .filter(|statement| statement.source != Source::Rating || rated.insert(statement.task))
        .collect();
    kept.reverse();
    *group = kept;
}

fn is_shown(statement: &&&Statement) -> bool {
    statement.source != Source::Explicit
}

/// What users show, by key and user.
fn beliefs<'s>(groups: &Groups<'s>) -> BTreeMap<&'s str, BTreeMap<&'s str, Belief>> {
    let mut found: BTreeMap<&str, BTreeMap<&str, Belief>> = BTreeMap::new();
    for ((scope, subject, key), group) in groups {
        if *scope == Scope::User
            && let Some(belief) = believed(group.iter().filter(is_shown).copied())
        {
            found.entry(key).or_default().insert(subject, belief);
        }
    }
    found
}

fn of_group((scope, subject, key): Subject<'_>, group: &[&Statement], belief: Option<&Belief>) -> Option<Held> {
    let stated = group
        .iter()
        .rev()
        .find(|statement| statement.source == Source::Explicit);
    let (value, source, strength, since, effective_n) = match stated.and_then(|s| Some((s, s.value.clone()?))) {
        Some((statement, value)) => (value, Source::Explicit, 1.0, statement.valid_at, 1.0),
        None => {
            let belief = belief?;
            let value = belief.value.clone();
            (value, belief.source, belief.strength, belief.since, belief.effective_n)
        }
    };
    let is_for = |statement: &&&Statement| !statement.against && statement.value.as_ref() == Some(&value);
    Some(Held {
        in_favour: group.iter().filter(is_for).count(),
        evidence: group.len(),
        key: key.to_owned(),
        scope,
        subject: subject.to_owned(),
        value,
        source,
        strength,
        since,
        effective: false,
        effective_n,
    })
}

/// What most of some users show, each of whom has one vote, where nobody stated anything for them all.
fn shared(
    found: &mut Vec<Held>,
    (scope, subject, key): Subject<'_>,
    users: &BTreeMap<&str, Belief>,
    belongs: impl Fn(&str) -> bool,
) {
    let is_stated = |held: &Held| held.scope == scope && held.subject == subject && held.key == key;
    if found.iter().any(is_stated) {
        return;
    }
    let voters: Vec<&Belief> = users.iter().filter(|(user, _)| belongs(user)).map(|(_, b)| b).collect();
    let mut votes: BTreeMap<String, Vec<&Belief>> = BTreeMap::new();
    for belief in &voters {
        votes.entry(belief.value.to_string()).or_default().push(belief);
    }
    let Some(most) = votes.into_values().max_by_key(Vec::len) else {
        return;
    };
    let strength = majority(most.len() as f64, (voters.len() - most.len()) as f64);
    let weakest = most.iter().map(|belief| belief.source).max();
    let last = most.iter().map(|belief| belief.since).max();
    let value = most.first().map(|belief| belief.value.clone());
    let (Some(source), Some(since), Some(value)) = (weakest, last, value) else {
        return;
    };
    if most.len() >= LEAST_USERS && strength >= ACT {
        found.push(Held {
            key: key.to_owned(),
            value,
            scope,
            subject: subject.to_owned(),
            source,
            strength,
            since,
            effective: false,
            evidence: voters.len(),
            in_favour: most.len(),
            effective_n: most.len() as f64,
        });
    }
}
