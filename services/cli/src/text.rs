//! Documents as text for people.

use serde_json::Value;

/// Member of a document as text; empty when it is not there.
pub fn field(document: &Value, name: &str) -> String {
    shown(document.get(name).unwrap_or(&Value::Null))
}

/// A value as text: strings as they are, nothing for null.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Rates are fractions in JSON and percent for people.
pub fn percent(value: Option<&Value>) -> String {
    value
        .and_then(Value::as_f64)
        .map_or_else(String::new, |rate| format!("{:.0} %", rate * 100.0))
}

/// One line of at most `width` characters.
pub fn excerpt(text: &str, width: usize) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= width {
        return line;
    }
    let mut cut: String = line.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Columns under their headings.
pub fn table<const N: usize>(headings: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&headings.map(str::to_owned))];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n")
}

/// The elements of a list member; none when it is not there.
pub fn items<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            ["a".to_owned(), "long cell".to_owned()],
            ["bbbb".to_owned(), "x".to_owned()],
        ];
        assert_eq!(table(["k", "value"], rows), "k     value\na     long cell\nbbbb  x");
    }

    #[test]
    fn an_excerpt_is_one_line_cut_between_characters() {
        assert_eq!(excerpt("a\n b", 10), "a b");
        assert_eq!(excerpt("ääääää", 4), "äää…");
    }
}
