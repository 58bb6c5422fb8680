//! Whether a process is ready.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const UNTIL_READY: Duration = Duration::from_millis(100);
const WHILE_READY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);
/// Silent checks in a row that make a ready process not ready: a busy one may miss one.
const SILENCES: u32 = 3;

/// What to ask.
#[derive(Clone, Debug)]
pub enum Probe {
    /// 200 is ready.
    Http(String),
    /// Answering a query is ready.
    Postgres(Box<PgConnectOptions>),
}

impl Probe {
    /// What others may ask themselves.
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Http(url) => Some(url.clone()),
            Self::Postgres(_) => None,
        }
    }
}

enum Verdict {
    Ready,
    NotReady,
    Silent,
}

/// Asks.
#[derive(Clone, Debug)]
pub struct Prober {
    http: reqwest::Client,
}

impl Prober {
    /// A client that never leaves the machine.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new() -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { http })
    }

    /// Asks for ever and tells each answer.
    pub async fn watch(&self, probe: &Probe, told: impl Fn(bool) + Send) -> Infallible {
        let mut session = None;
        let mut silences = SILENCES;
        loop {
            let ready = match self.ask(probe, &mut session).await {
                Verdict::Ready => {
                    silences = 0;
                    true
                }
                Verdict::NotReady => {
                    silences = SILENCES;
                    false
                }
                Verdict::Silent => {
                    silences = (silences + 1).min(SILENCES);
                    silences < SILENCES
                }
            };
            told(ready);
            sleep(if ready { WHILE_READY } else { UNTIL_READY }).await;
        }
    }

    async fn ask(&self, probe: &Probe, session: &mut Option<PgConnection>) -> Verdict {
        match probe {
            Probe::Http(url) => match self.http.get(url).send().await {
                Ok(response) if response.status().is_success() => Verdict::Ready,
                Ok(_) => Verdict::NotReady,
                Err(_) => Verdict::Silent,
            },
            Probe::Postgres(options) => {
                // One session for all questions: a new one each time would start a server process.
                let answer = timeout(PATIENCE, ask_postgres(options, session.take())).await;
                match answer {
                    Ok(Ok(kept)) => {
                        *session = Some(kept);
                        Verdict::Ready
                    }
                    _ => Verdict::Silent,
                }
            }
        }
    }
}

async fn ask_postgres(options: &PgConnectOptions, session: Option<PgConnection>) -> sqlx::Result<PgConnection> {
    let mut session = match session {
        Some(session) => session,
        None => PgConnection::connect_with(options).await?,
    };
    session.execute("SELECT 1").await?;
    Ok(session)
}
