use super::ModelFile;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Of a file that a trainer writes beside an adapter.
const MOST_CONFIG: usize = 1 << 20;

/// What `adapter_config.json` says, as PEFT writes it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct AdapterConfig {
    /// Kind of adapter.
    pub peft_type: String,
    /// What it was made for.
    pub base_model_name_or_path: String,
    /// Its rank.
    pub r: u64,
    /// Other ranks, by what they are the ranks of.
    #[serde(default)]
    pub rank_pattern: BTreeMap<String, u64>,
}

/// The model that an adapter is to be loaded on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// Names that mean it: of its repository, or its registered name.
    pub names: Vec<String>,
    /// As its header has it, where that is known.
    pub architecture: Option<String>,
}

/// Why an adapter does not fit.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// Its configuration is missing, or unreadable.
    #[error("adapter_config.json: {0}")]
    Config(String),
    /// The file is a whole model.
    #[error("the file is no adapter")]
    NoAdapter,
    /// Made for another model.
    #[error("the adapter was made for {made_for}, and the base is {base}")]
    WrongBase {
        /// What it says.
        made_for: String,
        /// What it is to be loaded on.
        base: String,
    },
    /// What serves it could not.
    #[error("a rank of {rank}; at most {most} are served")]
    RankTooHigh {
        /// Its rank.
        rank: u64,
        /// The limit.
        most: u64,
    },
}

impl AdapterConfig {
    /// Reads one.
    ///
    /// # Errors
    /// When it is too long, no JSON, or says no base and rank.
    pub fn read(json: &[u8]) -> Result<Self, AdapterError> {
        if json.len() > MOST_CONFIG {
            return Err(AdapterError::Config("more than 1 MiB".to_owned()));
        }
        serde_json::from_slice(json).map_err(|error| AdapterError::Config(error.to_string()))
    }

    fn rank(&self) -> u64 {
        self.rank_pattern.values().copied().fold(self.r, u64::max)
    }
}

/// Whether an adapter fits a base, and is served at all. `config` belongs to safetensors; GGUF says it by itself.
///
/// # Errors
/// When it does not.
pub fn check_adapter(
    file: &ModelFile,
    config: Option<&AdapterConfig>,
    base: &Base,
    most_rank: u64,
) -> Result<(), AdapterError> {
    let lora = file.adapter.as_ref().ok_or(AdapterError::NoAdapter)?;
    if let Some(config) = config.filter(|config| config.peft_type != "LORA") {
        return Err(AdapterError::Config(format!(
            "adapters of type {} are not served",
            config.peft_type
        )));
    }
    if config.is_some_and(|config| lora.rank > config.rank()) {
        return Err(AdapterError::Config(format!(
            "the matrices have a rank of {}",
            lora.rank
        )));
    }
    let rank = config.map_or(lora.rank, AdapterConfig::rank).max(lora.rank);
    if rank > most_rank {
        return Err(AdapterError::RankTooHigh { rank, most: most_rank });
    }
    let of_other = |made_for: &str| AdapterError::WrongBase {
        made_for: made_for.to_owned(),
        base: base.names.first().cloned().unwrap_or_default(),
    };
    let architectures = file.architecture.as_deref().zip(base.architecture.as_deref());
    if let Some((its, _)) = architectures.filter(|(its, bases)| its != bases) {
        return Err(of_other(&format!("an architecture of {its}")));
    }
    let configured = config.map(|config| config.base_model_name_or_path.clone());
    let made_for: Vec<String> = configured.into_iter().chain(lora.base.iter().cloned()).collect();
    match made_for.first() {
        // GGUF often says no more than that.
        None if architectures.is_some() => Ok(()),
        None => Err(AdapterError::Config(
            "nothing says which model the adapter was made for".to_owned(),
        )),
        Some(_) if made_for.iter().any(|name| base.names.contains(name)) => Ok(()),
        Some(first) => Err(of_other(first)),
    }
}
