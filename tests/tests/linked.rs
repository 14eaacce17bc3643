//! What is linked into the function's binary, and what must not be.

#![expect(clippy::unwrap_used, reason = "these are tests")]

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

/// The names of all packages that this one is built from.
fn packages(package: &str) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", package])
        .args([
            "--edges",
            "normal,build",
            "--target",
            "all",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    text.lines()
        .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
        .collect()
}

#[test]
fn nothing_for_a_developers_machine_is_in_the_function() {
    let function = packages("expressway-function");
    assert!(function.iter().any(|name| name == "expressway-engine"));
    let linked: Vec<_> = function.iter().filter(|name| NEVER.contains(&name.as_str())).collect();
    assert_eq!(linked, [""; 0]);
    // The names are still those of the packages in question.
    let command = packages("expressway-cli");
    for name in NEVER {
        assert!(command.iter().any(|known| known == name), "{name} is nowhere");
    }
}
