use super::*;
use workflow::rollout::{Arm, Model, Phase, Share, Unit};
use workflow::time::{Millis, Timestamp};

const HOUR: Millis = Millis::secs(3600);

fn at(seconds: i64) -> Timestamp {
    Timestamp(1000 * seconds)
}

fn ended(seconds: i64, score: f64) -> Option<Ended> {
    Some(Ended {
        at: at(seconds),
        score: Some(score),
        failed: false,
        cost_usd: 0.01,
        seconds: 2.0,
    })
}

fn task(unit: &str, side: Side, assigned: i64, ended: Option<Ended>) -> Observation {
    Observation {
        unit: unit.to_owned(),
        side,
        assigned_at: at(assigned),
        ended,
    }
}

fn scores(settled: &Settled) -> Vec<f64> {
    settled.units.iter().map(|unit| unit.outcome.score).collect()
}

const TASKS: Patience = Patience {
    unit: Unit::Task,
    gathered: Millis(0),
    answer: HOUR,
};

#[test]
fn units_are_counted_as_assigned_up_to_the_first_that_is_open() {
    use Side::{Challenger, Control};
    let all = [
        task("d", Control, 40, ended(41, 0.4)),
        task("c", Challenger, 30, None),
        task("b", Challenger, 20, ended(90, 0.2)),
        task("a", Control, 10, ended(11, 0.1)),
    ];
    let now = settle(&all, &TASKS, at(100));
    assert_eq!(scores(&now), [0.1, 0.2]);
    assert_eq!((now.assigned.control, now.assigned.challenger), (2, 2));
    // What does not come in time has failed, for whoever it was.
    let later = settle(&all, &TASKS, at(30 + 3601));
    assert_eq!(scores(&later), [0.1, 0.2, 0.0, 0.4]);
    assert_eq!(later.units[2].outcome.failed, 1.0);
    // And stays so when it comes after all.
    let mut late = all.clone();
    late[1].ended = ended(30 + 3700, 0.9);
    assert_eq!(scores(&settle(&late, &TASKS, at(9000))), [0.1, 0.2, 0.0, 0.4]);
}

#[test]
fn a_failure_is_worth_nothing_whatever_answered_in_its_place() {
    let fallen_back = Ended {
        failed: true,
        score: Some(0.9),
        ..ended(11, 0.0).unwrap()
    };
    let strange = Ended {
        score: Some(f64::NAN),
        cost_usd: f64::INFINITY,
        ..fallen_back
    };
    let all = [
        task("a", Side::Challenger, 10, Some(fallen_back)),
        task("b", Side::Challenger, 11, Some(strange)),
        task(
            "c",
            Side::Challenger,
            12,
            Some(Ended {
                score: None,
                failed: false,
                ..fallen_back
            }),
        ),
    ];
    let settled = settle(&all, &TASKS, at(100));
    assert_eq!(scores(&settled), [0.0, 0.0, 0.0]);
    assert_eq!(settled.units[1].outcome.cost_usd, 0.0);
    assert_eq!(settled.units[0].outcome.cost_usd, 0.01);
}

#[test]
fn the_tasks_of_a_user_are_one_value() {
    let users = Patience {
        unit: Unit::User,
        gathered: HOUR,
        ..TASKS
    };
    let mut all = vec![
        task("user:ada", Side::Control, 0, ended(5, 1.0)),
        task("user:ada", Side::Control, 100, ended(105, 0.5)),
        task("user:ada", Side::Control, 3700, ended(3705, 0.0)),
        task("user:bob", Side::Challenger, 10, ended(15, 0.25)),
    ];
    assert_eq!(scores(&settle(&all, &users, at(3599))), [] as [f64; 0], "more may come");
    assert_eq!(scores(&settle(&all, &users, at(3700))), [0.75, 0.25]);
    // A user whom a fault put on both sides stays on the first, and is told of.
    all.push(task("user:ada", Side::Challenger, 50, ended(55, 0.0)));
    let settled = settle(&all, &users, at(3700));
    assert_eq!((settled.crossed, scores(&settled)), (1, vec![0.5, 0.25]));
}

/// Units that alternate between the arms.
fn facts(n: u64, control: f64, challenger: f64, settings: &Settings, course: &Course) -> Facts {
    let mut facts = Facts::default();
    for n in 0..n {
        let (side, score) = match n % 2 {
            0 => (Side::Control, control),
            _ => (Side::Challenger, challenger),
        };
        let outcome = Outcome {
            score: score + if n % 4 < 2 { 0.1 } else { -0.1 },
            failed: 0.0,
            cost_usd: 0.01,
            seconds: 1.0,
        };
        *facts.assigned.get_mut(side) += 1;
        let unit = UnitOutcome {
            side,
            assigned_at: course.since,
            outcome,
        };
        facts.count(&unit, settings, course);
    }
    facts
}

fn at_step(step: u32) -> Course {
    Course {
        began_at: at(0),
        stage: Stage::Step(step),
        since: at(0),
        paused: false,
    }
}

fn decided(settings: &Settings, course: &Course, facts: &Facts, seconds: i64) -> Decision {
    look(settings, course, facts, at(seconds)).decision
}

#[test]
fn a_step_lasts_until_enough_was_seen_and_enough_time_went_by() {
    let (settings, course) = (Settings::default(), at_step(1));
    let equal = |n| facts(n, 0.7, 0.7, &settings, &course);
    assert_eq!(decided(&settings, &course, &equal(49), 900), Decision::Continue);
    assert_eq!(decided(&settings, &course, &equal(50), 599), Decision::Continue);
    assert_eq!(
        decided(&settings, &course, &equal(50), 600),
        Decision::Advance { step: 2 }
    );
    assert_eq!(
        decided(&settings, &at_step(5), &equal(500), 900),
        Decision::Continue,
        "there is no further step"
    );
    // Units of an earlier step do not count for a later one.
    let mut later = equal(50);
    later.in_step = 0;
    assert_eq!(decided(&settings, &at_step(2), &later, 900), Decision::Continue);
}

#[test]
fn only_the_last_step_promotes() {
    let settings = Settings::default();
    let better = facts(600, 0.6, 0.7, &settings, &at_step(5));
    assert_eq!(
        decided(&settings, &at_step(4), &better, 900),
        Decision::Advance { step: 5 }
    );
    assert_eq!(decided(&settings, &at_step(5), &better, 900), Decision::Promote);
    let few = facts(198, 0.3, 0.8, &settings, &at_step(5));
    assert_eq!(
        decided(&settings, &at_step(5), &few, 900),
        Decision::Continue,
        "99 of each are too few"
    );
}

#[test]
fn time_runs_out_for_what_is_not_shown_to_be_better() {
    let settings = Settings::default();
    let over = settings.deadline.0 / 1000;
    let equal = facts(600, 0.7, 0.7, &settings, &at_step(5));
    assert_eq!(decided(&settings, &at_step(5), &equal, over - 1), Decision::Continue);
    assert_eq!(decided(&settings, &at_step(5), &equal, over), Decision::Inconclusive);
    let better = facts(600, 0.6, 0.7, &settings, &at_step(5));
    assert_eq!(decided(&settings, &at_step(5), &better, over), Decision::Promote);
}

#[test]
fn arms_of_unlike_size_hold_what_would_conclude_and_not_what_protects() {
    let (settings, last) = (Settings::default(), at_step(5));
    let mut better = facts(2000, 0.6, 0.7, &settings, &last);
    better.assigned = Arms {
        control: 1100,
        challenger: 900,
    };
    let hold = |why| Decision::Hold { why };
    assert_eq!(decided(&settings, &last, &better, 900), hold(Hold::SampleRatio));
    better.assigned.control = 900;
    assert_eq!(decided(&settings, &last, &better, 900), Decision::Promote);
    better.crossed = 1;
    assert_eq!(decided(&settings, &last, &better, 900), hold(Hold::ArmsCrossed));
    let mut worse = facts(2000, 0.7, 0.6, &settings, &last);
    worse.assigned.control = 1100;
    let quality = Reason::Guardrail(Guardrail::Quality);
    assert_eq!(
        decided(&settings, &last, &worse, 900),
        Decision::RollBack { reason: quality }
    );
}

#[test]
fn guardrails_turn_back_what_fails_costs_or_takes_more_than_the_margin() {
    let (settings, course) = (Settings::default(), at_step(1));
    let with = |change: fn(&mut Outcome)| {
        let mut facts = Facts::default();
        for n in 0..1000_u64 {
            let side = if n % 2 == 0 { Side::Control } else { Side::Challenger };
            let mut outcome = Outcome {
                score: 0.7,
                failed: 0.0,
                cost_usd: 0.01 + 0.001 * (n % 5) as f64,
                seconds: 1.0 + (n % 7) as f64,
            };
            if side == Side::Challenger && n % 3 > 0 {
                change(&mut outcome);
            }
            facts.count(
                &UnitOutcome {
                    side,
                    assigned_at: at(0),
                    outcome,
                },
                &settings,
                &course,
            );
        }
        decided(&settings, &course, &facts, 10)
    };
    let back = |of| Decision::RollBack {
        reason: Reason::Guardrail(of),
    };
    assert_eq!(with(|_| ()), Decision::Continue);
    assert_eq!(with(|outcome| outcome.failed = 0.2), back(Guardrail::Errors));
    assert_eq!(with(|outcome| outcome.cost_usd *= 2.5), back(Guardrail::Cost));
    assert_eq!(with(|outcome| outcome.seconds *= 2.5), back(Guardrail::Latency));
    assert_eq!(
        with(|outcome| outcome.seconds *= 1.3),
        Decision::Continue,
        "within the margin"
    );
}

#[test]
fn limits_act_at_once_and_in_the_shadow_too() {
    let settings = Settings {
        limits: Limits {
            seconds: Some(30.0),
            ..Limits::default()
        },
        shadow: Some(Step {
            exposed: Share(1000),
            units: 20,
            lasts: Millis(0),
        }),
        ..Settings::default()
    };
    let course = Course::begin(&settings, at(0));
    assert_eq!(course.stage, Stage::Shadow);
    let shadowed = |n: i64, failing: i64, seconds: f64| {
        let asked = |n: i64| {
            let ended = Ended {
                failed: n < failing,
                seconds,
                ..ended(5, 0.5).unwrap()
            };
            task(&format!("{n}"), Side::Challenger, 1, Some(ended))
        };
        let asked: Vec<_> = (0..n).map(asked).collect();
        let facts = Facts::gather(&[], &asked, &settings, &course, at(10));
        decided(&settings, &course, &facts, 10)
    };
    let back = |of| Decision::RollBack {
        reason: Reason::Limit(of),
    };
    assert_eq!(shadowed(19, 19, 1.0), Decision::Continue, "too few to tell");
    assert_eq!(shadowed(20, 10, 1.0), Decision::Advance { step: 1 });
    assert_eq!(shadowed(20, 11, 1.0), back(Limit::Failures));
    assert_eq!(shadowed(20, 0, 31.0), back(Limit::Latency));
}

#[test]
fn a_cheaper_one_is_promoted_when_it_is_not_worse_by_the_margin() {
    let settings = Settings {
        goal: Goal::Cheaper { margin: 0.05 },
        margins: Margins {
            quality: Some(0.05),
            ..Margins::default()
        },
        ..Settings::default()
    };
    assert_eq!(settings.faults(), Vec::<String>::new());
    let last = at_step(5);
    let with = |score: f64, cost: f64| {
        let mut facts = facts(0, 0.0, 0.0, &settings, &last);
        for n in 0..3000_u64 {
            let side = if n % 2 == 0 { Side::Control } else { Side::Challenger };
            let (score, cost) = if n % 2 == 0 { (0.7, 0.02) } else { (score, cost) };
            let outcome = Outcome {
                score: score + if n % 4 < 2 { 0.1 } else { -0.1 },
                failed: 0.0,
                cost_usd: cost + 0.001 * (n % 7) as f64,
                seconds: 1.0,
            };
            facts.count(
                &UnitOutcome {
                    side,
                    assigned_at: at(0),
                    outcome,
                },
                &settings,
                &last,
            );
        }
        decided(&settings, &last, &facts, 900)
    };
    assert_eq!(with(0.69, 0.01), Decision::Promote);
    assert_eq!(with(0.7, 0.02), Decision::Continue, "nothing is saved");
    let quality = Reason::Guardrail(Guardrail::Quality);
    assert_eq!(with(0.6, 0.01), Decision::RollBack { reason: quality });
}

#[test]
fn a_person_pauses_goes_on_and_ends_and_what_was_known_is_kept() {
    let settings = Settings::default();
    let experiment = |course: &Course| {
        let (id, challenger) = (uuid::Uuid::from_u128(1), Model::Configured);
        course.experiment(id, id, challenger, &settings)
    };
    let phase = |course: &Course| experiment(course).map(|found| (found.step, found.exposed, found.phase));
    let running = at_step(3);
    let paused = running.overridden(Action::Pause, at(5)).unwrap();
    assert_eq!(phase(&paused), Some((3, Share(1000), Phase::Paused)));
    let better = facts(600, 0.6, 0.7, &settings, &running);
    let seen = look(&settings, &paused, &better, at(900));
    assert_eq!(seen.decision, Decision::Hold { why: Hold::Paused });
    assert_eq!(paused.overridden(Action::Resume, at(6)), Ok(running));
    let promoted = paused.overridden(Action::Promote, at(7)).unwrap();
    assert_eq!((promoted.stage, phase(&promoted)), (Stage::Promoted, None));
    assert_eq!(promoted.overridden(Action::RollBack, at(8)), Err(Over));
    let word = Override {
        by: "user:ada".to_owned(),
        action: Action::Promote,
        note: None,
        evidence: seen,
    };
    let kept = serde_json::to_string(&word).unwrap();
    assert_eq!(serde_json::from_str::<Override>(&kept).unwrap(), word);
}

#[test]
fn settings_that_cannot_work_are_all_told() {
    assert_eq!(Settings::default().faults(), Vec::<String>::new());
    let mut bad = Settings {
        alpha: 0.0,
        goal: Goal::Cheaper { margin: 0.05 },
        deadline: Millis(0),
        ..Settings::default()
    };
    bad.steps.reverse();
    bad.margins.cost = Some(-1.0);
    assert_eq!(bad.faults().len(), 5, "{:?}", bad.faults());
}

#[test]
fn sides_are_the_arms_that_are_compared() {
    let sides = [Arm::ChampionOutside, Arm::Control, Arm::Challenger].map(Side::of);
    assert_eq!(sides, [None, Some(Side::Control), Some(Side::Challenger)]);
}
