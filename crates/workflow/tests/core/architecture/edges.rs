//! The direction of dependencies: `workflow ← contracts ← bus, outbox`; `outbound`, `llm`, `service`
//! beside; all `← services ← integration-tests`. No service depends on a service.

use super::workspace::{manifest, workspace};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// What each library may depend on within the workspace. A crate that is not here needs a decision first.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("workflow", &[]),
    ("contracts", &["workflow"]),
    ("bus", &["contracts", "workflow"]),
    ("outbox", &["bus", "contracts", "workflow"]),
    ("outbound", &[]),
    ("llm", &["outbound"]),
    ("service", &[]),
    ("worker", &["bus", "contracts", "llm", "service", "workflow"]),
    ("client", &["contracts", "workflow"]),
    ("testkit", &[]),
];
/// The command line talks to the system from outside, as any client does.
const CLI: &[&str] = &["client", "contracts", "service", "workflow"];
const SERVICE: &[&str] = &[
    "bus",
    "contracts",
    "llm",
    "outbound",
    "outbox",
    "service",
    "worker",
    "workflow",
];
const TESTKIT: &str = "testkit";

/// A member of the workspace: its folder (`crates`, `services`, …) and its manifest.
struct Member {
    folder: String,
    name: String,
    manifest: Table,
}

/// The client is tested against the gateway it speaks to.
const TESTED_WITH: [(&str, &str); 1] = [("gateway", "client")];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Normal,
    Dev,
    Build,
}

fn allowed(member: &Member) -> Option<Vec<&str>> {
    let library = || {
        LIBRARIES
            .iter()
            .find(|(name, _)| *name == member.name)
            .map(|(_, list)| list.to_vec())
    };
    match (member.folder.as_str(), member.name.as_str()) {
        ("crates", _) => library(),
        ("services", "cli") => Some(CLI.to_vec()),
        ("services", _) => Some(SERVICE.to_vec()),
        ("integration-tests", _) => Some(LIBRARIES.iter().map(|(name, _)| *name).collect()),
        _ => None,
    }
}

fn violations(members: &[Member]) -> Vec<String> {
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut found = Vec::new();
    for member in members {
        let Some(allowed) = allowed(member) else {
            found.push(format!("{} has no rule", member.name));
            continue;
        };
        for (kind, dependency) in dependencies(&member.manifest) {
            let granted = match kind {
                Kind::Normal => allowed.contains(&dependency.as_str()),
                Kind::Dev => {
                    dependency == TESTKIT
                        || TESTED_WITH.contains(&(member.name.as_str(), dependency.as_str()))
                        || allowed.contains(&dependency.as_str())
                }
                Kind::Build => false,
            };
            if names.contains(dependency.as_str()) && !granted {
                found.push(format!("{} -> {dependency}", member.name));
            }
        }
    }
    found
}

/// Names of all dependencies, those of single platforms and renamed ones included.
fn dependencies(manifest: &Table) -> Vec<(Kind, String)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let tables = platforms.filter_map(|(_, table)| table.as_table()).chain([manifest]);
    let mut found = Vec::new();
    for table in tables {
        let kinds = [
            (Kind::Normal, "dependencies"),
            (Kind::Dev, "dev-dependencies"),
            (Kind::Build, "build-dependencies"),
        ];
        for (kind, section) in kinds {
            for (key, value) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
                let name = value.get("package").and_then(Value::as_str).unwrap_or(key);
                found.push((kind, name.to_owned()));
            }
        }
    }
    found
}

fn members() -> Vec<Member> {
    let root = manifest(&workspace().join("Cargo.toml"));
    let paths = root["workspace"]["members"].as_array().expect("a list of members");
    let read = |path: &Value| {
        let path = path.as_str().expect("a path");
        let manifest = manifest(&workspace().join(path).join("Cargo.toml"));
        Member {
            folder: path.split('/').next().unwrap_or_default().to_owned(),
            name: manifest["package"]["name"].as_str().expect("a name").to_owned(),
            manifest,
        }
    };
    paths.iter().map(read).collect()
}

#[test]
fn no_crate_depends_on_one_it_must_not_know() {
    assert_eq!(violations(&members()), Vec::<String>::new());
}

#[test]
fn every_folder_is_named_after_its_package() {
    let root = manifest(&workspace().join("Cargo.toml"));
    let paths = root["workspace"]["members"]
        .as_array()
        .expect("a list of members")
        .clone();
    let folders: Vec<_> = paths
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|p| p.rsplit('/').next())
        .collect();
    let names: Vec<_> = members().iter().map(|member| member.name.clone()).collect();
    assert_eq!(folders, names);
}

/// The workspace with one more line in one manifest, or with one more member.
fn planted(folder: &str, name: &str, lines: &str) -> Vec<String> {
    let mut members: Vec<Member> = LIBRARIES
        .iter()
        .map(|(name, _)| ("crates", *name))
        .chain(["gateway", "coordinator", "cli"].map(|name| ("services", name)))
        .chain([("integration-tests", "integration-tests")])
        .map(|(folder, name)| Member {
            folder: folder.to_owned(),
            name: name.to_owned(),
            manifest: Table::new(),
        })
        .collect();
    members.retain(|member| member.name != name);
    let manifest = lines.parse().expect("TOML");
    members.push(Member {
        folder: folder.to_owned(),
        name: name.to_owned(),
        manifest,
    });
    violations(&members)
}

#[test]
fn planted_violations_are_found() {
    let cases = [
        (
            "crates",
            "workflow",
            "[dependencies]\ncontracts.workspace = true",
            "workflow -> contracts",
        ),
        (
            "crates",
            "workflow",
            "[dev-dependencies]\nbus = { path = \"../bus\" }",
            "workflow -> bus",
        ),
        (
            "crates",
            "contracts",
            "[dependencies]\nbus.workspace = true",
            "contracts -> bus",
        ),
        (
            "crates",
            "contracts",
            "[build-dependencies]\nworkflow.workspace = true",
            "contracts -> workflow",
        ),
        (
            "crates",
            "bus",
            "[dependencies]\noutbox.workspace = true",
            "bus -> outbox",
        ),
        (
            "crates",
            "outbox",
            "[dependencies]\nservice.workspace = true",
            "outbox -> service",
        ),
        (
            "crates",
            "llm",
            "[dependencies]\nservice.workspace = true",
            "llm -> service",
        ),
        (
            "crates",
            "outbound",
            "[dependencies]\nworkflow.workspace = true",
            "outbound -> workflow",
        ),
        (
            "crates",
            "service",
            "[target.'cfg(unix)'.dependencies]\nworkflow.workspace = true",
            "service -> workflow",
        ),
        (
            "crates",
            "client",
            "[dependencies]\nservice.workspace = true",
            "client -> service",
        ),
        (
            "crates",
            "bus",
            "[dependencies]\ntestkit.workspace = true",
            "bus -> testkit",
        ),
        ("crates", "common", "", "common has no rule"),
        (
            "services",
            "gateway",
            "[dependencies]\ncoordinator.workspace = true",
            "gateway -> coordinator",
        ),
        (
            "services",
            "gateway",
            "[dev-dependencies]\nother = { package = \"coordinator\" }",
            "gateway -> coordinator",
        ),
        (
            "services",
            "gateway",
            "[dependencies]\ntestkit.workspace = true",
            "gateway -> testkit",
        ),
        ("services", "cli", "[dependencies]\nbus.workspace = true", "cli -> bus"),
        (
            "integration-tests",
            "integration-tests",
            "[dependencies]\ngateway.workspace = true",
            "integration-tests -> gateway",
        ),
        ("tools", "generator", "", "generator has no rule"),
    ];
    for (folder, name, lines, expected) in cases {
        assert_eq!(planted(folder, name, lines), [expected]);
    }
}

#[test]
fn what_the_design_allows_is_not_a_violation() {
    let cases = [
        (
            "crates",
            "bus",
            "[dependencies]\ncontracts.workspace = true\n[dev-dependencies]\ntestkit.workspace = true",
        ),
        (
            "services",
            "coordinator",
            "[dependencies]\noutbox.workspace = true\nserde = \"1\"",
        ),
        ("services", "cli", "[dependencies]\nclient.workspace = true"),
    ];
    for (folder, name, lines) in cases {
        assert_eq!(planted(folder, name, lines), Vec::<String>::new());
    }
}
