//! Every format against its published shape, and what it takes and leaves.

use super::*;
use crate::record::tests::completed;
use crate::record::{Split, from_raw};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::RowAccessor;
use serde_json::{Value, json};

fn record(raw: &Value) -> TrainingRecord {
    let mut record = from_raw("0192e4a0-0000-7000-8000-000000000001", &raw.to_string(), None).unwrap();
    record.cluster = "0192e4a0-0000-7000-8000-00000000000c".to_owned();
    record.split = Split::of(&record.cluster);
    record
}

/// Repaired by feedback: `draft` was blamed in round 0, and better in round 1; a human edited the result.
fn repaired() -> Value {
    let mut raw = completed();
    raw["task"]["plan"]["steps"][1]["round"] = json!(1);
    raw["other_outputs"] = json!({ "draft": [{ "round": 0, "output": "too short" }] });
    raw["drafts"] = json!([{ "channel": "blog", "content": "# AI, unedited" }]);
    raw
}

fn file(format: Format, records: &[TrainingRecord]) -> Vec<u8> {
    let mut file = format.begin().unwrap();
    for record in records {
        file.add(record).unwrap();
    }
    file.finish().unwrap();
    file.take()
}

fn lines(format: Format, raw: &Value) -> Vec<Value> {
    let bytes = file(format, &[record(raw)]);
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_line_satisfies_the_published_shape_of_its_format_alone() {
    let formats = [Format::Jsonl, Format::OpenaiChat, Format::Dpo, Format::Sharegpt];
    for format in formats {
        let lines = lines(format, &repaired());
        assert!(!lines.is_empty(), "{format:?}");
        for other in formats {
            let shape = jsonschema::draft202012::new(&shape(other)).unwrap();
            for line in &lines {
                let errors: Vec<String> = shape.iter_errors(line).map(|error| error.to_string()).collect();
                assert_eq!(
                    errors.is_empty(),
                    format == other,
                    "{format:?} as {other:?}: {errors:?}"
                );
            }
        }
    }
}

#[test]
fn a_chat_is_the_request_and_the_plan_that_did_well() {
    let line = &lines(Format::OpenaiChat, &completed())[0];
    let plan: Value = serde_json::from_str(line["messages"][2]["content"].as_str().unwrap()).unwrap();
    assert_eq!(plan, completed()["plan"]);
    let user = line["messages"][1]["content"].as_str().unwrap();
    assert!(
        user.starts_with("Write about AI") && user.contains("Channels: blog"),
        "{user}"
    );
    let case = |change: &dyn Fn(&mut Value)| {
        let mut raw = completed();
        change(&mut raw);
        let uses = Uses::of(&record(&raw));
        assert_eq!(uses.example, !lines(Format::OpenaiChat, &raw).is_empty());
        uses.example
    };
    assert!(case(&|_| {}));
    assert!(!case(&|raw| raw["task"]["status"] = json!("failed")));
    assert!(!case(&|raw| raw["gates"][2]["action"] = json!("reject")));
    assert!(!case(&|raw| {
        raw["plan"] = Value::Null;
        raw["task"]["plan"] = Value::Null;
    }));
}

#[test]
fn pairs_come_of_repairs_that_helped_and_of_edits() {
    let lines = lines(Format::Dpo, &repaired());
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let content = |of: &str| line[of][0]["content"].as_str().unwrap().to_owned();
            (content("preferred_output"), content("non_preferred_output"))
        })
        .collect();
    let pair = |good: &str, bad: &str| (good.to_owned(), bad.to_owned());
    assert_eq!(told, [pair("plain text", "too short"), pair("# AI", "# AI, unedited")]);
    let user = lines[0]["input"]["messages"][1]["content"].as_str().unwrap();
    assert!(
        user.contains("Arguments: {\"facts\":{\"facts\":[\"a\"]}}"),
        "inputs stand in the prompt: {user}"
    );
}

#[test]
fn no_pair_comes_of_other_inputs_a_small_gain_or_a_step_nobody_blamed() {
    let repairs = |change: &dyn Fn(&mut Value)| {
        let mut raw = repaired();
        raw["drafts"] = json!([]);
        change(&mut raw);
        lines(Format::Dpo, &raw).len()
    };
    assert_eq!(repairs(&|_| {}), 1);
    assert_eq!(
        repairs(&|raw| {
            raw["task"]["plan"]["steps"][0]["round"] = json!(1);
            raw["other_outputs"]["research"] = json!([{ "round": 0, "output": { "facts": ["b"] } }]);
        }),
        0,
        "its input was another one"
    );
    assert_eq!(
        repairs(&|raw| raw["assessments"][1]["dimensions"]["accuracy"]["score"] = json!(0.45)),
        0
    );
    assert_eq!(
        repairs(&|raw| raw["assessments"][0]["blamed"] = json!({})),
        1,
        "a failed check blames, too"
    );
    assert_eq!(
        repairs(&|raw| {
            raw["assessments"][0]["blamed"] = json!({});
            raw["assessments"][0]["failed_checks"] = json!([]);
        }),
        0
    );
    assert_eq!(repairs(&|raw| raw["task"]["status"] = json!("rejected")), 0);
}

#[test]
fn a_parquet_file_holds_every_record_whole_in_groups_of_bounded_size() {
    let records: Vec<_> = (0..10_000)
        .map(|n| {
            let mut raw = repaired();
            raw["submission"]["request"] = json!(format!("request {n}"));
            if n % 3 == 0 {
                raw["intent"] = Value::Null;
                raw["task"]["quality"] = Value::Null;
                raw["assessments"] = json!([]);
            }
            record(&raw)
        })
        .collect();
    let bytes = file(Format::Parquet, &records);
    assert_eq!(
        bytes,
        file(Format::Parquet, &records),
        "nothing in it depends on when it was written"
    );
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    assert!(reader.metadata().num_row_groups() > 2);
    let mut rows = 0;
    for (row, record) in reader.get_row_iter(None).unwrap().zip(&records) {
        let row = row.unwrap();
        let columns: Vec<String> = row.get_column_iter().map(|(name, _)| name.clone()).collect();
        let at = |name: &str| columns.iter().position(|column| column == name).unwrap();
        assert_eq!(row.get_string(at("request")).unwrap(), &record.request);
        let json_of = |name: &str| serde_json::from_str::<Value>(row.get_string(at(name)).unwrap()).unwrap();
        assert_eq!(json_of("steps"), json!(record.steps));
        assert_eq!(json_of("labels"), json!(record.labels));
        let overall = record.quality.as_ref().and_then(|quality| quality.overall);
        assert_eq!(row.get_double(at("quality_overall")).ok(), overall);
        assert_eq!(row.get_string(at("intent")).is_ok(), record.intent.is_some());
        rows += 1;
    }
    assert_eq!(rows, records.len());
    let shape = shape(Format::Parquet);
    let schema = reader.metadata().file_metadata().schema_descr();
    let columns: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
    let mut described: Vec<&str> = shape["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut sorted = columns.clone();
    sorted.sort_unstable();
    described.sort_unstable();
    assert_eq!(sorted, described);
}
