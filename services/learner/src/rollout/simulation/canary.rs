//! The whole way: the table assigns, steps rise, a worse challenger is turned back while few have met it.

use super::world::{Rng, Scores};
use super::*;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::rollout::{Arm, Model, RoleRollout, RolloutTable, Subject};

const ROLE: &str = "writer";
const MOST: u64 = 60_000;

struct Ended {
    course: Course,
    /// Tasks of everybody until then, and those that the challenger answered.
    tasks: u64,
    exposed: u64,
}

fn table(version: u64, course: &Course, settings: &Settings, salt: Uuid) -> RolloutTable {
    let rollout = RoleRollout {
        champion: Model::Configured,
        experiment: course.experiment(Uuid::from_u128(1), salt, Model::Version(Uuid::from_u128(2)), settings),
        before: None,
    };
    RolloutTable {
        version,
        roles: [(ROLE.to_owned(), rollout)].into(),
    }
}

/// One task a second; each exposed one is looked at.
fn roll_out(challenger: Scores, rng: &mut Rng) -> Ended {
    let settings = Settings::default();
    let salt = Uuid::from_u128(rng.0.u128(..));
    let mut course = Course::begin(&settings, Timestamp(0));
    let mut rollouts = table(1, &course, &settings, salt);
    let (mut facts, mut tasks, mut exposed) = (Facts::default(), 0, 0);
    while !course.is_over() && tasks < MOST {
        let now = Timestamp(1000 * i64::try_from(tasks).unwrap());
        tasks += 1;
        let subject = Subject {
            task: TaskId(Uuid::from_u128(rng.0.u128(..))),
            user: None,
        };
        let assignment = rollouts.assign(ROLE, &subject);
        exposed += u64::from(assignment.arm == Arm::Challenger);
        let Some(side) = Side::of(assignment.arm) else {
            continue;
        };
        let score = match side {
            Side::Control => Scores::Graded(0.75),
            Side::Challenger => challenger,
        };
        let unit = UnitOutcome {
            assigned_at: now,
            ..world::outcome(side, score.draw(rng), false)
        };
        facts.count(&unit, &settings, &course);
        *facts.assigned.get_mut(side) += 1;
        let next = course.after(&look(&settings, &course, &facts, now).decision, now);
        if next != course {
            facts.in_step = 0;
            let after = table(rollouts.version + 1, &next, &settings, salt);
            assert_eq!(rollouts.check_next(&after), Ok(()));
            (course, rollouts) = (next, after);
        }
    }
    Ended { course, tasks, exposed }
}

fn worse_ones_meet_few(runs: u32) {
    let mut rng = Rng(fastrand::Rng::with_seed(20_260_101));
    let mut ended = |challenger| -> Vec<Ended> { (0..runs).map(|_| roll_out(challenger, &mut rng)).collect() };
    let worse = ended(Scores::Graded(0.7));
    let rolled_back = |run: &&Ended| run.course.stage == Stage::RolledBack;
    let back = worse.iter().filter(rolled_back).count() as f64 / f64::from(runs);
    let met = worse.iter().map(|run| run.exposed).sum::<u64>() as f64;
    let share = met / worse.iter().map(|run| run.tasks).sum::<u64>() as f64;
    println!(
        "canary -.05: rolled back {back:.3} after {} tasks of all (median), of which the challenger answered {share:.4} \
         ({:.0} tasks each)",
        median(worse.iter().map(|run| usize::try_from(run.tasks).unwrap())),
        met / f64::from(runs)
    );
    let better = ended(Scores::Graded(0.8));
    let promoted = better.iter().filter(|run| run.course.stage == Stage::Promoted).count() as f64 / f64::from(runs);
    println!(
        "canary +.05: promoted {promoted:.3} after {} tasks of all (median)",
        median(better.iter().map(|run| usize::try_from(run.tasks).unwrap()))
    );
    assert!(back >= at_least(0.95, runs) && share < 0.05, "{back}, {share}");
    assert!(promoted >= at_least(0.95, runs), "{promoted}");
}

#[test]
fn a_worse_challenger_is_turned_back_before_many_meet_it() {
    worse_ones_meet_few(10);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn a_worse_challenger_is_turned_back_before_many_meet_it_at_full_size() {
    worse_ones_meet_few(300);
}
