//! Standard Webhooks: the headers by which a receiver knows a message, and who sent it.

use outbound::{HeaderMap, HeaderValue};
use service::config::{Secret, SecretError};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// Why a message cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The id cannot be a header.
    #[error("the id cannot be used")]
    Id,
    /// It may be there later.
    #[error("the secret cannot be read")]
    Unreadable(#[source] SecretError),
    /// It is none.
    #[error("the secret is not `whsec_` and base64")]
    Form,
}

/// Finds out whether messages can be signed with a secret.
///
/// # Errors
/// When they cannot.
pub fn check(secret: &Secret) -> Result<(), SigningError> {
    signer(secret).map(drop)
}

/// Id, time (Unix seconds) and a signature of each secret, as they are now; none: no signature.
///
/// # Errors
/// When there is something to sign with and it cannot be used.
pub fn headers(id: &str, timestamp: i64, body: &str, secrets: &[Secret]) -> Result<HeaderMap, SigningError> {
    let mut headers = HeaderMap::new();
    headers.insert(
        HEADER_WEBHOOK_ID,
        HeaderValue::from_str(id).map_err(|_| SigningError::Id)?,
    );
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(timestamp));
    let sign = |secret: &Secret| {
        let signer = signer(secret)?;
        signer
            .sign(id, timestamp, body.as_bytes())
            .map_err(|_| SigningError::Form)
    };
    let signatures = secrets.iter().map(sign).collect::<Result<Vec<_>, _>>()?;
    if !signatures.is_empty() {
        let value = HeaderValue::from_str(&signatures.join(" ")).map_err(|_| SigningError::Form)?;
        headers.insert(HEADER_WEBHOOK_SIGNATURE, value);
    }
    Ok(headers)
}

fn signer(secret: &Secret) -> Result<Webhook, SigningError> {
    let secret = secret.resolve().map_err(SigningError::Unreadable)?;
    // An empty key would sign what anybody can forge.
    if secret.trim_start_matches("whsec_").is_empty() {
        return Err(SigningError::Form);
    }
    Webhook::new(&secret).map_err(|_| SigningError::Form)
}
