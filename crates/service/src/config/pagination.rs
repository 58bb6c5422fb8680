use super::checks::Checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an endpoint that only reads gives its list page by page. `output_pointer` leads to the list within each page;
/// the output is all pages' items in one list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaginationConfig {
    /// `link_header` follows `rel="next"`, `cursor` sends back what the last page gave, `page` counts pages, `offset`
    /// counts items.
    pub kind: PaginationKind,
    /// Query parameter that names the page. Absent: `cursor`, `page` or `offset`, by kind.
    #[serde(default)]
    pub parameter: Option<String>,
    /// JSON Pointer to the next cursor within a page; for `cursor`.
    #[serde(default)]
    pub cursor_pointer: Option<String>,
    /// Number of the first page; for `page`.
    #[serde(default = "default_first_page")]
    pub first_page: u32,
    /// Most pages; what comes after them is left out.
    #[serde(default = "default_max_pages")]
    #[schemars(range(min = 1, max = 20))]
    pub max_pages: u32,
}

/// How pages follow one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum PaginationKind {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    LinkHeader,
    Cursor,
    Page,
    Offset,
}

const fn default_first_page() -> u32 {
    1
}

const fn default_max_pages() -> u32 {
    10
}

impl PaginationConfig {
    /// The query parameter that names the page.
    pub fn parameter(&self) -> &str {
        let by_kind = match self.kind {
            PaginationKind::LinkHeader => "",
            PaginationKind::Cursor => "cursor",
            PaginationKind::Page => "page",
            PaginationKind::Offset => "offset",
        };
        self.parameter.as_deref().unwrap_or(by_kind)
    }

    pub(super) fn check(&self, at: &str, checks: &mut Checks) {
        let needs_pointer = self.kind == PaginationKind::Cursor;
        if needs_pointer != self.cursor_pointer.is_some() {
            checks.add(
                &format!("{at}.cursor_pointer"),
                if needs_pointer {
                    "required by this kind and not set"
                } else {
                    "only `cursor` has it"
                },
                "set it for `cursor` alone",
            );
        }
    }
}
