//! What a rollout chooses is asked first, and nobody is worse off for it.

use crate::fixture::{ask, open, settings};
use llm::{
    Agent, Answer, Chat, Choosing, Chosen, Engine, Failed, ModelEngine, ModelRef, NoTools, Reply, Speaks, Standing,
    Tier, ToolCard, WriteAsk, agent_tools, asking,
};
use serde_json::{Map, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{ModelServer, Say};

fn chosen(provider: &str, answers_as: &str) -> Vec<Chosen> {
    vec![Chosen {
        model: ModelRef {
            provider: provider.to_owned(),
            model: "tuned".to_owned(),
        },
        answers_as: answers_as.to_owned(),
    }]
}

fn steps(calls: &[llm::Call]) -> Vec<String> {
    let shown = |call: &llm::Call| format!("{}:{}/{}:{}", call.kind.as_str(), call.provider, call.model, call.error);
    calls.iter().map(shown).collect()
}

/// The configured model and the one that is not, at two servers: the second is at `p1`.
async fn two() -> (ModelServer, ModelServer, Arc<dyn Chat>) {
    let (configured, other) = (ModelServer::start().await.unwrap(), ModelServer::start().await.unwrap());
    let providers = [("p0", &configured), ("p1", &other)].map(|(name, server)| {
        let mut settings = settings(server.url(), Speaks::OpenAi);
        settings.patience.total = Duration::from_secs(2);
        (name.to_owned(), settings)
    });
    let model = ModelRef {
        provider: "p0".to_owned(),
        model: "m".to_owned(),
    };
    let tiers = llm::Tiers {
        small: vec![model.clone()],
        standard: vec![model.clone()],
        large: vec![model],
    };
    let chat = open(providers.into()).chat(&tiers).unwrap();
    (configured, other, chat)
}

async fn asked(chat: &dyn Chat, chosen: Vec<Chosen>) -> Result<Answer<Reply>, Failed> {
    asked_while(chat, chosen, None).await
}

async fn asked_while(
    chat: &dyn Chat,
    chosen: Vec<Chosen>,
    standing: Option<Arc<dyn Standing>>,
) -> Result<Answer<Reply>, Failed> {
    asking(chosen, standing, ask(chat, Some(&json!({"type": "object"})))).await
}

/// Lets models be asked so often.
struct Holds(AtomicUsize);

#[async_trait::async_trait]
impl Standing for Holds {
    async fn holds(&self, model: &ModelRef) -> bool {
        assert_eq!(model.provider, "p1");
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.is_ok()
    }
}

#[tokio::test]
async fn what_is_chosen_is_asked_and_nobody_else() {
    let (configured, other, chat) = two().await;
    let answer = asked(&*chat, chosen("p1", "")).await.unwrap();
    assert_eq!(steps(&answer.calls), ["model:p1/tuned:"]);
    assert_eq!((configured.asked().len(), other.asked().len()), (0, 1));
    let answer = asked(&*chat, Vec::new()).await.unwrap();
    assert_eq!(steps(&answer.calls), ["model:p0/m:"]);
}

#[tokio::test]
async fn whatever_the_chosen_model_does_the_configured_one_answers_and_the_trace_says_so() {
    let prose = || Say::Words("Sure!".to_owned());
    let cases = [
        (vec![Say::Fails(401, None)], "model:p1/tuned:llm_rejected"),
        (vec![Say::Refuses, Say::Refuses], "model:p1/tuned:llm_refused"),
        (vec![prose(), prose()], "model:p1/tuned:llm_bad_output"),
        (vec![Say::CutOff, Say::CutOff], "model:p1/tuned:llm_bad_output"),
    ];
    for (says, error) in cases {
        let (configured, other, chat) = two().await;
        other.next(says.clone());
        let answer = asked(&*chat, chosen("p1", "")).await;
        let answer = answer.unwrap_or_else(|failed| panic!("{says:?}: {failed:?}"));
        let done = steps(&answer.calls);
        assert_eq!(
            done.last().map(String::as_str),
            Some("model:p0/m:"),
            "{says:?}: {done:?}"
        );
        let passed_over = answer.calls.iter().filter(|call| call.name == "passed_over").count();
        assert_eq!(passed_over, 1, "{says:?}: {done:?}");
        assert!(
            done.iter().any(|step| step.starts_with(error)) || error.contains("rejected"),
            "{says:?}: {done:?}"
        );
        assert_eq!(
            answer.usage.calls,
            i64::try_from(configured.asked().len() + other.asked().len()).unwrap()
        );
        let told = configured.asked()[0].body["messages"].to_string();
        assert!(!told.contains("Sure!"), "the configured model is asked afresh: {told}");
    }
}

#[tokio::test]
async fn an_answer_of_another_model_than_was_chosen_does_not_count() {
    let (_configured, other, chat) = two().await;
    let answer = asked(&*chat, chosen("p1", "tuned")).await.unwrap();
    assert_eq!(steps(&answer.calls), ["model:p1/tuned:"]);
    other.answering_as("base");
    let answer = asked(&*chat, chosen("p1", "tuned")).await.unwrap();
    assert_eq!(
        steps(&answer.calls),
        ["model:p1/tuned:llm_other_model", "decision:p1/tuned:", "model:p0/m:"]
    );
    let unchecked = asked(&*chat, chosen("p1", "")).await.unwrap();
    assert_eq!(steps(&unchecked.calls), ["model:p1/tuned:"]);
}

#[tokio::test]
async fn the_champion_stands_in_for_the_challenger_before_what_is_configured() {
    let (configured, other, chat) = two().await;
    let champion = || Chosen {
        model: ModelRef {
            provider: "p1".to_owned(),
            model: "champion".to_owned(),
        },
        answers_as: String::new(),
    };
    let both = || chosen("p1", "").into_iter().chain([champion()]).collect::<Vec<_>>();
    other.next([Say::Refuses]);
    let answer = asked(&*chat, both()).await.unwrap();
    let done = steps(&answer.calls);
    assert_eq!(done.last().map(String::as_str), Some("model:p1/champion:"), "{done:?}");
    other.always(Say::Fails(401, None));
    let answer = asked(&*chat, both()).await.unwrap();
    let passed_over = answer.calls.iter().filter(|call| call.name == "passed_over").count();
    assert_eq!((passed_over, configured.asked().len()), (2, 1));
}

#[tokio::test]
async fn what_was_turned_back_since_is_not_asked_and_is_no_failure_of_its_own() {
    // Before the call, while it waited for its turn, and before it was tried again.
    for (lets, asked) in [(0, 0), (1, 0), (2, 1)] {
        let (configured, other, chat) = two().await;
        other.always(Say::Fails(503, None));
        let standing = Arc::new(Holds(AtomicUsize::new(lets)));
        let answer = asked_while(&*chat, chosen("p1", ""), Some(standing)).await.unwrap();
        assert_eq!((other.asked().len(), configured.asked().len()), (asked, 1), "{lets}");
        let names: Vec<&str> = answer.calls.iter().map(|call| call.name.as_str()).collect();
        assert!(
            names.contains(&"turned_back") && !names.contains(&"passed_over"),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_is_not_configured_here_is_passed_over() {
    let (_configured, _other, chat) = two().await;
    let answer = asked(&*chat, chosen("elsewhere", "")).await.unwrap();
    assert_eq!(steps(&answer.calls), ["decision:elsewhere/tuned:", "model:p0/m:"]);
}

#[tokio::test]
async fn beside_an_embedded_engine_a_model_may_be_chosen_too() {
    let server = ModelServer::start().await.unwrap();
    let providers = [("p1".to_owned(), settings(server.url(), Speaks::OpenAi))];
    let models = ModelEngine::new("", open(providers.into()).chosen());
    let engine = Choosing::new(llm::open("offline").unwrap(), models);
    let agent = Agent {
        card: writer(),
        prompt: "Write about {{ topic }}.".to_owned(),
        tier: Tier::Standard,
        tools: Vec::new(),
        max_tool_calls: 0,
    };
    let mut arguments = Map::new();
    arguments.insert("topic".to_owned(), "tea".into());
    let context = llm::Context::default();
    let write = || {
        engine.write(WriteAsk {
            agent: &agent,
            tools: &NoTools,
            arguments: &arguments,
            context: &context,
            feedback: &[],
        })
    };
    assert!(engine.is_free());
    let names = asking(chosen("p1", ""), None, async {
        (engine.name().into_owned(), engine.is_free())
    })
    .await;
    assert_eq!(names, ("p1/tuned".to_owned(), false));
    let answer = asking(chosen("p1", ""), None, write()).await.unwrap();
    assert_eq!(steps(&answer.calls), ["model:p1/tuned:"]);

    server.always(Say::Fails(404, None));
    let answer = asking(chosen("p1", ""), None, write()).await.unwrap();
    let done = steps(&answer.calls);
    assert_eq!(done.last().map(String::as_str), Some("decision:p1/tuned:"), "{done:?}");
    assert_eq!(answer.calls.last().map(|call| call.name.as_str()), Some("passed_over"));
    assert_eq!(write().await.unwrap().calls, [], "nothing is chosen");
}

/// Of the shipped agents, one that the offline engine runs.
fn writer() -> ToolCard {
    let offline = llm::open("offline").unwrap();
    let runs = |card: &ToolCard| {
        offline.runs(&Agent {
            card: card.clone(),
            prompt: String::new(),
            tier: Tier::Standard,
            tools: Vec::new(),
            max_tool_calls: 0,
        })
    };
    agent_tools()
        .into_iter()
        .find(|card| runs(card) && card.tool_id.contains("writ"))
        .unwrap()
}
