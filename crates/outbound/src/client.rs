//! The client: judged URL, guarded connection, bounded answer.

use crate::allow_list::AllowList;
use crate::error::{Failure, OutboundError, detail_of};
use crate::message::{Redirects, Request, Response};
use crate::resolver::{GuardedResolver, NameBlocked, Names, SystemNames};
use crate::streaming::{Pace, Streaming};
use crate::{body, redirect};
use http::{HeaderMap, HeaderValue, Method, header};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Bounds of every call.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest time for name, connection and handshake.
    pub connect_timeout: Duration,
    /// Longest body.
    pub max_response_bytes: usize,
    /// Longest headers, together.
    pub max_header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            max_response_bytes: 32 * 1024 * 1024,
            max_header_bytes: 32 * 1024,
        }
    }
}

/// The client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("set up the HTTP client")]
pub struct BuildError(#[from] reqwest::Error);

/// A guarded HTTP client. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    allow: Arc<AllowList>,
    limits: Limits,
}

impl Client {
    /// A client that calls what `allow` allows.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(allow: AllowList, limits: Limits) -> Result<Self, BuildError> {
        Self::resolving(allow, limits, Arc::new(SystemNames))
    }

    /// The same with another source of addresses, which are judged like any.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn resolving(allow: AllowList, limits: Limits, names: Arc<dyn Names>) -> Result<Self, BuildError> {
        let allow = Arc::new(allow);
        let resolver = Arc::new(GuardedResolver {
            allow: Arc::clone(&allow),
            names,
        });
        let http = builder(&resolver, &limits).build().or_else(|error| {
            // A machine without root certificates can still reach plain http; https fails closed.
            tracing::warn!(error = %detail_of(error), "no system root certificates: https calls will fail");
            builder(&resolver, &limits).tls_certs_only([]).build()
        })?;
        Ok(Self { http, allow, limits })
    }

    /// The same client with another bound on answers, in bytes.
    #[must_use]
    pub fn with_max_response_bytes(&self, bytes: usize) -> Self {
        let mut limited = self.clone();
        limited.limits.max_response_bytes = bytes;
        limited
    }

    /// Judges a URL without calling it.
    ///
    /// # Errors
    /// As `send`, before anything is sent.
    pub fn check(&self, url: &Url) -> Result<(), OutboundError> {
        self.allow.check(url).map_err(OutboundError::unsent)
    }

    /// Makes the call and reads the whole answer; any status is an answer.
    ///
    /// # Errors
    /// When there is none; `request_sent` says whether the receiver may have acted all the same.
    pub async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let after = request.timeout;
        self.check(&request.url)?;
        match tokio::time::timeout(after, self.follow(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::perhaps_sent(Failure::Timeout { after })),
        }
    }

    /// Makes the call and returns with the head of the answer; any status is an answer, a redirect too.
    ///
    /// # Errors
    /// When there is none.
    pub async fn stream(&self, request: Request, pace: Pace) -> Result<Streaming, OutboundError> {
        let started = Instant::now();
        self.check(&request.url)?;
        let after = pace.first_byte.min(request.timeout);
        let call = self.call(&request, request.url.clone(), request.headers.clone());
        let Ok(response) = tokio::time::timeout_at(started + after, call).await else {
            return Err(OutboundError::perhaps_sent(Failure::Timeout { after }));
        };
        let response = response?;
        body::check_head(response.headers(), &self.limits).map_err(OutboundError::perhaps_sent)?;
        let limit = self.limits.max_response_bytes;
        Ok(Streaming::new(response, started, request.timeout, pace, limit))
    }

    async fn follow(&self, request: Request) -> Result<Response, OutboundError> {
        let follows = request.redirects == Redirects::Followed && matches!(request.method, Method::GET | Method::HEAD);
        let mut headers = request.headers.clone();
        headers
            .entry(header::ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static(body::ACCEPTED));
        let mut url = request.url.clone();
        for _ in 0..=redirect::MAX_HOPS {
            let response = self.call(&request, url.clone(), headers.clone()).await?;
            let next = redirect::target(&url, response.status(), response.headers());
            match next.map_err(OutboundError::perhaps_sent)? {
                Some(next) if follows => {
                    self.allow.check(&next).map_err(OutboundError::perhaps_sent)?;
                    headers = redirect::headers_for(&url, &next, headers);
                    url = next;
                }
                _ => return self.read(response).await,
            }
        }
        Err(OutboundError::perhaps_sent(Failure::Protocol {
            detail: format!("more than {} redirects", redirect::MAX_HOPS),
        }))
    }

    pub(crate) async fn call(
        &self,
        request: &Request,
        url: Url,
        headers: HeaderMap,
    ) -> Result<reqwest::Response, OutboundError> {
        let call = self.http.request(request.method.clone(), url).headers(headers);
        let bare = request.body.is_empty() && matches!(request.method, Method::GET | Method::HEAD);
        let call = if bare { call } else { call.body(request.body.clone()) };
        call.send().await.map_err(|error| self.classify(error))
    }

    pub(crate) async fn streamed(&self, request: Request, body: reqwest::Body) -> Result<Response, OutboundError> {
        let call = self.http.request(request.method, request.url).headers(request.headers);
        let response = call.body(body).send().await.map_err(|error| self.classify(error))?;
        self.read(response).await
    }

    async fn read(&self, response: reqwest::Response) -> Result<Response, OutboundError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body::read(response, &self.limits)
            .await
            .map_err(OutboundError::perhaps_sent)?;
        Ok(Response { status, headers, body })
    }

    fn classify(&self, error: reqwest::Error) -> OutboundError {
        if let Some(name) = blocked_name(&error) {
            return OutboundError::unsent(Failure::AddressBlocked { host: name });
        }
        if error.is_connect() || error.is_builder() {
            return OutboundError::unsent(Failure::Connect {
                detail: detail_of(error),
            });
        }
        OutboundError::perhaps_sent(Failure::Protocol {
            detail: detail_of(error),
        })
    }
}

fn builder(resolver: &Arc<GuardedResolver>, limits: &Limits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("intelligent-orchestrator/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::clone(resolver))
        .redirect(reqwest::redirect::Policy::none())
        // Repetition is decided where the effect class is known.
        .retry(reqwest::retry::never())
        .referer(false)
        // A proxy of the environment would connect to what was not judged.
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .http1_only()
        .connect_timeout(limits.connect_timeout)
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(32)
}

fn blocked_name(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(current) = cause {
        if let Some(blocked) = current.downcast_ref::<NameBlocked>() {
            return Some(blocked.name.clone());
        }
        cause = current.source();
    }
    None
}
