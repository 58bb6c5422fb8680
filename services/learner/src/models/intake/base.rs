//! What an adapter is to be loaded on.

use crate::models::file::Base;
use crate::models::version::{Source, served_name};
use crate::store::StoreError;
use crate::store::models::{Model, Models};
use uuid::Uuid;

/// The base that a name means: a version that is registered here, or what its maker calls it.
pub async fn base_of(models: &Models, named: &str) -> Result<(Base, Option<Uuid>), StoreError> {
    let found = match Uuid::parse_str(named) {
        Ok(id) => models.get(id).await?,
        Err(_) => match version_of(named) {
            Some((name, version)) => models.numbered(name, version).await?,
            None => None,
        },
    };
    Ok(match found {
        Some(model) => (base(named, &model), Some(model.id)),
        None => {
            let names = vec![named.to_owned()];
            let architecture = None;
            (Base { names, architecture }, None)
        }
    })
}

/// `<name>-v<version>`.
fn version_of(named: &str) -> Option<(&str, i32)> {
    let (name, version) = named.rsplit_once("-v")?;
    Some((name, version.parse().ok()?))
}

fn base(named: &str, model: &Model) -> Base {
    let mut names = vec![
        named.to_owned(),
        served_name(&model.name, model.version),
        model.name.clone(),
    ];
    let mut architecture = None;
    match &model.source {
        Source::File { file, base_model, .. } => {
            names.extend(file.name.clone());
            names.extend(base_model.clone());
            architecture.clone_from(&file.architecture);
        }
        Source::Remote { model, .. } => names.push(model.clone()),
    }
    Base { names, architecture }
}
