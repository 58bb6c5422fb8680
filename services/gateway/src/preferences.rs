//! What users, teams and tenant prefer, and forgetting a user; by the learner.

use crate::application::{Application, to_json};
use crate::caller::{Caller, TENANT};
use crate::documents::stated::{Asked, Stated, Whose};
use crate::refusal::Refusal;
use contracts::learner::{
    EraseUserRequest, LearningDocument, ListPreferencesRequest, RetractPreferenceRequest, StatePreferencesRequest,
};

impl Application {
    /// What holds for the caller, or for whom they ask about.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn preferences(&self, caller: Caller, asked: Asked) -> Result<LearningDocument, Refusal> {
        let request = ListPreferencesRequest {
            tenant: TENANT.to_owned(),
            user: asked.user.unwrap_or_else(|| caller.to_message().actor),
            scope: asked.scope,
            key: asked.key,
            at: asked.at,
            known_at: asked.known_at,
            history: asked.history,
        };
        self.learner.preferences(request).await
    }

    /// Notes what the caller states to prefer; answered after it is durable.
    ///
    /// # Errors
    /// As [`Self::preferences`].
    pub async fn state_preferences(&self, caller: Caller, stated: Stated) -> Result<LearningDocument, Refusal> {
        let request = StatePreferencesRequest {
            tenant: TENANT.to_owned(),
            actor: caller.to_message().actor,
            scope: stated.whose.scope,
            team: stated.whose.team,
            preferences_json: to_json(&stated.preferences)?,
            since: stated.since,
        };
        let (user, scope) = (request.actor.clone(), request.scope.clone());
        let stated = self.learner.state_preferences(request).await?;
        self.forget_usual(&user, &scope);
        Ok(stated)
    }

    /// Takes back what was stated.
    ///
    /// # Errors
    /// As [`Self::preferences`].
    pub async fn retract_preference(
        &self,
        caller: Caller,
        key: String,
        whose: Whose,
    ) -> Result<LearningDocument, Refusal> {
        let request = RetractPreferenceRequest {
            tenant: TENANT.to_owned(),
            actor: caller.to_message().actor,
            scope: whose.scope,
            team: whose.team,
            key,
        };
        let (user, scope) = (request.actor.clone(), request.scope.clone());
        let retracted = self.learner.retract_preference(request).await?;
        self.forget_usual(&user, &scope);
        Ok(retracted)
    }

    /// Deletes what is kept of a user, and what was made of it.
    ///
    /// # Errors
    /// As [`Self::preferences`].
    pub async fn erase_user(&self, user: String) -> Result<LearningDocument, Refusal> {
        let request = EraseUserRequest {
            tenant: TENANT.to_owned(),
            user,
        };
        let erased = self.learner.erase_user(request).await?;
        // Of others, too: what is usual among a team or all was made of it.
        self.usual_channels.forget_all();
        Ok(erased)
    }

    fn forget_usual(&self, user: &str, scope: &str) {
        if scope == "user" {
            self.usual_channels.forget(user);
        } else {
            self.usual_channels.forget_all();
        }
    }
}
