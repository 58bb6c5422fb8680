//! Outside effects: licensed by the coordinator before they are sent, recorded after.

use super::coordinator::{CallError, Coordinator};
use super::job::JobContext;
use contracts::coordinator::{BeginEffectRequest, BeginEffectResponse, EndEffectRequest};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use workflow::vocabulary::EffectClass;

/// The record of an effect is tried this long after the run's own end.
const RECORD_FOR: Duration = Duration::from_secs(60);
/// The recorded answer of an effect that was licensed and certainly not sent.
const NOT_DONE: &str = r#"{"not_done":true}"#;

/// An effect to ask for.
#[derive(Clone, Debug)]
pub struct EffectRequest {
    /// The how-manyth effect of this job, from 0.
    pub ordinal: u32,
    /// What repeating it would do. Read-only ones are not asked for.
    pub class: EffectClass,
    /// Who receives it, for people.
    pub target: String,
    /// The tool that a channel publishes with; empty: none, or the step's own.
    pub tool_id: String,
    /// JSON text; the first call freezes it.
    pub request_json: String,
    /// How long sending may take.
    pub send_within: Duration,
    /// How long the receiver remembers a key.
    pub key_ttl: Duration,
}

/// The coordinator's word on an effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Licence {
    /// Send exactly these bytes under this key, before that time.
    Send {
        /// What to send; not necessarily what was asked for now.
        frozen_request_json: String,
        /// Stable for the effect.
        effect_key: String,
        /// By this process's monotonic clock.
        send_before: Instant,
        /// An earlier run may have sent it: what is `queryable` is looked up first.
        sent_before: bool,
    },
    /// It was sent and accepted before; this is the answer.
    Confirmed {
        /// JSON text.
        response_json: String,
    },
    /// It was sent and refused before.
    Rejected {
        /// JSON text.
        response_json: String,
    },
    /// It may have been sent; a human decides.
    Unknown,
    /// Another run may be sending it now: end with [`super::Ended::dropped`].
    Busy,
    /// Not allowed.
    Refused {
        /// superseded | cancelled | gate | budget | once_already_sent.
        reason: String,
    },
}

/// How an effect ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EffectEnd {
    /// The receiver accepted it.
    Confirmed,
    /// The receiver refused it, and did nothing.
    Rejected,
    /// Nobody knows.
    Unknown,
}

impl EffectEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        }
    }
}

/// Effects of a run that were asked for and not ended.
#[derive(Default, Debug)]
pub(super) struct OpenEffects {
    all: AtomicU32,
    once: AtomicU32,
}

impl OpenEffects {
    fn opened(&self, class: EffectClass) {
        self.all.fetch_add(1, Ordering::Relaxed);
        if class == EffectClass::Once {
            self.once.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn closed(&self, class: EffectClass) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        if class == EffectClass::Once {
            self.once.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether the run must not be dropped now.
    pub(super) fn any(&self) -> bool {
        self.all.load(Ordering::Relaxed) > 0
    }

    /// Whether ending now leaves an effect that nothing but a human can settle.
    pub(super) fn any_once(&self) -> bool {
        self.once.load(Ordering::Relaxed) > 0
    }
}

impl JobContext {
    /// Asks to send an effect; waits for the coordinator until the run's deadline.
    ///
    /// # Errors
    /// When it refuses the question itself, or stays away.
    pub async fn begin_effect(&self, effect: &EffectRequest) -> Result<Licence, CallError> {
        let request = BeginEffectRequest {
            task_id: self.item.task_id.clone(),
            job_id: self.job.job_id.clone(),
            dispatch: self.job.dispatch,
            run_id: self.run_id.to_string(),
            ordinal: effect.ordinal,
            effects: effect.class.as_str().to_owned(),
            target: effect.target.clone(),
            tool_id: effect.tool_id.clone(),
            request_json: effect.request_json.clone(),
            send_within_seconds: effect.send_within.as_secs_f64(),
            key_ttl_seconds: effect.key_ttl.as_secs_f64(),
        };
        // From here on a cancellation waits: a licence nobody heard of would look like a sending.
        self.effects.opened(effect.class);
        let answered = self
            .coordinator
            .until(self.deadline, |mut client| {
                let request = request.clone();
                async move {
                    // The licence runs from the coordinator's commit, which comes after this.
                    let asked = Instant::now();
                    let answer = client.begin_effect(Coordinator::unary(request)).await?;
                    Ok(licence(asked, answer.into_inner()))
                }
            })
            .await;
        match answered {
            Ok(Licence::Send { .. }) if self.cancelled.is_cancelled() => {
                self.end_effect(effect, EffectEnd::Rejected, NOT_DONE.to_owned())
                    .await?;
                Ok(Licence::Refused {
                    reason: "cancelled".to_owned(),
                })
            }
            Ok(licence @ Licence::Send { .. }) => Ok(licence),
            // It may be licensed all the same; the ledger settles that.
            Err(CallError::Away | CallError::Interrupted) => answered,
            Ok(_) | Err(CallError::Refused { .. }) => {
                self.effects.closed(effect.class);
                answered
            }
        }
    }

    /// Records how a licensed effect ended; goes on trying even when the run is dropped meanwhile.
    ///
    /// # Errors
    /// When the coordinator could not be told; the effect then ends as unknown by itself.
    pub async fn end_effect(
        &self,
        effect: &EffectRequest,
        end: EffectEnd,
        response_json: String,
    ) -> Result<(), CallError> {
        let request = EndEffectRequest {
            task_id: self.item.task_id.clone(),
            job_id: self.job.job_id.clone(),
            run_id: self.run_id.to_string(),
            ordinal: effect.ordinal,
            state: end.as_str().to_owned(),
            response_json,
        };
        let coordinator = self.coordinator.clone();
        let deadline = self.deadline.max(Instant::now()) + RECORD_FOR;
        let told = tokio::spawn(async move {
            coordinator
                .until(deadline, |mut client| {
                    let request = request.clone();
                    async move { client.end_effect(Coordinator::unary(request)).await }
                })
                .await
                .map(drop)
        });
        let told = told.await.unwrap_or(Err(CallError::Interrupted));
        self.effects.closed(effect.class);
        told
    }
}

fn licence(asked: Instant, answer: BeginEffectResponse) -> Licence {
    match answer.state.as_str() {
        "send" => Licence::Send {
            frozen_request_json: answer.frozen_request_json,
            effect_key: answer.effect_key,
            send_before: asked + super::coordinator::seconds(answer.send_within_seconds),
            sent_before: answer.sent_before,
        },
        "confirmed" => Licence::Confirmed {
            response_json: answer.response_json,
        },
        "rejected" => Licence::Rejected {
            response_json: answer.response_json,
        },
        "busy" => Licence::Busy,
        "refused" => Licence::Refused { reason: answer.reason },
        // A state this program does not know is no licence.
        _ => Licence::Unknown,
    }
}
