//! What the command line understands.

use crate::verbs::fine_tunes::FineTuneVerb;
use clap::{Args, Parser, Subcommand};
use serde_json::{Map, Value};
use std::path::PathBuf;
use workflow::vocabulary::Action;

/// The Intelligent Orchestrator's command line.
#[derive(Debug, Parser)]
#[command(
    name = "orchestrator",
    version,
    about,
    max_term_width = 120,
    after_help = "TASK is a task's id, its beginning or end (4 characters or more), or `last` for the newest."
)]
pub struct Arguments {
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// The gateway; default: the running development installation, else http://127.0.0.1:8080
    #[arg(long, global = true, env = "ORCHESTRATOR_URL", value_name = "URL")]
    pub url: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

/// `tools`.
#[derive(Debug, Args)]
pub struct ToolsArguments {
    #[command(subcommand)]
    pub verb: Option<ToolVerb>,
    /// The tool to show; none: all of them
    pub tool_id: Option<String>,
    /// Only tools with these words in their id, name or description
    #[arg(long, value_name = "WORDS")]
    pub q: Option<String>,
    #[arg(long)]
    pub category: Option<String>,
    /// builtin, mcp or api
    #[arg(long)]
    pub source: Option<String>,
    /// active, suspended, awaiting_approval or removed; none: all but removed ones
    #[arg(long)]
    pub state: Option<String>,
}

/// What is done with a tool.
#[derive(Debug, Subcommand)]
pub enum ToolVerb {
    /// Show a tool: schemas, estimates, what was measured, what waits for approval
    Show { tool_id: String },
    /// Register the tool a JSON file describes; a registered one of its id is changed
    Register { file: PathBuf },
    /// Let plans use a tool as it is now
    Approve {
        tool_id: String,
        /// Only if it still is this definition
        #[arg(long, value_name = "HASH")]
        version_hash: Option<String>,
    },
    /// Stop plans from using a tool
    Suspend { tool_id: String },
    /// Take a tool out of use
    Remove { tool_id: String },
    /// Look again what there is
    Discover,
}

/// `patterns`.
#[derive(Debug, Args)]
pub struct PatternsArguments {
    #[command(subcommand)]
    pub verb: Option<PatternVerb>,
    /// The pattern to show; none: all of them
    pub pattern_id: Option<String>,
}

/// What is done with patterns.
#[derive(Debug, Subcommand)]
pub enum PatternVerb {
    /// Say what plans may do with a pattern
    Review {
        pattern_id: String,
        /// trial or active: offered, by your word; demoted or retired: not offered
        #[arg(long)]
        state: Option<String>,
        /// Always offered, never demoted
        #[arg(long, value_name = "true|false")]
        pinned: Option<bool>,
        /// For people and planners; empty: taken away
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Write all patterns, one a line, for another system
    Export {
        /// Where to; none: standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take over patterns that another system exported
    Import { file: PathBuf },
}

/// `models`.
#[derive(Debug, Args)]
pub struct ModelsArguments {
    #[command(subcommand)]
    pub verb: Option<ModelVerb>,
    /// The model to show, by its id or the name it is served under, such as own-v2; none: all of them
    pub model: Option<String>,
}

/// What is done with models.
#[derive(Debug, Subcommand)]
pub enum ModelVerb {
    /// List all of them, the newest first
    List,
    /// Show a model
    Show { model: String },
    /// Register what a provider under llm.providers serves, as the next version of a name
    Register {
        name: String,
        /// One under llm.providers, or default
        #[arg(long)]
        provider: String,
        /// As the provider knows it
        #[arg(long)]
        model: String,
        /// What its answers name as the model that gave them; none: not looked at
        #[arg(long, value_name = "NAME")]
        answers_as: Option<String>,
    },
    /// Try a model on real tasks
    Rollout {
        model: String,
        /// planner or writer
        #[arg(long)]
        role: String,
        /// A JSON file of settings: steps, limits, margins, deadline; none: as delivered
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
    },
    /// Make a model that is being tried the champion, whatever is known
    Promote(WordArguments),
    /// Let the champion answer all, for a while
    Pause(WordArguments),
    /// Go on after a pause
    Resume(WordArguments),
    /// Give a model no more calls, a promoted one too
    Rollback(WordArguments),
    /// Show how a model is tried until that ends; succeeds where it wins
    Watch {
        model: String,
        /// Where it is tried in several
        #[arg(long)]
        role: Option<String>,
    },
    /// Send a model's file (GGUF or safetensors) as the next version of its name, to be served
    Upload(UploadArguments),
    #[command(flatten)]
    FineTunes(FineTuneVerb),
}

/// A word on what is tried.
#[derive(Debug, Args)]
pub struct WordArguments {
    pub model: String,
    /// Where it is tried in several
    #[arg(long)]
    pub role: Option<String>,
    /// Why; kept with what was known
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// `models upload`.
#[derive(Debug, Args)]
pub struct UploadArguments {
    pub file: PathBuf,
    /// Versions are counted by name
    #[arg(long)]
    pub name: String,
    /// Who is to serve it; default: the only provider that serves files
    #[arg(long)]
    pub provider: Option<String>,
    /// Try it as planner as soon as it answered
    #[arg(long)]
    pub enable: bool,
    /// What it was made from; of an adapter, what it is loaded on
    #[arg(long, value_name = "MODEL")]
    pub base_model: Option<String>,
    /// Of an adapter in safetensors; default: adapter_config.json beside it
    #[arg(long, value_name = "FILE")]
    pub adapter_config: Option<PathBuf>,
    /// The export that it was trained on
    #[arg(long, value_name = "EXPORT_ID")]
    pub trained_on: Option<String>,
    /// The same key makes no second version
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// `metrics`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct MetricsArguments {
    #[command(subcommand)]
    pub verb: Option<MetricsVerb>,
    /// Over how many days; default: the server's own window
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: Option<u32>,
}

/// What is done with business metrics.
#[derive(Debug, Subcommand)]
pub enum MetricsVerb {
    /// Say what may be said of business metrics, before and after something began, and by which evidence
    Business(BusinessArguments),
    /// Report values of business metrics
    Record(RecordArguments),
}

#[derive(Debug, Args)]
pub struct BusinessArguments {
    /// One metric; none: all
    pub name: Option<String>,
    /// One part of the business
    #[arg(long)]
    pub segment: Option<String>,
    /// Before and after what this task published. Default: the first completed task
    #[arg(long, value_name = TASK, conflicts_with_all = ["pattern", "since"])]
    pub task: Option<String>,
    /// Before and after the first task that ran this pattern
    #[arg(long, value_name = "PATTERN_ID", conflicts_with = "since")]
    pub pattern: Option<String>,
    /// Before and after this day, or time
    #[arg(long, value_name = "DAY")]
    pub since: Option<String>,
    /// As of this day, or time
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
    /// Days on each side; default: 14
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(7..=90))]
    pub days: Option<u32>,
    /// Another metric that was not touched; may be repeated
    #[arg(long = "control", value_name = "NAME")]
    pub controls: Vec<String>,
}

#[derive(Debug, Args)]
pub struct RecordArguments {
    /// A value of a metric; may be repeated
    #[arg(required = true, value_name = "NAME=NUMBER", value_parser = assignment::<f64>)]
    pub points: Vec<(String, f64)>,
    /// When it was measured, such as 2030-01-31T09:00:00Z; default: now
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The task it is about
    #[arg(long, value_name = TASK)]
    pub task: Option<String>,
    /// The part of the business it was measured in; default: the whole
    #[arg(long)]
    pub segment: Option<String>,
    /// Sent again with the same key, it counts once
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// One verb each.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start Postgres, NATS and all services on this machine and supervise them
    Dev(DevArguments),
    /// Start everything and take the sample request through it
    Run(RunArguments),
    /// Stop what `dev` started
    Down,
    /// Stop, then delete all state
    Reset,
    /// Submit a request
    Submit(Box<SubmitArguments>),
    /// Show a task
    Status {
        #[arg(value_name = TASK)]
        task: String,
    },
    /// List tasks, newest first
    List(ListArguments),
    /// Follow a task until it ends; exit code 0 only when it completes
    Watch {
        #[arg(value_name = TASK)]
        task: String,
        /// Begin behind this event
        #[arg(long, default_value_t = 0, value_name = "SEQUENCE")]
        after: u64,
    },
    /// List what waits for a human, or show what one task asks
    Approvals {
        #[arg(value_name = TASK)]
        task: Option<String>,
        /// Which question, where several are open
        #[arg(long, value_name = "GATE_ID")]
        gate: Option<String>,
        /// Only what this person or group is to answer
        #[arg(long, value_name = "NAME", conflicts_with = "task")]
        assignee: Option<String>,
    },
    /// Approve what a task asks
    Approve(ApproveArguments),
    /// Refuse; the task ends
    Reject {
        #[command(flatten)]
        gate: GateArguments,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        short: ShortOf,
    },
    /// Send back with feedback
    Revise {
        #[command(flatten)]
        gate: GateArguments,
        feedback: String,
        #[command(flatten)]
        short: ShortOf,
    },
    /// End a task
    Cancel {
        #[arg(value_name = TASK)]
        task: String,
    },
    /// Continue what failed or needs attention
    Retry(RetryArguments),
    /// Begin a new task where another one got to, with something different
    Fork(Box<ForkArguments>),
    /// Start nothing more of a task until it is resumed
    Pause {
        #[arg(value_name = TASK)]
        task: String,
    },
    /// Let a paused task go on
    Resume {
        #[arg(value_name = TASK)]
        task: String,
    },
    /// List the tools, show one, or change what plans may use
    #[command(args_conflicts_with_subcommands = true)]
    Tools(ToolsArguments),
    /// Export training data of finished tasks
    Export(ExportArguments),
    /// Import training records, one JSON document a line
    Import {
        /// The file; - reads standard input
        file: PathBuf,
    },
    /// Models of one's own
    Models(ModelsArguments),
    /// Say how good a task's result is, at any time
    Feedback(FeedbackArguments),
    /// Show what you prefer and what was learned of it, state a preference, or take one back
    #[command(args_conflicts_with_subcommands = true)]
    Preferences(PreferencesArguments),
    /// Show what was called and decided for a task, step by step
    Trace {
        #[arg(value_name = TASK)]
        task: String,
    },
    /// List what was learned from approved tasks, show one pattern, or decide about it
    #[command(args_conflicts_with_subcommands = true)]
    Patterns(PatternsArguments),
    /// List what was tried, or show one experiment
    Experiments {
        /// The experiment to show; none: all of them
        experiment_id: Option<String>,
    },
    /// Show success, quality, cost, and how much of what was learned is used
    Metrics(MetricsArguments),
    /// Show how far people agree with the models that judge, and which may approve by their scores
    Judges,
    /// Check this machine, the configuration, the models, and what runs
    Doctor,
    /// Print the completions of a shell; put them where it looks for them
    Completions { shell: clap_complete::Shell },
}

/// How tasks are named on a command line: the id, its beginning or end, or `last`.
const TASK: &str = "TASK";

/// In what a result is not good enough.
#[derive(Debug, Args)]
pub struct ShortOf {
    /// A quality dimension the result is not good enough in, such as tone; may be repeated
    #[arg(long = "dimension", value_name = "NAME")]
    pub dimensions: Vec<String>,
}

#[derive(Debug, Args)]
pub struct FeedbackArguments {
    #[arg(value_name = TASK)]
    pub task: String,
    /// 1 (useless) to 5 (as it should be)
    #[arg(long, value_name = "1-5", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub rating: Option<u8>,
    /// In words
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// The quality dimension it is about, such as clarity
    #[arg(long, value_name = "NAME")]
    pub dimension: Option<String>,
    /// The step it is about, by key or id
    #[arg(long, value_name = "KEY")]
    pub step: Option<String>,
    /// Sent again with the same key, it counts once
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// `preferences`.
#[derive(Debug, Args)]
pub struct PreferencesArguments {
    #[command(subcommand)]
    pub verb: Option<PreferenceVerb>,
    /// Only this one
    pub key: Option<String>,
    /// Somebody else's
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Only those of user, team or tenant
    #[arg(long)]
    pub scope: Option<String>,
    /// As they were at this time
    #[arg(long, value_name = "RFC 3339")]
    pub at: Option<String>,
    /// As far as was known at this time
    #[arg(long, value_name = "RFC 3339")]
    pub known_at: Option<String>,
    /// With everything that was said and shown
    #[arg(long)]
    pub history: bool,
}

/// What is done with preferences.
#[derive(Debug, Subcommand)]
pub enum PreferenceVerb {
    /// State a preference
    Set {
        key: String,
        /// JSON where it is JSON, else text
        value: String,
        #[command(flatten)]
        whose: WhoseArguments,
        /// Since when; default: from now on
        #[arg(long, value_name = "RFC 3339")]
        since: Option<String>,
    },
    /// Take a stated preference back; history keeps it
    Unset {
        key: String,
        #[command(flatten)]
        whose: WhoseArguments,
    },
    /// Delete everything that was kept of a user, and what was made of it
    Erase {
        user: String,
        /// Do it; there is no way back
        #[arg(long)]
        yes: bool,
    },
}

/// Whose a statement is; by default one's own.
#[derive(Debug, Args)]
pub struct WhoseArguments {
    /// Of this team
    #[arg(long, value_name = "NAME")]
    pub team: Option<String>,
    /// Of everybody
    #[arg(long, conflicts_with = "team")]
    pub tenant: bool,
}

impl WhoseArguments {
    /// As the interface names it.
    pub fn scope(&self) -> &'static str {
        match (&self.team, self.tenant) {
            (Some(_), _) => "team",
            (None, true) => "tenant",
            (None, false) => "user",
        }
    }
}

/// Answers to an attention gate that no other verb gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum GateAction {
    /// The effect of unknown outcome did happen
    MarkDone,
    /// Go on without it
    Skip,
}

impl From<GateAction> for Action {
    fn from(action: GateAction) -> Self {
        match action {
            GateAction::MarkDone => Self::MarkDone,
            GateAction::Skip => Self::Skip,
        }
    }
}

#[derive(Debug, Args)]
pub struct DevArguments {
    /// Start in the background; return once everything is ready
    #[arg(long)]
    pub detach: bool,
    /// Leave the caller's session; for `--detach`
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub own_session: bool,
}

#[derive(Debug, Args)]
pub struct RunArguments {
    /// End after the sample, with its outcome as exit code (also RUN_ONCE=1)
    #[arg(long)]
    pub once: bool,
    /// Approve without asking (also AUTO_APPROVE=1)
    #[arg(long)]
    pub auto_approve: bool,
}

#[derive(Debug, Args)]
pub struct SubmitArguments {
    /// What is wanted
    pub text: String,
    /// Follow the task until it ends
    #[arg(long)]
    pub watch: bool,
    /// Publish here; may be repeated. Default: the policy's channels
    #[arg(long = "channel", value_name = "NAME")]
    pub channels: Vec<String>,
    /// Publish nowhere
    #[arg(long, conflicts_with = "channels")]
    pub no_channels: bool,
    /// professional, friendly, …
    #[arg(long)]
    pub tone: Option<String>,
    /// A business metric; may be repeated
    #[arg(long = "metric", value_name = "NAME=NUMBER", value_parser = assignment::<f64>)]
    pub metrics: Vec<(String, f64)>,
    /// A preference; may be repeated. JSON where it is JSON, else text
    #[arg(long = "preference", value_name = "NAME=VALUE", value_parser = assignment::<String>)]
    pub preferences: Vec<(String, String)>,
    /// A label of your own; may be repeated
    #[arg(long = "metadata", value_name = "NAME=TEXT", value_parser = assignment::<String>)]
    pub metadata: Vec<(String, String)>,
    /// A plan of your own, as JSON; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Publish without asking when the result is good enough and policy allows it
    #[arg(long)]
    pub auto_approve: bool,
    /// Ask before the plan is carried out
    #[arg(long)]
    pub plan_review: bool,
    /// Overall quality needed, 0-1
    #[arg(long, value_name = "0-1")]
    pub quality_threshold: Option<f64>,
    /// Repair rounds before a human is asked
    #[arg(long, value_name = "N")]
    pub max_refinements: Option<u32>,
    /// What the task may cost
    #[arg(long, value_name = "USD")]
    pub max_cost: Option<f64>,
    /// Tokens the task may use, in and out
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<i64>,
    /// Calls of models, and of tools that cost, the task may make
    #[arg(long, value_name = "N")]
    pub max_calls: Option<i64>,
    /// Seconds after which somebody is asked
    #[arg(long, value_name = "SECONDS")]
    pub max_duration: Option<f64>,
    /// -10 to 10; what is higher goes first
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub priority: Option<i16>,
    /// Sent again with the same key, the request makes no second task
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only this status
    #[arg(long)]
    pub status: Option<String>,
    /// Only requests with this text
    #[arg(long = "query", short = 'q', value_name = "TEXT")]
    pub q: Option<String>,
    /// How many, 1-200
    #[arg(long, default_value_t = 20)]
    pub limit: u32,
    /// `next_cursor` of the page before
    #[arg(long)]
    pub cursor: Option<String>,
}

/// Which question of which task.
#[derive(Debug, Args)]
pub struct GateArguments {
    #[arg(value_name = TASK)]
    pub task: String,
    /// Which question, where several are open
    #[arg(long, value_name = "GATE_ID")]
    pub gate: Option<String>,
}

#[derive(Debug, Args)]
pub struct ApproveArguments {
    #[command(flatten)]
    pub gate: GateArguments,
    /// Publish here only; may be repeated. Default: everywhere
    #[arg(long = "channel", value_name = "NAME")]
    pub channels: Vec<String>,
    /// Complete without publishing
    #[arg(long, conflicts_with = "channels")]
    pub no_publish: bool,
    /// Publish the file's content instead; may be repeated
    #[arg(long = "edit", value_name = "CHANNEL=FILE", value_parser = assignment::<PathBuf>)]
    pub edits: Vec<(String, PathBuf)>,
    /// For a step that waits: call its tool with these arguments instead, a JSON object
    #[arg(long, value_name = "JSON", value_parser = object, conflicts_with_all = ["channels", "no_publish", "edits"])]
    pub arguments: Option<JsonObject>,
    /// For a step whose tool asks: the answers, a JSON object by the names of what is asked
    #[arg(long, value_name = "JSON", value_parser = object, conflicts_with_all = ["channels", "no_publish", "edits", "arguments"])]
    pub responses: Option<JsonObject>,
    /// For a plan that is reviewed: run this one instead, as JSON (`plan_document` of `approvals TASK --json` is what to
    /// begin from); `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["channels", "no_publish", "edits", "arguments", "responses", "action"])]
    pub plan: Option<PathBuf>,
    /// Instead of approving, for a step that may be skipped or an effect that did happen
    #[arg(long, conflicts_with_all = ["channels", "no_publish", "edits", "arguments", "responses"])]
    pub action: Option<GateAction>,
    /// Approve only if the content is still what you saw
    #[arg(long, value_name = "HASH")]
    pub content_hash: Option<String>,
    #[command(flatten)]
    pub short: ShortOf,
}

#[derive(Debug, Args)]
pub struct RetryArguments {
    #[arg(value_name = TASK)]
    pub task: String,
    /// Key of the step to start again from
    #[arg(long, value_name = "KEY")]
    pub from_step: Option<String>,
    /// Added to the budget
    #[arg(long, value_name = "USD")]
    pub raise_cost: Option<f64>,
    /// Tokens added to the budget
    #[arg(long, value_name = "N")]
    pub raise_tokens: Option<i64>,
    /// Calls added to the budget
    #[arg(long, value_name = "N")]
    pub raise_calls: Option<i64>,
    /// Seconds added to the time the task may take; from now, where it is over
    #[arg(long, value_name = "SECONDS")]
    pub raise_duration: Option<f64>,
    /// Send an effect of unknown outcome again
    #[arg(long)]
    pub send_again: bool,
}

#[derive(Debug, Args)]
pub struct ForkArguments {
    #[arg(value_name = TASK)]
    pub task: String,
    /// Key of the step to start again from; without it only what differs is done again
    #[arg(long, value_name = "KEY")]
    pub from_step: Option<String>,
    /// An argument of a step; may be repeated. JSON where it is JSON, else text; null takes it away
    #[arg(long = "set", value_name = "STEP.NAME=VALUE", value_parser = assignment::<String>)]
    pub arguments: Vec<(String, String)>,
    /// Another tool for a step; may be repeated
    #[arg(long = "tool", value_name = "STEP=TOOL_ID", value_parser = assignment::<String>)]
    pub tools: Vec<(String, String)>,
    /// What is wanted instead
    #[arg(long, value_name = "TEXT")]
    pub request: Option<String>,
    /// A preference; may be repeated. JSON where it is JSON, else text; null takes it away
    #[arg(long = "preference", value_name = "NAME=VALUE", value_parser = assignment::<String>)]
    pub preferences: Vec<(String, String)>,
    /// Publish without asking when the result is good enough and policy allows it
    #[arg(long)]
    pub auto_approve: bool,
    /// Ask before the plan is carried out
    #[arg(long)]
    pub plan_review: bool,
    /// Follow the task until it ends
    #[arg(long)]
    pub watch: bool,
    /// Sent again with the same key, the request makes no second task
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub struct ExportArguments {
    /// jsonl, openai-chat, dpo, sharegpt or parquet
    #[arg(long, default_value = "jsonl")]
    pub format: String,
    /// Only tasks of at least this quality, 0-1
    #[arg(long, value_name = "0-1")]
    pub min_quality: Option<f64>,
    /// Most records, drawn from every kind of request in proportion
    #[arg(long)]
    pub limit: Option<u64>,
    /// Another seed draws others
    #[arg(long)]
    pub seed: Option<u64>,
    /// Only this part: train, validation or test
    #[arg(long)]
    pub split: Option<String>,
    /// granted: only where the owners of the data allow training with it
    #[arg(long)]
    pub consent: Option<String>,
    /// live, import or all
    #[arg(long)]
    pub origin: Option<String>,
    /// Where to; default: standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Not a bare map: clap would take that for an argument of several values.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonObject(pub Map<String, Value>);

fn object(text: &str) -> Result<JsonObject, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(JsonObject(members)),
        Ok(_) => Err("write a JSON object, {\"name\": value}".to_owned()),
        Err(error) => Err(format!("no JSON: {error}")),
    }
}

/// `name=value`.
fn assignment<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<(String, T), String> {
    let (name, value) = text.split_once('=').ok_or("write name=value")?;
    let value = value.parse().map_err(|error: T::Err| format!("{value}: {error}"))?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_tool_is_named_alone_or_behind_a_verb() {
        let tools = |line: &[&str]| match Arguments::try_parse_from(["orchestrator", "tools"].iter().chain(line)) {
            Ok(Arguments {
                command: Command::Tools(arguments),
                ..
            }) => Some(arguments),
            _ => None,
        };
        let shown = tools(&["shop.stock"]).unwrap();
        assert_eq!(
            (shown.tool_id.as_deref(), shown.verb.is_none()),
            (Some("shop.stock"), true)
        );
        let found = tools(&["--q", "stock", "--state", "suspended"]).unwrap();
        assert_eq!(
            (found.q.as_deref(), found.state.as_deref()),
            (Some("stock"), Some("suspended"))
        );
        let verb = tools(&["approve", "shop.stock", "--version-hash", "00ff"])
            .unwrap()
            .verb;
        assert!(matches!(
            verb,
            Some(ToolVerb::Approve {
                version_hash: Some(_),
                ..
            })
        ));
        assert!(tools(&["suspend"]).is_none(), "a tool is named");
    }

    #[test]
    fn a_metric_is_a_name_and_a_number() {
        assert_eq!(assignment::<f64>("rate=0.04").unwrap(), ("rate".to_owned(), 0.04));
        assert!(assignment::<f64>("rate=high").unwrap_err().starts_with("high: "));
        assert!(assignment::<f64>("rate").is_err());
    }
}
