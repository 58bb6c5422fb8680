//! What a receiver's answer means, as a pure function.

use outbound::{Failure, HeaderMap, OutboundError, Response, StatusCode, header};

/// What becomes of an event.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// It is posted again.
    Failed {
        /// For people; nothing of the receiver's own words.
        error: String,
        /// What the receiver asked for; 0: nothing.
        retry_after_seconds: f64,
    },
    /// The receiver wants nothing any more.
    Gone,
}

/// Standard Webhooks: 2xx is delivered, 410 ends it, anything else is tried again. A 4xx too: receivers are repaired,
/// and an event that was thrown away because of a wrong route is lost. Redirects are not followed.
pub fn judge(answer: &Result<Response, OutboundError>, now_ms: i64) -> Verdict {
    match answer {
        Ok(response) => by_status(response.status, retry_after(&response.headers, now_ms)),
        Err(error) => match &error.failure {
            // The head said what became of it; nobody reads the body.
            Failure::ResponseTooLarge { status, .. } => by_status(*status, 0.0),
            failure => Verdict::Failed {
                error: failure.to_string(),
                retry_after_seconds: 0.0,
            },
        },
    }
}

fn by_status(status: StatusCode, retry_after_seconds: f64) -> Verdict {
    match status {
        _ if status.is_success() => Verdict::Delivered,
        StatusCode::GONE => Verdict::Gone,
        _ => Verdict::Failed {
            error: format!("the receiver answered {}", status.as_u16()),
            retry_after_seconds,
        },
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now_ms: i64) -> f64 {
    let text = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = text.and_then(|text| {
        let text = text.trim();
        if let Ok(seconds) = text.parse::<u32>() {
            return Some(f64::from(seconds));
        }
        let at = chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp();
        let left = at.saturating_sub(now_ms.div_euclid(1000)).max(0);
        Some(f64::from(u32::try_from(left).unwrap_or(u32::MAX)))
    });
    seconds.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outbound::RequestSent;

    const NOW: i64 = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT

    fn answered(status: u16, retry_after: Option<&'static str>) -> Verdict {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
        }
        let response = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: "never shown".into(),
        };
        judge(&Ok(response), NOW)
    }

    fn failed(error: &str, retry_after_seconds: f64) -> Verdict {
        Verdict::Failed {
            error: error.to_owned(),
            retry_after_seconds,
        }
    }

    #[test]
    fn only_2xx_delivers_and_only_410_ends() {
        for status in [200, 202, 204, 299] {
            assert_eq!(answered(status, Some("9")), Verdict::Delivered, "{status}");
        }
        assert_eq!(answered(410, Some("9")), Verdict::Gone);
        for status in [301, 307, 400, 401, 404, 408, 409, 413, 429, 500, 503] {
            let error = format!("the receiver answered {status}");
            assert_eq!(answered(status, None), failed(&error, 0.0), "{status}");
        }
    }

    #[test]
    fn how_long_to_wait_is_seconds_or_a_date() {
        let error = "the receiver answered 503";
        for (text, seconds) in [
            ("120", 120.0),
            (" 7 ", 7.0),
            ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
            ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
            ("-5", 0.0),
            ("soon", 0.0),
            ("99999999999999999999", 0.0),
        ] {
            assert_eq!(answered(503, Some(text)), failed(error, seconds), "{text}");
        }
    }

    #[test]
    fn an_answer_that_talks_too_long_is_judged_by_its_head() {
        let too_large = |status| {
            let failure = Failure::ResponseTooLarge { limit: 1, status };
            judge(
                &Err(OutboundError {
                    failure,
                    request_sent: RequestSent::Maybe,
                }),
                NOW,
            )
        };
        assert_eq!(too_large(StatusCode::OK), Verdict::Delivered);
        assert_eq!(too_large(StatusCode::GONE), Verdict::Gone);
        assert_eq!(
            too_large(StatusCode::BAD_GATEWAY),
            failed("the receiver answered 502", 0.0)
        );
    }
}
