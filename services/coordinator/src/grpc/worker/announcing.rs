//! What executors say they serve.

use super::{Workers, away, unavailable};
use crate::catalog::changing::{Telling, apply};
use crate::catalog::transitions::{By, Definition, announced, is_foreign};
use crate::store::catalog::{self, announcing, lock};
use crate::store::to_db;
use bus::Token;
use contracts::coordinator::{AnnounceToolsRequest, AnnounceToolsResponse, RefusedTool};
use std::collections::BTreeMap;
use tonic::Status;
use workflow::schema;
use workflow::tool::{CatalogTool, ToolSpecification};
use workflow::vocabulary::{EffectClass, ToolState};

/// Tools of one announcement.
const MAX_TOOLS: usize = 2_000;
/// Bytes of a definition.
const MAX_DOCUMENT: usize = 256 << 10;
/// Tools found by executors are every tenant's; this one is told of them.
const EVERYBODY: &str = "default";

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
        self.keep(&found, &ask.worker_id).await?;
        for document in &ask.channels_json {
            self.announce_channel(document).await?;
        }
        let pool = &self.shared.pool;
        let ids: Vec<String> = found.into_keys().collect();
        let discover = i64::try_from(ask.discover_generation).unwrap_or(0);
        announcing::note(pool, &ask.worker_id, &ids, discover)
            .await
            .map_err(unavailable)?;
        self.shared.catalog.refresh(pool).await.map_err(unavailable)?;
        Ok(AnnounceToolsResponse { refused })
    }

    /// All of them in one transaction, in the order of their ids.
    async fn keep(&self, found: &Found, by: &str) -> Result<(), Status> {
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
            actor: by,
            at: to_db(now),
        };
        let mut transaction = self.shared.pool.begin().await.map_err(away)?;
        let ids: Vec<String> = found.keys().cloned().collect();
        let rows = lock(&mut transaction, &ids).await.map_err(unavailable)?;
        let known: BTreeMap<&str, &catalog::ToolRow> = rows.iter().map(|row| (row.tool_id.as_str(), row)).collect();
        let changes = found.iter().filter_map(|(tool_id, (spec, document))| {
            let definition = Definition { spec, document };
            announced(known.get(tool_id.as_str()).copied(), &definition, by)
        });
        // Where another executor was faster with a new one, it says the same or is asked again in a minute.
        let written = apply(&mut transaction, changes.collect(), &telling).await;
        written.map_err(unavailable)?;
        transaction.commit().await.map_err(away)
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
