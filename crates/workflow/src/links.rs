//! The web links in a text. Pure.

use url::{Host, Url};

/// Every place where a browser would find an address with a host: after a scheme, and after two slashes alone, which
/// take the page's own. Backslashes are slashes to browsers.
pub fn links(text: &str) -> Vec<String> {
    let text = text.replace('\\', "/");
    let found = text.match_indices("//").filter_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        let host = rest.trim_start_matches('/');
        let begins = host.starts_with(|c: char| c.is_alphanumeric() || c == '[');
        // Of more than two slashes the first two are the link's.
        if !begins || before.ends_with('/') {
            return None;
        }
        let end = host.find(|c: char| c.is_whitespace() || "<>\"'`()".contains(c));
        let host = host
            .get(..end.unwrap_or(host.len()))?
            .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', ']']);
        Some(format!("{}//{host}", scheme(before)))
    });
    found.collect()
}

/// With its colon; empty where there is none.
fn scheme(before: &str) -> &str {
    let Some(name) = before.strip_suffix(':') else {
        return "";
    };
    let begin = name.rfind(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
    let begin = begin.map_or(0, |at| {
        at + name
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .map_or(1, char::len_utf8)
    });
    before
        .get(begin..)
        .filter(|scheme| scheme.len() > 1)
        .unwrap_or_default()
}

/// Whether a link leads to one of these hosts, or to what is below one.
pub fn leads_to(link: &str, hosts: &[String]) -> bool {
    let absolute = match link.starts_with("//") {
        true => format!("https:{link}"),
        false => link.to_owned(),
    };
    let Ok(url) = Url::parse(&absolute) else { return false };
    let Some(Host::Domain(host)) = url.host() else {
        return false;
    };
    hosts.iter().map(|allowed| allowed.to_lowercase()).any(|allowed| {
        let below = host.strip_suffix(allowed.as_str());
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_however_they_are_written() {
        for (text, expected) in [
            ("see https://a.example/b?c=d#e.", vec!["https://a.example/b?c=d#e"]),
            (
                "[a](http://a.example), <HTTPS://B.example>",
                vec!["http://a.example", "HTTPS://B.example"],
            ),
            (
                "[a](//a.example) <a href=//b.example/c>",
                vec!["//a.example", "//b.example/c"],
            ),
            (
                "https:\\\\a.example \\\\b.example",
                vec!["https://a.example", "//b.example"],
            ),
            ("https:///a.example", vec!["https://a.example"]),
            ("[x]: https://a.example", vec!["https://a.example"]),
            ("\u{e4}https://[::1]/x", vec!["https://[::1]/x"]),
            ("// a comment, and/or a path a/b", vec![]),
        ] {
            assert_eq!(links(text), expected, "{text}");
        }
    }

    #[test]
    fn no_spelling_of_a_link_leads_elsewhere() {
        let hosts = ["shop.example".to_owned()];
        for link in [
            "https://evil.example",
            "HTTPS://EVIL.example/",
            "https://shop.example@evil.example/",
            "https://shop.example.evil.example",
            "https://evilshop.example",
            "https:\\\\evil.example",
            "[a](//evil.example)",
            "<a href=//evil.example>",
            "http://127.0.0.1/",
            "http://[::1]/",
            "https://shop.example:443@[::1]/",
        ] {
            let found = links(&format!("see {link} now"));
            assert!(
                !found.is_empty() && found.iter().any(|link| !leads_to(link, &hosts)),
                "{link}: {found:?}"
            );
        }
        for link in [
            "https://SHOP.example:8443/x",
            "https:\\\\shop.example\\@evil.example",
            "[a](//www.shop.example)",
            "(https://shop.example).",
        ] {
            let found = links(&format!("see {link} now"));
            assert!(
                found.len() == 1 && found.iter().all(|link| leads_to(link, &hosts)),
                "{link}: {found:?}"
            );
        }
    }
}
