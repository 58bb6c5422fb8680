use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The operator's word on what repeating a call does outside: `read_only` is repeated freely, `keyed` with the same key
/// and bytes inside the key's lifetime, `queryable` after a look-up, `once` never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Effects {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    ReadOnly,
    Keyed,
    Queryable,
    Once,
}

impl Effects {
    /// The name users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Keyed => "keyed",
            Self::Queryable => "queryable",
            Self::Once => "once",
        }
    }
}
