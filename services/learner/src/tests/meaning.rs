//! Patterns found by meaning, with servers of embeddings that answer, that are wrong, that are not there.

use super::learning::{Ended, ended};
use super::{Dice, store, task};
use crate::patterns::direction::Direction;
use crate::patterns::{Embedding, Patterns};
use crate::store::{Question, Store, Unembedded};
use chrono::DateTime;
use contracts::learner::{RecallRequest, RecallResponse};
use llm::{Embedder, EmbedderSettings};
use serde_json::{Value, json};
use service::config::{LearningConfig, OfferFrom};
use std::collections::BTreeSet;
use testkit::{ModelServer, Say};
use uuid::Uuid;

const RIDES: [f32; 3] = [1.0, 0.1, 0.0];
const OTHER: [f32; 3] = [0.1, 1.0, 0.0];
/// Says what the pattern of rides says, without a word of it.
const PARAPHRASE: &str = "Get me some cab";

fn about_rides(n: u32) -> Ended {
    Ended {
        goal: "Order a taxi towards",
        asked: "Order a taxi towards",
        topic: "Heathrow airport",
        author: "ann",
        ..ended(n)
    }
}

fn about_tea(n: u32) -> Ended {
    Ended {
        tools: &["research_agent", "editor_agent", "writer_agent"],
        ..ended(n)
    }
}

fn embedding(store: &Store, server: &ModelServer, model: &str) -> Embedding {
    let embedder = Embedder::new(EmbedderSettings {
        provider: "own".to_owned(),
        base_url: Some(server.url()),
        api_key: None,
        model: model.to_owned(),
    });
    Embedding::new(store.clone(), embedder.unwrap(), vec!["candidate", "trial", "active"])
}

/// Whatever is about rides points one way, everything else another.
fn embedded(body: &Value, _: &str) -> Option<Say> {
    let texts = body["input"].as_array()?.iter().filter_map(Value::as_str);
    let vector = |text: &str| if text.contains("taxi") { RIDES } else { OTHER };
    let data: Vec<Value> = (0..)
        .zip(texts)
        .map(|(index, text): (usize, _)| json!({"index": index, "embedding": vector(text)}))
        .collect();
    Some(Say::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"data": data}).to_string(),
    })
}

async fn server() -> ModelServer {
    let server = ModelServer::start().await.unwrap();
    server.tempered(embedded);
    server
}

async fn embed_all(embedding: &mut Embedding) -> usize {
    let mut embedded = 0;
    loop {
        match embedding.batch().await.unwrap() {
            0 => return embedded,
            some => embedded += some,
        }
    }
}

fn patterns(store: &Store, hold_out_share: f64) -> Patterns {
    let config = LearningConfig {
        hold_out_share,
        offer_from: OfferFrom::Candidate,
        ..LearningConfig::default()
    };
    Patterns::new(store.clone(), config)
}

fn asked(n: u32, meaning: &[f32], model: &str) -> RecallRequest {
    let tools = ["research_agent", "writer_agent", "editor_agent"];
    RecallRequest {
        tenant: "default".to_owned(),
        task_id: task(n).to_string(),
        request: PARAPHRASE.to_owned(),
        tool_ids: tools.map(str::to_owned).to_vec(),
        meaning: meaning.to_vec(),
        meaning_model: model.to_owned(),
        ..RecallRequest::default()
    }
}

async fn recall(store: &Store, request: RecallRequest) -> RecallResponse {
    let id = request.task_id.parse().unwrap();
    patterns(store, 0.0).recall(id, request).await.unwrap()
}

fn intents(recalled: &RecallResponse) -> Vec<&str> {
    recalled
        .patterns
        .iter()
        .map(|pattern| pattern.intent.as_str())
        .collect()
}

#[tokio::test]
async fn a_paraphrase_without_a_common_word_is_found_by_meaning_and_not_without() {
    let (store, server) = (store().await, server().await);
    store
        .keep(vec![about_rides(1).record(), about_tea(2).record()])
        .await
        .unwrap();
    assert_eq!(embed_all(&mut embedding(&store, &server, "m")).await, 2);
    let found = recall(&store, asked(10, &RIDES, "own/m")).await;
    assert!(
        matches!(intents(&found)[..], [intent] if intent.contains("taxi")),
        "{found:?}"
    );
    for (n, (meaning, model)) in (11..).zip([
        (&[][..], ""),
        (&RIDES, "own/other"),
        (&RIDES, "own/m\0"),
        (&RIDES[..2], "own/m"),
        (&[f32::NAN, 0.1, 0.0], "own/m"),
        (&[0.0; 3], "own/m"),
        (&[1.0; 5000], "own/m"),
        // Nothing is near enough.
        (&[0.0, 0.0, 1.0], "own/m"),
    ]) {
        let found = recall(&store, asked(n, meaning, model)).await;
        assert_eq!(intents(&found), [""; 0], "{model:?} {meaning:?}");
    }
    let others = RecallRequest {
        tenant: "other".to_owned(),
        ..asked(20, &RIDES, "own/m")
    };
    assert_eq!(intents(&recall(&store, others).await), [""; 0]);
    let without_tools = RecallRequest {
        tool_ids: vec!["writer_agent".to_owned()],
        ..asked(21, &RIDES, "own/m")
    };
    assert_eq!(intents(&recall(&store, without_tools).await), [""; 0]);
}

#[tokio::test]
async fn a_task_held_out_is_withheld_what_it_would_have_been_offered_by_meaning() {
    let (store, server) = (store().await, server().await);
    store.keep(vec![about_rides(1).record()]).await.unwrap();
    embed_all(&mut embedding(&store, &server, "m")).await;
    let held_out = patterns(&store, 1.0);
    let recalled = held_out.recall(task(10).0, asked(10, &RIDES, "own/m")).await.unwrap();
    assert!(recalled.held_out && recalled.patterns.is_empty());
    let noted = store.given(task(10).0).await.unwrap().unwrap();
    assert_eq!((noted.0, noted.1.len()), (crate::store::Given::Withheld, 1));
}

#[tokio::test]
async fn nothing_is_embedded_twice_but_for_another_intent_another_model_or_other_dimensions() {
    let (store, server) = (store().await, server().await);
    store.keep(vec![about_rides(5).record()]).await.unwrap();
    let mut first = embedding(&store, &server, "m");
    assert_eq!(embed_all(&mut first).await, 1);
    assert_eq!(embed_all(&mut first).await, 0);
    assert_eq!(
        embed_all(&mut embedding(&store, &server, "m")).await,
        0,
        "another process"
    );

    // The same form succeeded before: the pattern is of that task now.
    let earlier = Ended {
        topic: "Gatwick airport",
        ..about_rides(3)
    };
    store.keep(vec![earlier.record()]).await.unwrap();
    assert_eq!(store.embedded().await, [], "what it meant went with the intent");
    assert_eq!(embed_all(&mut first).await, 1);

    let mut other = embedding(&store, &server, "larger");
    assert_eq!(embed_all(&mut other).await, 1);
    let found = recall(&store, asked(10, &RIDES, "own/m")).await;
    assert_eq!(intents(&found), [""; 0], "of another model");

    // The server behind the name is another one now.
    server.tempered(|_, _| None);
    server.always(Say::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"data": [{"index": 0, "embedding": [1.0, 0.0]}]}).to_string(),
    });
    store.keep(vec![about_tea(6).record()]).await.unwrap();
    assert_eq!(embed_all(&mut other).await, 2);
    let dimensions: Vec<i32> = store
        .embedded()
        .await
        .into_iter()
        .map(|(_, dimensions)| dimensions)
        .collect();
    assert_eq!(dimensions, [2, 2]);
}

#[tokio::test]
async fn a_server_that_is_dead_silent_or_wrong_leaves_recall_as_it_was() {
    let store = store().await;
    store.keep(vec![about_rides(1).record()]).await.unwrap();
    let wrong = |embedding: &[f32]| Say::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"data": [{"index": 0, "embedding": embedding}]}).to_string(),
    };
    for say in [Say::HangsUp, Say::Fails(503, None), wrong(&[]), wrong(&[1.0; 4097])] {
        let server = ModelServer::start().await.unwrap();
        server.always(say.clone());
        assert!(embedding(&store, &server, "m").batch().await.is_err(), "{say:?}");
        assert_eq!(store.embedded().await, [], "{say:?}");
    }
    let mut by_words = asked(10, &RIDES, "own/m");
    by_words.request = "A taxi, please".to_owned();
    assert_eq!(recall(&store, by_words).await.patterns.len(), 1);
}

#[tokio::test]
async fn who_is_erased_leaves_no_vector_even_one_that_is_being_made() {
    let (store, server) = (store().await, server().await);
    store
        .keep(vec![about_rides(1).record(), about_tea(2).record()])
        .await
        .unwrap();
    let mut embedding = embedding(&store, &server, "m");
    let unembedded = store.unembedded("own/m", None, &["candidate"], None, 10).await.unwrap();
    embed_all(&mut embedding).await;
    assert_eq!(store.embedded().await.len(), 2);
    let now = DateTime::from_timestamp(2_000_000_000, 0).unwrap();
    store.erase("default", "ann", now).await.unwrap();
    let left = store.embedded().await;
    assert!(
        matches!(&left[..], [(intent, 3)] if !intent.contains("taxi")),
        "{left:?}"
    );

    // The vectors of what was read before come in now.
    let direction = Direction::of(&RIDES).unwrap();
    let late: Vec<_> = unembedded.into_iter().map(|of| (of, direction.clone())).collect();
    assert_eq!(late.len(), 2);
    store.keep_directions("own/m", &late).await.unwrap();
    assert_eq!(store.embedded().await, left);
}

/// Signs alone find what is near by cosine, even where a model puts all texts to one side: of 3,000 patterns 1,000 are compared,
/// and the 20 nearest are among them. The newest 1,000 hold a third of them.
#[tokio::test]
async fn those_that_are_nearest_are_compared_however_old() {
    const DIMENSIONS: usize = 256;
    let store = store().await;
    store.plant_patterns("default", 3_000).await;
    let mut dice = Dice::new(11);
    let mut around =
        |of: &[f32], by: f32| -> Vec<f32> { of.iter().map(|part| part + by * (dice.roll() as f32 - 0.5)).collect() };
    let side = around(&[0.0; DIMENSIONS], 1.0);
    let topics: Vec<Vec<f32>> = (0..100).map(|_| around(&side, 2.0)).collect();
    let unembedded = store.unembedded("own/m", None, &["trial"], None, 3_000).await.unwrap();
    let pointing = |(of, topic): (Unembedded, &Vec<f32>)| (of, Direction::of(&around(topic, 2.0)).unwrap());
    let all: Vec<(Unembedded, Direction)> = unembedded
        .into_iter()
        .zip(topics.iter().cycle())
        .map(pointing)
        .collect();
    assert_eq!(all.len(), 3_000);
    store.keep_directions("own/m", &all).await.unwrap();

    let question = Question {
        tenant: "default".to_owned(),
        text: PARAPHRASE.to_owned(),
        tools: (0..50).map(|tool| format!("tool{tool}_agent")).collect(),
        states: vec!["trial"],
        since: DateTime::UNIX_EPOCH,
        now: DateTime::UNIX_EPOCH,
    };
    let (mut found, mut newest, mut nearest_ones) = (0, 0, 0);
    for topic in topics.iter().take(20) {
        let asked = Direction::of(topic).unwrap();
        let compared = store.directions(&question, "own/m", &asked).await.unwrap();
        assert_eq!(compared.len(), 1_000);
        let compared: BTreeSet<Uuid> = compared.into_iter().map(|(candidate, _)| candidate.pattern).collect();
        let mut nearest: Vec<(f32, usize)> = (0..)
            .zip(&all)
            .map(|(at, (_, to))| (asked.cosine(to).unwrap(), at))
            .collect();
        nearest.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        for (_, at) in nearest.into_iter().take(20) {
            nearest_ones += 1;
            found += usize::from(compared.contains(&all[at].0.pattern));
            newest += usize::from(at < 1_000);
        }
    }
    assert!(found * 100 >= nearest_ones * 98, "{found} of {nearest_ones}");
    assert!(newest * 100 < nearest_ones * 50, "{newest} of {nearest_ones}");
}
