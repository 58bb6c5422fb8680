//! Register, change, remove, approve, suspend: each locks the tool's row, decides, and writes in one transaction.

use super::Tools;
use crate::catalog::changing::{Telling, apply};
use crate::catalog::registering;
use crate::catalog::transitions::{self, By, Change, Definition, Refused};
use crate::grpc::{asking, problems};
use crate::store::catalog::{self, ToolRow, keys, lock};
use crate::store::{StoreError, to_db};
use bus::Token;
use contracts::coordinator::{
    ApproveToolRequest, Caller, ChangeToolRequest, Document, RegisterToolRequest, ToolRequest,
};
use contracts::tools::Registration;
use contracts::trace;
use sqlx::postgres::PgConnection;
use tonic::{Response, Status};

impl Tools {
    pub(super) async fn register(&self, request: RegisterToolRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let registration: Registration = asking::json(&request.registration_json)?;
        let spec = registering::specification(&registration, &self.config).map_err(|problem| problem.to_status())?;
        let document = asking::text(&spec)?;
        let defined = Definition {
            spec: &spec,
            document: &document,
        };
        let mut transaction = self.shared.pool.begin().await.map_err(away)?;
        if !request.idempotency_key.is_empty() {
            let key = (caller.tenant.as_str(), request.idempotency_key.as_str());
            let taken = keys::take(&mut transaction, key, &request.body_hash, &spec.tool_id).await;
            if let Some((hash, tool_id)) = taken.map_err(problems::stored)? {
                return match hash == request.body_hash {
                    true => self.document(&caller.tenant, &tool_id, true).await,
                    false => Err(problems::key_reused().to_status()),
                };
            }
        }
        let rows = lock(&mut transaction, std::slice::from_ref(&spec.tool_id)).await;
        let rows = rows.map_err(problems::stored)?;
        let state = registering::state(&self.config);
        let (tenant, by) = (&caller.tenant, self.by(&caller));
        let change = transitions::registered(rows.first(), tenant, &defined, &request.registration_json, state, by);
        let change = change.map_err(|refused| problems::tool_refused(refused).to_status())?;
        self.has_room(&mut transaction, tenant).await?;
        if self.write(&mut transaction, change, &caller).await? == 0 {
            return Err(problems::tool_refused(Refused::Exists).to_status());
        }
        transaction.commit().await.map_err(away)?;
        self.seen(&caller.tenant, &spec.tool_id).await
    }

    pub(super) async fn change(&self, request: ChangeToolRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let registration: Registration = asking::json(&request.registration_json)?;
        let checked = registering::specification(&registration, &self.config);
        let state = registering::state(&self.config);
        self.decide(&caller, &registration.tool_id, |row, by| {
            // Whose tool it is matters more than what is wrong with the document.
            let spec = match &checked {
                Ok(spec) => spec,
                Err(_) if row.origin != transitions::REGISTERED => {
                    return Err(problems::tool_refused(Refused::NotRegistered).to_status());
                }
                Err(problem) => return Err(problem.to_status()),
            };
            let defined = Definition {
                spec,
                document: &asking::text(spec)?,
            };
            transitions::changed(row, &defined, &request.registration_json, state, by)
                .map_err(|refused| problems::tool_refused(refused).to_status())
        })
        .await
    }

    pub(super) async fn remove(&self, request: ToolRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        self.decide(&caller, &request.tool_id, |row, by| Ok(transitions::removed(row, by)))
            .await
    }

    pub(super) async fn approve(&self, request: ApproveToolRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let seen = Some(request.version_hash.as_str()).filter(|hash| !hash.is_empty());
        self.decide(&caller, &request.tool_id, |row, by| {
            transitions::approved(row, seen, by).map_err(|refused| problems::tool_refused(refused).to_status())
        })
        .await
    }

    pub(super) async fn suspend(&self, request: ToolRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        self.decide(&caller, &request.tool_id, |row, by| {
            transitions::suspended(row, by).map_err(|refused| problems::tool_refused(refused).to_status())
        })
        .await
    }

    /// Decides on a tool that is there and that the caller's tenant sees, and answers its document.
    async fn decide(
        &self,
        caller: &Caller,
        tool_id: &str,
        decide: impl Fn(&ToolRow, By<'_>) -> Result<Option<Change>, Status>,
    ) -> Result<Response<Document>, Status> {
        let mut transaction = self.shared.pool.begin().await.map_err(away)?;
        let rows = lock(&mut transaction, &[tool_id.to_owned()]).await;
        let rows = rows.map_err(problems::stored)?;
        let row = rows.first().filter(|row| row.is_seen_by(&caller.tenant));
        let row = row.ok_or_else(|| problems::tool_not_found().to_status())?;
        if let Some(change) = decide(row, self.by(caller))? {
            if row.is_removed() && row.registration.is_some() && !change.row.is_removed() {
                self.has_room(&mut transaction, &row.tenant).await?;
            }
            self.write(&mut transaction, change, caller).await?;
            transaction.commit().await.map_err(away)?;
        }
        self.seen(&caller.tenant, tool_id).await
    }

    async fn write(&self, connection: &mut PgConnection, change: Change, caller: &Caller) -> Result<usize, Status> {
        let tenant = Token::parse(&caller.tenant).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let traceparent = trace::current().map_or_else(|| caller.traceparent.clone(), |context| context.to_string());
        let telling = Telling {
            names: self.shared.bus.names(),
            tenant: &tenant,
            traceparent: &traceparent,
            at: self.shared.clock.now(),
            subscriptions: &self.shared.subscriptions,
        };
        let written = apply(connection, vec![change], &telling).await;
        written.map_err(problems::stored)
    }

    /// The document, once this coordinator holds plans to what was written.
    async fn seen(&self, tenant: &str, tool_id: &str) -> Result<Response<Document>, Status> {
        let refreshed = self.shared.catalog.refresh(&self.shared.pool).await;
        refreshed.map_err(problems::stored)?;
        self.document(tenant, tool_id, false).await
    }

    /// For one more registered tool.
    async fn has_room(&self, connection: &mut PgConnection, tenant: &str) -> Result<(), Status> {
        let registered = catalog::registered(connection, tenant)
            .await
            .map_err(problems::stored)?;
        registering::room(registered, &self.config.tools).map_err(|problem| problem.to_status())
    }

    fn by<'c>(&self, caller: &'c Caller) -> By<'c> {
        By {
            actor: &caller.actor,
            at: to_db(self.shared.clock.now()),
        }
    }
}

fn away(error: sqlx::Error) -> Status {
    problems::stored(StoreError::at("change a tool")(error))
}
