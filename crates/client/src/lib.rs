//! Typed client of the REST interface, as the contract describes it.
//!
//! Documents with a fixed shape are types; documents that grow (status, approval, tools) are JSON
//! values, so that a client never hides what a newer server says.

mod decision;
mod error;
mod event_stream;
mod export;
mod fine_tunes;
mod http;
mod learning;
mod models;
mod process;
mod tasks;
mod tools;
mod uploads;

pub use contracts::api::{ApproveRequest, Budget, ForkRequest, Overrides, ProcessRequest, RetryRequest, StepOverride};
pub use contracts::problem::{FieldError, Problem};
pub use error::ClientError;
pub use event_stream::{Event, EventStream};
pub use export::{Export, ExportRequest, ImportReport};
pub use learning::{Feedback, MetricPoint, MetricQuestion, PreferencesAsked};
pub use models::{RolloutWord, ServedModel};
pub use process::{Accepted, Links};
pub use tasks::{Page, TaskFilter};
pub use tools::ToolFilter;
pub use uploads::Upload;

/// A connection to one gateway; clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// `http://host:port/api/orchestrator`, without a slash behind.
    base: String,
}
