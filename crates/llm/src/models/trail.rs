//! What one ask did: every call and every decision, with what they cost.

use super::price::Price;
use crate::call::{Answer, Call, CallKind, EngineError, Failed, Usage};
use crate::chat::ChatAsk;
use crate::provider::{Completion, Exchange, Fault};
use crate::record;
use std::time::Duration;

/// The calls of one ask, in order.
pub(super) struct Trail {
    name: String,
    prompt: String,
    record_content: bool,
    usage: Usage,
    calls: Vec<Call>,
}

/// Who is called.
#[derive(Clone, Copy)]
pub(super) struct Called<'a> {
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    pub(super) price: Option<Price>,
}

impl Trail {
    pub(super) fn new(ask: &ChatAsk<'_>, record_content: bool) -> Self {
        Self {
            name: ask.name.to_owned(),
            prompt: ask.prompt.to_owned(),
            record_content,
            usage: Usage::default(),
            calls: Vec::new(),
        }
    }

    /// A call that was made.
    pub(super) fn call(
        &mut self,
        called: Called<'_>,
        exchange: &Exchange<'_>,
        duration: Duration,
        outcome: &Result<Completion, Fault>,
    ) {
        let usage = match outcome {
            Ok(completion) => used(called, completion),
            Err(fault) => lost(called, fault),
        };
        self.usage = self.usage.plus(&usage);
        let (error, detail) = match outcome {
            Ok(_) => (String::new(), String::new()),
            Err(fault) => (fault.kind.code().to_owned(), fault.detail.clone()),
        };
        let reply = outcome.as_ref().ok().filter(|_| self.record_content);
        self.calls.push(Call {
            kind: CallKind::Model,
            name: self.name.clone(),
            provider: called.provider.to_owned(),
            model: called.model.to_owned(),
            prompt: self.prompt.clone(),
            duration,
            usage,
            error,
            detail,
            input: self.record_content.then(|| record::messages(exchange.messages)),
            output: reply.map(record::completion),
        });
    }

    /// What was wrong with the reply of the last call, which itself went well.
    pub(super) fn unusable(&mut self, code: &str, reason: &str) {
        if let Some(call) = self.calls.last_mut() {
            code.clone_into(&mut call.error);
            reason.clone_into(&mut call.detail);
        }
    }

    /// A choice that was made.
    pub(super) fn decision(&mut self, name: &str, provider: &str, model: &str, reason: &str) {
        self.calls.push(Call {
            kind: CallKind::Decision,
            name: name.to_owned(),
            provider: provider.to_owned(),
            model: model.to_owned(),
            prompt: self.prompt.clone(),
            detail: reason.to_owned(),
            ..Call::default()
        });
    }

    pub(super) fn answer<T>(self, value: T) -> Answer<T> {
        Answer {
            value,
            usage: self.usage,
            calls: self.calls,
        }
    }

    /// Where nobody was called nothing is told: such asks come again and again while everybody is away.
    pub(super) fn failed(mut self, error: EngineError) -> Failed {
        if self.usage.calls == 0 {
            self.calls.clear();
        }
        Failed {
            error,
            usage: self.usage,
            calls: self.calls,
        }
    }
}

fn used(called: Called<'_>, completion: &Completion) -> Usage {
    let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    let free = called.price.filter(Price::is_zero).map(|_| 0);
    let model = if completion.model.is_empty() {
        called.model
    } else {
        &completion.model
    };
    let unknown = Usage {
        usd_micros: free,
        calls: 1,
        model: model.to_owned(),
        ..Usage::default()
    };
    match &completion.tokens {
        None => unknown,
        Some(tokens) => Usage {
            usd_micros: called.price.map(|price| price.micros(tokens)),
            input_tokens: count(tokens.input),
            output_tokens: count(tokens.output),
            cached_tokens: count(tokens.cached),
            reasoning_tokens: count(tokens.reasoning),
            ..unknown
        },
    }
}

/// A refused call costs nothing; one that broke off may have.
fn lost(called: Called<'_>, fault: &Fault) -> Usage {
    let free = fault.kind.is_free() || called.price.is_some_and(|price| price.is_zero());
    Usage {
        usd_micros: free.then_some(0),
        calls: 1,
        model: called.model.to_owned(),
        ..Usage::default()
    }
}
