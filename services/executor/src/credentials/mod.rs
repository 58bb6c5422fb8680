//! Credentials of tools and channels: resolved where they are used, attached to calls of one origin alone, and taken
//! out of whatever comes back.

mod oauth;
mod redactor;
#[cfg(test)]
mod tests;

pub use redactor::Redactor;

use crate::failure::RunFailure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth::TokenSource;
use outbound::{HeaderMap, HeaderName, HeaderValue, Url, header};
use service::config::{Auth, AuthConfig, HeaderText, Headers, MissingKey, Secret, is_credential};
use std::sync::Arc;

/// What a server is shown to prove who calls. Cheap to clone; clones share fetched tokens.
#[derive(Clone)]
pub struct Credentials {
    /// Scheme, host and port: nothing is attached to calls of others.
    origin: outbound::Origin,
    headers: Vec<(HeaderName, Secret)>,
    proof: Arc<Proof>,
    redactor: Redactor,
}

enum Proof {
    Nothing,
    Bearer(Secret),
    Header(HeaderName, Secret),
    Basic(String, Secret),
    Token(Box<TokenSource>),
}

/// Credentials whose configuration cannot work.
#[derive(Debug, thiserror::Error)]
pub enum UnusableCredentials {
    /// A key is missing.
    #[error("auth")]
    Missing(#[from] MissingKey),
    /// Not a URL.
    #[error("`{0}` is not a URL")]
    Url(String),
    /// Not the name of a header.
    #[error("`{0}` is not the name of a header")]
    Name(String),
    /// The address of tokens cannot be used.
    #[error("auth.token_url")]
    Address(#[from] outbound::InvalidEntry),
    /// No HTTP client.
    #[error(transparent)]
    Client(#[from] outbound::BuildError),
}

impl Credentials {
    /// Credentials for the origin of `url`: `auth`, and the headers whose values are secrets. Of the other headers,
    /// which are the caller's, those that usually carry credentials are taken out of what comes back, too.
    ///
    /// # Errors
    /// What cannot work.
    pub fn new(url: &str, auth: Option<&AuthConfig>, headers: &Headers) -> Result<Self, UnusableCredentials> {
        let parsed = Url::parse(url).map_err(|_| UnusableCredentials::Url(url.to_owned()))?;
        let redactor = Redactor::default();
        let bare = Self {
            origin: parsed.origin(),
            headers: Vec::new(),
            proof: Arc::new(proof(auth, &redactor)?),
            redactor,
        };
        bare.with(headers)
    }

    /// The same with further headers, which replace those of their names.
    ///
    /// # Errors
    /// What cannot work.
    pub fn with(&self, headers: &Headers) -> Result<Self, UnusableCredentials> {
        let mut all = self.clone();
        for (text, value) in headers {
            let name = header_name(text)?;
            all.headers.retain(|(known, _)| *known != name);
            match value {
                HeaderText::Secret(secret) => all.headers.push((name, secret.clone())),
                HeaderText::Text(plain) if is_credential(text) => all.redactor.learn(plain),
                HeaderText::Text(_) => {}
            }
        }
        Ok(all)
    }

    /// What a call of `url` is sent with; nothing where that is another origin. The values are marked sensitive.
    ///
    /// # Errors
    /// `secret` for a reference that leads nowhere or cannot be sent, `tool_credentials` and the codes of `outbound`
    /// where no token can be had.
    pub async fn headers(&self, url: &Url) -> Result<HeaderMap, RunFailure> {
        let mut headers = HeaderMap::new();
        if url.origin() != self.origin {
            return Ok(headers);
        }
        for (name, secret) in &self.headers {
            headers.insert(name, sensitive(&self.resolve(secret)?)?);
        }
        let (name, value) = match &*self.proof {
            Proof::Nothing => return Ok(headers),
            Proof::Header(name, secret) => (name.clone(), self.resolve(secret)?),
            Proof::Bearer(secret) => (header::AUTHORIZATION, format!("Bearer {}", self.resolve(secret)?)),
            Proof::Basic(user, secret) => (header::AUTHORIZATION, self.basic(user, secret)?),
            Proof::Token(source) => (header::AUTHORIZATION, format!("Bearer {}", source.token().await?)),
        };
        headers.insert(name, sensitive(&value)?);
        Ok(headers)
    }

    /// The server refused what was `sent` (401). True: [`Self::headers`] now gives something else, worth one more try.
    pub async fn refused(&self, sent: &HeaderMap) -> bool {
        let token = sent.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match (&*self.proof, token.and_then(|value| value.strip_prefix("Bearer "))) {
            (Proof::Token(source), Some(token)) => {
                source.forget(token).await;
                true
            }
            _ => false,
        }
    }

    /// Takes what was sent out of what comes back.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    fn resolve(&self, secret: &Secret) -> Result<String, RunFailure> {
        let value = resolve(secret)?;
        self.redactor.learn(&value);
        Ok(value)
    }

    fn basic(&self, user: &str, password: &Secret) -> Result<String, RunFailure> {
        let pair = STANDARD.encode(format!("{user}:{}", self.resolve(password)?));
        self.redactor.learn(&pair);
        Ok(format!("Basic {pair}"))
    }
}

fn proof(auth: Option<&AuthConfig>, redactor: &Redactor) -> Result<Proof, UnusableCredentials> {
    let Some(config) = auth else {
        return Ok(Proof::Nothing);
    };
    Ok(match config.method()? {
        Auth::Bearer { token } => Proof::Bearer(token.clone()),
        Auth::Header { name, value } => Proof::Header(header_name(name)?, value.clone()),
        Auth::Basic { user, password } => Proof::Basic(user.to_owned(), password.clone()),
        Auth::OauthClientCredentials {
            token_url,
            client_id,
            client_secret,
        } => {
            let source = TokenSource::new(config, token_url, client_id, client_secret, redactor.clone())?;
            Proof::Token(Box::new(source))
        }
    })
}

fn header_name(text: &str) -> Result<HeaderName, UnusableCredentials> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| UnusableCredentials::Name(text.to_owned()))
}

fn resolve(secret: &Secret) -> Result<String, RunFailure> {
    // The file may be on its way: secrets are renewed while the process runs.
    let resolved = secret.resolve();
    resolved.map_err(|error| RunFailure::transient("secret", error.to_string()))
}

fn sensitive(value: &str) -> Result<HeaderValue, RunFailure> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| RunFailure::permanent("secret", "a secret has characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}
