//! Tables that fit the terminal.

use crate::look::{Look, Tone};
use crate::text::{columns, excerpt};

const GAP: usize = 2;
/// An elastic column is not made narrower than this.
const LEAST: usize = 10;

/// What gives way when the terminal is narrow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    /// Never cut: ids, states, figures.
    Whole,
    /// Never cut, left out first.
    Optional,
    /// Cut.
    Elastic,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    room: Room,
}

/// Never cut.
pub const fn whole(heading: &'static str) -> Column {
    Column {
        heading,
        room: Room::Whole,
    }
}

/// Left out where there is no room for all; the last of these first.
pub const fn optional(heading: &'static str) -> Column {
    Column {
        heading,
        room: Room::Optional,
    }
}

/// Cut where there is no room for all.
pub const fn elastic(heading: &'static str) -> Column {
    Column {
        heading,
        room: Room::Elastic,
    }
}

/// A cell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            tone: Tone::Plain,
        }
    }
}

/// A status in its own tone.
pub fn status(text: String) -> Cell {
    Cell {
        tone: Tone::of_status(&text),
        text,
    }
}

/// Columns under their headings, as lines. Wider than the terminal only where nothing can give way.
pub fn table<const N: usize>(look: Look, headings: [Column; N], rows: &[[Cell; N]]) -> String {
    let natural: Vec<usize> = (0..N).map(|at| widest(headings.get(at), rows, at)).collect();
    let widths = fit(&headings, &natural, look.width);
    let mut lines = Vec::with_capacity(rows.len() + 1);
    lines.push(line(
        look,
        headings.iter().map(|column| (column.heading, Tone::Heading)),
        &widths,
    ));
    for row in rows {
        lines.push(line(
            look,
            row.iter().map(|cell| (cell.text.as_str(), cell.tone)),
            &widths,
        ));
    }
    lines.join("\n")
}

fn widest<const N: usize>(heading: Option<&Column>, rows: &[[Cell; N]], at: usize) -> usize {
    let heading = heading.map_or(0, |column| columns(column.heading));
    let cells = rows.iter().filter_map(|row| row.get(at));
    // A cell is a line, whatever was in it.
    cells
        .map(|cell| columns(&excerpt(&cell.text, usize::MAX)))
        .fold(heading, usize::max)
}

/// Width by column; none: left out.
fn fit(headings: &[Column], natural: &[usize], width: Option<usize>) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let Some(width) = width else { return widths };
    let least = |widths: &[Option<usize>]| {
        total(
            headings
                .iter()
                .zip(widths)
                .filter_map(|(column, width)| match column.room {
                    Room::Elastic => width.map(|width| width.min(LEAST)),
                    Room::Whole | Room::Optional => *width,
                }),
        )
    };
    while least(&widths) > width {
        let dispensable = headings
            .iter()
            .zip(&mut widths)
            .rfind(|(column, width)| column.room == Room::Optional && width.is_some());
        let Some((_, dispensable)) = dispensable else { break };
        *dispensable = None;
    }
    loop {
        let excess = total(widths.iter().flatten().copied()).saturating_sub(width);
        let elastic = headings.iter().zip(&mut widths).filter_map(|(column, width)| {
            let width = width.as_mut().filter(|width| **width > LEAST)?;
            (column.room == Room::Elastic).then_some(width)
        });
        match elastic.max() {
            Some(widest) if excess > 0 => *widest -= 1,
            _ => return widths,
        }
    }
}

fn total(widths: impl Iterator<Item = usize>) -> usize {
    let (count, sum) = widths.fold((0_usize, 0), |(count, sum), width| (count + 1, sum + width));
    sum + GAP * count.saturating_sub(1)
}

fn line<'a>(look: Look, cells: impl Iterator<Item = (&'a str, Tone)>, widths: &[Option<usize>]) -> String {
    let mut line = String::new();
    let mut padding = 0;
    for ((text, tone), width) in cells.zip(widths) {
        let Some(width) = *width else { continue };
        let text = excerpt(text, width);
        // Padding comes before the next cell, so that no line ends with blanks.
        if !text.is_empty() {
            line.extend(std::iter::repeat_n(' ', padding));
            line.push_str(&look.paint(tone, &text));
            padding = 0;
        }
        padding += width - columns(&text).min(width) + GAP;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [whole("task"), whole("status"), optional("created"), elastic("request")];

    fn rows() -> Vec<[Cell; 4]> {
        let row = |id: &str, state: &str, request: &str| {
            [
                Cell::from(id.to_owned()),
                status(state.to_owned()),
                Cell::from("2026-11-23".to_owned()),
                Cell::from(request.to_owned()),
            ]
        };
        vec![
            row("edebd1f6f551", "completed", "Compare three ways\nto pack fragile goods"),
            row("aa", "", "漢字"),
        ]
    }

    fn look(width: Option<usize>) -> Look {
        Look { width, colour: false }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(
            table(look(None), COLUMNS, &rows()),
            "task          status     created     request\n\
             edebd1f6f551  completed  2026-11-23  Compare three ways to pack fragile goods\n\
             aa                       2026-11-23  漢字"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_what_may_be_cut_and_then_leaves_out_what_may_be_left_out() {
        assert_eq!(
            table(look(Some(60)), COLUMNS, &rows()),
            "task          status     created     request\n\
             edebd1f6f551  completed  2026-11-23  Compare three ways to …\n\
             aa                       2026-11-23  漢字"
        );
        assert_eq!(
            table(look(Some(40)), COLUMNS, &rows()),
            "task          status     request\n\
             edebd1f6f551  completed  Compare three …\n\
             aa                       漢字"
        );
    }

    #[test]
    fn ids_are_never_cut_however_narrow_it_is() {
        let text = table(look(Some(5)), COLUMNS, &rows());
        assert!(text.contains("edebd1f6f551  completed  Compare t…"), "{text}");
    }

    #[test]
    fn colours_take_no_columns() {
        let colourful = Look {
            width: Some(60),
            colour: true,
        };
        let text = table(colourful, COLUMNS, &rows());
        let row = text.lines().nth(1).unwrap();
        assert_eq!(
            row,
            "edebd1f6f551  \x1b[32mcompleted\x1b[0m  2026-11-23  Compare three ways to …"
        );
    }
}
