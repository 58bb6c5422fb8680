//! The engine of a role, as configured.

use anyhow::Context as _;
use llm::{
    Bounds, Engine, ModelEngine, ModelRef, Models, Patience, Price, ProviderSettings, Settings, Sources, Speaks, Tiers,
};
use service::config::{Answering, LlmConfig, PriceConfig, ProviderConfig, ProviderKind, Role, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What answers `role`.
///
/// # Errors
/// When the configuration cannot be served.
pub fn engine(config: &LlmConfig, role: Role) -> anyhow::Result<Arc<dyn Engine>> {
    let key = || format!("llm.roles.{}", role.as_str());
    match config.answering(role) {
        Answering::Offline => llm::open("offline").with_context(key),
        Answering::Null => llm::open("null").with_context(key),
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

fn models(config: &LlmConfig, tiers: &Tiers) -> anyhow::Result<Arc<dyn Engine>> {
    let used: BTreeSet<&String> = [&tiers.small, &tiers.standard, &tiers.large]
        .into_iter()
        .flatten()
        .map(|model| &model.provider)
        .collect();
    // A key that only another role's provider needs may be missing here.
    let providers = config
        .all_providers()
        .into_iter()
        .filter(|(name, _)| used.contains(name));
    let settings = providers.filter_map(|(name, provider)| {
        let speaks = match provider.kind {
            ProviderKind::Openai => Speaks::OpenAi,
            ProviderKind::Anthropic => Speaks::Anthropic,
            // Has no models that could be named.
            ProviderKind::Offline | ProviderKind::Null => return None,
        };
        let settings = provider_settings(config, &provider, speaks);
        let settings = settings.with_context(|| format!("the key of the model provider {name:?}"));
        Some(settings.map(|settings| (name, settings)))
    });
    let settings = Settings {
        providers: settings.collect::<anyhow::Result<_>>()?,
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
    let chat = Models::open(settings, sources)?.chat(tiers)?;
    let name = tiers
        .standard
        .first()
        .map(|model| format!("{}/{}", model.provider, model.model));
    Ok(Arc::new(ModelEngine::new(name.unwrap_or_default(), chat)))
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
