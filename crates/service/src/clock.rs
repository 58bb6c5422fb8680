//! Wall time, read at the edge and handed inwards.

use chrono::{DateTime, SecondsFormat, Utc};

/// Now, UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Now, in milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    now().timestamp_millis()
}

/// Milliseconds since the Unix epoch as RFC 3339 UTC with milliseconds; beyond what can be written, the nearest instant.
pub fn rfc3339(ms: i64) -> String {
    let nearest = if ms < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    DateTime::from_timestamp_millis(ms)
        .unwrap_or(nearest)
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The instant an RFC 3339 text names, in milliseconds since the Unix epoch.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|instant| instant.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_utc_with_milliseconds_and_read_back() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(parse_rfc3339("2023-11-14T23:13:20.123+01:00"), Some(1_700_000_000_123));
        assert_eq!(parse_rfc3339("yesterday"), None);
        assert!(!rfc3339(i64::MAX).is_empty());
    }
}
