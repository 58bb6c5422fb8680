//! The plan that was found valid last, so that an engine that repeats itself is not checked again and again.

use crate::catalog::Tools;
use llm::Context;
use std::sync::{Arc, Mutex, PoisonError};
use workflow::plan::{Plan, PlanFault, PlanLimits, freeze};
use workflow::vocabulary::PlanOrigin;

/// Checks plans as the coordinator will.
pub struct Verifier {
    limits: PlanLimits,
    last: Mutex<Option<Valid>>,
}

/// What a verdict depends on besides the limits.
struct Valid {
    plan: String,
    tools: Arc<Tools>,
    channels: Vec<String>,
}

impl Verifier {
    pub fn new(limits: PlanLimits) -> Self {
        Self {
            limits,
            last: Mutex::new(None),
        }
    }

    /// Why the coordinator would refuse the plan; empty: it would not.
    pub fn faults(&self, plan_json: &str, tools: &Arc<Tools>, context: &Context) -> Vec<PlanFault> {
        if self.is_known(plan_json, tools, context) {
            return Vec::new();
        }
        let faults = self.check(plan_json, tools, context).err().unwrap_or_default();
        if faults.is_empty() {
            let valid = Valid {
                plan: plan_json.to_owned(),
                tools: Arc::clone(tools),
                channels: context.channels.clone(),
            };
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(valid);
        }
        faults
    }

    fn is_known(&self, plan_json: &str, tools: &Arc<Tools>, context: &Context) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().is_some_and(|last| {
            last.plan == plan_json && Arc::ptr_eq(&last.tools, tools) && last.channels == context.channels
        })
    }

    fn check(&self, plan_json: &str, tools: &Tools, context: &Context) -> Result<(), Vec<PlanFault>> {
        let document = serde_json::from_str(plan_json).map_err(|error| {
            vec![PlanFault {
                code: "plan_shape".to_owned(),
                pointer: String::new(),
                detail: error.to_string(),
            }]
        })?;
        let plan = Plan::deserialize_checked(&document)?;
        // What the tenant sees is all there is here.
        let (catalog, channels) = (tools.catalog.of(""), &context.channels);
        freeze(&plan, 1, PlanOrigin::Planner, catalog, channels, &self.limits).map(drop)
    }
}
