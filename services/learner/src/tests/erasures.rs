//! An erasure reaches the coordinator, whenever it is there again.

use super::fake_coordinator::FakeCoordinator;
use super::{eventually, store};
use crate::coordinator::Coordinator;
use crate::erasures::Erasures;
use crate::preferences::Preferences;
use chrono::DateTime;
use contracts::learner::EraseUserRequest;
use serde_json::json;
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
