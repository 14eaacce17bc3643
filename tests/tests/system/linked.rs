//! What is linked into the function's binary, and what must not be.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What only a developer's machine needs.
const NEVER: &[&str] = &[
    "dynoxide-rs",
    "expressway-cli",
    "expressway-local",
    "expressway-standins",
    "libsqlite3-sys",
    "rusqlite",
    "s3s",
];

/// The names of all packages that each package may be built from, on any target and with any of the features that the
/// workspace uses.
///
/// `cargo tree` would need the packages of all targets, of which a build downloads only its own. `Cargo.lock` names them
/// all. It does not tell dev-dependencies from others, but only the manifests of the workspace have any.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let lock = include_str!("../../../Cargo.lock");
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let name = package.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
        // `"name"`, or `"name version"` where there are several versions. They count as one.
        let entries = package.lines().filter_map(|line| line.strip_prefix(" \""));
        let names = entries.map(|entry| entry.split([' ', '"']).next().unwrap().to_owned());
        all.entry(name.trim_matches('"').to_owned()).or_default().extend(names);
    }
    for (name, dependencies) in members() {
        assert!(all.insert(name.clone(), dependencies).is_some(), "{name} is not locked");
    }
    all
}

/// What the manifests of the workspace name, without dev-dependencies.
fn members() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--locked",
            "--offline",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .output()
        .unwrap();
    assert!(
        metadata.status.success(),
        "{}",
        String::from_utf8_lossy(&metadata.stderr)
    );
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let linked = dependencies.filter(|dependency| dependency["kind"] != "dev");
        linked.map(name).collect()
    };
    packages.map(|package| (name(package), of(package))).collect()
}

/// The names of all packages that this one may be built from.
fn packages<'a>(package: &'a str, all: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([package]);
    let mut open = vec![package];
    while let Some(name) = open.pop() {
        open.extend(all[name].iter().map(String::as_str).filter(|name| found.insert(name)));
    }
    found
}

#[test]
fn nothing_for_a_developers_machine_is_in_the_function() {
    let all = dependencies();
    let function = packages("expressway-function", &all);
    // Direct, further on, and only for another system.
    for name in ["expressway-engine", "tokio", "windows-sys"] {
        assert!(function.contains(name), "{name}");
    }
    let linked: Vec<&str> = function.into_iter().filter(|name| NEVER.contains(name)).collect();
    assert_eq!(linked, [""; 0]);
    // The names are still those of the packages in question.
    let command = packages("expressway-cli", &all);
    for name in NEVER {
        assert!(command.contains(name), "{name} is nowhere");
    }
}
