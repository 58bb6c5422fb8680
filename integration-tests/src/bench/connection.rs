//! One keep-alive HTTP/1.1 connection of the load generator. Bare hyper, because the generator shares
//! the machine with what it measures.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    host: String,
    sender: SendRequest<Full<Bytes>>,
    pump: JoinHandle<()>,
}

impl Connection {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host)
            .await
            .with_context(|| format!("connecting to {host}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.context("HTTP handshake")?;
        let pump = tokio::spawn(async move {
            // A broken connection shows at the next request.
            drop(connection.await);
        });
        Ok(Self {
            host: host.to_owned(),
            sender,
            pump,
        })
    }

    /// Posts and returns the whole answer.
    ///
    /// # Errors
    /// No answer, or one that is no success.
    pub async fn post(&mut self, path: &str, body: Bytes) -> Result<Bytes> {
        self.sender.ready().await.context("connection closed")?;
        let request = Request::post(path)
            .header("host", &self.host)
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let response = self.sender.send_request(request).await.context("no answer")?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .context("answer cut off")?
            .to_bytes();
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pump.abort();
    }
}
