//! Repairs of a text, each for one fault.

use super::section::Purpose;
use crate::brief::scan::find_phrase_from;
use crate::brief::tone::Tone;
use crate::text::markdown::{Block, plain};
use crate::text::phrases::contains_phrase;
use crate::text::sentences::{is_closed, sentences};
use crate::text::tokens::{word_count, words};
use std::collections::BTreeSet;

/// Words of one tone and what another tone says instead.
const SWAPS: [(&str, &str); 16] = [
    ("hey", "hello"),
    ("awesome", "good"),
    ("super cool", "good"),
    ("gonna", "going to"),
    ("wanna", "want to"),
    ("kinda", "somewhat"),
    ("stuff", "things"),
    ("guys", "everyone"),
    ("yay", "good"),
    ("furthermore", "also"),
    ("moreover", "also"),
    ("accordingly", "so"),
    ("consequently", "so"),
    ("hereby", "now"),
    ("shall", "will"),
    ("it is advisable", "it is a good idea"),
];

/// `old` by `new`, as whole words, case ignored; a capital stays a capital.
pub fn replaced(text: &str, old: &str, new: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some((start, end)) = find_phrase_from(text, old, from) {
        out.push_str(text.get(from..start).unwrap_or(""));
        let capital = text
            .get(start..end)
            .is_some_and(|found| found.starts_with(char::is_uppercase));
        out.push_str(&if capital {
            crate::text::phrases::capitalised(new)
        } else {
            new.to_owned()
        });
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or(""));
    out
}

/// Words that speak against the tones are swapped for plain ones.
pub fn without_denied_words(text: &str, tones: &[Tone]) -> String {
    let denied: BTreeSet<&str> = tones.iter().flat_map(|tone| tone.denied_by().iter().copied()).collect();
    let swaps = SWAPS.iter().filter(|(word, _)| denied.contains(word));
    swaps.fold(text.to_owned(), |text, (old, new)| replaced(&text, old, new))
}

/// Sentences, items and headings that say something to be avoided are left out.
pub fn without_avoided(blocks: Vec<Block>, avoid: &[String]) -> Vec<Block> {
    if avoid.is_empty() {
        return blocks;
    }
    keep_sentences(blocks, |sentence| {
        !avoid.iter().any(|phrase| contains_phrase(sentence, phrase))
    })
}

/// Every sentence and item once.
pub fn without_repeats(blocks: Vec<Block>) -> Vec<Block> {
    let mut seen = BTreeSet::new();
    keep_sentences(blocks, |sentence| {
        let key: Vec<String> = words(sentence).iter().map(|word| word.text.to_lowercase()).collect();
        key.len() < 4 || seen.insert(key)
    })
}

fn keep_sentences(blocks: Vec<Block>, mut keep: impl FnMut(&str) -> bool) -> Vec<Block> {
    let kept = blocks.into_iter().filter_map(|block| match block {
        // Line breaks within a paragraph are meant where they stand after short lines, as in signatures.
        Block::Paragraph(text) if text.contains('\n') => keep(&text).then_some(Block::Paragraph(text)),
        Block::Paragraph(text) => {
            let kept: Vec<String> = sentences(&text)
                .into_iter()
                .filter(|sentence| keep(&plain(sentence)))
                .collect();
            (!kept.is_empty()).then(|| Block::Paragraph(kept.join(" ")))
        }
        Block::List(ordered, items) => {
            let kept: Vec<String> = items.into_iter().filter(|item| keep(&plain(item))).collect();
            (!kept.is_empty()).then_some(Block::List(ordered, kept))
        }
        Block::Heading(level, text) => (level == 1 || keep(&text)).then_some(Block::Heading(level, text)),
        Block::Verbatim(text) => Some(Block::Verbatim(text)),
    });
    without_empty_headings(kept.collect())
}

/// Headings that nothing stands under are left out, the title apart.
fn without_empty_headings(blocks: Vec<Block>) -> Vec<Block> {
    let followed = |i: usize, level: usize| match blocks.get(i + 1) {
        None => false,
        Some(Block::Heading(next, _)) => *next > level,
        Some(_) => true,
    };
    let kept = blocks.iter().enumerate().filter(|(i, block)| match block {
        Block::Heading(level, _) => *level == 1 || followed(*i, *level),
        _ => true,
    });
    kept.map(|(_, block)| block.clone()).collect()
}

/// A last sentence that breaks off is left out. True when there was one.
pub fn drop_unfinished(blocks: &mut Vec<Block>) -> bool {
    let mut dropped = false;
    while let Some(last) = blocks.pop() {
        match last {
            Block::Heading(level, _) if level > 1 => dropped = true,
            Block::Paragraph(text) if !is_closed(&text) && word_count(&text) > 6 && !text.ends_with(':') => {
                dropped = true;
                let mut kept = sentences(&text);
                kept.pop();
                if !kept.is_empty() {
                    blocks.push(Block::Paragraph(kept.join(" ")));
                    return true;
                }
            }
            Block::List(ordered, mut items)
                if items.last().is_some_and(|item| !is_closed(item))
                    && items.first().is_some_and(|item| is_closed(item)) =>
            {
                items.pop();
                blocks.push(Block::List(ordered, items));
                return true;
            }
            other => {
                blocks.push(other);
                return dropped;
            }
        }
    }
    dropped
}

/// Paragraphs of more than a hundred words are parted.
pub fn split_long(blocks: Vec<Block>) -> Vec<Block> {
    let parted = blocks.into_iter().flat_map(|block| match block {
        Block::Paragraph(text) if word_count(&text) > 100 && !text.contains('\n') => {
            let all = sentences(&text);
            all.chunks(3).map(|chunk| Block::Paragraph(chunk.join(" "))).collect()
        }
        other => vec![other],
    });
    parted.collect()
}

/// Section headings for a long text that has none.
pub fn with_headings(blocks: Vec<Block>, picker: &super::pick::Picker) -> Vec<Block> {
    let headed = blocks.iter().any(|block| matches!(block, Block::Heading(2.., _)));
    let paragraphs = blocks
        .iter()
        .filter(|block| matches!(block, Block::Paragraph(_)))
        .count();
    if headed || paragraphs < 4 {
        return blocks;
    }
    let names = [
        Purpose::Context,
        Purpose::Stakes,
        Purpose::Practice,
        Purpose::Pitfalls,
        Purpose::Questions,
    ]
    .map(|purpose| super::section::Section::new(purpose, picker).heading);
    let every = paragraphs.div_ceil(3).max(2);
    let mut names = names.into_iter();
    let mut seen = 0;
    let mut out = Vec::new();
    for block in blocks {
        if matches!(block, Block::Paragraph(_)) {
            if seen % every == 0 && seen > 0 || seen == 1 {
                out.extend(names.next().map(|name| Block::Heading(2, name)));
            }
            seen += 1;
        }
        out.push(block);
    }
    out
}

/// Drops last sentences of the longest paragraphs until there are at most `max` words.
pub fn cut_to(blocks: &mut Vec<Block>, max: usize, keep: &[String]) {
    let total = |blocks: &[Block]| word_count(&crate::text::markdown::render(blocks));
    while total(blocks) > max {
        let droppable = |text: &str| !keep.iter().any(|phrase| contains_phrase(text, phrase));
        let longest = blocks
            .iter()
            .enumerate()
            .filter_map(|(i, block)| match block {
                Block::Paragraph(text) => {
                    let all = sentences(text);
                    (all.len() > 1 && all.last().is_some_and(|last| droppable(last))).then_some((all.len(), i))
                }
                _ => None,
            })
            .max();
        let Some((_, place)) = longest else {
            // Whole paragraphs go, the last one before the end first.
            let end = blocks.len().saturating_sub(1);
            let place = blocks
                .iter()
                .take(end)
                .rposition(|block| matches!(block, Block::Paragraph(text) if droppable(text)));
            match place.filter(|place| *place > 1) {
                Some(place) => {
                    blocks.remove(place);
                    *blocks = without_empty_headings(std::mem::take(blocks));
                    continue;
                }
                None => return,
            }
        };
        if let Some(Block::Paragraph(text)) = blocks.get_mut(place) {
            let mut all = sentences(text);
            all.pop();
            *text = all.join(" ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{cut_to, drop_unfinished, replaced, without_avoided, without_denied_words, without_repeats};
    use crate::brief::tone::Tone;
    use crate::text::markdown::{blocks, render};

    #[test]
    fn words_are_replaced_whole_and_keep_their_capital() {
        assert_eq!(replaced("Cat, cats and cat.", "cat", "dog"), "Dog, cats and dog.");
        assert_eq!(
            without_denied_words("Hey guys, awesome.", &[Tone::Formal]),
            "Hello everyone, good."
        );
    }

    #[test]
    fn repeats_and_avoided_sentences_go_and_empty_headings_with_them() {
        let text = "# T\n\n## A\n\nThis sentence stands here twice. This sentence stands here twice. Keep me too.\n\n## B\n\nSecret things are said.\n";
        let found = without_avoided(without_repeats(blocks(text)), &["secret".to_owned()]);
        assert_eq!(
            render(&found),
            "# T\n\n## A\n\nThis sentence stands here twice. Keep me too.\n"
        );
    }

    #[test]
    fn an_unfinished_end_is_dropped() {
        let mut found = blocks("# T\n\nAll is well here. This one breaks off in the mid\n");
        assert!(drop_unfinished(&mut found));
        assert_eq!(render(&found), "# T\n\nAll is well here.\n");
        assert!(!drop_unfinished(&mut found));
    }

    #[test]
    fn cutting_keeps_what_must_stay() {
        let mut found =
            blocks("# T\n\nOne two three. Four five six. Must stay here.\n\nSeven eight nine. Ten eleven twelve.\n");
        cut_to(&mut found, 10, &["must stay".to_owned()]);
        assert!(render(&found).contains("Must stay"));
    }
}
