//! Events while they happen.
//!
//! The hub holds one subscription for all watchers; a watch is what one client sees of one task.
//! The subscription may lose, repeat and delay: sequence numbers tell, and what is missing is read
//! from the coordinator. So a watch is complete and in order whatever the stream does.

mod event;
mod feed;
mod hub;
mod watch;

pub use event::Event;
pub use feed::{Feed, FeedError, Message, NatsFeed, NoFeed};
pub use hub::Hub;
pub use watch::{Watch, open};
