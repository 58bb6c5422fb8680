//! Just enough of Rust's lexical structure to read sources without being misled by comments and texts.

/// Identifiers and single punctuation marks; comments, texts and character literals are left out.
pub fn tokens(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        rest = if rest.starts_with("//") {
            rest.split_once('\n').map_or("", |(_, after)| after)
        } else if rest.starts_with("/*") {
            after_comment(rest)
        } else if let Some(after) = after_raw_text(rest) {
            after
        } else if first == '"' {
            after_text(rest)
        } else if first == '\'' {
            after_quote(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            found.push(rest[..end].to_owned());
            &rest[end..]
        } else {
            if !first.is_whitespace() {
                found.push(first.to_string());
            }
            &rest[first.len_utf8()..]
        };
    }
    found
}

fn after_comment(mut rest: &str) -> &str {
    let mut depth = 0;
    loop {
        if rest.starts_with("/*") {
            depth += 1;
            rest = &rest[2..];
        } else if rest.starts_with("*/") {
            depth -= 1;
            rest = &rest[2..];
        } else {
            let Some(c) = rest.chars().next() else { return rest };
            rest = &rest[c.len_utf8()..];
        }
        if depth == 0 {
            return rest;
        }
    }
}

/// What follows `r"…"`, `r#"…"#`, `br"…"`; none when no raw text starts here.
fn after_raw_text(rest: &str) -> Option<&str> {
    let hashes = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r')?;
    let quoted = hashes.trim_start_matches('#');
    let fence = &hashes[..hashes.len() - quoted.len()];
    let body = quoted.strip_prefix('"')?;
    let end = format!("\"{fence}");
    Some(body.split_once(&end).map_or("", |(_, after)| after))
}

fn after_text(rest: &str) -> &str {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return &rest[at + 1..],
            _ => {}
        }
    }
    ""
}

/// A character literal is skipped whole, a lifetime only up to its name.
fn after_quote(rest: &str) -> &str {
    let inside = &rest[1..];
    if let Some(escape) = inside.strip_prefix('\\') {
        let skipped = escape.char_indices().nth(1).map_or(escape.len(), |(at, _)| at);
        return escape[skipped..].split_once('\'').map_or("", |(_, after)| after);
    }
    let next = inside.chars().next().map_or(0, char::len_utf8);
    inside[next..].strip_prefix('\'').unwrap_or(inside)
}

#[test]
fn comments_texts_and_literals_are_left_out() {
    let source = r##"
        // std::fs
        /* std::net /* nested */ tokio */
        fn f<'a>(x: &'a str) -> char { let _y = "std::env \" tokio"; let _z = r#"a " std::fs"#; '\'' }
    "##;
    let expected = "fn f < a > ( x : & a str ) - > char { let _y = ; let _z = ; }";
    assert_eq!(tokens(source).join(" "), expected);
    assert_eq!(tokens("'x' 'ä' '\\u{1f}' b'q' end").join(" "), "b end");
}
