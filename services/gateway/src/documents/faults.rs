//! The faults of one document.

use crate::refusal::Refusal;
use contracts::problem::FieldError;

/// Most faults one answer tells.
const MAX_FAULTS: usize = 64;

/// What kind of fault decides the problem's code; the first of this order wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A name nobody knows.
    UnknownField,
    /// The plan has not the shape of one.
    Plan,
    /// Wrong type or range.
    Value,
}

impl Kind {
    const fn code(self) -> &'static str {
        match self {
            Self::UnknownField => "unknown_field",
            Self::Plan => "plan_invalid",
            Self::Value => "validation",
        }
    }
}

/// Collects faults.
#[derive(Default, Debug)]
pub struct Faults {
    kinds: Vec<Kind>,
    errors: Vec<FieldError>,
}

impl Faults {
    /// Notes a wrong type or range.
    pub fn value(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.push(Kind::Value, pointer.into(), detail.into());
    }

    /// Notes a fault of `kind`; beyond 64 nothing is kept.
    pub fn push(&mut self, kind: Kind, pointer: String, detail: String) {
        if self.errors.len() < MAX_FAULTS {
            self.kinds.push(kind);
            self.errors.push(FieldError { pointer, detail });
        }
    }

    /// How many so far.
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// `value` when nothing was wrong.
    ///
    /// # Errors
    /// 422 with every fault.
    pub fn check<T>(self, value: T) -> Result<T, Refusal> {
        let Some(kind) = self.kinds.iter().min() else {
            return Ok(value);
        };
        let detail = match self.errors.as_slice() {
            [only] => format!("{}: {}", shown(&only.pointer), only.detail),
            many => format!("{} faults, see errors", many.len()),
        };
        Err(Refusal::new(422, kind.code(), detail).with_errors(self.errors))
    }
}

fn shown(pointer: &str) -> &str {
    if pointer.is_empty() { "the body" } else { pointer }
}
