//! The models of a role, one after the other until one gives a reply that can be used.

use super::member::{Member, Missed};
use super::trail::Trail;
use super::wanted::{Unusable, Wanted};
use super::{ModelRef, Models};
use crate::call::{Answer, EngineError, Failed};
use crate::chat::{Chat, ChatAsk, Message, Reply, Tier};
use crate::chosen::{self, Chosen, PASSED_OVER, TURNED_BACK};
use crate::grant;
use crate::provider::Completion;
use async_trait::async_trait;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// A role's models by size.
pub(super) struct Chain<F> {
    members: F,
    models: Arc<Models>,
}

/// One ask on its way along the chain.
struct Course<'a> {
    ask: ChatAsk<'a>,
    wanted: Wanted<'a>,
    /// Asked before all others, each of which stands in whatever the one before fails at.
    chosen: Vec<(Arc<Member>, Chosen)>,
    members: Arc<[Arc<Member>]>,
    /// How many of them are of the size asked for; smaller ones follow.
    own: usize,
    messages: Cow<'a, [Message]>,
    asked_again: bool,
    /// Why those before gave nothing; the gravest stays.
    missed: Option<EngineError>,
}

impl<F: Fn(Tier) -> Arc<[Arc<Member>]> + Send + Sync + 'static> Chain<F> {
    pub(super) fn new(members: F, models: Arc<Models>) -> Self {
        Self { members, models }
    }

    /// Where a smaller model may stand in, those of smaller sizes follow.
    fn members_of(&self, tier: Tier) -> Arc<[Arc<Member>]> {
        let own = (self.members)(tier);
        if !grant::may_be_cheaper() {
            return own;
        }
        let smaller = [Tier::Standard, Tier::Small]
            .into_iter()
            .filter(|smaller| *smaller < tier);
        let mut members: Vec<Arc<Member>> = own.to_vec();
        for member in smaller.flat_map(|smaller| (self.members)(smaller).to_vec()) {
            if !members.iter().any(|known| Arc::ptr_eq(known, &member)) {
                members.push(member);
            }
        }
        members.into()
    }

    /// What a rollout chose, without those whom nobody here can ask.
    fn chosen(&self, trail: &mut Trail) -> (Vec<(Arc<Member>, Chosen)>, Option<EngineError>) {
        let (mut members, mut missed) = (Vec::new(), None);
        for chosen in chosen::current().iter() {
            match self.models.member(&chosen.model) {
                Ok(member) => members.push((member, chosen.clone())),
                Err(error) => {
                    let error = EngineError::Rejected(format!("{}: {error}", chosen.name()));
                    let ModelRef { provider, model } = &chosen.model;
                    trail.decision(PASSED_OVER, provider, model, &error.to_string());
                    missed = Some(error);
                }
            }
        }
        (members, missed)
    }
}

#[async_trait]
impl<F: Fn(Tier) -> Arc<[Arc<Member>]> + Send + Sync + 'static> Chat for Chain<F> {
    async fn chat(&self, ask: ChatAsk<'_>) -> Result<Answer<Reply>, Failed> {
        let wanted = Wanted::of(&ask).map_err(EngineError::BadArguments)?;
        let mut trail = Trail::new(&ask, self.models.record_content);
        let (chosen, missed) = self.chosen(&mut trail);
        let course = Course {
            ask,
            wanted,
            chosen,
            members: self.members_of(ask.tier),
            own: (self.members)(ask.tier).len(),
            messages: Cow::Borrowed(ask.messages),
            asked_again: false,
            missed,
        };
        match course.run(&mut trail).await {
            Ok(reply) => Ok(trail.answer(reply)),
            Err(error) => Err(trail.failed(error)),
        }
    }
}

impl Course<'_> {
    async fn run(mut self, trail: &mut Trail) -> Result<Reply, EngineError> {
        if let Some(reply) = self.ask_chosen(trail).await? {
            return Ok(reply);
        }
        let members = Arc::clone(&self.members);
        let mut rest = members.iter().enumerate().peekable();
        while let Some((place, member)) = rest.next() {
            // A smaller one is asked for want of money alone.
            if place >= self.own && !matches!(self.missed, Some(EngineError::OverGrant { .. })) {
                break;
            }
            let next = rest.peek().map(|(_, next)| next.as_ref());
            match self.ask_one(member, None, next.is_some(), trail).await {
                Ok(reply) => return Ok(reply),
                Err((error, false)) => return Err(error),
                Err((error, true)) => {
                    if let Some(next) = next {
                        let choice = if place + 1 < self.own {
                            "fallback"
                        } else {
                            "cheaper_model"
                        };
                        trail.decision(choice, next.provider(), next.model(), &error.to_string());
                    }
                    self.missed = Some(graver(self.missed.take(), error));
                }
            }
        }
        Err(self
            .missed
            .unwrap_or_else(|| EngineError::BadArguments("no model is named".to_owned())))
    }

    /// None: whoever is configured is asked as if nobody had been chosen, whatever was the matter; only time that is
    /// over is over for everybody.
    async fn ask_chosen(&mut self, trail: &mut Trail) -> Result<Option<Reply>, EngineError> {
        for (member, chosen) in std::mem::take(&mut self.chosen) {
            match self.ask_one(&member, Some(&chosen), true, trail).await {
                Ok(reply) => return Ok(Some(reply)),
                Err((error @ EngineError::OutOfTime(_), _)) => return Err(error),
                Err((error, _)) => {
                    let decision = match error {
                        EngineError::TurnedBack(_) => TURNED_BACK,
                        _ => PASSED_OVER,
                    };
                    trail.decision(decision, member.provider(), member.model(), &error.to_string());
                    self.messages = Cow::Borrowed(self.ask.messages);
                    self.asked_again = false;
                    // Of a chain without members it is all there is to say.
                    self.missed = self.members.is_empty().then_some(error);
                }
            }
        }
        Ok(None)
    }

    /// One model, asked once more where its reply cannot be used and nobody was asked again yet. Beside the error
    /// stands whether the next model may be asked.
    async fn ask_one(
        &mut self,
        member: &Member,
        chosen: Option<&Chosen>,
        has_next: bool,
        trail: &mut Trail,
    ) -> Result<Reply, (EngineError, bool)> {
        let answers_as = chosen.map_or("", |chosen| &chosen.answers_as);
        loop {
            let completion = member
                .complete(&self.ask, &self.messages, chosen, trail)
                .await
                .map_err(|missed| {
                    let in_time = !matches!(missed, Missed::OutOfTime(_));
                    (error_of(missed, member), in_time)
                })?;
            if !answers_as.is_empty() && !completion.model.is_empty() && completion.model != answers_as {
                let error = EngineError::OtherModel(format!("{:?} instead of {answers_as:?}", completion.model));
                trail.unusable(error.code(), &error.to_string());
                return Err((error, has_next));
            }
            let unusable = match self.wanted.read(&completion) {
                Ok(reply) => {
                    member.gave_json();
                    return Ok(reply);
                }
                Err(unusable) => unusable,
            };
            let (error, may_go_on) = match &unusable {
                Unusable::Refused(_) => (EngineError::Refused(unusable.reason()), has_next),
                Unusable::NoJson(_) => {
                    member.gave_no_json();
                    (EngineError::BadOutput(unusable.reason()), false)
                }
                Unusable::CutOff | Unusable::Faulty { .. } => (EngineError::BadOutput(unusable.reason()), false),
            };
            trail.unusable(error.code(), &unusable.reason());
            if self.asked_again || may_go_on {
                return Err((error, may_go_on));
            }
            self.asked_again = true;
            trail.decision("ask_again", member.provider(), member.model(), &unusable.reason());
            self.reproach(&completion, &unusable);
        }
    }

    fn reproach(&mut self, completion: &Completion, unusable: &Unusable) {
        let messages = self.messages.to_mut();
        if !completion.text.trim().is_empty() {
            messages.push(Message::Assistant {
                text: completion.text.clone(),
                calls: Vec::new(),
            });
        }
        messages.push(Message::User(self.wanted.reproach(unusable)));
    }
}

fn error_of(missed: Missed, member: &Member) -> EngineError {
    let of = |what: &str| format!("{}/{}: {what}", member.provider(), member.model());
    match missed {
        Missed::Away { detail, retry_after } => EngineError::Away {
            detail,
            // Nobody comes again in no time.
            retry_after: retry_after.max(Duration::from_secs(1)),
        },
        Missed::Rejected(detail) => EngineError::Rejected(of(&detail)),
        Missed::Broken(detail) => {
            EngineError::BadOutput(of(&format!("the answer breaks off or cannot be read: {detail}")))
        }
        Missed::OverGrant(needs) => EngineError::OverGrant {
            model: format!("{}/{}", member.provider(), member.model()),
            needs,
        },
        Missed::TurnedBack => EngineError::TurnedBack(format!("{}/{}", member.provider(), member.model())),
        // Not away: asked again it would do the same, so it costs an attempt.
        Missed::OutOfTime(detail) => EngineError::OutOfTime(of(&detail)),
        Missed::Endless(detail) => EngineError::BadOutput(of(&format!(
            "the reply does not end: {detail} (llm.timeout_seconds, llm.max_output_tokens)"
        ))),
    }
}

/// Of two, the one to tell: who is away may come back, and soonest counts; a refusal is the model's last word.
fn graver(first: Option<EngineError>, second: EngineError) -> EngineError {
    match (first, second) {
        (None, only) => only,
        (
            Some(EngineError::Away {
                detail: a,
                retry_after: x,
            }),
            EngineError::Away {
                detail: b,
                retry_after: y,
            },
        ) => EngineError::Away {
            detail: format!("{a}; {b}"),
            retry_after: x.min(y),
        },
        (Some(away @ EngineError::Away { .. }), _) | (_, away @ EngineError::Away { .. }) => away,
        (Some(refused @ EngineError::Refused(_)), _) => refused,
        (Some(_), second) => second,
    }
}
