//! Models of providers, as the operator configured them: who is asked first, who instead, how often at most.

mod breaker;
mod bucket;
mod chain;
mod gate;
mod member;
mod price;
mod trail;
mod wanted;

pub use gate::Bounds;
pub use price::{Price, TableError};

use crate::chat::{Chat, Tier};
use crate::provider::anthropic::{self, Anthropic};
use crate::provider::openai::{self, OpenAi};
use crate::provider::{Endpoint, InvalidKey, Protocol, Reach};
use breaker::Breaker;
use chain::Chain;
use gate::Gate;
use member::{Member, Provider};
use outbound::{AllowList, Client, InvalidEntry, Limits, Pace, Unlisted, Url};
use price::Prices;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of one answer, thoughts streamed beside it included.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// What the operator set.
pub struct Settings {
    /// By name.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// By model; goes before the table this crate brings.
    pub prices: BTreeMap<String, Price>,
    /// Whether messages and answers stand in the calls that are told.
    pub record_content: bool,
}

/// One provider.
pub struct ProviderSettings {
    /// What it speaks.
    pub speaks: Speaks,
    /// Where it is; none: where the company of that protocol is.
    pub base_url: Option<String>,
    /// Its key.
    pub api_key: Option<String>,
    /// What it may be asked.
    pub bounds: Bounds,
    /// How long it may take.
    pub patience: Patience,
    /// Most tokens of a reply where the ask does not say; none: the provider's own bound.
    pub max_output_tokens: Option<u32>,
}

/// Protocols.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaks {
    /// Chat Completions.
    OpenAi,
    /// Messages.
    Anthropic,
}

/// How long one call may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// To connect.
    pub connect: Duration,
    /// Until the answer begins.
    pub first_byte: Duration,
    /// Between two pieces of it.
    pub idle: Duration,
    /// The whole.
    pub total: Duration,
}

/// A model of a provider.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ModelRef {
    /// Name of the provider.
    pub provider: String,
    /// What the provider calls it.
    pub model: String,
}

/// Who answers asks of each size: the first that can.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tiers {
    /// For simple steps.
    pub small: Vec<ModelRef>,
    /// The default.
    pub standard: Vec<ModelRef>,
    /// For what is hard.
    pub large: Vec<ModelRef>,
}

/// Where time and chance come from.
#[derive(Clone, Copy)]
pub struct Sources {
    /// Milliseconds since 1970.
    pub unix_ms: fn() -> i64,
    /// Evenly from 0 to 1.
    pub random: fn() -> f64,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not an HTTP address.
    #[error("provider {provider:?}: base_url")]
    BaseUrl {
        /// Its name.
        provider: String,
        /// Why.
        #[source]
        source: InvalidEntry,
    },
    /// The key is no header.
    #[error("provider {provider:?}: api_key")]
    Key {
        /// Its name.
        provider: String,
        /// Why.
        #[source]
        source: InvalidKey,
    },
    /// No HTTP client.
    #[error("provider {provider:?}")]
    Client {
        /// Its name.
        provider: String,
        /// Why.
        #[source]
        source: outbound::BuildError,
    },
    /// A model of a provider that is not there.
    #[error("there is no provider {0:?}")]
    UnknownProvider(String),
    /// A role without any model.
    #[error("no model is named")]
    NoModel,
    /// The embedded prices.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Models that are known beside each other; further ones are met as strangers each time.
const MAX_MEMBERS: usize = 256;

/// Every provider, with what is known of each. Roles share them, so that one's failures spare the others.
pub struct Models {
    providers: BTreeMap<String, Arc<Provider>>,
    members: Mutex<BTreeMap<ModelRef, Arc<Member>>>,
    prices: Prices,
    record_content: bool,
    sources: Sources,
}

impl Models {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn open(settings: Settings, sources: Sources) -> Result<Self, OpenError> {
        let open = |(name, settings): (String, ProviderSettings)| {
            let provider = provider(&name, settings, sources)?;
            Ok((name, Arc::new(provider)))
        };
        Ok(Self {
            providers: settings
                .providers
                .into_iter()
                .map(open)
                .collect::<Result<_, OpenError>>()?,
            members: Mutex::default(),
            prices: Prices::new(settings.prices)?,
            record_content: settings.record_content,
            sources,
        })
    }

    /// There is no provider, so nobody could be asked.
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }

    /// The models of a role; before them is asked what a rollout chose for the work.
    ///
    /// # Errors
    /// Where one of them has no provider, or a size has no model.
    pub fn chat(self: &Arc<Self>, tiers: &Tiers) -> Result<Arc<dyn Chat>, OpenError> {
        let small = self.chain(&tiers.small)?;
        let standard = self.chain(&tiers.standard)?;
        let large = self.chain(&tiers.large)?;
        let of = move |tier| match tier {
            Tier::Small => small.clone(),
            Tier::Standard => standard.clone(),
            Tier::Large => large.clone(),
        };
        Ok(Arc::new(Chain::new(of, Arc::clone(self))))
    }

    /// What a rollout chose for the work, and nobody else.
    pub fn chosen(self: &Arc<Self>) -> Arc<dyn Chat> {
        Arc::new(Chain::new(|_| Arc::default(), Arc::clone(self)))
    }

    fn chain(&self, models: &[ModelRef]) -> Result<Arc<[Arc<Member>]>, OpenError> {
        if models.is_empty() {
            return Err(OpenError::NoModel);
        }
        models.iter().map(|model| self.member(model)).collect()
    }

    fn member(&self, model: &ModelRef) -> Result<Arc<Member>, OpenError> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = members.get(model) {
            return Ok(Arc::clone(known));
        }
        let provider = self.providers.get(&model.provider);
        let provider = provider.ok_or_else(|| OpenError::UnknownProvider(model.provider.clone()))?;
        let breaker = Breaker::new(self.sources.random);
        let price = self.prices.of(&model.model);
        let member = Member::new(Arc::clone(provider), &model.model, breaker, price, self.sources.random);
        let member = Arc::new(member);
        if members.len() < MAX_MEMBERS {
            members.insert(model.clone(), Arc::clone(&member));
        }
        Ok(member)
    }
}

fn provider(name: &str, settings: ProviderSettings, sources: Sources) -> Result<Provider, OpenError> {
    let (default_url, kind) = match settings.speaks {
        Speaks::OpenAi => (openai::BASE_URL, "openai"),
        Speaks::Anthropic => (anthropic::BASE_URL, "anthropic"),
    };
    let base_url = settings.base_url.as_deref().unwrap_or(default_url);
    let limits = Limits {
        connect_timeout: settings.patience.connect,
        max_response_bytes: MAX_ANSWER_BYTES,
        ..Limits::default()
    };
    let (client, mut url) = guarded(name, base_url, limits)?;
    let protocol: Box<dyn Protocol> = match settings.speaks {
        Speaks::OpenAi => Box::new(OpenAi::at(&url)),
        Speaks::Anthropic => Box::new(Anthropic),
    };
    let path = format!("{}/{}", url.path().trim_end_matches('/'), protocol.path(url.path()));
    url.set_path(&path);
    let headers = protocol
        .headers(settings.api_key.as_deref())
        .map_err(|source| OpenError::Key {
            provider: name.to_owned(),
            source,
        })?;
    let patience = settings.patience;
    // Noticed before the whole time is over, so that silence and an endless answer can be told apart.
    let silence = |limit: Duration| limit.min(patience.total.mul_f64(0.9));
    let reach = Reach {
        url,
        headers,
        key: settings.api_key,
        timeout: patience.total,
        pace: Pace {
            first_byte: silence(patience.first_byte),
            idle: silence(patience.idle),
        },
        unix_ms: sources.unix_ms,
    };
    Ok(Provider {
        name: name.to_owned(),
        kind,
        endpoint: Endpoint::new(client, protocol, reach),
        gate: Arc::new(Gate::new(settings.bounds, Instant::now())),
        max_output_tokens: settings.max_output_tokens,
    })
}

/// A client that calls this server and no other.
pub(crate) fn guarded(name: &str, base_url: &str, limits: Limits) -> Result<(Client, Url), OpenError> {
    let mut allow = AllowList::new(Unlisted::Refused);
    let bad_url = |source| OpenError::BaseUrl {
        provider: name.to_owned(),
        source,
    };
    allow.allow(base_url).map_err(bad_url)?;
    let url = Url::parse(base_url).map_err(|error| {
        bad_url(InvalidEntry {
            entry: base_url.to_owned(),
            reason: error.to_string(),
        })
    })?;
    let client = Client::new(allow, limits).map_err(|source| OpenError::Client {
        provider: name.to_owned(),
        source,
    })?;
    Ok((client, url))
}
