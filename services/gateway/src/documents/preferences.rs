//! Preferences: a free map with two members of fixed meaning, `tone` and `channels`.

use super::fields::{Fields, pointer};
use super::names::unfit_name;
use serde_json::{Map, Value};
use std::io;

const MAX_BYTES: usize = 8 * 1024;
const MAX_CHANNELS: usize = 32;
const TONE_CHARACTERS: usize = 200;

/// Reads the field; absent is empty.
pub fn read(fields: &mut Fields, name: &str) -> Map<String, Value> {
    let Some(map) = fields.object(name) else {
        return Map::new();
    };
    if json_size(&map) > MAX_BYTES {
        fields.fault(name, format!("must be at most {MAX_BYTES} bytes of JSON"));
        return Map::new();
    }
    let base = fields.pointer(name);
    let faults = fields.faults();
    for key in map.keys() {
        if let Some(why) = unfit_name(key) {
            faults.value(pointer(&base, key), format!("the name {why}"));
        }
    }
    let known = ["tone", "channels"]
        .into_iter()
        .filter_map(|key| map.get(key).map(|value| (key.to_owned(), value.clone())))
        .collect();
    let mut known = Fields::new(known, base, faults);
    known.text("tone", 1..=TONE_CHARACTERS);
    known.names("channels", MAX_CHANNELS);
    known.finish();
    map
}

/// Bytes of the map as compact JSON, counted without building the text.
fn json_size(map: &Map<String, Value>) -> usize {
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, map) {
        Ok(()) => counter.0,
        Err(_) => usize::MAX,
    }
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
