//! What memory is worth, with a scripted planner in a world whose truth is known, on real Postgres.
//!
//! Three kinds of requests, each with a hidden good sub-plan of two or three steps: a task goes well in 0.9 of the cases where its
//! plan has that within, step after step, and in 0.5 elsewhere. Around it plans differ: the planner puts other tools before and
//! behind, drawn each time. Every request has a topic of its own, in one of several wordings. The planner takes in the part it is
//! shown first, or follows a whole plan to the letter; and whatever it is shown, in a fifth of the cases it finds the good sub-plan
//! itself. **Right** memory shows what fits the request. **Shuffled** memory shows, to the same planner and through the same lots,
//! what was learned for another kind (by a permutation drawn from the seed); that is as good as none.
//!
//! The harness counts itself: which tasks it saw being shown something or held out, and which it drew to go well. Its figure is
//! the plain difference of the two shares, and the truth is the same difference of the chances that the world gave those tasks.
//! Only to which group a held-out task belongs is asked of the product: whether the lots would have offered it anything.
//!
//! Wrong variants beside it: memory of whole plans alone, and the comparison of tasks that ran the good sub-plan with those that
//! did not, which praises shuffled memory.

use super::learning::{Ended, ended};
use super::memory::Dice;
use super::{store, task};
use crate::interval::{Share, Shares, uplift};
use crate::patterns::Patterns;
use crate::store::{Given, Rules, Store};
use contracts::learner::{Pattern, RecallRequest};
use serde_json::{Value, json};
use service::config::LearningConfig;
use std::time::Instant;

struct Kind {
    channel: &'static str,
    goal: &'static str,
    asks: [&'static str; 3],
    good: &'static [&'static str],
}

const KINDS: [Kind; 3] = [
    Kind {
        channel: "blog",
        goal: "Produce a blog post about",
        asks: [
            "Write a blog post about",
            "Please draft a blog article on",
            "generate blogpost, short:",
        ],
        good: &["research_agent", "fact_checker", "blog_writer"],
    },
    Kind {
        channel: "mail",
        goal: "Answer a customer complaint regarding",
        asks: [
            "Answer the customer complaint regarding",
            "A customer complains; reply kindly:",
            "Reply to this complaint:",
        ],
        good: &["crm_lookup", "tone_agent"],
    },
    Kind {
        channel: "shop",
        goal: "Describe a catalogue product:",
        asks: [
            "Describe the catalogue product",
            "Catalogue description wanted:",
            "product text, catalogue:",
        ],
        good: &["specs_lookup", "seo_agent", "price_check"],
    },
];
/// What plans have around it.
const OTHERS: [&str; 12] = [
    "writer_agent",
    "editor_agent",
    "translator_agent",
    "image_agent",
    "chart_agent",
    "layout_agent",
    "spelling_agent",
    "summary_agent",
    "legal_agent",
    "archive_agent",
    "calendar_agent",
    "glossary_agent",
];
const REQUESTS: u32 = 300;

fn has(tools: &[&str], part: &[&str]) -> bool {
    tools.windows(part.len()).any(|window| window == part)
}

fn chance(kind: &Kind, tools: &[&str]) -> f64 {
    if has(tools, kind.good) { 0.9 } else { 0.5 }
}

/// Sums over the tasks of one group.
#[derive(Default, Debug, Clone, Copy)]
struct Group {
    tasks: f64,
    went_well: f64,
    /// Sum of what the world says of the plans that ran.
    chances: f64,
}

/// What the harness saw.
#[derive(Default, Debug)]
struct Seen {
    shown: Group,
    held_out: Group,
    /// Of all of them, those that ran the good sub-plan, and those that did not.
    ran: Shares,
}

impl Seen {
    fn difference(&self, of: fn(&Group) -> f64) -> f64 {
        of(&self.shown) / self.shown.tasks - of(&self.held_out) / self.held_out.tasks
    }
}

/// The tools of a pattern, in order.
fn tools(pattern: &Pattern) -> Vec<&'static str> {
    let plan: Value = serde_json::from_str(&pattern.plan_json).unwrap();
    let steps = plan["steps"].as_array().unwrap().iter();
    let known = || KINDS.iter().flat_map(|kind| kind.good).chain(&OTHERS);
    let tool = |step: &Value| known().find(|tool| step["tool_id"] == **tool).copied();
    steps.map(|step| tool(step).unwrap()).collect()
}

struct World {
    store: Store,
    patterns: Patterns,
    dice: Dice,
    ran: u32,
}

fn patterns(store: &Store, hold_out_share: f64) -> Patterns {
    let config = LearningConfig {
        hold_out_share,
        ..LearningConfig::default()
    };
    Patterns::new(store.clone(), config)
}

impl World {
    /// `fragment_support`: after how many successes a part of plans is a pattern.
    async fn new(seed: u64, fragment_support: u32) -> Self {
        let store = store().await.by(Rules {
            trial_after: 3,
            fragment_support,
            names: None,
        });
        Self {
            patterns: patterns(&store, 0.5),
            store,
            dice: Dice::new(seed),
            ran: 10,
        }
    }

    /// A word nobody said before.
    fn topic(&mut self) -> &'static str {
        let syllables = ["ba", "ki", "lo", "mu", "ne", "ra", "so", "ti", "vu", "ze"];
        let word: String = (0..5).map(|_| syllables[self.dice.below(10)]).collect();
        word.leak()
    }

    /// A request of a kind, in words and on a topic of its own.
    fn request(&mut self, kind: &Kind, n: u32) -> (RecallRequest, &'static str, &'static str) {
        let (asked, topic) = (kind.asks[self.dice.below(3)], self.topic());
        let tools = KINDS.iter().flat_map(|kind| kind.good).chain(&OTHERS);
        let request = RecallRequest {
            tenant: "default".to_owned(),
            task_id: task(n).to_string(),
            request: format!("{asked} {topic}"),
            tool_ids: tools.map(|tool| (*tool).to_owned()).collect(),
            channels: vec![kind.channel.to_owned()],
            ..RecallRequest::default()
        };
        (request, asked, topic)
    }

    /// What memory has for a request of that kind.
    async fn known(&mut self, kind: usize) -> Vec<Pattern> {
        self.ran += 1;
        let n = 1_000_000 + self.ran;
        let (request, ..) = self.request(&KINDS[kind], n);
        let memory = patterns(&self.store, 0.0);
        memory.recall(task(n).0, request).await.unwrap().patterns
    }

    /// What is shown first, something of its own before and behind where that is a part, and the good sub-plan where it is found.
    fn plan(&mut self, kind: &Kind, shown: &[Pattern]) -> &'static [&'static str] {
        let found: &[&str] = if self.dice.roll() < 0.2 { kind.good } else { &[] };
        let (before, behind) = (OTHERS[self.dice.below(12)], OTHERS[self.dice.below(12)]);
        let taken = shown.first().map(tools).unwrap_or_default();
        let plan = match shown.first() {
            Some(pattern) if pattern.kind == "plan" => [&taken[..], found].concat(),
            _ if found.is_empty() || has(&taken, found) => [&[before][..], &taken[..], &[behind][..]].concat(),
            _ => [&[before][..], &taken[..], found, &[behind][..]].concat(),
        };
        plan.leak()
    }

    /// [`REQUESTS`] of them. `instead`: a memory that is asked for another kind's patterns, to be shown in place of the right ones.
    async fn compare(&mut self, mut instead: Option<&mut World>) -> Seen {
        let turn = 1 + self.dice.below(KINDS.len() - 1);
        let mut seen = Seen::default();
        for _ in 0..REQUESTS {
            self.ran += 1;
            let (number, id) = (self.dice.below(KINDS.len()), task(self.ran));
            let kind = &KINDS[number];
            let (request, asked, topic) = self.request(kind, self.ran);
            let recalled = self.patterns.recall(id.0, request).await.unwrap();
            let shown = match &mut instead {
                Some(other) if !recalled.patterns.is_empty() => other.known((number + turn) % KINDS.len()).await,
                _ => recalled.patterns.clone(),
            };
            let tools = self.plan(kind, &shown);
            let good = self.dice.roll() < chance(kind, tools);
            let group = if !recalled.patterns.is_empty() {
                Some(&mut seen.shown)
            } else if recalled.held_out {
                let given = self.store.given(id.0).await.unwrap();
                given
                    .filter(|given| given.0 == Given::Withheld)
                    .map(|_| &mut seen.held_out)
            } else {
                None
            };
            if let Some(group) = group {
                let ran = match has(tools, kind.good) {
                    true => &mut seen.ran.treated,
                    false => &mut seen.ran.control,
                };
                *ran = Share {
                    hits: ran.hits + u64::from(good),
                    n: ran.n + 1,
                };
                group.tasks += 1.0;
                group.went_well += f64::from(u8::from(good));
                group.chances += chance(kind, tools);
            }
            let ended = Ended {
                tools,
                topic,
                asked,
                goal: kind.goal,
                channel: kind.channel,
                approved: good,
                memory: if recalled.patterns.is_empty() { "empty" } else { "used" },
                ..ended(self.ran)
            };
            self.store.keep(vec![ended.record()]).await.unwrap();
        }
        seen
    }

    async fn reported(&self) -> Value {
        let now = chrono::DateTime::from_timestamp(2_000_000_000, 0).unwrap();
        let figures = crate::metrics::document(&self.store, "default", 3650, now)
            .await
            .unwrap();
        figures["memory_uplift"].clone()
    }
}

/// The product's figure is the harness's own, and its interval holds the truth.
fn agree(what: &str, reported: &Value, seen: &Seen) -> [f64; 2] {
    let (own, truth) = (
        seen.difference(|group| group.went_well),
        seen.difference(|group| group.chances),
    );
    println!("{what}: own {own:.3}, truth {truth:.3}, reported {reported}");
    assert_eq!(reported["n"], json!((seen.shown.tasks + seen.held_out.tasks) as u64));
    assert!(
        (reported["value"].as_f64().unwrap() - own).abs() < 1e-9,
        "{own}: {reported}"
    );
    let interval = [0, 1].map(|end| reported["interval"][end].as_f64().unwrap());
    assert!(interval[0] < truth && truth < interval[1], "{truth}: {reported}");
    interval
}

async fn right_and_shuffled(seed: u64) {
    let mut right = World::new(seed, 3).await;
    let seen = right.compare(None).await;
    let [low, _] = agree(&format!("seed {seed}, right"), &right.reported().await, &seen);
    assert!(low > 0.0, "clear of zero: {seen:?}");

    let mut shuffled = World::new(seed, 3).await;
    let seen = shuffled.compare(Some(&mut right)).await;
    let [low, high] = agree(&format!("seed {seed}, shuffled"), &shuffled.reported().await, &seen);
    assert!(low <= 0.0 && 0.0 <= high, "another kind's parts are no help: {seen:?}");
    assert!(seen.difference(|group| group.chances).abs() < 0.1, "{seen:?}");
    // Wrong: whoever ran what is good did better, and none of them was told of it.
    let naive = uplift(seen.ran);
    println!("seed {seed}, shuffled, by what ran: {naive:?}");
    assert!(naive.interval.is_some_and(|[low, _]| low > 0.0), "{naive:?}");
}

/// Whole plans seldom come again, so that memory of them alone serves few requests.
async fn whole_plans_alone(seed: u64) {
    let mut world = World::new(seed, 100_000).await;
    let seen = world.compare(None).await;
    let served = seen.shown.tasks + seen.held_out.tasks;
    println!("seed {seed}, whole plans alone: {served} of {REQUESTS} tasks had something to be offered");
    assert!(served < f64::from(REQUESTS) / 3.0, "{seen:?}");
}

#[tokio::test]
async fn memory_beats_none_shuffled_memory_does_not_and_the_reported_uplift_is_the_harnesss_own() {
    let started = Instant::now();
    tokio::join!(
        right_and_shuffled(7),
        right_and_shuffled(8),
        right_and_shuffled(9),
        whole_plans_alone(7)
    );
    println!("in {:?}", started.elapsed());
}
