//! A role's models at scripted servers.

use llm::{
    Answer, Bounds, Chat, ChatAsk, Failed, Message, ModelRef, Models, Patience, ProviderSettings, Reply, Settings,
    Sources, Speaks, Tier, Tiers,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use testkit::ModelServer;

pub const KEY: &str = "sk-secret";

/// The model of each server in turn, the first asked first.
pub fn chat(servers: &[&ModelServer], speaks: Speaks, model: &str) -> Arc<dyn Chat> {
    chat_with(servers, speaks, model, |_| {})
}

/// A small and a large model of one server.
pub fn chat_of_sizes(server: &ModelServer, small: &str, large: &str) -> Arc<dyn Chat> {
    let model = |model: &str| {
        vec![ModelRef {
            provider: "p".to_owned(),
            model: model.to_owned(),
        }]
    };
    let providers = [("p".to_owned(), settings(server.url(), Speaks::OpenAi))];
    let tiers = Tiers {
        small: model(small),
        standard: model(large),
        large: model(large),
    };
    open(providers.into()).chat(&tiers).unwrap()
}

pub fn open(providers: BTreeMap<String, ProviderSettings>) -> Arc<Models> {
    let settings = Settings {
        providers,
        prices: BTreeMap::new(),
        record_content: false,
    };
    let sources = Sources {
        unix_ms: || 0,
        random: || 0.0,
    };
    Arc::new(Models::open(settings, sources).unwrap())
}

pub fn chat_with(
    servers: &[&ModelServer],
    speaks: Speaks,
    model: &str,
    change: impl Fn(&mut ProviderSettings),
) -> Arc<dyn Chat> {
    let names: Vec<String> = (0..servers.len()).map(|n| format!("p{n}")).collect();
    let provider = |server: &&ModelServer| {
        let mut settings = settings(server.url(), speaks);
        change(&mut settings);
        settings
    };
    let providers = names.iter().cloned().zip(servers.iter().map(provider)).collect();
    let reference = |provider: &String| ModelRef {
        provider: provider.clone(),
        model: model.to_owned(),
    };
    let models: Vec<ModelRef> = names.iter().map(reference).collect();
    let tiers = Tiers {
        small: models.clone(),
        standard: models.clone(),
        large: models,
    };
    open(providers).chat(&tiers).unwrap()
}

pub fn settings(base_url: String, speaks: Speaks) -> ProviderSettings {
    let long = Duration::from_secs(5);
    ProviderSettings {
        speaks,
        base_url: Some(base_url),
        api_key: Some(KEY.to_owned()),
        bounds: Bounds {
            max_concurrency: 4,
            requests_per_minute: None,
            tokens_per_minute: None,
        },
        patience: Patience {
            connect: long,
            first_byte: long,
            idle: long,
            total: long * 2,
        },
        max_output_tokens: Some(1000),
    }
}

pub async fn ask(chat: &dyn Chat, schema: Option<&Value>) -> Result<Answer<Reply>, Failed> {
    chat.chat(ChatAsk {
        name: "plan",
        prompt: "plan@1",
        tier: Tier::Standard,
        messages: &[Message::User("Plan a post.".to_owned())],
        schema,
        tools: &[],
        max_output_tokens: None,
    })
    .await
}
