//! The sources of settings and which of them each value came from.

use super::path::Path;
use figment::value::{Dict, Map, Value as Tagged};
use figment::{Error, Figment, Metadata, Profile, Provider};
use serde_json::Value;

/// One source, its lists as tables by name.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// File, variable or flag.
    pub(super) origin: String,
    /// It is a file, where no secret may stand as plain text outside development.
    pub(super) is_file: bool,
    /// A table.
    pub(super) data: Value,
}

impl Layer {
    /// One setting alone.
    pub(super) fn single(origin: String, path: &[String], value: Value) -> Self {
        let nest = |inner, part: &String| Value::Object([(part.clone(), inner)].into_iter().collect());
        Self {
            origin,
            is_file: false,
            data: path.iter().rev().fold(value, nest),
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let metadata = Metadata::named(self.origin.clone());
        if self.is_file {
            metadata.source(std::path::Path::new(&self.origin))
        } else {
            metadata
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let value = Tagged::serialize(&self.data)?;
        Ok(Profile::Default.collect(value.into_dict().unwrap_or_default()))
    }
}

/// The merged layers.
pub(super) struct Layers {
    figment: Figment,
    root: Tagged,
}

impl Layers {
    /// The later over the earlier.
    pub(super) fn merge(layers: impl IntoIterator<Item = Layer>) -> Result<Self, String> {
        let figment = layers.into_iter().fold(Figment::new(), Figment::merge);
        let root = figment.find_value("").map_err(|error| error.to_string())?;
        Ok(Self { figment, root })
    }

    /// All settings, lists as tables by name.
    pub(super) fn value(&self) -> Value {
        serde_json::to_value(&self.root).unwrap_or_default()
    }

    /// The source of a setting; of one that is absent, the source of the table it is absent from.
    pub(super) fn origin(&self, path: &Path) -> (String, bool) {
        let mut found = &self.root;
        for part in path {
            let next = match found {
                Tagged::Dict(_, table) => table.get(part),
                Tagged::Array(_, elements) => part.parse().ok().and_then(|n: usize| elements.get(n)),
                _ => None,
            };
            match next {
                Some(next) => found = next,
                None => break,
            }
        }
        match self.figment.get_metadata(found.tag()) {
            Some(metadata) => (metadata.name.to_string(), metadata.source.is_some()),
            None => ("configuration".to_owned(), false),
        }
    }
}
