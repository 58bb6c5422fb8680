//! Generated plans over small tools that really compute, and what a run of them brings.
//!
//! Each branch looks a shop's offers up, sorts them, adds them up and writes a sentence or two; a report joins the
//! branches. A step has its checks or, one in four, has none.

use super::faults::{Fault, mutated};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use workflow::plan::Plan;

pub const TOOLS: [&str; 6] = ["clock", "lookup", "sort", "sum", "write", "join"];
const TODAY: &str = "2026-03-01";

/// One generated plan with the data its look-ups find.
pub struct World {
    branches: Vec<Branch>,
    checked: BTreeMap<String, bool>,
}

struct Branch {
    shop: String,
    /// By shop: what a look-up with the wrong name would find too.
    offers: BTreeMap<String, Vec<i64>>,
}

/// What every step brought.
pub struct Run {
    pub outputs: BTreeMap<String, Value>,
}

impl Run {
    pub fn text(&self) -> &str {
        self.outputs["report"]["text"].as_str().unwrap()
    }
}

impl World {
    pub fn generated(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let branches = (0..random.usize(2..=4)).map(|number| {
            let shop = format!("shop{number}");
            let offers = [shop.clone(), format!("other{number}")].map(|name| {
                let prices = (0..random.usize(3..=6)).map(|_| random.i64(1_000..100_000)).collect();
                (name, prices)
            });
            Branch {
                shop,
                offers: BTreeMap::from(offers),
            }
        });
        let branches: Vec<Branch> = branches.collect();
        let mut world = Self {
            branches,
            checked: BTreeMap::new(),
        };
        let keys: Vec<String> = world.keys();
        world.checked = keys.into_iter().map(|key| (key, random.u8(0..4) > 0)).collect();
        world
    }

    fn keys(&self) -> Vec<String> {
        let steps = ["lookup", "sort", "sum", "write"];
        let branches = (0..self.branches.len()).flat_map(|n| steps.map(|step| format!("{step}{n}")));
        std::iter::once("clock".to_owned())
            .chain(branches)
            .chain(["report".to_owned()])
            .collect()
    }

    pub fn plan(&self) -> Plan {
        let mut steps = vec![json!({"key": "clock", "tool_id": "clock"})];
        let of = |key: &str, n: usize, pointer: &str| json!({"$step": format!("{key}{n}"), "pointer": pointer});
        for (n, branch) in self.branches.iter().enumerate() {
            let item = json!({"type": "object", "required": ["name", "price"],
                "properties": {"name": {"type": "string"}, "price": {"type": "number", "minimum": 10}}});
            steps.extend([
                json!({"key": format!("lookup{n}"), "tool_id": "lookup",
                    "arguments": {"shop": branch.shop, "on": {"$step": "clock", "pointer": "/today"}},
                    "acceptance": [{"pointer": "/shop", "equals": branch.shop},
                        {"pointer": "/as_of", "same_as": {"$step": "clock", "pointer": "/today"}},
                        {"pointer": "/offers", "schema": {"type": "array", "minItems": 1, "items": item}},
                        {"schema": {"required": ["turnover"]}}]}),
                json!({"key": format!("sort{n}"), "tool_id": "sort", "arguments": {"offers": of("lookup", n, "/offers")},
                    "acceptance": [{"pointer": "/offers", "ascending_by": "/price", "numbers_from": [format!("lookup{n}")]},
                        {"pointer": "/offers", "schema": {"items": item}}]}),
                json!({"key": format!("sum{n}"), "tool_id": "sum",
                    "arguments": {"offers": of("sort", n, "/offers"), "as_of": of("lookup", n, "/as_of")},
                    "acceptance": [{"pointer": "/total", "same_as": of("lookup", n, "/turnover")},
                        {"pointer": "/as_of", "same_as": of("lookup", n, "/as_of")}]}),
                json!({"key": format!("write{n}"), "tool_id": "write",
                    "arguments": {"sum": of("sum", n, ""), "cheapest": of("sort", n, "/offers/0"), "shop": of("lookup", n, "/shop")},
                    "acceptance": [{"pointer": "/text", "contains": branch.shop, "min_length": 40,
                        "numbers_from": [format!("sum{n}"), format!("sort{n}"), format!("lookup{n}")]}]}),
            ]);
        }
        let texts: Map<String, Value> = (0..self.branches.len())
            .map(|n| (format!("text{n}"), of("write", n, "/text")))
            .collect();
        let writers: Vec<String> = (0..self.branches.len()).map(|n| format!("write{n}")).collect();
        steps.push(json!({"key": "report", "tool_id": "join", "arguments": texts,
            "acceptance": [{"pointer": "/text", "numbers_from": writers}]}));
        for step in &mut steps {
            if !self.checked[step["key"].as_str().unwrap()] {
                step.as_object_mut().unwrap().remove("acceptance");
            }
        }
        serde_json::from_value(json!({ "steps": steps })).unwrap()
    }

    /// Where a fault is put in, and which; none where that step cannot have it.
    pub fn fault(&self, seed: u64) -> Option<(String, Fault)> {
        let mut random = fastrand::Rng::with_seed(seed ^ 0xfa17);
        let fault = super::faults::ALL[random.usize(..super::faults::ALL.len())];
        let branch = random.usize(..self.branches.len());
        let steps = fault.possible_in();
        Some((format!("{}{branch}", steps[random.usize(..steps.len())]), fault))
    }

    /// Runs the plan, with a fault in the output of one step; what stands on that one computes with it.
    pub fn run(&self, fault: Option<(&str, Fault)>) -> Run {
        let mut outputs = BTreeMap::new();
        let mut random = fastrand::Rng::with_seed(7);
        for key in self.keys() {
            let wrong = fault.filter(|(culprit, _)| *culprit == key).map(|(_, fault)| fault);
            let output = self.output(&key, &outputs, wrong == Some(Fault::WrongArgument));
            let output = match wrong {
                Some(fault) => mutated(output, fault, &mut random),
                None => output,
            };
            outputs.insert(key, output);
        }
        Run { outputs }
    }

    fn output(&self, key: &str, known: &BTreeMap<String, Value>, wrong_argument: bool) -> Value {
        let tool = key.trim_end_matches(|c: char| c.is_ascii_digit());
        let n = key.trim_start_matches(|c: char| !c.is_ascii_digit());
        let of = |tool: &str| &known[&format!("{tool}{n}")];
        match tool {
            "clock" => json!({"today": TODAY}),
            "lookup" => {
                let branch = &self.branches[n.parse::<usize>().unwrap()];
                let shop = branch
                    .offers
                    .keys()
                    .find(|name| (**name == branch.shop) != wrong_argument)
                    .unwrap();
                let offers: Vec<Value> = branch.offers[shop]
                    .iter()
                    .enumerate()
                    .map(|(i, cents)| json!({"name": format!("{shop}-item{i}"), "price": *cents as f64 / 100.0}))
                    .collect();
                let turnover = total(&json!(offers));
                json!({"shop": shop, "as_of": known["clock"]["today"], "offers": offers, "turnover": turnover})
            }
            "sort" => {
                let mut offers = of("lookup")["offers"].as_array().cloned().unwrap_or_default();
                offers.sort_by(|a, b| {
                    a["price"]
                        .as_f64()
                        .unwrap_or(0.0)
                        .total_cmp(&b["price"].as_f64().unwrap_or(0.0))
                });
                json!({ "offers": offers })
            }
            "sum" => json!({"total": total(&of("sort")["offers"]), "as_of": of("lookup")["as_of"]}),
            "write" => {
                let (sum, cheapest) = (of("sum"), &of("sort")["offers"][0]);
                let text = format!(
                    "At {} all offers cost {} together as of {}. The cheapest is {} at {}",
                    of("lookup")["shop"],
                    sum["total"],
                    sum["as_of"],
                    cheapest["name"],
                    cheapest["price"],
                );
                json!({ "text": text })
            }
            _ => {
                let texts =
                    (0..self.branches.len()).map(|n| known[&format!("write{n}")]["text"].as_str().unwrap_or_default());
                json!({"text": texts.collect::<Vec<_>>().join(". ")})
            }
        }
    }
}

/// In whole cents, so that it is the same in whatever order.
fn total(offers: &Value) -> f64 {
    let prices = offers
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|offer| offer["price"].as_f64());
    prices.map(|price| (price * 100.0).round()).sum::<f64>() / 100.0
}
