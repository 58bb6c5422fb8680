//! Versions of models are numbered, and move on by one writer's word.

use super::store;
use crate::models::file::{Format, ModelFile};
use crate::models::version::{Source, State};
use crate::store::models::{Models, NewModel};
use chrono::{DateTime, Utc};
use uuid::Uuid;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_000 + seconds, 0).unwrap()
}

fn new(id: u128, name: &str) -> NewModel {
    let file = ModelFile {
        format: Format::Gguf,
        architecture: Some("llama".to_owned()),
        name: None,
        parameters: 68,
        quantisation: Some("Q8_0".to_owned()),
        tensors: 2,
        adapter: None,
    };
    NewModel {
        id: Uuid::from_u128(id),
        name: name.to_owned(),
        state: State::Uploaded,
        source: Source::File {
            sha256: "0".repeat(64),
            size: 1000,
            file,
            base: None,
            base_model: None,
            adapter_config: None,
        },
        trained_on: Some(Uuid::from_u128(99)),
        at: at(i64::try_from(id).unwrap()),
    }
}

#[tokio::test]
async fn versions_of_a_name_are_numbered_without_gap_however_they_come() {
    let store = store().await;
    let (acme, other) = (Models::of(&store, "acme"), Models::of(&store, "other"));
    let many: Vec<_> = (1..=8).map(|id| new(id, "planner")).collect();
    let registered = futures::future::join_all(many.iter().map(|model| acme.register(model))).await;
    let mut versions: Vec<i32> = registered.into_iter().map(Result::unwrap).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=8).collect::<Vec<_>>());
    assert_eq!(acme.register(&new(20, "writer")).await.unwrap(), 1);
    assert_eq!(other.register(&new(21, "planner")).await.unwrap(), 1);
    let listed = acme.list(None, 3).await.unwrap();
    let ids: Vec<u128> = listed.iter().map(|model| model.id.as_u128()).collect();
    assert_eq!(ids, [20, 8, 7]);
    assert_eq!(acme.list(Some((at(3), Uuid::from_u128(3))), 10).await.unwrap().len(), 2);
    let kept = acme.get(Uuid::from_u128(20)).await.unwrap().unwrap();
    assert_eq!(
        (kept.source, kept.trained_on),
        (new(20, "").source, Some(Uuid::from_u128(99)))
    );
    assert_eq!(other.get(Uuid::from_u128(20)).await.unwrap(), None);
}

#[tokio::test]
async fn a_version_moves_on_once_and_only_as_it_may() {
    let store = store().await;
    let models = Models::of(&store, "acme");
    let id = Uuid::from_u128(1);
    models.register(&new(1, "planner")).await.unwrap();
    let change = |states, reason| models.change(id, states, reason, at(9));
    let validated = [State::Uploaded, State::Validated];
    assert!(!change([State::Uploaded, State::Promoted], None).await.unwrap());
    let other = Models::of(&store, "other");
    assert!(!other.change(id, validated, None, at(9)).await.unwrap());
    let (one, two) = tokio::join!(change(validated, None), change(validated, None));
    assert!(one.unwrap() != two.unwrap(), "one of two moves it");
    assert!(
        change([State::Validated, State::Failed], Some("out of memory"))
            .await
            .unwrap()
    );
    let kept = models.get(id).await.unwrap().unwrap();
    assert_eq!(
        (kept.state, kept.reason.as_deref()),
        (State::Failed, Some("out of memory"))
    );
    assert_eq!((kept.created_at, kept.changed_at), (at(1), at(9)));
}
