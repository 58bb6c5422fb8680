//! The provider port and its embedded adapters.
//!
//! `offline` needs no key and no network: it plans by matching, writes by text processing and judges
//! by measuring, and says so in every result. `null` does nothing at almost no cost, for development
//! and benchmarks. Everything here is deterministic: no clock, no randomness, no IO.

mod brief;
mod catalog;
mod judge;
mod null;
mod offline;
mod output;
mod plan;
mod port;
mod text;
mod write;

pub use catalog::{ToolCard, agent_tools, null_tool};
pub use null::Null;
pub use offline::Offline;
pub use output::{text_of, title_of};
pub use port::{
    Answer, Context, Criteria, Criterion, Engine, EngineError, Finding, JudgeAsk, JudgedText, Judgement, PlanAsk,
    PlanDraft, Usage, WriteAsk, open,
};

#[cfg(test)]
mod unseen_requests;
