//! Lines that are drawn again in place.

use crate::look::Size;
use crate::text::columns;
use std::io::{self, Write};

/// Tells a terminal to show what follows at once; others ignore it.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
const CLEAR_LINE_END: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// What was drawn last, and where.
pub struct Screen<W> {
    out: W,
    /// Columns of each line that stands there, colours apart.
    drawn: Vec<usize>,
}

impl<W: Write> Screen<W> {
    pub fn new(out: W) -> Self {
        Self { out, drawn: Vec::new() }
    }

    /// Draws over what was drawn before. Lines must fit the width, and be fewer than the rows; the
    /// cursor is left below them, where a shell or a question goes on if nothing is drawn any more.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn draw(&mut self, lines: &[String], size: Size) -> io::Result<()> {
        let mut text = String::from(BEGIN);
        let up = self.rows(size);
        if up > 0 {
            text.push_str(&format!("\r\x1b[{up}A"));
        }
        for line in lines {
            text.push_str(line);
            text.push_str(CLEAR_LINE_END);
            text.push_str("\r\n");
        }
        text.push_str(CLEAR_BELOW);
        text.push_str(END);
        self.drawn = lines.iter().map(|line| columns(&without_colours(line))).collect();
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Lets what was drawn stand; the next drawing begins below.
    pub fn leave(&mut self) {
        self.drawn.clear();
    }

    /// Rows between the beginning of what was drawn and the cursor. Since then the terminal may have
    /// become narrower and have wrapped the lines.
    fn rows(&self, size: Size) -> usize {
        let rows = self
            .drawn
            .iter()
            .map(|width| width.div_ceil(size.columns.max(1)).max(1));
        rows.sum::<usize>().min(size.rows.saturating_sub(1))
    }
}

/// A line as wide as it looks.
pub fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(columns: usize, rows: usize) -> Size {
        Size { columns, rows }
    }

    fn drawn(screen: &mut Screen<Vec<u8>>, lines: &[&str], size: Size) -> String {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        screen.out.clear();
        screen.draw(&lines, size).unwrap();
        String::from_utf8(screen.out.clone()).unwrap()
    }

    /// The escape that goes up, if there is one.
    fn up(text: &str) -> Option<usize> {
        let (_, rest) = text.split_once("\r\x1b[")?;
        rest.split_once('A')?.0.parse().ok()
    }

    #[test]
    fn it_is_drawn_over_what_stood_there_and_nothing_of_that_is_left() {
        let mut screen = Screen::new(Vec::new());
        assert_eq!(up(&drawn(&mut screen, &["one", "two"], size(80, 24))), None);
        let second = drawn(&mut screen, &["1"], size(80, 24));
        assert_eq!(second, "\x1b[?2026h\r\x1b[2A1\x1b[K\r\n\x1b[J\x1b[?2026l");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_wrapped_are_counted_by_their_rows() {
        let mut screen = Screen::new(Vec::new());
        drawn(
            &mut screen,
            &["\x1b[32m0123456789\x1b[0m", "漢字漢字", ""],
            size(80, 24),
        );
        assert_eq!(up(&drawn(&mut screen, &["x"], size(4, 24))), Some(3 + 2 + 1));
        assert_eq!(up(&drawn(&mut screen, &["x"], size(4, 24))), Some(1));
    }

    #[test]
    fn it_never_goes_above_the_top_and_never_over_what_it_left_behind() {
        let mut screen = Screen::new(Vec::new());
        drawn(&mut screen, &["a"; 10], size(80, 24));
        assert_eq!(up(&drawn(&mut screen, &["a"; 3], size(80, 6))), Some(5));
        screen.leave();
        assert_eq!(up(&drawn(&mut screen, &["a"], size(80, 6))), None);
    }
}
