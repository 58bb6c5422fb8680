//! Webhooks: who is to be told of which event, and what follows from what they answer.
//!
//! A notice is an event that one webhook is to be told of. It is written in the transaction that writes the event, and
//! deleted once it was delivered or given up; executors ask for those that are due.

pub mod keeping;
pub mod schedule;

use crate::store::StoreError;
use crate::store::notices;
use contracts::webhooks::url_hash;
use service::config::WebhookConfig;
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use workflow::ids::TaskId;
use workflow::vocabulary::EventKind;

/// A notice as it is written with its event.
#[derive(Clone, PartialEq, Debug)]
pub struct NewNotice {
    pub webhook: Arc<str>,
    /// Whose event: a task's, or what stands for a tool.
    pub stream: TaskId,
    pub sequence: u64,
    pub give_up_after: Duration,
}

/// The configured webhooks.
#[derive(Default, Debug)]
pub struct Subscriptions {
    webhooks: Vec<Subscribed>,
    /// URLs that said they are gone, by webhook.
    gone: RwLock<HashMap<String, String>>,
}

#[derive(Debug)]
struct Subscribed {
    name: Arc<str>,
    config: WebhookConfig,
    url_hash: String,
}

impl Subscriptions {
    /// Those of the configuration.
    pub fn new(webhooks: &[WebhookConfig]) -> Self {
        let subscribed = |config: &WebhookConfig| Subscribed {
            name: config.name.as_str().into(),
            url_hash: url_hash(&config.url),
            config: config.clone(),
        };
        Self {
            webhooks: webhooks.iter().map(subscribed).collect(),
            gone: RwLock::default(),
        }
    }

    /// There is somebody to tell.
    pub fn is_empty(&self) -> bool {
        self.webhooks.is_empty()
    }

    /// Names of the webhooks.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.webhooks.iter().map(|webhook| &*webhook.name)
    }

    /// What follows from an event.
    pub fn notices(&self, kind: EventKind, stream: TaskId, sequence: u64) -> Vec<NewNotice> {
        if self.webhooks.is_empty() {
            return Vec::new();
        }
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        let told = self.webhooks.iter().filter(|webhook| {
            webhook.config.wants(kind.as_str()) && gone.get(&*webhook.name) != Some(&webhook.url_hash)
        });
        told.map(|webhook| NewNotice {
            webhook: Arc::clone(&webhook.name),
            stream,
            sequence,
            give_up_after: Duration::from_secs_f64(webhook.config.give_up_after_seconds),
        })
        .collect()
    }

    /// Reads which webhooks are gone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh(&self, pool: &PgPool) -> Result<(), StoreError> {
        if self.webhooks.is_empty() {
            return Ok(());
        }
        let found = notices::gone(pool).await?.into_iter().collect();
        *self.gone.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use service::config::EVENTS;

    fn webhook(name: &str, events: &[&str]) -> WebhookConfig {
        serde_json::from_value(json!({
            "name": name, "url": "https://a.example/hook", "secrets": ["whsec_c2VjcmV0c2VjcmV0c2VjcmV0"], "events": events,
        }))
        .unwrap()
    }

    #[test]
    fn every_webhook_is_told_of_what_it_asked_for_until_it_is_gone() {
        let subscriptions = Subscriptions::new(&[webhook("all", &["*"]), webhook("gates", &["gate.*"])]);
        let told = |kind| {
            let notices = subscriptions.notices(kind, TaskId(uuid::Uuid::nil()), 7);
            let names: Vec<String> = notices.iter().map(|notice| notice.webhook.to_string()).collect();
            names
        };
        assert_eq!(told(EventKind::GateOpened), ["all", "gates"]);
        assert_eq!(told(EventKind::ToolChanged), ["all"]);
        let gone = HashMap::from([
            ("all".to_owned(), url_hash("https://a.example/hook")),
            ("gates".to_owned(), url_hash("https://a.example/before")),
        ]);
        *subscriptions.gone.write().unwrap() = gone;
        assert_eq!(told(EventKind::GateOpened), ["gates"], "another URL was gone");
    }

    #[test]
    fn patterns_know_every_event() {
        // Patterns and experiments are the learner's to tell of, which posts no webhooks.
        let learners = |kind: &&EventKind| ["pattern", "experiment"].contains(&kind.entity());
        for kind in EventKind::ALL.iter().filter(|kind| !learners(kind)) {
            let (entity, event) = kind.as_str().split_once('.').unwrap();
            let known = EVENTS.iter().find(|(name, _)| *name == entity);
            assert!(known.is_some_and(|(_, events)| events.contains(&event)), "{kind}");
        }
    }
}
