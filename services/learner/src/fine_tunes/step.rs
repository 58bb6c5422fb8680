//! What is to be done next for a job.

use super::tune::{FineTune, Sent, State};
use crate::record::Split;
use chrono::{DateTime, TimeDelta, Utc};

/// After the deadline a provider that does not answer is asked for so long to end the job.
const GIVE_UP: TimeDelta = TimeDelta::hours(24);
/// After the end it is tried for so long to delete what is left with the provider.
const CLEAN_WITHIN: TimeDelta = TimeDelta::days(7);

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sends the examples of a part.
    Upload(Split),
    /// Looks whether a job was begun whose answer was lost, and begins one if not.
    Begin,
    /// The same, without beginning one.
    Find,
    /// Asks how the job stands.
    Follow,
    /// Asks for it to be ended.
    Cancel,
    /// Registers the model.
    Register,
    /// It ends so.
    End(State, String),
    /// Takes away what is left with the provider.
    Clean,
    /// Nothing, any more.
    Close,
}

/// What is next. `keeps_files`: by the operator's word the provider's files stay.
pub fn next(tune: &FineTune, keeps_files: bool, now: DateTime<Utc>) -> Step {
    if tune.state.is_end() {
        return after_the_end(tune, keeps_files, now);
    }
    if tune.course.model.is_some() {
        return match tune.withdrawn_at {
            Some(_) => Step::End(State::Cancelled, why_unwanted(tune)),
            None => Step::Register,
        };
    }
    if is_unwanted(tune) || now >= tune.deadline_at {
        return ending(tune, now);
    }
    match (
        &tune.course.training_file,
        &tune.course.validation_file,
        &tune.course.job,
    ) {
        (_, _, Sent::There(_)) => Step::Follow,
        (Sent::There(_), Sent::There(_), _) => Step::Begin,
        (Sent::There(_), _, _) if tune.examples.validation.lines == 0 => Step::Begin,
        (Sent::There(_), _, _) => Step::Upload(Split::Validation),
        _ => Step::Upload(Split::Train),
    }
}

/// Whether somebody said that it is to end.
pub fn is_unwanted(tune: &FineTune) -> bool {
    tune.cancel_asked_at.is_some() || tune.withdrawn_at.is_some()
}

/// What is said of a job that ended because somebody wanted it to, or because of its time.
pub fn why_unwanted(tune: &FineTune) -> String {
    let why = if tune.withdrawn_at.is_some() {
        "its export was withdrawn, since a user was erased whose records it has or may have"
    } else if tune.cancel_asked_at.is_some() {
        "it was cancelled"
    } else {
        "it took longer than learning.fine_tunes.deadline_hours"
    };
    why.to_owned()
}

/// The state of a job that ended before it came to anything.
pub fn unwanted_state(tune: &FineTune) -> State {
    if is_unwanted(tune) {
        State::Cancelled
    } else {
        State::Failed
    }
}

fn ending(tune: &FineTune, now: DateTime<Utc>) -> Step {
    let is_over = now >= tune.deadline_at + GIVE_UP;
    match &tune.course.job {
        Sent::No => Step::End(unwanted_state(tune), why_unwanted(tune)),
        Sent::Perhaps if is_over => given_up(tune, "whether the provider began a job was not to be found out"),
        Sent::Perhaps => Step::Find,
        Sent::There(id) if is_over => given_up(tune, &format!("the provider's job {id} may go on")),
        Sent::There(_) if tune.course.is_cancelled => Step::Follow,
        Sent::There(_) => Step::Cancel,
    }
}

fn given_up(tune: &FineTune, what: &str) -> Step {
    let last = tune.course.waiting.as_deref().unwrap_or("it did not end");
    Step::End(State::Failed, format!("{}; {what} ({last})", why_unwanted(tune)))
}

fn after_the_end(tune: &FineTune, keeps_files: bool, now: DateTime<Utc>) -> Step {
    let keeps = keeps_files && tune.withdrawn_at.is_none();
    let since = tune.ended_at.max(tune.withdrawn_at).unwrap_or(now);
    if tune.course.is_clean || keeps || now >= since + CLEAN_WITHIN {
        Step::Close
    } else {
        Step::Clean
    }
}

#[cfg(test)]
mod tests {
    use super::super::tune::{Course, Examples, Part, Wanted};
    use super::*;
    use llm::fine_tuning::{Hyperparameters, Method};
    use uuid::Uuid;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_900_000_000 + hours * 3600, 0).unwrap()
    }

    fn tune() -> FineTune {
        let part = Part { lines: 5, bytes: 500 };
        FineTune {
            id: Uuid::from_u128(1),
            tenant: "acme".to_owned(),
            export: Uuid::from_u128(2),
            provider: "mine".to_owned(),
            model_name: "planner".to_owned(),
            wanted: Wanted {
                base_model: "small".to_owned(),
                method: Method::Supervised,
                hyperparameters: Hyperparameters::default(),
                suffix: None,
                seed: None,
                max_usd: None,
            },
            examples: Examples {
                train: part,
                validation: part,
                usd_per_million_tokens: None,
            },
            state: State::Queued,
            reason: None,
            course: Course::default(),
            model: None,
            cancel_asked_at: None,
            withdrawn_at: None,
            created_at: at(0),
            changed_at: at(0),
            ended_at: None,
            deadline_at: at(72),
            failures: 0,
            turn: 0,
        }
    }

    fn there() -> Sent {
        Sent::There("x".to_owned())
    }

    #[test]
    fn a_job_goes_from_its_files_to_its_model() {
        let mut tune = tune();
        let step = |tune: &FineTune| next(tune, false, at(1));
        assert_eq!(step(&tune), Step::Upload(Split::Train));
        tune.course.training_file = Sent::Perhaps;
        assert_eq!(step(&tune), Step::Upload(Split::Train));
        tune.course.training_file = there();
        assert_eq!(step(&tune), Step::Upload(Split::Validation));
        tune.examples.validation.lines = 0;
        assert_eq!(step(&tune), Step::Begin);
        tune.course.job = Sent::Perhaps;
        assert_eq!(step(&tune), Step::Begin);
        tune.course.job = there();
        assert_eq!(step(&tune), Step::Follow);
        tune.course.model = Some("ft:x".to_owned());
        assert_eq!(step(&tune), Step::Register);
        tune.end(State::Succeeded, None, at(1));
        assert_eq!(step(&tune), Step::Clean);
        assert_eq!(next(&tune, true, at(1)), Step::Close);
        tune.withdrawn_at = Some(at(1));
        assert_eq!(
            next(&tune, true, at(1)),
            Step::Clean,
            "of an erased user nothing is kept there"
        );
        tune.course.is_clean = true;
        assert_eq!(next(&tune, true, at(1)), Step::Close);
    }

    #[test]
    fn who_is_not_wanted_is_ended_at_the_provider_and_a_model_that_is_there_wins() {
        for (cancel_asked_at, withdrawn_at) in [(Some(at(1)), None), (None, Some(at(1)))] {
            let mut tune = FineTune {
                cancel_asked_at,
                withdrawn_at,
                ..tune()
            };
            let step = |tune: &FineTune| next(tune, false, at(2));
            assert!(matches!(step(&tune), Step::End(State::Cancelled, _)));
            tune.course.job = Sent::Perhaps;
            assert_eq!(step(&tune), Step::Find);
            tune.course.job = there();
            assert_eq!(step(&tune), Step::Cancel);
            tune.course.is_cancelled = true;
            assert_eq!(step(&tune), Step::Follow);
            tune.course.model = Some("ft:x".to_owned());
            match tune.withdrawn_at {
                None => assert_eq!(step(&tune), Step::Register),
                Some(_) => assert!(matches!(step(&tune), Step::End(State::Cancelled, _))),
            }
        }
    }

    #[test]
    fn what_takes_too_long_is_ended_and_then_given_up() {
        let mut tune = tune();
        assert!(matches!(next(&tune, false, at(72)), Step::End(State::Failed, _)));
        tune.course.job = there();
        assert_eq!(next(&tune, false, at(72)), Step::Cancel);
        let Step::End(State::Failed, reason) = next(&tune, false, at(96)) else {
            panic!("it goes on for ever")
        };
        assert!(
            reason.contains("deadline_hours") && reason.contains("job x may go on"),
            "{reason}"
        );
        tune.end(State::Failed, None, at(96));
        assert_eq!(next(&tune, false, at(97)), Step::Clean);
        assert_eq!(next(&tune, false, at(96 + 24 * 7)), Step::Close);
    }
}
