//! From sources to a `Config`, or to everything that is wrong with them.

use super::Config;
use super::fault::{Fault, Faults};
use super::keyed::{key_lists, strip_nulls, unkey_lists};
use super::layers::{Layer, Layers};
use super::path::{self, Path};
use super::schema::Schema;
use serde_json::Value;

const PREFIX: &str = "ORCHESTRATOR_";
const FILES: &str = "ORCHESTRATOR_CONFIG";
const LOCAL_FILE: &str = "ORCHESTRATOR_LOCAL_CONFIG";
const DEFAULT_LOCAL_FILE: &str = "deploy/local.toml";
/// Tables within tables, at most.
const MAX_LEVELS: usize = 8;
const DEFAULTS: &str = "built-in defaults";

/// Where settings come from, apart from files.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Environment variables; those that do not begin with `ORCHESTRATOR_` are ignored.
    pub environment: Vec<(String, String)>,
    /// `section.key` and value, over everything else.
    pub overrides: Vec<(String, String)>,
}

impl Sources {
    /// The environment of this process, and what its flags set.
    pub fn of_process(overrides: Vec<(String, String)>) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self {
            environment: std::env::vars_os()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            overrides,
        }
    }

    fn variable(&self, wanted: &str) -> Option<&str> {
        let found = self
            .environment
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads every source and checks the outcome. The error holds all faults at once.
pub fn load(sources: &Sources) -> Result<Config, Faults> {
    let schema = Schema::new().map_err(|reason| whole("built-in schema", reason))?;
    Loader {
        schema,
        faults: Vec::new(),
    }
    .load(sources)
}

fn whole(origin: &str, reason: String) -> Faults {
    Faults(vec![Fault {
        origin: origin.to_owned(),
        key: String::new(),
        reason,
        fix: "report it as a defect of this program".to_owned(),
    }])
}

struct Loader {
    schema: Schema,
    faults: Vec<Fault>,
}

impl Loader {
    fn load(mut self, sources: &Sources) -> Result<Config, Faults> {
        let layers = self.layers(sources)?;
        let keyed = layers.value();
        let mut value = keyed.clone();
        if let Value::Object(root) = &mut value {
            unkey_lists(root);
        }
        for violation in self.schema.violations(&value) {
            let path = path::by_name(&violation.pointer, &value, &keyed);
            self.add(&layers, path, violation.reason, violation.fix);
        }
        let is_channel = |name: &str| keyed.get("channels").and_then(|channels| channels.get(name)).is_some();
        match serde_json::from_value::<Config>(self.readable(&value)) {
            Ok(mut config) => {
                beside_their_files(&mut config, &layers);
                for check in config.validate(is_channel).found {
                    self.add(&layers, path::parse(&check.key), check.reason, check.fix);
                }
                if !config.service.development {
                    self.refuse_plain_secrets(&layers, &value, &keyed);
                }
                if self.faults.is_empty() {
                    Ok(config)
                } else {
                    Err(Faults(self.faults))
                }
            }
            // What was left out may have been needed to read the rest; what is known by now is told.
            Err(_) if !self.faults.is_empty() => Err(Faults(self.faults)),
            Err(error) => Err(whole("configuration", error.to_string())),
        }
    }

    /// `value` without what the schema says against it, so that the other settings can be checked, too.
    fn readable(&self, value: &Value) -> Value {
        let mut rest = value.clone();
        // What is left out may be required by its table, which then goes as well: a round for each level.
        for _ in 0..MAX_LEVELS {
            let violations = self.schema.violations(&rest);
            if violations.is_empty() {
                break;
            }
            // First null in place, so that the places of the others stay the same.
            for violation in violations {
                if let Some(found) = rest.pointer_mut(&violation.prune) {
                    *found = Value::Null;
                }
            }
            strip_nulls(&mut rest);
        }
        rest
    }

    fn add(&mut self, layers: &Layers, path: Path, reason: String, fix: String) {
        let (origin, _) = layers.origin(&path);
        let key = path::display(&path);
        self.faults.push(Fault {
            origin,
            key,
            reason,
            fix,
        });
    }

    fn refuse_plain_secrets(&mut self, layers: &Layers, value: &Value, keyed: &Value) {
        for pointer in self.schema.plain_secrets(value) {
            let path = path::by_name(&pointer, value, keyed);
            if layers.origin(&path).1 {
                let reason = "a secret stands in a file as plain text".to_owned();
                let fix = "write { env = \"NAME\" } or { file = \"path\" }".to_owned();
                self.add(layers, path, reason, fix);
            }
        }
    }

    fn layers(&mut self, sources: &Sources) -> Result<Layers, Faults> {
        let named = sources
            .variable(FILES)
            .unwrap_or_default()
            .split(':')
            .filter(|path| !path.is_empty());
        let files: Vec<Layer> = named.filter_map(|path| self.file(path)).collect();
        let variables = self.variables(sources);
        let defaults = self.defaults();
        let merge = |local: Option<Layer>| {
            let lower = std::iter::once(defaults.clone()).chain(local);
            let all = lower.chain(files.iter().cloned()).chain(variables.iter().cloned());
            Layers::merge(all).map_err(|reason| whole("configuration", reason))
        };
        let layers = merge(None)?;
        if layers.value().pointer("/service/development") != Some(&Value::Bool(true)) {
            return Ok(layers);
        }
        match sources.variable(LOCAL_FILE) {
            Some(path) => merge(self.file(path)),
            None if std::path::Path::new(DEFAULT_LOCAL_FILE).exists() => merge(self.file(DEFAULT_LOCAL_FILE)),
            None => Ok(layers),
        }
    }

    /// The defaults as a source, so that tables of theirs merge with tables of files. Secrets among them are redacted
    /// when written out; left out here, they are filled in when the rest is read.
    fn defaults(&self) -> Layer {
        let mut data = serde_json::to_value(Config::default()).unwrap_or_default();
        for pointer in self.schema.plain_secrets(&data) {
            remove(&mut data, &pointer);
        }
        strip_nulls(&mut data);
        if let Value::Object(root) = &mut data {
            // Has no faults: the built-in lists are empty.
            drop(key_lists(root));
        }
        Layer {
            origin: DEFAULTS.to_owned(),
            is_file: false,
            data,
        }
    }

    fn file(&mut self, path: &str) -> Option<Layer> {
        let fault = |key: String, reason: String, fix: &str| Fault {
            origin: path.to_owned(),
            key,
            reason,
            fix: fix.to_owned(),
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.faults.push(fault(
                    String::new(),
                    format!("cannot be read: {error}"),
                    "correct the path",
                ));
                return None;
            }
        };
        let mut data = match toml::from_str::<Value>(&text) {
            Ok(data) => data,
            Err(error) => {
                let line = error
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .map_or(1, |before| before.matches('\n').count() + 1);
                let reason = format!("line {line}: not TOML: {}", error.message());
                self.faults.push(fault(String::new(), reason, "correct the line"));
                return None;
            }
        };
        if let Value::Object(root) = &mut data {
            for (at, reason, fix) in key_lists(root) {
                self.faults.push(fault(path::display(&at), reason.to_owned(), &fix));
            }
        }
        Some(Layer {
            origin: path.to_owned(),
            is_file: true,
            data,
        })
    }

    /// The environment's settings and the flags', each a source of its own.
    fn variables(&self, sources: &Sources) -> Vec<Layer> {
        let setting = |(name, value): &(String, String)| {
            let path: Path = name.strip_prefix(PREFIX)?.split("__").map(str::to_lowercase).collect();
            (path.len() > 1).then(|| (name.clone(), path, value.clone()))
        };
        let from_environment = sources.environment.iter().filter_map(setting);
        let flag = |(key, value): &(String, String)| (format!("--set {key}"), path::parse(key), value.clone());
        let from_flags = sources.overrides.iter().map(flag);
        from_environment
            .chain(from_flags)
            .map(|(origin, path, raw)| Layer::single(origin, &path, read(&raw, &self.schema.types(&path))))
            .collect()
    }
}

/// Documents lie beside the file that names them.
fn beside_their_files(config: &mut Config, layers: &Layers) {
    for api in &mut config.apis {
        let (origin, is_file) = layers.origin(&path::parse(&format!("apis[{}].openapi", api.name)));
        let folder = std::path::Path::new(&origin).parent().filter(|_| is_file);
        let relative = api.openapi.as_deref().filter(|source| !source.contains("://"));
        if let (Some(folder), Some(relative)) = (folder, relative) {
            api.openapi = Some(folder.join(relative).to_string_lossy().into_owned());
        }
    }
}

/// A variable's text as the type its key wants: as it is where that is text, else as a TOML value where it is one.
fn read(raw: &str, types: &[&str]) -> Value {
    let wants_text = types.contains(&"string");
    let may_be_table = types.contains(&"object") && raw.trim_start().starts_with('{');
    if wants_text && !may_be_table {
        return Value::String(raw.to_owned());
    }
    let parsed = toml::from_str::<Value>(&format!("value = {raw}")).ok();
    let parsed = parsed.and_then(|mut document| document.get_mut("value").map(Value::take));
    parsed.unwrap_or_else(|| Value::String(raw.to_owned()))
}

fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(table)) = value.pointer_mut(parent) {
        table.remove(key);
    }
}
