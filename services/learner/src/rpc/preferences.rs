//! Preferences and erasure: requests read, answers made.

use super::Learner;
use super::learning::document;
use chrono::{DateTime, Utc};
use contracts::learner::{
    EraseUserRequest, LearningDocument, ListPreferencesRequest, RetractPreferenceRequest, StatePreferencesRequest,
};
use contracts::problem::Problem;

impl Learner {
    pub(super) async fn preferences_held(&self, request: ListPreferencesRequest) -> Result<LearningDocument, Problem> {
        let found = self.preferences.list(&request, now()).await;
        found.map(document).map_err(Problem::from)
    }

    pub(super) async fn preferences_stated(
        &self,
        request: StatePreferencesRequest,
    ) -> Result<LearningDocument, Problem> {
        let stated = self.preferences.state(&request, now()).await;
        stated.map(document).map_err(Problem::from)
    }

    pub(super) async fn preference_retracted(
        &self,
        request: RetractPreferenceRequest,
    ) -> Result<LearningDocument, Problem> {
        let retracted = self.preferences.retract(&request, now()).await;
        retracted.map(document).map_err(Problem::from)
    }

    pub(super) async fn user_erased(&self, request: EraseUserRequest) -> Result<LearningDocument, Problem> {
        let erased = self.preferences.erase(&request, now()).await;
        erased.map(document).map_err(Problem::from)
    }
}

pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default()
}
