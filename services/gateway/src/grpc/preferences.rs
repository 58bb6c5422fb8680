//! Preferences and erasure of `orchestrator.v1.LearningService`.

use super::learning::{Learning, parsed, text};
use crate::caller::Caller;
use crate::documents::stated;
use crate::json;
use crate::query::unfit;
use crate::refusal::Refusal;
use contracts::v1::{
    DeletePreferenceRequest, DeleteUserDataRequest, DeletedPreference, DeletedUserData, ListPreferencesRequest,
    Preference, PreferenceList, SetPreferencesRequest,
};
use serde_json::{Map, Value};

/// Characters of a time as RFC 3339 writes it, with room.
const TIME_CHARACTERS: usize = 64;

impl Learning {
    pub(super) async fn preferences(
        &self,
        caller: Caller,
        request: ListPreferencesRequest,
    ) -> Result<PreferenceList, Refusal> {
        for (name, time) in [("at", &request.at), ("known_at", &request.known_at)] {
            if time.len() > TIME_CHARACTERS || time.contains('\0') {
                return Err(unfit(name, "must be a time as of RFC 3339".to_owned()));
            }
        }
        let asked = stated::Asked {
            user: Some(request.user)
                .filter(|user| !user.is_empty())
                .map(|user| stated::user(&user))
                .transpose()?,
            scope: request.scope,
            key: request.key,
            at: request.at,
            known_at: request.known_at,
            history: request.history,
        };
        stated::check(&asked)?;
        list(self.app.preferences(caller, asked).await?.json)
    }

    pub(super) async fn state(
        &self,
        caller: Caller,
        request: SetPreferencesRequest,
    ) -> Result<PreferenceList, Refusal> {
        let mut body = Map::new();
        if !request.preferences_json.is_empty() {
            let depth = self.app.limits.json_depth;
            let preferences = json::read(request.preferences_json.as_bytes(), depth, "/preferences")?;
            body.insert("preferences".to_owned(), preferences);
        }
        for (name, text) in [
            ("scope", request.scope),
            ("team", request.team),
            ("since", request.since),
        ] {
            if !text.is_empty() {
                body.insert(name.to_owned(), Value::String(text));
            }
        }
        json::refuse_nul(&body)?;
        let stated = stated::read(body)?;
        list(self.app.state_preferences(caller, stated).await?.json)
    }

    pub(super) async fn retract(
        &self,
        caller: Caller,
        request: DeletePreferenceRequest,
    ) -> Result<DeletedPreference, Refusal> {
        let (key, whose) = stated::retracted(&request.key, &request.scope, &request.team)?;
        let document_json = self.app.retract_preference(caller, key, whose).await?.json;
        Ok(DeletedPreference { document_json })
    }

    pub(super) async fn erase(&self, request: DeleteUserDataRequest) -> Result<DeletedUserData, Refusal> {
        let user = stated::user(&request.user)?;
        let document_json = self.app.erase_user(user).await?.json;
        Ok(DeletedUserData { document_json })
    }
}

fn list(document_json: String) -> Result<PreferenceList, Refusal> {
    let document = parsed(&document_json)?;
    let items = document.get("items").and_then(Value::as_array).into_iter().flatten();
    Ok(PreferenceList {
        items: items.map(preference).collect(),
        document_json,
    })
}

fn preference(item: &Value) -> Preference {
    Preference {
        key: text(item, "key"),
        value_json: item.get("value").map(Value::to_string).unwrap_or_default(),
        scope: text(item, "scope"),
        subject: text(item, "subject"),
        source: text(item, "source"),
        strength: item.get("strength").and_then(Value::as_f64).unwrap_or_default(),
        since: text(item, "since"),
        effective: item.get("effective").and_then(Value::as_bool).unwrap_or_default(),
    }
}
