//! What providers do wrong, and what comes of it.

use crate::fixture::{ask, chat, chat_with};
use futures::future::join_all;
use llm::{Answer, CallKind, EngineError, Failed, Reply, Speaks};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{ModelServer, Say};

const BOTH: [Speaks; 2] = [Speaks::OpenAi, Speaks::Anthropic];

fn schema() -> Value {
    json!({
        "type": "object", "required": ["goal"], "additionalProperties": false,
        "properties": {"goal": {"type": "string"}},
    })
}

/// Kind, name and error of what was done, in order.
fn trail(outcome: &Result<Answer<Reply>, Failed>) -> Vec<String> {
    let calls = match outcome {
        Ok(answer) => &answer.calls,
        Err(failed) => &failed.calls,
    };
    let shown = |call: &llm::Call| match call.kind {
        CallKind::Model => format!("{}:{}", call.provider, call.error),
        _ => call.name.clone(),
    };
    calls.iter().map(shown).collect()
}

fn error(outcome: &Result<Answer<Reply>, Failed>) -> &EngineError {
    &outcome.as_ref().unwrap_err().error
}

#[tokio::test]
async fn whatever_way_an_answer_comes_it_is_read() {
    for speaks in BOTH {
        let server = ModelServer::start().await.unwrap();
        let chat = chat(&[&server], speaks, "m");
        for say in [
            Say::Well,
            Say::Whole,
            Say::Fenced,
            Say::Slowly(Duration::from_millis(50)),
        ] {
            server.next([say.clone()]);
            let outcome = ask(&*chat, Some(&schema())).await;
            assert!(
                matches!(&outcome.as_ref().unwrap().value, Reply::Json(_)),
                "{speaks:?} {say:?}"
            );
            assert_eq!(trail(&outcome), ["p0:"], "{speaks:?} {say:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_asked_for_once_more_with_what_was_wrong() {
    for speaks in BOTH {
        for (say, told) in [
            (Say::Words("Sure! Here is a plan.".to_owned()), "not JSON"),
            (Say::Words(r#"{"aim": "x"}"#.to_owned()), "goal"),
            (Say::CutOff, "shorter"),
        ] {
            let server = ModelServer::start().await.unwrap();
            let chat = chat(&[&server], speaks, "m");
            server.next([say.clone()]);
            let outcome = ask(&*chat, Some(&schema())).await;
            assert!(outcome.is_ok(), "{speaks:?} {say:?}: {outcome:?}");
            assert_eq!(trail(&outcome), ["p0:llm_bad_output", "ask_again", "p0:"], "{speaks:?}");
            let again = &server.asked()[1].body["messages"];
            let last = again.as_array().unwrap().last().unwrap().to_string();
            assert!(
                last.contains(told) && last.contains("JSON Schema"),
                "{speaks:?}: {last}"
            );

            server.next([say.clone(), say.clone()]);
            let outcome = ask(&*chat, Some(&schema())).await;
            assert!(
                matches!(error(&outcome), EngineError::BadOutput(_)),
                "{speaks:?} {outcome:?}"
            );
            assert_eq!(outcome.unwrap_err().usage.calls, 2);
        }
    }
}

#[tokio::test]
async fn a_refusal_goes_to_the_next_model_or_is_asked_once_more() {
    for speaks in BOTH {
        let (first, second) = (ModelServer::start().await.unwrap(), ModelServer::start().await.unwrap());
        first.always(Say::Refuses);
        let outcome = ask(&*chat(&[&first, &second], speaks, "m"), Some(&schema())).await;
        assert_eq!(trail(&outcome), ["p0:llm_refused", "fallback", "p1:"], "{speaks:?}");
        let outcome = ask(&*chat(&[&first], speaks, "m"), None).await;
        assert_eq!(
            trail(&outcome),
            ["p0:llm_refused", "ask_again", "p0:llm_refused"],
            "{speaks:?}"
        );
        assert!(matches!(error(&outcome), EngineError::Refused(_)));
    }
}

#[tokio::test]
async fn retry_after_is_waited_for_where_it_is_short_and_handed_on_where_it_is_long() {
    for speaks in BOTH {
        let server = ModelServer::start().await.unwrap();
        let chat = chat(&[&server], speaks, "m");
        server.next([Say::Fails(429, Some("1"))]);
        let outcome = ask(&*chat, None).await;
        assert_eq!(trail(&outcome), ["p0:llm_rate_limited", "p0:"], "{speaks:?}");
        let asked = server.asked();
        assert!(asked[1].at - asked[0].at >= Duration::from_secs(1));

        server.next([Say::Fails(503, Some("60"))]);
        let outcome = ask(&*chat, None).await;
        let EngineError::Away { retry_after, .. } = error(&outcome) else {
            panic!("{outcome:?}")
        };
        assert!(*retry_after > Duration::from_secs(59), "{retry_after:?}");
        // Until then nobody calls, and where nobody was called there is nothing to tell.
        let outcome = ask(&*chat, None).await;
        assert!(matches!(error(&outcome), EngineError::Away { .. }));
        assert_eq!((trail(&outcome).len(), server.asked().len()), (0, 3));
    }
}

#[tokio::test]
async fn passing_faults_are_tried_again_and_lasting_ones_end_in_away() {
    for speaks in BOTH {
        let server = ModelServer::start().await.unwrap();
        let chat = chat(&[&server], speaks, "m");
        server.next([Say::Fails(500, None), Say::HangsUp]);
        let outcome = ask(&*chat, None).await;
        assert_eq!(
            trail(&outcome),
            ["p0:llm_server_error", "p0:llm_protocol", "p0:"],
            "{speaks:?}"
        );
        server.always(Say::Fails(500, None));
        let outcome = ask(&*chat, None).await;
        let EngineError::Away { retry_after, detail } = error(&outcome) else {
            panic!("{outcome:?}")
        };
        assert!(
            *retry_after > Duration::from_secs(4) && detail.contains("told to fail"),
            "{outcome:?}"
        );
        assert_eq!(trail(&outcome).len(), 3, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_dead_primary_costs_nothing_but_its_own_tries() {
    let (dead, live) = (ModelServer::start().await.unwrap(), ModelServer::start().await.unwrap());
    dead.always(Say::Fails(503, None));
    let chat = chat(&[&dead, &live], Speaks::OpenAi, "m");
    for _ in 0..5 {
        assert!(ask(&*chat, Some(&schema())).await.is_ok());
    }
    assert_eq!((dead.asked().len(), live.asked().len()), (3, 5));
}

#[tokio::test]
async fn silence_ends_the_call_and_is_not_tried_again_in_the_works_own_time() {
    for speaks in BOTH {
        let server = ModelServer::start().await.unwrap();
        let chat = chat_with(&[&server], speaks, "m", |settings| {
            settings.patience.first_byte = Duration::from_millis(300);
            settings.patience.idle = Duration::from_millis(300);
        });
        let away: fn(&EngineError) -> bool = |error| matches!(error, EngineError::Away { .. });
        // What was made of an answer is billed: it is not asked for without end.
        let counts: fn(&EngineError) -> bool = |error| matches!(error, EngineError::BadOutput(_));
        for (say, is_told) in [
            (Say::Silent, away),
            (Say::Slowly(Duration::from_secs(3)), away),
            (Say::Stalls, counts),
        ] {
            server.next([say]);
            let started = Instant::now();
            let outcome = ask(&*chat, None).await;
            assert!(is_told(error(&outcome)), "{outcome:?}");
            assert_eq!(trail(&outcome), ["p0:llm_timeout"], "{speaks:?}");
            assert_eq!(outcome.unwrap_err().usage.usd_micros, None, "what it cost is not known");
            assert!(started.elapsed() < Duration::from_secs(2));
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_costs_an_attempt() {
    let server = ModelServer::start().await.unwrap();
    server.always(Say::Slowly(Duration::from_millis(300)));
    let chat = chat_with(&[&server], Speaks::OpenAi, "m", |settings| {
        settings.patience.total = Duration::from_secs(1);
    });
    let outcome = ask(&*chat, None).await;
    assert!(matches!(error(&outcome), EngineError::BadOutput(_)), "{outcome:?}");
    assert_eq!(trail(&outcome), ["p0:llm_too_long"]);
}

#[tokio::test]
async fn numbers_that_cannot_be_true_are_not_believed_and_missing_ones_are_unknown() {
    for speaks in BOTH {
        let server = ModelServer::start().await.unwrap();
        let chat = chat(&[&server], speaks, "gpt-4o");
        for (say, expected) in [
            (Say::WrongUsage, (1, 0, 0, None)),
            (Say::NoUsage, (1, 0, 0, None)),
            (Say::Well, (1, 120, 40, Some(700))),
        ] {
            server.next([say]);
            let usage = ask(&*chat, None).await.unwrap().usage;
            let told = (usage.calls, usage.input_tokens, usage.output_tokens, usage.usd_micros);
            assert_eq!(told, expected, "{speaks:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_ignores_the_form_is_soon_asked_in_words() {
    let server = ModelServer::start().await.unwrap();
    let chat = chat(&[&server], Speaks::OpenAi, "m");
    for _ in 0..3 {
        server.next([Say::Words("no JSON".to_owned()), Say::Words("none either".to_owned())]);
        assert!(ask(&*chat, Some(&schema())).await.is_err());
    }
    let in_form = server
        .asked()
        .iter()
        .filter(|asked| !asked.body["response_format"].is_null())
        .count();
    assert_eq!(in_form, 6, "a few bad replies do not turn the form off");
    assert!(ask(&*chat, Some(&schema())).await.is_ok());
    let asked = server.asked();
    let last = &asked.last().unwrap().body;
    assert!(
        last["response_format"].is_null() && last.to_string().contains("JSON Schema"),
        "{last}"
    );
}

#[tokio::test]
async fn when_a_provider_dies_no_more_calls_are_lost_than_there_may_be_at_a_time() {
    let server = ModelServer::start().await.unwrap();
    server.always(Say::Silent);
    let chat = chat_with(&[&server], Speaks::OpenAi, "m", |settings| {
        settings.patience.first_byte = Duration::from_millis(500);
    });
    let outcomes = join_all((0..100).map(|_| ask(&*chat, None))).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(error(outcome), EngineError::Away { .. }))
    );
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn giving_a_call_up_closes_its_connection_and_frees_its_place() {
    let server = ModelServer::start().await.unwrap();
    let chat = chat_with(&[&server], Speaks::OpenAi, "m", |settings| {
        settings.bounds.max_concurrency = 1;
    });
    server.next([Say::Silent]);
    let given_up = tokio::time::timeout(Duration::from_millis(300), ask(&*chat, None)).await;
    assert!(given_up.is_err());
    assert!(ask(&*chat, None).await.is_ok());
}
