//! Grants: reserved with the dispatch, settled by the result.

use super::acts::{broken, cancel, failed, flaky, no_model, released, retry, says, success, usd};
use super::given::{Given, JOB_GRANT, STEP_GRANT};
use super::scenario::Scenario;
use workflow::decision::{Refusal, Reply};
use workflow::input::{Cost, Decision, Input, Postponed};
use workflow::money::{Allowance, Bounds};
use workflow::state::Money;
use workflow::submission::{OnBudgetExceeded, OnExhausted, Policy};
use workflow::time::Millis;
use workflow::vocabulary::{Action, AttentionReason, EventKind, Status};

fn money(s: &Scenario) -> (i64, i64) {
    (s.task.reserved.usd_micros, s.task.spent.usd_micros)
}

fn budget(micros: i64) -> impl FnOnce(&mut workflow::submission::Policy) {
    move |p| p.max_cost_usd_micros = Some(micros)
}

#[test]
fn a_grant_is_reserved_with_the_dispatch_and_settled_by_the_result() {
    let mut s = Given::plan("a b").start();
    assert_eq!(money(&s), (2 * STEP_GRANT, 0));
    let run = s.take("a");
    let outcome = s.good(run.unit);
    s.end_for(&run, outcome, usd(1));
    assert_eq!(money(&s), (STEP_GRANT, 1));
    let run = s.take("b");
    s.input(&failed(&run, flaky(), usd(2)));
    assert_eq!(money(&s), (0, 3), "a failed attempt costs too");
    s.wait(2.0);
    assert_eq!(money(&s), (STEP_GRANT, 3));
}

#[test]
fn planning_and_assessing_have_grants_and_formatting_and_publishing_none() {
    let mut s = Given::request().channels(&["blog"]).start();
    assert_eq!(s.job("plan").grant.usd_micros, JOB_GRANT);
    s.work_until("assess");
    assert_eq!(s.job("assess").grant.usd_micros, JOB_GRANT);
    s.work_until("format blog");
    assert_eq!(s.job("format blog").grant, Money::default());
}

#[test]
fn what_the_budget_does_not_cover_waits_while_something_runs() {
    let mut s = Given::plan("a b").policy(budget(STEP_GRANT + 1)).start();
    assert_eq!((s.queued(), s.status()), (vec!["a".to_owned()], Status::Executing));
    s.done("a");
    assert_eq!(s.queued(), ["b"], "it cost less than granted");
}

#[test]
fn a_human_is_asked_for_more_when_nothing_can_run() {
    let mut s = Given::plan("a b").policy(budget(STEP_GRANT + 1)).start();
    let run = s.take("a");
    let outcome = s.good(run.unit);
    s.end_for(&run, outcome, usd(3));
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
    let raise = Decision {
        raise_budget: Some(Money {
            usd_micros: 2,
            ..Money::default()
        }),
        ..says(Action::RaiseBudget)
    };
    assert_eq!(s.human(raise), Reply::Done);
    assert_eq!(s.queued(), ["b"]);
}

#[test]
fn tokens_have_a_budget_too() {
    let mut s = Given::plan("a b<a").policy(|p| p.max_tokens = Some(10)).start();
    let run = s.take("a");
    let cost = Cost {
        input_tokens: 6,
        output_tokens: 5,
        ..Cost::default()
    };
    let outcome = s.good(run.unit);
    s.end_for(&run, outcome, cost);
    assert_eq!(s.task.spent.tokens, 11);
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
}

#[test]
fn a_hostile_figure_neither_gives_money_back_nor_wraps() {
    let mut s = Given::plan("a b").start();
    for (label, cost) in [("a", usd(i64::MIN)), ("b", usd(i64::MAX))] {
        let run = s.take(label);
        let outcome = s.good(run.unit);
        s.end_for(&run, outcome, cost);
        assert!(s.task.spent.usd_micros >= 0, "{label}");
    }
}

#[test]
fn a_job_handed_back_gives_its_grant_back() {
    let mut s = Given::plan("a").start();
    s.room = false;
    let run = s.run("a");
    s.release(&run);
    assert_eq!(money(&s), (0, 0));
}

#[test]
fn a_lost_run_is_settled_at_its_grant_until_its_late_result_tells() {
    let mut s = Given::plan("a").start();
    let old = s.run("a");
    s.wait(15.0);
    assert_eq!(money(&s), (0, STEP_GRANT));
    let row = s.costs.last().unwrap();
    assert!(row.estimated && row.run == old.id);

    s.wait(1.0);
    let new = s.run("a");
    s.room = false;
    let outcome = s.good(new.unit);
    s.end_for(&new, outcome.clone(), usd(2));
    assert_eq!(money(&s), (0, STEP_GRANT + 2));
    s.end_for(&old, outcome, usd(1));
    assert_eq!(money(&s), (0, 3));
    let row = s.costs.last().unwrap();
    assert!(!row.estimated && row.run == old.id);
}

#[test]
fn a_lost_run_that_succeeds_after_all_is_paid_once() {
    let mut s = Given::plan("a").start();
    let old = s.run("a");
    s.wait(15.0);
    s.wait(1.0);
    let outcome = s.good(old.unit);
    assert_eq!(s.end_for(&old, outcome, usd(1)), Reply::Done);
    assert_eq!(s.task.spent.usd_micros, 1);
    assert!(s.task.estimates.is_empty());
}

#[test]
fn a_lost_run_that_comes_back_and_hands_its_job_back_is_paid_once() {
    let mut s = Given::plan("a").start();
    let old = s.run("a");
    s.wait(15.0);
    s.wait(1.0);
    assert!(matches!(s.beat(&old), Reply::Continue { .. }));
    s.room = false;
    let told = released(&old, None, usd(1));
    s.input(&told);
    assert_eq!(money(&s), (0, 1));
    s.input(&told);
    assert_eq!(money(&s), (0, 1));
}

#[test]
fn a_repeated_result_does_not_replace_what_is_estimated_for_another_run() {
    let mut s = Given::plan("a b<a").start();
    s.run("a");
    s.wait(15.0);
    s.wait(1.0);
    let new = s.run("a");
    let result = success(&new, s.good(new.unit), usd(2));
    s.input(&result);
    let after = money(&s);
    s.input(&result);
    assert_eq!(money(&s), after);
}

#[test]
fn what_was_dispatched_when_the_task_was_cancelled_is_settled_at_its_grant() {
    let mut s = Given::plan("a b").start();
    let (run, queued) = (s.run("a"), s.take("b"));
    s.input(&cancel());
    assert_eq!(money(&s), (0, 2 * STEP_GRANT));
    s.input(&failed(&run, broken(), usd(1)));
    assert_eq!(money(&s), (0, STEP_GRANT + 1), "written after the end too");
    s.input(&failed(&queued, broken(), usd(3)));
    assert_eq!(money(&s), (0, 4));
}

#[test]
fn what_was_never_dispatched_costs_nothing() {
    let mut s = Given::plan("a").start();
    let run = s.take("a");
    s.fail(&run, flaky());
    s.input(&cancel());
    assert_eq!(money(&s), (0, 0));
}

fn needs(micros: i64) -> Postponed {
    Postponed {
        needs: Money {
            usd_micros: micros,
            ..Money::default()
        },
        ..no_model(0)
    }
}

#[test]
fn a_run_that_needs_more_begins_again_with_more_and_loses_no_attempt() {
    let mut s = Given::plan("a:agent").policy(budget(100)).start();
    let run = s.run("a");
    assert_eq!(s.job("a").grant.usd_micros, JOB_GRANT);
    s.input(&released(&run, Some(needs(20)), usd(3)));
    assert_eq!((s.job("a").grant.usd_micros, money(&s)), (30, (30, 3)));
    let again = s.run("a");
    assert_eq!(s.step("a").attempt, 1);
    let outcome = s.good(again.unit);
    s.end_for(&again, outcome, usd(21));
    assert_eq!(money(&s).1, 24);
}

#[test]
fn the_last_of_a_budget_goes_to_one_run_at_a_time() {
    let mut s = Given::plan("a:agent b:agent").policy(budget(JOB_GRANT + 2)).start();
    assert_eq!(
        s.queued(),
        ["a"],
        "what is left is less than a grant, and somebody else has part of it"
    );
    let run = s.take("a");
    let outcome = s.good(run.unit);
    s.end_for(&run, outcome, usd(4));
    assert_eq!((s.queued(), s.job("b").grant.usd_micros), (vec!["b".to_owned()], 3));
}

#[test]
fn what_needs_more_than_is_left_waits_for_others_and_then_for_a_human() {
    let mut s = Given::plan("a:agent b:agent").policy(budget(2 * JOB_GRANT)).start();
    let (first, second) = (s.run("a"), s.run("b"));
    s.input(&released(&first, Some(needs(8)), usd(1)));
    assert_eq!(s.running(), ["b"], "a waits: 8 are not left while b has 5");
    let outcome = s.good(second.unit);
    s.end_for(&second, outcome, usd(1));
    assert_eq!((s.queued(), s.job("a").grant.usd_micros), (vec!["a".to_owned()], 8));
    let again = s.run("a");
    s.input(&released(&again, Some(needs(9)), usd(1)));
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
    let detail = &s.task.attention.as_ref().unwrap().detail;
    assert_eq!(detail, "step a may take $0.000009, of which $0.000007 is left");
    let raise = Decision {
        raise_budget: Some(Money {
            usd_micros: 2,
            ..Money::default()
        }),
        ..says(Action::RaiseBudget)
    };
    assert_eq!(s.human(raise), Reply::Done);
    let again = s.run("a");
    s.input(&released(&again, Some(needs(9)), usd(0)));
    assert_eq!((s.queued(), s.job("a").grant.usd_micros), (vec!["a".to_owned()], 9));
}

#[test]
fn a_hostile_need_neither_gives_money_nor_takes_it() {
    let mut s = Given::plan("a:agent").policy(budget(100)).start();
    let run = s.run("a");
    s.input(&released(&run, Some(needs(i64::MIN)), usd(0)));
    s.pass(2.0);
    let run = s.run("a");
    assert_eq!(s.job("a").grant.usd_micros, JOB_GRANT);
    s.input(&released(&run, Some(needs(i64::MAX)), usd(0)));
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
    assert_eq!(money(&s), (0, 0));
}

#[test]
fn tokens_are_set_aside_where_they_have_a_budget() {
    let tokens = |p: &mut workflow::submission::Policy| {
        p.max_tokens = Some(100);
        p.grant_tokens = 60;
    };
    let s = Given::plan("a:agent b:agent").policy(tokens).start();
    assert_eq!((s.queued(), s.task.reserved.tokens), (vec!["a".to_owned()], 60));
}

fn calls(most: i64, grant: i64) -> impl FnOnce(&mut Policy) {
    move |p| {
        p.max_calls = Some(most);
        p.grant_calls = grant;
    }
}

fn called(n: i64) -> Cost {
    Cost { calls: n, ..usd(1) }
}

#[test]
fn calls_are_set_aside_where_they_have_a_budget_and_asked_for_like_money() {
    let mut s = Given::plan("a:agent b:foreign c:free").policy(calls(5, 3)).start();
    assert_eq!(s.queued(), ["a", "b", "c"]);
    let grants = ["a", "b", "c"].map(|label| s.job(label).grant.calls);
    assert_eq!(
        grants,
        [3, 1, 0],
        "an agent asks several times, a tool that costs once, what is free does not count"
    );
    let (a, b) = (s.run("a"), s.run("b"));
    let more = Postponed {
        needs: Money {
            calls: 4,
            ..Money::default()
        },
        ..no_model(0)
    };
    s.input(&released(&a, Some(more), called(3)));
    assert_eq!(s.running(), ["b"], "a waits: of 5 calls 3 are made and 1 is set aside");
    let outcome = s.good(b.unit);
    s.end_for(&b, outcome, called(1));
    s.done("c");
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
    let detail = &s.task.attention.as_ref().unwrap().detail;
    assert_eq!(detail, "step a may take 4 calls, of which 1 are left");
    let raise = Input::RetryRequested {
        actor: "ann".to_owned(),
        from_step: None,
        raise_budget: Some(Money {
            calls: 3,
            ..Money::default()
        }),
        more_time: Millis::default(),
        send_again: false,
    };
    assert_eq!(s.input(&raise), Reply::Done);
    assert_eq!((s.queued(), s.job("a").grant.calls), (vec!["a".to_owned()], 3));
}

#[test]
fn without_calls_nothing_that_costs_begins() {
    let s = Given::plan("a:agent").policy(calls(0, 3)).start();
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
}

fn more_time(seconds: i64) -> Input {
    match retry(None, false) {
        Input::RetryRequested { actor, .. } => Input::RetryRequested {
            actor,
            from_step: None,
            raise_budget: None,
            more_time: Millis::secs(seconds),
            send_again: false,
        },
        other => other,
    }
}

#[test]
fn no_run_goes_on_beyond_the_tasks_time_and_a_human_gives_it_more() {
    let mut s = Given::plan("a").policy(|p| p.max_duration_seconds = Some(60.0)).start();
    let run = s.run("a");
    s.pass(60.0);
    assert_eq!(s.beat(&run), Reply::Stop("deadline"), "though no timer has fired");
    s.input(&failed(&run, flaky(), usd(1)));
    assert_eq!(
        s.reason(),
        Some(AttentionReason::Deadline),
        "its time was over; nothing else failed"
    );
    assert_eq!(s.input(&more_time(30)), Reply::Done);
    assert_eq!(s.task.deadline, Some(s.now + Millis::secs(30)));
    assert_eq!(s.queued(), ["a"]);
    s.wait(30.0);
    assert_eq!(s.reason(), Some(AttentionReason::Deadline));
    assert_eq!(s.input(&more_time(i64::MIN / 1000)), Reply::Done);
    assert_eq!(
        s.task.deadline,
        Some(s.now + Millis::secs(60)),
        "less than nothing is nothing: the whole time anew"
    );
}

#[test]
fn time_that_is_added_before_it_is_over_is_added_to_the_end() {
    let policy = |p: &mut Policy| {
        p.max_duration_seconds = Some(60.0);
        p.max_cost_usd_micros = Some(1);
    };
    let mut s = Given::plan("a").policy(policy).start();
    let end = s.task.deadline.unwrap();
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
    s.input(&more_time(30));
    assert_eq!(
        (s.task.deadline, s.task.extra_time),
        (Some(end + Millis::secs(30)), Millis::secs(30))
    );
}

/// A tenant's window of so many micro-USD, so much of it left.
fn window(limit: i64, left: i64) -> Allowance {
    let bounds = |usd_micros| Bounds {
        usd_micros: Some(usd_micros),
        ..Bounds::default()
    };
    Allowance {
        limit: bounds(limit),
        unspent: bounds(left),
        left: bounds(left),
        idle: false,
        asks: false,
    }
}

#[test]
fn what_the_tenants_window_does_not_cover_waits_and_what_is_free_goes_on() {
    let mut s = Given::plan("a b c:free")
        .with_window(window(100, STEP_GRANT + 1))
        .start();
    assert_eq!(
        s.queued(),
        ["a", "c"],
        "b waits, though nobody has asked the task to spend less"
    );
    s.window = Some(window(100, 0));
    s.done("a");
    s.done("c");
    assert_eq!(
        (s.queued(), s.status()),
        (Vec::new(), Status::Executing),
        "no human can help"
    );
    s.window = Some(window(100, 100));
    s.wait(30.0);
    assert_eq!(s.queued(), ["b"], "the next window");
}

#[test]
fn a_human_is_asked_where_policy_wants_it_or_no_window_will_ever_do() {
    let asks = Allowance {
        asks: true,
        ..window(100, 1)
    };
    for (window, left) in [
        (asks, "$0.000001"),
        (window(STEP_GRANT - 1, STEP_GRANT - 1), "$0.000003"),
    ] {
        let mut s = Given::plan("a").with_window(window).start();
        assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
        let detail = &s.task.attention.as_ref().unwrap().detail;
        assert_eq!(
            *detail,
            format!("step a may take $0.000004, of which {left} is left in the window of the tenant")
        );
        s.window = Some(self::window(100, 100));
        s.input(&retry(None, false));
        assert_eq!(s.queued(), ["a"]);
    }
}

#[test]
fn nobody_is_asked_because_of_what_others_have_and_may_give_back() {
    let most = |left| window(100, left).left;
    // (agent or tool, unspent) → whether a human is asked where next to nothing is left.
    let cases = [
        ("a", STEP_GRANT, false),
        ("a", STEP_GRANT - 1, true),
        ("a:agent", 1, false),
        ("a:agent", 0, true),
    ];
    for (plan, unspent, asked) in cases {
        let taken = Allowance {
            unspent: most(unspent),
            asks: true,
            ..window(100, 0)
        };
        let mut s = Given::plan(plan).with_window(taken).start();
        let reason = asked.then_some(AttentionReason::BudgetExceeded);
        assert_eq!((s.queued(), s.reason()), (Vec::new(), reason), "{plan}, {unspent}");
        if asked {
            continue;
        }
        s.window = Some(taken.at_rest());
        s.wait(30.0);
        assert_eq!(s.queued(), ["a"], "{plan}: others gave it back");
    }
}

#[test]
fn more_for_the_task_is_no_answer_where_its_tenants_window_is_full() {
    let asks = Allowance {
        asks: true,
        ..window(100, 1)
    };
    let mut s = Given::plan("a").with_window(asks).start();
    let raise = Decision {
        raise_budget: Some(Money {
            usd_micros: 9,
            ..Money::default()
        }),
        ..says(Action::RaiseBudget)
    };
    let allowed = vec![Action::Retry, Action::Reject, Action::Cancel];
    let refused = Refusal::ActionNotAllowed {
        action: Action::RaiseBudget,
        allowed,
    };
    assert_eq!(s.human(raise), Reply::Refused(refused));
    s.answer(Action::Retry);
    assert_eq!(
        s.reason(),
        Some(AttentionReason::BudgetExceeded),
        "asked again while it is full"
    );
    assert_eq!(s.event(EventKind::TaskNeedsAttention)["of_tenant"], true);
    s.window = Some(window(100, 100));
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["a"]);
}

#[test]
fn the_last_of_a_window_goes_to_a_run_that_can_do_with_less_when_no_other_has_part_of_it() {
    let little = window(100, JOB_GRANT - 1);
    let s = Given::plan("a:agent").with_window(little).start();
    assert_eq!(s.queued(), [""; 0]);
    let idle = Allowance { idle: true, ..little };
    let s = Given::plan("a:agent b:agent").with_window(idle).start();
    assert_eq!(
        (s.queued(), s.job("a").grant.usd_micros),
        (vec!["a".to_owned()], JOB_GRANT - 1)
    );
}

#[test]
fn the_last_of_a_tasks_own_budget_does_not_wait_for_other_tasks_of_the_tenant() {
    // (own budget, window left, idle) → grant; no grant waits for the window, and nobody is asked.
    let cases = [
        (2, 100, false, Some(2)),
        (2, 2, false, Some(2)),
        (2, 1, false, None),
        (2, 1, true, Some(1)),
        (100, JOB_GRANT, false, Some(JOB_GRANT)),
        (100, JOB_GRANT - 1, false, None),
        (100, JOB_GRANT - 1, true, Some(JOB_GRANT - 1)),
    ];
    for (own, left, idle, expected) in cases {
        let window = Allowance {
            idle,
            ..window(100, left)
        };
        let s = Given::plan("a:agent").policy(budget(own)).with_window(window).start();
        let granted = (!s.queued().is_empty()).then(|| s.job("a").grant.usd_micros);
        let case = format!("own {own}, left {left}, idle {idle}");
        assert_eq!((granted, s.reason()), (expected, None), "{case}");
    }
}

#[test]
fn what_a_run_needs_is_bounded_by_the_lesser_of_its_task_and_its_window() {
    for (own, left, expected) in [(9, 100, Some(9)), (100, 9, Some(9)), (100, 7, None), (9, 12, Some(9))] {
        let mut s = Given::plan("a:agent")
            .policy(budget(own))
            .with_window(window(100, 50))
            .start();
        let run = s.run("a");
        s.window = Some(window(100, left));
        s.input(&released(&run, Some(needs(8)), usd(0)));
        let granted = (!s.queued().is_empty()).then(|| s.job("a").grant.usd_micros);
        assert_eq!(granted, expected, "own {own}, left {left}");
    }
}

#[test]
fn no_task_fails_for_what_others_of_its_tenant_spent() {
    let stop: fn(&mut Policy) = |p| p.on_budget_exceeded = Some(OnBudgetExceeded::Stop);
    let fail: fn(&mut Policy) = |p| p.on_exhausted = OnExhausted::Fail;
    let asks = Allowance {
        asks: true,
        ..window(100, 1)
    };
    for policy in [stop, fail] {
        for window in [asks, window(STEP_GRANT - 1, STEP_GRANT - 1)] {
            let mut s = Given::plan("a").policy(policy).with_window(window).start();
            assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
            assert_eq!(s.status(), Status::NeedsAttention);
            s.window = Some(self::window(100, 100));
            s.input(&retry(None, false));
            assert_eq!(s.queued(), ["a"]);
        }
        let own = |p: &mut Policy| {
            policy(p);
            p.max_cost_usd_micros = Some(1);
        };
        let s = Given::plan("a").policy(own).with_window(window(100, 100)).start();
        assert_eq!(s.status(), Status::Failed, "its own budget is its own policy's");
    }
}

fn on(budget: OnBudgetExceeded) -> impl FnOnce(&mut Policy) {
    move |p| {
        p.on_budget_exceeded = Some(budget);
        p.max_cost_usd_micros = Some(20);
        p.cheaper_below = 0.25;
    }
}

#[test]
fn a_spent_budget_stops_the_task_or_asks_whatever_else_ends_it() {
    let stop = |p: &mut Policy| {
        on(OnBudgetExceeded::Stop)(p);
        p.max_cost_usd_micros = Some(1);
    };
    let s = Given::plan("a").policy(stop).start();
    assert_eq!(s.status(), Status::Failed);
    assert!(
        s.task
            .error
            .as_ref()
            .unwrap()
            .starts_with("budget_exceeded: step a may take")
    );
    let ask = |p: &mut Policy| {
        on(OnBudgetExceeded::Ask)(p);
        p.max_cost_usd_micros = Some(1);
        p.on_exhausted = OnExhausted::Fail;
    };
    assert_eq!(
        Given::plan("a").policy(ask).start().reason(),
        Some(AttentionReason::BudgetExceeded)
    );
}

#[test]
fn steps_ask_small_models_once_little_is_left_and_only_then_a_human_is_asked() {
    let mut s = Given::plan("a:agent b:agent<a c:free")
        .policy(on(OnBudgetExceeded::Cheaper))
        .start();
    assert!(!s.step("a").cheaper);
    let run = s.run("a");
    let outcome = s.good(run.unit);
    s.end_for(&run, outcome, usd(16));
    assert!(s.step("b").cheaper && !s.step("c").cheaper, "4 of 20 are left");
    assert_eq!(s.job("b").grant.usd_micros, 4);
    let told = s.event(EventKind::StepQueued);
    assert_eq!(
        (&told["key"], &told["tier"], &told["tier_reason"]),
        (&"b".into(), &"small".into(), &"budget".into())
    );
    s.done("c");
    let run = s.run("b");
    s.input(&released(&run, Some(needs(9)), usd(0)));
    assert_eq!(
        s.reason(),
        Some(AttentionReason::BudgetExceeded),
        "a small one does not fit either"
    );
}

#[test]
fn what_a_large_model_needs_says_nothing_about_a_small_one() {
    let mut s = Given::plan("a:agent").policy(on(OnBudgetExceeded::Cheaper)).start();
    let run = s.run("a");
    s.input(&released(&run, Some(needs(50)), usd(1)));
    assert!(s.step("a").cheaper, "50 will never fit; a small one may");
    assert_eq!(
        (s.queued(), s.job("a").grant.usd_micros),
        (vec!["a".to_owned()], JOB_GRANT)
    );
}

#[test]
fn a_small_model_is_not_held_to_what_the_large_one_needed() {
    let mut s = Given::plan("a:agent").policy(on(OnBudgetExceeded::Cheaper)).start();
    let run = s.run("a");
    s.input(&released(&run, Some(needs(50)), usd(1)));
    let small = s.run("a");
    s.input(&failed(&small, flaky(), usd(1)));
    s.wait(2.0);
    assert!(s.step("a").cheaper, "one job does not go back to the large one");
    assert_eq!(
        (s.queued(), s.job("a").grant.usd_micros),
        (vec!["a".to_owned()], JOB_GRANT),
        "the small one has said nothing yet"
    );
}

#[test]
fn each_job_is_decided_anew_and_asks_the_large_model_once_there_is_money_again() {
    let mut s = Given::plan("a:agent").policy(on(OnBudgetExceeded::Cheaper)).start();
    let run = s.run("a");
    s.input(&released(&run, Some(needs(50)), usd(16)));
    assert!(s.step("a").cheaper);
    let run = s.run("a");
    s.input(&released(&run, Some(needs(9)), usd(0)));
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
    let raise = Decision {
        raise_budget: Some(Money {
            usd_micros: 1_000,
            ..Money::default()
        }),
        ..says(Action::RaiseBudget)
    };
    assert_eq!(s.human(raise), Reply::Done);
    assert_eq!(s.queued(), ["a"]);
    assert!(!s.step("a").cheaper, "there is money again");
}

#[test]
fn a_window_that_only_a_small_model_fits_asks_nobody() {
    // The large model needs more than any window has; a small one gets what is left once it is idle.
    let policy = |p: &mut Policy| p.on_budget_exceeded = Some(OnBudgetExceeded::Cheaper);
    let mut s = Given::plan("a:agent")
        .policy(policy)
        .with_window(window(30, 30))
        .start();
    let run = s.run("a");
    s.window = Some(window(30, 0));
    s.input(&released(&run, Some(needs(50)), usd(0)));
    assert_eq!(
        (s.queued(), s.reason()),
        (Vec::new(), None),
        "it waits for the next window"
    );
    s.window = Some(window(30, 30));
    s.wait(30.0);
    assert_eq!(s.queued(), ["a"]);
    assert!(s.step("a").cheaper);
}

#[test]
fn a_copy_that_ends_the_job_does_not_pay_for_the_run_that_was_lost() {
    let mut s = Given::plan("a").start();
    let lost = s.run("a");
    let copy = workflow::ids::RunId(uuid::Uuid::from_u128(99));
    s.wait(15.0);
    s.room = false;
    let copy = super::scenario::Run { id: copy, ..lost };
    let outcome = s.good(lost.unit);
    s.end_for(&copy, outcome.clone(), usd(1));
    assert_eq!(money(&s), (0, STEP_GRANT + 1), "both ran");
    assert!(matches!(s.end_for(&lost, outcome, usd(2)), Reply::Ignored(_)));
    assert_eq!((money(&s), s.kept.sum().usd_micros), ((0, 3), 3));
}

#[test]
fn what_was_never_heard_of_is_estimated_until_its_run_tells() {
    let mut s = Given::plan("a").start();
    let queued = s.take("a");
    s.input(&cancel());
    assert_eq!(s.kept.sum().usd_micros, STEP_GRANT);
    s.input(&failed(&queued, broken(), usd(3)));
    assert_eq!((money(&s), s.kept.sum().usd_micros), ((0, 3), 3));
}
