//! A configured server as its tools see it: connected now, or away.

use super::call::{self, Answer, FrozenCall, Manner};
use super::connection::Connection;
use super::http::GuardedHttp;
use super::trouble::{Acted, Trouble, words};
use crate::credentials::Redactor;
use crate::effects::{Question, QuestionRequest};
use crate::tools::in_force::Standing;
use service::config::McpServerConfig;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout_at};
use workflow::hash::Fingerprint;

/// How long a call waits for a server that is being started again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server of the configuration.
pub struct Server {
    pub config: Arc<McpServerConfig>,
    pub(super) http: Option<GuardedHttp>,
    /// None: it is away.
    pub(super) live: watch::Sender<Option<Arc<Live>>>,
    /// The first attempt to reach it has ended, well or not.
    pub(super) tried: watch::Sender<bool>,
    /// Its tools are to be listed again.
    pub(super) changed: Arc<Notify>,
    slots: Semaphore,
    /// Hides what the server was given.
    pub redactor: Redactor,
}

/// A connection and what the server defined over it.
pub struct Live {
    pub connection: Connection,
    /// Of each tool that is served, by its name at the server.
    pub versions: BTreeMap<String, Fingerprint>,
}

/// Which definition of a tool may be called.
#[derive(Clone, Copy, Debug)]
pub enum Pin<'a> {
    /// The one a plan was made with.
    Planned(&'a Fingerprint),
    /// The one in force in the catalog; where nothing is known of that, the first one that was seen: later ones are
    /// others' work.
    InForce {
        known: Option<Standing>,
        first: &'a OnceLock<Fingerprint>,
    },
}

impl Pin<'_> {
    fn lets(&self, defined: Option<&Fingerprint>) -> bool {
        match self {
            Self::Planned(planned) => defined == Some(planned),
            Self::InForce { known: Some(known), .. } => {
                known.definition.is_some() && defined == known.definition.as_ref()
            }
            Self::InForce { known: None, first } => match (first.get(), defined) {
                (None, None) => true,
                (None, Some(defined)) => first.get_or_init(|| *defined) == defined,
                (first, defined) => first == defined,
            },
        }
    }

    /// Whatever the server defines, nobody may call it.
    fn is_out_of_use(&self) -> bool {
        matches!(self, Self::InForce { known: Some(known), .. } if known.definition.is_none())
    }
}

impl Server {
    pub fn new(config: Arc<McpServerConfig>, http: Option<GuardedHttp>) -> Self {
        let slots = usize::try_from(config.max_concurrency).unwrap_or(1);
        let redactor = http
            .as_ref()
            .map_or_else(Redactor::default, |http| http.redactor().clone());
        Self {
            redactor,
            config,
            http,
            live: watch::Sender::new(None),
            tried: watch::Sender::new(false),
            changed: Arc::default(),
            slots: Semaphore::new(slots),
        }
    }

    /// The connection; waits a little for one that is on its way.
    ///
    /// # Errors
    /// `tool_unavailable`.
    pub async fn live(&self, deadline: Instant) -> Result<Arc<Live>, Trouble> {
        let mut live = self.live.subscribe();
        let until = deadline.min(Instant::now() + PATIENCE);
        let found = timeout_at(until, live.wait_for(Option::is_some)).await;
        let found = found.ok().and_then(Result::ok).and_then(|live| live.clone());
        found.ok_or_else(|| Trouble::away(&self.config.name, ""))
    }

    /// Calls one of its tools, when it is its turn. What comes back has no secrets in it.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn call(
        &self,
        frozen: &FrozenCall,
        pin: Pin<'_>,
        manner: Manner<'_>,
        deadline: Instant,
    ) -> Result<Answer, Trouble> {
        let answer = self.called(frozen, pin, manner, deadline).await;
        match answer.map_err(|trouble| self.without_secrets(trouble))? {
            Answer::Result(result) => {
                let unreadable = |_| Trouble::bad_response("nothing can be read of the answer without its secrets");
                self.redactor.message(result).map(Answer::Result).map_err(unreadable)
            }
            Answer::Asks(question) => Ok(Answer::Asks(asked(self.redactor.question(question)))),
        }
    }

    /// What a server says of a trouble may be what it was given.
    pub(super) fn without_secrets(&self, trouble: Trouble) -> Trouble {
        Trouble {
            message: words(&self.redactor.text(trouble.message)),
            ..trouble
        }
    }

    async fn called(
        &self,
        frozen: &FrozenCall,
        pin: Pin<'_>,
        manner: Manner<'_>,
        deadline: Instant,
    ) -> Result<Answer, Trouble> {
        let began = Instant::now();
        let busy = || Trouble {
            acted: Acted::No,
            message: format!("the server `{}` had other calls all the time", self.config.name),
            ..Trouble::timeout(deadline.saturating_duration_since(began))
        };
        let slot = timeout_at(deadline, self.slots.acquire()).await.map_err(|_| busy())?;
        let live = self.live(deadline).await?;
        // Of the connection that is called: the server may have come back changed a moment ago.
        if !pin.lets(live.versions.get(&frozen.tool)) {
            return Err(self.not_let(&frozen.tool, pin));
        }
        let answer = call::call(&live.connection, frozen, manner, deadline).await;
        drop(slot);
        if answer.as_ref().is_err_and(|trouble| trouble.code == "tool_unavailable") {
            // A connection over HTTP does not notice that there is nobody any more.
            self.changed.notify_one();
        }
        answer
    }

    fn not_let(&self, tool: &str, pin: Pin<'_>) -> Trouble {
        let server = &self.config.name;
        let (code, message) = match pin.is_out_of_use() {
            true => ("tool_suspended", format!("`{server}.{tool}` was taken out of use")),
            false => (
                "tool_changed",
                format!("the server `{server}` defines `{tool}` otherwise now"),
            ),
        };
        Trouble::new(code, message, false, Acted::No)
    }
}

/// As people are asked: what a server says is cut only now that no secret is in it.
fn asked(question: Question) -> Question {
    let request = |request: QuestionRequest| QuestionRequest {
        message: words(&request.message),
        ..request
    };
    Question {
        message: words(&question.message),
        requests: question.requests.into_iter().map(request).collect(),
        request_state: question.request_state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_calls_its_own_definition_and_a_channel_the_one_in_force_or_the_first_it_saw() {
        let [own, other] = [b"own", b"new"].map(|text| Fingerprint::of([text.as_slice()]));
        let planned = Pin::Planned(&own);
        assert!(planned.lets(Some(&own)) && !planned.lets(Some(&other)) && !planned.lets(None));
        let first = OnceLock::new();
        let channel = Pin::InForce {
            known: None,
            first: &first,
        };
        assert!(channel.lets(None), "nothing was seen yet");
        assert!(channel.lets(Some(&own)) && channel.lets(Some(&own)));
        assert!(!channel.lets(Some(&other)) && !channel.lets(None));
        let in_force = |definition| Pin::InForce {
            known: Some(Standing {
                definition,
                active: false,
            }),
            first: &first,
        };
        let approved = in_force(Some(other));
        assert!(approved.lets(Some(&other)) && !approved.lets(Some(&own)) && !approved.lets(None));
        let out_of_use = in_force(None);
        assert!(!out_of_use.lets(Some(&own)) && !out_of_use.lets(None) && out_of_use.is_out_of_use());
    }
}
