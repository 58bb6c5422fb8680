//! From deliverables to what is out there.

use super::acts::{broken, flaky, says, score};
use super::given::Given;
use super::scenario::Scenario;
use serde_json::json;
use workflow::decision::{Refusal, Reply};
use workflow::deliverable::DeliverableRule;
use workflow::input::Decision;
use workflow::state::DeliveryState;
use workflow::vocabulary::{Action, AttentionReason, EventKind, Status};

fn awaiting_approval(given: Given) -> Scenario {
    let mut s = given.start();
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
    s
}

fn approve(channels: &[&str]) -> Decision {
    Decision {
        channels: Some(channels.iter().map(|c| (*c).to_owned()).collect()),
        ..says(Action::Approve)
    }
}

fn states(s: &Scenario) -> Vec<DeliveryState> {
    s.task.deliveries.iter().map(|d| d.state).collect()
}

#[test]
fn an_approved_task_publishes_to_all_its_channels_and_completes() {
    let mut s = awaiting_approval(Given::plan("a"));
    s.told();
    s.answer(Action::Approve);
    assert_eq!(s.queued(), ["publish blog", "publish linkedin"]);
    s.work();
    assert_eq!(s.status(), Status::Completed);
    assert_eq!(s.told(), ["gate.decided", "task.publishing", "task.completed"]);
    let told = s.event(EventKind::TaskCompleted);
    assert_eq!(
        told["published"][1],
        json!({ "channel": "linkedin", "state": "published", "location": "https://here" })
    );
    let attached = &s.events.last().unwrap().attach;
    assert_eq!(attached[0].1.len(), 2, "both deliverables");
}

#[test]
fn only_the_chosen_channels_are_published_to() {
    let mut s = awaiting_approval(Given::plan("a"));
    assert_eq!(s.human(approve(&["linkedin"])), Reply::Done);
    assert_eq!(s.queued(), ["publish linkedin"]);
    s.work();
    assert_eq!(states(&s), [DeliveryState::Skipped, DeliveryState::Published]);
    assert_eq!(s.status(), Status::Completed);
}

#[test]
fn choosing_no_channel_completes_without_publishing() {
    let mut s = awaiting_approval(Given::plan("a"));
    assert_eq!(s.human(approve(&[])), Reply::Done);
    assert_eq!(s.status(), Status::Completed);
    assert_eq!(s.event(EventKind::TaskCompleted)["published"], json!([]));
}

#[test]
fn a_task_without_channels_has_one_result_and_publishes_nothing() {
    let mut s = awaiting_approval(Given::plan("a").channels(&[]));
    assert_eq!(s.task.deliveries[0].channel, "result");
    s.answer(Action::Approve);
    assert_eq!(s.status(), Status::Completed);
    assert_eq!(states(&s), [DeliveryState::Skipped]);
}

#[test]
fn a_channel_that_is_not_among_the_deliverables_is_refused() {
    let mut s = awaiting_approval(Given::plan("a"));
    let edit = Decision {
        edits: [("fax".to_owned(), "\"x\"".to_owned())].into(),
        ..says(Action::Edit)
    };
    for decision in [approve(&["blog", "fax"]), edit] {
        assert_eq!(
            s.human(decision),
            Reply::Refused(Refusal::UnknownChannel("fax".to_owned()))
        );
    }
    assert_eq!(s.status(), Status::AwaitingApproval);
}

#[test]
fn what_a_human_edited_is_what_is_published() {
    let mut s = awaiting_approval(Given::plan("a"));
    let before = s.task.deliveries.clone();
    let edit = Decision {
        edits: [("blog".to_owned(), "\"mine\"".to_owned())].into(),
        ..says(Action::Edit)
    };
    assert_eq!(s.human(edit), Reply::Done);
    let content = s.task.deliveries[0].content.unwrap();
    assert_eq!(s.text(content.payload), "\"mine\"");
    assert_eq!(s.task.deliveries[1], before[1]);
    assert_eq!(s.queued(), ["publish blog", "publish linkedin"]);
}

#[test]
fn policy_approves_what_passed_and_is_good_enough() {
    for (quality, least, approved) in [(0.9, 0.8, true), (0.8, 0.8, true), (0.7, 0.8, false), (0.7, 0.0, true)] {
        let mut s = Given::plan("a")
            .policy(|p| {
                p.auto_approve = true;
                p.auto_approve_min_quality = least;
            })
            .start();
        s.done("a");
        s.judge(score(quality));
        s.work();
        let expected = if approved {
            Status::Completed
        } else {
            Status::AwaitingApproval
        };
        assert_eq!(s.status(), expected, "{quality} of {least}");
    }
}

#[test]
fn a_human_may_send_it_back_however_many_rounds_there_were() {
    let mut s = awaiting_approval(Given::plan("a b<a").policy(|p| p.max_refinements = 0));
    let mut revise = says(Action::Revise);
    revise.feedback = Some("friendlier".to_owned());
    assert_eq!(s.human(revise), Reply::Done);
    assert_eq!((s.status(), s.task.round), (Status::Refining, 1));
    assert_eq!(s.queued(), ["b"]);
    let feedback = s.step("b").feedback.unwrap();
    assert_eq!(s.text(feedback), "\"friendlier\"");
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
}

#[test]
fn a_human_may_not_want_it_at_all() {
    let mut s = awaiting_approval(Given::plan("a"));
    s.answer(Action::Reject);
    assert_eq!(s.status(), Status::Rejected);
    assert_eq!(s.task.error, None);
}

#[test]
fn a_channel_that_is_down_is_tried_eight_times_and_does_not_hold_up_the_others() {
    let mut s = awaiting_approval(Given::plan("a"));
    s.answer(Action::Approve);
    for attempt in 1..=8 {
        assert_eq!(s.status(), Status::Publishing, "attempt {attempt}");
        let run = s.take("publish blog");
        s.fail(&run, flaky());
        if attempt == 1 {
            s.done("publish linkedin");
        }
        s.wait(70.0);
    }
    assert_eq!(s.reason(), Some(AttentionReason::Publication));
    assert_eq!(states(&s), [DeliveryState::Failed, DeliveryState::Published]);
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["publish blog"]);
    s.work();
    assert_eq!(s.status(), Status::Completed);
}

#[test]
fn a_human_may_do_without_a_channel_that_is_down() {
    let mut s = awaiting_approval(Given::plan("a"));
    s.answer(Action::Approve);
    let run = s.take("publish blog");
    s.fail(&run, broken());
    s.work();
    s.answer(Action::Skip);
    assert_eq!(s.status(), Status::Completed);
    assert_eq!(states(&s), [DeliveryState::Skipped, DeliveryState::Published]);
}

#[test]
fn what_no_rule_allows_is_repaired_and_then_shown_to_a_human_whatever_policy_says() {
    let rule = DeliverableRule {
        channels: vec!["blog".to_owned()],
        forbidden: vec!["format".to_owned()],
        ..DeliverableRule::default()
    };
    let given = |rule: &DeliverableRule| {
        Given::plan("a b<a").channels(&["blog", "linkedin"]).policy(|p| {
            p.max_refinements = 1;
            p.auto_approve = true;
            p.auto_approve_min_quality = 0.0;
            p.deliverable_rules = vec![rule.clone()];
        })
    };
    let mut s = given(&rule).start();
    s.work_until("b");
    s.done("b");
    s.done("assess");
    s.done("format blog");
    s.done("format linkedin");
    assert_eq!((s.status(), s.queued()), (Status::Refining, vec!["b".to_owned()]));
    let feedback = s.text(s.step("b").feedback.unwrap()).to_owned();
    assert!(
        feedback.contains("for blog: ") && feedback.contains("must not stand there"),
        "{feedback}"
    );
    s.done("b");
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval, "no policy lets it out");
    let faults: Vec<bool> = s.task.deliveries.iter().map(|d| d.faults.is_empty()).collect();
    assert_eq!(faults, [false, true]);
    s.answer(Action::Approve);
    s.work();
    assert_eq!(s.status(), Status::Completed);

    let elsewhere = DeliverableRule {
        channels: vec!["fax".to_owned()],
        ..rule
    };
    let mut s = given(&elsewhere).start();
    s.work();
    assert_eq!(s.status(), Status::Completed);
}
