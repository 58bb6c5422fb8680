use super::*;
use crate::record::{from_raw, tests::completed};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CARD: &str = "4111 1111 1111 1111";
/// What must never leave, by the kind it is of.
const PLANTED: [(&str, &str); 20] = [
    ("email", "alice.o'neil+shop@example.co.uk"),
    ("email", "jürgen@müller.de"),
    ("phone", "+49 (0)30 1234567"),
    ("phone", "(030) 123 45 67"),
    ("phone", "415-555-2671"),
    ("phone", "0170 1234567"),
    ("card", CARD),
    ("card", "378282246310005"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB82WEST12345698765432"),
    ("ip", "203.0.113.77"),
    ("ip", "2001:db8:85a3::8a2e:370:7334"),
    ("secret", "sk-proj-abcdefghijklmnop1234"),
    ("secret", "ghp_abcdefghijklmnopqrst0123"),
    ("secret", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"),
    ("secret", "hunter2-hunter2"),
    ("credential", "admin:s3cret"),
    (
        "private_key",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    ),
    ("secret", "dGhpcyBpcyBhIHRva2Vu0123"),
];

/// As people write it.
fn sentence(planted: &str) -> String {
    match planted {
        "hunter2-hunter2" => "the password: hunter2-hunter2, keep it".to_owned(),
        "admin:s3cret" => "see https://admin:s3cret@db.example/path".to_owned(),
        "dGhpcyBpcyBhIHRva2Vu0123" => "Authorization: Bearer dGhpcyBpcyBhIHRva2Vu0123".to_owned(),
        other => format!("please use {other} for it"),
    }
}

fn scrubber() -> Scrubber {
    Scrubber::new(&[]).unwrap()
}

fn clean(text: &str) -> (String, Scrubbed) {
    let scrubber = scrubber();
    let mut session = scrubber.begin(text);
    let cleaned = session.clean(text).unwrap_or_else(|| text.to_owned());
    (cleaned, session.counts)
}

#[test]
fn each_kind_is_found_and_named() {
    for (kind, planted) in PLANTED {
        let (cleaned, counts) = clean(&sentence(planted));
        assert!(!cleaned.contains(planted), "{planted}: {cleaned}");
        assert!(cleaned.contains(&format!("<{kind}_1>")), "{planted}: {cleaned}");
        assert_eq!(counts.values().sum::<u64>(), 1, "{planted}: {cleaned}");
        assert_eq!(clean(&cleaned).0, cleaned, "what is scrubbed stays as it is");
    }
}

#[test]
fn what_only_looks_like_it_stays() {
    for text in [
        "at 2030-01-31T12:30:45.123Z, 12:30:45",
        "order 4111111111111112 of 1700000000000",
        "version 1.2.3.4567, 999.1.2.3, std::net::Ipv6Addr, a::b",
        "0192e4a0-0000-7000-8000-000000000001",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "10,000 to 20,000 in 2030; 0.123456789012",
        "DE00 3704 8844 8532 8130 88 is no account; TEST1234ABCD5678",
        "@mention, a@b, user@localhost, https://example.com/a@b",
        "the basics of tokens and secret ingredients",
    ] {
        assert_eq!(clean(text).0, text);
    }
}

#[test]
fn words_in_capitals_after_an_account_are_no_part_of_it() {
    let (cleaned, _) = clean("AT61 1904 3002 3457 3201 BIC NTSBDEB1");
    assert_eq!(cleaned, "<iban_1> BIC NTSBDEB1");
}

#[test]
fn the_same_value_is_the_same_placeholder_and_numbers_do_not_collide() {
    let (cleaned, counts) = clean("a@example.com, b@example.com, a@example.com");
    assert_eq!(cleaned, "<email_1>, <email_2>, <email_1>");
    assert_eq!(counts[&Kind::Email], 3);
    assert_eq!(
        clean("<email_7> wrote to b@example.com").0,
        "<email_7> wrote to <email_8>"
    );
}

/// A raw record with `text` wherever somebody or something can write.
fn planted_everywhere(text: &str) -> Value {
    let mut raw = completed();
    for pointer in [
        "/submission/request",
        "/intent/goal",
        "/reasoning",
        "/outputs/draft",
        "/outputs/research/facts/0",
        "/plan/summary",
        "/plan/steps/0/arguments/topic",
        "/plan/steps/0/reason",
        "/assessments/0/dimensions/accuracy/evidence",
        "/assessments/0/blamed/draft",
        "/deliverables/0/content",
        "/gates/1/feedback",
        "/task/plan/steps/1/error/message",
        "/submission/metadata/team",
    ] {
        *raw.pointer_mut(pointer).unwrap() = json!(text);
    }
    raw["submission"]["preferences"] = json!({ text: [text] });
    raw["drafts"] = json!([{ "channel": "blog", "content": text }]);
    raw["other_outputs"] = json!({ "draft": [{ "round": 0, "output": { "text": text } }] });
    raw
}

#[test]
fn no_text_of_a_record_keeps_what_was_planted() {
    let said = json!([{ "rating": 1, "comment": sentence(CARD), "dimension": null, "step_id": null }]).to_string();
    for (_, planted) in PLANTED {
        let raw = planted_everywhere(&sentence(planted)).to_string();
        let record = from_raw("0192e4a0-0000-7000-8000-000000000001", &raw, Some(&said)).unwrap();
        let before = serde_json::to_string(&record).unwrap();
        let (cleaned, counts) = scrubber().record(record).unwrap();
        let text = serde_json::to_string(&cleaned).unwrap();
        let escaped = json!(planted).to_string();
        let escaped = escaped.trim_matches('"');
        assert!(before.contains(escaped) && !text.contains(escaped), "{planted}");
        assert!(!text.contains(CARD));
        assert!(counts.values().sum::<u64>() >= 17, "{planted}: {counts:?}");
        assert_eq!(cleaned.labels.deliverables[0].content_hash, None);
        for step in &cleaned.steps {
            assert!(
                step.output
                    .as_ref()
                    .is_none_or(|output| serde_json::from_str::<Value>(output).is_ok())
            );
        }
        let (again, none) = scrubber().record(cleaned.clone()).unwrap();
        assert_eq!((again, none.len()), (cleaned, 0));
    }
}

#[test]
fn in_what_tools_take_secrets_are_known_by_their_names_and_numbers_too() {
    let mut raw = completed();
    raw["outputs"]["draft"] =
        json!({ "api_key": "plain", "card": 4111111111111111_u64, "count": 12, "alice@example.com": 1 });
    let record = from_raw("r", &raw.to_string(), None).unwrap();
    let (cleaned, _) = scrubber().record(record).unwrap();
    let output: Value = serde_json::from_str(cleaned.steps[1].output.as_ref().unwrap()).unwrap();
    assert_eq!(
        output,
        json!({ "api_key": "<secret_1>", "card": "<card_1>", "count": 12, "<email_1>": 1 })
    );
}

#[test]
fn the_operators_patterns_are_looked_for_too() {
    let scrubber = Scrubber::new(&["CUST-[0-9]+".to_owned(), "x*".to_owned()]).unwrap();
    let mut session = scrubber.begin("");
    assert_eq!(session.clean("for CUST-0815 only").unwrap(), "for <custom_1> only");
    assert!(Scrubber::new(&["(".to_owned()]).is_err());
    assert!(Scrubber::new(&["a{100000}".to_owned()]).is_err());
}

#[test]
fn a_hostile_text_costs_time_in_proportion_to_its_length() {
    let hostile = [
        "1",
        "+1 ",
        "a@",
        "1.1.",
        "AA00 ",
        "0:",
        "eyJ",
        "-----BEGIN PRIVATE KEY-----",
        "(0",
        "password:",
    ];
    for piece in hostile {
        let text = piece.repeat(1_000_000 / piece.len());
        let begun = Instant::now();
        clean(&text);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{piece}: {:?}",
            begun.elapsed()
        );
    }
}

/// A record with `output` as what its first step gave, cleaned, as JSON.
fn cleaned_with(scrubber: &Scrubber, metadata: Value, output: Value) -> String {
    let mut raw = completed();
    raw["submission"]["metadata"] = metadata;
    let mut record = from_raw("0192e4a0-0000-7000-8000-000000000001", &raw.to_string(), None).unwrap();
    record.steps[0].output = Some(output.to_string());
    serde_json::to_string(&scrubber.record(record).unwrap().0).unwrap()
}

#[test]
fn secrets_are_known_by_their_members_name_however_it_is_written() {
    let planted = json!({
        "accessToken": "planted-1", "clientSecret": "planted-2", "X-Api-Key": "planted-3", "db_pwd": "planted-4",
        "password": 7_310_001, "authorization": ["planted-5", {"deep": "planted-6"}], "author": "kept",
    });
    let cleaned = cleaned_with(&scrubber(), json!({}), planted);
    assert!(
        !cleaned.contains("planted-") && !cleaned.contains("7310001"),
        "{cleaned}"
    );
    assert!(cleaned.contains("kept"), "{cleaned}");
}

#[test]
fn members_that_the_client_names_are_looked_through_whatever_they_are_called() {
    let metadata = json!({"origin": "jane@shop.de", "status": "see jane@shop.de"});
    let cleaned = cleaned_with(&scrubber(), metadata, json!("fine"));
    assert!(!cleaned.contains("jane@shop.de"), "{cleaned}");
}

#[test]
fn ones_own_patterns_take_out_what_holds_something_built_in() {
    let own = Scrubber::new(&["Customer: [^\"\\\\]*".to_owned()]).unwrap();
    let cleaned = cleaned_with(&own, json!({}), json!("Customer: Jane Doe, jane@shop.de"));
    assert!(
        !cleaned.contains("Jane Doe") && cleaned.contains("<custom_1>"),
        "{cleaned}"
    );
}
