//! `orchestrator preferences`.

use super::Caller;
use crate::arguments::{PreferenceVerb, PreferencesArguments};
use crate::look::Look;
use crate::table::{Cell, elastic, optional, table, whole};
use crate::text::{field, items, shown};
use anyhow::{Result, bail};
use client::PreferencesAsked;
use serde_json::{Value, json};

pub async fn run(caller: &Caller, arguments: PreferencesArguments) -> Result<()> {
    match arguments.verb {
        None => {
            let asked = PreferencesAsked {
                user: arguments.user,
                scope: arguments.scope,
                key: arguments.key,
                at: arguments.at,
                known_at: arguments.known_at,
                history: arguments.history,
            };
            let document = caller.client.preferences(&asked).await?;
            caller.print(&document, list)
        }
        Some(PreferenceVerb::Set {
            key,
            value,
            whose,
            since,
        }) => {
            let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            let mut document = json!({"preferences": {key: value}, "scope": whose.scope()});
            let others = [("team", whose.team), ("since", since)];
            for (name, text) in others.into_iter().filter_map(|(name, text)| Some((name, text?))) {
                if let Some(members) = document.as_object_mut() {
                    members.insert(name.to_owned(), Value::String(text));
                }
            }
            let held = caller.client.state_preferences(&document).await?;
            caller.print(&held, list)
        }
        Some(PreferenceVerb::Unset { key, whose }) => {
            let scope = Some(whose.scope().to_owned());
            let retracted = caller.client.delete_preference(&key, scope, whose.team).await?;
            caller.print(&retracted, |_, _| {
                format!("{key}  taken back; --history shows what it was")
            })
        }
        Some(PreferenceVerb::Erase { yes: false, .. }) => bail!("there is no way back; repeat it with --yes"),
        Some(PreferenceVerb::Erase { user, yes: true }) => {
            let erased = caller.client.delete_user_data(&user).await?;
            caller.print(&erased, counted)
        }
    }
}

fn list(document: &Value, look: Look) -> String {
    let found = items(document, "items");
    if found.is_empty() {
        return "nothing is known yet; state something with: orchestrator preferences set KEY VALUE".to_owned();
    }
    let columns = [
        whole("preference"),
        elastic("value"),
        whole("source"),
        whole("strength"),
        whole("whose"),
        optional("since"),
        optional("applied"),
        optional("violated"),
    ];
    let rows: Vec<_> = found.iter().map(row).collect();
    let mut lines = vec![table(look, columns, &rows)];
    for item in found {
        lines.extend(items(item, "history").iter().map(|past| past_line(item, past)));
    }
    lines.join("\n")
}

fn row(item: &Value) -> [Cell; 8] {
    let whose = match field(item, "subject") {
        subject if subject.is_empty() => "everybody".to_owned(),
        subject => subject,
    };
    let strength = item.get("strength").and_then(Value::as_f64);
    let uses = item.get("uses").unwrap_or(&Value::Null);
    let name = field(item, "key");
    // Something nearer says otherwise.
    let name = if item.get("effective") == Some(&Value::Bool(false)) {
        format!("({name})")
    } else {
        name
    };
    [
        name.into(),
        item.get("value").map(shown).unwrap_or_default().into(),
        field(item, "source").into(),
        strength
            .map_or_else(String::new, |strength| format!("{:.0} %", strength * 100.0))
            .into(),
        whose.into(),
        field(item, "since").into(),
        field(uses, "applied").into(),
        field(uses, "violated").into(),
    ]
}

fn past_line(item: &Value, past: &Value) -> String {
    let said = match (past.get("value"), past.get("against")) {
        (None | Some(Value::Null), _) => "taken back".to_owned(),
        (Some(value), Some(Value::Bool(true))) => format!("not {}", shown(value)),
        (Some(value), _) => shown(value),
    };
    let until = match field(past, "invalid_at") {
        until if until.is_empty() => String::new(),
        until => format!(" until {until}"),
    };
    format!(
        "{}  {}{until}  {}: {said}",
        field(item, "key"),
        field(past, "valid_at"),
        field(past, "source")
    )
}

fn counted(document: &Value, _: Look) -> String {
    let counts = document.get("erased").and_then(Value::as_object);
    let lines = counts
        .into_iter()
        .flatten()
        .map(|(name, count)| format!("{:<24}{}", name.replace('_', " "), shown(count)));
    let left = document.pointer("/tasks/when_they_end").and_then(Value::as_u64);
    let left = left.filter(|left| *left > 0);
    let left = left.map(|left| format!("{left} tasks are not at an end; each is erased when it is"));
    std::iter::once(format!("{}  erased", field(document, "user")))
        .chain(lines)
        .chain(left)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_listed_with_what_they_rest_on_and_what_became_of_them() {
        let item = |key: &str, subject: &str, effective: bool| {
            json!({"key": key, "value": "dry", "scope": "user", "subject": subject, "source": "explicit", "strength": 1.0,
                   "since": "2030-01-01T00:00:00Z", "effective": effective, "uses": {"offered": 3, "applied": 2, "violated": 1},
                   "history": [{"value": "dry", "source": "explicit", "against": false, "valid_at": "2030-01-01T00:00:00Z",
                                "invalid_at": null}]})
        };
        let document = json!({"items": [item("tone", "ann", true), item("tone", "", false)]});
        assert_eq!(
            list(&document, Look::PLAIN),
            "preference  value  source    strength  whose      since                 applied  violated\n\
             tone        dry    explicit  100 %     ann        2030-01-01T00:00:00Z  2        1\n\
             (tone)      dry    explicit  100 %     everybody  2030-01-01T00:00:00Z  2        1\n\
             tone  2030-01-01T00:00:00Z  explicit: dry\n\
             tone  2030-01-01T00:00:00Z  explicit: dry"
        );
    }
}
