//! What reaches the writer, and what it answers.

use crate::work::account::Account;
use bus::intake::Delivery;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use workflow::decision::{Refusal, Reply};
use workflow::fork::Reuse;
use workflow::ids::TaskId;
use workflow::input::Input;
use workflow::submission::Submission;
use workflow::vocabulary::Status;

/// Inputs that wait; beyond, senders wait or are refused.
const CAPACITY: usize = 4096;
/// Wait for an answer; an asker who is told to try again does so with the same ids.
const PATIENCE: Duration = Duration::from_secs(8);

/// Wait for room; the queue is fair, so results cannot keep heartbeats out.
const ENTRY: Duration = Duration::from_secs(2);

/// One thing for the writer.
pub struct Envelope {
    /// Whom it is about.
    pub task: TaskId,
    /// What it is.
    pub ask: Ask,
    /// Who waits for an answer.
    pub reply: Option<oneshot::Sender<Answer>>,
    /// The message it came with.
    pub receipt: Option<Arc<Receipt>>,
    /// What the run told beside it.
    pub account: Option<Arc<Account>>,
    /// How long the run took by its worker's clock, of results.
    pub took: Option<Duration>,
}

/// What is asked.
pub enum Ask {
    /// A new task.
    Submit(Submit),
    /// Something that happened.
    Input(Input),
    /// The window may have room now.
    Dispatch,
}

/// A new task.
pub struct Submit {
    pub tenant: String,
    pub submission: Arc<Submission>,
    /// Of a fork.
    pub reuse: Option<Arc<Reuse>>,
    /// Key and body hash.
    pub idempotency: Option<(String, String)>,
}

/// The writer's answer; given after the commit.
#[derive(Debug)]
pub enum Answer {
    /// The core's answer.
    Reply { reply: Reply },
    /// The task is accepted, now or by an earlier request of the same key.
    Accepted {
        task: TaskId,
        status: Status,
        replayed: bool,
    },
    /// The key belongs to another request.
    KeyReused,
    /// The request cannot become a task.
    Refused(Refusal),
    /// There is no such task.
    NotFound,
    /// The database is away; nothing is known to be written.
    Unavailable,
    /// The input could not be processed and is in quarantine.
    Quarantined,
}

/// A message that is acknowledged when everything in it is committed.
pub struct Receipt {
    state: Mutex<(usize, Option<Delivery>)>,
    done: mpsc::UnboundedSender<Delivery>,
}

impl Receipt {
    /// For a message with `inputs` inputs; `done` gets it when all are committed.
    pub fn new(inputs: usize, delivery: Delivery, done: mpsc::UnboundedSender<Delivery>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new((inputs, Some(delivery))),
            done,
        })
    }

    /// One input is committed, or needs no commit.
    pub fn settle(&self) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0 = state.0.saturating_sub(1);
        if state.0 == 0
            && let Some(delivery) = state.1.take()
        {
            // The receiver lives as long as the process; without it redelivery repeats what is done.
            if self.done.send(delivery).is_err() {
                tracing::debug!("nobody acknowledges any more");
            }
        }
    }
}

/// The way to the writer.
#[derive(Clone)]
pub struct Inbox {
    sender: mpsc::Sender<Envelope>,
    closed: Arc<AtomicBool>,
}

impl Inbox {
    /// A new inbox and its other end.
    pub fn new() -> (Self, mpsc::Receiver<Envelope>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (
            Self {
                sender,
                closed: Arc::new(AtomicBool::new(false)),
            },
            receiver,
        )
    }

    /// Sends and waits for the answer. Refused at once while the database is known to be away, and
    /// after a while where the writer is behind or no answer comes.
    pub async fn ask(&self, task: TaskId, ask: Ask) -> Answer {
        if self.closed.load(Ordering::Relaxed) {
            return Answer::Unavailable;
        }
        let (reply, answer) = oneshot::channel();
        let envelope = Envelope {
            task,
            ask,
            reply: Some(reply),
            receipt: None,
            account: None,
            took: None,
        };
        match tokio::time::timeout(ENTRY, self.sender.send(envelope)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Answer::Unavailable,
        }
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Answer::Unavailable,
        }
    }

    /// While the database is away, whoever asks is told at once.
    pub fn set_away(&self, away: bool) {
        self.closed.store(away, Ordering::Relaxed);
    }

    /// Sends without waiting for an answer; waits for room.
    pub async fn send(&self, envelope: Envelope) {
        if self.sender.send(envelope).await.is_err() {
            tracing::debug!("the writer has stopped");
        }
    }

    /// Has the writer look whether there is room for the task's ready jobs.
    pub async fn wake(&self, task: TaskId) {
        self.send(Envelope {
            task,
            ask: Ask::Dispatch,
            reply: None,
            receipt: None,
            account: None,
            took: None,
        })
        .await;
    }

    /// Sends an input nobody waits for.
    pub async fn tell(&self, task: TaskId, input: Input) {
        self.send(Envelope {
            task,
            ask: Ask::Input(input),
            reply: None,
            receipt: None,
            account: None,
            took: None,
        })
        .await;
    }
}
