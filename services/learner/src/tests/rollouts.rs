//! Experiments are kept: one at a time for a role, each look once, and the table that follows from them.

use super::store;
use crate::models::version::{Source, State};
use crate::rollout::{Action, Course, Decision, Facts, Look, Override, Settings, Stage, look};
use crate::rollout::{Step, Untriable};
use crate::store::Store;
use crate::store::models::{Models, NewModel};
use crate::store::rollouts::{BeginError, Begun, Experiment, NewExperiment, NewLook, Rollouts};
use chrono::{DateTime, Utc};
use uuid::Uuid;
use workflow::rollout::{Model, Phase, RolloutTable, Share};
use workflow::time::Timestamp;

const CHALLENGER: Model = Model::Version(Uuid::from_u128(7));

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_000 + seconds, 0).unwrap()
}

fn new(id: u128, role: &str, challenger: Model) -> NewExperiment {
    let settings = Settings::default();
    NewExperiment {
        id: Uuid::from_u128(id),
        salt: Uuid::from_u128(id + 1000),
        role: role.to_owned(),
        challenger,
        began_at: at(0),
        course: Course::begin(&settings, Timestamp(0)),
        settings,
    }
}

fn seen(experiment: &Experiment) -> Look {
    look(
        &experiment.settings,
        &experiment.course,
        &Facts::default(),
        Timestamp(5),
    )
}

/// Somebody serves these for the tenant.
async fn served(store: &Store, tenant: &str, models: &[u128]) {
    for id in models {
        let new = NewModel {
            id: Uuid::from_u128(*id),
            name: format!("own-{id}"),
            state: State::SmokePassed,
            source: Source::Remote {
                provider: "own".to_owned(),
                model: format!("own-{id}-q4"),
                answers_as: None,
            },
            trained_on: None,
            at: at(0),
        };
        Models::of(store, tenant).register(&new).await.unwrap();
    }
}

async fn found(rollouts: &Rollouts, id: u128) -> Experiment {
    rollouts.get(Uuid::from_u128(id)).await.unwrap().unwrap()
}

/// Looks once, and goes on as if that had been decided.
async fn decide(rollouts: &Rollouts, id: u128, decision: Decision) -> bool {
    let experiment = found(rollouts, id).await;
    let look = Look {
        decision,
        ..seen(&experiment)
    };
    let course = experiment.course.after(&decision, Timestamp(9));
    let new = NewLook {
        look: &look,
        word: None,
        course,
        at: at(9),
    };
    rollouts.record(&experiment, new).await.unwrap()
}

#[tokio::test]
async fn a_role_has_one_experiment_at_a_time_and_tenants_their_own() {
    let store = store().await;
    let (acme, other) = (Rollouts::of(&store, "acme"), Rollouts::of(&store, "other"));
    served(&store, "acme", &[7]).await;
    served(&store, "other", &[9]).await;
    assert_eq!(acme.table().await.unwrap(), RolloutTable::default());
    let (one, two) = (new(1, "writer", CHALLENGER), new(2, "writer", CHALLENGER));
    let (one, two) = tokio::join!(acme.begin(&one), acme.begin(&two));
    let mut begun = [one.unwrap(), two.unwrap()];
    begun.sort_by_key(|begun| *begun != Begun::New);
    assert_eq!(begun, [Begun::New, Begun::UnderWay]);
    assert_eq!(acme.begin(&new(3, "planner", CHALLENGER)).await.unwrap(), Begun::New);
    for (challenger, begun) in [
        (Model::Configured, Begun::Champion),
        // Nobody's, and another tenant's.
        (Model::Version(Uuid::from_u128(99)), Begun::NotServed),
        (Model::Version(Uuid::from_u128(9)), Begun::NotServed),
    ] {
        assert_eq!(acme.begin(&new(4, "writer", challenger)).await.unwrap(), begun);
    }
    assert_eq!(other.table().await.unwrap(), RolloutTable::default());
    assert_eq!(other.get(Uuid::from_u128(3)).await.unwrap(), None);
    let theirs = Model::Version(Uuid::from_u128(9));
    assert_eq!(other.begin(&new(5, "writer", theirs)).await.unwrap(), Begun::New);
    let table = acme.table().await.unwrap();
    assert_eq!((table.version, table.roles.len()), (2, 2));
    let tried = table.roles["planner"].experiment.as_ref().unwrap();
    assert_eq!((tried.id, tried.salt), (Uuid::from_u128(3), Uuid::from_u128(1003)));
    assert_eq!(
        (tried.step, tried.exposed, tried.phase),
        (1, Share(100), Phase::Running)
    );
    assert_eq!(acme.list(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn steps_rise_and_the_winner_is_the_champion_in_one_write_each() {
    let store = store().await;
    let rollouts = Rollouts::of(&store, "acme");
    served(&store, "acme", &[7, 8]).await;
    rollouts.begin(&new(1, "writer", CHALLENGER)).await.unwrap();
    let mut table = rollouts.table().await.unwrap();
    let path = [
        (Decision::Continue, 0),
        (Decision::Advance { step: 2 }, 1),
        (Decision::Advance { step: 3 }, 1),
        (Decision::Promote, 1),
    ];
    for (decision, newer) in path {
        assert!(decide(&rollouts, 1, decision).await);
        let next = rollouts.table().await.unwrap();
        assert_eq!(next.version, table.version + newer, "{decision:?}");
        assert!(newer == 0 || table.check_next(&next).is_ok(), "{decision:?}");
        table = next;
    }
    let writer = &table.roles["writer"];
    assert_eq!((writer.champion, &writer.experiment), (CHALLENGER, &None));
    // Tasks that were there before end with whom they began with.
    let before = writer.before.as_ref().unwrap();
    let share = before.experiment.as_ref().unwrap().exposed;
    assert_eq!((before.champion, share), (Model::Configured, Share(1000)));
    assert_eq!(before.until_unix_ms, u64::try_from(at(9).timestamp_millis()).unwrap());
    assert!(!decide(&rollouts, 1, Decision::Continue).await, "it is over");
    assert_eq!(found(&rollouts, 1).await.ended_at, Some(at(9)));
    // The next one is tried beside the winner.
    assert_eq!(
        rollouts.begin(&new(2, "writer", CHALLENGER)).await.unwrap(),
        Begun::Champion
    );
    let better = Model::Version(Uuid::from_u128(8));
    assert_eq!(rollouts.begin(&new(3, "writer", better)).await.unwrap(), Begun::New);
    let tried = &rollouts.table().await.unwrap().roles["writer"];
    assert_eq!(tried.before.as_ref(), Some(before), "while the next is tried, too");
    assert!(decide(&rollouts, 3, Decision::Inconclusive).await);
    let models = Models::of(&store, "acme");
    let state = async |id| models.get(Uuid::from_u128(id)).await.unwrap().unwrap().state;
    assert_eq!((state(7).await, state(8).await), (State::Promoted, State::Inconclusive));
    let writer = &rollouts.table().await.unwrap().roles["writer"];
    assert_eq!((writer.champion, &writer.experiment), (CHALLENGER, &None));
}

#[tokio::test]
async fn a_look_at_what_somebody_else_moved_changes_nothing() {
    let store = store().await;
    let rollouts = Rollouts::of(&store, "acme");
    served(&store, "acme", &[7, 8]).await;
    rollouts.begin(&new(1, "writer", CHALLENGER)).await.unwrap();
    let before = found(&rollouts, 1).await;
    let look = seen(&before);
    let word = Override {
        by: "user:ada".to_owned(),
        action: Action::Pause,
        note: Some("over the holidays".to_owned()),
        evidence: look.clone(),
    };
    let paused = NewLook {
        look: &look,
        word: Some(&word),
        course: before.course.overridden(Action::Pause, Timestamp(9)).unwrap(),
        at: at(9),
    };
    let promoted = NewLook {
        word: None,
        course: before.course.after(&Decision::Promote, Timestamp(9)),
        ..paused
    };
    assert!(rollouts.record(&before, paused).await.unwrap());
    let held = rollouts.table().await.unwrap();
    assert!(!rollouts.record(&before, promoted).await.unwrap());
    assert!(
        !Rollouts::of(&store, "other")
            .record(&found(&rollouts, 1).await, promoted)
            .await
            .unwrap()
    );
    assert_eq!(rollouts.table().await.unwrap(), held);
    let now = found(&rollouts, 1).await;
    assert_eq!(
        (now.looks, now.course.stage, now.course.paused),
        (1, Stage::Step(1), true)
    );
    let looks = rollouts.points(&now, 10).await.unwrap();
    assert_eq!(looks.len(), 1);
    assert_eq!((&looks[0].look, &looks[0].word), (&look, &Some(word)));
}

#[tokio::test]
async fn what_could_not_be_decided_does_not_begin() {
    let store = store().await;
    served(&store, "acme", &[7]).await;
    let rollouts = Rollouts::of(&store, "acme");
    let step = Step {
        exposed: Share(100),
        units: 10,
        lasts: workflow::time::Millis(0),
    };
    let shadowed = Settings {
        shadow: Some(step),
        ..Settings::default()
    };
    let sure = Settings {
        alpha: 0.0,
        ..Settings::default()
    };
    let alpha = Untriable::Settings(vec!["alpha has to lie between 0 and 1".to_owned()]);
    for (role, settings, why) in [
        ("judge", Settings::default(), Untriable::Judge),
        ("cook", Settings::default(), Untriable::Role("cook".to_owned())),
        ("writer", shadowed, Untriable::Shadow),
        ("writer", sure, alpha),
    ] {
        let new = NewExperiment {
            settings,
            ..new(1, role, CHALLENGER)
        };
        let refused = rollouts.begin(&new).await.unwrap_err();
        assert!(
            matches!(refused, BeginError::Untriable(found) if found == why),
            "{role}"
        );
    }
    assert_eq!(rollouts.table().await.unwrap(), RolloutTable::default());
}
