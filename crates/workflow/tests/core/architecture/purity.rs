//! The core takes no IO, no clock, no randomness and nothing asynchronous, so that every run of it can
//! be repeated.

use super::tokens::tokens;
use super::workspace::{manifest, workspace};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::Table;

/// Dependencies the core may have; each computes and does nothing else.
const DEPENDENCIES: &[&str] = &[
    "blake3",
    "jsonschema",
    "schemars",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "url",
    "uuid",
];
/// Modules of std that reach outside, or read a clock.
const MODULES: &[&str] = &["env", "fs", "io", "net", "os", "process", "thread", "time"];
const WORDS: &[&str] = &[
    // Clock and randomness; hash maps iterate in a random order.
    "HashMap",
    "HashSet",
    "Instant",
    "RandomState",
    "SystemTime",
    "getrandom",
    "new_v4",
    "now_v7",
    "rand",
    // Asynchronous code and IO.
    "async",
    "await",
    "async_nats",
    "eprintln",
    "futures",
    "println",
    "reqwest",
    "sqlx",
    "tokio",
    "tonic",
    "tracing",
];

fn violations(source: &str) -> Vec<String> {
    let tokens = without_tests(tokens(source));
    let words = tokens.iter().filter(|token| WORDS.contains(&token.as_str())).cloned();
    let mut found: Vec<String> = words.collect();
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| *token == "std") {
        let named = modules(&tokens[at + 1..]);
        found.extend(
            named
                .into_iter()
                .filter(|name| MODULES.contains(name))
                .map(|name| format!("std::{name}")),
        );
    }
    found
}

/// What is named right below `std`: one name, or each of a group in braces.
fn modules(after_std: &[String]) -> Vec<&str> {
    let [colon, second, rest @ ..] = after_std else {
        return Vec::new();
    };
    if (colon.as_str(), second.as_str()) != (":", ":") {
        return Vec::new();
    }
    if rest.first().is_some_and(|token| token != "{") {
        return rest.first().map(String::as_str).into_iter().collect();
    }
    let mut named = Vec::new();
    let mut depth = 0;
    for pair in rest.windows(2) {
        match pair[0].as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].as_str(), "{" | ",") {
            named.push(pair[1].as_str());
        }
    }
    named
}

/// Leaves out modules that exist only in tests; they may measure time and read seeds.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match test_module(&tokens[at..]) {
            Some((_, length)) => at += length,
            None => {
                kept.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    kept
}

const MARKER: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

/// Name and number of tokens of a `#[cfg(test)] mod` that starts here, its body included.
fn test_module(tokens: &[String]) -> Option<(&str, usize)> {
    let (marker, item) = tokens.split_at_checked(MARKER.len())?;
    if marker != MARKER {
        return None;
    }
    // Only a visibility may stand between.
    let visibility = item
        .iter()
        .take_while(|token| !["mod", "fn", "use", "{", ";"].contains(&token.as_str()));
    let keyword = MARKER.len() + visibility.count();
    let (word, name, opening) = (tokens.get(keyword)?, tokens.get(keyword + 1)?, tokens.get(keyword + 2)?);
    if word != "mod" {
        return None;
    }
    if opening == ";" {
        return Some((name, keyword + 3));
    }
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(keyword + 2) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((name, at + 1));
        }
    }
    Some((name, tokens.len()))
}

/// Sources below `folder`, without the files of modules that exist only in tests.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path, text)
    };
    let all: Vec<(PathBuf, String)> = files.into_iter().map(read).collect();
    let only_tests: BTreeSet<PathBuf> = all.iter().flat_map(|(path, text)| test_files(path, text)).collect();
    let is_test = |path: &Path| path.ancestors().any(|p| only_tests.contains(&p.with_extension("")));
    all.into_iter().filter(|(path, _)| !is_test(path)).collect()
}

/// Paths, without extension, of the files of the test modules that `text` declares.
fn test_files(path: &Path, text: &str) -> Vec<PathBuf> {
    let tokens = tokens(text);
    let stem = path.file_stem().unwrap_or_default();
    let owns_its_folder = ["mod", "lib"].iter().any(|name| stem == *name);
    let folder = if owns_its_folder {
        path.with_file_name("")
    } else {
        path.with_extension("")
    };
    let named = (0..tokens.len()).filter_map(|at| test_module(&tokens[at..]));
    named.map(|(name, _)| folder.join(name)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for path in entries.map(|entry| entry.expect("a readable entry").path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Dependencies of the core that are not on the list.
fn foreign_dependencies(manifest: &Table) -> Vec<&str> {
    let tables =
        ["dependencies", "build-dependencies", "target"].map(|name| manifest.get(name).and_then(|t| t.as_table()));
    let names = tables.into_iter().flatten().flat_map(Table::keys).map(String::as_str);
    names.filter(|name| !DEPENDENCIES.contains(name)).collect()
}

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    let sources = sources(&workspace().join("crates/workflow/src"));
    assert!(sources.len() > 10, "sources are found");
    let found: Vec<String> = sources
        .iter()
        .flat_map(|(path, text)| {
            violations(text)
                .into_iter()
                .map(move |v| format!("{}: {v}", path.display()))
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_core_depends_only_on_crates_that_compute() {
    let core = manifest(&workspace().join("crates/workflow/Cargo.toml"));
    assert_eq!(foreign_dependencies(&core), Vec::<&str>::new());
    // Its default features fetch schemas over the network and from files.
    let root = manifest(&workspace().join("Cargo.toml"));
    let jsonschema = &root["workspace"]["dependencies"]["jsonschema"];
    assert_eq!(
        jsonschema.get("default-features").and_then(toml::Value::as_bool),
        Some(false)
    );
    assert!(jsonschema.get("features").is_none());
}

#[test]
fn planted_violations_are_found() {
    let cases = [
        ("fn f() { std::fs::read(\"x\"); }", vec!["std::fs"]),
        ("use std::net::TcpStream;", vec!["std::net"]),
        ("use std::{fmt, sync::{Arc, mpsc}, env};", vec!["std::env"]),
        ("use std::{io::{self, Read}, fmt};", vec!["std::io"]),
        (
            "use std :: time :: { Duration, Instant };",
            vec!["Instant", "std::time"],
        ),
        ("let t = SystemTime::now();", vec!["SystemTime"]),
        ("pub async fn f() {}", vec!["async"]),
        ("tokio::spawn(x);", vec!["tokio"]),
        ("let id = Uuid::now_v7();", vec!["now_v7"]),
        ("let m: std::collections::HashMap<u8, u8>;", vec!["HashMap"]),
        ("let n: u8 = rand::random();", vec!["rand"]),
    ];
    for (source, expected) in cases {
        assert_eq!(violations(source), expected, "{source}");
    }
}

#[test]
fn names_that_only_look_alike_and_test_modules_are_no_violation() {
    let fine = [
        "//! no tokio, no std::fs\nuse std::collections::BTreeMap;",
        "fn f() -> &'static str { \"std::env async\" }",
        "use crate::time::Timestamp; fn operand(brand: u8) {}",
        "use std::{fmt, sync::{Arc, fs}};",
        "#[cfg(test)]\nmod tests { use std::time::Instant; fn f() { if a { b } } }",
        "#[cfg(test)]\npub(crate) mod fixtures { use std::fs; }",
    ];
    for source in fine {
        assert_eq!(violations(source), Vec::<String>::new(), "{source}");
    }
    let after = "#[cfg(test)]\nmod tests { fn f() {} }\nuse std::fs;";
    assert_eq!(violations(after), ["std::fs"]);
}

#[test]
fn files_of_test_modules_are_told_by_their_declaration() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(in crate::b) mod fixtures;";
    let found = test_files(Path::new("src/b/mod.rs"), text);
    assert_eq!(found, [PathBuf::from("src/b/tests"), PathBuf::from("src/b/fixtures")]);
    assert_eq!(test_files(Path::new("src/c.rs"), text)[0], PathBuf::from("src/c/tests"));
}

#[test]
fn a_planted_dependency_is_found() {
    let manifest: Table = "[dependencies]\nserde.workspace = true\nrand = \"1\""
        .parse()
        .expect("TOML");
    assert_eq!(foreign_dependencies(&manifest), ["rand"]);
}
