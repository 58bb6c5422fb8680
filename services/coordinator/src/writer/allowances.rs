//! What tenants with a budget may set aside, as far as it is known here, and which of their tasks wait for it.
//!
//! What is known may only propose: the commit that sets something aside sums the rows itself. Who waits has its place in
//! memory; the sweeper finds what a restart forgets.

use super::draft::Draft;
use super::{STATEMENT, Writer, late};
use crate::store::{StoreError, spending};
use crate::tenant_budgets::{TenantBudget, TenantBudgets, Used};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};
use tracing::warn;
use workflow::decision::Changes;
use workflow::ids::TaskId;
use workflow::money::{Allowance, Bounds, Money};
use workflow::state::Task;
use workflow::time::Timestamp;

/// How long a sum is trusted; other coordinators spend too.
const FRESH: Duration = Duration::from_secs(1);
/// How old a sum may be on which a human is asked: until then others wait for the next look.
const SURE: Duration = Duration::from_millis(250);
/// Tasks of a tenant that are looked at in one go once there is room.
const AT_ONCE: usize = 32;

/// What is known of all tenants that have a budget.
#[derive(Default)]
pub(super) struct Allowances {
    known: HashMap<String, Known>,
    /// By age: ids rise with time.
    waiting: BTreeMap<String, BTreeSet<TaskId>>,
    /// Tenants whose window did not cover what was thought to be left; nothing is set aside until sums are read again.
    shut: HashSet<String>,
    looked_at: Option<tokio::time::Instant>,
}

struct Known {
    used: Used,
    read_at: Instant,
    window: Timestamp,
    /// Nothing of the tenant was being written when it was read, which may be counted twice.
    exact: bool,
}

/// Up to where a draft is counted.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    costs: usize,
    reserved: Money,
}

impl Counted {
    fn nothing(draft: &Draft) -> Self {
        Self {
            costs: 0,
            reserved: draft.reserved_before,
        }
    }

    /// All that is decided on it so far.
    pub fn all(draft: &Draft) -> Self {
        Self {
            costs: draft.changes.costs.len(),
            reserved: draft.entry.task.reserved,
        }
    }
}

impl Allowances {
    fn is_fresh(&self, tenant: &str, window: Timestamp) -> bool {
        let fresh = |known: &Known| known.window == window && known.read_at.elapsed() < FRESH;
        self.shut.contains(tenant) || self.known.get(tenant).is_some_and(fresh)
    }

    /// What was read, and what is decided and not known to be written.
    fn learn(&mut self, tenant: &str, used: Used, window: Timestamp, exact: bool) {
        let known = Known {
            used,
            read_at: Instant::now(),
            window,
            exact,
        };
        self.known.insert(tenant.to_owned(), known);
    }

    /// What the tenant may set aside now.
    pub fn of(&self, tenant: &str, budget: &TenantBudget) -> Allowance {
        let known = self.known.get(tenant).filter(|_| !self.shut.contains(tenant));
        match known {
            Some(known) => {
                let allowance = budget.allowance(known.used);
                // Others may have settled since.
                let sure = known.exact && known.read_at.elapsed() < SURE;
                Allowance {
                    asks: allowance.asks && sure,
                    ..allowance
                }
            }
            None => Allowance {
                left: Bounds {
                    usd_micros: budget.limit.usd_micros.map(|_| 0),
                    tokens: budget.limit.tokens.map(|_| 0),
                    calls: budget.limit.calls.map(|_| 0),
                },
                // Nobody is asked because of what is not known.
                asks: false,
                ..budget.allowance(Used::default())
            },
        }
    }

    /// What was decided since counts at once.
    fn note(&mut self, draft: &Draft, since: Counted) {
        if let Some(known) = self.known.get_mut(&draft.entry.task.tenant) {
            known.used = after(known.used, draft, since);
        }
    }

    /// What was decided may not have been written.
    pub fn doubt(&mut self) {
        self.known.clear();
    }

    /// Whose humans may be asked is read again before they are.
    fn forget_where_asked(&mut self, budgets: &TenantBudgets, tenants: &BTreeSet<String>) {
        let asks = |tenant: &String| budgets.of(tenant).is_some_and(TenantBudget::asks);
        self.known
            .retain(|tenant, _| !(tenants.contains(tenant) && asks(tenant)));
    }

    /// Somebody else was first: nothing is set aside for the tenant until the next look.
    pub fn shut(&mut self, tenant: &str) {
        self.shut.insert(tenant.to_owned());
    }

    /// When to look again whether those who wait have room; none: nobody waits.
    pub fn look_at(&self) -> Option<tokio::time::Instant> {
        let nobody = self.waiting.is_empty() && self.shut.is_empty();
        let last = self
            .looked_at
            .map_or_else(tokio::time::Instant::now, |last| last + FRESH);
        (!nobody).then_some(last)
    }

    pub fn wait(&mut self, tenant: &str, task: TaskId) {
        self.waiting.entry(tenant.to_owned()).or_default().insert(task);
    }

    /// The tasks to look at now that the tenant may have room, the oldest first.
    fn called(&mut self, tenant: &str) -> Vec<TaskId> {
        let Some(tasks) = self.waiting.get_mut(tenant) else {
            return Vec::new();
        };
        let called: Vec<TaskId> = std::iter::from_fn(|| tasks.pop_first()).take(AT_ONCE).collect();
        if tasks.is_empty() {
            self.waiting.remove(tenant);
        }
        called
    }
}

/// With what a draft settles and sets aside since.
fn after(used: Used, draft: &Draft, since: Counted) -> Used {
    let reserved = used.reserved.plus(draft.entry.task.reserved);
    Used {
        spent: used.spent.plus(cost(&draft.changes, since.costs)),
        reserved: reserved.minus(since.reserved),
    }
}

fn cost(changes: &Changes, since: usize) -> Money {
    let costs = changes.costs.iter().skip(since);
    costs.fold(Money::default(), |sum, row| sum.plus(row.cost.money()))
}

/// A job of the task waits for what only a window can give.
fn wants(task: &Task) -> bool {
    task.attention.is_none() && !task.status.is_terminal()
}

impl Writer {
    /// Learns what the tenants of these drafts may spend, where they have a budget and it is not known.
    pub(super) async fn learn_allowances(&mut self, drafts: &[Draft]) -> Result<(), StoreError> {
        if self.shared.tenant_budgets.is_empty() {
            return Ok(());
        }
        let now = self.shared.clock.now();
        let asking = drafts.iter().filter(|draft| !draft.ready(now).is_empty());
        let tenants: BTreeSet<String> = asking.map(|draft| draft.entry.task.tenant.clone()).collect();
        self.read_allowances(tenants).await
    }

    async fn read_allowances(&mut self, tenants: BTreeSet<String>) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        let since = unknown(&self.shared.tenant_budgets, &self.allowances, &tenants, now);
        if since.is_empty() {
            return Ok(());
        }
        let sums = spending::used(self.reader().await?, &since).await?;
        for (tenant, window) in since {
            let mut used = sums.get(tenant).copied().unwrap_or_default();
            // It may be written by now: counted twice until the next look, never not at all.
            let writing = self.writing.iter().flat_map(|writing| &writing.batch.drafts);
            let read = used;
            for draft in writing.filter(|draft| draft.entry.task.tenant == tenant) {
                used = after(used, draft, Counted::nothing(draft));
            }
            let exact = used == read;
            for draft in self
                .next
                .drafts
                .iter()
                .filter(|draft| draft.entry.task.tenant == tenant)
            {
                used = after(used, draft, Counted::nothing(draft));
            }
            self.allowances.learn(tenant, used, window, exact);
        }
        Ok(())
    }

    /// What the tenant of a draft may set aside; none: it has no budget.
    pub(super) fn allowance(&self, tenant: &str) -> Option<Allowance> {
        let budget = self.shared.tenant_budgets.of(tenant)?;
        Some(self.allowances.of(tenant, budget))
    }

    /// Counts what inputs settled, before anything is set aside or a human is asked because of what is.
    pub(super) fn count_settled(&mut self, drafts: &[Draft]) {
        for draft in drafts {
            self.allowances.note(draft, Counted::nothing(draft));
        }
    }

    /// Counts what was decided on a draft since, and keeps a place for what its tenant's window did not cover.
    pub(super) fn count(&mut self, draft: &Draft, since: Counted) {
        let task = &draft.entry.task;
        if self.shared.tenant_budgets.of(&task.tenant).is_none() {
            return;
        }
        self.allowances.note(draft, since);
        if wants(task) && !draft.ready(self.shared.clock.now()).is_empty() {
            self.allowances.wait(&task.tenant, task.id);
        }
    }

    /// What was settled leaves room for others of the same tenants.
    pub(super) fn call_after(&mut self, drafts: &[Draft]) {
        if self.allowances.waiting.is_empty() {
            return;
        }
        let changed = drafts
            .iter()
            .filter(|draft| draft.reserved_before != draft.entry.task.reserved);
        let tenants: BTreeSet<String> = changed.map(|draft| draft.entry.task.tenant.clone()).collect();
        self.call(&tenants, false);
    }

    /// Each second: other coordinators settle too, and windows end.
    pub(super) async fn look_at_windows(&mut self) {
        self.allowances.looked_at = Some(tokio::time::Instant::now());
        self.allowances.shut.clear();
        let tenants: BTreeSet<String> = self.allowances.waiting.keys().cloned().collect();
        if tenants.is_empty() {
            return;
        }
        // Nobody is asked because of a sum that others have read some time ago.
        self.allowances
            .forget_where_asked(&self.shared.tenant_budgets, &tenants);
        let read = tokio::time::timeout(STATEMENT, self.read_allowances(tenants.clone())).await;
        match read.unwrap_or_else(|_elapsed| Err(late())) {
            Ok(()) => self.call(&tenants, true),
            Err(error) => {
                self.reads = None;
                warn!(
                    error = &error as &dyn std::error::Error,
                    "what tenants spent could not be read"
                );
            }
        }
    }

    /// `asks`: those too for whom a human is asked, room or not.
    fn call(&mut self, tenants: &BTreeSet<String>, asks: bool) {
        for tenant in tenants {
            let Some(budget) = self.shared.tenant_budgets.of(tenant) else {
                continue;
            };
            let called = |known: &Known| !budget.is_spent(known.used) || asks && budget.asks();
            if !self.allowances.known.get(tenant).is_some_and(called) {
                continue;
            }
            for task in self.allowances.called(tenant) {
                self.wake(task);
            }
        }
    }
}

/// The tenants that have a budget of which nothing fresh is known, and since when their window counts.
fn unknown<'t>(
    budgets: &TenantBudgets,
    allowances: &Allowances,
    tenants: &'t BTreeSet<String>,
    now: Timestamp,
) -> Vec<(&'t str, Timestamp)> {
    let since = |tenant: &'t String| Some((tenant.as_str(), budgets.of(tenant)?.begin(now)));
    let known = |(tenant, window): &(&str, Timestamp)| allowances.is_fresh(tenant, *window);
    tenants.iter().filter_map(since).filter(|of| !known(of)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_human_is_asked_only_on_a_sum_that_counts_nothing_twice_and_is_fresh() {
        let tables = json!([{ "tenant": "t", "window_seconds": 60, "max_calls": 5, "on_exceeded": "ask" }]);
        let budgets = TenantBudgets::new(&serde_json::from_value::<Vec<_>>(tables).unwrap());
        let budget = budgets.of("t").unwrap();
        let mut allowances = Allowances::default();
        let mut asks = |exact, age: Duration| {
            allowances.learn("t", Used::default(), Timestamp(0), exact);
            if let Some(known) = allowances.known.get_mut("t") {
                known.read_at = Instant::now().checked_sub(age).unwrap();
            }
            allowances.of("t", budget).asks
        };
        assert!(asks(true, Duration::ZERO));
        assert!(!asks(false, Duration::ZERO));
        assert!(!asks(true, SURE));
    }

    #[test]
    fn a_look_that_may_ask_reads_again_what_was_read_a_moment_ago() {
        let budget = |tenant: &str, on_exceeded: &str| json!({ "tenant": tenant, "window_seconds": 60, "max_calls": 5, "on_exceeded": on_exceeded });
        let tables = json!([budget("asks", "ask"), budget("waits", "wait"), budget("idle", "ask")]);
        let budgets = TenantBudgets::new(&serde_json::from_value::<Vec<_>>(tables).unwrap());
        let mut allowances = Allowances::default();
        let all = ["asks", "waits", "idle"].map(str::to_owned);
        for tenant in &all {
            allowances.learn(tenant, Used::default(), Timestamp(0), true);
        }
        let looked_at = BTreeSet::from(["asks".to_owned(), "waits".to_owned()]);
        allowances.forget_where_asked(&budgets, &looked_at);
        let all = BTreeSet::from(all);
        let unknown = unknown(&budgets, &allowances, &all, Timestamp(1));
        assert_eq!(unknown, [("asks", Timestamp(0))]);
    }
}
