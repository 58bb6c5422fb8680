//! Pages: how long they are, and whether another one follows.

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// Items of a page.
pub fn limit(asked: u32) -> usize {
    let limit = if asked == 0 {
        DEFAULT_LIMIT
    } else {
        asked.min(MAX_LIMIT)
    };
    usize::try_from(limit).unwrap_or(1)
}

/// One more than the page holds, to see whether another one follows.
pub fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// Cuts the rows to the page; the cursor is the last item's when something follows.
pub fn cut<T>(rows: &mut Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Option<String> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more).map(cursor)
}
