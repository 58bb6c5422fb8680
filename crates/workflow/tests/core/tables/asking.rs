//! Steps that end with a question: what a human let through is what runs, and nothing else.

use super::acts::{broken, cancel, flaky, question, retry, says, usd};
use super::given::Given;
use super::scenario::Scenario;
use workflow::decision::{EffectReply, Refusal, Reply};
use workflow::input::{Body, Decision, EffectEnd, Outcome};
use workflow::state::{Asked, EffectState, Money};
use workflow::vocabulary::{Action, AskKind, AttentionReason, EffectClass, Status, StepStatus};

fn asked<'s>(s: &'s Scenario, key: &str) -> &'s Asked {
    s.step(key).asked.as_ref().expect("the step asked")
}

/// What the step's next job carries.
fn approved<'s>(s: &'s Scenario, key: &str) -> &'s str {
    s.text(asked(s, key).approved.expect("nobody let it through"))
}

fn edit(s: &Scenario, key: &str, text: &str) -> Decision {
    Decision {
        gate: Some(s.step_gate(key)),
        approved: Some(text.to_owned()),
        ..says(Action::Edit)
    }
}

#[test]
fn a_run_that_asks_ends_its_job_and_opens_a_gate_about_the_very_question() {
    let mut s = Given::plan("a:asks b").accept().unwrap();
    assert_eq!(s.queued(), ["a", "b"], "it resolves and asks, beside the others");
    let run = s.run("a");
    s.end_for(&run, question(AskKind::Approval, "a"), usd(3));
    assert_eq!(s.step_status("a"), StepStatus::WaitingApproval);
    assert_eq!((s.status(), s.queued()), (Status::Executing, vec!["b".to_owned()]));
    let cost = Money {
        usd_micros: 3,
        ..Money::default()
    };
    assert_eq!(s.task.spent, cost);
    let gate = &s.task.gates[0];
    assert_eq!(gate.content_hash, asked(&s, "a").question.hash);
    s.done("b");
    assert_eq!(s.status(), Status::AwaitingStepApproval);
    s.answer(Action::Approve);
    assert_eq!((s.status(), s.queued()), (Status::Executing, vec!["a".to_owned()]));
    assert!(approved(&s, "a").contains("arguments"), "the question is what runs");
    s.done("a");
    assert_eq!(s.step("a").asked, None);
}

#[test]
fn a_question_that_comes_twice_or_late_changes_nothing() {
    let mut s = Given::plan("a:asks").accept().unwrap();
    let (first, copy) = (s.run("a"), s.take("a"));
    s.end(&first, question(AskKind::Approval, "a"));
    let after = s.task.clone();
    for late in [&first, &copy] {
        let reply = s.end(late, question(AskKind::Approval, "other"));
        assert!(matches!(reply, Reply::Ignored(_)), "{reply:?}");
        assert_eq!(s.task, after);
    }
    s.answer(Action::Approve);
    let after = s.task.clone();
    let reply = s.end(&first, question(AskKind::Approval, "a"));
    assert!(matches!(reply, Reply::Ignored(_)), "{reply:?}");
    assert_eq!(s.task, after);
}

#[test]
fn an_edit_runs_with_its_own_arguments_and_each_gate_is_decided_apart() {
    let mut s = Given::plan("a:asks b:asks").start();
    assert_eq!(s.task.gates.len(), 2);
    let approve = Decision {
        gate: Some(s.step_gate("b")),
        ..says(Action::Approve)
    };
    assert_eq!(s.human(edit(&s, "a", "{\"arguments\":{}}")), Reply::Done);
    assert_eq!(s.human(approve.clone()), Reply::Done);
    assert_eq!(s.queued(), ["a", "b"]);
    assert_eq!(approved(&s, "a"), "{\"arguments\":{}}");
    assert_eq!(asked(&s, "b").approved, Some(asked(&s, "b").question.payload));
    let after = s.task.clone();
    assert_eq!(s.human(approve), Reply::Done, "the same request again");
    assert_eq!(s.task, after);
}

#[test]
fn a_word_about_another_question_is_stale() {
    let mut s = Given::plan("a:asks").start();
    let seen = s.task.gates[0].content_hash.to_string();
    let revise = Decision {
        feedback: Some("politer".to_owned()),
        ..says(Action::Revise)
    };
    assert_eq!(s.human(revise), Reply::Done);
    assert_eq!(s.text(s.step("a").feedback.unwrap()), "\"politer\"");
    let run = s.take("a");
    s.end(&run, question(AskKind::Approval, "politer"));
    let blind = Decision {
        content_hash: Some(seen),
        ..says(Action::Approve)
    };
    assert_eq!(s.human(blind), Reply::Refused(Refusal::ApprovalStale));
    assert_eq!(s.step_status("a"), StepStatus::WaitingApproval);
}

#[test]
fn an_answer_without_what_it_must_have_is_refused() {
    let mut s = Given::plan("a:asks").start();
    for decision in [
        says(Action::Edit),
        Decision {
            approved: Some("{}".to_owned()),
            ..says(Action::Approve)
        },
    ] {
        assert!(matches!(s.human(decision), Reply::Refused(Refusal::WrongState(_))));
    }
    assert_eq!(s.step_status("a"), StepStatus::WaitingApproval);
}

#[test]
fn nothing_is_sent_before_the_word_and_only_once_after_it() {
    let mut s = Given::plan("a:asks_once").accept().unwrap();
    let run = s.run("a");
    assert_eq!(s.begin(&run, EffectClass::Once), EffectReply::Refused("gate"));
    assert_eq!(s.task.effects, []);
    s.end(&run, question(AskKind::Approval, "a"));
    assert_eq!(s.begin(&run, EffectClass::Once), EffectReply::Refused("finished"));
    s.answer(Action::Approve);
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    let outcome = s.good(run.unit);
    s.end(&run, outcome);
    assert_eq!(s.task.effects.len(), 1);
    assert_eq!(s.task.effects[0].state, EffectState::Confirmed);
}

#[test]
fn a_run_that_did_not_ask_where_it_had_to_or_asks_what_nobody_expects_fails() {
    let output = || Outcome::Output(Body::new("\"done it\""));
    for (plan, outcome) in [
        ("a:asks", output()),
        ("a:asks", question(AskKind::Input, "a")),
        ("a", question(AskKind::Approval, "a")),
    ] {
        let mut s = Given::plan(plan).accept().unwrap();
        let run = s.take("a");
        s.end(&run, outcome);
        assert_eq!(s.step("a").error.as_ref().unwrap().code, "worker_protocol", "{plan}");
        assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    }
}

#[test]
fn a_word_outlives_losses_and_attempts_and_ends_with_a_human_s_retry() {
    let mut s = Given::plan("a:asks").start();
    s.answer(Action::Approve);
    s.run("a");
    s.wait(16.0);
    s.wait(1.0);
    let run = s.take("a");
    s.fail(&run, flaky());
    s.wait(2.0);
    assert_eq!(s.queued(), ["a"]);
    assert!(asked(&s, "a").approved.is_some());
    let run = s.take("a");
    s.fail(&run, broken());
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    s.answer(Action::Retry);
    assert_eq!(s.step("a").asked, None, "it asks anew");
    s.ask();
    s.step_gate("a");
}

#[test]
fn what_was_let_through_is_asked_about_anew_when_its_inputs_change() {
    let mut s = Given::plan("a b:asks<a c").start();
    let run = s.take("c");
    s.done("a");
    s.ask();
    s.fail(&run, broken());
    let approve = Decision {
        gate: Some(s.step_gate("b")),
        ..says(Action::Approve)
    };
    assert_eq!(s.human(approve), Reply::Done);
    assert_eq!(s.input(&retry(Some("a"), false)), Reply::Done);
    assert_eq!(s.step("b").asked, None);
    s.outputs("a", "\"other\"");
    s.ask();
    s.step_gate("b");
}

#[test]
fn cancelling_beats_a_later_word_and_a_word_an_earlier_question() {
    let mut s = Given::plan("a:asks").start();
    let approve = says(Action::Approve);
    s.input(&cancel());
    assert!(matches!(
        s.human(approve),
        Reply::Refused(Refusal::AlreadyDecided {
            action: Action::Cancel,
            ..
        })
    ));
    assert_eq!(s.status(), Status::Cancelled);
}

#[test]
fn what_expired_is_shown_again_without_another_run_and_nothing_unseen_is_let_through() {
    let mut s = Given::plan("a:asks b:asks").accept().unwrap();
    s.done("a");
    s.leases_end = false;
    let run = s.run("b");
    s.wait(3600.0);
    s.end(&run, question(AskKind::Approval, "b"));
    assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
    s.answer(Action::Approve);
    assert_eq!(s.queued(), ["a"], "nobody was shown what b would send");
    s.step_gate("b");

    let mut s = Given::plan("a:asks").start();
    let question = asked(&s, "a").question;
    s.wait(3600.0);
    s.answer(Action::Retry);
    assert_eq!((s.queued(), asked(&s, "a").question), (vec![], question));
    s.step_gate("a");
}

fn answer() -> Decision {
    Decision {
        approved: Some("{\"arguments\":{},\"responses\":{}}".to_owned()),
        ..says(Action::Approve)
    }
}

#[test]
fn a_tool_may_ask_eight_times_within_a_step() {
    let mut s = Given::plan("a").start();
    for round in 1..=8 {
        let run = s.take("a");
        s.end(&run, question(AskKind::Input, &format!("{round}")));
        assert_eq!(s.step_status("a"), StepStatus::WaitingApproval, "round {round}");
        assert!(matches!(
            s.human(says(Action::Approve)),
            Reply::Refused(Refusal::WrongState(_))
        ));
        assert_eq!(s.human(answer()), Reply::Done);
        assert_eq!(approved(&s, "a"), "{\"arguments\":{},\"responses\":{}}");
    }
    let run = s.take("a");
    s.end(&run, question(AskKind::Input, "9"));
    assert_eq!(s.step("a").error.as_ref().unwrap().code, "tool_rounds_exceeded");
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
}

#[test]
fn a_tool_that_asks_instead_of_acting_did_nothing_and_acts_once_it_knows() {
    let mut s = Given::plan("a:once").start();
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    s.end(&run, question(AskKind::Input, "size"));
    assert_eq!(s.task.effects[0].state, EffectState::Rejected);
    assert_eq!(s.human(answer()), Reply::Done);
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    s.sent(&run, EffectEnd::Confirmed);
    s.done("a");
    assert_eq!(s.status(), Status::Assessing);
    let states: Vec<EffectState> = s.task.effects.iter().map(|e| e.state).collect();
    assert_eq!(states, [EffectState::Rejected, EffectState::Confirmed]);
}
