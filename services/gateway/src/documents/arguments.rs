//! Arguments of MCP tools that name a task, a gate, or a part of a list.

use super::faults::Faults;
use super::fields::Fields;
use crate::application::Page;
use crate::idempotency::IdempotencyKey;
use crate::identifiers;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, MAX_VALUE};
use crate::refusal::Refusal;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Most characters of a search.
pub const QUERY_CHARACTERS: usize = 200;
const ID_CHARACTERS: usize = 64;

/// `{task_id}`.
///
/// # Errors
/// 422 with every fault.
pub fn task(arguments: Map<String, Value>) -> Result<Uuid, Refusal> {
    read(arguments, |fields| id(fields, "task_id", true)).map(Option::unwrap_or_default)
}

/// `{task_id, gate_id?}`.
///
/// # Errors
/// 422 with every fault.
pub fn gate(arguments: Map<String, Value>) -> Result<(Uuid, Option<Uuid>), Refusal> {
    read(arguments, |fields| {
        (
            id(fields, "task_id", true).unwrap_or_default(),
            id(fields, "gate_id", false),
        )
    })
}

/// `{limit?, cursor?}`.
///
/// # Errors
/// 422 with every fault.
pub fn page(arguments: Map<String, Value>) -> Result<Page, Refusal> {
    read(arguments, |fields| Page {
        limit: limit(fields),
        cursor: cursor(fields),
    })
}

/// `{q?, limit?}`.
///
/// # Errors
/// 422 with every fault.
pub fn search(arguments: Map<String, Value>) -> Result<(String, usize), Refusal> {
    read(arguments, |fields| {
        let q = fields.text("q", 0..=QUERY_CHARACTERS).unwrap_or_default();
        (q, limit(fields) as usize)
    })
}

/// Takes `task_id` out of a document that is otherwise another verb's.
///
/// # Errors
/// 422 when it is not there or no id.
pub fn take_task(arguments: &mut Map<String, Value>) -> Result<Uuid, Refusal> {
    let named = arguments.remove_entry("task_id").into_iter().collect();
    task(named)
}

/// Takes `idempotency_key` out of a document.
///
/// # Errors
/// 422 when it is no text, 400 when it cannot be a key.
pub fn take_key(arguments: &mut Map<String, Value>) -> Result<IdempotencyKey, Refusal> {
    let named = arguments.remove_entry("idempotency_key").into_iter().collect();
    let key = read(named, |fields| fields.text("idempotency_key", 0..=MAX_VALUE))?;
    IdempotencyKey::parse(key.as_deref().map(str::as_bytes))
}

fn read<T>(arguments: Map<String, Value>, take: impl FnOnce(&mut Fields) -> T) -> Result<T, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(arguments, "", &mut faults);
    let taken = take(&mut fields);
    fields.finish();
    faults.check(taken)
}

fn id(fields: &mut Fields, name: &str, is_required: bool) -> Option<Uuid> {
    let before = fields.faults().len();
    let Some(text) = fields.text(name, 0..=ID_CHARACTERS) else {
        if is_required && fields.faults().len() == before {
            fields.required(name, "a UUID of 36 characters");
        }
        return None;
    };
    let id = identifiers::parse(&text);
    if id.is_none() {
        fields.fault(name, "must be a UUID of 36 characters");
    }
    id
}

fn limit(fields: &mut Fields) -> u32 {
    let told = fields.integer("limit", 1..=i64::from(MAX_LIMIT));
    told.and_then(|limit| u32::try_from(limit).ok())
        .unwrap_or(DEFAULT_LIMIT)
}

fn cursor(fields: &mut Fields) -> String {
    let cursor = fields.text("cursor", 0..=MAX_VALUE).unwrap_or_default();
    if !cursor.bytes().all(|b| b.is_ascii_graphic()) {
        fields.fault("cursor", "is not one that a page of this list gave");
    }
    cursor
}
