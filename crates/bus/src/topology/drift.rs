//! What on a server differs from the table in a way that matters.

use super::TopologyError;
use async_nats::jetstream::consumer::{Config as ConsumerConfig, pull};
use async_nats::jetstream::stream::Config as StreamConfig;
use std::fmt::Debug;

/// Compares a stream with what is needed. Larger limits and more replicas are an operator's choice.
pub(super) fn check_stream(expected: &StreamConfig, found: &StreamConfig) -> Result<(), TopologyError> {
    let what = expected.name.as_str();
    same(what, "subjects", &expected.subjects, &found.subjects)?;
    same(what, "retention", &expected.retention, &found.retention)?;
    same(what, "discard", &expected.discard, &found.discard)?;
    let tells_apart = found.duplicate_window >= expected.duplicate_window;
    require(
        what,
        "duplicate_window",
        tells_apart,
        &expected.duplicate_window,
        &found.duplicate_window,
    )?;
    // Not above zero: no limit.
    let room = found.max_bytes <= 0 || found.max_bytes >= expected.max_bytes;
    require(what, "max_bytes", room, &expected.max_bytes, &found.max_bytes)?;
    let lasts = found.max_age.is_zero() || (!expected.max_age.is_zero() && found.max_age >= expected.max_age);
    require(what, "max_age", lasts, &expected.max_age, &found.max_age)
}

/// Compares a consumer with what is needed.
pub(super) fn check_consumer(what: &str, expected: &pull::Config, found: &ConsumerConfig) -> Result<(), TopologyError> {
    let filters = |one: &String, many: &Vec<String>| {
        let mut all = many.clone();
        all.extend((!one.is_empty()).then(|| one.clone()));
        all.sort();
        all
    };
    same(
        what,
        "filter_subjects",
        &filters(&expected.filter_subject, &expected.filter_subjects),
        &filters(&found.filter_subject, &found.filter_subjects),
    )?;
    same(what, "deliver_subject", &None, &found.deliver_subject)?;
    same(what, "ack_policy", &expected.ack_policy, &found.ack_policy)?;
    same(what, "ack_wait", &expected.ack_wait, &found.ack_wait)?;
    same(what, "max_deliver", &expected.max_deliver, &found.max_deliver)?;
    let room = found.max_ack_pending < 0 || found.max_ack_pending >= expected.max_ack_pending;
    require(
        what,
        "max_ack_pending",
        room,
        &expected.max_ack_pending,
        &found.max_ack_pending,
    )
}

fn same<T: PartialEq + Debug>(what: &str, field: &'static str, expected: &T, found: &T) -> Result<(), TopologyError> {
    require(what, field, expected == found, expected, found)
}

fn require(
    what: &str,
    field: &'static str,
    holds: bool,
    expected: &dyn Debug,
    found: &dyn Debug,
) -> Result<(), TopologyError> {
    if holds {
        return Ok(());
    }
    Err(TopologyError::Drift {
        what: what.to_owned(),
        field,
        expected: format!("{expected:?}"),
        found: format!("{found:?}"),
    })
}
