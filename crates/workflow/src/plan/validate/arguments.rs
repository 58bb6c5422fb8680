//! Arguments against the tool's input schema, as far as they are known before anything ran.

use super::faults::Faults;
use crate::plan::model::PlanStep;
use crate::plan::slots::Slots;
use crate::tool::CatalogTool;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::Bound;

pub(super) fn check(index: usize, step: &PlanStep, slots: &Slots<'_>, tool: &CatalogTool, faults: &mut Faults) {
    if step.arguments.contains_key("$step") || step.arguments.contains_key("$item") {
        let at = format!("/steps/{index}/arguments");
        faults.push(
            "plan_ref",
            at,
            "a reference is the value of an argument, it does not replace the arguments",
        );
        return;
    }
    let arguments = Value::Object(step.arguments.clone());
    if tool.input.is_valid(&arguments) {
        return;
    }
    let open = OpenPlaces::of(slots);
    for error in tool.input.iter_errors(&arguments) {
        if faults.is_full() {
            return;
        }
        if !is_missing_feedback(&error) && !open.may_settle(&error) {
            let at = format!("/steps/{index}/arguments{}", error.instance_path());
            faults.push("plan_arguments", at, error.masked().to_string());
        }
    }
}

/// Feedback comes with a repair round; the first run has none.
fn is_missing_feedback(error: &ValidationError<'_>) -> bool {
    error.instance_path().is_empty()
        && matches!(error.kind(), Kind::Required { property } if property.as_str() == Some("feedback"))
}

/// Pointers of references and templates: values that are known only at run time and then checked again.
struct OpenPlaces<'s>(BTreeSet<&'s str>);

impl<'s> OpenPlaces<'s> {
    fn of(slots: &'s Slots<'_>) -> Self {
        let references = slots.references.iter().map(|(place, _)| place.as_str());
        let items = slots.items.iter().map(|(place, _)| place.as_str());
        Self(
            references
                .chain(items)
                .chain(slots.templates.iter().map(|(place, _)| place.as_str()))
                .collect(),
        )
    }

    /// The error is about a value that is not known yet, or follows from one.
    fn may_settle(&self, error: &ValidationError<'_>) -> bool {
        let place = error.instance_path().as_str();
        self.covers(place) || (self.lies_below(place) && !is_certain(error))
    }

    fn covers(&self, place: &str) -> bool {
        let parents = place.match_indices('/').filter_map(|(end, _)| place.get(..end));
        self.0.contains(place) || parents.into_iter().any(|parent| self.0.contains(parent))
    }

    fn lies_below(&self, place: &str) -> bool {
        let prefix = format!("{place}/");
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        self.0
            .range::<str, _>(from)
            .next()
            .is_some_and(|first| first.starts_with(&prefix))
    }
}

/// True whatever the open values below turn out to be: it is about names and numbers of members,
/// and not in the branch of a condition that may turn out otherwise.
fn is_certain(error: &ValidationError<'_>) -> bool {
    let about_shape = matches!(
        error.kind(),
        Kind::Required { .. }
            | Kind::AdditionalProperties { .. }
            | Kind::AdditionalItems { .. }
            | Kind::MinProperties { .. }
            | Kind::MaxProperties { .. }
            | Kind::MinItems { .. }
            | Kind::MaxItems { .. }
            | Kind::PropertyNames { .. }
            | Kind::Type { .. }
    );
    let path = error.evaluation_path().as_str();
    about_shape && !path.split('/').any(|segment| segment == "then" || segment == "else")
}
