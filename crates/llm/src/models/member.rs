//! One model of one provider: admission, the call, and what follows from its outcome.

use super::breaker::{Breaker, Pass};
use super::gate::{Gate, PATIENCE, Ticket};
use super::price::Price;
use super::trail::{Called, Trail};
use crate::chat::{ChatAsk, Message};
use crate::chosen::{self, Chosen};
use crate::deadline;
use crate::grant::{self, Spend};
use crate::provider::{Completion, Endpoint, Exchange, Fault, FaultKind, Form, Tokens};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, Span, field};

/// Calls for one ask, as long as they fail in a way that may pass.
const ATTEMPTS: u32 = 3;
/// Before the second; doubled for the third, and spread by half of it to either side.
const BACKOFF: Duration = Duration::from_millis(500);
/// When to come again where the provider failed and nothing else is known.
const AGAIN: Duration = Duration::from_secs(5);
/// Replies without JSON in a row after which a server is taken to ignore the form it accepted.
const IGNORED: u32 = 6;
/// About what English takes.
const BYTES_PER_TOKEN: f64 = 4.0;
/// What languages take that take the most.
const LEAST_BYTES_PER_TOKEN: usize = 2;
/// Bound of a reply within a grant, where none is configured.
const OUTPUT_TOKENS: u32 = 8192;

/// A provider, shared by its models.
pub(super) struct Provider {
    /// As configured.
    pub(super) name: String,
    /// As telemetry says it.
    pub(super) kind: &'static str,
    pub(super) endpoint: Endpoint,
    pub(super) gate: Arc<Gate>,
    pub(super) max_output_tokens: Option<u32>,
}

/// A model of it.
pub(super) struct Member {
    provider: Arc<Provider>,
    model: String,
    breaker: Arc<Breaker>,
    price: Option<Price>,
    random: fn() -> f64,
    /// Of the provider's forms, the first that this model is known to take.
    form: AtomicUsize,
    bound_renamed: AtomicBool,
    without_json: AtomicU32,
}

/// No completion.
#[derive(Debug)]
pub(super) enum Missed {
    /// It does not answer, or is asked enough already.
    Away { detail: String, retry_after: Duration },
    /// It refuses the call.
    Rejected(String),
    /// It never comes to an end.
    Endless(String),
    /// It answers, but nothing that can be read; that may last.
    Broken(String),
    /// Whoever asks has no more time.
    OutOfTime(String),
    /// Whoever asks may not spend what it could take.
    OverGrant(Spend),
    /// It is not asked any more.
    TurnedBack,
}

/// What this call tries of what servers differ in.
#[derive(Clone, Copy)]
struct Dialect {
    form: usize,
    bound_renamed: bool,
}

impl Member {
    pub(super) fn new(
        provider: Arc<Provider>,
        model: &str,
        breaker: Breaker,
        price: Option<Price>,
        random: fn() -> f64,
    ) -> Self {
        Self {
            provider,
            model: model.to_owned(),
            breaker: Arc::new(breaker),
            price,
            random,
            form: AtomicUsize::new(0),
            bound_renamed: AtomicBool::new(false),
            without_json: AtomicU32::new(0),
        }
    }

    pub(super) fn provider(&self) -> &str {
        &self.provider.name
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// A completion, or why there is none now. Everything called is in the trail. `chosen`: a rollout has it asked, for as long
    /// as that stands.
    pub(super) async fn complete(
        &self,
        ask: &ChatAsk<'_>,
        messages: &[Message],
        chosen: Option<&Chosen>,
        trail: &mut Trail,
    ) -> Result<Completion, Missed> {
        let mut dialect = Dialect {
            form: self.form.load(Ordering::Relaxed),
            bound_renamed: self.bound_renamed.load(Ordering::Relaxed),
        };
        let mut refused: Option<Fault> = None;
        let mut failures = 0;
        loop {
            if is_turned_back(chosen).await {
                return Err(Missed::TurnedBack);
            }
            let exchange = self.exchange(ask, messages, dialect);
            let most = self.most(&exchange);
            let held = grant::set_aside(most).map_err(Missed::OverGrant)?;
            let (ticket, pass) = match self.admit(estimate(messages)).await {
                Ok(admitted) => admitted,
                Err(missed) => {
                    held.spent(Spend::default());
                    return Err(missed);
                }
            };
            // It may have waited for its turn.
            if is_turned_back(chosen).await {
                ticket.unused();
                held.spent(Spend::default());
                return Err(Missed::TurnedBack);
            }
            let outcome = self.call(&exchange, ticket, trail).await;
            held.spent(self.took(&outcome, most));
            let fault = match outcome {
                Ok(completion) => {
                    pass.answered();
                    self.learn(dialect);
                    return Ok(completion);
                }
                Err(fault) => fault,
            };
            if fault.kind == FaultKind::OutOfTime {
                return Err(Missed::OutOfTime(fault.detail));
            }
            if fault.kind.is_answer() {
                pass.answered();
                if fault.kind == FaultKind::TooLong {
                    // The form was taken, whatever came of it.
                    self.learn(dialect);
                    return Err(Missed::Endless(fault.detail));
                }
                let next = self.adapted(dialect, fault.kind);
                let first = refused.get_or_insert(fault);
                match next {
                    Some(next) => dialect = next,
                    None => return Err(Missed::Rejected(first.detail.clone())),
                }
                continue;
            }
            pass.failed(fault.retry_after);
            failures += 1;
            match self.pause_after(failures, &fault) {
                Some(pause) => sleep(pause).await,
                None if matches!(fault.kind, FaultKind::Broken | FaultKind::Stalled) => {
                    return Err(Missed::Broken(fault.detail));
                }
                None => return Err(self.away(&fault)),
            }
        }
    }

    /// The reply was none of JSON although it was asked for in a form the server took.
    pub(super) fn gave_no_json(&self) {
        if self.without_json.fetch_add(1, Ordering::Relaxed) + 1 >= IGNORED {
            let prompt_alone = self.provider.endpoint.forms().len().saturating_sub(1);
            self.form.fetch_max(prompt_alone, Ordering::Relaxed);
        }
    }

    /// The reply was what was asked for.
    pub(super) fn gave_json(&self) {
        self.without_json.store(0, Ordering::Relaxed);
    }

    async fn admit(&self, tokens: f64) -> Result<(Ticket, Pass), Missed> {
        let patience = Instant::now() + PATIENCE;
        let deadline = deadline::current().map_or(patience, |end| end.min(patience));
        let away = |retry_after: Duration, why: &str| Missed::Away {
            detail: format!("{}/{} {why}", self.provider.name, self.model),
            retry_after,
        };
        if let Some(left) = self.breaker.away_for() {
            return Err(away(left, "failed before and is left alone for now"));
        }
        let ticket = self.provider.gate.enter(tokens, deadline).await;
        let ticket = ticket.map_err(|again| away(again, "has as many calls as it may have"))?;
        match timeout_at(deadline, self.breaker.admit()).await {
            Ok(Ok(pass)) => Ok((ticket, pass)),
            Ok(Err(left)) => {
                ticket.unused();
                Err(away(left, "failed before and is left alone for now"))
            }
            Err(_) => {
                ticket.unused();
                Err(away(AGAIN, "failed before and is being tried"))
            }
        }
    }

    async fn call(&self, exchange: &Exchange<'_>, ticket: Ticket, trail: &mut Trail) -> Result<Completion, Fault> {
        let span = self.span(exchange);
        let started = Instant::now();
        let called = self.provider.endpoint.call(exchange).instrument(span.clone());
        let outcome = match deadline::current() {
            None => called.await,
            Some(deadline) => timeout_at(deadline, called).await.unwrap_or_else(|_| {
                let detail = format!("{}/{} had not answered yet", self.provider.name, self.model);
                Err(Fault::new(FaultKind::OutOfTime, &detail))
            }),
        };
        note(&span, &outcome);
        let called = Called {
            provider: &self.provider.name,
            model: &self.model,
            price: self.price,
        };
        trail.call(called, exchange, started.elapsed(), &outcome);
        if let Some(tokens) = outcome.as_ref().ok().and_then(|completion| completion.tokens) {
            #[expect(clippy::cast_precision_loss, reason = "believed counts are far below 2^52")]
            ticket.used((tokens.input + tokens.output) as f64);
        }
        outcome
    }

    /// The most a call may take.
    fn most(&self, exchange: &Exchange<'_>) -> Spend {
        if !grant::is_bounded() {
            return Spend::default();
        }
        let schema = exchange.schema.map_or(0, |schema| schema.to_string().len());
        let tools = exchange
            .tools
            .iter()
            .map(|tool| tool.description.len() + tool.input_schema.to_string().len());
        let bytes = length(exchange.messages) + schema + tools.sum::<usize>();
        let count = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let tokens = Tokens {
            input: count(bytes / LEAST_BYTES_PER_TOKEN),
            output: exchange.max_output_tokens.unwrap_or(OUTPUT_TOKENS).into(),
            ..Tokens::default()
        };
        self.cost(&tokens)
    }

    /// What a call took: all it could have where nobody says.
    fn took(&self, outcome: &Result<Completion, Fault>, most: Spend) -> Spend {
        match outcome {
            Ok(completion) => completion.tokens.as_ref().map_or(most, |tokens| self.cost(tokens)),
            Err(fault) if fault.kind.is_free() => Spend {
                calls: most.calls,
                ..Spend::default()
            },
            Err(_) => most,
        }
    }

    fn cost(&self, tokens: &Tokens) -> Spend {
        Spend {
            usd_micros: self.price.map_or(0, |price| price.micros(tokens)),
            tokens: i64::try_from(tokens.input.saturating_add(tokens.output)).unwrap_or(i64::MAX),
            calls: 1,
        }
    }

    fn exchange<'a>(&'a self, ask: &ChatAsk<'a>, messages: &'a [Message], dialect: Dialect) -> Exchange<'a> {
        let forms = self.provider.endpoint.forms();
        Exchange {
            name: ask.name,
            model: &self.model,
            messages,
            schema: ask.schema,
            form: forms.get(dialect.form).copied().unwrap_or(Form::Prompt),
            tools: ask.tools,
            max_output_tokens: ask
                .max_output_tokens
                .or(self.provider.max_output_tokens)
                // What may not cost more than so much must end.
                .or_else(|| grant::is_bounded().then_some(OUTPUT_TOKENS)),
            bound_renamed: dialect.bound_renamed,
        }
    }

    /// What to try instead; none: there is nothing.
    fn adapted(&self, tried: Dialect, refused: FaultKind) -> Option<Dialect> {
        match refused {
            FaultKind::FormUnknown => Some(Dialect {
                form: tried.form + 1,
                ..tried
            }),
            FaultKind::BoundUnknown if !tried.bound_renamed => Some(Dialect {
                bound_renamed: true,
                ..tried
            }),
            _ => None,
        }
    }

    fn learn(&self, taken: Dialect) {
        self.form.fetch_max(taken.form, Ordering::Relaxed);
        self.bound_renamed.fetch_or(taken.bound_renamed, Ordering::Relaxed);
    }

    /// None: whoever asks should come again later, for the work's own time is not to be spent here.
    fn pause_after(&self, failures: u32, fault: &Fault) -> Option<Duration> {
        if failures >= ATTEMPTS || matches!(fault.kind, FaultKind::Timeout | FaultKind::Stalled) {
            return None;
        }
        match self.breaker.away_for() {
            None => Some(
                BACKOFF
                    .saturating_mul(1 << (failures - 1))
                    .mul_f64(0.5 + (self.random)().clamp(0.0, 1.0)),
            ),
            // Short enough to wait for, where the provider itself named it.
            Some(left) => Some(left).filter(|left| fault.retry_after.is_some() && *left <= PATIENCE),
        }
    }

    fn away(&self, fault: &Fault) -> Missed {
        let retry_after = self.breaker.away_for();
        if let Some(pause) = retry_after {
            let (provider, model) = (&self.provider.name, &self.model);
            tracing::warn!(
                provider,
                model,
                ?pause,
                fault = fault.detail,
                "the model is left alone for a while"
            );
        }
        Missed::Away {
            detail: format!("{}/{}: {}", self.provider.name, self.model, fault.detail),
            retry_after: retry_after.unwrap_or(AGAIN),
        }
    }

    fn span(&self, exchange: &Exchange<'_>) -> Span {
        tracing::info_span!(
            "chat",
            otel.name = format!("chat {}", self.model),
            otel.kind = "client",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = self.provider.kind,
            gen_ai.request.model = self.model,
            gen_ai.request.max_tokens = exchange.max_output_tokens,
            gen_ai.response.model = field::Empty,
            gen_ai.usage.input_tokens = field::Empty,
            gen_ai.usage.output_tokens = field::Empty,
            gen_ai.usage.cache_read.input_tokens = field::Empty,
            gen_ai.usage.reasoning.output_tokens = field::Empty,
            error.type = field::Empty,
            otel.status_code = field::Empty,
            server.address = self.provider.endpoint.host(),
        )
    }
}

async fn is_turned_back(chosen: Option<&Chosen>) -> bool {
    match chosen {
        Some(chosen) => !chosen::holds(&chosen.model).await,
        None => false,
    }
}

fn note(span: &Span, outcome: &Result<Completion, Fault>) {
    match outcome {
        Ok(completion) => {
            span.record("gen_ai.response.model", completion.model.as_str());
            if let Some(tokens) = &completion.tokens {
                span.record("gen_ai.usage.input_tokens", tokens.input);
                span.record("gen_ai.usage.output_tokens", tokens.output);
                span.record("gen_ai.usage.cache_read.input_tokens", tokens.cached);
                span.record("gen_ai.usage.reasoning.output_tokens", tokens.reasoning);
            }
        }
        Err(fault) => {
            span.record("error.type", fault.kind.code());
            span.record("otel.status_code", "ERROR");
        }
    }
}

fn estimate(messages: &[Message]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let tokens = length(messages) as f64 / BYTES_PER_TOKEN;
    tokens
}

/// Bytes of all texts.
fn length(messages: &[Message]) -> usize {
    let bytes = |message: &Message| match message {
        Message::System(text) | Message::User(text) | Message::Assistant { text, .. } => text.len(),
        Message::Tool { content, .. } => content.len(),
    };
    messages.iter().map(bytes).sum()
}
