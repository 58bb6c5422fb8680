//! The plan that was found valid last, so that an engine that repeats itself is not checked again and again.

use crate::catalog::Tools;
use crate::forecast::{Outlook, outlook};
use crate::trim::{Dropped, trim};
use llm::Context;
use std::sync::{Arc, Mutex, PoisonError};
use workflow::plan::{Plan, PlanFault, PlanLimits, freeze};
use workflow::vocabulary::PlanOrigin;

/// Checks plans as the coordinator will.
pub struct Verifier {
    limits: PlanLimits,
    last: Mutex<Option<Valid>>,
}

/// What a verdict depends on besides the limits, and what is known of the plan.
struct Valid {
    plan: String,
    tools: Arc<Tools>,
    channels: Vec<String>,
    checked: Arc<Checked>,
}

/// A valid plan.
#[derive(Debug)]
pub struct Checked {
    pub outlook: Outlook,
    /// None where every order in it is needed.
    pub trimmed: Option<Trimmed>,
}

/// The plan without the orders that nothing needs.
#[derive(Debug)]
pub struct Trimmed {
    pub plan_json: String,
    pub dropped: Vec<Dropped>,
}

impl Verifier {
    pub fn new(limits: PlanLimits) -> Self {
        Self {
            limits,
            last: Mutex::new(None),
        }
    }

    /// What is known of a plan that the coordinator would take.
    ///
    /// # Errors
    /// Why it would refuse it.
    pub fn check(
        &self,
        plan_json: &str,
        tools: &Arc<Tools>,
        context: &Context,
    ) -> Result<Arc<Checked>, Vec<PlanFault>> {
        if let Some(checked) = self.known(plan_json, tools, context) {
            return Ok(checked);
        }
        let checked = Arc::new(checked(self.valid(plan_json, tools, context)?, tools));
        let valid = Valid {
            plan: plan_json.to_owned(),
            tools: Arc::clone(tools),
            channels: context.channels.clone(),
            checked: Arc::clone(&checked),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(valid);
        Ok(checked)
    }

    fn known(&self, plan_json: &str, tools: &Arc<Tools>, context: &Context) -> Option<Arc<Checked>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |last: &&Valid| {
            last.plan == plan_json && Arc::ptr_eq(&last.tools, tools) && last.channels == context.channels
        };
        last.as_ref().filter(same).map(|last| Arc::clone(&last.checked))
    }

    fn valid(&self, plan_json: &str, tools: &Tools, context: &Context) -> Result<Plan, Vec<PlanFault>> {
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
        freeze(&plan, 1, PlanOrigin::Planner, catalog, channels, &self.limits)?;
        Ok(plan)
    }
}

fn checked(mut plan: Plan, tools: &Tools) -> Checked {
    let dropped = trim(&mut plan, tools);
    let outlook = outlook(&plan, tools);
    let trimmed = (!dropped.is_empty())
        .then(|| serde_json::to_string(&plan).ok())
        .flatten();
    Checked {
        outlook,
        trimmed: trimmed.map(|plan_json| Trimmed { plan_json, dropped }),
    }
}
