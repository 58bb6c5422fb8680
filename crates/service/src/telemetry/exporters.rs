//! OTLP exporters. Addresses, headers and time limits they read from the environment themselves.

use super::TelemetryError;
use super::settings::Protocol;
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithHttpConfig, WithTonicConfig};
use std::time::Duration;
use tokio::runtime::Handle;
use tonic::transport::ClientTlsConfig;

/// The exporters have limits of their own; this one is for what they forget.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer of a receiver.
const MAX_ANSWER: u64 = 4 << 20;

pub fn spans(protocol: Protocol) -> Result<SpanExporter, TelemetryError> {
    let builder = SpanExporter::builder();
    Ok(match protocol {
        Protocol::Grpc => builder.with_tonic().with_tls_config(tls()).build()?,
        Protocol::Http => builder.with_http().with_http_client(OnRuntime::new()?).build()?,
    })
}

pub fn metrics(protocol: Protocol) -> Result<MetricExporter, TelemetryError> {
    let builder = MetricExporter::builder();
    Ok(match protocol {
        Protocol::Grpc => builder.with_tonic().with_tls_config(tls()).build()?,
        Protocol::Http => builder.with_http().with_http_client(OnRuntime::new()?).build()?,
    })
}

pub fn logs(protocol: Protocol) -> Result<LogExporter, TelemetryError> {
    let builder = LogExporter::builder();
    Ok(match protocol {
        Protocol::Grpc => builder.with_tonic().with_tls_config(tls()).build()?,
        Protocol::Http => builder.with_http().with_http_client(OnRuntime::new()?).build()?,
    })
}

/// Used for `https` addresses alone.
fn tls() -> ClientTlsConfig {
    ClientTlsConfig::new().with_native_roots()
}

/// The exporters' threads have no runtime; the requests run on the process's own.
#[derive(Debug)]
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

impl OnRuntime {
    fn new() -> Result<Self, TelemetryError> {
        // Configured headers may be keys; they are for the configured host alone.
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self {
            client: client.map_err(TelemetryError::Client)?,
            runtime: Handle::current(),
        })
    }
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { send(client, request).await }).await?
    }
}

async fn send(client: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut built = Response::builder().status(answer.status());
    if let Some(headers) = built.headers_mut() {
        headers.extend(answer.headers().clone());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > MAX_ANSWER {
            return Err(opentelemetry_http::ResponseBodyTooLarge::new().into());
        }
    }
    Ok(built.body(body.into())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn what_is_sent_goes_to_the_configured_receiver_and_nowhere_it_points_to() {
        let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = elsewhere.local_addr().unwrap();
        let address = receiver.local_addr().unwrap();
        let answering = tokio::spawn(async move {
            let (mut connection, _) = receiver.accept().await.unwrap();
            let mut head = [0; 4096];
            let length = connection.read(&mut head).await.unwrap();
            let answer = format!("HTTP/1.1 307 x\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
            connection.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(head.get(..length).unwrap_or_default()).into_owned()
        });
        let client = OnRuntime::new().unwrap();
        let request = Request::post(format!("http://{address}/v1/traces")).header("api-key", "k");
        let answer = client.send_bytes(request.body(Bytes::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), 307);
        assert!(answering.await.unwrap().contains("api-key: k"));
        assert!(
            tokio::time::timeout(Duration::from_millis(200), elsewhere.accept())
                .await
                .is_err(),
            "the redirect was followed"
        );
    }
}
