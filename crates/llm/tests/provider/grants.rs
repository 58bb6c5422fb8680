//! What a call may cost at most is set aside before it is made. Replies are bounded to 1,000 tokens here, of which
//! gpt-4o takes 10,000 micro-USD and gpt-4o-mini 600.

use crate::fixture::{ask, chat, chat_of_sizes, chat_with};
use llm::{EngineError, Grant, Speaks, within};
use testkit::{ModelServer, Say};

fn usd(micros: i64, cheaper: bool) -> Grant {
    Grant {
        usd_micros: Some(micros),
        cheaper,
        ..Grant::default()
    }
}

#[tokio::test]
async fn a_call_that_may_take_more_than_is_left_is_not_made() {
    let server = ModelServer::start().await.unwrap();
    let chat = chat(&[&server], Speaks::OpenAi, "gpt-4o");
    let failed = within(usd(10_000, false), ask(&*chat, None)).await.unwrap_err();
    let EngineError::OverGrant { needs, .. } = failed.error else {
        panic!("{failed:?}");
    };
    assert!((10_000..11_000).contains(&needs.usd_micros), "{needs:?}");
    assert!(server.asked().is_empty());

    let (first, second) = within(usd(needs.usd_micros + 200, false), async {
        (ask(&*chat, None).await, ask(&*chat, None).await)
    })
    .await;
    let taken = first.unwrap().usage.usd_micros.unwrap();
    let EngineError::OverGrant { needs: both, .. } = second.unwrap_err().error else {
        panic!("the second fits");
    };
    assert_eq!(
        both.usd_micros,
        needs.usd_micros + taken,
        "what the first took is not there any more"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn tokens_are_bounded_whatever_they_cost_and_so_is_the_reply() {
    let server = ModelServer::start().await.unwrap();
    let unbounded = |settings: &mut llm::ProviderSettings| settings.max_output_tokens = None;
    let chat = chat_with(&[&server], Speaks::OpenAi, "nobody-knows-its-price", unbounded);
    let tokens = |tokens| Grant {
        tokens: Some(tokens),
        ..Grant::default()
    };
    let failed = within(tokens(5_000), ask(&*chat, None)).await.unwrap_err();
    assert_eq!(failed.error.code(), "grant_too_small");
    within(tokens(10_000), ask(&*chat, None)).await.unwrap();
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].body["max_tokens"].as_i64()), (1, Some(8192)));
}

#[tokio::test]
async fn calls_are_bounded_whatever_they_cost() {
    let server = ModelServer::start().await.unwrap();
    let chat = chat(&[&server], Speaks::OpenAi, "nobody-knows-its-price");
    let calls = |calls| Grant {
        calls: Some(calls),
        ..Grant::default()
    };
    let (first, second) = within(calls(1), async { (ask(&*chat, None).await, ask(&*chat, None).await) }).await;
    assert_eq!(first.unwrap().usage.calls, 1);
    let EngineError::OverGrant { needs, .. } = second.unwrap_err().error else {
        panic!("a second call was made");
    };
    assert_eq!((needs.calls, server.asked().len()), (2, 1));

    server.always(Say::Fails(400, None));
    let refused = within(calls(1), async { (ask(&*chat, None).await, ask(&*chat, None).await) }).await;
    assert_eq!(
        refused.1.unwrap_err().error.code(),
        "grant_too_small",
        "a refused call is one too"
    );
}

#[tokio::test]
async fn a_smaller_model_is_asked_for_want_of_money_alone() {
    let server = ModelServer::start().await.unwrap();
    let chat = chat_of_sizes(&server, "gpt-4o-mini", "gpt-4o");
    let answer = within(usd(5_000, true), ask(&*chat, None)).await.unwrap();
    assert_eq!(server.asked()[0].body["model"], "gpt-4o-mini");
    assert!(
        answer.calls.iter().any(|call| call.name == "cheaper_model"),
        "{:?}",
        answer.calls
    );
    let refused = within(usd(5_000, false), ask(&*chat, None)).await.unwrap_err();
    assert_eq!(refused.error.code(), "grant_too_small");

    server.always(Say::Fails(400, None));
    let failed = within(usd(50_000, true), ask(&*chat, None)).await.unwrap_err();
    assert_eq!(failed.error.code(), "llm_rejected");
    assert!(
        server
            .asked()
            .iter()
            .skip(1)
            .all(|asked| asked.body["model"] == "gpt-4o")
    );
}
