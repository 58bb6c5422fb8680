//! Which requests are much alike: bands of MinHash signatures.
//!
//! Two texts share a band with a probability that follows the share of five-letter pieces they have in common: 0.99 at
//! 0.8, 0.76 at 0.7, 0.09 at 0.5. What is stored depends on every constant here; another one would begin all clusters
//! anew.

/// Bands of a signature; one in common makes two requests near.
pub const BANDS: usize = 24;
const ROWS: usize = 8;
/// Letters of a piece.
const PIECE: usize = 5;
/// Letters of a request that are looked at.
const MOST_LETTERS: usize = 16_384;

/// The bands of a request. The same in every process, for ever.
pub fn bands(request: &str) -> [i64; BANDS] {
    let pieces = pieces(&normal(request));
    let mut bands = [0; BANDS];
    for (band, slot) in (0_u64..).zip(&mut bands) {
        let mut hash = mixed(band);
        for row in 0..ROWS as u64 {
            let seed = mixed(0x005e_ed00 + band * ROWS as u64 + row);
            let least = pieces.iter().map(|piece| mixed(piece ^ seed)).min().unwrap_or_default();
            hash = mixed(hash ^ least);
        }
        *slot = hash.cast_signed();
    }
    bands
}

/// Words in lower case with one space between; every number is the same one.
fn normal(request: &str) -> Vec<char> {
    let mut normal = Vec::new();
    let mut gap = false;
    for letter in request.chars().flat_map(char::to_lowercase) {
        if !letter.is_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && !normal.is_empty() {
            normal.push(' ');
        }
        if letter.is_numeric() {
            if gap || normal.last() != Some(&'0') {
                normal.push('0');
            }
        } else {
            normal.push(letter);
        }
        gap = false;
        if normal.len() >= MOST_LETTERS {
            break;
        }
    }
    normal
}

/// Hashes of the pieces, each once. A text shorter than one is its only piece.
fn pieces(normal: &[char]) -> Vec<u64> {
    let hash = |piece: &[char]| {
        // FNV-1a, over letters.
        piece.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, letter| {
            (hash ^ u64::from(u32::from(*letter))).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    let mut pieces: Vec<u64> = if normal.len() < PIECE {
        vec![hash(normal)]
    } else {
        normal.windows(PIECE).map(hash).collect()
    };
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

/// The finisher of SplitMix64: every bit of the result depends on every bit of the number.
const fn mixed(number: u64) -> u64 {
    let mut number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: &str, other: &str) -> bool {
        let (one, other) = (bands(one), bands(other));
        one.iter().zip(&other).any(|(one, other)| one == other)
    }

    #[test]
    fn near_are_requests_that_say_the_same_and_no_others() {
        let post = "Write a blog post about AI trends for our shop, friendly tone, publish to blog and LinkedIn";
        for same in [
            "write a blog post about ai trends for our shop - friendly tone; publish to blog and linkedin!",
            "Write a blog post about AI trends for our shop, friendly tone, publish to the blog and LinkedIn",
            "Please write a blog post about AI trends for our shop, friendly tone, publish to blog and LinkedIn",
        ] {
            assert!(near(post, same), "{same}");
        }
        assert!(near("Report on order 17", "report on order 4211"));
        for other in [
            "Summarise last month's support tickets and mail me the five worst complaints",
            "",
            "Translate the attached contract into German",
        ] {
            assert!(!near(post, other), "{other}");
        }
        assert!(near("", " !?"));
    }

    #[test]
    fn bands_never_change() {
        let bands = bands("Write a blog post about AI trends");
        assert_eq!((bands[0], bands[23]), PINNED, "stored bands would be of another kind");
    }

    const PINNED: (i64, i64) = (5807565654767662830, 8067673646700338350);

    #[test]
    fn a_hostile_request_costs_no_more_than_a_long_one() {
        let letters: String = (0..400_000_u32)
            .filter_map(|n| char::from_u32(0x61 + n * 7919 % 20_000))
            .collect();
        assert_eq!(bands(&letters).len(), BANDS);
    }
}
