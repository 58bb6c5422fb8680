//! What the standard `OTEL_*` variables say about each signal. Whatever they leave open the exporters read
//! for themselves: endpoints, headers, timeouts, compression, batch sizes, the sampler.

/// The default port of OTLP over HTTP; gRPC has another.
const HTTP_PORT: &str = ":4318";

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Spans.
    Traces,
    /// The figures of `/metrics`.
    Metrics,
    /// Log lines.
    Logs,
}

/// How it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// `grpc`
    Grpc,
    /// `http/protobuf`
    Http,
}

/// A variable that names something this program cannot do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{variable}={value} is not supported; use {supported}")]
pub struct SettingError {
    variable: String,
    value: String,
    supported: &'static str,
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
            Self::Logs => "LOGS",
        }
    }

    /// How the signal is sent; none: it is not. Without an endpoint nothing is sent, unless an exporter is
    /// named: then the standard's endpoint on this machine is meant.
    ///
    /// # Errors
    /// An exporter or a protocol nobody here speaks.
    pub fn protocol(self, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Protocol>, SettingError> {
        // By the standard an empty variable is one that is not set.
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let own = |what: &str| format!("OTEL_EXPORTER_OTLP_{}_{what}", self.name());
        let nearest = |what: &str| {
            let (own, general) = (own(what), format!("OTEL_EXPORTER_OTLP_{what}"));
            set(&own)
                .map(|value| (own, value))
                .or_else(|| set(&general).map(|value| (general, value)))
        };
        if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let exporter = format!("OTEL_{}_EXPORTER", self.name());
        let endpoint = nearest("ENDPOINT").map(|(_, url)| url);
        match set(&exporter).as_deref() {
            None if endpoint.is_none() => return Ok(None),
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(other) => return Err(unsupported(exporter, other, "otlp or none")),
        }
        match nearest("PROTOCOL") {
            Some((_, value)) if value == "grpc" => Ok(Some(Protocol::Grpc)),
            Some((_, value)) if value == "http/protobuf" => Ok(Some(Protocol::Http)),
            Some((name, value)) => Err(unsupported(name, &value, "grpc or http/protobuf")),
            None if endpoint.is_some_and(|url| url.trim_end_matches('/').ends_with(HTTP_PORT)) => {
                Ok(Some(Protocol::Http))
            }
            None => Ok(Some(Protocol::Grpc)),
        }
    }
}

fn unsupported(variable: String, value: &str, supported: &'static str) -> SettingError {
    SettingError {
        variable,
        value: value.to_owned(),
        supported,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn of(signal: Signal, set: Variables<'_>) -> Result<Option<Protocol>, SettingError> {
        let find = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        signal.protocol(find)
    }

    #[test]
    fn nothing_is_sent_unless_somebody_is_named_to_receive_it() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
        let cases: [(Variables<'_>, Option<Protocol>); 8] = [
            (&[], None),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], None),
            (&[endpoint], Some(Protocol::Grpc)),
            (&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")], None),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], None),
            (&[endpoint, ("OTEL_LOGS_EXPORTER", "none")], Some(Protocol::Grpc)),
            (
                &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://collector:4317")],
                None,
            ),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], Some(Protocol::Grpc)),
        ];
        for (set, expected) in cases {
            assert_eq!(of(Signal::Traces, set), Ok(expected), "{set:?}");
        }
    }

    #[test]
    fn the_protocol_is_the_signals_own_the_general_one_or_the_ports() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        let general = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let own = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf");
        assert_eq!(of(Signal::Logs, &[endpoint]), Ok(Some(Protocol::Http)));
        assert_eq!(of(Signal::Logs, &[endpoint, general]), Ok(Some(Protocol::Grpc)));
        assert_eq!(of(Signal::Logs, &[endpoint, general, own]), Ok(Some(Protocol::Http)));
        assert_eq!(of(Signal::Traces, &[endpoint, general, own]), Ok(Some(Protocol::Grpc)));
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        let refused = of(
            Signal::Traces,
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ],
        );
        assert_eq!(
            refused.map_err(|error| error.to_string()),
            Err("OTEL_EXPORTER_OTLP_PROTOCOL=http/json is not supported; use grpc or http/protobuf".to_owned())
        );
        assert!(of(Signal::Metrics, &[("OTEL_METRICS_EXPORTER", "prometheus")]).is_err());
    }
}
