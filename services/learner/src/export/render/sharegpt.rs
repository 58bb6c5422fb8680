//! Conversations in the shape of ShareGPT.

use super::{chat, lines};
use crate::record::TrainingRecord;
use serde_json::{Value, json};

/// One line for an example to follow.
pub fn lines(record: &TrainingRecord, to: &mut Vec<u8>) -> Result<u64, serde_json::Error> {
    let document = chat::turns(record).map(|[system, human, gpt]| {
        let turn = |from: &str, value: String| json!({ "from": from, "value": value });
        json!({
            "id": record.record_id,
            "split": record.split,
            "conversations": [turn("system", system), turn("human", human), turn("gpt", gpt)],
        })
    });
    lines::documents(&document.into_iter().collect::<Vec<Value>>(), to)
}
