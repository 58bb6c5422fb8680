//! Reading the fields of an object one by one.

use super::faults::{Faults, Kind};
use super::names::{MAX_STEP_KEY, unfit_name, unreadable};
use crate::json::kind;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// An object whose fields are taken out; what is left over in the end is unknown.
///
/// An optional field that is null counts as absent.
pub struct Fields<'f> {
    map: Map<String, Value>,
    base: String,
    faults: &'f mut Faults,
}

impl<'f> Fields<'f> {
    /// Of `map`, whose JSON pointer is `base`.
    pub fn new(map: Map<String, Value>, base: impl Into<String>, faults: &'f mut Faults) -> Self {
        Self {
            map,
            base: base.into(),
            faults,
        }
    }

    /// Where faults go.
    pub fn faults(&mut self) -> &mut Faults {
        self.faults
    }

    /// JSON pointer of a field.
    pub fn pointer(&self, name: &str) -> String {
        pointer(&self.base, name)
    }

    /// Notes that a field is wrong.
    pub fn fault(&mut self, name: &str, detail: impl Into<String>) {
        let pointer = self.pointer(name);
        self.faults.value(pointer, detail);
    }

    /// The field as it is.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|v| !v.is_null())
    }

    /// Notes that a field must be there.
    pub fn required(&mut self, name: &str, what: &str) {
        self.fault(name, format!("required: {what}"));
    }

    /// A string of so many characters.
    pub fn text(&mut self, name: &str, characters: RangeInclusive<usize>) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => {
                if !fits(&text, &characters) {
                    let (least, most) = (characters.start(), characters.end());
                    self.fault(name, format!("must have {least} to {most} characters"));
                }
                Some(text)
            }
            other => self.wrong(name, "a string", &other),
        }
    }

    /// Key of a step.
    pub fn step_key(&mut self, name: &str) -> Option<String> {
        let key = self.text(name, 1..=MAX_STEP_KEY)?;
        if let Some(why) = unreadable(&key) {
            self.fault(name, why);
        }
        Some(key)
    }

    /// A finite number within a range.
    pub fn number(&mut self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.take(name)?;
        let Some(number) = value.as_f64().filter(|n| n.is_finite()) else {
            return self.wrong(name, "a finite number", &value);
        };
        if !range.contains(&number) {
            self.fault(name, format!("must be from {} to {}", range.start(), range.end()));
        }
        Some(number)
    }

    /// A whole number within a range.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(name)?;
        // 3.0 is an integer, as in JSON Schema; casts saturate, so the range check sees big ones.
        let whole = value
            .as_i64()
            .or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64));
        let Some(number) = whole else {
            return self.wrong(name, "an integer", &value);
        };
        if !range.contains(&number) {
            self.fault(name, format!("must be from {} to {}", range.start(), range.end()));
        }
        Some(number)
    }

    /// True or false.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            other => self.wrong(name, "true or false", &other),
        }
    }

    /// An object.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(map) => Some(map),
            other => self.wrong(name, "an object", &other),
        }
    }

    /// A list of names, none twice.
    pub fn names(&mut self, name: &str, most: usize) -> Option<Vec<String>> {
        let items = match self.take(name)? {
            Value::Array(items) => items,
            other => return self.wrong(name, "an array of strings", &other),
        };
        if items.len() > most {
            self.fault(name, format!("must have at most {most} items"));
            return None;
        }
        let base = self.pointer(name);
        let mut names: Vec<String> = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let at = format!("{base}/{index}");
            match item {
                Value::String(text) => {
                    if let Some(why) = unfit_name(&text) {
                        self.faults.value(at, why);
                    } else if names.contains(&text) {
                        self.faults.value(at, "stands there twice");
                    } else {
                        names.push(text);
                    }
                }
                other => self
                    .faults
                    .value(at, format!("must be a string, it is {}", kind(&other))),
            }
        }
        Some(names)
    }

    /// Notes every field nobody took.
    pub fn finish(self) {
        for name in self.map.keys() {
            let detail = format!("unknown field {:?}", clipped(name));
            self.faults.push(Kind::UnknownField, pointer(&self.base, name), detail);
        }
    }

    /// Notes a wrong type.
    pub fn wrong<T>(&mut self, name: &str, expected: &str, found: &Value) -> Option<T> {
        self.fault(name, format!("must be {expected}, it is {}", kind(found)));
        None
    }
}

/// Appends a name to a JSON pointer.
pub fn pointer(base: &str, name: &str) -> String {
    format!("{base}/{}", clipped(name).replace('~', "~0").replace('/', "~1"))
}

/// At most 100 characters of a name from outside.
fn clipped(name: &str) -> &str {
    name.char_indices()
        .nth(100)
        .map_or(name, |(at, _)| name.get(..at).unwrap_or(name))
}

/// Counts characters only where bytes do not decide.
pub fn fits(text: &str, characters: &RangeInclusive<usize>) -> bool {
    let (least, most) = (*characters.start(), *characters.end());
    if text.len() < least || text.len() / 4 > most {
        return false;
    }
    (text.len() <= most && least <= 1) || characters.contains(&text.chars().count())
}
