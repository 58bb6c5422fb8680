//! Servers of embeddings that answer, that are slow, that are wrong, that are not there.

use crate::catalog::{Tools, read};
use crate::meaning::{Meaning, NoMeaning};
use crate::planning::Asking;
use crate::verified::Verifier;
use async_trait::async_trait;
use llm::{
    Agent, Answer, Call, Context, EmbedError, Embedder, EmbedderSettings, Engine, EngineError, Failed, JudgeAsk,
    Judgement, Memory, PlanAsk, PlanDraft, ToolCard, Usage, WriteAsk,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{ModelServer, Say};
use tokio::time::{Instant, sleep, timeout};
use workflow::plan::PlanLimits;

const PATIENCE: Duration = Duration::from_secs(1);
const AT_ONCE: usize = 6;
const REQUEST: &str = "Get me a cab to the airport";

fn meaning(server: &ModelServer) -> Meaning {
    let embedder = Embedder::new(EmbedderSettings {
        provider: "own".to_owned(),
        base_url: Some(server.url()),
        api_key: None,
        model: "m".to_owned(),
    });
    Meaning::by(embedder.unwrap(), PATIENCE)
}

fn card(tool_id: &str, description: &str) -> ToolCard {
    ToolCard {
        tool_id: tool_id.to_owned(),
        name: tool_id.to_owned(),
        description: description.to_owned(),
        source: "api".to_owned(),
        ..llm::null_tool()
    }
}

/// More than one call may embed, and among them one that shares no word with the request.
fn tools() -> Arc<Tools> {
    let others = (0..200).map(|n| card(&format!("crm.record{n}"), &format!("Reads record {n} of customers")));
    let cards: Vec<ToolCard> = others.chain([card("rides.order", "Orders a taxi")]).collect();
    let documents: Vec<String> = cards.iter().map(|card| json!(card).to_string()).collect();
    Arc::new(read(&documents))
}

/// Whatever is about rides points one way, everything else another.
fn embedded(body: &Value, _: &str) -> Option<Say> {
    let vector = |text: &str| {
        let rides = text.contains("cab") || text.contains("taxi");
        if rides { json!([1.0, 0.1]) } else { json!([0.1, 1.0]) }
    };
    let texts = body["input"].as_array()?.iter().filter_map(Value::as_str);
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

/// Plans nothing of use, and remembers which tools it was shown.
#[derive(Default)]
struct Looking(Mutex<Vec<BTreeSet<String>>>);

#[async_trait]
impl Engine for Looking {
    fn name(&self) -> std::borrow::Cow<'_, str> {
        "looking".into()
    }

    fn tools_at_once(&self) -> usize {
        AT_ONCE
    }

    fn runs(&self, _: &Agent) -> bool {
        false
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
        let shown = ask.tools.iter().map(|tool| tool.tool_id.clone()).collect();
        self.0.lock().unwrap().push(shown);
        Ok(Answer {
            value: PlanDraft {
                intent_json: "{}".into(),
                plan_json: "{}".into(),
                reasoning: "".into(),
                patterns: Vec::new(),
            },
            usage: Usage::default(),
            calls: Vec::new(),
        })
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
        Err(EngineError::UnknownAgent(ask.agent.card.tool_id.clone()).into())
    }

    async fn judge(&self, _: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
        Err(EngineError::BadArguments("not a judge".to_owned()).into())
    }
}

/// What an engine was shown, and what is told of the search.
async fn searched(meaning: &Meaning, tools: &Arc<Tools>) -> (Vec<BTreeSet<String>>, Call) {
    let context = Context {
        request: REQUEST.to_owned(),
        ..Context::default()
    };
    let (engine, verifier) = (Looking::default(), Verifier::new(PlanLimits::default()));
    let asking = Asking {
        engine: &engine,
        tools,
        verifier: &verifier,
        meant: Some(&meaning.of(REQUEST)),
        context: &context,
        feedback: &[],
    };
    let answer = asking.attempt(&Memory::default()).await.unwrap();
    let mut told = answer.calls.into_iter().filter(|call| call.name == "tool_search");
    let call = told.next().unwrap();
    assert_eq!(
        told.next(),
        None,
        "it is searched once, however often the engine is asked"
    );
    (engine.0.into_inner().unwrap(), call)
}

/// Until every tool is embedded.
async fn ready(meaning: &Meaning, tools: &[ToolCard]) {
    let found = async {
        loop {
            match meaning.of(REQUEST).similarity(tools).await {
                Ok(similarity) if similarity.iter().all(Option::is_some) => return,
                Ok(_) | Err(NoMeaning::Lacking { failed: None, .. }) => sleep(Duration::from_millis(5)).await,
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(Duration::from_secs(20), found).await.unwrap();
}

fn texts_asked(server: &ModelServer) -> Vec<String> {
    let asked = server.asked();
    let texts = asked.iter().flat_map(|asked| asked.body["input"].as_array().unwrap());
    texts.map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_shares_no_word_with_the_request_is_found_by_meaning_and_no_tool_is_embedded_twice() {
    let server = ModelServer::start().await.unwrap();
    server.tempered(embedded);
    let (meaning, tools) = (meaning(&server), tools());
    let (shown, call) = searched(&meaning, &tools).await;
    assert!(!shown[0].contains("rides.order"), "nothing is embedded yet: {shown:?}");
    assert_eq!(call.error, "embeddings_lacking");

    ready(&meaning, &tools.cards).await;
    let (shown, call) = searched(&meaning, &tools).await;
    assert!(
        shown.len() == 2 && shown.iter().all(|tools| tools.contains("rides.order")),
        "{shown:?}"
    );
    assert_eq!(call.error, "", "{call:?}");

    // Another catalog: what changed is embedded, and the rest stays, for those who have the first one still.
    let mut cards = tools.cards.clone();
    cards.truncate(199);
    cards.push(card("rides.cancel", "Cancels a taxi"));
    ready(&meaning, &cards).await;
    ready(&meaning, &tools.cards).await;
    let texts = texts_asked(&server);
    let of_tools: Vec<&String> = texts.iter().filter(|text| *text != REQUEST).collect();
    let distinct: BTreeSet<&String> = of_tools.iter().copied().collect();
    assert_eq!((of_tools.len(), distinct.len()), (202, 202));
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.body["input"].as_array().unwrap().len() <= Embedder::BATCH)
    );
}

#[tokio::test]
async fn a_server_that_is_slow_or_wrong_or_away_costs_one_wait_and_words_decide() {
    let wrong = Say::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"data": [{"index": 0, "embedding": ["NaN"]}]}).to_string(),
    };
    for (say, code) in [
        (Say::Silent, "embeddings_away"),
        (wrong, "embeddings_wrong"),
        (Say::Fails(503, None), "embeddings_refused"),
    ] {
        let server = ModelServer::start().await.unwrap();
        server.tempered(embedded);
        let (meaning, tools) = (meaning(&server), tools());
        ready(&meaning, &tools.cards).await;
        server.tempered(|_, _| None);
        server.always(say.clone());
        let started = Instant::now();
        let (shown, call) = searched(&meaning, &tools).await;
        assert!(!shown[0].contains("rides.order"), "{shown:?}");
        assert_eq!(call.error, code, "{say:?}: {call:?}");
        assert!(call.detail.contains("own/m"), "{call:?}");
        assert!(started.elapsed() < PATIENCE * 10, "{:?}", started.elapsed());
        let asked = server.asked().len();
        let (_, call) = searched(&meaning, &tools).await;
        assert_eq!(call.error, "embeddings_left_alone", "{call:?}");
        assert_eq!(server.asked().len(), asked);
    }
}

#[tokio::test]
async fn a_catalog_that_cannot_be_embedded_is_told_with_the_reason() {
    let server = ModelServer::start().await.unwrap();
    server.always(Say::Fails(401, None));
    let (meaning, tools) = (meaning(&server), tools());
    let refused = async {
        loop {
            match meaning.of(REQUEST).similarity(&tools.cards).await {
                Err(NoMeaning::Lacking {
                    failed: Some(error), ..
                }) => return error,
                Err(NoMeaning::Lacking { .. }) => sleep(Duration::from_millis(5)).await,
                other => panic!("{other:?}"),
            }
        }
    };
    let error = timeout(Duration::from_secs(20), refused).await.unwrap();
    assert_eq!(error, EmbedError::Refused(401));
    let (_, call) = searched(&meaning, &tools).await;
    assert_eq!(call.error, "embeddings_refused");
    assert!(call.detail.contains("0 of 201 tools"), "{call:?}");
    assert_eq!(server.asked().len(), 1);
}
