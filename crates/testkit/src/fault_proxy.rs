//! A TCP proxy that misbehaves on demand.

use futures::future::{Either, select};
use socket2::SockRef;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// Connections wait until it is known.
    target: watch::Sender<Option<String>>,
    fault: watch::Sender<Fault>,
    /// Rises with each cut.
    cuts: watch::Sender<u64>,
    pattern: Mutex<Option<Pattern>>,
    /// Connections cut for the pattern.
    pattern_cuts: AtomicU64,
}

/// What a client must send for its connection to be cut.
struct Pattern {
    bytes: Vec<u8>,
    once: bool,
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
        let proxy = Self::listen().await?;
        proxy.set_target(target);
        Ok(proxy)
    }

    /// Listens on a free loopback port; connections wait for [`FaultProxy::set_target`].
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            target: watch::Sender::new(None),
            fault: watch::Sender::new(Fault::None),
            cuts: watch::Sender::new(0),
            pattern: Mutex::new(None),
            pattern_cuts: AtomicU64::new(0),
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

    /// Names the `host:port` that new connections go to.
    pub fn set_target(&self, target: impl Into<String>) {
        self.state.target.send_replace(Some(target.into()));
    }

    /// Once: when a client sends `pattern`, the server still gets it, and the client's connection
    /// is reset before the answer.
    pub fn cut_after_pattern(&self, pattern: &[u8]) {
        self.arm(pattern, true);
    }

    /// The same, each time, until [`FaultProxy::calm`].
    pub fn cut_always_after_pattern(&self, pattern: &[u8]) {
        self.arm(pattern, false);
    }

    /// No pattern cuts any more.
    pub fn calm(&self) {
        *self.state.armed() = None;
    }

    /// Whether a pattern is waited for.
    pub fn is_armed(&self) -> bool {
        self.state.armed().is_some()
    }

    /// How many connections a pattern has cut.
    pub fn pattern_cuts(&self) -> u64 {
        self.state.pattern_cuts.load(Ordering::Relaxed)
    }

    fn arm(&self, pattern: &[u8], once: bool) {
        *self.state.armed() = Some(Pattern {
            bytes: pattern.to_vec(),
            once,
        });
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
            let mut target = state.target.subscribe();
            let target = target
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|target| target.clone());
            if let Some(target) = target
                && let Ok(server) = TcpStream::connect(target).await
            {
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
    fn armed(&self) -> MutexGuard<'_, Option<Pattern>> {
        self.pattern.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the armed pattern ends in this piece.
    fn sees_pattern(&self, recent: &mut Vec<u8>, piece: &[u8]) -> bool {
        let mut armed = self.armed();
        let Some(pattern) = armed.as_ref().filter(|pattern| !pattern.bytes.is_empty()) else {
            recent.clear();
            return false;
        };
        recent.extend_from_slice(piece);
        let length = pattern.bytes.len();
        let seen = recent.windows(length).any(|window| window == pattern.bytes);
        // A pattern may be cut in two by the reads.
        let keep = length.saturating_sub(1).min(recent.len());
        recent.drain(..recent.len() - keep);
        if seen {
            self.pattern_cuts.fetch_add(1, Ordering::Relaxed);
            if pattern.once {
                *armed = None;
            }
        }
        seen
    }
}
