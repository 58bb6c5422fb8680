//! The protocol over a process's input and output: a line a message, in both directions.

use super::process::{Pipes, Process};
use super::trouble::{Notes, Trouble};
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Deserialize;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Mutex;
use tokio_stream::StreamExt;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

/// A server that does not read what it is told for so long is none.
const MAX_WRITE: Duration = Duration::from_secs(10);
/// Lines in a row that say nothing.
const MAX_NOISE: u32 = 1_000;

/// A line could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It is no JSON.
    #[error("a message cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// By the system.
    #[error("the server's input")]
    Io(#[from] std::io::Error),
    /// It does not read.
    #[error("the server does not read its input")]
    Stuck,
    /// Over.
    #[error("the server's input is closed")]
    Closed,
}

/// One process and what is said to it.
pub struct Stdio {
    process: Process,
    input: Arc<Mutex<Option<ChildStdin>>>,
    output: FramedRead<ChildStdout, LinesCodec>,
    max_line: usize,
    notes: Notes,
    /// Half a line went out: nothing more can.
    broken: CancellationToken,
    noise: u32,
}

impl Stdio {
    /// Over a started process. A line of more than `max_line` bytes ends the connection.
    pub fn new(process: Process, pipes: Pipes, max_line: usize, notes: Notes) -> Self {
        Self {
            process,
            input: Arc::new(Mutex::new(Some(pipes.input))),
            output: FramedRead::new(pipes.output, LinesCodec::new_with_max_length(max_line)),
            max_line,
            notes,
            broken: CancellationToken::new(),
            noise: 0,
        }
    }

    /// A line as a message; none: it says nothing that anybody waits for.
    fn read(&mut self, line: &str) -> Option<ServerJsonRpcMessage> {
        let message = match serde_json::from_str::<ServerJsonRpcMessage>(line) {
            Ok(message) => message,
            Err(_) => return self.unreadable(line),
        };
        let answered = match &message {
            ServerJsonRpcMessage::Response(response) => Some(&response.id),
            ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
            ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_) => None,
        };
        if let Some(id) = answered
            && self.notes.never_asked(id)
        {
            self.notes.about_all(&Trouble::bad_response(
                "the server answered under an id that was not asked",
            ));
        }
        self.noise = 0;
        Some(message)
    }

    /// Some servers write their log here, so that it is no end; but who waits learns of it when time is over.
    fn unreadable(&mut self, line: &str) -> Option<ServerJsonRpcMessage> {
        self.noise += 1;
        let trouble = Trouble::bad_response("the server wrote what is no message of the protocol");
        let id = serde_json::from_str::<Envelope>(line).ok().map(|envelope| envelope.id);
        let Some(id) = id.filter(|id| self.notes.waits(id)) else {
            self.notes.about_all(&trouble);
            return None;
        };
        // It is an answer, only none that can be read: nobody need wait any longer.
        self.notes.about(&id, trouble);
        let error = ErrorData::internal_error("unreadable", None);
        Some(ServerJsonRpcMessage::error(error, Some(id)))
    }
}

#[derive(Deserialize)]
struct Envelope {
    id: RequestId,
}

impl Transport<RoleClient> for Stdio {
    type Error = WriteError;

    fn send(&mut self, message: ClientJsonRpcMessage) -> impl Future<Output = Result<(), WriteError>> + Send + 'static {
        if let ClientJsonRpcMessage::Request(request) = &message {
            self.notes.asked(&request.id);
        }
        let (input, broken) = (Arc::clone(&self.input), self.broken.clone());
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let writing = async {
                let mut input = input.lock().await;
                let input = input.as_mut().ok_or(WriteError::Closed)?;
                input.write_all(&line).await?;
                Ok(input.flush().await?)
            };
            let written = tokio::select! {
                written = tokio::time::timeout(MAX_WRITE, writing) => written.unwrap_or(Err(WriteError::Stuck)),
                () = broken.cancelled() => Err(WriteError::Closed),
            };
            written.inspect_err(|_| broken.cancel())
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        while self.noise < MAX_NOISE {
            let line = tokio::select! {
                line = self.output.next() => line?,
                () = self.broken.cancelled() => return None,
            };
            match line {
                Ok(line) if line.trim().is_empty() => self.noise += 1,
                Ok(line) => {
                    if let Some(message) = self.read(&line) {
                        return Some(message);
                    }
                }
                Err(LinesCodecError::MaxLineLengthExceeded) => {
                    self.notes.about_all(&Trouble::too_large(self.max_line));
                    return None;
                }
                Err(LinesCodecError::Io(_)) => {
                    self.notes
                        .about_all(&Trouble::bad_response("the server wrote what is no text"));
                    return None;
                }
            }
        }
        self.notes.about_all(&Trouble::protocol(
            "the server writes line after line that says nothing",
        ));
        None
    }

    async fn close(&mut self) -> Result<(), WriteError> {
        self.broken.cancel();
        drop(self.input.lock().await.take());
        self.process.stop().await;
        Ok(())
    }
}
