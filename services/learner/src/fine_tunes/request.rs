//! What somebody asks for, read and checked.

use super::expectation::usd;
use super::providers::Provider;
use super::tune::{Examples, FineTune, Wanted};
use crate::export::render::Format;
use crate::models::version::is_name;
use llm::fine_tuning::{Hyperparameters, Method};
use serde::Deserialize;
use uuid::Uuid;

/// Characters of a name that a provider gave, and of what becomes part of one.
const MOST_MODEL: usize = 200;
const MOST_SUFFIX: usize = 64;
const MOST_EPOCHS: u32 = 100;
const MOST_BATCH: u32 = 4096;
const MOST_RATE: f64 = 100.0;
const MOST_SEED: u32 = i32::MAX.unsigned_abs();
const MOST_USD: f64 = 1_000_000.0;

/// A job that somebody asks for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FineTuneRequest {
    /// What it is trained with.
    pub export_id: Uuid,
    /// One that the operator lets train.
    pub provider: String,
    /// What is trained further, as the provider knows it.
    pub base_model: String,
    /// What the model is registered as.
    pub model_name: String,
    /// None: by the format of the export.
    #[serde(default)]
    method: Option<Method>,
    #[serde(default)]
    hyperparameters: Option<Hyperparameters>,
    #[serde(default)]
    suffix: Option<String>,
    #[serde(default)]
    seed: Option<u32>,
    #[serde(default)]
    max_usd: Option<f64>,
}

/// Why it is not begun.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Not of the shape.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// A member is out of its bounds.
    #[error("{0}: must be {1}")]
    Member(&'static str, String),
    /// The operator did not say that models may be trained there.
    #[error("provider: models may not be trained at {0:?}; llm.providers.{0}.fine_tuning would say that they may")]
    Provider(String),
    /// Nobody trains with such a file.
    #[error("export_id: its format is {}; models are trained with openai-chat and dpo", .0.name())]
    Format(Format),
    /// The format is for another method.
    #[error("method: an export in {} is for {}", .0.name(), .1.as_str())]
    Method(Format, Method),
    /// There is nothing to train with.
    #[error("export_id: none of its lines is of the part to train with")]
    Empty,
    /// More than may be sent.
    #[error("export_id: {0} bytes to train with are more than learning.fine_tunes.max_file_mib allows")]
    Large(u64),
    /// It is expected to cost more than it may.
    #[error("max_usd: it is expected to cost {expected:.2} USD, and may cost {most:.2}")]
    Dear {
        /// About.
        expected: f64,
        /// By whoever asks, or by the operator.
        most: f64,
    },
    /// What it costs is bounded and not known.
    #[error("max_usd: what it will cost is not known: {0}")]
    CostUnknown(&'static str),
}

impl Unfit {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape(error) if error.to_string().starts_with("unknown field") => "unknown_field",
            Self::Shape(_) | Self::Member(..) => "validation",
            Self::Provider(_) => "fine_tuning_not_allowed",
            Self::Format(_) | Self::Method(..) => "unsupported_format",
            Self::Empty => "export_empty",
            Self::Large(_) => "export_too_large",
            Self::Dear { .. } | Self::CostUnknown(_) => "too_expensive",
        }
    }
}

impl FineTuneRequest {
    /// Reads one.
    ///
    /// # Errors
    /// When it is not of the shape, or out of bounds.
    pub fn read(json: &str) -> Result<Self, Unfit> {
        let read: Self = serde_json::from_str(json)?;
        if !is_name(&read.model_name) {
            let rule = "letters, digits and `._-`, at most 64, a letter or digit first and last";
            return Err(Unfit::Member("model_name", rule.to_owned()));
        }
        let is_model =
            |text: &str| (1..=MOST_MODEL).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !is_model(&read.base_model) {
            let rule = format!("1 to {MOST_MODEL} characters, none of them a control character");
            return Err(Unfit::Member("base_model", rule));
        }
        let in_suffix = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_suffix = |text: &str| (1..=MOST_SUFFIX).contains(&text.len()) && text.chars().all(in_suffix);
        if !read.suffix.as_deref().is_none_or(is_suffix) {
            let rule = format!("letters, digits and `._-`, at most {MOST_SUFFIX}");
            return Err(Unfit::Member("suffix", rule));
        }
        if read.seed.is_some_and(|seed| seed > MOST_SEED) {
            return Err(Unfit::Member("seed", format!("a whole number from 0 to {MOST_SEED}")));
        }
        if !read.max_usd.is_none_or(|usd| (0.0..=MOST_USD).contains(&usd)) {
            return Err(Unfit::Member("max_usd", format!("a number from 0 to {MOST_USD}")));
        }
        bounds(&read.hyperparameters.unwrap_or_default())?;
        Ok(read)
    }

    /// Whether that job is what it asks for.
    pub fn is_of(&self, tune: &FineTune) -> bool {
        let format = match tune.wanted.method {
            Method::Supervised => Format::OpenaiChat,
            Method::Dpo => Format::Dpo,
        };
        let asked = (self.export_id, &self.provider, &self.model_name);
        asked == (tune.export, &tune.provider, &tune.model_name)
            && self.wanted(format).is_ok_and(|wanted| wanted == tune.wanted)
    }

    /// What is wanted of an export in that format.
    ///
    /// # Errors
    /// When nobody trains so with it.
    pub fn wanted(&self, format: Format) -> Result<Wanted, Unfit> {
        let by_format = match format {
            Format::OpenaiChat => Method::Supervised,
            Format::Dpo => Method::Dpo,
            Format::Jsonl | Format::Sharegpt | Format::Parquet => return Err(Unfit::Format(format)),
        };
        if self.method.is_some_and(|method| method != by_format) {
            return Err(Unfit::Method(format, by_format));
        }
        Ok(Wanted {
            base_model: self.base_model.clone(),
            method: by_format,
            hyperparameters: self.hyperparameters.unwrap_or_default(),
            suffix: self.suffix.clone(),
            seed: self.seed,
            max_usd: self.max_usd,
        })
    }
}

/// Whether that may be begun with those examples.
///
/// # Errors
/// When it may not.
pub fn check(wanted: &Wanted, examples: &Examples, provider: &Provider, most_bytes: u64) -> Result<(), Unfit> {
    if examples.train.lines == 0 {
        return Err(Unfit::Empty);
    }
    let largest = examples.train.bytes.max(examples.validation.bytes);
    if largest > most_bytes {
        return Err(Unfit::Large(largest));
    }
    let bounds = [wanted.max_usd, provider.rules.max_usd];
    let Some(most) = bounds.into_iter().flatten().min_by(f64::total_cmp) else {
        return Ok(());
    };
    match usd(examples, wanted) {
        Some(expected) if expected > most => Err(Unfit::Dear { expected, most }),
        Some(_) => Ok(()),
        None if examples.usd_per_million_tokens.is_none() => Err(Unfit::CostUnknown("this model has no price")),
        None => Err(Unfit::CostUnknown("hyperparameters.n_epochs is the provider's choice")),
    }
}

fn bounds(of: &Hyperparameters) -> Result<(), Unfit> {
    let whole = |name, value: Option<u32>, most| match value {
        Some(value) if !(1..=most).contains(&value) => {
            Err(Unfit::Member(name, format!("a whole number from 1 to {most}")))
        }
        _ => Ok(()),
    };
    whole("hyperparameters.n_epochs", of.n_epochs, MOST_EPOCHS)?;
    whole("hyperparameters.batch_size", of.batch_size, MOST_BATCH)?;
    let is_rate = |rate: f64| rate > 0.0 && rate <= MOST_RATE;
    if !of.learning_rate_multiplier.is_none_or(is_rate) {
        let rule = format!("a number above 0, at most {MOST_RATE}");
        return Err(Unfit::Member("hyperparameters.learning_rate_multiplier", rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_asked_for_is_read_and_what_is_out_of_bounds_is_named() {
        let sound = json!({"export_id": Uuid::from_u128(1), "provider": "mine", "base_model": "small", "model_name": "own",
            "hyperparameters": {"n_epochs": 3}, "suffix": "own-1", "seed": 7, "max_usd": 5});
        let read = |name: &str, value: Value| {
            let mut body = sound.clone();
            body[name] = value;
            FineTuneRequest::read(&body.to_string())
        };
        let request = read("seed", json!(8)).unwrap();
        let wanted = request.wanted(Format::OpenaiChat).unwrap();
        assert_eq!((wanted.method, wanted.seed), (Method::Supervised, Some(8)));
        assert_eq!(request.wanted(Format::Dpo).unwrap().method, Method::Dpo);
        let supervised = read("method", json!("supervised")).unwrap();
        assert!(supervised.wanted(Format::OpenaiChat).is_ok());
        for (format, words) in [(Format::Dpo, "method: "), (Format::Parquet, "export_id: ")] {
            let unfit = supervised.wanted(format).unwrap_err();
            assert!(
                unfit.to_string().starts_with(words) && unfit.code() == "unsupported_format",
                "{unfit}"
            );
        }
        let cases = [
            ("base_url", json!("http://127.0.0.1"), "unknown field `base_url`"),
            ("export_id", json!("x"), "UUID parsing failed"),
            ("model_name", json!("../x"), "model_name"),
            ("base_model", json!("a\nb"), "base_model"),
            ("suffix", json!("a b"), "suffix"),
            ("seed", json!(-1), "invalid value"),
            ("max_usd", json!(-1), "max_usd"),
            ("method", json!("rl"), "unknown variant"),
            ("hyperparameters", json!({"n_epochs": 0}), "hyperparameters.n_epochs"),
            (
                "hyperparameters",
                json!({"batch_size": 0}),
                "hyperparameters.batch_size",
            ),
            (
                "hyperparameters",
                json!({"learning_rate_multiplier": 0}),
                "hyperparameters.learning",
            ),
            ("hyperparameters", json!({"rank": 8}), "unknown field `rank`"),
        ];
        for (name, value, named) in cases {
            let unfit = read(name, value).unwrap_err();
            assert!(unfit.to_string().starts_with(named), "{name}: {unfit}");
        }
        assert_eq!(read("base_url", json!("x")).unwrap_err().code(), "unknown_field");
    }
}
