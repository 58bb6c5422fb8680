//! Writing to people and programs. Whoever read may have gone away, as `head` does; that ends a
//! command, and must not end a supervisor.

use std::fmt::Display;
use std::io::{self, Write};

/// A command's answer: a line on standard output.
///
/// # Errors
/// When nobody reads any more.
pub fn answer(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// A line on standard output, if anybody reads.
pub fn show(text: impl Display) {
    answer(text).ok();
}

/// A line on standard error, if anybody reads.
pub fn remark(text: impl Display) {
    writeln!(io::stderr(), "{text}").ok();
}

/// A question on standard output, the cursor behind it.
pub fn ask(text: impl Display) {
    write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()).ok();
}

/// Whether a command ended because nobody reads its answer any more.
pub fn is_reader_gone(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}
