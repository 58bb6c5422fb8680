//! From a line to a record that can be imported, or why it cannot.

use super::bounds;
use super::lines::{Line, MOST_BYTES};
use crate::export::case;
use crate::record::{Consent, FORMER_VERSION, Split, TrainingRecord, former_schema, schema};
use crate::scrub::Scrubber;
use crate::store::NewImport;
use chrono::DateTime;
use jsonschema::Validator;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const MOST_DETAIL: usize = 300;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the line's document (JSON pointer).
    pub pointer: String,
    /// What.
    pub detail: String,
}

impl Fault {
    fn at(pointer: &str, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self {
            pointer: pointer.to_owned(),
            detail: detail.chars().take(MOST_DETAIL).collect(),
        }
    }
}

/// Reads lines as records.
#[derive(Debug)]
pub struct Reader {
    schema: Validator,
    /// Of the version before.
    former: Validator,
    scrubber: Scrubber,
}

impl Reader {
    /// By the published schema.
    ///
    /// # Errors
    /// When the schema is none, which a test rules out.
    pub fn new(scrubber: Scrubber) -> anyhow::Result<Self> {
        let validator = |schema: Value| {
            let validator = jsonschema::draft202012::new(&schema);
            validator.map_err(|error| anyhow::anyhow!("the schema of records cannot be used: {error}"))
        };
        Ok(Self {
            schema: validator(schema())?,
            former: validator(former_schema())?,
            scrubber,
        })
    }

    /// The record of a line; none for an empty one.
    ///
    /// # Errors
    /// What is wrong with it, the first fault of each kind.
    pub fn read(&self, line: &Line) -> Result<Option<NewImport>, Fault> {
        let Line::Whole(bytes) = line else {
            return Err(Fault::at("", format!("the line has more than {MOST_BYTES} bytes")));
        };
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::at("", "the line is not UTF-8"))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Ok(None);
        }
        bounds::check(text).map_err(|much| Fault::at("", much.to_string()))?;
        self.valid(text)?;
        // Read once more from the text: a member that is there twice is noticed only so.
        let record: TrainingRecord =
            TrainingRecord::parse(text).map_err(|error| Fault::at("", format!("no training record: {error}")))?;
        self.import(record).map(Some)
    }

    /// What was read for it is not held on to.
    fn valid(&self, text: &str) -> Result<(), Fault> {
        let document: Value = serde_json::from_str(text).map_err(|error| Fault::at("", format!("no JSON: {error}")))?;
        let version = document.get("schema_version").and_then(Value::as_u64);
        let is_former = version == Some(FORMER_VERSION.into());
        let schema = if is_former { &self.former } else { &self.schema };
        let Some(error) = schema.iter_errors(&document).next() else {
            return Ok(());
        };
        let pointer = error.instance_path().to_string();
        // Without the value: it may be long, and private.
        Err(Fault::at(&pointer, error.masked().to_string()))
    }

    fn import(&self, record: TrainingRecord) -> Result<NewImport, Fault> {
        let no_json = |_| Fault::at("", "the record cannot be written");
        if record.consent == Consent::Denied {
            return Err(Fault::at("/consent", "its owner does not allow training with it"));
        }
        let id = Uuid::try_parse(&record.record_id).map_err(|_| Fault::at("/record_id", "must be a UUID"))?;
        let ended = record.context.finished_at.as_deref();
        let ended = ended.and_then(|time| DateTime::parse_from_rfc3339(time).ok());
        let ended = ended.ok_or_else(|| Fault::at("/context/finished_at", "must be an RFC 3339 time"))?;
        if !record.cluster.is_empty() && record.split != Split::of(&record.cluster) {
            return Err(Fault::at("/split", "is not the part of the record's cluster"));
        }
        let hash = Sha256::digest(serde_json::to_string(&record).map_err(no_json)?).to_vec();
        let (record, _) = self.scrubber.record(record).map_err(no_json)?;
        Ok(NewImport {
            case: case(&record, id, ended.to_utc()),
            hash,
            json: serde_json::to_string(&record).map_err(no_json)?,
        })
    }
}
