//! `when`: one test, on a well-formed pointer.

use super::faults::Faults;
use crate::plan::model::PlanStep;
use crate::plan::pointer::is_pointer;

pub(super) fn check(index: usize, step: &PlanStep, faults: &mut Faults) {
    let Some(when) = &step.when else { return };
    let tests = [
        when.equals.is_some(),
        when.exists.is_some(),
        when.gt.is_some(),
        when.lt.is_some(),
    ];
    let given = tests.into_iter().filter(|given| *given).count();
    if given != 1 {
        let detail = format!("exactly one of equals, exists, gt and lt is given, here {given} are");
        faults.push("plan_when", format!("/steps/{index}/when"), detail);
    }
    if [when.gt, when.lt].into_iter().flatten().any(|bound| !bound.is_finite()) {
        faults.push(
            "plan_when",
            format!("/steps/{index}/when"),
            "a bound is a finite number",
        );
    }
    if !is_pointer(&when.pointer) {
        let at = format!("/steps/{index}/when/pointer");
        faults.push("plan_when", at, "not a JSON pointer (RFC 6901)");
    }
}
