//! An erasure reaches the coordinator, whenever it is there again.

use super::exports::{download, learner, named, planted, start};
use super::fake_coordinator::FakeCoordinator;
use super::{eventually, store};
use crate::coordinator::Coordinator;
use crate::erasures::Erasures;
use crate::preferences::Preferences;
use crate::store::{ExportPiece, NewRecord};
use chrono::DateTime;
use contracts::learner::EraseUserRequest;
use contracts::learner::learner_service_server::LearnerService;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_coordinator_is_told_of_an_erasure_until_it_has_taken_it() {
    let store = store().await;
    let fake = FakeCoordinator::default();
    fake.with(|state| state.away = true);
    let erasures = Erasures {
        store: store.clone(),
        coordinator: Coordinator::at(&fake.serve().await).unwrap(),
    };
    let preferences = Preferences::new(store.clone(), Default::default()).telling(erasures.clone());
    let erase = EraseUserRequest {
        tenant: "default".to_owned(),
        user: "ann".to_owned(),
    };
    let now = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
    let answer = preferences.erase(&erase, now).await.unwrap();
    assert_eq!(answer["tasks"], json!({"state": "ordered"}));

    // Whichever process comes next tells it.
    fake.with(|state| state.away = false);
    let stop = CancellationToken::new();
    let telling = tokio::spawn(erasures.run(stop.clone()));
    eventually("the order is given", || async {
        store.erasure_orders(None).await.unwrap().is_empty()
    })
    .await;
    stop.cancel();
    telling.await.unwrap();

    let answer = preferences.erase(&erase, now).await.unwrap();
    assert_eq!(
        answer["tasks"],
        json!({"state": "erased", "erased": 2, "when_they_end": 1})
    );
    let told = fake.with(|state| std::mem::take(&mut state.erasures));
    assert_eq!(told.len(), 2, "each once");
    assert!(
        told.iter()
            .all(|one| (one.tenant.as_str(), one.user.as_str()) == ("default", "ann"))
    );
    assert!(told[0].asked_at_ms <= told[1].asked_at_ms && told[0].asked_at_ms > 0);
}

#[tokio::test]
async fn an_export_that_was_being_written_is_seen_by_nobody_and_deleted_once_it_has_ended() {
    let store = store().await;
    let anns = NewRecord {
        author: "ann".to_owned(),
        ..planted(1, "default", Some(0.9))
    };
    store.keep(vec![anns, planted(2, "default", Some(0.9))]).await.unwrap();
    let learner = learner(&store);
    let id = service::ids::v7();
    let options = serde_json::to_string(&crate::export::parse("{}").unwrap()).unwrap();
    store.create_export(id, "default", &options).await.unwrap();
    let mut writer = store.write_export(id, "default").await.unwrap().unwrap();
    let piece = ExportPiece {
        bytes: b"a request of ann".to_vec(),
        parts: None,
    };
    writer.append(&piece).await.unwrap();

    // It waits for nobody.
    let erased = store.erase("default", "ann", service::clock::now()).await.unwrap();
    assert_eq!((erased.records, erased.exports), (1, 0));
    let export = json!({ "export_id": id });
    assert!(learner.get_export(named("default", &export)).await.is_err());
    writer.complete("{}").await.unwrap();
    assert_eq!(
        download(&learner, "default", &export).await.unwrap_err().code,
        "export_not_found"
    );
    assert_eq!(store.export_chunk(id, 0).await.unwrap(), None);
    // What is asked for now has nothing of them, and is theirs who asked.
    let later: Value = serde_json::from_str(&start(&learner, "default", json!({})).await.unwrap().json).unwrap();
    assert_eq!((&later["state"], &later["count"]), (&json!("completed"), &json!(1)));

    // The request has ended; whichever process comes next goes on.
    let erasures = Erasures {
        store: store.clone(),
        coordinator: Coordinator::at(&FakeCoordinator::default().serve().await).unwrap(),
    };
    let stop = CancellationToken::new();
    let sweeping = tokio::spawn(erasures.run(stop.clone()));
    eventually("its bytes are gone", || async { store.export_pieces().await == 1 }).await;
    stop.cancel();
    sweeping.await.unwrap();
    assert!(!download(&learner, "default", &later).await.unwrap().is_empty());
    assert_eq!(store.drop_erased_exports().await.unwrap(), 0);
}
