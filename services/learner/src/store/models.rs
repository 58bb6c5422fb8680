//! Versions of models.

pub(super) mod told;

use super::{Store, StoreError};
use crate::models::version::{Source, State, asked_as};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use told::Came;
use uuid::Uuid;

/// A version to register.
#[derive(Clone, Debug, PartialEq)]
pub struct NewModel {
    /// Its id.
    pub id: Uuid,
    /// Its name, a sound one.
    pub name: String,
    /// How far it is: uploaded, or validated where there is no file.
    pub state: State,
    /// Where it comes from.
    pub source: Source,
    /// The export that it was trained on.
    pub trained_on: Option<Uuid>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A registered version.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Number among versions of that name, from 1.
    pub version: i32,
    /// How far it is.
    pub state: State,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// The export that it was trained on.
    pub trained_on: Option<Uuid>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When its state changed last.
    pub changed_at: DateTime<Utc>,
    /// Of a file: how it is served, as far as that is known.
    pub serving: Option<FileServing>,
}

/// How a file is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileServing {
    /// Who serves it, or is to; none: nobody yet.
    pub provider: Option<String>,
    /// What it is asked for as.
    pub asked_as: String,
    /// What its answers name as the model that gave them.
    pub answers_as: Option<String>,
    /// What it waits for, or why it is not tried.
    pub waits: Option<String>,
}

/// How a version is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// A configured provider.
    pub provider: String,
    /// As the provider knows it.
    pub model: String,
    /// What its answers have to name as the model that gave them; none: it is not looked at.
    pub answers_as: Option<String>,
}

impl Model {
    /// How it is asked; none: nobody serves it, or it did not answer a first question yet.
    pub fn served(&self) -> Option<Served> {
        match &self.source {
            _ if self.state == State::Failed => None,
            Source::File { .. } if self.state < State::SmokePassed => None,
            Source::File { .. } => {
                let serving = self.serving.as_ref()?;
                Some(Served {
                    provider: serving.provider.clone()?,
                    model: serving.asked_as.clone(),
                    answers_as: serving.answers_as.clone(),
                })
            }
            Source::Remote {
                provider,
                model,
                answers_as,
            } => Some(Served {
                provider: provider.clone(),
                model: model.clone(),
                answers_as: answers_as.clone(),
            }),
        }
    }
}

/// Models of one tenant.
#[derive(Clone, Debug)]
pub struct Models {
    store: Store,
    tenant: String,
}

impl Models {
    /// Of `tenant`.
    pub fn of(store: &Store, tenant: &str) -> Self {
        Self {
            store: store.clone(),
            tenant: tenant.to_owned(),
        }
    }

    /// Registers the next version of a name; tells its number. One whose id is there stays as it is.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn register(&self, new: &NewModel) -> Result<i32, StoreError> {
        self.registered(new)
            .await
            .map_err(StoreError::query("register a model"))
    }

    async fn registered(&self, new: &NewModel) -> Result<i32, sqlx::Error> {
        let sha256 = match &new.source {
            Source::File { sha256, .. } => Some(sha256.as_str()),
            Source::Remote { .. } => None,
        };
        let source = serde_json::to_string(&new.source).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let mut transaction = self.store.pool.begin().await?;
        // One after the other, or two would count to the same number.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 14))")
            .bind(&self.tenant)
            .bind(&new.name)
            .execute(&mut *transaction)
            .await?;
        let row = sqlx::query(
            "INSERT INTO learner.model
                (model_id, tenant, name, version, state, source, sha256, trained_on, created_at, changed_at)
             SELECT $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6, $7, $8, $8
             FROM learner.model WHERE tenant = $2 AND name = $3
             ON CONFLICT (model_id) DO UPDATE SET model_id = EXCLUDED.model_id
             RETURNING version, xmax = 0 AS is_new",
        )
        .bind(new.id)
        .bind(&self.tenant)
        .bind(&new.name)
        .bind(new.state.as_str())
        .bind(source)
        .bind(sha256)
        .bind(new.trained_on)
        .bind(new.at)
        .fetch_one(&mut *transaction)
        .await?;
        let version = row.try_get("version")?;
        if row.try_get("is_new")? {
            let came = Came {
                id: new.id,
                tenant: &self.tenant,
                name: &new.name,
                version,
                state: new.state,
                reason: None,
                at: new.at,
            };
            came.tell_registered(&mut transaction, &self.store).await?;
        }
        transaction.commit().await?;
        Ok(version)
    }

    /// Moves a version on. False: it is no longer in the state `from`, or may not come from there to `to`.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn change(
        &self,
        id: Uuid,
        [from, to]: [State; 2],
        reason: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        if !from.next().contains(&to) {
            return Ok(false);
        }
        let moved = async {
            let mut transaction = self.store.pool.begin().await?;
            let moved = self.move_on(&mut transaction, id, (&[from], to), reason, at).await?;
            transaction.commit().await?;
            Ok(moved)
        };
        moved.await.map_err(StoreError::query("change the state of a model"))
    }

    /// Moves a version on within a change of more, where it is in one of the first states, and tells it. False: it is not.
    pub(super) async fn move_on(
        &self,
        connection: &mut PgConnection,
        id: Uuid,
        (from, to): (&[State], State),
        reason: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        let moved = sqlx::query(
            "UPDATE learner.model SET state = $4, reason = $5, changed_at = $6
             WHERE tenant = $1 AND model_id = $2 AND state = ANY($3) RETURNING name, version",
        )
        .bind(&self.tenant)
        .bind(id)
        .bind(from.iter().map(|state| state.as_str()).collect::<Vec<_>>())
        .bind(to.as_str())
        .bind(reason)
        .bind(at)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = moved else { return Ok(false) };
        let came = Came {
            id,
            tenant: &self.tenant,
            name: row.try_get("name")?,
            version: row.try_get("version")?,
            state: to,
            reason,
            at,
        };
        came.tell(connection, &self.store).await?;
        Ok(true)
    }

    /// One version.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn get(&self, id: Uuid) -> Result<Option<Model>, StoreError> {
        let row = sqlx::query(
            "SELECT m.*, s.provider AS serving_provider, s.answers_as, s.waits
             FROM learner.model m LEFT JOIN learner.model_serving s USING (model_id)
             WHERE m.tenant = $1 AND m.model_id = $2",
        )
        .bind(&self.tenant)
        .bind(id)
        .fetch_optional(&self.store.pool)
        .await;
        let found = row.and_then(|row| row.as_ref().map(model).transpose());
        found.map_err(StoreError::query("read a model"))
    }

    /// The version of a name with that number.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn numbered(&self, name: &str, version: i32) -> Result<Option<Model>, StoreError> {
        let row = sqlx::query(
            "SELECT m.*, s.provider AS serving_provider, s.answers_as, s.waits
             FROM learner.model m LEFT JOIN learner.model_serving s USING (model_id)
             WHERE m.tenant = $1 AND m.name = $2 AND m.version = $3",
        )
        .bind(&self.tenant)
        .bind(name)
        .bind(version)
        .fetch_optional(&self.store.pool)
        .await;
        let found = row.and_then(|row| row.as_ref().map(model).transpose());
        found.map_err(StoreError::query("read a model"))
    }

    /// The newest versions, `limit` at most, registered before that one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, before: Option<(DateTime<Utc>, Uuid)>, limit: i64) -> Result<Vec<Model>, StoreError> {
        let (before, id) = before.unzip();
        let rows = sqlx::query(
            "SELECT m.*, s.provider AS serving_provider, s.answers_as, s.waits
             FROM learner.model m LEFT JOIN learner.model_serving s USING (model_id)
             WHERE m.tenant = $1 AND ($2::timestamptz IS NULL OR (m.created_at, m.model_id) < ($2, $4))
             ORDER BY m.created_at DESC, m.model_id DESC LIMIT $3",
        )
        .bind(&self.tenant)
        .bind(before)
        .bind(limit)
        .bind(id)
        .fetch_all(&self.store.pool)
        .await;
        let found = rows.and_then(|rows| rows.iter().map(model).collect());
        found.map_err(StoreError::query("read models"))
    }
}

fn model(row: &PgRow) -> Result<Model, sqlx::Error> {
    let decode = |error: String| sqlx::Error::Decode(error.into());
    let state: &str = row.try_get("state")?;
    let source: &str = row.try_get("source")?;
    let source = serde_json::from_str(source).map_err(|error| decode(error.to_string()))?;
    let (tenant, name, version): (&str, String, i32) =
        (row.try_get("tenant")?, row.try_get("name")?, row.try_get("version")?);
    let serving = match &source {
        Source::Remote { .. } => None,
        Source::File { .. } => Some(FileServing {
            provider: row.try_get("serving_provider")?,
            asked_as: asked_as(tenant, &name, version),
            answers_as: row.try_get("answers_as")?,
            waits: row.try_get("waits")?,
        }),
    };
    Ok(Model {
        id: row.try_get("model_id")?,
        name,
        version,
        state: State::parse(state).ok_or_else(|| decode(format!("a state {state}")))?,
        reason: row.try_get("reason")?,
        source,
        trained_on: row.try_get("trained_on")?,
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
        serving,
    })
}
