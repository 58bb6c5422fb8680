//! Pages of the catalog, and single tools.

use super::Tools;
use crate::catalog::measures::{Figures, Sums, keys};
use crate::grpc::paging::{cut, limit, one_more};
use crate::grpc::{asking, cursor, problems};
use crate::store::catalog::{self, Filter, ListedTool, days};
use crate::view;
use contracts::coordinator::{Document, ListCatalogRequest};
use std::collections::HashMap;
use tonic::{Response, Status};

impl Tools {
    pub(super) async fn page(&self, request: ListCatalogRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let after = cursor::read_name(&request.cursor)?.unwrap_or_default();
        let limit = limit(request.limit);
        let filter = Filter {
            tenant: caller.tenant,
            words: request.q.split_whitespace().map(str::to_lowercase).collect(),
            category: request.category,
            source: request.source,
            state: request.state,
            available: request.available,
        };
        let rows = catalog::list(&self.shared.pool, &filter, &after, one_more(limit)).await;
        let mut rows = rows.map_err(problems::stored)?;
        let next = cut(&mut rows, limit, |listed| cursor::write_name(&listed.row.tool_id));
        let sums = self.sums(&rows).await?;
        let items = rows
            .iter()
            .filter_map(|listed| view::tool(listed, &figures(listed, &sums)));
        Ok(answer(view::page(items.collect(), next).to_string(), false))
    }

    /// One tool as it is now.
    pub(super) async fn document(
        &self,
        tenant: &str,
        tool_id: &str,
        replayed: bool,
    ) -> Result<Response<Document>, Status> {
        let found = catalog::find(&self.shared.pool, tenant, tool_id)
            .await
            .map_err(problems::stored)?;
        let listed = found.ok_or_else(|| problems::tool_not_found().to_status())?;
        let sums = self.sums(std::slice::from_ref(&listed)).await?;
        let document = view::tool(&listed, &figures(&listed, &sums));
        let document = document.ok_or_else(|| problems::tool_not_found().to_status())?;
        Ok(answer(document.to_string(), replayed))
    }

    async fn sums(&self, listed: &[ListedTool]) -> Result<HashMap<String, Sums>, Status> {
        let ids: Vec<String> = listed.iter().flat_map(|listed| keys(&listed.row.tool_id)).collect();
        let sums = days::sums(&self.shared.pool, Some(&ids))
            .await
            .map_err(problems::stored)?;
        Ok(sums.into_iter().collect())
    }
}

/// Of all its runs, whatever size of model they asked.
fn figures(listed: &ListedTool, sums: &HashMap<String, Sums>) -> Figures {
    let mut all = Sums::default();
    keys(&listed.row.tool_id)
        .filter_map(|key| sums.get(&key))
        .for_each(|sums| all.add(sums));
    Figures::of(&all, &listed.row.source)
}

pub(super) fn answer(json: String, replayed: bool) -> Response<Document> {
    Response::new(Document { json, replayed })
}
