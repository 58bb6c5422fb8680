//! Exports and imports hold a few records at a time, however many there are.

use super::exports::learner;
use super::store;
use crate::store::{Selection, Store};
use contracts::learner::ImportChunk;
use futures::stream;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const MIB: u64 = 1 << 20;

/// Resident memory of this process but for pages of its own file, bytes; none where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// By how much memory rose at most while something was done, and what came of it.
async fn watched<T>(doing: impl Future<Output = T>) -> (u64, T) {
    let before = resident().unwrap_or_default();
    let (most, over) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
    let watch = {
        let (most, over) = (Arc::clone(&most), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(resident().unwrap_or_default(), Ordering::Relaxed);
                sleep(Duration::from_millis(20)).await;
            }
        })
    };
    let done = doing.await;
    over.store(true, Ordering::Relaxed);
    watch.await.unwrap();
    (most.load(Ordering::Relaxed).saturating_sub(before), done)
}

/// Exports everything as `format`; tells by how much memory rose at most, and what was written.
async fn export(store: &Store, format: &str) -> (u64, Value) {
    watched(async {
        let learner = learner(store);
        let started = super::exports::start(&learner, "acme", json!({ "format": format }))
            .await
            .unwrap();
        let document = super::exports::ended(&learner, serde_json::from_str(&started.json).unwrap()).await;
        assert_eq!(document["state"], "completed", "{document}");
        document
    })
    .await
}

/// Imports as many other records like `line`, made while they are read; tells by how much memory rose at most.
async fn import(store: &Store, line: &Value, count: u32) -> (u64, Value) {
    let first = ImportChunk {
        tenant: "other".to_owned(),
        chunk: Vec::new(),
    };
    let line = line.clone();
    let rest = (0..count).map(move |n| {
        let mut record = line.clone();
        record["record_id"] = json!(format!("019d0000-0000-7000-8000-{n:012}"));
        record["cluster"] = json!("");
        record["request"] = json!(format!("record {n} of {}", n % 1000));
        ImportChunk {
            tenant: String::new(),
            chunk: format!("{record}\n").into_bytes(),
        }
    });
    let chunks = stream::iter(std::iter::once(first).chain(rest).map(Ok));
    let (rose, report) = watched(learner(store).imported(chunks)).await;
    (rose, serde_json::from_str(&report.unwrap().json).unwrap())
}

#[tokio::test]
async fn few_records_are_held_at_once_and_all_are_read_in_order() {
    let store = store().await;
    store.plant("acme", 150, 100).await;
    let learner = learner(&store);
    super::exports::completed(&learner, json!({})).await;
    let id = service::ids::v7();
    store.create_export(id, "acme", "{}").await.unwrap();
    let mut writer = store.write_export(id, "acme").await.unwrap().unwrap();
    let selection = Selection {
        tenant: "acme".to_owned(),
        consent: "unknown",
        ..Selection::default()
    };
    writer.choose(&selection, None).await.unwrap();
    let mut ends = Vec::new();
    loop {
        let page = writer.next().await.unwrap();
        assert!(page.len() <= 8, "{} records at once", page.len());
        if page.is_empty() {
            break;
        }
        ends.extend(page.into_iter().map(|(_, stored)| {
            let raw: Value = serde_json::from_str(&stored.unwrap().json).unwrap();
            raw["task"]["finished_at"].as_str().unwrap().to_owned()
        }));
    }
    assert_eq!(ends.len(), 150);
    assert!(ends.is_sorted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; part of `make verify`"]
async fn a_file_much_larger_than_what_is_held_is_written() {
    let store = store().await;
    store.plant("acme", 400, 256 << 10).await;
    for format in ["jsonl", "parquet"] {
        let (rose, document) = export(&store, format).await;
        println!(
            "{format}: {} MiB written, memory rose by {} MiB",
            document["size"].as_u64().unwrap() / MIB,
            rose / MIB
        );
        assert_eq!(document["count"], 400);
        assert!(format == "parquet" || document["size"].as_u64() > Some(99 * MIB));
        assert!(rose < 90 * MIB, "{format}: memory rose by {} MiB", rose / MIB);
    }
}

/// How many records the tests of flat memory take.
fn many() -> u32 {
    let asked = std::env::var("ORCHESTRATOR_EXPORT_RECORDS").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; part of `make verify`"]
async fn memory_is_flat_however_many_records_are_exported() {
    let (count, store) = (many(), store().await);
    store.plant("acme", count, 1 << 10).await;
    for format in ["jsonl", "parquet", "openai-chat"] {
        let begun = Instant::now();
        let (rose, document) = export(&store, format).await;
        println!(
            "{format}: {} records in {:?}, {} MiB, memory rose by {} MiB",
            document["count"],
            begun.elapsed(),
            document["size"].as_u64().unwrap() / MIB,
            rose / MIB
        );
        assert_eq!(document["count"], count);
        assert!(rose < 64 * MIB, "{format}: memory rose by {} MiB", rose / MIB);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; part of `make verify`"]
async fn memory_is_flat_however_many_records_are_imported() {
    let (count, store) = (many(), store().await);
    let line = super::training::good_line().await;
    let begun = Instant::now();
    let (rose, report) = import(&store, &line, count).await;
    println!(
        "import: {} records in {:?}, memory rose by {} MiB",
        report["imported"],
        begun.elapsed(),
        rose / MIB
    );
    assert_eq!(report["imported"], count);
    assert!(rose < 64 * MIB, "import: memory rose by {} MiB", rose / MIB);
}
