//! What all tasks of a tenant may spend together in a window of time.

use crate::policy::usd_micros;
use crate::store::{StoreError, spending};
use crate::writer::Shared;
use serde_json::{Value, json};
use service::config::{OnWindowExceeded, TenantBudgetConfig};
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::warn;
use workflow::money::{Allowance, Bounds, Money};
use workflow::time::{Millis, Timestamp};

/// Between two looks at what is shown to dashboards.
const REPORT: Duration = Duration::from_secs(5);

/// How long a sum is shown.
const SHOWN: Duration = Duration::from_secs(1);
/// Tenants whose sums are kept to be shown.
const MAX_SHOWN: usize = 10_000;

/// The budgets of all tenants.
#[derive(Clone, Debug, Default)]
pub struct TenantBudgets {
    named: HashMap<String, TenantBudget>,
    /// Of each tenant that is not named.
    others: Option<TenantBudget>,
}

/// A tenant's.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TenantBudget {
    pub limit: Bounds,
    window: Millis,
    on_exceeded: OnWindowExceeded,
}

/// What a tenant has used of its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Used {
    /// Cost rows of the window.
    pub spent: Money,
    /// Grants of what is dispatched, whenever that was.
    pub reserved: Money,
}

impl Used {
    pub fn all(self) -> Money {
        self.spent.plus(self.reserved)
    }
}

impl TenantBudgets {
    pub fn new(configured: &[TenantBudgetConfig]) -> Self {
        let budget = |of: &TenantBudgetConfig| TenantBudget {
            limit: Bounds {
                usd_micros: of.max_cost_usd.map(usd_micros),
                tokens: of.max_tokens.map(whole),
                calls: of.max_calls.map(whole),
            },
            window: Millis::secs(of.window_seconds.max(1).into()),
            on_exceeded: of.on_exceeded,
        };
        let named = configured.iter().filter(|of| of.tenant != "*");
        Self {
            named: named.map(|of| (of.tenant.clone(), budget(of))).collect(),
            others: configured.iter().find(|of| of.tenant == "*").map(budget),
        }
    }

    /// No tenant has one.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.others.is_none()
    }

    pub fn of(&self, tenant: &str) -> Option<&TenantBudget> {
        self.named.get(tenant).or(self.others.as_ref())
    }

    /// The limits of a tenant's window; none where it has no budget.
    pub fn limit_of(&self, tenant: &str) -> Bounds {
        self.of(tenant).map_or_else(Bounds::default, |budget| budget.limit)
    }

    /// Those that have a budget of their own, and whether all others have one too.
    pub fn tenants(&self) -> (Vec<String>, bool) {
        (self.named.keys().cloned().collect(), self.others.is_some())
    }
}

impl TenantBudget {
    /// When the window of that moment began; what was spent at just this moment is in it.
    pub fn begin(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0 - now.0.rem_euclid(self.window.0))
    }

    /// When the next window begins.
    pub fn end(&self, now: Timestamp) -> Timestamp {
        self.begin(now) + self.window
    }

    /// Whether so much may be set aside and spent.
    pub fn covers(&self, used: Used) -> bool {
        self.limit.covers(used.all())
    }

    pub fn allowance(&self, used: Used) -> Allowance {
        Allowance {
            limit: self.limit,
            unspent: self.limit.less(used.spent),
            left: self.limit.less(used.all()),
            idle: used.reserved.is_zero(),
            asks: self.asks(),
        }
    }

    /// A human is asked where the window does not cover a run.
    pub fn asks(&self) -> bool {
        self.on_exceeded == OnWindowExceeded::Ask
    }

    /// Nothing that costs could begin.
    pub fn is_spent(&self, used: Used) -> bool {
        let left = self.limit.less(used.all());
        let gone = |left: Option<i64>| left.is_some_and(|left| left <= 0);
        gone(left.usd_micros) || gone(left.tokens) || gone(left.calls)
    }

    /// For people: limits, what is used of them, and until when.
    pub fn document(&self, used: Used, now: Timestamp) -> Value {
        let usd = |micros: i64| crate::view::usd(micros);
        json!({
            "window_seconds": self.window.as_secs_f64(),
            "window_ends_at": crate::view::moment(self.end(now)),
            "on_exceeded": self.on_exceeded.as_str(),
            "max_cost_usd": self.limit.usd_micros.map(usd),
            "max_tokens": self.limit.tokens,
            "max_calls": self.limit.calls,
            "spent": { "usd": usd(used.spent.usd_micros), "tokens": used.spent.tokens, "calls": used.spent.calls },
            "reserved": {
                "usd": usd(used.reserved.usd_micros), "tokens": used.reserved.tokens, "calls": used.reserved.calls,
            },
            "exceeded": self.is_spent(used),
        })
    }
}

fn whole(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// What tenants used, as it is shown to people: summed at most once a second, however many ask.
#[derive(Debug, Default)]
pub struct Shown(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Sum>>>>>);

#[derive(Clone, Copy, Debug)]
struct Sum {
    used: Used,
    window: Timestamp,
    read_at: Instant,
}

impl Sum {
    fn is_fresh(&self, window: Timestamp) -> bool {
        self.window == window && self.read_at.elapsed() < SHOWN
    }
}

impl Shown {
    /// What the tenant has used of the window that began then. Whoever asks while it is summed waits for the sum.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn used(&self, pool: &PgPool, tenant: &str, window: Timestamp) -> Result<Used, StoreError> {
        let place = self.place(tenant);
        let mut known = place.lock().await;
        if let Some(sum) = known.filter(|sum| sum.is_fresh(window)) {
            return Ok(sum.used);
        }
        let mut connection = pool.acquire().await.map_err(StoreError::at("connect"))?;
        let sums = spending::used(&mut connection, &[(tenant, window)]).await?;
        let used = sums.get(tenant).copied().unwrap_or_default();
        *known = Some(Sum {
            used,
            window,
            read_at: Instant::now(),
        });
        Ok(used)
    }

    fn place(&self, tenant: &str) -> Arc<tokio::sync::Mutex<Option<Sum>>> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MAX_SHOWN {
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(places.entry(tenant.to_owned()).or_default())
    }
}

/// Tells, now and then, what the tenants have used that have a budget of their own, and forgets the grants of tasks
/// that have ended.
pub async fn report(shared: Arc<Shared>) {
    let (tenants, _) = shared.tenant_budgets.tenants();
    if shared.tenant_budgets.is_empty() {
        return;
    }
    let mut ticks = tokio::time::interval(REPORT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = report_once(&shared, &tenants).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "what tenants spent could not be read"
            );
        }
    }
}

async fn report_once(shared: &Shared, tenants: &[String]) -> Result<(), StoreError> {
    let (now, budgets) = (shared.clock.now(), &shared.tenant_budgets);
    let since = |tenant: &'_ String| budgets.of(tenant).map(|budget| budget.begin(now));
    let since: Vec<(&str, Timestamp)> = tenants
        .iter()
        .filter_map(|of| Some((of.as_str(), since(of)?)))
        .collect();
    let mut connection = shared.pool.acquire().await.map_err(StoreError::at("connect"))?;
    spending::forget_ended(&mut connection).await?;
    if since.is_empty() {
        return Ok(());
    }
    for (tenant, used) in spending::used(&mut connection, &since).await? {
        if let Some(budget) = budgets.of(&tenant) {
            shared.metrics.tenant_budget(&tenant, budget, used);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(tables: Value) -> TenantBudgets {
        let tables: Vec<TenantBudgetConfig> = serde_json::from_value(tables).unwrap();
        TenantBudgets::new(&tables)
    }

    fn usd(usd_micros: i64) -> Money {
        Money {
            usd_micros,
            ..Money::default()
        }
    }

    #[test]
    fn a_tenant_has_its_own_table_else_that_of_all_others() {
        let some = budgets(json!([
            { "tenant": "*", "window_seconds": 60, "max_calls": 5 },
            { "tenant": "shop", "window_seconds": 86_400, "max_cost_usd": 1.5, "on_exceeded": "ask" },
        ]));
        assert_eq!(some.limit_of("shop").usd_micros, Some(1_500_000));
        assert_eq!(some.limit_of("shop").calls, None);
        assert_eq!(some.limit_of("any").calls, Some(5));
        assert!(some.of("shop").unwrap().allowance(Used::default()).asks);
        let named = budgets(json!([{ "tenant": "shop", "window_seconds": 60, "max_calls": 5 }]));
        assert!(named.of("any").is_none() && !named.is_empty());
        assert!(budgets(json!([])).is_empty());
    }

    #[test]
    fn windows_follow_each_other_without_gap_or_overlap() {
        let budgets = budgets(json!([{ "tenant": "*", "window_seconds": 60, "max_calls": 5 }]));
        let budget = budgets.of("t").unwrap();
        let window = |ms| (budget.begin(Timestamp(ms)).0, budget.end(Timestamp(ms)).0);
        assert_eq!(window(0), (0, 60_000));
        assert_eq!(window(59_999), (0, 60_000));
        assert_eq!(window(60_000), (60_000, 120_000));
        assert_eq!(window(-1), (-60_000, 0), "a clock before the epoch");
    }

    #[test]
    fn figures_below_zero_and_beyond_counting_neither_give_money_nor_wrap() {
        let budgets = budgets(json!([{ "tenant": "*", "window_seconds": 60, "max_cost_usd": 1e9 }]));
        let budget = budgets.of("t").unwrap();
        let used = |spent, reserved| Used {
            spent: usd(spent),
            reserved: usd(reserved),
        };
        assert!(budget.covers(used(1_000_000_000_000_000, 0)), "just the limit");
        assert!(!budget.covers(used(i64::MAX, i64::MAX)));
        assert!(budget.is_spent(used(i64::MAX, i64::MAX)));
        assert!(budget.allowance(used(i64::MAX, 1)).left.usd_micros.unwrap() < 0);
    }

    #[test]
    fn what_is_set_aside_is_not_left_and_not_spent() {
        let budgets = budgets(json!([{ "tenant": "*", "window_seconds": 60, "max_cost_usd": 0.0001 }]));
        let used = Used {
            spent: usd(10),
            reserved: usd(60),
        };
        let allowance = budgets.of("t").unwrap().allowance(used);
        let micros = |allowance: Allowance| (allowance.unspent.usd_micros, allowance.left.usd_micros, allowance.idle);
        assert_eq!(micros(allowance), (Some(90), Some(30), false));
        assert_eq!(micros(allowance.at_rest()), (Some(90), Some(90), true));
    }

    #[test]
    fn a_limit_below_what_is_spent_leaves_nothing_and_says_so() {
        let budgets = budgets(json!([{ "tenant": "*", "window_seconds": 60, "max_cost_usd": 0.00001 }]));
        let used = Used {
            spent: usd(25),
            reserved: Money::default(),
        };
        let budget = budgets.of("t").unwrap();
        assert!(budget.is_spent(used) && !budget.covers(used));
        let document = budget.document(used, Timestamp(61_000));
        assert_eq!(document["exceeded"], true);
        assert_eq!(document["spent"]["usd"], 0.000_025);
        assert_eq!(document["window_ends_at"], "1970-01-01T00:02:00.000Z");
    }
}
