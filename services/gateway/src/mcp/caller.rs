//! Who calls: as the edge found out, for the protocol passes HTTP's part of a request on.

use crate::caller::{Caller, TRACEPARENT};
use http::request::Parts;
use rmcp::RoleServer;
use rmcp::service::RequestContext;

/// The request's caller. A trace context in the message counts where HTTP carried none.
pub fn of(context: &RequestContext<RoleServer>) -> Caller {
    let parts = context.extensions.get::<Parts>();
    let told = context.meta.get_traceparent();
    let by_http = parts.is_some_and(|parts| parts.headers.contains_key(TRACEPARENT));
    let known = parts.and_then(|parts| parts.extensions.get::<Caller>().copied());
    match (told, known) {
        (Some(_), _) if !by_http => Caller::new(told, service::ids::v7),
        (_, Some(caller)) => caller,
        (_, None) => Caller::new(None, service::ids::v7),
    }
}
