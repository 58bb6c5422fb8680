use super::*;
use proptest::prelude::*;

const ROLE: &str = "planner";
const EXPERIMENT: Uuid = Uuid::from_u128(0x0192_f0a0_0000_7000_8000_0000_0000_0001);
const SALT: Uuid = Uuid::from_u128(0x0192_f0a0_0000_7000_8000_0000_0000_abcd);
const CHAMPION: Model = Model::Configured;
const CHALLENGER: Model = Model::Version(Uuid::from_u128(7));

fn experiment(exposed: u16) -> Experiment {
    Experiment {
        id: EXPERIMENT,
        salt: SALT,
        unit: Unit::Task,
        challenger: CHALLENGER,
        step: 1,
        exposed: Share(exposed),
        phase: Phase::Running,
        earlier: Vec::new(),
    }
}

fn table(experiment: Experiment) -> RolloutTable {
    let rollout = RoleRollout {
        champion: CHAMPION,
        experiment: Some(experiment),
        before: None,
    };
    RolloutTable {
        version: 3,
        roles: [(ROLE.to_owned(), rollout)].into(),
    }
}

/// Ids as they are made: each a little later than the one before.
fn task(n: u128) -> TaskId {
    let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xffff_ffff;
    TaskId(Uuid::from_u128(
        0x0192_f0a0_0000_7000_8000_0000_0000_0000 | n << 80 | random,
    ))
}

fn of(table: &RolloutTable, task: TaskId) -> Assignment {
    table.assign(ROLE, &Subject { task, user: None })
}

fn arms(experiment: Experiment, tasks: std::ops::Range<u128>) -> Vec<Arm> {
    let table = table(experiment);
    tasks.map(|n| of(&table, task(n)).arm).collect()
}

fn count(arms: &[Arm], arm: Arm) -> f64 {
    arms.iter().filter(|found| **found == arm).count() as f64
}

fn chi_square(observed: &[f64], expected: &[f64]) -> f64 {
    let part = |(o, e): (&f64, &f64)| (o - e).powi(2) / e;
    observed.iter().zip(expected).map(part).sum()
}

/// Computed by another implementation of SHA-256. If these fail, units of experiments under way change arms.
#[test]
fn draws_are_the_same_for_ever() {
    let found = |unit: Unit, task: u128, user: Option<&str>, exposed: u16| {
        let subject = Subject {
            task: TaskId(Uuid::from_u128(0x0192_f0a0_1111_7000_8000_0000_0000_0000 | task)),
            user,
        };
        let unit = Experiment {
            unit,
            ..experiment(exposed)
        };
        table(unit).assign(ROLE, &subject).arm
    };
    // Unit, user, first share in hundredths of a percent that lets it in, arm.
    for (task, user, place, arm) in [
        (1, None, 759, Arm::Challenger),
        (2, None, 3592, Arm::Control),
        (3, None, 6930, Arm::Challenger),
        (9, Some("ada"), 1969, Arm::Control),
        (9, Some("grace"), 3891, Arm::Challenger),
        (9, Some("zoë"), 7056, Arm::Challenger),
    ] {
        let unit = if user.is_some() { Unit::User } else { Unit::Task };
        assert_eq!(found(unit, task, user, place), Arm::ChampionOutside, "{task} {user:?}");
        assert_eq!(found(unit, task, user, place + 1), arm, "{task} {user:?}");
    }
    assert_eq!(
        found(Unit::User, 2, None, 3593),
        Arm::Control,
        "nobody's task is a unit"
    );
}

#[test]
fn the_published_form_of_table_and_assignment_stays() {
    let text = r#"{"version":3,"roles":{"planner":{"champion":"configured","experiment":{
        "id":"0192f0a0-0000-7000-8000-000000000001","salt":"0192f0a0-0000-7000-8000-00000000abcd","unit":"task",
        "challenger":"00000000-0000-0000-0000-000000000007","step":1,"exposed":1000,"phase":"running"}}}}"#;
    let read: RolloutTable = serde_json::from_str(text).unwrap();
    assert_eq!(read, table(experiment(1000)));
    let subject = Subject {
        task: TaskId(Uuid::from_u128(0x0192_f0a0_1111_7000_8000_0000_0000_0001)),
        user: Some("ada"),
    };
    let assignment = serde_json::to_value(read.assign(ROLE, &subject)).unwrap();
    let expected = serde_json::json!({
        "model": "00000000-0000-0000-0000-000000000007", "arm": "challenger", "step": 1, "propensity": 0.05, "table": 3,
        "experiment": "0192f0a0-0000-7000-8000-000000000001",
    });
    assert_eq!(assignment, expected);
}

#[test]
fn arms_come_out_as_often_as_they_say() {
    const TASKS: f64 = 8_000.0;
    for exposed in [100, 500, 1000, 2500, 5000, 10_000] {
        let share = Share(exposed).fraction();
        let arms = arms(experiment(exposed), 0..TASKS as u128);
        let all = [Arm::ChampionOutside, Arm::Control, Arm::Challenger];
        let expected = [TASKS * (1.0 - share), TASKS * share / 2.0, TASKS * share / 2.0];
        let used = if exposed == 10_000 { 1 } else { 0 };
        let observed = all.map(|arm| count(&arms, arm));
        // 99.9 % of two degrees of freedom.
        let found = chi_square(&observed[used..], &expected[used..]);
        assert!(found < 13.8, "{exposed}: {found}");
    }
}

#[test]
fn neither_time_nor_another_experiment_has_a_say() {
    let one = arms(experiment(5000), 0..10_000);
    let other = Experiment {
        salt: EXPERIMENT,
        ..experiment(5000)
    };
    let other = arms(other, 0..10_000);
    let kinds = [Arm::ChampionOutside, Arm::Control, Arm::Challenger];
    let mut table = Vec::new();
    for a in kinds {
        let also = |b| one.iter().zip(&other).filter(|(x, y)| (**x, **y) == (a, b)).count() as f64;
        table.extend(kinds.map(also));
    }
    let expected: Vec<f64> = kinds
        .iter()
        .flat_map(|a| kinds.map(|b| count(&one, *a) * count(&other, b) / one.len() as f64))
        .collect();
    // 99.9 % of four degrees of freedom.
    assert!(chi_square(&table, &expected) < 18.5, "{table:?}");
    let tenths: Vec<f64> = one.chunks(1000).map(|tenth| count(tenth, Arm::Challenger)).collect();
    // 99.9 % of ten; each is a share of 1,000, so that the spread is that of a binomial.
    let spread = chi_square(&tenths, &[250.0; 10]) / 0.75;
    assert!(spread < 29.6, "{tenths:?}");
}

#[test]
fn the_shadow_is_asked_beside_and_answers_nobody() {
    let shadow = Experiment {
        phase: Phase::Shadow,
        step: 0,
        ..experiment(2500)
    };
    let table = table(shadow);
    let all: Vec<_> = (0..4000).map(|n| of(&table, task(n))).collect();
    assert!(all.iter().all(|a| a.model == CHAMPION && a.arm == Arm::ChampionOutside));
    let asked = all.iter().filter(|a| a.shadow == Some(CHALLENGER)).count();
    assert!((880..=1120).contains(&asked), "{asked}");
}

#[test]
fn who_is_not_in_an_experiment_is_answered_as_before() {
    let paused = table(Experiment {
        phase: Phase::Paused,
        ..experiment(10_000)
    });
    let found = of(&paused, task(1));
    assert_eq!((found.model, found.experiment, found.propensity), (CHAMPION, None, 1.0));
    let elsewhere = paused.assign(
        "judge",
        &Subject {
            task: task(1),
            user: None,
        },
    );
    assert_eq!(elsewhere.model, Model::Configured);
}

#[test]
fn a_table_that_is_old_or_moves_units_does_not_follow() {
    let held = table(experiment(1000));
    let next = |change: &dyn Fn(&mut RoleRollout)| {
        let mut next = held.clone();
        next.version += 1;
        next.roles.values_mut().for_each(change);
        held.check_next(&next)
    };
    let tried = |change: &dyn Fn(&mut Experiment)| next(&|rollout| change(rollout.experiment.as_mut().unwrap()));
    assert!(held.check_next(&held).is_err());
    assert!(next(&|_| ()).is_ok());
    assert!(next(&|rollout| rollout.experiment = None).is_ok());
    assert!(next(&|rollout| rollout.champion = CHALLENGER).is_err());
    assert!(tried(&|experiment| experiment.exposed = Share(2500)).is_ok());
    assert!(tried(&|experiment| experiment.exposed = Share(500)).is_err());
    assert!(tried(&|experiment| experiment.salt = EXPERIMENT).is_err());
    assert!(tried(&|experiment| experiment.phase = Phase::Paused).is_ok());
}

proptest! {
    #[test]
    fn who_takes_part_does_so_in_the_same_arm_at_every_later_step(
        salt in any::<u128>(), unit in any::<u128>(), one in 0_u16..=10_000, other in 0_u16..=10_000,
    ) {
        let arm = |exposed| {
            let experiment = Experiment { salt: Uuid::from_u128(salt), ..experiment(exposed) };
            of(&table(experiment), TaskId(Uuid::from_u128(unit))).arm
        };
        let (before, after) = (arm(one.min(other)), arm(one.max(other)));
        prop_assert!(before == Arm::ChampionOutside || before == after);
    }
}

#[test]
fn a_task_that_was_there_before_a_promotion_ends_with_whom_it_began_with() {
    let promoted_at = 0x0192_f0a0_0000_u64 + 50;
    let trying = table(experiment(10_000));
    let mut promoted = trying.clone();
    promoted.version += 1;
    let role = promoted.roles.get_mut(ROLE).unwrap();
    *role = RoleRollout {
        champion: CHALLENGER,
        experiment: None,
        before: Some(Before {
            until_unix_ms: promoted_at,
            champion: CHAMPION,
            experiment: role.experiment.take(),
        }),
    };
    assert_eq!(trying.check_next(&promoted), Ok(()));
    let at_ms = |ms: u64| TaskId(Uuid::from_u128(u128::from(ms) << 80 | 0x7000_8000_0000_0000_0001));
    for ms in promoted_at - 50..promoted_at {
        let (before, after) = (of(&trying, at_ms(ms)), of(&promoted, at_ms(ms)));
        assert_eq!((before.model, before.arm), (after.model, after.arm));
    }
    for ms in promoted_at..promoted_at + 50 {
        let assignment = of(&promoted, at_ms(ms));
        assert_eq!((assignment.model, assignment.arm), (CHALLENGER, Arm::ChampionOutside));
    }
    let mut rolled_back = promoted.clone();
    let role = rolled_back.roles.get_mut(ROLE).unwrap();
    (role.champion, role.before) = (CHAMPION, None);
    assert_eq!(
        of(&rolled_back, at_ms(promoted_at - 1)).model,
        CHAMPION,
        "at once, for everybody"
    );
}

/// What is assigned to tasks made at any millisecond, by the tables that held when they were asked for.
#[test]
fn a_task_keeps_what_it_was_given_first_whatever_grows_or_wins_later_and_a_rollback_is_for_all() {
    const MADE: u64 = 0x0192_f0a0_0000;
    let at_ms = |ms: u64, n: u64| {
        TaskId(Uuid::from_u128(
            u128::from(MADE + ms) << 80 | 0x7000_8000_0000_0000_0000 | u128::from(n),
        ))
    };
    let step = |step: u32, exposed: u16| Experiment {
        step,
        ..experiment(exposed)
    };
    let with = |version: u64, change: &dyn Fn(&mut RoleRollout)| {
        let mut next = table(step(1, 2000));
        next.version = version;
        next.roles.values_mut().for_each(change);
        next
    };
    let untried = with(1, &|rollout| rollout.experiment = None);
    let began = with(2, &|_| ());
    let grew = with(3, &|rollout| rollout.experiment = Some(step(2, 6000)));
    let whole = with(4, &|rollout| rollout.experiment = Some(step(3, 10_000)));
    let promoted = with(5, &|rollout| {
        rollout.before = Some(Before {
            // Decided earlier than whoever assigns heard of it.
            until_unix_ms: MADE + 35,
            champion: CHAMPION,
            experiment: rollout.experiment.take().map(|_| step(3, 10_000)),
        });
        rollout.champion = CHALLENGER;
    });
    let said_again = RolloutTable {
        version: 6,
        ..promoted.clone()
    };
    let tables = [untried, began, grew, whole, promoted, said_again];
    let mut held: Option<RolloutTable> = None;
    let mut given: Vec<(TaskId, Assignment)> = Vec::new();
    for (number, table) in (0_u64..).zip(tables) {
        assert!(held.as_ref().is_none_or(|held| held.check_next(&table).is_ok()));
        let now = table.following(held.as_ref(), MADE + 10 * number);
        for (task, first) in &given {
            let again = of(&now, *task);
            assert_eq!(
                (again.model, again.arm, again.step),
                (first.model, first.arm, first.step),
                "{number}"
            );
        }
        given.extend(
            (0..60)
                .map(|n| at_ms(10 * number, n))
                .map(|task| (task, of(&now, task))),
        );
        held = Some(now);
    }
    let challenged = |of: &[(TaskId, Assignment)]| of.iter().filter(|(_, given)| given.arm == Arm::Challenger).count();
    let by_table: Vec<usize> = given.chunks(60).map(challenged).collect();
    assert_eq!((by_table[0], by_table[4], by_table[5]), (0, 0, 0));
    assert!(by_table[1] < by_table[2] && by_table[2] < by_table[3], "{by_table:?}");
    assert!(given[240..].iter().all(|(_, given)| given.model == CHALLENGER));
    let mut rolled_back = with(7, &|rollout| rollout.experiment = None);
    rolled_back = rolled_back.following(held.as_ref(), MADE + 70);
    assert!(given.iter().all(|(task, _)| of(&rolled_back, *task).model == CHAMPION));
}
