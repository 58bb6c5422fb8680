//! Blame, measured: runs of generated plans with one fault each, and who is accused.
//!
//! A run goes through the assessment as it is served: checks, a judge, and the rule that picks the steps. The judge is
//! scripted: it quotes the first sentence that is wrong, since nobody could ask more of it, and accuses the last step,
//! as models often do. So what is found is found by checks and by following the quote.

mod faults;
mod runs;

use crate::judging::assess;
use async_trait::async_trait;
use bus::worker::inline;
use contracts::work::job_result::Outcome;
use contracts::work::{AssessSpec, Input};
use faults::Fault;
use llm::{Answer, Chat, ChatAsk, Failed, ModelEngine, Reply};
use runs::{Run, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use workflow::blame::blame;
use workflow::input::Assessment;
use workflow::plan::{FrozenPlan, Plan, PlanLimits, freeze};
use workflow::tool::{Catalog, CatalogTool, ToolSpecification};
use workflow::vocabulary::{PlanOrigin, ToolState};

const RUNS: u64 = 400;

/// Quotes what it was given to quote.
struct Judge {
    wrong: Option<String>,
    any: String,
    last: String,
}

#[async_trait]
impl Chat for Judge {
    async fn chat(&self, _: ChatAsk<'_>) -> Result<Answer<Reply>, Failed> {
        let verdict = match &self.wrong {
            Some(quote) => {
                json!({"evidence": [quote], "feedback": "That is wrong.", "score": 1, "steps_to_blame": [self.last]})
            }
            None => json!({"evidence": [self.any], "feedback": "", "score": 5, "steps_to_blame": []}),
        };
        Ok(Answer {
            value: Reply::Json(verdict),
            usage: llm::Usage::default(),
            calls: Vec::new(),
        })
    }
}

/// Keys of the steps that are sent back, in the order of the plan.
async fn accused(plan: &Plan, frozen: &FrozenPlan, run: &Run, healthy: &Run) -> Vec<String> {
    let text = |run: &Run| run.text().to_owned();
    let (now, then) = (text(run), text(healthy));
    let wrong = now.split(". ").find(|sentence| !then.contains(sentence));
    let judge = Judge {
        wrong: wrong.map(str::to_owned),
        any: now.split(". ").next().unwrap_or_default().to_owned(),
        last: "report".to_owned(),
    };
    let engine = ModelEngine::new("scripted", Arc::new(judge));
    let outputs = run.outputs.iter().map(|(key, output)| Input {
        step_key: key.clone(),
        output: Some(inline(output.to_string())),
        ..Input::default()
    });
    let spec = AssessSpec {
        plan_json: serde_json::to_string(plan).unwrap(),
        outputs: outputs.collect(),
        quality_json: json!({"threshold": 0.7, "dimensions": {"accuracy": {"weight": 1.0, "floor": 0.5}}}).to_string(),
        round: 0,
    };
    let submission =
        json!({"request": "Report on the shops", "business_metrics": {}, "preferences": {}, "channels": []});
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let ended = assess(&engine, &submission.to_string(), &spec, deadline).await;
    let Some(Outcome::Assessed(assessed)) = ended.outcome else {
        panic!("{:?}", ended.outcome)
    };
    let document: Value = serde_json::from_str(&assessed.assessment_json).unwrap();
    let score = document["dimensions"]["accuracy"]["score"].as_f64().unwrap();
    let blamed: BTreeMap<String, String> = serde_json::from_value(document["blamed"].clone()).unwrap();
    let checks = document["failed_checks"].as_array().unwrap().iter();
    let checks = checks.map(|check| {
        (
            check["step_key"].as_str().unwrap().to_owned(),
            check["detail"].to_string(),
        )
    });
    let assessment = Assessment {
        scores: BTreeMap::from([("accuracy".to_owned(), score)]),
        blamed,
        failed_checks: checks.collect(),
        ..Assessment::default()
    };
    let found = blame(frozen, &assessment, score >= 0.7, |_| true);
    found
        .blamed
        .keys()
        .map(|&index| plan.steps[usize::from(index)].key.clone())
        .collect()
}

/// Whether the checks of the faulty step itself see its fault.
fn is_visible(plan: &Plan, run: &Run, key: &str) -> bool {
    let step = plan.steps.iter().find(|step| step.key == key).unwrap();
    let outputs: BTreeMap<&str, &Value> = run.outputs.iter().map(|(key, output)| (key.as_str(), output)).collect();
    let sources = crate::acceptance::Sources {
        outputs: &outputs,
        submission: "{}",
    };
    !crate::acceptance::failed(key, &step.acceptance, &run.outputs[key], sources).is_empty()
}

fn frozen(plan: &Plan) -> FrozenPlan {
    let tool = |id: &str| {
        let spec = json!({
            "tool_id": id, "name": id, "description": "", "category": "test", "source": "builtin",
            "input_schema": {"type": "object"}, "output_schema": true, "effects": "read_only",
            "estimated_cost": null, "estimated_duration": null,
        });
        let spec: ToolSpecification = serde_json::from_value(spec).unwrap();
        CatalogTool::new(spec, ToolState::Active).unwrap()
    };
    let catalog: Catalog = runs::TOOLS.into_iter().map(tool).collect();
    freeze(plan, 1, PlanOrigin::Client, catalog.of(""), &[], &PlanLimits::default()).unwrap()
}

#[derive(Default, Debug)]
struct Tally {
    runs: u32,
    found: u32,
    /// Constant guesses, over the same runs.
    first: u32,
    last: u32,
    random: f64,
}

impl Tally {
    fn add(&mut self, plan: &Plan, culprit: &str, accused: &[String]) {
        self.runs += 1;
        self.found += u32::from(accused.first().is_some_and(|key| key == culprit));
        self.first += u32::from(plan.steps[0].key == culprit);
        self.last += u32::from(plan.steps.last().unwrap().key == culprit);
        self.random += 1.0 / plan.steps.len() as f64;
    }

    fn share(&self, of: f64) -> f64 {
        of / f64::from(self.runs.max(1))
    }

    fn told(&self, name: &str) -> String {
        let percent = |of: f64| 100.0 * self.share(of);
        format!(
            "{name:<28} {:>4} {:>6.1} % {:>6.1} % {:>6.1} % {:>6.1} %",
            self.runs,
            percent(self.found.into()),
            percent(self.first.into()),
            percent(self.last.into()),
            percent(self.random),
        )
    }
}

/// Each run has one fault, beside healthy branches that hardly differ from the faulty one.
#[tokio::test]
async fn the_step_with_the_fault_is_blamed_and_healthy_runs_are_not() {
    let (mut visible, mut silent) = (Tally::default(), Tally::default());
    let mut kinds: BTreeMap<Fault, Tally> = BTreeMap::new();
    let mut falsely = 0;
    for seed in 0..RUNS {
        let world = World::generated(seed);
        let plan = world.plan();
        let frozen = frozen(&plan);
        let healthy = world.run(None);
        falsely += usize::from(!accused(&plan, &frozen, &healthy, &healthy).await.is_empty());
        let Some((culprit, fault)) = world.fault(seed) else {
            continue;
        };
        let run = world.run(Some((&culprit, fault)));
        let accused = accused(&plan, &frozen, &run, &healthy).await;
        if is_visible(&plan, &run, &culprit) {
            visible.add(&plan, &culprit, &accused);
            kinds.entry(fault).or_default().add(&plan, &culprit, &accused);
        } else {
            silent.add(&plan, &culprit, &accused);
        }
    }
    println!("{:<28} runs    found    first     last   random", "top-1");
    println!(
        "{}\n{}",
        visible.told("a check can see it"),
        silent.told("no check can see it")
    );
    kinds
        .iter()
        .for_each(|(fault, tally)| println!("{}", tally.told(&format!("  {fault:?}"))));
    println!("healthy runs blamed: {falsely} of {RUNS}");
    assert!(visible.runs >= 200 && silent.runs >= 40, "{visible:?} {silent:?}");
    assert!(
        kinds.len() == faults::ALL.len() && kinds.values().all(|tally| tally.runs >= 10),
        "{kinds:?}"
    );
    assert!(visible.share(visible.found.into()) >= 0.9, "{visible:?}");
    assert!(
        falsely as f64 <= 0.05 * RUNS as f64,
        "{falsely} healthy runs were blamed"
    );
    // A rule that always accuses the same place must not pass.
    for guess in [visible.first.into(), visible.last.into(), visible.random] {
        assert!(visible.share(guess) < 0.4, "{visible:?}");
    }
    assert!(
        silent.share(silent.found.into()) > silent.share(silent.last.into()),
        "{silent:?}"
    );
}
