//! The inputs of a batch, task by task, and what became of them.

use super::inbox::{Answer, Ask, Envelope, Receipt};
use crate::work::account::Account;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use workflow::ids::TaskId;
use workflow::input::Input;

/// Everything of a batch that is about one task, in order of arrival.
pub(super) struct Group {
    pub task: TaskId,
    pub slots: Vec<Slot>,
}

/// An envelope and what will be answered.
pub(super) struct Slot {
    pub ask: Ask,
    reply: Option<oneshot::Sender<Answer>>,
    pub receipt: Option<Arc<Receipt>>,
    pub account: Option<Arc<Account>>,
    pub took: Option<Duration>,
    pub answer: Option<Answer>,
}

impl Slot {
    /// For the quarantine.
    pub fn describe(&self) -> String {
        match &self.ask {
            Ask::Submit(submit) => format!("submission: {:?}", submit.submission),
            Ask::Input(input) => format!("{input:?}"),
            Ask::Dispatch => "dispatch".to_owned(),
        }
    }

    pub fn is_poison_notice(&self) -> bool {
        matches!(self.ask, Ask::Input(Input::Poisoned { .. }) | Ask::Submit(_))
    }
}

impl Group {
    pub fn is_submission(&self) -> bool {
        self.slots.iter().any(|s| matches!(s.ask, Ask::Submit(_)))
    }

    /// Undecided again.
    pub fn into_envelopes(self) -> impl Iterator<Item = Envelope> {
        let task = self.task;
        self.slots.into_iter().map(move |slot| Envelope {
            task,
            ask: slot.ask,
            reply: slot.reply,
            receipt: slot.receipt,
            account: slot.account,
            took: slot.took,
        })
    }
}

pub(super) fn group(envelopes: impl IntoIterator<Item = Envelope>) -> Vec<Group> {
    let mut places: HashMap<TaskId, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for Envelope {
        task,
        ask,
        reply,
        receipt,
        account,
        took,
    } in envelopes
    {
        let place = *places.entry(task).or_insert_with(|| {
            groups.push(Group {
                task,
                slots: Vec::new(),
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.slots.push(Slot {
                ask,
                reply,
                receipt,
                account,
                took,
                answer: None,
            });
        }
    }
    groups
}

pub(super) fn deliver(groups: Vec<Group>) {
    for slot in groups.into_iter().flat_map(|g| g.slots) {
        deliver_slot(slot);
    }
}

pub(super) fn deliver_slot(slot: Slot) {
    if let Some(receipt) = slot.receipt {
        receipt.settle();
    }
    if let Some(reply) = slot.reply {
        let answer = slot.answer.unwrap_or(Answer::Unavailable);
        // Whoever asked may have gone; what was decided stands.
        drop(reply.send(answer));
    }
}

/// Whoever stopped waiting for an answer will ask again; what they asked is not done behind their back.
pub(super) fn drop_unheard(groups: &mut Vec<Group>) {
    for group in groups.iter_mut() {
        group
            .slots
            .retain(|s| s.receipt.is_some() || s.reply.as_ref().is_none_or(|r| !r.is_closed()));
    }
    groups.retain(|g| !g.slots.is_empty());
}

/// Through a long outage nobody is left waiting; inputs from the streams stay.
pub(super) fn refuse_askers(groups: &mut Vec<Group>) {
    for group in groups.iter_mut() {
        for slot in group.slots.extract_if(.., |s| s.reply.is_some() && s.receipt.is_none()) {
            if let Some(reply) = slot.reply {
                drop(reply.send(Answer::Unavailable));
            }
        }
    }
    groups.retain(|g| !g.slots.is_empty());
}

/// Takes a batch apart: task by task, then input by input. None: it is one input already.
pub(super) fn split(groups: &mut Vec<Group>) -> Option<Vec<Vec<Envelope>>> {
    let inputs: usize = groups.iter().map(|g| g.slots.len()).sum();
    if inputs <= 1 {
        return None;
    }
    let by_task = groups.len() > 1;
    let parts = std::mem::take(groups).into_iter().flat_map(|group| {
        let all = group.into_envelopes();
        if by_task {
            vec![all.collect()]
        } else {
            all.map(|envelope| vec![envelope]).collect()
        }
    });
    Some(parts.collect())
}

/// Somebody who asked for a change has stopped waiting; a heartbeat does no harm unheard.
pub(super) fn someone_left(groups: &[Group]) -> bool {
    let mut slots = groups.iter().flat_map(|g| &g.slots);
    let harmless = |s: &Slot| matches!(s.ask, Ask::Input(Input::JobStarted { .. }) | Ask::Dispatch);
    slots.any(|s| !harmless(s) && s.receipt.is_none() && s.reply.as_ref().is_some_and(oneshot::Sender::is_closed))
}
