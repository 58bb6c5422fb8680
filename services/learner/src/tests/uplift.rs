//! What memory is worth, with a scripted planner in a world whose truth is known, on real Postgres.
//!
//! Three kinds of requests, each with a hidden good plan: a task goes well in 0.9 of the cases with the plan that is good for its
//! kind, and in 0.5 with any other. The planner follows the plan it is shown first, whatever it is; shown nothing, it finds the
//! good one in a fifth of the cases. **Right** memory shows what fits the request. **Shuffled** memory shows, to the same planner
//! and through the same lots, what was learned for another kind (by a permutation drawn from the seed).
//!
//! The harness counts itself: which tasks it saw being shown something or held out, and which it drew to go well. Its figure is
//! the plain difference of the two shares, and the truth is the same difference of the chances that the world gave those tasks.
//! Only to which group a held-out task belongs is asked of the product: whether the lots would have offered it anything.

use super::learning::{Ended, ended};
use super::memory::Dice;
use super::{store, task};
use crate::patterns::Patterns;
use crate::store::{Given, Rules, Store};
use contracts::learner::{Pattern, RecallRequest};
use serde_json::{Value, json};
use service::config::{LearningConfig, OfferFrom};

struct Kind {
    channel: &'static str,
    goal: &'static str,
    asks: [&'static str; 3],
    topics: [&'static str; 4],
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
        topics: ["green tea", "running shoes", "bees", "sourdough"],
        good: &["research_agent", "editor_agent", "writer_agent"],
    },
    Kind {
        channel: "mail",
        goal: "Answer a customer complaint regarding",
        asks: [
            "Answer the customer complaint regarding",
            "A customer complains; reply kindly:",
            "Reply to this complaint:",
        ],
        topics: ["late delivery", "broken glass", "wrong invoice", "missing refund"],
        good: &["crm_lookup", "tone_agent", "writer_agent"],
    },
    Kind {
        channel: "shop",
        goal: "Describe a catalogue product:",
        asks: [
            "Describe the catalogue product",
            "Catalogue description wanted:",
            "product text, catalogue:",
        ],
        topics: ["rain barrel", "garden chair", "oak desk", "steel kettle"],
        good: &["specs_lookup", "seo_agent", "writer_agent"],
    },
];
const PLAIN: &[&str] = &["writer_agent"];

fn chance(kind: &Kind, tools: &[&str]) -> f64 {
    if tools == kind.good { 0.9 } else { 0.5 }
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
}

impl Seen {
    fn difference(&self, of: fn(&Group) -> f64) -> f64 {
        of(&self.shown) / self.shown.tasks - of(&self.held_out) / self.held_out.tasks
    }
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
        offer_from: OfferFrom::Candidate,
        ..LearningConfig::default()
    };
    Patterns::new(store.clone(), config)
}

impl World {
    async fn new(seed: u64) -> Self {
        let store = store().await.by(Rules {
            trial_after: 2,
            fragment_support: 3,
            names: None,
        });
        Self {
            patterns: patterns(&store, 0.5),
            store,
            dice: Dice::new(seed),
            ran: 10,
        }
    }

    /// A request of a kind, in words and on a topic of its own.
    fn request(&mut self, kind: &Kind, n: u32) -> (RecallRequest, &'static str, &'static str) {
        let (asked, topic) = (kind.asks[self.dice.below(3)], kind.topics[self.dice.below(4)]);
        let tools = KINDS.iter().flat_map(|kind| kind.good).map(|tool| (*tool).to_owned());
        let request = RecallRequest {
            tenant: "default".to_owned(),
            task_id: task(n).to_string(),
            request: format!("{asked} {topic}"),
            tool_ids: tools.collect(),
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

    /// Of the kind, the plan that is shown first; from scratch where none is.
    fn plan(&mut self, kind: &Kind, shown: &[Pattern]) -> &'static [&'static str] {
        let tools = |pattern: &Pattern| -> Vec<String> {
            let plan: Value = serde_json::from_str(&pattern.plan_json).unwrap();
            let steps = plan["steps"].as_array().unwrap().iter();
            steps.map(|step| step["tool_id"].as_str().unwrap().to_owned()).collect()
        };
        let plans = || KINDS.iter().map(|kind| kind.good).chain([PLAIN]);
        let first = shown.iter().find(|pattern| pattern.kind == "plan").map(tools);
        let followed = first.map(|tools| plans().find(|plan| *plan == tools).unwrap());
        followed.unwrap_or_else(|| if self.dice.roll() < 0.2 { kind.good } else { PLAIN })
    }

    /// 300 requests. `instead`: a memory that is asked for another kind's patterns, to be shown in place of the right ones.
    async fn compare(&mut self, mut instead: Option<&mut World>) -> Seen {
        let turn = 1 + self.dice.below(KINDS.len() - 1);
        let mut seen = Seen::default();
        for _ in 0..300 {
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
fn agree(reported: &Value, seen: &Seen) -> [f64; 2] {
    let (own, truth) = (
        seen.difference(|group| group.went_well),
        seen.difference(|group| group.chances),
    );
    println!("own {own:.3}, truth {truth:.3}, reported {reported}");
    assert_eq!(reported["n"], json!((seen.shown.tasks + seen.held_out.tasks) as u64));
    assert!(
        (reported["value"].as_f64().unwrap() - own).abs() < 1e-9,
        "{own}: {reported}"
    );
    let interval = [0, 1].map(|end| reported["interval"][end].as_f64().unwrap());
    assert!(interval[0] < truth && truth < interval[1], "{truth}: {reported}");
    interval
}

#[tokio::test]
async fn memory_beats_none_shuffled_memory_does_not_and_the_reported_uplift_is_the_harnesss_own() {
    let mut right = World::new(7).await;
    let seen = right.compare(None).await;
    let [low, _] = agree(&right.reported().await, &seen);
    assert!(low > 0.0, "clear of zero: {seen:?}");

    let mut shuffled = World::new(7).await;
    let seen = shuffled.compare(Some(&mut right)).await;
    let [low, _] = agree(&shuffled.reported().await, &seen);
    assert!(low <= 0.0, "another kind's plans are no help: {seen:?}");
    assert!(seen.difference(|group| group.chances) < 0.05, "{seen:?}");
}
