//! An OpenAI-compatible server whose operator loads files: all that can be done is to look.

use super::server::{At, Server, ids};
use super::{Kind, ModelServer, Order, ServingError, Standing};
use async_trait::async_trait;

/// The server.
pub struct Listed(pub Server);

#[async_trait]
impl ModelServer for Listed {
    /// Whoever loads it knows what it can.
    fn refuses(&self, _: Kind) -> Option<&'static str> {
        None
    }

    async fn standing(&self, served_as: &str) -> Result<Standing, ServingError> {
        let listed = self.list().await?;
        Ok(match listed.iter().any(|name| name == served_as) {
            true => Standing::Ready,
            false => Standing::Absent,
        })
    }

    async fn list(&self) -> Result<Vec<String>, ServingError> {
        Ok(ids(&self.0.get(At::Base, "/models").await?))
    }

    async fn load(&self, order: &Order<'_>) -> Result<(), ServingError> {
        Err(ServingError::Waits(format!(
            "have {} serve {} as {}; it goes on once /v1/models lists that name",
            self.0.name, order.there, order.served_as
        )))
    }

    async fn unload(&self, _: &str) -> Result<(), ServingError> {
        Ok(())
    }
}
