//! What a plan will cost and how long it will take, by what the catalog knows of its tools. Pure.
//!
//! One run of every step, whether or not its condition will hold. Planning, judging, repairs and people's time are
//! not counted. What nobody knows makes what rests on it unknown; it is never 0.

use crate::catalog::{Measured, Tools};
use crate::flow::Flow;
use workflow::plan::{Plan, PlanStep};
use workflow::tool::{RetryPolicy, ToolSource, ToolSpecification};

/// What a plan takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    /// USD of all steps.
    pub cost_usd: Range,
    /// Seconds along the critical path: steps beside each other take no longer than the longest.
    pub seconds: Range,
}

/// A quantity, each end known or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// On average: repeated as often as attempts are known to fail.
    pub likely: Option<f64>,
    /// With every attempt used.
    pub at_most: Option<f64>,
}

/// What a plan over these tools takes.
pub fn outlook(plan: &Plan, tools: &Tools) -> Outlook {
    let steps: Vec<Outlook> = plan.steps.iter().map(|step| of_step(step, tools)).collect();
    let flow = Flow::of(plan);
    let sum = |of: fn(&Outlook) -> Option<f64>| steps.iter().map(of).sum::<Option<f64>>();
    let path = |of: fn(&Outlook) -> Option<f64>| longest(&flow, &steps.iter().map(of).collect::<Option<Vec<f64>>>()?);
    Outlook {
        cost_usd: Range {
            likely: sum(|step| step.cost_usd.likely),
            at_most: sum(|step| step.cost_usd.at_most),
        },
        seconds: Range {
            likely: path(|step| step.seconds.likely),
            at_most: path(|step| step.seconds.at_most),
        },
    }
}

fn of_step(step: &PlanStep, tools: &Tools) -> Outlook {
    let Some(tool) = tools.catalog.of("").get(&step.tool_id) else {
        return Outlook::default();
    };
    let spec = &tool.spec;
    let attempt = Attempt::of(step, spec, tools.measured.get(&step.tool_id));
    let tries = Tries::of(step.retry.as_ref().unwrap_or(&spec.retry), attempt.success);
    let timeout = step.timeout_seconds.unwrap_or(spec.timeout_seconds);
    let runs = Runs::of(step);
    let (usd, seconds) = (attempt.usd, attempt.seconds);
    Outlook {
        cost_usd: Range {
            likely: usd.and_then(|usd| runs.costing(usd * tries.likely)),
            at_most: usd.map(|usd| usd * tries.most * runs.most),
        },
        seconds: Range {
            likely: seconds.map(|seconds| seconds * tries.likely + tries.likely_pause),
            at_most: Some(timeout * tries.most + tries.longest_pause),
        },
    }
}

/// What is known of one attempt.
struct Attempt {
    usd: Option<f64>,
    seconds: Option<f64>,
    /// Share of attempts that go well, 0-1.
    success: Option<f64>,
}

impl Attempt {
    /// What is known of an agent is of its own size of model: of another one only what was measured of that counts,
    /// unless the tool is free whatever it asks.
    fn of(step: &PlanStep, spec: &ToolSpecification, measured: Option<&Measured>) -> Self {
        let known = |value: Option<f64>| value.filter(|value| value.is_finite() && *value >= 0.0);
        let share = |value: Option<f64>| value.filter(|value| (0.0..=1.0).contains(value));
        let asks_models = spec.source == ToolSource::Builtin && spec.estimated_cost != Some(0.0);
        match step.tier.filter(|_| asks_models) {
            Some(tier) => {
                let sized = measured.and_then(|measured| measured.sizes.get(tier.as_str()).copied());
                let sized = sized.unwrap_or_default();
                Self {
                    usd: known(sized.estimated_cost),
                    seconds: known(sized.estimated_duration),
                    success: share(sized.success_rate),
                }
            }
            None => Self {
                usd: known(spec.estimated_cost),
                seconds: known(spec.estimated_duration),
                success: share(measured.and_then(|measured| measured.success_rate)),
            },
        }
    }
}

/// How often a step runs, whatever fails.
struct Runs {
    likely: Option<f64>,
    most: f64,
}

impl Runs {
    /// What all cost, where one costs so much. However often it runs, what is free is free.
    fn costing(&self, usd: f64) -> Option<f64> {
        if usd == 0.0 {
            return Some(0.0);
        }
        self.likely.map(|runs| usd * runs)
    }

    /// Once. A step that runs once for each item of a list that another step makes has its bound as the most, and nobody
    /// knows the likely. Its runs stand beside each other, so that its seconds are those of one.
    fn of(step: &PlanStep) -> Self {
        match &step.for_each {
            None => Self {
                likely: Some(1.0),
                most: 1.0,
            },
            Some(each) => {
                let written = each.items.as_array().map(|items| items.len() as f64);
                Self {
                    likely: written,
                    most: written.unwrap_or_else(|| f64::from(each.max_items)),
                }
            }
        }
    }
}

/// How often one run is tried, and the pauses between.
struct Tries {
    likely: f64,
    most: f64,
    likely_pause: f64,
    longest_pause: f64,
}

impl Tries {
    /// `success`: share of attempts that go well; none: not known, and one attempt is what is likely.
    fn of(retry: &RetryPolicy, success: Option<f64>) -> Self {
        let failing = success.map_or(0.0, |success| 1.0 - success.clamp(0.0, 1.0));
        let mut tries = Self {
            likely: 1.0,
            most: f64::from(retry.max_attempts.max(1)),
            likely_pause: 0.0,
            longest_pause: 0.0,
        };
        let mut pause = retry.initial_interval.max(0.0);
        let mut reached = 1.0;
        for _ in 1..retry.max_attempts.min(MOST_ATTEMPTS) {
            let this = pause.min(retry.max_interval.max(0.0));
            reached *= failing;
            tries.likely += reached;
            tries.likely_pause += reached * this;
            tries.longest_pause += this;
            pause *= retry.backoff.max(1.0);
        }
        tries
    }
}

/// As the plan schema has it.
const MOST_ATTEMPTS: u32 = 20;

/// The longest way through the plan; none where there is no end to it.
fn longest(flow: &Flow, seconds: &[f64]) -> Option<f64> {
    let mut ends = vec![0.0_f64; seconds.len()];
    for step in flow.sorted()? {
        let begins = flow
            .before(step)
            .filter_map(|before| ends.get(before).copied())
            .fold(0.0, f64::max);
        *ends.get_mut(step)? = begins + seconds.get(step)?;
    }
    Some(ends.into_iter().fold(0.0, f64::max))
}
