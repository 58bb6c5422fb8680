//! The engine port, its embedded adapters, the engine over a model, and models of providers.
//!
//! `offline` needs no key and no network: it plans by matching, writes by text processing and judges
//! by measuring, and says so in every result. `null` does nothing at almost no cost, for development
//! and benchmarks. Both are deterministic: no clock, no randomness, no IO. [`ModelEngine`] asks whatever
//! answers the port [`Chat`]; [`Models`] calls providers behind it.

mod brief;
mod call;
mod catalog;
mod chat;
mod chosen;
mod deadline;
mod embeddings;
mod engine;
pub mod fine_tuning;
mod grant;
mod judge;
mod memory;
mod models;
mod null;
mod offline;
mod output;
mod plan;
mod port;
mod provider;
mod record;
mod template;
mod text;
mod write;

pub use call::{Answer, Call, CallKind, EngineError, Failed, Usage};
pub use catalog::{ToolCard, agent_files, agent_tools, is_core, null_tool};
pub use chat::{Chat, ChatAsk, Message, Reply, Tier, ToolCall};
pub use chosen::{Chosen, PASSED_OVER, Standing, TURNED_BACK, asking};
pub use deadline::by;
pub use embeddings::{EmbedError, Embedder, EmbedderSettings};
pub use engine::{Choosing, ModelEngine};
pub use grant::{Grant, Spend, within};
pub use memory::{KnownIssue, KnownPattern, KnownPreference, Memory, PatternDecision, PatternUse, Uplift};
pub use models::{
    Bounds, ModelRef, Models, OpenError, Patience, Price, ProviderSettings, Settings, Sources, Speaks, TableError,
    Tiers,
};
pub use null::Null;
pub use offline::Offline;
pub use output::{gathered, text_of, title_of};
pub use port::{
    Agent, Context, Criteria, Criterion, Engine, Finding, JudgeAsk, JudgedText, Judgement, Made, NoTools, PlanAsk,
    PlanDraft, ToolBox, ToolOutput, WriteAsk, open,
};
pub use provider::InvalidKey;
pub use template::{TemplateError, check as check_prompt};
pub use text::tokens::numbers;

#[cfg(test)]
mod unseen_requests;
