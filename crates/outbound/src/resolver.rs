//! Name resolution that keeps only addresses the allow-list permits.

use crate::allow_list::AllowList;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where addresses come from. Whatever it answers is judged.
pub trait Names: Send + Sync {
    /// All addresses of a name; ports are not looked at.
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The system's own resolver.
pub(crate) struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// The connection is made to what this returns, so nothing can change between check and use.
pub(crate) struct GuardedResolver {
    pub(crate) allow: Arc<AllowList>,
    pub(crate) names: Arc<dyn Names>,
}

/// Found again in the connector's error chain.
#[derive(Debug, thiserror::Error)]
#[error("{name} resolves to an address that is not allowed")]
pub(crate) struct NameBlocked {
    pub(crate) name: String,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = Arc::clone(&self.allow);
        let found = self.names.look_up(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            let permitted = judge(&allow, name.as_str(), found)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// One bad address spoils the name: a mixed answer is how rebinding looks.
fn judge(allow: &AllowList, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NameBlocked> {
    if found.iter().all(|address| allow.permits_address(name, address.ip())) {
        Ok(found)
    } else {
        Err(NameBlocked { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allow_list::Unlisted;

    #[test]
    fn a_mixed_answer_is_blocked_whole() {
        let allow = AllowList::new(Unlisted::PublicHttps);
        let found = vec!["8.8.8.8:0".parse().unwrap(), "10.0.0.1:0".parse().unwrap()];
        assert!(judge(&allow, "rebind.example", found).is_err());
        assert!(judge(&allow, "fine.example", vec!["8.8.8.8:0".parse().unwrap()]).is_ok());
    }
}
