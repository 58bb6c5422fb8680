//! New identifiers and randomness, made at the edge and handed inwards.

use uuid::Uuid;

/// A UUIDv7. Rises within a process, even within one millisecond.
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
pub fn v7() -> Uuid {
    Uuid::now_v7()
}

/// Names one execution of a job by this worker.
pub fn run_id() -> Uuid {
    v7()
}

/// The operating system gives no randomness.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct RandomUnavailable;

/// Unpredictable bytes, fit for secrets.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomUnavailable> {
    let mut bytes = [0; N];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| RandomUnavailable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_bytes_differ() {
        let ids: Vec<_> = (0..1000).map(|_| v7()).collect();
        assert!(ids.is_sorted());
        assert_ne!(random_bytes::<32>().unwrap(), random_bytes::<32>().unwrap());
    }
}
