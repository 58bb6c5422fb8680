//! What the work that asks may spend. It travels with the work, like its deadline: before a call is made, the most it
//! may take is set aside, so that many calls side by side never spend more together.

use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static PURSE: Arc<Purse>;
}

/// What a run may spend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Micro-USD; none: no bound. A call whose price nobody knows counts as nothing.
    pub usd_micros: Option<i64>,
    /// Tokens, in and out; none: no bound.
    pub tokens: Option<i64>,
    /// Calls; none: no bound.
    pub calls: Option<i64>,
    /// Where the next call does not fit, a smaller model may be asked.
    pub cheaper: bool,
}

/// Money and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// Micro-USD.
    pub usd_micros: i64,
    /// Tokens, in and out.
    pub tokens: i64,
    /// Calls.
    pub calls: i64,
}

impl Spend {
    fn plus(self, other: Self) -> Self {
        Self {
            usd_micros: self.usd_micros.saturating_add(other.usd_micros),
            tokens: self.tokens.saturating_add(other.tokens),
            calls: self.calls.saturating_add(other.calls),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            usd_micros: self.usd_micros.saturating_sub(other.usd_micros),
            tokens: self.tokens.saturating_sub(other.tokens),
            calls: self.calls.saturating_sub(other.calls),
        }
    }
}

/// Runs `work`, whose calls of models spend no more than `grant` together.
pub async fn within<T>(grant: Grant, work: impl Future<Output = T>) -> T {
    let purse = Purse {
        grant,
        // What is spent, and what is set aside.
        taken: Mutex::default(),
    };
    PURSE.scope(Arc::new(purse), work).await
}

struct Purse {
    grant: Grant,
    taken: Mutex<Spend>,
}

/// What is set aside for a call.
#[must_use]
pub(crate) struct Held {
    purse: Option<Arc<Purse>>,
    most: Spend,
}

/// There is a bound on what calls may spend.
pub(crate) fn is_bounded() -> bool {
    let bounded = |purse: &Arc<Purse>| {
        purse
            .grant
            .usd_micros
            .or(purse.grant.tokens)
            .or(purse.grant.calls)
            .is_some()
    };
    PURSE.try_with(bounded).unwrap_or_default()
}

/// A smaller model may be asked where a larger one does not fit.
pub(crate) fn may_be_cheaper() -> bool {
    PURSE.try_with(|purse| purse.grant.cheaper).unwrap_or_default()
}

/// Sets aside what a call may take at most.
///
/// # Errors
/// It does not fit: what the work needs in all to make it.
pub(crate) fn set_aside(most: Spend) -> Result<Held, Spend> {
    let Ok(purse) = PURSE.try_with(Arc::clone) else {
        return Ok(Held { purse: None, most });
    };
    let mut taken = purse.taken.lock().unwrap_or_else(PoisonError::into_inner);
    let needs = taken.plus(most);
    let fits = |bound: Option<i64>, needs: i64| bound.is_none_or(|bound| needs <= bound);
    let grant = &purse.grant;
    let all_fits =
        fits(grant.usd_micros, needs.usd_micros) && fits(grant.tokens, needs.tokens) && fits(grant.calls, needs.calls);
    if !all_fits {
        return Err(needs);
    }
    *taken = needs;
    drop(taken);
    Ok(Held {
        purse: Some(purse),
        most,
    })
}

impl Held {
    /// The call has ended; what it did not take is free again.
    pub(crate) fn spent(self, spend: Spend) {
        if let Some(purse) = self.purse {
            let mut taken = purse.taken.lock().unwrap_or_else(PoisonError::into_inner);
            *taken = taken.minus(self.most).plus(spend);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(usd_micros: i64) -> Spend {
        Spend {
            usd_micros,
            ..Spend::default()
        }
    }

    #[tokio::test]
    async fn calls_side_by_side_never_take_more_than_there_is() {
        let grant = Grant {
            usd_micros: Some(10),
            tokens: Some(100),
            calls: None,
            cheaper: false,
        };
        within(grant, async {
            let first = set_aside(usd(6)).ok().unwrap();
            assert_eq!(set_aside(usd(6)).err(), Some(usd(12)));
            first.spent(usd(2));
            let second = set_aside(usd(8)).ok().unwrap();
            second.spent(usd(9));
            assert_eq!(
                set_aside(usd(0)).err(),
                Some(usd(11)),
                "a call that took more than was thought"
            );
        })
        .await;
        let tokens = Spend {
            tokens: 101,
            ..Spend::default()
        };
        assert_eq!(within(grant, async { set_aside(tokens).err() }).await, Some(tokens));
    }

    #[tokio::test]
    async fn without_a_grant_there_is_no_bound() {
        assert!(!is_bounded());
        assert!(set_aside(usd(i64::MAX)).is_ok());
        assert!(!within(Grant::default(), async { is_bounded() }).await);
    }
}
