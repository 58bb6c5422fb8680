//! How far people agree with judges, as a message.

use crate::application::unreadable;
use crate::refusal::Refusal;
use contracts::v1::{Judge, Judges};
use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    models: Vec<String>,
    prompts: Vec<String>,
    may_approve: bool,
    reason: Option<String>,
    figures: Figures,
}

#[derive(Deserialize)]
struct Figures {
    /// Absent: only dimensions were spoken about.
    overall: Option<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    n: u64,
    agreement: Measured,
    kappa: Measured,
}

#[derive(Deserialize)]
struct Measured {
    value: Option<f64>,
}

/// The message of the document.
///
/// # Errors
/// It is not of its shape.
pub fn from_json(document_json: String) -> Result<Judges, Refusal> {
    let document: Document = serde_json::from_str(&document_json).map_err(|_| unreadable("the judges"))?;
    let judge = |item: Item| {
        let whole = item.figures.overall.as_ref();
        Judge {
            decisions: whole.map_or(0, |figure| figure.n),
            agreement: whole.and_then(|figure| figure.agreement.value),
            kappa: whole.and_then(|figure| figure.kappa.value),
            models: item.models,
            prompts: item.prompts,
            may_approve: item.may_approve,
            reason: item.reason.unwrap_or_default(),
        }
    };
    Ok(Judges {
        judges: document.items.into_iter().map(judge).collect(),
        document_json,
    })
}
