use crate::rollout::{Course, Look, Override, Settings, Side};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use workflow::rollout::Model;

/// An experiment as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its id.
    pub id: Uuid,
    /// What draws hang on.
    pub salt: Uuid,
    /// What it is tried as.
    pub role: String,
    /// Who answered when it began.
    pub champion: Model,
    /// What is tried.
    pub challenger: Model,
    /// How.
    pub settings: Settings,
    /// Where it stands.
    pub course: Course,
    /// Looks so far.
    pub looks: i64,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A look as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptLook {
    /// Its number, from 1.
    pub number: i64,
    /// What was known.
    pub look: Look,
    /// A person's word on it.
    pub word: Option<Override>,
}

pub(super) fn model(text: &str) -> Result<Model, sqlx::Error> {
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

pub(super) fn written(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

pub(super) fn side(text: &str) -> Result<Side, sqlx::Error> {
    Side::parse(text).ok_or_else(|| sqlx::Error::Decode(format!("a side {text}").into()))
}

pub(super) fn read<T: DeserializeOwned>(row: &PgRow, column: &str) -> Result<T, sqlx::Error> {
    let text: &str = row.try_get(column)?;
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

pub(super) fn experiment(row: &PgRow) -> Result<Experiment, sqlx::Error> {
    Ok(Experiment {
        id: row.try_get("experiment_id")?,
        salt: row.try_get("salt")?,
        role: row.try_get("role")?,
        champion: model(row.try_get("champion")?)?,
        challenger: model(row.try_get("challenger")?)?,
        settings: read(row, "settings")?,
        course: read(row, "course")?,
        looks: row.try_get("looks")?,
        began_at: row.try_get("began_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}

pub(super) fn kept_look(row: &PgRow) -> Result<KeptLook, sqlx::Error> {
    let word: Option<&str> = row.try_get("word")?;
    Ok(KeptLook {
        number: row.try_get("look")?,
        look: read(row, "body")?,
        word: word.map(|_| read(row, "word")).transpose()?,
    })
}
