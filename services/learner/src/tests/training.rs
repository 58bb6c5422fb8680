//! Training data as a whole: what goes out, comes in, and stays out.

use super::exports::{completed, learner, planted, ruled_by, rules, with_raw};
use super::{store, task};
use crate::cluster::bands;
use crate::export::Rules;
use crate::record::{Split, tests::completed as raw_record};
use crate::rpc::Learner;
use crate::store::{ExportState, NewRecord, Selection, Store};
use contracts::learner::learner_service_server::LearnerService;
use contracts::learner::{ExportDocument, GetMetricsRequest, ImportChunk, ListPatternsRequest};
use futures::stream;
use serde_json::{Value, json};
use service::config::TrainingConsent;
use std::collections::BTreeMap;
use tonic::Request;

/// Asks for `request`, and ends well.
fn asking(n: u32, request: &str, quality: f64) -> NewRecord {
    let mut raw = raw_record();
    raw["submission"]["request"] = json!(request);
    raw["task"]["quality"]["overall"] = json!(quality);
    with_raw(n, "acme", Some(quality), raw)
}

/// Repaired, edited, unjudged, failed, with personal data, much alike and not.
pub fn varied(count: u32) -> Vec<NewRecord> {
    let topics = [
        "ships",
        "the weather in spring",
        "old books",
        "electric bicycles",
        "tax law",
        "sourdough bread",
    ];
    (0..count)
        .map(|n| {
            let topic = topics[n as usize % topics.len()];
            let mut raw = raw_record();
            raw["submission"]["request"] = json!(format!(
                "{topic}: write {topic} number {n} to user{n}@example.com, {topic}"
            ));
            match n % 4 {
                0 => {
                    raw["task"]["plan"]["steps"][1]["round"] = json!(1);
                    raw["other_outputs"] = json!({ "draft": [{ "round": 0, "output": "too short" }] });
                }
                1 => raw["drafts"] = json!([{ "channel": "blog", "content": format!("# AI by +49 30 1234567{n}") }]),
                2 => {
                    raw["task"]["status"] = json!("failed");
                    raw["intent"] = Value::Null;
                }
                _ => raw["task"]["quality"]["overall"] = json!(0.1 + f64::from(n % 7) / 9.0),
            }
            let quality = raw.pointer("/task/quality/overall").and_then(Value::as_f64);
            with_raw(n, "acme", quality, raw)
        })
        .collect()
}

pub async fn import(learner: &Learner, bytes: &[u8]) -> Value {
    let first = ImportChunk {
        tenant: "acme".to_owned(),
        chunk: Vec::new(),
    };
    let rest = bytes.chunks(1000).map(|chunk| ImportChunk {
        tenant: String::new(),
        chunk: chunk.to_vec(),
    });
    let chunks: Vec<_> = std::iter::once(first).chain(rest).map(Ok).collect();
    let report = learner.imported(stream::iter(chunks)).await.unwrap();
    serde_json::from_str(&report.json).unwrap()
}

pub fn lines(bytes: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(bytes).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_is_exported_imported_and_exported_again_is_the_same_bytes() {
    let (here, there) = (store().await, store().await);
    here.keep(varied(100)).await.unwrap();
    let (first, bytes) = completed(&learner(&here), json!({})).await;
    assert_eq!(first["manifest"]["records"], 100);
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(!text.contains("@example.com") && !text.contains("1234567"));
    assert!(first["manifest"]["scrubbed"]["email"].as_u64() >= Some(100));

    let other = learner(&there);
    let report = import(&other, &bytes).await;
    assert_eq!(
        report,
        json!({"imported": 100, "duplicates": 0, "rejected": 0, "between_splits": 0, "errors": [], "errors_omitted": 0})
    );
    for format in ["jsonl", "openai-chat", "dpo", "sharegpt", "parquet"] {
        let (one, there_bytes) = completed(&other, json!({ "format": format })).await;
        let (two, here_bytes) = completed(&learner(&here), json!({ "format": format })).await;
        assert!(there_bytes == here_bytes && !here_bytes.is_empty(), "{format}");
        assert_eq!(one["sha256"], two["sha256"]);
        assert_eq!(one["manifest"]["splits"], two["manifest"]["splits"]);
        assert_eq!(
            (
                &one["manifest"]["origins"]["import"],
                &two["manifest"]["origins"]["import"]
            ),
            (&one["manifest"]["records"], &json!(0))
        );
    }
    let again = import(&other, &bytes).await;
    assert_eq!((&again["imported"], &again["duplicates"]), (&json!(0), &json!(100)));
    let home = import(&learner(&here), &bytes).await;
    assert_eq!(home["duplicates"], 100, "its own records come back as themselves");
    assert_eq!(completed(&other, json!({})).await.1, bytes);
    assert_eq!(completed(&other, json!({"origin": "live"})).await.1, b"");
}

#[tokio::test]
async fn records_much_alike_are_in_one_part_and_the_file_of_a_part_is_that_part() {
    let store = store().await;
    store.keep(varied(150)).await.unwrap();
    let learner = learner(&store);
    let (document, bytes) = completed(&learner, json!({})).await;
    let records = lines(&bytes);
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    let leaks = |part: &dyn Fn(&Value) -> String| {
        let signed: Vec<_> = records
            .iter()
            .map(|record| (bands(&text(record, "request")), part(record)))
            .collect();
        let pairs = signed
            .iter()
            .enumerate()
            .flat_map(|(n, one)| signed.iter().skip(n + 1).map(move |other| (one, other)));
        pairs
            .filter(|(one, other)| one.1 != other.1 && one.0.iter().zip(&other.0).any(|(a, b)| a == b))
            .count()
    };
    assert_eq!(leaks(&|record| text(record, "split")), 0);
    assert!(
        leaks(&|record| format!("{:?}", Split::of(&text(record, "record_id")))) > 100,
        "a split by row leaks"
    );
    let mut together = Vec::new();
    for split in ["train", "validation", "test"] {
        let (part, bytes) = completed(&learner, json!({ "split": split })).await;
        let records = lines(&bytes);
        assert!(records.iter().all(|record| record["split"] == split));
        assert_eq!(
            part["manifest"]["removed_by"]["split"].as_u64(),
            Some(150 - records.len() as u64)
        );
        together.extend(records);
    }
    assert_eq!(together.len(), 150);
    assert_eq!(
        document["manifest"]["clusters"]["largest"].as_object().unwrap().len(),
        document["manifest"]["clusters"]["count"].as_u64().unwrap() as usize
    );
}

#[tokio::test]
async fn a_limit_draws_from_every_kind_of_request_in_proportion() {
    let store = store().await;
    let kinds = [
        ("Summarise the minutes of our weekly meeting in five points", 800, 0.95),
        ("Draft a friendly answer to a complaint about a late parcel", 150, 0.8),
        (
            "Prove that the scheduler of our factory line never starves a job",
            50,
            0.4,
        ),
    ];
    let requests = kinds
        .iter()
        .flat_map(|(request, count, quality)| vec![(*request, *quality); *count]);
    let records: Vec<_> = (0..)
        .zip(requests)
        .map(|(n, (request, quality))| asking(n, request, quality))
        .collect();
    store.keep(records).await.unwrap();
    let learner = learner(&store);
    let drawn = async |options: Value| {
        let (document, bytes) = completed(&learner, options).await;
        assert_eq!(document["manifest"]["removed_by"]["limit"], 900);
        lines(&bytes)
    };
    let shares = |records: &[Value]| {
        kinds.map(|(request, ..)| records.iter().filter(|record| record["request"] == request).count())
    };
    let first = drawn(json!({"limit": 100})).await;
    let of = |shares: [usize; 3]| {
        shares
            .iter()
            .zip([80, 15, 5])
            .all(|(share, fair)| share.abs_diff(fair) <= 1)
    };
    assert!(of(shares(&first)), "{:?}", shares(&first));
    // The wrong way: the best 100. Whoever is hard is gone.
    let mut all = lines(&completed(&learner, json!({})).await.1);
    all.sort_by(|a, b| {
        b["quality"]["overall"]
            .as_f64()
            .unwrap()
            .total_cmp(&a["quality"]["overall"].as_f64().unwrap())
    });
    all.truncate(100);
    assert!(!of(shares(&all)) && shares(&all)[2] == 0, "{:?}", shares(&all));

    assert_eq!(drawn(json!({"limit": 100, "seed": 0})).await, first);
    let other = drawn(json!({"limit": 100, "seed": 1})).await;
    assert!(other != first && of(shares(&other)));
    let ids = |records: &[Value]| {
        records
            .iter()
            .map(|record| record["record_id"].to_string())
            .collect::<Vec<_>>()
    };
    assert!(ids(&first).is_sorted(), "a draw is in the order of the file");
}

#[tokio::test]
async fn what_its_owner_denied_is_never_exported() {
    let store = store().await;
    let says = |n: u32, word: Option<&str>| {
        let mut raw = raw_record();
        raw["submission"]["request"] = json!(format!("request {n}"));
        if let Some(word) = word {
            raw["submission"]["metadata"]["training_consent"] = json!(word);
        }
        with_raw(n, "acme", Some(0.9), raw)
    };
    let words = [
        None,
        Some("granted"),
        Some("denied"),
        Some("no, please"),
        Some("unknown"),
    ];
    let records = (0..).zip(words).map(|(n, word)| says(n, word)).collect();
    store.keep(records).await.unwrap();
    let exported = async |default: TrainingConsent, options: Value| {
        let ruled = ruled_by(
            &store,
            Rules {
                consent: default,
                ..rules()
            },
        );
        let (document, bytes) = completed(&ruled, options).await;
        let taken: Vec<String> = lines(&bytes)
            .iter()
            .map(|r| format!("{} {}", r["request"], r["consent"]).replace('"', ""))
            .collect();
        assert_eq!(
            document["manifest"]["removed_by"]["consent"].as_u64(),
            Some(5 - taken.len() as u64)
        );
        taken.join(", ").replace("request ", "")
    };
    use TrainingConsent::{Denied, Granted, Unknown};
    assert_eq!(exported(Unknown, json!({})).await, "0 unknown, 1 granted, 4 unknown");
    assert_eq!(exported(Unknown, json!({"consent": "granted"})).await, "1 granted");
    assert_eq!(
        exported(Granted, json!({"consent": "granted"})).await,
        "0 granted, 1 granted, 4 granted"
    );
    assert_eq!(exported(Denied, json!({})).await, "1 granted");
}

/// A line that can be imported.
pub async fn good_line() -> Value {
    let store = store().await;
    store.keep(vec![planted(1, "acme", Some(0.9))]).await.unwrap();
    lines(&completed(&learner(&store), json!({})).await.1).remove(0)
}

#[tokio::test]
async fn each_line_is_taken_or_refused_for_itself_and_its_number_is_told() {
    let store = store().await;
    let learner = learner(&store);
    let good = good_line().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut line = good.clone();
        change(&mut line);
        line.to_string()
    };
    let id = "0192e4a0-0000-7000-8000-0000000000ff";
    let other = |line: &mut Value| line["record_id"] = json!(id);
    let twice = with(&other).replacen("{", r#"{"request":"first","#, 1);
    let cases = [
        (good.to_string(), None),
        (String::new(), None),
        ("[1]".to_owned(), Some("")),
        ("{\"a\":".to_owned(), Some("")),
        (format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), Some("")),
        (with(&|line| line["schema_version"] = json!(9)), Some("/schema_version")),
        (with(&|line| line["record_id"] = json!("x")), Some("/record_id")),
        (
            with(&|line| line["steps"][0]["attempt"] = json!("one")),
            Some("/steps/0/attempt"),
        ),
        (with(&|line| line["extra"] = json!(1)), Some("")),
        (with(&|line| line["consent"] = json!("denied")), Some("/consent")),
        (
            with(&|line| line["context"]["finished_at"] = json!("yesterday")),
            Some("/context/finished_at"),
        ),
        (
            with(&|line| line["split"] = json!(if line["split"] == "test" { "train" } else { "test" })),
            Some("/split"),
        ),
        (
            with(&|line| line["reasoning"] = json!("another one")),
            Some("/record_id"),
        ),
        (twice, Some("")),
        (with(&other), None),
        (format!("\u{feff}{}\r", with(&other)), None),
    ];
    let mut bytes: Vec<u8> = cases
        .iter()
        .map(|(line, _)| line.as_str())
        .collect::<Vec<_>>()
        .join("\n")
        .into_bytes();
    bytes.extend_from_slice(b"\n\xff\xfe\n");
    let report = import(&learner, &bytes).await;
    let refused: BTreeMap<u64, &str> = (1..)
        .zip(&cases)
        .filter_map(|(n, (_, pointer))| Some((n, (*pointer)?)))
        .chain([(17, "")])
        .collect();
    let errors = report["errors"].as_array().unwrap();
    let mut told: BTreeMap<u64, &str> = BTreeMap::new();
    for error in errors {
        told.insert(error["line"].as_u64().unwrap(), error["pointer"].as_str().unwrap());
        assert!(
            error["detail"]
                .as_str()
                .is_some_and(|detail| (1..=300).contains(&detail.len())),
            "{error}"
        );
    }
    assert_eq!(told, refused, "{report}");
    assert_eq!(
        (&report["imported"], &report["duplicates"], &report["rejected"]),
        (&json!(2), &json!(1), &json!(refused.len()))
    );
    let many = "nonsense\n".repeat(1000);
    let report = import(&learner, many.as_bytes()).await;
    assert_eq!(
        (report["errors"].as_array().unwrap().len(), &report["errors_omitted"]),
        (100, &json!(900))
    );
}

#[tokio::test]
async fn what_is_imported_is_scrubbed_placed_and_in_no_figure() {
    let store = store().await;
    store
        .keep(vec![planted(1, "acme", Some(0.5)), planted(2, "acme", Some(0.9))])
        .await
        .unwrap();
    let learner = learner(&store);
    let figures = async || {
        let metrics = GetMetricsRequest {
            tenant: "acme".to_owned(),
            days: 3650,
        };
        let patterns = ListPatternsRequest {
            tenant: "acme".to_owned(),
            limit: 10,
            ..ListPatternsRequest::default()
        };
        let metrics = learner
            .get_metrics(Request::new(metrics))
            .await
            .unwrap()
            .into_inner()
            .json;
        let metrics: Value = serde_json::from_str(&metrics).unwrap();
        let counts: BTreeMap<String, Value> = metrics
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, figure)| (name.clone(), json!([figure["value"], figure["n"]])))
            .collect();
        (
            counts,
            learner
                .list_patterns(Request::new(patterns))
                .await
                .unwrap()
                .into_inner()
                .json,
        )
    };
    let before = figures().await;
    let mut line = good_line().await;
    line["record_id"] = json!("0192e4a0-0000-7000-8000-0000000000aa");
    line["cluster"] = json!("");
    line["request"] = json!("Mail the numbers to bob@example.com");
    let report = import(&learner, line.to_string().as_bytes()).await;
    assert_eq!(report["imported"], 1);
    assert_eq!(figures().await, before);
    let (document, bytes) = completed(&learner, json!({"origin": "import"})).await;
    let record = &lines(&bytes)[0];
    assert_eq!(
        (&record["request"], document["count"].as_u64()),
        (&json!("Mail the numbers to <email_1>"), Some(1))
    );
    let cluster = record["cluster"].as_str().unwrap();
    assert_eq!(record["split"], json!(Split::of(cluster)));
    assert_eq!(completed(&learner, json!({"origin": "all"})).await.0["count"], 3);
    assert_eq!(completed(&learner, json!({"origin": "live"})).await.0["count"], 2);
}

#[tokio::test]
async fn nothing_of_an_erased_task_is_left() {
    let store = store().await;
    store
        .keep(vec![asking(1, "the only one of its kind", 0.9)])
        .await
        .unwrap();
    let other = asking(2, "Summarise the minutes of our weekly meeting", 0.9);
    store
        .keep(vec![
            other,
            asking(3, "Summarise the minutes of our weekly meeting", 0.9),
        ])
        .await
        .unwrap();
    let learner = learner(&store);
    let (_, bytes) = completed(&learner, json!({})).await;
    assert_eq!(lines(&bytes).len(), 3);
    let full = store.training_traces().await;
    assert_eq!((full[0], full[2]), (3, 2));
    store.erase_for_test("acme", &[task(1).0, task(2).0]).await;
    let left = store.training_traces().await;
    assert_eq!((left[0], left[2]), (1, 1));
    assert!(left[1] < full[1]);
    let (_, bytes) = completed(&learner, json!({})).await;
    assert_eq!(lines(&bytes)[0]["record_id"], json!(task(3).to_string()));
    store.erase_for_test("acme", &[task(3).0]).await;
    assert_eq!(store.training_traces().await, [0; 4]);
    import(&learner, &bytes).await;
    assert_eq!(store.training_traces().await[3], 1);
    store.erase_for_test("acme", &[task(3).0]).await;
    assert_eq!(store.training_traces().await, [0; 4]);
}

#[tokio::test]
async fn how_far_an_export_is_can_be_seen_while_it_runs() {
    let store = store().await;
    let id = service::ids::v7();
    let options = serde_json::to_string(&crate::export::parse("{}").unwrap()).unwrap();
    store.create_export(id, "acme", &options).await.unwrap();
    let mut writer = store.write_export(id, "acme").await.unwrap().unwrap();
    // Its snapshot is older than what is told of it.
    writer.count(&Selection::default()).await.unwrap();
    store.note_export_progress(id, 640, 10_001).await.unwrap();
    let row = store.export(id, "acme").await.unwrap().unwrap();
    let ExportDocument { json, running } = crate::export::document(&row);
    let document: Value = serde_json::from_str(&json).unwrap();
    assert!(running);
    assert_eq!(document["progress"], json!({"records_done": 640, "records": 10_001}));
    writer.complete("{}").await.unwrap();
    let row = store.export(id, "acme").await.unwrap().unwrap();
    assert_eq!(row.state, ExportState::Completed("{}".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_holds_up_nothing() {
    let store = store().await;
    let broken = NewRecord {
        json: "no JSON".to_owned(),
        ..planted(1, "acme", None)
    };
    store.keep(vec![broken, planted(2, "acme", Some(0.9))]).await.unwrap();
    let (document, bytes) = completed(&learner(&store), json!({})).await;
    assert_eq!(lines(&bytes).len(), 1);
    let manifest = &document["manifest"];
    assert_eq!(
        (&manifest["considered"], &manifest["removed_by"]["unreadable"]),
        (&json!(2), &json!(1))
    );
}

/// For tests of files: what a store's export of a format is.
pub async fn file(store: &Store, format: &str) -> Vec<u8> {
    completed(&learner(store), json!({ "format": format })).await.1
}

#[tokio::test]
async fn a_line_of_more_values_than_a_record_has_is_refused_before_it_is_read() {
    let store = store().await;
    let learner = learner(&store);
    let good = good_line().await;
    let mut hostile = good.clone();
    hostile["steps"] = json!([0]);
    let many = hostile
        .to_string()
        .replace("[0]", &format!("[{}0]", "0,".repeat(300_000)));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let report = import(&learner, format!("{many}\n{deep}\n{good}\n").as_bytes()).await;
    assert_eq!((&report["imported"], &report["rejected"]), (&json!(1), &json!(2)));
    let details: Vec<&str> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["detail"].as_str().unwrap())
        .collect();
    assert!(
        details[0].contains("values") && details[1].contains("levels"),
        "{details:?}"
    );
}
