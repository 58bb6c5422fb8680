//! A TCP proxy that misbehaves on demand.

use futures::future::{Either, select};
use socket2::SockRef;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
const BUFFER: usize = 16 * 1024;

/// What happens to bytes that arrive.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    Delay(Duration),
    Drop,
    HalfOpen,
}

struct State {
    target: String,
    fault: watch::Sender<Fault>,
    /// Rises with each cut.
    cuts: watch::Sender<u64>,
    pattern: Mutex<Option<Vec<u8>>>,
}

/// Stands in front of one server. Ends with its handle.
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

impl FaultProxy {
    /// Listens on a free loopback port and forwards to `target`, a `host:port`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(target: impl Into<String>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            target: target.into(),
            fault: watch::Sender::new(Fault::None),
            cuts: watch::Sender::new(0),
            pattern: Mutex::new(None),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Ok(Self {
            address,
            state,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Holds every piece back for `delay`, both ways.
    pub fn delay(&self, delay: Duration) {
        self.state.fault.send_replace(Fault::Delay(delay));
    }

    /// Swallows all bytes, both ways.
    pub fn drop_bytes(&self) {
        self.state.fault.send_replace(Fault::Drop);
    }

    /// Forwards nothing more and keeps the sockets open.
    pub fn half_open(&self) {
        self.state.fault.send_replace(Fault::HalfOpen);
    }

    /// Resets all connections. New ones are served.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts = cuts.wrapping_add(1));
    }

    /// Once: when a client sends `pattern`, the server still gets it, and the client's connection
    /// is reset before the answer.
    pub fn cut_after_pattern(&self, pattern: &[u8]) {
        let mut armed = self.state.pattern.lock().unwrap_or_else(PoisonError::into_inner);
        *armed = Some(pattern.to_vec());
    }

    /// Whether a pattern still waits to be seen.
    pub fn is_armed(&self) -> bool {
        let armed = self.state.pattern.lock().unwrap_or_else(PoisonError::into_inner);
        armed.is_some()
    }

    /// Forwards again as it should. What was swallowed stays lost.
    pub fn heal(&self) {
        self.state.fault.send_replace(Fault::None);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((client, _)) = listener.accept().await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let mut cuts = state.cuts.subscribe();
            if let Ok(server) = TcpStream::connect(&state.target).await {
                forward(client, server, &state, &mut cuts).await;
            }
            drop(permit);
        });
    }
}

/// Why forwarding one way stopped.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// The sender said so.
    Closed,
    /// A socket failed.
    Broken,
    /// The armed pattern went through to the server.
    Pattern,
    /// All connections are cut.
    Cut,
}

async fn forward(mut client: TcpStream, mut server: TcpStream, state: &State, cuts: &mut watch::Receiver<u64>) {
    for stream in [&client, &server] {
        // Latency by accident would hide what is measured; without it the proxy still works.
        drop(stream.set_nodelay(true));
    }
    let end = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let up = pin!(pump(client_read, server_write, state, true));
        let down = pin!(pump(server_read, client_write, state, false));
        let both = async {
            match select(up, down).await {
                Either::Left((End::Closed, other)) => other.await,
                Either::Right((End::Closed, other)) => other.await,
                Either::Left((end, _)) | Either::Right((end, _)) => end,
            }
        };
        tokio::select! {
            end = both => end,
            _ = cuts.changed() => End::Cut,
        }
    };
    if end != End::Closed {
        // Closing now resets. The server must still read what came before the pattern's end.
        drop(SockRef::from(&client).set_linger(Some(Duration::ZERO)));
    }
    if end == End::Cut || end == End::Broken {
        drop(SockRef::from(&server).set_linger(Some(Duration::ZERO)));
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    state: &State,
    to_server: bool,
) -> End {
    let mut faults = state.fault.subscribe();
    let mut buffer = vec![0_u8; BUFFER];
    let mut recent = Vec::new();
    loop {
        let Ok(size) = from.read(&mut buffer).await else {
            return End::Broken;
        };
        let Some(piece) = buffer.get(..size).filter(|piece| !piece.is_empty()) else {
            drop(to.shutdown().await);
            return End::Closed;
        };
        let Ok(fault) = faults
            .wait_for(|fault| *fault != Fault::HalfOpen)
            .await
            .map(|fault| *fault)
        else {
            return End::Broken;
        };
        match fault {
            Fault::None | Fault::HalfOpen => {}
            Fault::Drop => continue,
            Fault::Delay(delay) => sleep(delay).await,
        }
        let seen = to_server && state.sees_pattern(&mut recent, piece);
        if to.write_all(piece).await.is_err() {
            return End::Broken;
        }
        if seen {
            return End::Pattern;
        }
    }
}

impl State {
    /// Whether the armed pattern ends in this piece; disarms it then.
    fn sees_pattern(&self, recent: &mut Vec<u8>, piece: &[u8]) -> bool {
        let mut armed = self.pattern.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pattern) = armed.as_deref().filter(|pattern| !pattern.is_empty()) else {
            recent.clear();
            return false;
        };
        recent.extend_from_slice(piece);
        let seen = recent.windows(pattern.len()).any(|window| window == pattern);
        // A pattern may be cut in two by the reads.
        let keep = pattern.len().saturating_sub(1).min(recent.len());
        recent.drain(..recent.len() - keep);
        if seen {
            *armed = None;
        }
        seen
    }
}
