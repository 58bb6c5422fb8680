//! What executors say they serve.

use super::{Workers, away, unavailable};
use crate::catalog::announced::{Said, announced, is_foreign, is_registered};
use crate::catalog::changing::{Telling, apply};
use crate::catalog::transitions::{self, By, Change, Definition, REGISTERED};
use crate::store::catalog::announcing::{self, Saying};
use crate::store::catalog::{self, ToolRow, days, lock};
use crate::store::to_db;
use bus::Token;
use contracts::coordinator::{AnnounceToolsRequest, AnnounceToolsResponse, RefusedTool};
use sqlx::postgres::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use tonic::Status;
use tracing::warn;
use workflow::schema;
use workflow::tool::{CatalogTool, ToolSpecification};
use workflow::vocabulary::{EffectClass, ToolState};

/// Tools of one announcement.
const MAX_TOOLS: usize = 2_000;
/// Tools of one server or API that the catalog ever takes, those that are gone included.
const MAX_OF_A_SOURCE: i64 = 5_000;
/// Bytes of a definition.
const MAX_DOCUMENT: usize = 256 << 10;
/// Attempts where other executors take new ids at the same moment.
const TRIES: usize = 5;
/// Tools found by executors are every tenant's; this one is told of them.
const EVERYBODY: &str = "default";
/// Who took a registered tool's id.
const CONFIGURATION: &str = "configuration";

/// Specifications with their JSON texts, by id; of two with one id the later one.
type Found = BTreeMap<String, (ToolSpecification, String)>;

impl Workers {
    /// Takes what can be taken; a tool that cannot be used keeps no other out.
    pub(super) async fn take_announcement(&self, ask: AnnounceToolsRequest) -> Result<AnnounceToolsResponse, Status> {
        if ask.channels_json.len() > MAX_TOOLS {
            return Err(Status::invalid_argument("too many channels in one announcement"));
        }
        if ask.worker_id.is_empty() || ask.worker_id.len() > 200 || ask.worker_id.contains('\0') {
            return Err(Status::invalid_argument("an announcement has a worker_id"));
        }
        let (mut found, mut refused) = (Found::new(), Vec::new());
        for document in ask.tools_json {
            match usable(&document) {
                Ok(spec) if found.len() >= MAX_TOOLS && !found.contains_key(&spec.tool_id) => {
                    let reason = format!("an announcement has at most {MAX_TOOLS} tools");
                    refused.push(refusal(&spec.tool_id, &reason));
                }
                Ok(spec) => drop(found.insert(spec.tool_id.clone(), (spec, document))),
                Err(tool) => refused.push(tool),
            }
        }
        for document in &ask.channels_json {
            self.announce_channel(document).await?;
        }
        let discover = i64::try_from(ask.discover_generation).unwrap_or(0);
        let mut tries = 1;
        while !self.keep(&found, &ask.worker_id, discover).await? {
            if tries == TRIES {
                return Err(Status::aborted("others announce new tools all the time"));
            }
            tries += 1;
        }
        let pool = &self.shared.pool;
        announcing::forget(pool).await.map_err(unavailable)?;
        self.shared.catalog.refresh(pool).await.map_err(unavailable)?;
        Ok(AnnounceToolsResponse { refused })
    }

    /// All of them in one transaction, in the order of their ids; false, and nothing, where another executor was faster
    /// with a new one: what is said of that has to be held against the other's word.
    async fn keep(&self, found: &Found, worker_id: &str, discover: i64) -> Result<bool, Status> {
        let tenant = Token::parse(EVERYBODY).map_err(|error| Status::internal(error.to_string()))?;
        let now = self.shared.clock.now();
        let telling = Telling {
            names: self.shared.bus.names(),
            tenant: &tenant,
            traceparent: "",
            at: now,
            subscriptions: &self.shared.subscriptions,
        };
        let by = By {
            actor: worker_id,
            at: to_db(now),
        };
        let (ids, hashes): (Vec<String>, Vec<String>) = found
            .iter()
            .map(|(tool_id, (spec, _))| (tool_id.clone(), spec.version_hash().to_string()))
            .unzip();
        let mut transaction = self.shared.pool.begin().await.map_err(away)?;
        let mut rows = lock(&mut transaction, &ids).await.map_err(unavailable)?;
        if self.make_way(&mut transaction, found, &rows, &telling).await? {
            rows = lock(&mut transaction, &ids).await.map_err(unavailable)?;
        }
        let changes = changes(&mut transaction, found, &rows, by).await?;
        let changes = bounded(&mut transaction, changes).await?;
        let wanted = changes.len();
        let written = apply(&mut transaction, changes, &telling).await;
        if written.map_err(unavailable)? < wanted {
            return Ok(false);
        }
        let noted = announcing::note(&mut transaction, worker_id, (&ids, &hashes), discover).await;
        noted.map_err(unavailable)?;
        transaction.commit().await.map_err(away)?;
        Ok(true)
    }

    /// Registered tools whose ids the configuration has now are taken out of use, and their tenants told; true where there
    /// were any.
    async fn make_way(
        &self,
        connection: &mut PgConnection,
        found: &Found,
        rows: &[ToolRow],
        telling: &Telling<'_>,
    ) -> Result<bool, Status> {
        let by = By {
            actor: CONFIGURATION,
            at: to_db(telling.at),
        };
        let configured = |row: &&ToolRow| found.get(&row.tool_id).is_some_and(|(spec, _)| !is_registered(spec));
        let mut any = false;
        for row in rows.iter().filter(|row| row.origin == REGISTERED).filter(configured) {
            any = true;
            days::forget(connection, &row.tool_id).await.map_err(unavailable)?;
            let Some(change) = transitions::removed(row, by) else {
                continue;
            };
            warn!(
                tool_id = row.tool_id,
                tenant = row.tenant,
                "a registered tool gives way to one of the configuration"
            );
            let tenant = Token::parse(&row.tenant).map_err(|error| Status::internal(error.to_string()))?;
            let telling = Telling {
                tenant: &tenant,
                ..*telling
            };
            apply(connection, vec![change], &telling).await.map_err(unavailable)?;
        }
        Ok(any)
    }

    async fn announce_channel(&self, document: &str) -> Result<(), Status> {
        #[derive(serde::Deserialize)]
        struct Channel {
            name: String,
            kind: String,
            effects: String,
        }
        let channel: Channel =
            serde_json::from_str(document).map_err(|e| Status::invalid_argument(format!("a channel: {e}")))?;
        if channel.name.is_empty() || channel.name.len() > 64 || EffectClass::parse(&channel.effects).is_none() {
            return Err(Status::invalid_argument(
                "a channel has a name of 1-64 bytes and an effect class",
            ));
        }
        catalog::store_channel(&self.shared.pool, &channel.name, &channel.kind, &channel.effects)
            .await
            .map_err(unavailable)
    }
}

/// What the announcement makes of each tool. What was said before is read where it matters alone: mostly all say the same.
async fn changes(
    connection: &mut PgConnection,
    found: &Found,
    rows: &[ToolRow],
    by: By<'_>,
) -> Result<Vec<Change>, Status> {
    let known: BTreeMap<&str, &ToolRow> = rows.iter().map(|row| (row.tool_id.as_str(), row)).collect();
    let differs = |row: &&ToolRow| {
        let spec = found.get(&row.tool_id).map(|(spec, _)| spec);
        row.pending.is_some() || spec.is_some_and(|spec| spec.version_hash().to_string() != row.version_hash)
    };
    let asked: Vec<&str> = rows.iter().filter(differs).map(|row| row.tool_id.as_str()).collect();
    let sayings = announcing::said(connection, by.actor, &asked).await;
    let sayings = sayings.map_err(unavailable)?;
    let mut said: BTreeMap<&str, Said<'_>> = BTreeMap::new();
    for Saying { tool_id, hash, own } in &sayings {
        let said = said.entry(tool_id).or_default();
        match own {
            true => said.before = Some(hash),
            false => {
                said.others.insert(hash);
            }
        }
    }
    let nothing = Said::default();
    let changes = found.iter().filter_map(|(tool_id, (spec, document))| {
        let definition = Definition { spec, document };
        let said = said.get(tool_id.as_str()).unwrap_or(&nothing);
        announced(known.get(tool_id.as_str()).copied(), &definition, said, by)
    });
    Ok(changes.collect())
}

/// Without new tools of a source that has had too many names: a server may rename its tools with every listing, and each
/// name is kept.
async fn bounded(connection: &mut PgConnection, mut changes: Vec<Change>) -> Result<Vec<Change>, Status> {
    let new = changes.iter().filter(|change| change.is_new);
    let sources: BTreeSet<String> = new.map(|change| source(&change.row.tool_id).to_owned()).collect();
    if sources.is_empty() {
        return Ok(changes);
    }
    let sources: Vec<String> = sources.into_iter().collect();
    let mut known = catalog::counts(connection, &sources).await.map_err(unavailable)?;
    changes.retain(|change| {
        if !change.is_new {
            return true;
        }
        let source = source(&change.row.tool_id);
        let count = known.entry(source.to_owned()).or_default();
        *count += 1;
        if *count == MAX_OF_A_SOURCE + 1 {
            warn!(
                source,
                "the catalog knows {MAX_OF_A_SOURCE} tools of it, and takes no new ones"
            );
        }
        *count <= MAX_OF_A_SOURCE
    });
    Ok(changes)
}

/// The server or API that a tool is of.
fn source(tool_id: &str) -> &str {
    tool_id.split_once('.').map_or("", |(source, _)| source)
}

/// Both may be a foreign server's words.
fn refusal(tool_id: &str, reason: &str) -> RefusedTool {
    RefusedTool {
        tool_id: tool_id.chars().take(200).collect(),
        reason: reason.chars().take(1_000).collect(),
    }
}

fn usable(document: &str) -> Result<ToolSpecification, RefusedTool> {
    let refused = |tool_id: &str, reason: String| refusal(tool_id, &reason);
    if document.len() > MAX_DOCUMENT {
        return Err(refused("", format!("a definition has at most {MAX_DOCUMENT} bytes")));
    }
    let spec: ToolSpecification = serde_json::from_str(document).map_err(|error| refused("", error.to_string()))?;
    let id = &spec.tool_id;
    if id.is_empty() || id.len() > 200 || id.chars().any(char::is_control) {
        return Err(refused(
            id,
            "a tool_id has 1-200 bytes and no control characters".to_owned(),
        ));
    }
    Token::parse(&spec.pool).map_err(|error| refused(id, error.to_string()))?;
    if is_foreign(&spec)
        && let Err(unfit) = schema::check(&spec.input_schema)
    {
        return Err(refused(id, format!("input schema: {unfit}")));
    }
    match CatalogTool::new(spec.clone(), ToolState::Active) {
        Ok(_) => Ok(spec),
        Err(rejected) => Err(refused(id, rejected.to_string())),
    }
}
