//! `/preferences`: what is asked and what is stated.

use super::faults::Faults;
use super::fields::Fields;
use super::names::{MAX_NAME, unfit_name, unreadable};
use super::preferences;
use crate::query::{Parameters, unfit};
use crate::refusal::Refusal;
use serde_json::{Map, Value};

/// Characters of a user's name, as a credential gives it.
const USER_CHARACTERS: usize = 200;
const TIME_CHARACTERS: usize = 64;
const SCOPES: [&str; 3] = ["user", "team", "tenant"];
const SCOPE_DETAIL: &str = "must be user, team or tenant";

/// Whose a statement is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whose {
    /// user, team or tenant.
    pub scope: String,
    /// The team; empty where scope is another.
    pub team: String,
}

/// What somebody states to prefer.
#[derive(Clone, PartialEq, Debug)]
pub struct Stated {
    pub whose: Whose,
    /// At least one, none of them null.
    pub preferences: Map<String, Value>,
    /// RFC 3339; empty: from now on. The learner reads it.
    pub since: String,
}

/// What is asked about preferences.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// None: whoever asks.
    pub user: Option<String>,
    /// Empty: all.
    pub scope: String,
    /// Empty: all.
    pub key: String,
    /// RFC 3339; empty: now. The learner reads it.
    pub at: String,
    /// As `at`: only what was known then counts.
    pub known_at: String,
    /// With every statement.
    pub history: bool,
}

/// Reads and checks what somebody states.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>) -> Result<Stated, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let stated = preferences::read(&mut fields, "preferences");
    if stated.is_empty() {
        fields.required("preferences", "an object of names and values");
    }
    for (key, value) in &stated {
        if value.is_null() {
            let at = format!(
                "{}/{}",
                fields.pointer("preferences"),
                key.replace('~', "~0").replace('/', "~1")
            );
            fields
                .faults()
                .value(at, "must not be null; DELETE takes a preference back");
        }
    }
    let scope = fields.text("scope", 1..=MAX_NAME).unwrap_or_else(|| "user".to_owned());
    let team = fields.text("team", 1..=MAX_NAME).unwrap_or_default();
    let whose = Whose { scope, team };
    if let Some((name, detail)) = fault_of(&whose) {
        fields.fault(name, detail);
    }
    let since = fields.text("since", 1..=TIME_CHARACTERS).unwrap_or_default();
    fields.finish();
    faults.check(Stated {
        whose,
        preferences: stated,
        since,
    })
}

/// Which statement is taken back, from a query or its like.
///
/// # Errors
/// 422 for what is not acceptable.
pub fn retracted(key: &str, scope: &str, team: &str) -> Result<(String, Whose), Refusal> {
    if let Some(why) = unfit_name(key) {
        return Err(unfit("key", format!("names the preference and {why}")));
    }
    let whose = Whose {
        scope: if scope.is_empty() { "user" } else { scope }.to_owned(),
        team: team.to_owned(),
    };
    match fault_of(&whose) {
        Some((name, detail)) => Err(unfit(name, detail.to_owned())),
        None => Ok((key.to_owned(), whose)),
    }
}

/// What a query asks.
///
/// # Errors
/// 422 for what is not acceptable, 400 for a user that is none.
pub fn asked(query: &Parameters) -> Result<Asked, Refusal> {
    let asked = Asked {
        user: query.get("user").map(user).transpose()?,
        scope: query.text("scope", MAX_NAME)?,
        key: query.text("key", MAX_NAME)?,
        at: query.text("at", TIME_CHARACTERS)?,
        known_at: query.text("known_at", TIME_CHARACTERS)?,
        history: match query.get("history") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(unfit("history", "must be true or false".to_owned())),
        },
    };
    check(&asked)?;
    Ok(asked)
}

/// Whether a scope and a key are ones.
///
/// # Errors
/// 422 where they are not.
pub fn check(asked: &Asked) -> Result<(), Refusal> {
    if !asked.scope.is_empty() && !SCOPES.contains(&asked.scope.as_str()) {
        return Err(unfit("scope", SCOPE_DETAIL.to_owned()));
    }
    match unfit_name(&asked.key).filter(|_| !asked.key.is_empty()) {
        Some(why) => Err(unfit("key", why.to_owned())),
        None => Ok(()),
    }
}

/// The name of a user, from a path or a query.
///
/// # Errors
/// 400 `invalid_id`.
pub fn user(text: &str) -> Result<String, Refusal> {
    let is_name = !text.is_empty() && text.chars().nth(USER_CHARACTERS).is_none() && unreadable(text).is_none();
    if is_name {
        Ok(text.to_owned())
    } else {
        let detail = format!("a user's id has 1 to {USER_CHARACTERS} readable characters");
        Err(Refusal::new(400, "invalid_id", detail))
    }
}

fn fault_of(whose: &Whose) -> Option<(&'static str, &'static str)> {
    if !SCOPES.contains(&whose.scope.as_str()) {
        return Some(("scope", SCOPE_DETAIL));
    }
    match (whose.scope == "team", whose.team.is_empty()) {
        (true, true) => Some(("team", "must name the team")),
        (false, false) => Some(("team", "is for the scope team alone")),
        _ => None,
    }
}
