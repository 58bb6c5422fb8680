//! `POST /tasks/{id}/retry`, and the verbs that take no members.

use super::faults::Faults;
use super::fields::Fields;
use super::process::budget;
use crate::refusal::Refusal;
use contracts::api::RetryRequest;
use serde_json::{Map, Value};

/// Reads and checks a retry.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>) -> Result<RetryRequest, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let from_step = fields.step_key("from_step");
    let document = RetryRequest {
        from_step,
        raise_budget: budget(&mut fields, "raise_budget"),
        send_again: fields.flag("send_again").unwrap_or_default(),
    };
    fields.finish();
    faults.check(document)
}

/// Checks the body of a verb that takes no members.
///
/// # Errors
/// 422 when there are some.
pub fn read_empty(body: Map<String, Value>) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    Fields::new(body, "", &mut faults).finish();
    faults.check(())
}
