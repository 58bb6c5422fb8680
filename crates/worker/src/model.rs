//! The engine of a role, as configured.

use anyhow::Context as _;
use llm::{
    Bounds, Chat, Choosing, Embedder, EmbedderSettings, Engine, ModelEngine, ModelRef, Models, Patience, Price,
    ProviderSettings, Settings, Sources, Speaks, Tiers,
};
use service::config::{Answering, Config, LlmConfig, PriceConfig, ProviderConfig, ProviderKind, Role, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What answers `role`; before it is asked what a rollout chose for the work.
///
/// # Errors
/// When the configuration cannot be served.
pub fn engine(config: &LlmConfig, role: Role) -> anyhow::Result<Arc<dyn Engine>> {
    let key = || format!("llm.roles.{}", role.as_str());
    match config.answering(role) {
        Answering::Offline => embedded(config, "offline").with_context(key),
        Answering::Null => embedded(config, "null").with_context(key),
        Answering::Models { small, standard, large } => {
            let tiers = Tiers {
                small: references(small),
                standard: references(standard),
                large: references(large),
            };
            models(config, &tiers).with_context(key)
        }
    }
}

/// Who answers what was chosen for the work, and nothing else; providers whose key is not here can be asked nothing.
///
/// # Errors
/// When the configuration cannot be served.
pub fn chosen(config: &LlmConfig) -> anyhow::Result<Arc<dyn Chat>> {
    Ok(Arc::new(open(config, &BTreeSet::new())?).chosen())
}

/// Who makes vectors of texts; none: nobody is configured.
///
/// # Errors
/// A key that is not there, an address that is none.
pub fn embedder(config: &Config) -> anyhow::Result<Option<Embedder>> {
    let embeddings = &config.tools.embeddings;
    let (Some(name), Some((provider, model))) = (&embeddings.provider, embeddings.asked(&config.llm)) else {
        return Ok(None);
    };
    let key = provider.api_key.map(|key| key.resolve()).transpose();
    let embedder = Embedder::new(EmbedderSettings {
        provider: name.clone(),
        base_url: provider.base_url,
        api_key: key.context("tools.embeddings")?,
        model: model.to_owned(),
    });
    Ok(Some(embedder.context("tools.embeddings")?))
}

fn embedded(config: &LlmConfig, kind: &str) -> anyhow::Result<Arc<dyn Engine>> {
    let configured = llm::open(kind)?;
    let models = open(config, &BTreeSet::new())?;
    if models.is_empty() {
        return Ok(configured);
    }
    let models = ModelEngine::new("", Arc::new(models).chosen());
    Ok(Arc::new(Choosing::new(configured, models)))
}

fn models(config: &LlmConfig, tiers: &Tiers) -> anyhow::Result<Arc<dyn Engine>> {
    let used: BTreeSet<&str> = [&tiers.small, &tiers.standard, &tiers.large]
        .into_iter()
        .flatten()
        .map(|model| model.provider.as_str())
        .collect();
    let chat = Arc::new(open(config, &used)?).chat(tiers)?;
    let name = tiers
        .standard
        .first()
        .map(|model| format!("{}/{}", model.provider, model.model));
    Ok(Arc::new(ModelEngine::new(name.unwrap_or_default(), chat)))
}

/// Every provider: a rollout may choose any. Whose key is missing that none of `used` is can be asked nothing.
fn open(config: &LlmConfig, used: &BTreeSet<&str>) -> anyhow::Result<Models> {
    let mut providers = BTreeMap::new();
    for (name, provider) in config.all_providers() {
        let speaks = match provider.kind {
            ProviderKind::Openai => Speaks::OpenAi,
            ProviderKind::Anthropic => Speaks::Anthropic,
            // Has no models that could be named.
            ProviderKind::Offline | ProviderKind::Null => continue,
        };
        match provider_settings(config, &provider, speaks) {
            Ok(settings) => drop(providers.insert(name, settings)),
            Err(error) if used.contains(name.as_str()) => {
                return Err(error.context(format!("the key of the model provider {name:?}")));
            }
            Err(_) => {}
        }
    }
    let settings = Settings {
        providers,
        prices: config
            .prices
            .iter()
            .map(|(model, own)| (model.clone(), price(*own)))
            .collect::<BTreeMap<_, _>>(),
        record_content: config.record_content,
    };
    let sources = Sources {
        unix_ms: service::clock::now_ms,
        random: fastrand::f64,
    };
    Ok(Models::open(settings, sources)?)
}

fn references(targets: Vec<Target>) -> Vec<ModelRef> {
    let reference = |target: Target| ModelRef {
        provider: target.provider,
        model: target.model,
    };
    targets.into_iter().map(reference).collect()
}

fn provider_settings(
    config: &LlmConfig,
    provider: &ProviderConfig,
    speaks: Speaks,
) -> anyhow::Result<ProviderSettings> {
    let seconds = |own: Option<f64>, general: f64| Duration::from_secs_f64(own.unwrap_or(general));
    let total = seconds(provider.timeout_seconds, config.timeout_seconds);
    Ok(ProviderSettings {
        speaks,
        base_url: provider.base_url.clone(),
        api_key: provider.api_key.as_ref().map(|key| key.resolve()).transpose()?,
        bounds: Bounds {
            max_concurrency: provider.max_concurrency.unwrap_or(config.max_concurrency),
            requests_per_minute: provider.requests_per_minute,
            tokens_per_minute: provider.tokens_per_minute,
        },
        patience: Patience {
            connect: CONNECT_TIMEOUT.min(total),
            first_byte: seconds(provider.first_byte_timeout_seconds, config.first_byte_timeout_seconds),
            idle: seconds(provider.idle_timeout_seconds, config.idle_timeout_seconds),
            total,
        },
        max_output_tokens: provider.max_output_tokens.or(config.max_output_tokens),
    })
}

const fn price(own: PriceConfig) -> Price {
    Price {
        input: own.input,
        cached_input: own.cached_input,
        output: own.output,
    }
}
