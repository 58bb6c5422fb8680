//! Preferences and erasure, over REST and gRPC.

use crate::fake::{Gateway, request};
use contracts::v1::learning_service_client::LearningServiceClient;
use contracts::v1::{DeletePreferenceRequest, DeleteUserDataRequest, ListPreferencesRequest, SetPreferencesRequest};
use http::Method;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn preferences_are_asked_for_with_what_the_query_says() {
    let gateway = Gateway::start().await;
    let own = gateway.get("/preferences").await.json();
    assert_eq!(own["items"][0]["subject"], "local");
    let asked = gateway
        .get("/preferences?user=ann%40example.org&at=2030-01-01T00:00:00Z&scope=user&key=tone&history=true")
        .await
        .json();
    assert_eq!(asked["items"][0]["subject"], "ann@example.org");
    let expected = json!({"at": "2030-01-01T00:00:00Z", "known_at": "", "scope": "user", "key": "tone", "history": true,
                          "tenant": "default"});
    assert_eq!(asked["asked"], expected);
    for (query, problem) in [
        ("scope=world", (422, "validation")),
        ("history=maybe", (422, "validation")),
        ("user=%20", (400, "invalid_id")),
        ("user=a%E2%80%AEb", (400, "invalid_id")),
        (&format!("key={}", "k".repeat(65)), (422, "validation")),
        (&format!("at={}", "9".repeat(65)), (422, "validation")),
    ] {
        let answer = gateway.get(&format!("/preferences?{query}")).await;
        assert_eq!(answer.problem(), (problem.0, problem.1.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn what_is_stated_is_checked_like_the_preferences_of_a_request() {
    let gateway = Gateway::start().await;
    let put = |body: Value| {
        let request = request(Method::PUT, "/preferences").header("content-type", "application/json");
        gateway.send(request.body(body.to_string().into()).unwrap())
    };
    let stated = put(json!({"preferences": {"tone": "dry", "max_words": 300}}))
        .await
        .json();
    let stated = &stated["stated"];
    assert_eq!((&stated["actor"], &stated["scope"]), (&json!("local"), &json!("user")));
    let preferences: Value = serde_json::from_str(stated["preferences"].as_str().unwrap()).unwrap();
    assert_eq!(preferences, json!({"tone": "dry", "max_words": 300}));
    let team = put(json!({"preferences": {"tone": "dry"}, "scope": "team", "team": "strangers"})).await;
    assert_eq!(team.problem(), (403, "not_a_member".to_owned()));
    for (body, pointer) in [
        (json!({}), "/preferences"),
        (json!({"preferences": {}}), "/preferences"),
        (json!({"preferences": {"tone": null}}), "/preferences/tone"),
        (json!({"preferences": {"tone": 7}}), "/preferences/tone"),
        (json!({"preferences": {"channels": "blog"}}), "/preferences/channels"),
        (json!({"preferences": {"a\u{202e}b": 1}}), "/preferences/a\u{202e}b"),
        (json!({"preferences": {"a": "x".repeat(9000)}}), "/preferences"),
        (json!({"preferences": {"a": 1}, "scope": "world"}), "/scope"),
        (json!({"preferences": {"a": 1}, "scope": "team"}), "/team"),
        (json!({"preferences": {"a": 1}, "team": "editors"}), "/team"),
        (json!({"preferences": {"a": 1}, "user": "bob"}), "/user"),
    ] {
        let answer = put(body.clone()).await;
        assert_eq!(answer.status.as_u16(), 422, "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn a_statement_is_taken_back_by_its_key() {
    let gateway = Gateway::start().await;
    let delete = |path: &'static str| gateway.call(Method::DELETE, path);
    let retracted = delete("/preferences?key=tone").await.json();
    assert_eq!(retracted, json!({"key": "tone", "scope": "user", "actor": "local"}));
    for (path, problem) in [
        ("/preferences", (422, "validation")),
        ("/preferences?key=unknown", (404, "preference_not_found")),
        ("/preferences?key=tone&scope=team", (422, "validation")),
        ("/preferences?key=tone%00", (400, "invalid_text")),
    ] {
        assert_eq!(
            delete(path).await.problem(),
            (problem.0, problem.1.to_owned()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_user_is_erased_by_a_name_that_is_one() {
    let gateway = Gateway::start().await;
    let erased = gateway
        .call(Method::DELETE, "/users/ann%40example.org/data")
        .await
        .json();
    assert_eq!(
        (&erased["user"], &erased["erased"]["records"]),
        (&json!("ann@example.org"), &json!(2))
    );
    for hostile in ["%00", "%20", "a%E2%80%AEb", "%FF", &"a".repeat(201)] {
        let answer = gateway.call(Method::DELETE, &format!("/users/{hostile}/data")).await;
        assert_eq!(answer.problem(), (400, "invalid_id".to_owned()), "{hostile}");
    }
    let got = gateway.get("/users/ann/data").await;
    assert_eq!(got.status.as_u16(), 405, "reading deletes nothing");
}

#[tokio::test]
async fn results_go_where_the_user_prefers_unless_the_request_says_where() {
    let gateway = Gateway::start().await;
    let prefer = |channels: Value| *gateway.learner.channels.lock().unwrap() = Some(channels);
    let state = || async {
        let request = request(Method::PUT, "/preferences").header("content-type", "application/json");
        let body = json!({"preferences": {"tone": "dry"}}).to_string();
        gateway.send(request.body(body.into()).unwrap()).await
    };
    let submitted = async |body: Value| {
        let answer = gateway.post_json("/process", &body).await;
        assert_eq!(answer.status.as_u16(), 202, "{body}");
        let submissions = gateway.coordinator.submissions.lock().unwrap();
        let sent: Value = serde_json::from_str(&submissions.last().unwrap().submission_json).unwrap();
        sent["preferences"]["channels"].clone()
    };
    prefer(json!(["blog"]));
    assert_eq!(submitted(json!({"request": "write"})).await, json!(["blog"]));
    for own in [json!([]), json!(["linkedin"])] {
        let body = json!({"request": "write", "preferences": {"channels": own}});
        assert_eq!(submitted(body).await, own);
    }
    // Anything stated makes the gateway ask anew.
    prefer(json!(["no-such-channel"]));
    state().await;
    assert_eq!(
        submitted(json!({"request": "write"})).await,
        Value::Null,
        "it is there no more"
    );
    prefer(json!("blog"));
    state().await;
    assert_eq!(
        submitted(json!({"request": "write"})).await,
        Value::Null,
        "no list of channels"
    );
}

#[tokio::test]
async fn submissions_at_once_go_to_the_same_channels_and_share_one_question() {
    let gateway = Gateway::start().await;
    *gateway.learner.channels.lock().unwrap() = Some(json!(["blog"]));
    assert_eq!(
        gateway.get("/preferences").await.status.as_u16(),
        200,
        "the learner is connected"
    );
    let body = json!({"request": "write"});
    let at_once = (0..8).map(|_| gateway.post_json("/process", &body));
    for answer in futures::future::join_all(at_once).await {
        assert_eq!(answer.status.as_u16(), 202);
    }
    let submissions = gateway.coordinator.submissions.lock().unwrap();
    assert_eq!(submissions.len(), 8);
    for submission in submissions.iter() {
        let sent: Value = serde_json::from_str(&submission.submission_json).unwrap();
        assert_eq!(sent["preferences"]["channels"], json!(["blog"]));
    }
    assert_eq!(gateway.learner.asked_for_channels.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn grpc_offers_the_same_under_the_same_rules() {
    let gateway = Gateway::start().await;
    let mut client = LearningServiceClient::connect(gateway.listen_grpc().await)
        .await
        .unwrap();
    let list = client
        .list_preferences(ListPreferencesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (list.items[0].key.as_str(), list.items[0].value_json.as_str()),
        ("tone", "\"dry\"")
    );
    let set = SetPreferencesRequest {
        preferences_json: r#"{"tone":"dry"}"#.to_owned(),
        ..SetPreferencesRequest::default()
    };
    let set = client.set_preferences(set).await.unwrap().into_inner();
    assert!(set.document_json.contains("local"), "{}", set.document_json);
    let empty = client
        .set_preferences(SetPreferencesRequest::default())
        .await
        .unwrap_err();
    assert_eq!(empty.code(), tonic::Code::InvalidArgument);
    let key = |key: &str| DeletePreferenceRequest {
        key: key.to_owned(),
        ..DeletePreferenceRequest::default()
    };
    assert!(client.delete_preference(key("tone")).await.is_ok());
    let unknown = client.delete_preference(key("unknown")).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    let erase = |user: &str| DeleteUserDataRequest { user: user.to_owned() };
    let erased = client.delete_user_data(erase("ann")).await.unwrap().into_inner();
    assert!(erased.document_json.contains("records"), "{}", erased.document_json);
    assert!(client.delete_user_data(erase("")).await.is_err());
}
