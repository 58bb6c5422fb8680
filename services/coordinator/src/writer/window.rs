//! The dispatch window: at most twice a pool's slots are queued, so that priority, tenant share and
//! cancellation act within seconds and the broker's queue stays short.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};
use workflow::ids::{Serial, TaskId};
use workflow::state::{JobState, Task};
use workflow::vocabulary::WorkKind;

/// Least width of a pool's window, shared by all coordinators.
const FLOOR: usize = 256;
/// A dispatch that another replica may have seen end is looked at again after this long.
const DOUBT: Duration = Duration::from_secs(5);

/// A pool of one kind of workers.
pub type Pool = (WorkKind, String);

/// What one coordinator has queued, and what waits for room.
#[derive(Default)]
pub struct Window {
    queued: HashMap<TaskId, Vec<(Serial, Pool)>>,
    since: HashMap<TaskId, Instant>,
    counts: HashMap<Pool, usize>,
    widths: HashMap<Pool, usize>,
    backlog: HashMap<Pool, Backlog>,
    /// Tasks whose turn it is, on their way through the inbox.
    called: HashMap<TaskId, Pool>,
}

/// Tasks that wait: by priority, then tenants in turn, then by age.
#[derive(Default)]
struct Backlog {
    levels: BTreeMap<std::cmp::Reverse<i16>, Level>,
    waiting: HashSet<TaskId>,
}

#[derive(Default)]
struct Level {
    turns: VecDeque<String>,
    tenants: HashMap<String, VecDeque<TaskId>>,
}

impl Window {
    /// Sets the widths from who beats: twice the slots, at least the floor, shared evenly.
    pub fn set_widths(&mut self, slots: &HashMap<Pool, usize>, coordinators: usize) {
        self.widths = slots
            .iter()
            .map(|(pool, slots)| (pool.clone(), share((slots * 2).max(FLOOR), coordinators)))
            .collect();
        self.widths
            .entry((WorkKind::Notify, String::new()))
            .or_insert_with(|| share(FLOOR, coordinators));
    }

    fn width(&self, pool: &Pool) -> usize {
        let unknown = self
            .widths
            .get(&(WorkKind::Notify, String::new()))
            .copied()
            .unwrap_or(FLOOR);
        self.widths.get(pool).copied().unwrap_or(unknown)
    }

    /// How many more jobs of the pool may be queued by this coordinator.
    pub fn room(&self, pool: &Pool) -> usize {
        let queued = self.counts.get(pool).copied().unwrap_or(0);
        self.width(pool).saturating_sub(queued)
    }

    /// The room for one task: nobody passes those who wait, or were called.
    pub fn room_for(&self, pool: &Pool, task: TaskId) -> usize {
        let room = self.room(pool);
        if self.called.contains_key(&task) {
            return room;
        }
        if self.backlog.get(pool).is_some_and(|b| !b.waiting.is_empty()) {
            return 0;
        }
        room.saturating_sub(self.called.values().filter(|p| *p == pool).count())
    }

    /// A called task was served as far as there was room.
    pub fn had_its_turn(&mut self, task: TaskId) {
        self.called.remove(&task);
    }

    /// A job was queued.
    pub fn add(&mut self, task: TaskId, serial: Serial, pool: Pool) {
        *self.counts.entry(pool.clone()).or_default() += 1;
        self.queued.entry(task).or_default().push((serial, pool));
        self.since.insert(task, Instant::now());
    }

    /// Gives back the room of jobs that are queued no more.
    pub fn settle(&mut self, task: &Task) {
        let Some(queued) = self.queued.get_mut(&task.id) else {
            return;
        };
        let still = |serial: Serial| {
            task.jobs
                .iter()
                .any(|j| j.serial == serial && matches!(j.state, JobState::Queued { .. }))
        };
        let mut freed = Vec::new();
        queued.retain(|(serial, pool)| {
            let keep = still(*serial);
            if !keep {
                freed.push(pool.clone());
            }
            keep
        });
        if queued.is_empty() {
            self.queued.remove(&task.id);
            self.since.remove(&task.id);
        }
        for pool in &freed {
            if let Some(count) = self.counts.get_mut(pool) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// A task that is not there has nothing queued.
    pub fn forget(&mut self, task: TaskId) {
        self.since.remove(&task);
        self.called.remove(&task);
        for (_, pool) in self.queued.remove(&task).unwrap_or_default() {
            if let Some(count) = self.counts.get_mut(&pool) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Tasks whose queued jobs another replica may have seen end.
    pub fn doubtful(&mut self) -> Vec<TaskId> {
        let now = Instant::now();
        let old: Vec<TaskId> = self
            .since
            .iter()
            .filter(|(_, at)| now.duration_since(**at) > DOUBT)
            .map(|(t, _)| *t)
            .collect();
        for task in &old {
            self.since.insert(*task, now);
        }
        old
    }

    /// A task has jobs for which there was no room.
    pub fn wait(&mut self, pool: Pool, priority: i16, tenant: &str, task: TaskId) {
        let backlog = self.backlog.entry(pool).or_default();
        if !backlog.waiting.insert(task) {
            return;
        }
        let level = backlog.levels.entry(std::cmp::Reverse(priority)).or_default();
        let queue = level.tenants.entry(tenant.to_owned()).or_default();
        if queue.is_empty() {
            level.turns.push_back(tenant.to_owned());
        }
        queue.push_back(task);
    }

    /// The tasks whose turn it is, as many as there is room for.
    pub fn next(&mut self) -> Vec<TaskId> {
        let pools: Vec<Pool> = self.backlog.keys().cloned().collect();
        let mut chosen = Vec::new();
        for pool in pools {
            let called = self.called.values().filter(|p| **p == pool).count();
            let room = self.room(&pool).saturating_sub(called);
            let Some(backlog) = self.backlog.get_mut(&pool) else {
                continue;
            };
            let turn: Vec<TaskId> = std::iter::from_fn(|| backlog.pop()).take(room).collect();
            self.called.extend(turn.iter().map(|task| (*task, pool.clone())));
            chosen.extend(turn);
            if backlog.waiting.is_empty() {
                self.backlog.remove(&pool);
            }
        }
        chosen
    }
}

impl Backlog {
    fn pop(&mut self) -> Option<TaskId> {
        loop {
            let mut first = self.levels.first_entry()?;
            let level = first.get_mut();
            let Some(tenant) = level.turns.pop_front() else {
                first.remove();
                continue;
            };
            let Some(queue) = level.tenants.get_mut(&tenant) else {
                continue;
            };
            let task = queue.pop_front();
            if queue.is_empty() {
                level.tenants.remove(&tenant);
            } else {
                level.turns.push_back(tenant);
            }
            if let Some(task) = task {
                self.waiting.remove(&task);
                return Some(task);
            }
        }
    }
}

fn share(width: usize, coordinators: usize) -> usize {
    width.div_ceil(coordinators.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn task(n: u128) -> TaskId {
        TaskId(Uuid::from_u128(n << 64))
    }

    fn pool() -> Pool {
        (WorkKind::Execute, "default".to_owned())
    }

    #[test]
    fn tenants_take_turns_within_a_priority_and_higher_priorities_go_first() {
        let mut window = Window::default();
        for n in 1..=3 {
            window.wait(pool(), 0, "many", task(n));
        }
        window.wait(pool(), 0, "few", task(4));
        window.wait(pool(), 5, "urgent", task(5));
        assert_eq!(window.next(), vec![task(5), task(1), task(4), task(2), task(3)]);
        assert_eq!(window.next(), Vec::<TaskId>::new());
    }

    #[test]
    fn no_more_is_chosen_than_there_is_room_for_and_coordinators_share_it() {
        let mut window = Window::default();
        window.set_widths(&HashMap::from([(pool(), 10)]), 2);
        for n in 0..200 {
            window.wait(pool(), 0, "t", task(n + 1));
        }
        let chosen = window.next();
        assert_eq!(chosen.len(), FLOOR / 2);
        let late = task(999);
        assert_eq!(window.room_for(&pool(), late), 0, "nobody passes those who wait");
        for task in &chosen {
            assert!(window.room_for(&pool(), *task) > 0);
            window.add(*task, Serial(1), pool());
            window.had_its_turn(*task);
        }
        assert_eq!(window.next(), Vec::<TaskId>::new());
    }
}
