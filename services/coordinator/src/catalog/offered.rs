//! What planners are offered: tools in use that somebody serves, to each tenant those it sees.

use super::measures::{Figures, Sums, sized};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use workflow::hash::Fingerprint;
use workflow::plan::Tier;
use workflow::tool::{Catalog, CatalogTool};
use workflow::vocabulary::ToolState;

/// What tools took, by id.
pub type Measured = BTreeMap<String, Sums>;

/// Made when the catalog is read, so that a planner's question costs no more than its answer.
#[derive(Default)]
pub struct Offered {
    made_from: Sources,
    everybodys: Part,
    own: BTreeMap<String, Part>,
}

/// What it follows from.
#[derive(Clone, Default)]
pub struct Sources {
    pub catalog: Arc<Catalog>,
    /// Ids that live executors serve; none while no executor lives: then all are offered, since theirs come back
    /// with them.
    pub served: Option<Vec<String>>,
    pub measured: Arc<Measured>,
}

/// Definitions with estimates that were measured where they were, as JSON texts.
struct Part {
    hash: Fingerprint,
    documents: Vec<String>,
}

impl Offered {
    /// What follows from `sources`.
    pub fn of(sources: Sources) -> Self {
        let served: Option<BTreeSet<&str>> = sources
            .served
            .as_ref()
            .map(|ids| ids.iter().map(String::as_str).collect());
        let mut by_tenant: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for tool in sources.catalog.all() {
            let is_served = served
                .as_ref()
                .is_none_or(|ids| ids.contains(tool.spec.tool_id.as_str()));
            if tool.state == ToolState::Active && is_served {
                let documents = by_tenant.entry(&tool.tenant).or_default();
                documents.extend(document(tool, &sources.measured));
            }
        }
        let everybodys = Part::of(by_tenant.remove("").unwrap_or_default());
        let own = by_tenant.into_iter();
        Self {
            everybodys,
            own: own
                .map(|(tenant, documents)| (tenant.to_owned(), Part::of(documents)))
                .collect(),
            made_from: sources,
        }
    }

    /// It would be the same again.
    pub fn is_of(&self, sources: &Sources) -> bool {
        Arc::ptr_eq(&self.made_from.catalog, &sources.catalog)
            && Arc::ptr_eq(&self.made_from.measured, &sources.measured)
            && self.made_from.served == sources.served
    }

    /// The same for the same documents, at every coordinator; never 0.
    pub fn version(&self, tenant: &str) -> u64 {
        let hash = match self.own.get(tenant) {
            None => self.everybodys.hash,
            Some(own) => Fingerprint::of(
                [self.everybodys.hash, own.hash]
                    .map(Fingerprint::to_bytes)
                    .iter()
                    .map(<[u8; 16]>::as_slice),
            ),
        };
        let head = u128::from_be_bytes(hash.to_bytes()) >> 64;
        u64::try_from(head).unwrap_or(0).max(1)
    }

    /// Every tenant's, then the tenant's own.
    pub fn documents(&self, tenant: &str) -> Vec<String> {
        let own = self.own.get(tenant).into_iter().flat_map(|own| &own.documents);
        self.everybodys.documents.iter().chain(own).cloned().collect()
    }
}

impl Part {
    fn of(documents: Vec<String>) -> Self {
        Self {
            hash: Fingerprint::of(documents.iter().map(String::as_bytes)),
            documents,
        }
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

/// The definition, and beside it `success_rate` of attempts and `sizes` of models, where they were measured.
fn document(tool: &CatalogTool, measured: &Measured) -> Option<String> {
    let spec = &tool.spec;
    let figures = |sums: &Sums| Figures::of(sums, spec.source.as_str());
    let own = measured.get(&spec.tool_id).map(figures).unwrap_or_default();
    let mut document = serde_json::to_value(own.corrected(spec)).ok()?;
    let members = document.as_object_mut()?;
    if let Some(rate) = own.success_rate() {
        members.insert("success_rate".to_owned(), rate.into());
    }
    let sizes: Map<String, Value> = Tier::ALL
        .iter()
        .filter_map(|tier| Some((tier, figures(measured.get(&sized(&spec.tool_id, *tier))?))))
        .map(|(tier, figures)| (tier.as_str().to_owned(), figures.of_size()))
        .collect();
    if !sizes.is_empty() {
        members.insert("sizes".to_owned(), Value::Object(sizes));
    }
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::story;
    use workflow::tool::ToolSpecification;
    use workflow::vocabulary::EffectClass;

    fn offered(tools: &[(&str, &str, ToolState)], served: Option<&[&str]>) -> Offered {
        let tool = |(tool_id, tenant, state): &(&str, &str, ToolState)| CatalogTool {
            tenant: (*tenant).to_owned(),
            ..CatalogTool::new(story::tool(tool_id, EffectClass::ReadOnly, false), *state).unwrap()
        };
        Offered::of(Sources {
            catalog: Arc::new(tools.iter().map(tool).collect()),
            served: served.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
            measured: Arc::default(),
        })
    }

    fn ids(offered: &Offered, tenant: &str) -> Vec<String> {
        let id = |text: &String| serde_json::from_str::<ToolSpecification>(text).unwrap().tool_id;
        offered.documents(tenant).iter().map(id).collect()
    }

    #[test]
    fn plans_are_offered_what_a_live_executor_serves_and_all_while_none_lives() {
        let tools = [
            ("null", "", ToolState::Active),
            ("away.x", "", ToolState::Active),
            ("bad.x", "", ToolState::Suspended),
        ];
        let ids = |served| ids(&offered(&tools, served), "a");
        assert_eq!(ids(Some(&["null", "bad.x"])), ["null"]);
        assert_eq!(ids(Some(&[])), [""; 0]);
        assert_eq!(ids(None), ["away.x", "null"]);
    }

    #[test]
    fn planners_hear_what_was_measured_and_of_each_size_of_model_apart() {
        let sums = |runs, succeeded, usd| Sums {
            runs,
            succeeded,
            seconds: 2.0 * runs as f64,
            priced: runs,
            usd,
            ..Sums::default()
        };
        let tool = CatalogTool::new(story::tool("writer", EffectClass::ReadOnly, false), ToolState::Active).unwrap();
        let measured = Measured::from([
            ("writer".to_owned(), sums(10, 9, 0.1)),
            (sized("writer", Tier::Large), sums(10, 5, 2.0)),
            (sized("writer", Tier::Small), sums(1, 1, 0.0)),
        ]);
        let told: Value = serde_json::from_str(&document(&tool, &measured).unwrap()).unwrap();
        assert_eq!(
            (&told["estimated_cost"], &told["success_rate"]),
            (&0.01.into(), &0.9.into())
        );
        assert_eq!(
            told["sizes"]["large"],
            serde_json::json!({"estimated_cost": 0.2, "estimated_duration": 2.0, "success_rate": 0.5})
        );
        assert_eq!(
            told["sizes"]["small"]["estimated_cost"],
            Value::Null,
            "one run says nothing"
        );
        let unmeasured = document(&tool, &Measured::new()).unwrap();
        assert_eq!(unmeasured, serde_json::to_value(&tool.spec).unwrap().to_string());
    }

    #[test]
    fn a_tenant_is_offered_its_own_and_what_is_every_tenants_and_its_version_follows_these_alone() {
        let shared = ("null", "", ToolState::Active);
        let (a, b) = (("a.x", "a", ToolState::Active), ("b.x", "b", ToolState::Active));
        let both = offered(&[shared, a, b], None);
        assert_eq!(ids(&both, "a"), ["null", "a.x"]);
        assert_eq!(ids(&both, "b"), ["null", "b.x"]);
        assert_eq!(ids(&both, ""), ["null"]);
        let alone = offered(&[shared, a], None);
        assert_eq!(both.version("a"), alone.version("a"), "what b has is nothing to a");
        assert_eq!(alone.version("b"), alone.version("c"), "who has none of its own shares");
        let versions = [both.version("a"), both.version("b"), both.version("c")];
        let distinct: BTreeSet<u64> = versions.into_iter().collect();
        assert_eq!(distinct.len(), 3);
        assert_ne!(Offered::default().version("a"), 0);
    }
}
