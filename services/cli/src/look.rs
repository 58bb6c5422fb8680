//! How wide the reader's terminal is, and whether it shows colours.

use std::io::IsTerminal;
use terminal_size::{Height, Width, terminal_size_of};

/// Below this, ids are shown by their end; every verb takes that too.
const ROOM_FOR_IDS: usize = 100;
/// Characters of a shortened id: the random part of a UUIDv7, where its beginning is shared by all
/// that were made in the same minute.
const SHORT_ID: usize = 12;

/// What a text is about; colours where the terminal has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    /// Waits for somebody, or may be wrong.
    Warn,
    /// Under way.
    Active,
    /// Can be passed over.
    Faint,
    Heading,
}

impl Tone {
    /// The tone of a status of the contract: of tasks, steps, publications, patterns, models or checks.
    pub fn of_status(status: &str) -> Self {
        match status {
            "completed" | "succeeded" | "published" | "passed" | "active" | "ok" | "decided" | "promoted" => Self::Good,
            "failed" | "rejected" | "cancelled" | "fail" | "unknown" | "rolled_back" => Self::Bad,
            "needs_attention"
            | "waiting_approval"
            | "awaiting_approval"
            | "awaiting_plan_review"
            | "awaiting_step_approval"
            | "paused"
            | "suspended"
            | "inconclusive"
            | "warn"
            | "refining" => Self::Warn,
            "pending" | "skipped" | "retired" | "removed" => Self::Faint,
            "running" | "queued" | "ready" | "planning" | "executing" | "assessing" | "formatting" | "publishing"
            | "submitted" | "cancelling" | "canary" => Self::Active,
            _ => Self::Plain,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Active => "36",
            Self::Faint => "2",
            Self::Heading => "1",
        }
    }
}

/// The reader's side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Columns; none where nobody counts them, as in a pipe.
    pub width: Option<usize>,
    pub colour: bool,
}

impl Look {
    /// For programs and files: nothing is cut or coloured.
    pub const PLAIN: Self = Self {
        width: None,
        colour: false,
    };

    /// Of standard output as it is now.
    pub fn of_stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::PLAIN;
        }
        Self {
            width: size().map(|size| size.columns),
            colour: is_expressive(),
        }
    }

    /// The text in its tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", tone.code())
    }

    /// Columns left beside `taken`, at least a few.
    pub fn room(self, taken: usize) -> usize {
        self.width
            .map_or(usize::MAX, |width| width.saturating_sub(taken).max(10))
    }

    /// An id, shortened where the terminal is narrow.
    pub fn id(self, id: &str) -> String {
        let narrow = self.width.is_some_and(|width| width < ROOM_FOR_IDS);
        match id.len().checked_sub(SHORT_ID) {
            Some(start) if narrow => id.get(start..).unwrap_or(id).to_owned(),
            _ => id.to_owned(),
        }
    }
}

/// A terminal's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    pub columns: usize,
    pub rows: usize,
}

/// The size of the terminal at standard output.
pub fn size() -> Option<Size> {
    let (Width(columns), Height(rows)) = terminal_size_of(std::io::stdout())?;
    (columns > 0 && rows > 0).then_some(Size {
        columns: columns.into(),
        rows: rows.into(),
    })
}

/// Whether the reader wants more than plain text, by the two conventions there are.
pub fn is_expressive() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let look = Look {
            width: Some(80),
            colour: true,
        };
        assert_eq!(look.paint(Tone::Good, "done"), "\x1b[32mdone\x1b[0m");
        assert_eq!(look.paint(Tone::Good, ""), "");
        assert_eq!(Look::PLAIN.paint(Tone::Bad, "done"), "done");
    }

    #[test]
    fn an_id_is_shortened_to_its_random_end_on_narrow_terminals_alone() {
        let id = "01a207c4-6c19-7456-9b04-edebd1f6f551";
        let look = |width| Look { width, colour: false };
        assert_eq!(look(Some(80)).id(id), "edebd1f6f551");
        assert_eq!(look(Some(120)).id(id), id);
        assert_eq!(look(None).id(id), id);
        assert_eq!(look(Some(80)).id("short"), "short");
    }
}
