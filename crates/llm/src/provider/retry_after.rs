//! When a provider wants to be asked again.

use outbound::{HeaderMap, header};
use std::time::{Duration, SystemTime};

/// More is not waited for: whoever says so is asked again then.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// `Retry-After` as seconds or as a date; the date by the provider's own clock where it tells it.
pub(crate) fn retry_after(headers: &HeaderMap, unix_ms: i64) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return seconds(ms / 1000.0);
    }
    let told = text(header::RETRY_AFTER.as_str())?;
    if let Ok(told) = told.parse::<f64>() {
        return seconds(told);
    }
    let at = httpdate::parse_http_date(told).ok()?;
    let date = text(header::DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
    let own = || SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(unix_ms).unwrap_or_default());
    let pause = at.duration_since(date.unwrap_or_else(own)).unwrap_or_default();
    Some(pause.min(LONGEST))
}

fn seconds(told: f64) -> Option<Duration> {
    let pause = Duration::try_from_secs_f64(told).ok()?;
    Some(pause.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::retry_after;
    use outbound::{HeaderMap, HeaderName};

    fn told(pairs: &[(&'static str, &str)]) -> Option<f64> {
        let pair = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let headers: HeaderMap = pairs.iter().map(pair).collect();
        // 1994-11-06 08:49:37 UTC
        retry_after(&headers, 784_111_777_000).map(|pause| pause.as_secs_f64())
    }

    #[test]
    fn seconds_and_dates_are_read_and_nonsense_is_not() {
        let date = "Sun, 06 Nov 1994 08:49:47 GMT";
        assert_eq!(told(&[("retry-after", "7")]), Some(7.0));
        assert_eq!(told(&[("retry-after", "0.5")]), Some(0.5));
        assert_eq!(told(&[("retry-after-ms", "250"), ("retry-after", "7")]), Some(0.25));
        assert_eq!(told(&[("retry-after", date)]), Some(10.0));
        assert_eq!(
            told(&[("retry-after", date), ("date", "Sun, 06 Nov 1994 08:49:45 GMT")]),
            Some(2.0)
        );
        assert_eq!(told(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(0.0));
        assert_eq!(told(&[("retry-after", "1e300")]), None);
        assert_eq!(told(&[("retry-after", "999999")]), Some(900.0));
        for nonsense in ["-1", "soon", "NaN", ""] {
            assert_eq!(told(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }
}
