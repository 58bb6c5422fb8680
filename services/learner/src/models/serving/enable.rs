//! What `enable_immediately` means: the first step of a trial as planner, as if a person had begun it.

use crate::rollout::{Course, Settings};
use crate::rpc::id;
use crate::store::Store;
use crate::store::models::Model as Registered;
use crate::store::rollouts::{BeginError, Begun, NewExperiment, Rollouts};
use chrono::{DateTime, Utc};
use workflow::rollout::Model;
use workflow::time::Timestamp;

const ROLE: &str = "planner";

/// Begins it, once; why not, where it does not begin.
///
/// # Errors
/// When the database does not take it.
pub async fn enable(
    store: &Store,
    tenant: &str,
    model: &Registered,
    at: DateTime<Utc>,
) -> Result<Option<String>, BeginError> {
    let rollouts = Rollouts::of(store, tenant);
    let id = id(tenant, "enable", &model.id.to_string());
    if rollouts.get(id).await?.is_some() {
        return Ok(None);
    }
    let Ok(salt) = service::ids::random_bytes() else {
        return Ok(Some("there is no randomness to draw tasks with".to_owned()));
    };
    let settings = Settings::default();
    let new = NewExperiment {
        id,
        salt: uuid::Builder::from_random_bytes(salt).into_uuid(),
        role: ROLE.to_owned(),
        challenger: Model::Version(model.id),
        began_at: at,
        course: Course::begin(&settings, Timestamp(at.timestamp_millis())),
        settings,
    };
    Ok(match rollouts.begin(&new).await {
        Ok(Begun::New) => None,
        Ok(Begun::UnderWay) => Some("not tried: another model is being tried as planner".to_owned()),
        Ok(Begun::Champion) => Some("not tried: it plans already".to_owned()),
        Ok(Begun::NotServed) => Some("not tried: nobody serves it any more".to_owned()),
        Err(BeginError::Untriable(why)) => Some(format!("not tried: {why}")),
        Err(error) => return Err(error),
    })
}
