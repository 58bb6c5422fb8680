//! The channel `null`: drops what it is given. Nothing happens outside, so there is no ledger.

use super::{Channel, Publication};
use crate::effects::{EffectPort, Stop};
use async_trait::async_trait;

/// Drops everything.
pub struct Null;

#[async_trait]
impl Channel for Null {
    async fn publish(&self, _: Publication<'_>, _: &dyn EffectPort) -> Result<String, Stop> {
        Ok(String::new())
    }
}
