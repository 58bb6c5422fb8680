//! Follows a task through its events and shows how far it is.

use super::frame::{Scene, frame};
use super::line::line;
use super::screen::Screen;
use crate::asking;
use crate::look::{self, Look, Size};
use crate::terminal::answer;
use crate::text::{field, items};
use anyhow::Result;
use client::{Client, ClientError, Event};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde_json::Value;
use std::io::{IsTerminal, Stdout};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// So often elapsed times move on.
const TICK: Duration = Duration::from_millis(250);
/// Events may come by the hundred; the picture needs few of the documents.
const LEAST_BETWEEN: Duration = Duration::from_millis(200);
/// Events of steps may be switched off.
const MOST_BETWEEN: Duration = Duration::from_secs(2);
/// Of a terminal that does not tell.
const USUAL: Size = Size { columns: 80, rows: 24 };

/// One task, followed.
pub struct Follower {
    client: Client,
    task_id: String,
    events: BoxStream<'static, Result<Event, ClientError>>,
    view: View,
}

enum View {
    /// CloudEvents as they are.
    Json,
    Lines,
    Live(Box<Live>),
}

struct Live {
    screen: Screen<Stdout>,
    task: Value,
    asked: Option<BoxFuture<'static, Result<Value, ClientError>>>,
    asked_at: Option<Instant>,
    /// Something has happened since.
    stale: bool,
    away: bool,
}

impl Follower {
    /// From behind sequence `after` on; a picture where standard output is a terminal that shows one.
    pub fn new(client: &Client, task_id: &str, after: u64, json: bool) -> Self {
        let live = || Live {
            screen: Screen::new(std::io::stdout()),
            task: Value::Null,
            asked: None,
            asked_at: None,
            stale: true,
            away: false,
        };
        let view = if json {
            View::Json
        } else if std::io::stdout().is_terminal() && look::is_expressive() {
            View::Live(Box::new(live()))
        } else {
            View::Lines
        };
        Self {
            client: client.clone(),
            task_id: task_id.to_owned(),
            events: client.watch(task_id, after).into_stream().boxed(),
            view,
        }
    }

    /// The next event, shown; none after the last.
    ///
    /// # Errors
    /// What the gateway refuses, that it stays away for long, or that nobody reads any more.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        if let View::Live(live) = &mut self.view {
            return live.next(&self.client, &self.task_id, &mut self.events).await;
        }
        let event = self.events.next().await.transpose()?;
        match (&self.view, &event) {
            (View::Json, Some(event)) => answer(&event.event)?,
            (_, Some(event)) => {
                answer(line(event, Look::of_stdout()))?;
                if event.name() == "gate.opened" {
                    self.announce(&field(super::line::data(event), "gate_id")).await?;
                }
            }
            (_, None) => {}
        }
        Ok(event)
    }

    /// Lets what was drawn stand, for something else to be written below it.
    pub fn leave(&mut self) {
        if let View::Live(live) = &mut self.view {
            live.screen.leave();
        }
    }

    /// Says how an open gate is answered; one that is closed already needs no answer.
    async fn announce(&self, gate_id: &str) -> Result<()> {
        let task = self.client.status(&self.task_id).await?;
        let open = items(&task, "open_gates");
        for gate in open.iter().filter(|gate| field(gate, "gate_id") == gate_id) {
            answer(asking::question(gate))?;
            for command in asking::commands(&asking::program(), &self.task_id, gate, open.len() > 1) {
                answer(format_args!("  {command}"))?;
            }
        }
        Ok(())
    }
}

impl Live {
    async fn next(
        &mut self,
        client: &Client,
        task_id: &str,
        events: &mut BoxStream<'static, Result<Event, ClientError>>,
    ) -> Result<Option<Event>> {
        loop {
            self.ask(client, task_id);
            tokio::select! {
                event = events.next() => {
                    self.stale = true;
                    let event = event.transpose()?;
                    if event.is_none() {
                        self.task = client.status(task_id).await?;
                        self.away = false;
                        self.draw()?;
                        self.screen.leave();
                    }
                    return Ok(event);
                }
                answered = answered(&mut self.asked) => {
                    self.asked = None;
                    self.take(answered)?;
                }
                () = sleep(TICK) => {}
            }
            self.draw()?;
        }
    }

    /// Asks for the document where the last one is old.
    fn ask(&mut self, client: &Client, task_id: &str) {
        let least = if self.stale { LEAST_BETWEEN } else { MOST_BETWEEN };
        let is_due = self.asked_at.is_none_or(|at| at.elapsed() >= least);
        if self.asked.is_none() && is_due {
            let (client, task_id) = (client.clone(), task_id.to_owned());
            self.asked = Some(Box::pin(async move { client.status(&task_id).await }));
            self.asked_at = Some(Instant::now());
            self.stale = false;
        }
    }

    fn take(&mut self, answer: Result<Value, ClientError>) -> Result<()> {
        match answer {
            Ok(task) => {
                self.task = task;
                self.away = false;
            }
            // The events say when it has been away for too long.
            Err(error) if error.is_retryable() => self.away = true,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<()> {
        if self.task.is_null() && !self.away {
            return Ok(());
        }
        let size = look::size().unwrap_or(USUAL);
        let scene = Scene {
            task: &self.task,
            now: service::clock::now(),
            notice: self.away.then_some("the gateway does not answer; trying again"),
            program: &asking::program(),
        };
        let lines = frame(&scene, Look::of_stdout(), size);
        self.screen.draw(&lines, size)?;
        Ok(())
    }
}

/// What was asked for, or nothing ever.
async fn answered(asked: &mut Option<BoxFuture<'static, Result<Value, ClientError>>>) -> Result<Value, ClientError> {
    match asked {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}
