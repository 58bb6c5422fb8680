//! Markdown as blocks: enough to measure, repair and render what agents write.

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Level and text.
    Heading(usize, String),
    /// Lines joined by line breaks.
    Paragraph(String),
    /// Numbered or not, and the items.
    List(bool, Vec<String>),
    /// Code, tables, quotes, rules: kept as they are.
    Verbatim(String),
}

/// The blocks of a text.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if let Some(heading) = heading(trimmed) {
            found.push(heading);
        } else if trimmed.starts_with("```") {
            let mut code = vec![line];
            for next in lines.by_ref() {
                code.push(next);
                if next.trim().starts_with("```") {
                    break;
                }
            }
            found.push(Block::Verbatim(code.join("\n")));
        } else if let Some((ordered, item)) = list_item(trimmed) {
            let mut items = vec![item.to_owned()];
            while let Some(next) = lines
                .peek()
                .and_then(|next| list_item(next.trim()))
                .filter(|(o, _)| *o == ordered)
            {
                items.push(next.1.to_owned());
                lines.next();
            }
            found.push(Block::List(ordered, items));
        } else {
            let verbatim = is_verbatim(trimmed);
            let mut paragraph = vec![line.trim_end()];
            while let Some(next) = lines.peek().filter(|next| continues(next.trim(), verbatim)) {
                paragraph.push(next.trim_end());
                lines.next();
            }
            let joined = paragraph.join("\n");
            found.push(if verbatim {
                Block::Verbatim(joined)
            } else {
                Block::Paragraph(joined)
            });
        }
    }
    found
}

fn continues(line: &str, verbatim: bool) -> bool {
    let other = heading(line).is_some() || list_item(line).is_some() || line.starts_with("```");
    !line.is_empty() && !other && is_verbatim(line) == verbatim
}

fn is_verbatim(line: &str) -> bool {
    line.starts_with('|') || line.starts_with('>') || matches!(line, "---" | "***" | "___")
}

fn heading(line: &str) -> Option<Block> {
    let level = line.chars().take_while(|c| *c == '#').count();
    let rest = line.get(level..)?;
    ((1..=6).contains(&level) && rest.starts_with(' ')).then(|| Block::Heading(level, rest.trim().to_owned()))
}

/// Whether the line is a list item: numbered or not, and its text.
fn list_item(line: &str) -> Option<(bool, &str)> {
    if let Some(rest) = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return Some((false, rest.trim()));
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let rest = line.get(digits..)?;
    let marked = (1..=3).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") "));
    marked.then(|| (true, rest.get(2..).unwrap_or("").trim()))
}

/// The text of blocks, one blank line between them and a line break at the end.
pub fn render(blocks: &[Block]) -> String {
    let mut text = blocks.iter().map(render_block).collect::<Vec<_>>().join("\n\n");
    text.push('\n');
    text
}

fn render_block(block: &Block) -> String {
    match block {
        Block::Heading(level, text) => format!("{} {text}", "#".repeat(*level)),
        Block::Paragraph(text) | Block::Verbatim(text) => text.clone(),
        Block::List(true, items) => {
            let numbered = items.iter().enumerate().map(|(i, item)| format!("{}. {item}", i + 1));
            numbered.collect::<Vec<_>>().join("\n")
        }
        Block::List(false, items) => items
            .iter()
            .map(|item| format!("- {item}"))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

/// Text without emphasis, code marks, heading marks and link targets.
pub fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let bare = line.trim_start_matches(['#', '>']).trim_start_matches(' ');
        let bare = list_item(bare).map_or(bare, |(_, item)| item);
        without_links(&bare.replace("**", "").replace(['*', '`'], ""))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `[words](target)` becomes `words`.
fn without_links(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        match after
            .split_once("](")
            .and_then(|(words, tail)| Some((words, tail.split_once(')')?.1)))
        {
            Some((words, tail)) => {
                out.push_str(words);
                rest = tail;
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The prose of a text: paragraphs and list items, without headings, code and tables.
pub fn prose(text: &str) -> Vec<String> {
    blocks(text)
        .into_iter()
        .flat_map(|block| match block {
            Block::Paragraph(text) => vec![plain(&text)],
            Block::List(_, items) => items.iter().map(|item| plain(item)).collect(),
            Block::Heading(..) | Block::Verbatim(_) => Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Block, blocks, plain, prose, render};

    const TEXT: &str =
        "# Title\n\nOne line\nand another.\n\n- a\n- b\n\n1. x\n2. y\n\n```\n# code\n```\n\n| t |\n| - |\n";

    #[test]
    fn blocks_survive_a_round_trip() {
        let found = blocks(TEXT);
        assert_eq!(found.len(), 6);
        assert_eq!(found[3], Block::List(true, vec!["x".into(), "y".into()]));
        assert_eq!(render(&found), TEXT);
    }

    #[test]
    fn plain_text_has_no_marks_and_prose_no_headings() {
        assert_eq!(plain("## **Bold** [link](http://x) `c` [open"), "Bold link c [open");
        assert_eq!(prose(TEXT), ["One line\nand another.", "a", "b", "x", "y"]);
    }
}
