//! Parsing into a value tree that refuses duplicate keys and remembers where a fault was.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::fmt;

/// Why a document is refused. Pointers are JSON pointers from its root.
#[derive(Debug)]
pub enum Fault {
    /// A key stands twice in one object.
    Duplicate { pointer: String },
    /// A number no double can hold.
    NumberOutOfRange { pointer: String },
    /// Not JSON.
    Syntax {
        message: String,
        line: usize,
        column: usize,
    },
}

/// Parses the whole of `text`.
///
/// # Errors
/// The first fault.
pub fn parse(text: &str) -> Result<Value, Fault> {
    let notes = Notes::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let root = Node {
        path: &Path::Root,
        notes: &notes,
    };
    root.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| fault(&error, notes))
}

fn fault(error: &serde_json::Error, notes: Notes) -> Fault {
    if let Some(pointer) = notes.duplicate.into_inner() {
        return Fault::Duplicate { pointer };
    }
    let message = error.to_string();
    if message.starts_with("number out of range") {
        let pointer = notes.failed_at.into_inner().unwrap_or_default();
        return Fault::NumberOutOfRange { pointer };
    }
    Fault::Syntax {
        message,
        line: error.line(),
        column: error.column(),
    }
}

/// Where things went wrong; errors of serde carry no place of their own.
#[derive(Default)]
struct Notes {
    duplicate: RefCell<Option<String>>,
    failed_at: RefCell<Option<String>>,
}

/// The way from the root, kept on the stack: a document without faults costs no allocation for it.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Path::Root => {}
            Path::Key(parent, key) => {
                parent.write(out);
                out.push('/');
                out.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Path::Index(parent, index) => {
                parent.write(out);
                out.push('/');
                out.push_str(&index.to_string());
            }
        }
    }

    fn pointer(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

#[derive(Clone, Copy)]
struct Node<'a> {
    path: &'a Path<'a>,
    notes: &'a Notes,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let result = deserializer.deserialize_any(self);
        if result.is_err() {
            // The innermost value fails first; its place is the one to tell.
            let mut place = self.notes.failed_at.borrow_mut();
            place.get_or_insert_with(|| self.path.pointer());
        }
        result
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let path = Path::Index(self.path, list.len());
            let node = Node {
                path: &path,
                notes: self.notes,
            };
            match items.next_element_seed(node)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let path = Path::Key(self.path, &key);
            if map.contains_key(&key) {
                self.notes.duplicate.replace(Some(path.pointer()));
                return Err(A::Error::custom("duplicate key"));
            }
            let node = Node {
                path: &path,
                notes: self.notes,
            };
            let value = entries.next_value_seed(node)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
