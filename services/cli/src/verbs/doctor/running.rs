//! What runs: readiness of every process, the streams, the database.

use super::finding::Finding;
use crate::dev::{DevDocument, Entry};
use crate::layout::Layout;
use anyhow::{Context, Result, bail};
use async_nats::{ConnectOptions, ServerAddr};
use service::metrics::names::MCP_SERVER_UP;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(3);
const STREAMS: [&str; 4] = [
    "ORCHESTRATOR_WORK",
    "ORCHESTRATOR_RESULTS",
    "ORCHESTRATOR_EVENTS",
    "ORCHESTRATOR_DEAD",
];
/// Items that wait for a worker; beyond this there are too few of them.
const LONG_QUEUE: u64 = 5_000;

/// The running installation, with a finding where there is none or it cannot be told.
pub fn installation(layout: &Layout) -> Result<DevDocument, Finding> {
    match DevDocument::read(layout) {
        Ok(Some(document)) => Ok(document),
        Ok(None) => Err(Finding::ok("running", "nothing; start it with `make up`")),
        Err(error) => Err(Finding::fail("running", format!("{error:#}"), "make down && make up")),
    }
}

pub async fn check(layout: &Layout, document: &DevDocument) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &document.services {
        findings.push(process(layout, entry).await);
        findings.extend(mcp_servers(layout, entry).await);
    }
    findings.extend(match limited(streams(&document.endpoints.nats_url)).await {
        Ok(found) => found,
        Err(error) => vec![Finding::fail("streams", format!("{error:#}"), see(layout, "nats"))],
    });
    findings.push(match limited(database(&document.endpoints.database_url)).await {
        Ok(found) => found,
        Err(error) => Finding::fail("database", format!("{error:#}"), see(layout, "postgres")),
    });
    findings
}

async fn limited<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(PATIENCE, work).await {
        Ok(outcome) => outcome,
        Err(_) => bail!("no answer within {} s", PATIENCE.as_secs()),
    }
}

fn see(layout: &Layout, name: &str) -> String {
    format!(
        "its log says why: {}; then: make down && make up",
        layout.log(name).display()
    )
}

async fn process(layout: &Layout, entry: &Entry) -> Finding {
    let name = &entry.name;
    match (entry.pid, &entry.health_url) {
        (None, _) => Finding::fail(name, "not ready", see(layout, name)),
        (Some(pid), None) => Finding::ok(name, format!("process {pid}")),
        (Some(pid), Some(url)) => match healthy(url).await {
            Ok(()) => Finding::ok(name, format!("process {pid}  {url}")),
            Err(error) => Finding::fail(name, format!("process {pid}: {error:#}"), see(layout, name)),
        },
    }
}

async fn healthy(url: &str) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let status = http.get(url).send().await?.status();
    if !status.is_success() {
        bail!("{url} answers {status}");
    }
    Ok(())
}

/// Configured MCP servers, as an executor tells of them.
async fn mcp_servers(layout: &Layout, entry: &Entry) -> Vec<Finding> {
    let url = entry.health_url.as_ref().filter(|_| entry.name.starts_with("executor"));
    let Some(Ok(url)) = url.map(|url| reqwest::Url::parse(url)) else {
        return Vec::new();
    };
    let Ok(text) = metrics(url).await else {
        return Vec::new();
    };
    let finding = |(server, up)| {
        let title = format!("mcp server {server}");
        match up {
            true => Finding::ok(title, format!("{} is connected", entry.name)),
            false => Finding::fail(
                title,
                format!("{} is not connected; it has no tools", entry.name),
                format!(
                    "its log says why: {}; executors try again within a minute",
                    layout.log(&entry.name).display()
                ),
            ),
        }
    };
    servers_in(&text).into_iter().map(finding).collect()
}

async fn metrics(mut url: reqwest::Url) -> Result<String> {
    url.set_path("/metrics");
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    Ok(http.get(url).send().await?.text().await?)
}

/// Each MCP server in a Prometheus text, and whether it is there. Names of servers need no escapes.
fn servers_in(metrics: &str) -> Vec<(&str, bool)> {
    let series = metrics.lines().filter_map(|line| {
        let labelled = line.strip_prefix(MCP_SERVER_UP.name)?;
        let (server, value) = labelled.strip_prefix("{server=\"")?.split_once("\"}")?;
        Some((server, value.trim() == "1"))
    });
    series.collect()
}

/// Each stream and what lies in it. `url` carries the credential that may read.
async fn streams(url: &str) -> Result<Vec<Finding>> {
    let address: ServerAddr = url.parse().context("understanding nats_url")?;
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned()),
        _ => ConnectOptions::new(),
    };
    let connection = options.connect(address).await.context("connecting to NATS")?;
    let jetstream = async_nats::jetstream::new(connection);
    let mut findings = Vec::new();
    for name in STREAMS {
        findings.push(match jetstream.get_stream(name).await {
            Ok(stream) => stream_finding(
                name,
                stream.cached_info().state.messages,
                stream.cached_info().state.bytes,
            ),
            Err(error) => Finding::fail(
                format!("stream {name}"),
                format!("{error}"),
                "a running coordinator makes it again within seconds; where it does not, its log says why",
            ),
        });
    }
    Ok(findings)
}

fn stream_finding(name: &str, messages: u64, bytes: u64) -> Finding {
    let title = format!("stream {name}");
    let detail = format!("{messages} messages, {:.1} MB", bytes as f64 / 1e6);
    match name {
        "ORCHESTRATOR_DEAD" if messages > 0 => Finding::warn(
            title,
            format!("{detail}: inputs that could not be processed"),
            "their tasks need attention: orchestrator list --status needs_attention",
        ),
        "ORCHESTRATOR_WORK" if messages > LONG_QUEUE => Finding::warn(
            title,
            format!("{detail} wait for a worker"),
            "start more: make down && ORCHESTRATOR_EXECUTORS=4 make up",
        ),
        _ => Finding::ok(title, detail),
    }
}

async fn database(url: &str) -> Result<Finding> {
    let mut connection = PgConnection::connect(url).await.context("connecting to Postgres")?;
    let (version, fsync): (String, String) =
        sqlx::query_as("SELECT current_setting('server_version'), current_setting('fsync')")
            .fetch_one(&mut connection)
            .await
            .context("asking Postgres")?;
    connection.close().await.context("closing the connection")?;
    Ok(if fsync == "on" {
        Finding::ok("database", format!("Postgres {version}, fsync on"))
    } else {
        Finding::warn(
            "database",
            format!("Postgres {version}, fsync {fsync}: accepted tasks may be lost with the machine"),
            "take `fsync` out of its configuration",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn mcp_servers_are_found_in_what_an_executor_tells() {
        let text = "# HELP orchestrator_mcp_server_up x\n# TYPE orchestrator_mcp_server_up gauge\n\
                    orchestrator_mcp_server_up{server=\"fs\"} 0\norchestrator_mcp_server_up{server=\"time\"} 1\n\
                    orchestrator_jobs_running 1\n";
        assert_eq!(servers_in(text), [("fs", false), ("time", true)]);
        let registry = service::metrics::Registry::default();
        registry.gauge(MCP_SERVER_UP, &[("server", "time")]).set(1.0);
        assert_eq!(servers_in(&registry.render()), [("time", true)]);
    }

    #[test]
    fn a_queue_is_a_fault_where_nobody_takes_from_it() {
        let verdict = |name, messages| stream_finding(name, messages, 1).verdict;
        assert_eq!(verdict("ORCHESTRATOR_EVENTS", 1_000_000), Verdict::Ok);
        assert_eq!(verdict("ORCHESTRATOR_WORK", 256), Verdict::Ok);
        assert_eq!(verdict("ORCHESTRATOR_WORK", 6_000), Verdict::Warn);
        assert_eq!(verdict("ORCHESTRATOR_DEAD", 1), Verdict::Warn);
    }
}
