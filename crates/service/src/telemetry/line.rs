//! A log line: one JSON object with the event's fields and, beside them, what the spans around it are named
//! by, such as `task_id` and `trace_id`.

use crate::clock;
use chrono::SecondsFormat;
use opentelemetry::trace::TraceContextExt;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The format.
pub struct Line;

impl<S> FormatEvent<S, JsonFields> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        let mut own = object(&own);
        let mut around = Map::new();
        // The outermost first, so that what is nearer wins.
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                around.extend(object(fields));
            }
        }
        exported(&mut around);
        around.retain(|name, _| !own.contains_key(name));

        let metadata = event.metadata();
        let text = line(|map| {
            let time = clock::now().to_rfc3339_opts(SecondsFormat::Micros, true);
            map.serialize_entry("timestamp", &time)?;
            map.serialize_entry("level", metadata.level().as_str())?;
            if let Some(message) = own.remove("message") {
                map.serialize_entry("message", &message)?;
            }
            for (name, value) in own.iter().chain(&around) {
                map.serialize_entry(name, value)?;
            }
            map.serialize_entry("target", metadata.target())
        });
        writeln!(writer, "{}", text.map_err(|_| fmt::Error)?)
    }
}

type Entries<'a> = serde_json::ser::Compound<'a, &'a mut Vec<u8>, serde_json::ser::CompactFormatter>;

fn line(entries: impl FnOnce(&mut Entries<'_>) -> serde_json::Result<()>) -> serde_json::Result<String> {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::new(&mut bytes);
    let mut map = serializer.serialize_map(None)?;
    entries(&mut map)?;
    map.end()?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The span that is exported now, so that a line leads to it.
fn exported(names: &mut Map<String, Value>) {
    let context = opentelemetry::Context::current();
    let span = context.span().span_context().clone();
    if span.is_valid() {
        names.insert("trace_id".to_owned(), span.trace_id().to_string().into());
        names.insert("span_id".to_owned(), span.span_id().to_string().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Sink {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_line_inside_spans_carries_their_names_and_its_own_fields_win() {
        let sink = Sink::default();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(Line)
            .with_writer(sink.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let _request = tracing::info_span!("request", trace_id = "4bf9", task_id = "outer").entered();
            let _job = tracing::info_span!("job", task_id = "t1", job_id = "j1").entered();
            tracing::warn!(job_id = "j2", attempt = 3, "lost \"it\"");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with("{\"timestamp\":\"") && text.ends_with("}\n"), "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        let told = |name: &str| line[name].clone();
        assert_eq!(told("message"), "lost \"it\"");
        assert_eq!((told("level"), told("attempt")), ("WARN".into(), 3.into()));
        assert_eq!(
            (told("trace_id"), told("task_id"), told("job_id")),
            ("4bf9".into(), "t1".into(), "j2".into())
        );
    }
}
