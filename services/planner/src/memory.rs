//! What the learner remembers, asked for each planning and never waited for long.

use crate::meaning::Meant;
use crate::quality::Scores;
use contracts::learner::learner_service_client::LearnerServiceClient;
use contracts::learner::{self, Pattern, RecallRequest, RecallResponse};
use contracts::trace;
use llm::{Context, KnownIssue, KnownPattern, KnownPreference, Memory, PatternUse, ToolCard, Uplift};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use workflow::plan::{Plan, containment, similarity};

/// Planning waits this long in all, a connection included, then goes on without.
const PATIENCE: Duration = Duration::from_millis(300);
/// So much of it, at most, for the vector of the request.
const MEANING_PATIENCE: Duration = Duration::from_millis(150);
/// The learner takes no longer vector.
const MAX_DIMENSIONS: usize = 4096;
/// A learner that is away is left alone for this long, so that plannings do not each wait for it.
const LEFT_ALONE: Duration = Duration::from_secs(2);
/// At most 5 patterns of 64 KiB, with room.
const MAX_ANSWER: usize = 1 << 20;
/// A plan with less in common with a pattern does not follow it, whatever the engine says.
const FOLLOWED: f64 = 0.4;

/// What memory had for a planning.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    state: State,
    memory: Memory,
    /// Of each of memory's patterns.
    scores: Vec<Option<Scores>>,
    /// Of tasks that these patterns were withheld from.
    withheld: Option<Scores>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is something to go by.
    Used,
    /// Nothing fits, or the task is held out.
    Empty,
    /// The learner did not answer in time, or was not asked.
    Unavailable,
}

impl Recalled {
    /// By an engine that plans without looking.
    pub fn unasked() -> Self {
        Self::nothing(State::Unavailable)
    }

    fn nothing(state: State) -> Self {
        Self {
            state,
            memory: Memory::default(),
            scores: Vec::new(),
            withheld: None,
        }
    }

    /// As the status document says it.
    pub fn as_str(&self) -> &'static str {
        match self.state {
            State::Used => "used",
            State::Empty => "empty",
            State::Unavailable => "unavailable",
        }
    }

    /// For the engine.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// How good tasks were that ran each of memory's patterns.
    pub fn scores(&self) -> &[Option<Scores>] {
        &self.scores
    }

    /// How good tasks were that these patterns were withheld from.
    pub fn withheld(&self) -> Option<Scores> {
        self.withheld
    }
}

/// Which task is planned, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    pub task_id: &'a str,
    pub tenant: &'a str,
    /// Who asked; empty: nobody whose preferences are remembered.
    pub user: &'a str,
}

type Inject = fn(Request<()>) -> Result<Request<()>, Status>;

/// The learner, as far as planning needs it.
pub struct Learner {
    client: LearnerServiceClient<InterceptedService<Channel, Inject>>,
    away_until: Mutex<Option<Instant>>,
}

impl Learner {
    /// At `url`; connects when first asked.
    ///
    /// # Errors
    /// The address is not a URL.
    pub fn at(url: &str) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(url.trim().to_owned())?
            .connect_timeout(PATIENCE)
            .tcp_nodelay(true);
        let client = LearnerServiceClient::with_interceptor(endpoint.connect_lazy(), trace::inject as Inject);
        Ok(Self {
            client: client.max_decoding_message_size(MAX_ANSWER),
            away_until: Mutex::new(None),
        })
    }

    /// What was learned that fits a request, over these tools; by meaning too, where that is known in time.
    pub async fn recall(
        &self,
        asker: Asker<'_>,
        context: &Context,
        tools: &[ToolCard],
        meant: Option<&Meant>,
    ) -> Recalled {
        if self.is_away() {
            return Recalled::nothing(State::Unavailable);
        }
        let until = Instant::now() + PATIENCE;
        let (meaning, meaning_model) = in_time(meant).await;
        let request = RecallRequest {
            tenant: asker.tenant.to_owned(),
            task_id: asker.task_id.to_owned(),
            user: asker.user.to_owned(),
            request: context.request.clone(),
            preferences_json: Value::Object(context.preferences.clone()).to_string(),
            tool_ids: tools.iter().map(|tool| tool.tool_id.clone()).collect(),
            channels: context.channels.clone(),
            meaning,
            meaning_model,
        };
        let mut client = self.client.clone();
        let outcome = timeout_at(until, client.recall(request)).await;
        let (away, recalled) = match outcome {
            Ok(Ok(answer)) => (false, read(answer.into_inner())),
            Ok(Err(status)) => {
                tracing::info!(code = ?status.code(), "planning without memory: {}", status.message());
                (is_outage(&status), Recalled::nothing(State::Unavailable))
            }
            Err(_) => {
                tracing::info!("planning without memory: the learner did not answer in time");
                (true, Recalled::nothing(State::Unavailable))
            }
        };
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = away.then(|| Instant::now() + LEFT_ALONE);
        recalled
    }

    fn is_away(&self) -> bool {
        let away_until = self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        away_until.is_some_and(|until| Instant::now() < until)
    }
}

/// The vector of a request, and whose it is; nothing where it comes too late, or not at all.
async fn in_time(meant: Option<&Meant>) -> (Vec<f32>, String) {
    let Some(meant) = meant else {
        return Default::default();
    };
    match timeout(MEANING_PATIENCE, meant.vector()).await {
        Ok(Ok(vector)) if vector.len() <= MAX_DIMENSIONS => (vector.to_vec(), meant.model()),
        Ok(Ok(vector)) => {
            tracing::debug!(
                dimensions = vector.len(),
                "patterns are found by words: the vector is too long"
            );
            Default::default()
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "patterns are found by words");
            Default::default()
        }
        Err(_) => {
            tracing::debug!("patterns are found by words: the request was not embedded in time");
            Default::default()
        }
    }
}

/// What was asked is not to blame.
fn is_outage(status: &Status) -> bool {
    !matches!(status.code(), Code::InvalidArgument | Code::NotFound)
}

/// What an answer has.
pub fn read(answer: RecallResponse) -> Recalled {
    let read = answer.patterns.into_iter().filter_map(pattern);
    let (patterns, scores) = read.unzip();
    // Whoever is planned without memory keeps what was stated, and nothing that was learned.
    let told = answer.associations.into_iter().filter(|_| !answer.held_out);
    let issues = answer.issues.into_iter().filter(|_| !answer.held_out);
    let memory = Memory {
        patterns,
        preferences: preferences(&answer.preferences_json),
        associations: told.map(|known| known.statement).collect(),
        issues: issues.map(issue).collect(),
    };
    let withheld = answer.withheld.and_then(checked);
    if memory == Memory::default() {
        // How good such plans are is no help in making one.
        return Recalled {
            withheld,
            ..Recalled::nothing(State::Empty)
        };
    }
    Recalled {
        state: State::Used,
        memory,
        scores,
        withheld,
    }
}

/// As the learner tells them, the surest first; what cannot be read is not known.
fn preferences(json: &str) -> Vec<KnownPreference> {
    #[derive(Deserialize)]
    struct Told {
        value: Value,
        source: String,
        scope: String,
        strength: f64,
    }
    let told: BTreeMap<String, Told> = serde_json::from_str(json).unwrap_or_default();
    let mut known: Vec<KnownPreference> = told
        .into_iter()
        .map(|(name, told)| KnownPreference {
            name,
            value: told.value,
            source: told.source,
            scope: told.scope,
            strength: told.strength,
        })
        .collect();
    known.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    known
}

fn checked(scores: learner::Scores) -> Option<Scores> {
    Scores::checked(scores.n, scores.mean, scores.deviation)
}

/// None of what cannot be a difference of shares.
fn checked_uplift(uplift: learner::Uplift) -> Option<Uplift> {
    let within = |value: f64| (-1.0..=1.0).contains(&value);
    let sound = [uplift.value, uplift.low, uplift.high].into_iter().all(within);
    sound.then_some(Uplift {
        value: uplift.value,
        interval: [uplift.low, uplift.high],
        n: uplift.n,
    })
}

fn issue(issue: learner::Issue) -> KnownIssue {
    KnownIssue {
        issue_id: issue.issue_id,
        code: issue.code,
        tool_id: issue.tool_id,
        condition: issue.condition,
        hint: issue.hint,
        repaired: issue.repaired,
        tasks: issue.tasks,
        of: issue.of,
    }
}

/// A pattern that cannot be read is one that is not offered.
fn pattern(pattern: Pattern) -> Option<(KnownPattern, Option<Scores>)> {
    let scores = pattern.scores.and_then(checked);
    let pattern = KnownPattern {
        plan: serde_json::from_str(&pattern.plan_json).ok()?,
        pattern_id: pattern.pattern_id,
        fragment: pattern.kind == "fragment",
        intent: pattern.intent,
        evidence: pattern.evidence,
        // The first task made the pattern; the others tried it.
        success_rate: (pattern.tasks > 1).then(|| pattern.evidence as f64 / pattern.tasks as f64),
        quality: pattern.quality,
        uplift: pattern.uplift.and_then(checked_uplift),
        note: pattern.note,
    };
    Some((pattern, scores))
}

/// Patterns that a plan really follows: those the engine says it used, among those it was offered, that have enough
/// in common with the plan.
pub fn followed(plan_json: &str, memory: &Memory, uses: &[PatternUse]) -> Vec<String> {
    let claimed = |pattern: &&KnownPattern| {
        uses.iter()
            .any(|used| used.decision.is_used() && used.pattern_id == pattern.pattern_id)
    };
    let mut claimed = memory.patterns.iter().filter(claimed).peekable();
    if claimed.peek().is_none() {
        return Vec::new();
    }
    let Ok(plan) = serde_json::from_str::<Plan>(plan_json) else {
        return Vec::new();
    };
    let follows = |pattern: &&KnownPattern| {
        let template = serde_json::from_value::<Plan>(pattern.plan.clone());
        let common = if pattern.fragment { containment } else { similarity };
        template.is_ok_and(|template| common(&template, &plan) >= FOLLOWED)
    };
    claimed
        .filter(follows)
        .map(|pattern| pattern.pattern_id.clone())
        .collect()
}
