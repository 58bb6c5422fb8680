use super::checks::Checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// When a result is good enough.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QualityConfig {
    /// Overall score needed, 0-1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// An overall score of a model this near the threshold, 0-1, is judged twice more, and the median of each dimension
    /// counts. 0: never.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub dead_band: f64,
    /// What is judged; tables merge, weight 0 takes a dimension out.
    pub dimensions: BTreeMap<String, DimensionConfig>,
    /// What deliverables must keep, whatever they were judged; every rule of a channel holds. What breaks one is sent back
    /// like a failed check, and is never approved by policy.
    pub deliverables: Vec<DeliverableConfig>,
    /// Repair rounds before a human is asked.
    #[schemars(range(max = 20))]
    pub max_refinements: u32,
    /// How far people must agree with a judge for policy to approve by its scores.
    pub judge_floor: JudgeFloorConfig,
}

/// How far people must agree with a judge; measured for each tenant, judge model and version of its prompts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JudgeFloorConfig {
    /// Share of people's decisions about results, 0-1, in which the judge said the same. Below it nothing is approved by
    /// policy on that judge's word. Absent: no floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub agreement: Option<f64>,
    /// Decisions from which on a share tells something; with fewer a judge may approve.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_labels: u32,
    /// Days of decisions that count.
    #[schemars(range(min = 1, max = 3650))]
    pub window_days: u32,
}

impl Default for JudgeFloorConfig {
    fn default() -> Self {
        Self {
            agreement: None,
            min_labels: 20,
            window_days: 30,
        }
    }
}

/// A rule for deliverables.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeliverableConfig {
    /// Channels it is for. Empty: all, and results that go nowhere.
    pub channels: Vec<String>,
    /// Words and phrases that stand in no title and no content; case ignored, whole words.
    pub forbidden: Vec<String>,
    /// Words and phrases that stand in the content, such as a disclaimer.
    pub required: Vec<String>,
    /// Hosts that web links may lead to, what is below them included. Empty: any.
    pub link_hosts: Vec<String>,
    /// Least number of characters of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// Most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
}

/// Weight and floor of one dimension.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DimensionConfig {
    /// Share in the overall score, relative to the others.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub weight: f64,
    /// Least score, 0-1; a request's threshold caps it.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub floor: f64,
}

impl Default for QualityConfig {
    fn default() -> Self {
        let dimensions = [
            ("relevance", 0.3, 0.5),
            ("completeness", 0.25, 0.5),
            ("structure", 0.15, 0.3),
            ("clarity", 0.15, 0.3),
            ("tone", 0.15, 0.3),
        ];
        Self {
            threshold: 0.7,
            dead_band: 0.03,
            dimensions: dimensions
                .into_iter()
                .map(|(name, weight, floor)| (name.to_owned(), DimensionConfig { weight, floor }))
                .collect(),
            deliverables: Vec::new(),
            max_refinements: 2,
            judge_floor: JudgeFloorConfig::default(),
        }
    }
}

impl QualityConfig {
    /// The dimensions that are judged.
    pub fn judged(&self) -> impl Iterator<Item = (&str, DimensionConfig)> {
        let weighs = self.dimensions.iter().filter(|(_, dimension)| dimension.weight > 0.0);
        weighs.map(|(name, dimension)| (name.as_str(), *dimension))
    }

    pub(super) fn check(&self, is_channel: impl Fn(&str) -> bool, checks: &mut Checks) {
        for (at, rule) in self.deliverables.iter().enumerate() {
            rule.check(&format!("quality.deliverables.{at}"), &is_channel, checks);
        }
        if self.dimensions.contains_key("overall") {
            checks.add(
                "quality.dimensions.overall",
                "is what the whole is called",
                "call it something else",
            );
        }
        if self.judged().next().is_none() {
            checks.add("quality.dimensions", "none has a weight above 0", "give one a weight");
        }
    }
}

impl DeliverableConfig {
    fn check(&self, key: &str, is_channel: impl Fn(&str) -> bool, checks: &mut Checks) {
        // Results that go nowhere have a name, too.
        for name in self
            .channels
            .iter()
            .filter(|name| *name != "result" && !is_channel(name))
        {
            let reason = format!("there is no channel `{name}`");
            let fix = "add it under [[channels]] or take it out";
            checks.add(&format!("{key}.channels"), reason, fix);
        }
        for (name, texts) in [
            ("forbidden", &self.forbidden),
            ("required", &self.required),
            ("link_hosts", &self.link_hosts),
        ] {
            if texts.iter().any(|text| text.trim().is_empty()) {
                checks.add(&format!("{key}.{name}"), "one of them is empty", "take it out");
            }
        }
        if let (Some(least), Some(most)) = (self.min_length, self.max_length)
            && least > most
        {
            let reason = "below min_length, so that nothing could pass";
            checks.add(&format!("{key}.max_length"), reason, "raise it, or lower min_length");
        }
    }
}
