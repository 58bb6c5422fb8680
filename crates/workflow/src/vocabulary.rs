//! The closed lists users see (contract, section 4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $(#[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every member, in contract order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name users see.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The member of that name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

closed_list!(
    /// Status of a task.
    Status {
        Submitted = "submitted",
        Planning = "planning",
        AwaitingPlanReview = "awaiting_plan_review",
        Executing = "executing",
        AwaitingStepApproval = "awaiting_step_approval",
        Assessing = "assessing",
        Refining = "refining",
        Formatting = "formatting",
        AwaitingApproval = "awaiting_approval",
        Publishing = "publishing",
        NeedsAttention = "needs_attention",
        Paused = "paused",
        Cancelling = "cancelling",
        Completed = "completed",
        Rejected = "rejected",
        Failed = "failed",
        Cancelled = "cancelled",
    }
);

closed_list!(
    /// Phase of a task, a function of its status.
    Phase {
        Planning = "planning",
        ToolDiscovery = "tool_discovery",
        Execution = "execution",
        QualityCheck = "quality_check",
        Refinement = "refinement",
        Formatting = "formatting",
        Approval = "approval",
        Learning = "learning",
    }
);

closed_list!(
    /// Status of a step.
    StepStatus {
        Pending = "pending",
        Ready = "ready",
        Queued = "queued",
        Running = "running",
        WaitingApproval = "waiting_approval",
        Succeeded = "succeeded",
        Failed = "failed",
        Skipped = "skipped",
        Cancelled = "cancelled",
    }
);

closed_list!(
    /// What a gate is about.
    GateKind {
        Plan = "plan",
        Step = "step",
        Publication = "publication",
        Attention = "attention",
    }
);

closed_list!(
    /// What the run of a step asks of a human.
    AskKind {
        Approval = "approval",
        Input = "input",
    }
);

closed_list!(
    /// What a human may answer.
    Action {
        Approve = "approve",
        Revise = "revise",
        Reject = "reject",
        Edit = "edit",
        Retry = "retry",
        RaiseBudget = "raise_budget",
        SendAgain = "send_again",
        MarkDone = "mark_done",
        Skip = "skip",
        Cancel = "cancel",
    }
);

closed_list!(
    /// Why a task needs a human.
    AttentionReason {
        QualityBelowThreshold = "quality_below_threshold",
        BudgetExceeded = "budget_exceeded",
        EffectUnknown = "effect_unknown",
        Publication = "publication",
        AttemptsExhausted = "attempts_exhausted",
        Poison = "poison",
        PlanInvalid = "plan_invalid",
        Deadline = "deadline",
        GateExpired = "gate_expired",
        Internal = "internal",
    }
);

closed_list!(
    /// What repeating a call would do outside.
    EffectClass {
        ReadOnly = "read_only",
        Keyed = "keyed",
        Queryable = "queryable",
        Once = "once",
    }
);

closed_list!(
    /// State of a tool in the catalog.
    ToolState {
        Active = "active",
        Suspended = "suspended",
        AwaitingApproval = "awaiting_approval",
        Removed = "removed",
    }
);

closed_list!(
    /// Where a plan came from.
    PlanOrigin {
        Planner = "planner",
        Pattern = "pattern",
        Human = "human",
        Client = "client",
    }
);

closed_list!(
    /// Kinds of work, one work subject each.
    WorkKind {
        Plan = "plan",
        Execute = "execute",
        Assess = "assess",
        Format = "format",
        Publish = "publish",
        Notify = "notify",
        Discover = "discover",
    }
);

closed_list!(
    /// Events of tasks, their steps and gates, of tools, of learned patterns, and of models and how they are tried:
    /// `<entity>.<event>`.
    EventKind {
        TaskSubmitted = "task.submitted",
        TaskPlanned = "task.planned",
        TaskExecuting = "task.executing",
        TaskAssessed = "task.assessed",
        TaskRefining = "task.refining",
        TaskFormatted = "task.formatted",
        TaskAwaitingApproval = "task.awaiting_approval",
        TaskNeedsAttention = "task.needs_attention",
        TaskPaused = "task.paused",
        TaskResumed = "task.resumed",
        TaskPublishing = "task.publishing",
        TaskCompleted = "task.completed",
        TaskRejected = "task.rejected",
        TaskFailed = "task.failed",
        TaskCancelled = "task.cancelled",
        StepQueued = "step.queued",
        StepStarted = "step.started",
        StepSucceeded = "step.succeeded",
        StepFailed = "step.failed",
        StepSkipped = "step.skipped",
        GateOpened = "gate.opened",
        GateDecided = "gate.decided",
        GateExpired = "gate.expired",
        ToolDiscovered = "tool.discovered",
        ToolChanged = "tool.changed",
        ToolSuspended = "tool.suspended",
        PatternActivated = "pattern.activated",
        PatternDemoted = "pattern.demoted",
        PatternRetired = "pattern.retired",
        ModelRegistered = "model.registered",
        ModelValidated = "model.validated",
        ModelCanary = "model.canary",
        ModelPromoted = "model.promoted",
        ModelRolledBack = "model.rolled_back",
        ModelInconclusive = "model.inconclusive",
        ModelFailed = "model.failed",
        ExperimentStarted = "experiment.started",
        ExperimentAdvanced = "experiment.advanced",
        ExperimentHeld = "experiment.held",
        ExperimentResumed = "experiment.resumed",
        ExperimentPromoted = "experiment.promoted",
        ExperimentRolledBack = "experiment.rolled_back",
        ExperimentEnded = "experiment.ended",
    }
);

impl Status {
    /// Ended for good; nothing changes it any more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Rejected | Self::Failed | Self::Cancelled)
    }

    /// The phase users see. `tool_discovery` is told apart by the planner's progress, not by status.
    pub const fn phase(self) -> Phase {
        match self {
            Self::Submitted | Self::Planning | Self::AwaitingPlanReview => Phase::Planning,
            Self::Executing | Self::AwaitingStepApproval => Phase::Execution,
            Self::Assessing => Phase::QualityCheck,
            Self::Refining => Phase::Refinement,
            Self::Formatting => Phase::Formatting,
            Self::AwaitingApproval | Self::Publishing => Phase::Approval,
            Self::Completed | Self::Rejected | Self::Failed | Self::Cancelled => Phase::Learning,
            // Shown with the phase of the status they interrupt; see Task::phase.
            Self::NeedsAttention | Self::Paused | Self::Cancelling => Phase::Execution,
        }
    }
}

impl StepStatus {
    /// Its output, or the lack of one, is settled.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Succeeded | Self::Skipped)
    }
}

impl EventKind {
    /// `task`, `step`, `gate`, `tool`, `pattern`, `model` or `experiment`.
    pub fn entity(self) -> &'static str {
        self.as_str().split_once('.').map_or("task", |(entity, _)| entity)
    }
}
