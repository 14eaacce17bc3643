use crate::expressway;

#[test]
fn help_has_examples() {
    for subcommand in [
        "run",
        "invoke",
        "validate",
        "describe",
        "test-state",
        "bench",
        "completions",
    ] {
        let ran = expressway(&[subcommand, "--help"]);
        assert_eq!(ran.code, Some(0));
        let example = format!("Examples:\n  expressway {subcommand} ");
        assert!(ran.stdout.contains(&example), "{}", ran.stdout);
    }
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for arguments in [
        &["run"][..],
        &["rum", "wait.json"],
        &["run", "wait.json", "--format", "xml"],
        &["run", "wait.json", "--max-concurrency", "0"],
        &["run", "wait.json", "--name", "a b"],
        &["run", "wait.json", "--execution-arn", "me"],
        &["run", "wait.json", "--unmocked", "aws"],
        &["run", "wait.json", "--history", "no/such/directory/history.json"],
        &["run", "missing.json"],
        &["run", "orders.asl.json", "--substitutions", "[]"],
        &["bench", "wait.json", "--iterations", "0"],
        &["validate"],
        &["invoke", "wait.json"],
        &["invoke", "wait.json", "--event", "{"],
        &["invoke", "wait.json", "--event", "{}", "--env", "NAME"],
        &[
            "invoke",
            "wait.json",
            "--event",
            "{}",
            "--env",
            "EXPRESSWAY_HTTP_INPUT=both",
        ],
    ] {
        let ran = expressway(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn completions_are_scripts() {
    for (shell, part) in [
        ("bash", "complete -F _expressway"),
        ("zsh", "#compdef expressway"),
        ("fish", "complete -c expressway"),
    ] {
        let ran = expressway(&["completions", shell]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout.contains(part), "{shell}");
    }
}

#[test]
fn colours_only_when_asked_for() {
    let plain = expressway(&["validate", "wait.json"]);
    assert_eq!(plain.stdout, "wait.json: valid\n");
    let coloured = expressway(&["validate", "wait.json", "--color", "always"]);
    assert!(coloured.stdout.contains("\u{1b}["));
}
