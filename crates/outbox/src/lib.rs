//! The outbox: events as they are told, written with the change they tell of, and the relay that
//! makes sure that the stream has them.
//!
//! The tables `event` and `outbox_batch` are the owning service's; statements here name them without
//! a schema and follow the connection's search path.

mod checked;
mod cloud_event;
mod relay;
mod told;

pub use checked::{Checked, EventsStream};
pub use cloud_event::{Attachment, CloudEvent, MAX_INLINE_RESULT, message};
pub use relay::{Relay, RelayError};
pub use told::{Told, numbered};
