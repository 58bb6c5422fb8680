//! What all tasks may spend together in a window of time: the rows of costs, and what is set aside.

use super::world::World;
use std::collections::BTreeMap;
use workflow::decision::CostRow;
use workflow::ids::{JobId, RunId};
use workflow::money::{Allowance, Bounds, Money};
use workflow::time::Millis;

/// Micro-USD in a window of so long.
const LIMIT: i64 = 60;
const WINDOW: Millis = Millis::secs(30);

/// Rows of costs, one for each run of a job.
#[derive(Default)]
pub struct Spending {
    rows: BTreeMap<(JobId, RunId), CostRow>,
}

impl Spending {
    /// As the table does: only an estimate gives way, and stays in the window it was made in.
    pub fn keep(&mut self, rows: &[CostRow]) {
        for row in rows {
            let known = self.rows.get(&(row.job, row.run));
            if known.is_some_and(|known| !known.estimated) {
                continue;
            }
            let at = known.map_or(row.at, |known| known.at);
            self.rows.insert((row.job, row.run), CostRow { at, ..row.clone() });
        }
    }

    fn limit() -> Bounds {
        Bounds {
            usd_micros: Some(LIMIT),
            ..Bounds::default()
        }
    }

    fn used(&self, world: &World) -> (Money, Money) {
        let window = |row: &&CostRow| row.at.0 / WINDOW.0 == world.now.0 / WINDOW.0;
        let spent = self.rows.values().filter(window);
        let spent = spent.fold(Money::default(), |sum, row| sum.plus(row.cost.money()));
        let reserved = world.rows.values();
        let reserved = reserved.fold(Money::default(), |sum, row| sum.plus(row.task.reserved));
        (spent, reserved)
    }

    pub fn allowance(&self, world: &World) -> Allowance {
        let (spent, reserved) = self.used(world);
        Allowance {
            limit: Self::limit(),
            unspent: Self::limit().less(spent),
            left: Self::limit().less(spent.plus(reserved)),
            idle: reserved.is_zero(),
            asks: false,
        }
    }

    /// What was just set aside is covered.
    pub fn holds(&self, world: &World, granted: Money) {
        let (spent, reserved) = self.used(world);
        assert!(
            !Self::limit().counts(granted) || Self::limit().covers(spent.plus(reserved)),
            "the window holds {spent:?} and {reserved:?}"
        );
    }
}
