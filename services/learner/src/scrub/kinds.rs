//! What is taken out of texts, and how it is told from what only looks like it.

use regex::{Captures, Regex};
use std::net::{IpAddr, Ipv6Addr};

/// A kind of secret or personal data. The order is that in which they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A PEM block with a private key.
    PrivateKey,
    /// Name and password in a URL.
    Credential,
    /// API keys, access tokens, signed tokens, passwords written beside their name.
    Secret,
    /// An e-mail address.
    Email,
    /// An international bank account number.
    Iban,
    /// A payment card's number.
    Card,
    /// A telephone number.
    Phone,
    /// An internet address.
    Ip,
    /// What the operator's own patterns find.
    Custom,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::PrivateKey,
        Self::Credential,
        Self::Secret,
        Self::Email,
        Self::Iban,
        Self::Card,
        Self::Phone,
        Self::Ip,
        Self::Custom,
    ];

    /// Its name in placeholders and manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::Credential => "credential",
            Self::Secret => "secret",
            Self::Email => "email",
            Self::Iban => "iban",
            Self::Card => "card",
            Self::Phone => "phone",
            Self::Ip => "ip",
            Self::Custom => "custom",
        }
    }
}

/// One way to find something of a kind. What stands in the group `it`, else the whole match, is taken out.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub kind: Kind,
    pub regex: Regex,
    /// Whether what was found is what it looks like.
    pub is_real: Check,
    /// Whether a text can hold any, by its letters: most texts cannot.
    pub may_be_in: fn(&Letters) -> bool,
}

/// What letters a text has; told in one pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Letters {
    digits: usize,
    dots: usize,
    colons: usize,
    hyphens: usize,
    ats: usize,
    equals: usize,
    /// Bytes of the longest piece without white space.
    longest: usize,
}

impl Letters {
    /// Of a text.
    pub fn of(text: &str) -> Self {
        let mut letters = Self::default();
        let mut length = 0;
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => letters.digits += 1,
                b'.' => letters.dots += 1,
                b':' => letters.colons += 1,
                b'-' => letters.hyphens += 1,
                b'@' => letters.ats += 1,
                b'=' => letters.equals += 1,
                _ => {}
            }
            length = if byte.is_ascii_whitespace() { 0 } else { length + 1 };
            letters.longest = letters.longest.max(length);
        }
        letters
    }
}

/// Looks at what was found in a text; tells how many bytes of it are what they look like.
type Check = fn(&Captures<'_>, &str) -> Option<usize>;

/// A kind, its pattern, and what says whether it is real and whether it may be there.
type BuiltIn = (Kind, &'static str, Check, fn(&Letters) -> bool);

const BUILT_IN: [BuiltIn; 15] = [
    // To the end of the text where the end of the block is missing.
    (
        Kind::PrivateKey,
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        always,
        |of| of.hyphens >= 10,
    ),
    (
        Kind::Credential,
        r"[A-Za-z][A-Za-z0-9+.-]*://(?<it>[^\s/@:<>]*:[^\s/@<>]+)@",
        always,
        |of| of.ats > 0 && of.colons >= 2,
    ),
    (
        Kind::Secret,
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        always,
        |of| of.dots >= 2 && of.longest >= 20,
    ),
    (
        Kind::Secret,
        r"\b(?:sk|rk|pk)[-_](?:live_|test_|proj-|ant-|or-)?[A-Za-z0-9_-]{16,}|\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}|\bxox[abeprs]-[A-Za-z0-9-]{10,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}|\bya29\.[0-9A-Za-z_-]{16,}|\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{20,}|\bwhsec_[A-Za-z0-9+/=]{16,}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\borc_[A-Za-z0-9]+_[A-Za-z0-9_-]{16,}|\bdop_v1_[a-f0-9]{32,}",
        always,
        |of| of.longest >= 16,
    ),
    (
        Kind::Secret,
        r"(?i)\b(?:bearer|basic)\s+(?<it>[A-Za-z0-9._~+/-]{16,}=*)",
        has_digit_and_letter,
        |of| of.digits > 0 && of.longest >= 16,
    ),
    (
        Kind::Secret,
        r#"(?i)(?:api[_-]?key|access[_-]?key|access[_-]?token|auth[_-]?token|refresh[_-]?token|client[_-]?secret|secret[_-]?key|password|passwd|passphrase|pwd)\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?(?<it>[^\s"'\\,;<>]{4,})"#,
        always,
        |of| of.colons + of.equals > 0,
    ),
    (
        Kind::Email,
        r"[\p{L}\p{N}._%+'-]+@(?:[\p{L}\p{N}][\p{L}\p{N}-]*\.)+\p{L}{2,}\b",
        always,
        |of| of.ats > 0 && of.dots > 0,
    ),
    (
        Kind::Iban,
        r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        is_iban,
        |of| of.digits >= 4,
    ),
    (
        Kind::Card,
        r"\b(?:[2-6][0-9]{3}(?:[ -][0-9]{4}){3}(?:[ -][0-9]{3})?|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5}|[2-6][0-9]{12,18})\b",
        is_card,
        |of| of.digits >= 13,
    ),
    // With a country code; in brackets an area code; as written in North America; with a trunk prefix.
    (
        Kind::Phone,
        r"(?:\+|\b00)[1-9](?:[ ()./-]{0,2}[0-9]){6,14}\b",
        is_phone,
        |of| of.digits >= 8,
    ),
    (
        Kind::Phone,
        r"\(0?[0-9]{2,5}\)[ -]?[0-9](?:[ -]?[0-9]){4,11}\b",
        is_phone,
        |of| of.digits >= 8,
    ),
    (
        Kind::Phone,
        r"\b[2-9][0-9]{2}[-. ][2-9][0-9]{2}[-. ][0-9]{4}\b",
        stands_alone,
        |of| of.digits >= 8,
    ),
    (
        Kind::Phone,
        r"\b0[1-9][0-9]{1,3}[ /-][0-9]{3,}(?:[ -][0-9]{2,}){0,4}\b",
        is_phone,
        |of| of.digits >= 8,
    ),
    (Kind::Ip, r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b", is_ipv4, |of| {
        of.digits >= 4 && of.dots >= 3
    }),
    (Kind::Ip, r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}", is_ipv6, |of| {
        of.digits > 0 && of.colons >= 2
    }),
];

/// The patterns that are always looked for, in order.
///
/// # Errors
/// Never: they are the same in every process, and a test compiles them.
pub fn built_in() -> Result<Vec<Pattern>, regex::Error> {
    let compiled = BUILT_IN.iter().map(|(kind, pattern, is_real, may_be_in)| {
        Ok(Pattern {
            kind: *kind,
            regex: Regex::new(pattern)?,
            is_real: *is_real,
            may_be_in: *may_be_in,
        })
    });
    compiled.collect()
}

/// One of the operator's own.
///
/// # Errors
/// When it is no pattern, or too large a one.
pub fn custom(pattern: &str) -> Result<Pattern, regex::Error> {
    Ok(Pattern {
        kind: Kind::Custom,
        regex: regex::RegexBuilder::new(pattern).size_limit(1 << 20).build()?,
        is_real: always,
        may_be_in: |_| true,
    })
}

fn it<'t>(found: &Captures<'t>) -> &'t str {
    found.name("it").or_else(|| found.get(0)).map_or("", |it| it.as_str())
}

fn whole_where(holds: bool, found: &Captures<'_>) -> Option<usize> {
    holds.then(|| it(found).len()).filter(|length| *length > 0)
}

fn always(found: &Captures<'_>, _: &str) -> Option<usize> {
    whole_where(true, found)
}

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

fn has_digit_and_letter(found: &Captures<'_>, _: &str) -> Option<usize> {
    let has = |is: fn(&u8) -> bool| it(found).as_bytes().iter().any(is);
    whole_where(has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic), found)
}

/// No part of a longer number, name or fraction.
fn is_alone(found: &Captures<'_>, whole: &str) -> bool {
    let Some(found) = found.get(0) else { return false };
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':' | '+');
    let before = whole.get(..found.start()).and_then(|text| text.chars().next_back());
    let mut after = whole.get(found.end()..).unwrap_or_default().chars();
    let (next, second) = (after.next(), after.next());
    let goes_on = next.is_some_and(|c| c.is_alphanumeric() || c == '_')
        || (next.is_some_and(joins) && second.is_some_and(char::is_alphanumeric));
    !before.is_some_and(joins) && !goes_on
}

fn stands_alone(found: &Captures<'_>, whole: &str) -> Option<usize> {
    whole_where(is_alone(found, whole), found)
}

fn is_phone(found: &Captures<'_>, whole: &str) -> Option<usize> {
    whole_where(
        (8..=15).contains(&digits(it(found)).len()) && is_alone(found, whole),
        found,
    )
}

/// Issued prefixes, their lengths, and the check digit of Luhn.
fn is_card(found: &Captures<'_>, whole: &str) -> Option<usize> {
    let digits = digits(it(found));
    let head = |n: usize| digits.iter().take(n).fold(0, |head, digit| head * 10 + digit);
    let issued = match digits.len() {
        13 | 19 => head(1) == 4 || (digits.len() == 19 && head(2) == 62),
        14 => matches!(head(2), 36 | 38 | 39) || (300..=305).contains(&head(3)),
        15 => matches!(head(2), 34 | 37),
        16 => {
            head(1) == 4
                || (51..=55).contains(&head(2))
                || (2221..=2720).contains(&head(4))
                || head(4) == 6011
                || matches!(head(2), 35 | 50 | 56..=65)
        }
        17 | 18 => head(2) == 62,
        _ => false,
    };
    whole_where(issued && luhn(&digits) && is_alone(found, whole), found)
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit })
        .sum();
    sum.is_multiple_of(10)
}

/// The longest beginning, group by group, that satisfies ISO 13616: a word in capitals may follow.
fn is_iban(found: &Captures<'_>, _: &str) -> Option<usize> {
    let mut candidate = it(found);
    loop {
        if has_iban_check(candidate) {
            return Some(candidate.len());
        }
        candidate = candidate.rsplit_once(' ')?.0;
    }
}

/// Mod 97.
fn has_iban_check(text: &str) -> bool {
    let compact: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    if !(15..=34).contains(&compact.len()) {
        return false;
    }
    let turned = compact.iter().cycle().skip(4).take(compact.len());
    let rest = turned.fold(0_u64, |rest, letter| {
        let value = u64::from(letter.to_digit(36).unwrap_or_default());
        (if value > 9 { rest * 100 } else { rest * 10 } + value) % 97
    });
    rest == 1
}

fn is_ipv4(found: &Captures<'_>, whole: &str) -> Option<usize> {
    whole_where(it(found).parse::<IpAddr>().is_ok() && is_alone(found, whole), found)
}

/// With a digit in it, and no time of day or path of names.
fn is_ipv6(found: &Captures<'_>, whole: &str) -> Option<usize> {
    let text = it(found);
    let is_address = text.len() >= 6
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.parse::<Ipv6Addr>().is_ok_and(|ip| !ip.is_loopback());
    whole_where(is_address && is_alone(found, whole), found)
}
