//! What a commit tells of one task, in one row: a line for each event.
//!
//! The row bears the number of its last event. A body is compact JSON, which holds no line break, and
//! a subject holds none either.

use uuid::Uuid;

/// The events of a task in a commit, as they are stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// The task.
    pub task: Uuid,
    /// Of the last event; the others come right before it.
    pub sequence: i64,
    /// Where each is told, a line each.
    pub subjects: String,
    /// Each event, a line each.
    pub bodies: String,
}

impl Told {
    /// A row of one event.
    pub fn new(task: Uuid, sequence: i64, subject: &str, body: &str) -> Self {
        Self {
            task,
            sequence,
            subjects: subject.to_owned(),
            bodies: body.to_owned(),
        }
    }

    /// Adds the event with the next number.
    pub fn push(&mut self, subject: &str, body: &str) {
        self.sequence += 1;
        for (lines, line) in [(&mut self.subjects, subject), (&mut self.bodies, body)] {
            lines.push('\n');
            lines.push_str(line);
        }
    }
}

/// The lines of a row with the numbers of their events; `last` is the row's.
pub fn numbered(last: i64, lines: &str) -> impl Iterator<Item = (i64, &str)> {
    let count = i64::try_from(lines.split('\n').count()).unwrap_or(i64::MAX);
    (last.saturating_sub(count).saturating_add(1)..).zip(lines.split('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_are_told_together_keep_their_numbers() {
        let mut told = Told::new(Uuid::nil(), 4, "a", "{\"n\":4}");
        told.push("b", "{\"n\":5}");
        told.push("", "{\"n\":6}");
        assert_eq!(told.sequence, 6);
        let bodies: Vec<_> = numbered(told.sequence, &told.bodies).collect();
        assert_eq!(bodies, [(4, "{\"n\":4}"), (5, "{\"n\":5}"), (6, "{\"n\":6}")]);
        let subjects: Vec<_> = numbered(told.sequence, &told.subjects).collect();
        assert_eq!(
            subjects,
            [(4, "a"), (5, "b"), (6, "")],
            "one that cannot be told has a line too"
        );
    }
}
