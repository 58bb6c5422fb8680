//! Every metric there is.

use super::Metric;

/// Version of each process.
pub const BUILD_INFO: Metric = Metric {
    name: "orchestrator_build_info",
    help: "1, with the process's service and version.",
};
/// Readiness of each process.
pub const READY: Metric = Metric {
    name: "orchestrator_ready",
    help: "1 while the process can do its work, else 0.",
};
/// Gateway: requests answered.
pub const HTTP_REQUESTS: Metric = Metric {
    name: "orchestrator_http_requests_total",
    help: "REST requests answered, by status.",
};
/// Coordinator: inputs applied.
pub const INPUTS: Metric = Metric {
    name: "orchestrator_inputs_total",
    help: "Inputs applied to tasks, by outcome.",
};
/// Coordinator: transactions.
pub const BATCHES: Metric = Metric {
    name: "orchestrator_batches_total",
    help: "Batches of inputs committed.",
};
/// Coordinator: inputs that could not be applied.
pub const QUARANTINED: Metric = Metric {
    name: "orchestrator_quarantined_total",
    help: "Inputs put aside because they could not be applied.",
};
/// Coordinator: messages published.
pub const WORK_PUBLISHED: Metric = Metric {
    name: "orchestrator_work_published_total",
    help: "Work messages published and acknowledged.",
};
/// Coordinator: what the sweeper moved.
pub const SWEPT: Metric = Metric {
    name: "orchestrator_swept_total",
    help: "Obligations the sweeper acted on, by rule.",
};
/// Coordinator: outbox.
pub const EVENTS_PUBLISHED: Metric = Metric {
    name: "orchestrator_events_published_total",
    help: "Events published and acknowledged.",
};
/// Executor: MCP servers.
pub const MCP_SERVER_UP: Metric = Metric {
    name: "orchestrator_mcp_server_up",
    help: "1 while the executor is connected to a configured MCP server and has listed its tools, else 0; by server.",
};
/// Workers: jobs in hand.
pub const JOBS_RUNNING: Metric = Metric {
    name: "orchestrator_jobs_running",
    help: "Jobs this worker runs now.",
};
/// Workers: jobs ended.
pub const JOBS: Metric = Metric {
    name: "orchestrator_jobs_total",
    help: "Jobs this worker ended, by kind and outcome.",
};
/// Learner: records kept.
pub const TASKS_INGESTED: Metric = Metric {
    name: "orchestrator_tasks_ingested_total",
    help: "Finished tasks whose record was kept.",
};
/// Coordinator: how busy the writer is.
pub const WRITER_BUSY: Metric = Metric {
    name: "orchestrator_writer_busy_microseconds_total",
    help: "Time during which a batch was being written.",
};
/// Learner: completed tasks among those that ended.
pub const SUCCESS_RATIO: Metric = Metric {
    name: "orchestrator_success_ratio",
    help: "Share of ended tasks that completed, cancelled ones left out, 0-1.",
};
/// Learner: mean overall quality.
pub const QUALITY_SCORE: Metric = Metric {
    name: "orchestrator_quality_score",
    help: "Mean overall quality of judged tasks, 0-1.",
};
/// Learner: cost.
pub const COST_PER_SUCCESS: Metric = Metric {
    name: "orchestrator_cost_per_success_usd",
    help: "US dollars spent on ended tasks for each that completed.",
};
/// Learner: use of patterns.
pub const PATTERN_ADOPTION_RATIO: Metric = Metric {
    name: "orchestrator_pattern_adoption_ratio",
    help: "Share of tasks with offered patterns whose executed plan followed one, 0-1.",
};
/// Learner: worth of custom models.
pub const CUSTOM_MODEL_IMPROVEMENT: Metric = Metric {
    name: "orchestrator_custom_model_improvement",
    help: "Difference in mean overall quality between tasks with a custom model and tasks without.",
};
/// Learner: forecasts of cost.
pub const FORECAST_COST_RATIO: Metric = Metric {
    name: "orchestrator_forecast_cost_ratio",
    help: "What the steps of ended tasks cost over what was forecast of them.",
};
/// Learner: forecasts of time.
pub const FORECAST_DURATION_RATIO: Metric = Metric {
    name: "orchestrator_forecast_duration_ratio",
    help: "What the steps of ended tasks took over what was forecast of them.",
};
/// Learner: forecasts of quality.
pub const FORECAST_QUALITY_ERROR: Metric = Metric {
    name: "orchestrator_forecast_quality_error",
    help: "By how much the overall quality of judged tasks was above what was forecast, -1 to 1.",
};
/// Learner: what memory is worth.
pub const MEMORY_UPLIFT: Metric = Metric {
    name: "orchestrator_memory_uplift",
    help: "Share of tasks that went well with patterns offered, less that of tasks they were withheld from, -1 to 1.",
};
/// Coordinator: events for webhooks.
pub const WEBHOOK_EVENTS: Metric = Metric {
    name: "orchestrator_webhook_events_total",
    help: "Events posted to a webhook, by what became of it: delivered, failed (tried again later), given_up, gone.",
};
/// Coordinator: what a tenant may spend in its window.
pub const TENANT_BUDGET_LIMIT: Metric = Metric {
    name: "orchestrator_tenant_budget_limit",
    help: "What a tenant may spend in its window, by unit (usd, tokens, calls).",
};
/// Coordinator: what a tenant has spent in its window, and set aside.
pub const TENANT_BUDGET_USED: Metric = Metric {
    name: "orchestrator_tenant_budget_used",
    help: "What a tenant has spent in its window and set aside, by unit; each coordinator counts all.",
};
/// Coordinator: events for webhooks that are not delivered yet.
pub const WEBHOOK_WAITING: Metric = Metric {
    name: "orchestrator_webhook_waiting",
    help: "Events a webhook has not taken yet; each coordinator counts all.",
};
/// Coordinator: how far people agree with judges.
pub const JUDGE_AGREEMENT: Metric = Metric {
    name: "orchestrator_judge_agreement_ratio",
    help: "Share of people's words on a judge's scores that say the same, 0-1; each coordinator counts all.",
};
/// Coordinator: the same without what chance brings.
pub const JUDGE_KAPPA: Metric = Metric {
    name: "orchestrator_judge_kappa",
    help: "Cohen's kappa of a judge and people, -1 to 1; absent where it cannot be told.",
};
/// Coordinator: what that rests on.
pub const JUDGE_LABELS: Metric = Metric {
    name: "orchestrator_judge_labels",
    help: "People's words on a judge's scores in the window of days.",
};
