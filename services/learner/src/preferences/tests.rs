//! Which word counts, what a text's manner is, what an ended task shows.

use super::features::features;
use super::holding::{Held, Viewpoint, held, history};
use super::outcome::{Observed, Outcome};
use super::{Scope, Source, Statement, taught};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

fn moment(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_000 + 3600 * hour, 0).unwrap()
}

fn said(hour: i64, source: Source, value: Value) -> Statement {
    let task = (source != Source::Explicit).then(|| Uuid::from_u128(hour.unsigned_abs().into()));
    Statement {
        id: Uuid::from_u128(hour.unsigned_abs().into()),
        scope: Scope::User,
        subject: "ann".to_owned(),
        key: "tone".to_owned(),
        value: Some(value).filter(|value| !value.is_null()),
        source,
        against: false,
        weight: 1.0,
        valid_at: moment(hour),
        recorded_at: moment(hour),
        task,
    }
}

fn of(scope: Scope, subject: &str, statement: Statement) -> Statement {
    Statement {
        scope,
        subject: subject.to_owned(),
        ..statement
    }
}

fn view(hour: i64) -> Viewpoint {
    let members = BTreeSet::from(["ann", "bob", "cid"].map(str::to_owned));
    Viewpoint {
        user: "ann".to_owned(),
        teams: BTreeMap::from([("editors".to_owned(), members)]),
        at: moment(hour),
        known_at: None,
    }
}

fn effective(statements: &[Statement], hour: i64) -> Option<Held> {
    held(statements, &view(hour)).into_iter().find(|held| held.effective)
}

fn tone(statements: &[Statement], hour: i64) -> Option<(String, Source)> {
    let held = effective(statements, hour)?;
    Some((held.value.as_str()?.to_owned(), held.source))
}

fn again(hours: std::ops::Range<i64>, source: Source, value: &str) -> Vec<Statement> {
    hours.map(|hour| said(hour, source, json!(value))).collect()
}

#[test]
fn explicit_beats_edits_beat_ratings_beat_behaviour() {
    let mut statements = again(0..10, Source::Behaviour, "plain");
    assert_eq!(tone(&statements, 100), Some(("plain".to_owned(), Source::Behaviour)));
    statements.extend(again(10..17, Source::Rating, "warm"));
    assert_eq!(tone(&statements, 100), Some(("warm".to_owned(), Source::Rating)));
    statements.extend(again(17..20, Source::Edit, "dry"));
    assert_eq!(tone(&statements, 100), Some(("dry".to_owned(), Source::Edit)));
    statements.push(said(20, Source::Explicit, json!("formal")));
    assert_eq!(tone(&statements, 100), Some(("formal".to_owned(), Source::Explicit)));
    statements.extend(again(21..60, Source::Behaviour, "plain"));
    assert_eq!(tone(&statements, 100), Some(("formal".to_owned(), Source::Explicit)));
    statements.push(said(61, Source::Explicit, Value::Null));
    // Edits and ratings are worn out by what was asked for since.
    assert_eq!(tone(&statements, 100), Some(("plain".to_owned(), Source::Behaviour)));
    assert_eq!(
        tone(&statements, 50),
        Some(("formal".to_owned(), Source::Explicit)),
        "it held then"
    );
}

#[test]
fn what_people_are_content_with_is_strengthened_and_what_they_reject_weakened() {
    let mut statements = again(0..8, Source::Rating, "warm");
    let before = effective(&statements, 100).unwrap().strength;
    statements.push(said(8, Source::Rating, json!("warm")));
    assert!(effective(&statements, 100).unwrap().strength > before);
    for hour in 9..12 {
        statements.push(Statement {
            against: true,
            ..said(hour, Source::Rating, json!("warm"))
        });
    }
    assert_eq!(effective(&statements, 100), None);
}

#[test]
fn what_is_asked_for_and_rejected_each_time_is_not_preferred() {
    let rejected = |hours: std::ops::Range<i64>| {
        hours.flat_map(|hour| {
            let asked = said(2 * hour, Source::Behaviour, json!("playful"));
            let rejection = Statement {
                against: true,
                ..said(2 * hour + 1, Source::Rating, json!("playful"))
            };
            [asked, rejection]
        })
    };
    let mut statements: Vec<Statement> = rejected(0..6).collect();
    assert_eq!(effective(&statements, 100), None);
    // Whoever liked it before, too.
    statements = again(0..14, Source::Behaviour, "playful");
    assert!(effective(&statements, 100).is_some());
    statements.extend(rejected(10..16));
    assert_eq!(effective(&statements, 100), None);
}

#[test]
fn of_what_somebody_says_of_one_task_the_last_word_counts() {
    let task = Some(Uuid::from_u128(1));
    let spam = (0..50).map(|hour| Statement {
        task,
        ..said(hour, Source::Rating, json!("warm"))
    });
    assert_eq!(
        effective(&spam.collect::<Vec<_>>(), 100),
        None,
        "one task, however often rated"
    );
}

#[test]
fn numbers_count_as_their_mean_while_they_agree() {
    let of = |numbers: &[i64]| {
        let hours = (0..).zip(numbers);
        let statements = hours.map(|(hour, number)| said(hour, Source::Edit, json!(number)));
        effective(&statements.collect::<Vec<_>>(), 100).map(|held| held.value)
    };
    let mean = of(&[300, 280, 310, 290, 305]).and_then(|mean| mean.as_i64()).unwrap();
    assert!((290..=305).contains(&mean), "{mean}");
    assert_eq!(of(&[300, 20, 900, 40, 700]), None);
}

#[test]
fn a_number_that_is_rejected_or_out_of_use_counts_no_more() {
    let numbers = [300, 280, 310, 290, 305, 295, 285, 315];
    let mut statements: Vec<Statement> = (0..)
        .zip(numbers)
        .map(|(hour, number)| said(hour, Source::Rating, json!(number)))
        .collect();
    let before = effective(&statements, 100).unwrap();
    assert!(before.strength > 0.9 && before.strength < 1.0, "{}", before.strength);
    let used = |hour, number: i64| said(hour, Source::Behaviour, json!(number));
    let agreed = (20..60).map(|hour| used(hour, 290 + hour % 3));
    let agreed: Vec<Statement> = statements.iter().cloned().chain(agreed).collect();
    let still = effective(&agreed, 100).unwrap();
    assert_eq!((still.source, still.value), (Source::Rating, before.value.clone()));
    let moved = (20..60).map(|hour| used(hour, 600 + hour % 3));
    let moved: Vec<Statement> = statements.iter().cloned().chain(moved).collect();
    assert_eq!(effective(&moved, 100).unwrap().source, Source::Behaviour, "out of use");
    let other = Statement {
        against: true,
        ..said(8, Source::Rating, json!(900))
    };
    statements.push(other);
    assert!(effective(&statements, 100).is_some(), "nobody wants another number");
    for (hour, number) in (9..14).zip([299, 299, 300, 298, 299]) {
        statements.push(Statement {
            against: true,
            ..said(hour, Source::Rating, json!(number))
        });
    }
    assert_eq!(effective(&statements, 100), None, "rejected");
}

#[test]
fn the_nearer_scope_goes_before_and_a_group_needs_three_people() {
    let stated = |scope, subject, value: &str| of(scope, subject, said(0, Source::Explicit, json!(value)));
    let mut statements = vec![stated(Scope::Tenant, "", "plain")];
    assert_eq!(tone(&statements, 9).unwrap().0, "plain");
    statements.push(stated(Scope::Team, "others", "loud"));
    assert_eq!(tone(&statements, 9).unwrap().0, "plain", "no team of hers");
    statements.push(stated(Scope::Team, "editors", "dry"));
    assert_eq!(tone(&statements, 9).unwrap().0, "dry");
    statements.push(stated(Scope::User, "bob", "loud"));
    assert_eq!(tone(&statements, 9).unwrap().0, "dry", "somebody else's");
    statements.push(stated(Scope::User, "ann", "warm"));
    assert_eq!(tone(&statements, 9).unwrap().0, "warm");
    assert_eq!(held(&statements, &view(9)).len(), 3, "the others are shown beside it");

    let habits = |users: &[&str]| -> Vec<Statement> {
        let of_user = |user: &&str| {
            again(0..8, Source::Behaviour, "warm").into_iter().map({
                let user = (*user).to_owned();
                move |statement| of(Scope::User, &user, statement)
            })
        };
        users.iter().flat_map(of_user).collect()
    };
    assert_eq!(effective(&habits(&["bob", "cid"]), 99), None);
    let team = effective(&habits(&["bob", "cid", "ann"]), 99).unwrap();
    assert_eq!(team.scope, Scope::User, "her own habit first");
    let team = effective(&habits(&["bob", "cid", "dan"]), 99).unwrap();
    assert_eq!((team.scope, team.in_favour), (Scope::Tenant, 3));
}

#[test]
fn a_later_word_closes_the_one_before_and_keeps_it() {
    let statements = [
        said(0, Source::Explicit, json!("formal")),
        said(5, Source::Explicit, json!("warm")),
        said(9, Source::Explicit, Value::Null),
    ];
    let now = effective(&statements, 6).unwrap();
    assert_eq!(now.value, json!("warm"));
    let past: Vec<_> = history(&statements, &now, &view(20))
        .iter()
        .map(|past| (past.statement.value.clone(), past.invalid_at))
        .collect();
    assert_eq!(
        past,
        [
            (None, None),
            (Some(json!("warm")), Some(moment(9))),
            (Some(json!("formal")), Some(moment(5))),
        ]
    );
}

#[test]
fn a_texts_manner_is_counted() {
    let of = |text: &str| {
        let found = features(text);
        found
            .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .join(" ")
    };
    assert_eq!(
        of("# Tea\n\nGreen tea is fine. ![cup](cup.png)"),
        "none none none none 6"
    );
    assert_eq!(of("Tea! 🍵 (#greentea) https://tea.example"), "some some some some 3");
    assert_eq!(of(""), "none none none none 0");
}

#[test]
fn what_became_of_a_preference_is_told_by_plan_and_result_alone() {
    let observed = Observed {
        arguments: vec![
            ("tone".to_owned(), json!("Formal, friendly")),
            ("length_words".to_owned(), json!(300)),
        ],
        texts: vec![("blog".to_owned(), "Tea with #lime and no jargon".to_owned())],
        channels: BTreeSet::from(["blog".to_owned()]),
    };
    for (key, value, expected) in [
        ("tone", json!("formal"), Outcome::Applied),
        ("voice", json!("formal"), Outcome::Applied),
        ("tone", json!("dry"), Outcome::Violated),
        ("audience", json!("gardeners"), Outcome::Unclear),
        ("length_words", json!(300.0), Outcome::Applied),
        ("blog.hashtags", json!("some"), Outcome::Applied),
        ("blog.hashtags", json!("none"), Outcome::Violated),
        ("blog.words", json!(7), Outcome::Applied),
        ("linkedin.hashtags", json!("none"), Outcome::Unclear),
        ("must_include", json!(["Lime"]), Outcome::Applied),
        ("avoid", json!(["jargon", "cheap"]), Outcome::Violated),
        ("max_words", json!(5), Outcome::Violated),
        ("channels", json!(["blog"]), Outcome::Applied),
        ("channels", json!(["blog", "linkedin"]), Outcome::Violated),
    ] {
        assert_eq!(observed.outcome(key, &value), expected, "{key} {value}");
    }
    assert_eq!(Observed::default().outcome("avoid", &json!(["a"])), Outcome::Unclear);
}

pub fn record() -> Value {
    json!({
        "task": {"status": "completed", "created_at": "2030-01-01T00:00:00Z", "memory": "used",
                 "published": [{"channel": "linkedin", "state": "published"}]},
        "submission": {"actor": "ann", "channels": ["blog", "linkedin"],
                       "preferences": {"tone": "dry", "topic": "tea", "deep": {"a": 1}, "sections": ["a", "b"]}},
        "plan": {"steps": [{"key": "a", "tool_id": "writer_agent",
                            "arguments": {"tone": "dry", "text": {"$step": "b"}, "topic": "{{request}}"}}]},
        "gates": [{"kind": "publication", "action": "edit", "actor": "bob", "decided_at": "2030-01-01T01:00:00Z"}],
        "deliverables": [{"channel": "linkedin", "content": "Tea is good for you and me, they say."}],
        "drafts": [{"channel": "linkedin", "content": "Tea is good for you and me, they say! #tea"}],
    })
}

#[test]
fn an_ended_task_shows_wishes_edits_and_who_decided() {
    let taught = taught(&record()).unwrap();
    assert_eq!((taught.user.as_str(), taught.remembered), ("ann", true));
    let wishes: BTreeSet<&str> = taught.wishes.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        wishes,
        BTreeSet::from(["sections", "tone"]),
        "neither what it is about nor what cannot be compared"
    );
    let expected = [
        ("linkedin.hashtags", json!("none")),
        ("linkedin.exclamation_marks", json!("none")),
        ("channels", json!(["linkedin"])),
    ];
    assert_eq!(taught.edits, expected.map(|(key, value)| (key.to_owned(), value)));
    let decision = taught.decision.unwrap();
    assert_eq!((decision.actor.as_str(), decision.good), ("bob", true));
    assert_eq!(taught.observed.arguments, [("tone".to_owned(), json!("dry"))]);
    assert!(taught.observed.texts[0].1.ends_with("#tea"), "judged is what was made");
}

#[test]
fn a_channel_that_failed_and_was_skipped_is_no_choice_of_channels() {
    for (action, is_choice) in [("skip", false), ("approve", false), ("retry", true)] {
        let mut raw = record();
        let attention =
            json!({"kind": "attention", "action": action, "actor": "bob", "decided_at": "2030-01-01T02:00:00Z"});
        raw["gates"].as_array_mut().unwrap().push(attention);
        let taught = taught(&raw).unwrap();
        let chosen = taught.edits.iter().any(|(key, _)| key == "channels");
        assert_eq!(chosen, is_choice, "{action}");
        assert_eq!(
            taught.edits.len(),
            2 + usize::from(is_choice),
            "what was changed of texts was"
        );
    }
}

#[test]
fn policy_and_the_null_model_teach_nothing() {
    let mut raw = record();
    raw["gates"][0]["actor"] = json!("policy");
    let shown = taught(&raw).unwrap();
    assert_eq!((shown.edits.len(), shown.decision), (0, None));
    raw["engine"] = json!("null");
    assert_eq!(taught(&raw), None);
    for odd in [
        json!(null),
        json!([]),
        json!({"task": 1, "submission": {"actor": 7}}),
        json!({"submission": {"actor": "a"}}),
    ] {
        assert_eq!(taught(&odd), None, "{odd}");
    }
}
