//! Who a text is for.

use super::cut::topic_end;
use super::scan::{find_phrase, head, places, trim};
use crate::text::tokens::words;

/// Phrases that announce the audience wherever they stand.
const ANNOUNCED: [&str; 16] = [
    "target audience is",
    "target audience",
    "audience is",
    "audience are",
    "audience",
    "aimed at",
    "targeted at",
    "targeting",
    "geared towards",
    "geared to",
    "tailored to",
    "tailored for",
    "written for",
    "intended for",
    "readers are",
    "addressed to",
];

const PEOPLE: &[&str] = &[
    "people",
    "children",
    "kids",
    "women",
    "men",
    "families",
    "parents",
    "students",
    "clients",
    "residents",
    "patients",
    "everyone",
    "anyone",
    "beginners",
    "audience",
    "staff",
    "teams",
    "team",
    "professionals",
    "executives",
    "freelancers",
    "startups",
    "companies",
    "businesses",
    "community",
    "members",
    "founders",
    "experts",
    "novices",
    "tenants",
    "guests",
    "fans",
    "friends",
    "colleagues",
    "adults",
    "teens",
    "teenagers",
    "seniors",
    "newcomers",
    "amateurs",
    "enthusiasts",
    "nonprofits",
    "schools",
    "couples",
    "graduates",
    "athletes",
    "veterans",
    "volunteers",
    "candidates",
    "recruits",
    "hires",
    "moms",
    "dads",
    "mothers",
    "fathers",
    "pensioners",
    "nurses",
    "applicants",
    "subscribers",
    "travelers",
];

const NOT_PEOPLE: &[&str] = &[
    "computers",
    "numbers",
    "papers",
    "dinners",
    "summers",
    "winters",
    "containers",
    "trailers",
    "servers",
    "offers",
    "orders",
    "letters",
    "flowers",
    "printers",
    "others",
    "newsletters",
    "covers",
    "layers",
    "routers",
    "sensors",
    "errors",
    "colors",
    "floors",
    "doors",
    "motors",
    "factors",
    "matters",
    "powers",
    "rivers",
    "corners",
    "borders",
    "filters",
    "chargers",
    "scooters",
    "burgers",
    "blockers",
    "disorders",
    "parameters",
    "monitors",
    "mirrors",
    "tractors",
    "indoors",
    "outdoors",
    "indicators",
    "headers",
    "banners",
    "posters",
    "twitters",
    "papers",
    "quarters",
    "shelters",
    "masters",
    "lists",
    "fists",
];

/// Whether the word names people.
fn names_people(word: &str) -> bool {
    let lower = word.to_lowercase();
    let by_ending = ["ers", "ors", "ists", "ians", "istas"]
        .iter()
        .any(|ending| lower.ends_with(ending));
    PEOPLE.contains(&lower.as_str()) || (lower.len() > 5 && by_ending && !NOT_PEOPLE.contains(&lower.as_str()))
}

/// What a phrase after `for` or `to` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// Those who read.
    Readers,
    /// Those who publish: `our shop`.
    Business,
    /// Something else.
    Neither,
}

/// What the phrase at the beginning of `text` is.
pub fn addressee(text: &str) -> Addressee {
    let clause = head(text, 200).split([',', '.', ';', '\n']).next().unwrap_or("");
    let first_words: Vec<&str> = words(clause).iter().map(|word| word.text).take(6).collect();
    let until_preposition: Vec<&str> = first_words
        .iter()
        .copied()
        .take_while(|word| {
            !["about", "on", "in", "with", "that", "from", "of", "at"].contains(&word.to_lowercase().as_str())
        })
        .collect();
    let first = until_preposition
        .first()
        .map(|word| word.to_lowercase())
        .unwrap_or_default();
    if until_preposition.iter().any(|word| names_people(word)) {
        Addressee::Readers
    } else if matches!(first.as_str(), "our" | "my" | "us") {
        Addressee::Business
    } else {
        Addressee::Neither
    }
}

/// The audience a request announces: `aimed at X`, `Audience: X`, `for X` where X names people.
pub fn asked_in(request: &str) -> Option<String> {
    let announced = ANNOUNCED.iter().find_map(|phrase| {
        let (_, end) = find_phrase(request, phrase)?;
        phrase_after(request, end)
    });
    announced
        .or_else(|| after(request, "for", Addressee::Readers))
        .or_else(|| after(request, "to", Addressee::Readers))
}

/// The business a request is written for: `for our shop`.
pub fn business_in(request: &str) -> Option<String> {
    after(request, "for", Addressee::Business)
}

fn after(request: &str, preposition: &str, wanted: Addressee) -> Option<String> {
    let found = places(request, preposition)
        .into_iter()
        .find(|(_, end)| addressee(request.get(*end..).unwrap_or("")) == wanted);
    found.and_then(|(_, end)| phrase_after(request, end))
}

fn phrase_after(text: &str, from: usize) -> Option<String> {
    let rest = head(text.get(from..)?, 400).trim_start_matches([':', ' ', '-']);
    let clause = rest.get(..topic_end(rest)).unwrap_or(rest);
    let clause = clause.split([',', '(']).next().unwrap_or(clause);
    let end = [
        "about",
        "on",
        "regarding",
        "announcing",
        "explaining",
        "covering",
        "introducing",
        "is",
        "are",
    ]
    .iter()
    .filter_map(|stop| {
        find_phrase(clause, stop)
            .map(|(start, _)| start)
            .filter(|start| *start > 0)
    })
    .min()
    .unwrap_or(clause.len());
    let phrase = trim(clause.get(..end).unwrap_or(clause)).trim_start_matches("the ");
    let count = words(phrase).len();
    (1..=9).contains(&count).then(|| phrase.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{asked_in, business_in};

    #[test]
    fn readers_are_told_from_things_and_from_the_business() {
        for (request, readers, business) in [
            (
                "Write a guide about tea for small business owners in a calm tone",
                Some("small business owners"),
                None,
            ),
            (
                "Post about AI trends for our shop, friendly tone",
                None,
                Some("our shop"),
            ),
            ("Tips for better sleep", None, None),
            (
                "Write about pumps. Audience: first-time buyers",
                Some("first-time buyers"),
                None,
            ),
            (
                "An email aimed at new customers about returns",
                Some("new customers"),
                None,
            ),
            ("A guide to chairs for computers", None, None),
            ("A note for our members about the move", Some("our members"), None),
        ] {
            assert_eq!(asked_in(request).as_deref(), readers, "{request}");
            assert_eq!(business_in(request).as_deref(), business, "{request}");
        }
    }
}
