//! What an export is asked for.

use super::render::Format;
use crate::record::Split;
use crate::store::{Origin, Selection, WantedRecords};
use chrono::{DateTime, Utc};
use contracts::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::config::TrainingConsent;

/// JSON numbers above are not whole everywhere.
const MAX_SEED: u64 = (1 << 53) - 1;
const MAX_LIMIT: u64 = 10_000_000;

/// What an export is asked for, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportOptions {
    /// Of the file.
    pub format: Format,
    /// The part of it that selects; shown in the manifest.
    #[serde(flatten)]
    pub filters: Filters,
}

/// Which records are taken; null: not filtered.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
// Exports that an earlier version noted lack what came since.
#[serde(default)]
pub struct Filters {
    /// Least overall score, or whether the task's own threshold was to be reached.
    pub filter_by_quality: Option<QualityFilter>,
    /// Most records; drawn from every cluster in proportion.
    pub limit: Option<u64>,
    /// What the draw follows from.
    pub seed: u64,
    /// Ended at or after.
    pub since: Option<DateTime<Utc>>,
    /// Ended before.
    pub until: Option<DateTime<Utc>>,
    /// Only where the owners of the data allow training with it; else wherever they do not forbid it.
    pub consent: Option<ConsentFilter>,
    /// Only this part of the data set.
    pub split: Option<Split>,
    /// Tasks of this system, or imports; null: both.
    pub origin: Option<OriginFilter>,
}

/// How consent decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentFilter {
    /// It was given.
    Granted,
}

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginFilter {
    /// Tasks of this system.
    Live,
    /// Imports.
    Import,
}

/// How quality decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum QualityFilter {
    /// True: the task's own threshold was reached. False: no matter.
    Passed(bool),
    /// Overall score, 0-1.
    AtLeast(f64),
}

impl ExportOptions {
    /// As the store understands it. `consent`: of records that say nothing themselves.
    pub fn selection(&self, tenant: &str, consent: TrainingConsent) -> Selection {
        let filters = &self.filters;
        Selection {
            tenant: tenant.to_owned(),
            origin: filters.origin.map(|origin| match origin {
                OriginFilter::Live => Origin::Live,
                OriginFilter::Import => Origin::Imported,
            }),
            since: filters.since,
            until: filters.until,
            min_quality: match filters.filter_by_quality {
                Some(QualityFilter::AtLeast(least)) => Some(least),
                _ => None,
            },
            must_pass: matches!(filters.filter_by_quality, Some(QualityFilter::Passed(true))),
            consent: match consent {
                TrainingConsent::Granted => "granted",
                TrainingConsent::Denied => "denied",
                TrainingConsent::Unknown => "unknown",
            },
            must_be_granted: filters.consent.is_some(),
            split: filters.split,
            wanted: match self.format {
                Format::Jsonl | Format::Parquet => WantedRecords::All,
                Format::OpenaiChat | Format::Sharegpt => WantedRecords::Examples,
                Format::Dpo => WantedRecords::Pairs,
            },
        }
    }
}

/// Reads options.
///
/// # Errors
/// A problem document: 400 where it is no JSON object, else 422 with every fault.
pub fn parse(text: &str) -> Result<ExportOptions, Box<Problem>> {
    let parsed: Result<Value, _> = serde_json::from_str(text);
    let document = parsed.map_err(|error| Box::new(Problem::new(400, "json_syntax", error.to_string())))?;
    let Value::Object(members) = document else {
        return Err(Box::new(Problem::new(
            400,
            "json_type",
            "the options are a JSON object",
        )));
    };
    let mut reader = Reader {
        members,
        errors: Vec::new(),
    };
    let format = reader.format();
    let filters = Filters {
        filter_by_quality: reader.take("filter_by_quality", "true, false or a number from 0 to 1", quality),
        limit: reader.take("limit", "a whole number from 1 to 10000000", limit),
        seed: reader
            .take("seed", "a whole number from 0 to 9007199254740991", seed)
            .unwrap_or_default(),
        since: reader.take("since", "an RFC 3339 time", time),
        until: reader.take("until", "an RFC 3339 time", time),
        consent: reader.take("consent", "granted or unknown", consent).flatten(),
        split: reader.take("split", "train, validation or test", word),
        origin: reader.take("origin", "live, import or all", origin).flatten(),
    };
    if filters
        .since
        .zip(filters.until)
        .is_some_and(|(since, until)| since >= until)
    {
        reader.fault("validation", "until", "must be later than since");
    }
    reader.finish()?;
    Ok(ExportOptions { format, filters })
}

fn quality(value: &Value) -> Option<QualityFilter> {
    let least = || {
        value
            .as_f64()
            .filter(|least| (0.0..=1.0).contains(least))
            .map(QualityFilter::AtLeast)
    };
    value.as_bool().map(QualityFilter::Passed).or_else(least)
}

fn limit(value: &Value) -> Option<u64> {
    value.as_u64().filter(|limit| (1..=MAX_LIMIT).contains(limit))
}

fn seed(value: &Value) -> Option<u64> {
    value.as_u64().filter(|seed| *seed <= MAX_SEED)
}

/// A member of a closed list.
fn word<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

/// `unknown` takes what was granted, too: it is the rule without the filter.
fn consent(value: &Value) -> Option<Option<ConsentFilter>> {
    match value.as_str()? {
        "unknown" => Some(None),
        _ => word(value).map(Some),
    }
}

fn origin(value: &Value) -> Option<Option<OriginFilter>> {
    match value.as_str()? {
        "all" => Some(None),
        _ => word(value).map(Some),
    }
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?)
        .ok()
        .map(|time| time.to_utc())
}

struct Reader {
    members: Map<String, Value>,
    errors: Vec<(&'static str, FieldError)>,
}

impl Reader {
    fn format(&mut self) -> Format {
        let known = match self.members.remove("format") {
            None => return Format::default(),
            Some(Value::String(name)) => Format::parse(&name),
            Some(_) => {
                self.fault("validation", "format", "must be a text");
                return Format::default();
            }
        };
        if known.is_none() {
            let names = Format::ALL.map(Format::name).join(", ");
            self.fault("unsupported_format", "format", &format!("must be one of {names}"));
        }
        known.unwrap_or_default()
    }

    /// Null is as good as absent.
    fn take<T>(&mut self, name: &str, rule: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.members.remove(name).filter(|value| !value.is_null())?;
        let read = read(&value);
        if read.is_none() {
            self.fault("validation", name, &format!("must be {rule}"));
        }
        read
    }

    fn fault(&mut self, code: &'static str, name: &str, detail: &str) {
        let error = FieldError {
            pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            detail: detail.to_owned(),
        };
        self.errors.push((code, error));
    }

    fn finish(mut self) -> Result<(), Box<Problem>> {
        for name in std::mem::take(&mut self.members).keys() {
            self.fault("unknown_field", name, "is not an option of an export");
        }
        let rank = |code: &str| {
            ["unknown_field", "unsupported_format"]
                .iter()
                .position(|first| *first == code)
                .unwrap_or(2)
        };
        let Some((code, first)) = self.errors.iter().min_by_key(|(code, _)| rank(code)) else {
            return Ok(());
        };
        let problem = Problem::new(422, code, format!("{}: {}", first.pointer, first.detail));
        let errors = self.errors.into_iter().map(|(_, error)| error).collect();
        Err(Box::new(problem.with_errors(errors)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_survive_storage() {
        let text = r#"{"format":"openai-chat","filter_by_quality":0.8,"limit":5,"since":"2030-01-01T00:00:00+01:00",
            "until":null,"seed":7,"consent":"granted","split":"test","origin":"import"}"#;
        let options = parse(text).unwrap();
        assert_eq!(
            (options.format, options.filters.seed, options.filters.split),
            (Format::OpenaiChat, 7, Some(Split::Test))
        );
        assert_eq!(options.filters.filter_by_quality, Some(QualityFilter::AtLeast(0.8)));
        assert_eq!(options.filters.since.unwrap().to_rfc3339(), "2029-12-31T23:00:00+00:00");
        let stored = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<ExportOptions>(&stored).unwrap(), options);
        assert_eq!(parse("{}").unwrap().filters, Filters::default());
        let earlier = r#"{"format":"jsonl","filter_by_quality":true,"limit":null,"since":null,"until":null}"#;
        assert_eq!(serde_json::from_str::<ExportOptions>(earlier).unwrap().filters.seed, 0);
        let open = parse(r#"{"consent":"unknown","origin":"all"}"#).unwrap();
        assert_eq!(open.filters, Filters::default());
    }

    #[test]
    fn quality_is_a_threshold_of_ones_own_or_of_the_task() {
        let selection = |filter: &str| {
            parse(&format!("{{\"filter_by_quality\":{filter}}}"))
                .unwrap()
                .selection("t", TrainingConsent::Unknown)
        };
        let parts = |filter| (selection(filter).min_quality, selection(filter).must_pass);
        assert_eq!(parts("0"), (Some(0.0), false));
        assert_eq!(parts("true"), (None, true));
        assert_eq!(parts("false"), (None, false));
    }

    #[test]
    fn faulty_options_are_refused_with_the_code_that_says_most() {
        let cases = [
            ("[", 400, "json_syntax"),
            ("[]", 400, "json_type"),
            (r#"{"formats":"jsonl","limit":0}"#, 422, "unknown_field"),
            (r#"{"format":"csv","limit":0}"#, 422, "unsupported_format"),
            (r#"{"seed":-1}"#, 422, "validation"),
            (r#"{"split":"dev"}"#, 422, "validation"),
            (r#"{"consent":"denied"}"#, 422, "validation"),
            (r#"{"origin":7}"#, 422, "validation"),
            (r#"{"format":1}"#, 422, "validation"),
            (r#"{"limit":0}"#, 422, "validation"),
            (r#"{"limit":1.5}"#, 422, "validation"),
            (r#"{"filter_by_quality":1.01}"#, 422, "validation"),
            (r#"{"filter_by_quality":"high"}"#, 422, "validation"),
            (r#"{"since":"yesterday"}"#, 422, "validation"),
            (
                r#"{"since":"2030-01-01T00:00:00Z","until":"2030-01-01T00:00:00Z"}"#,
                422,
                "validation",
            ),
        ];
        for (text, status, code) in cases {
            let problem = parse(text).unwrap_err();
            assert_eq!((problem.status, problem.code.as_str()), (status, code), "{text}");
        }
        assert_eq!(parse(r#"{"limit":0,"x":1}"#).unwrap_err().errors.len(), 2);
    }
}
