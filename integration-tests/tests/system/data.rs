//! Training data comes in as it went out, and what may be said of business metrics is asked over REST.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use integration_tests::eventually::eventually;
use integration_tests::rest::Rest;
use integration_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn data_goes_out_and_in() -> Result<()> {
    hold(
        "data",
        |_| {},
        behaviours![
            records_are_imported_as_they_were_exported,
            business_metrics_are_described
        ],
    )
}

async fn exported(world: &World, origin: &str) -> Result<BTreeSet<String>> {
    let asked = json!({"format": "jsonl", "origin": origin});
    let export = world.rest.post("/training-data/export", &asked).await?.expect(200)?;
    let id = export["export_id"].as_str().context("no export")?;
    let path = format!("/training-data/exports/{id}/file");
    let file = world
        .rest
        .request(Method::GET, &path)
        .send()
        .await?
        .error_for_status()?;
    Ok(file.text().await?.lines().map(str::to_owned).collect())
}

async fn import(world: &World, lines: &BTreeSet<String>) -> Result<Value> {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let request = world.rest.request(Method::POST, "/training-data/import");
    Rest::send(request.header("content-type", "application/x-ndjson").body(body))
        .await?
        .expect(200)
}

async fn records_are_imported_as_they_were_exported(world: Arc<World>) -> Result<()> {
    for text in ["Write a blog post about green tea", "Write a blog post about coffee"] {
        let body = json!({"request": text, "auto_approve": true, "quality_threshold": 0.3,
            "business_metrics": {"visits": 3.5}, "preferences": {"channels": ["blog"]}});
        let task = world.rest.submit(&body).await?;
        world.rest.until(&task, &["completed"], LIMIT).await?;
    }
    eventually("both are records", LIMIT, async || {
        let own = exported(&world, "live").await?;
        ensure!(own.len() == 2, "{}", own.len());
        Ok(())
    })
    .await?;
    let own = exported(&world, "live").await?;
    let report = import(&world, &own).await?;
    ensure!(report["duplicates"] == 2 && report["imported"] == 0, "{report}");

    // As records of another system.
    let foreign = own.iter().enumerate().map(|(n, line)| {
        let record: Value = serde_json::from_str(line)?;
        let id = record["record_id"].as_str().context("no id")?;
        Ok(line.replace(id, &format!("019d0000-0000-7000-8000-{n:012}")))
    });
    let foreign = foreign.collect::<Result<BTreeSet<String>>>()?;
    let mut sent = foreign.clone();
    sent.insert("{\"schema_version\": \"none\"}".to_owned());
    let report = import(&world, &sent).await?;
    ensure!(report["imported"] == 2 && report["rejected"] == 1, "{report}");
    let again = import(&world, &sent).await?;
    ensure!(again["duplicates"] == 2 && again["imported"] == 0, "{again}");
    ensure!(
        exported(&world, "import").await? == foreign,
        "they went out as they came in"
    );
    Ok(())
}

async fn business_metrics_are_described(world: Arc<World>) -> Result<()> {
    let point = |day: u32, value: f64| json!({"name": "conversion", "value": value, "at": format!("2026-10-{day:02}T12:00:00Z")});
    let points: Vec<Value> = (1..=7)
        .map(|day| point(day, 1.0))
        .chain((8..=14).map(|day| point(day, 2.0)))
        .collect();
    let reported = world.rest.post("/business-metrics", &json!({"points": points})).await?;
    reported.expect(201)?;
    let query = "/business-metrics-analysis?name=conversion&since=2026-10-08&days=7";
    let answer = world.rest.get(query).await?.expect(200)?;
    let metric = &answer["metrics"][0];
    ensure!(
        metric["level"] == 0 && metric["before"] == 1.0 && metric["after"] == 2.0,
        "{metric}"
    );
    let statement = metric["statement"].as_str().context("no statement")?;
    ensure!(statement.contains("changed from 1 to 2"), "{statement}");
    let nothing = world
        .rest
        .get("/business-metrics-analysis?name=nothing")
        .await?
        .expect(200)?;
    ensure!(nothing["metrics"] == json!([]), "{nothing}");
    Ok(())
}
