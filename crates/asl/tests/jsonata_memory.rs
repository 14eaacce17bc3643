//! Expressions in a process that may use little memory.
//!
//! The process is really limited: what it allocates beyond the limit aborts it. It is one of its own, since limits are
//! those of processes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use expressway_asl::jsonata::{Bindings, Jsonata};
use expressway_asl::resolve::Resolver;
use expressway_asl::{Document, memory};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::process::{Command, Output};
use std::time::SystemTime;

/// What the process of a test does: `limited` if it says how much memory there is.
const ROLE: &str = "EXPRESSWAY_TEST_MEMORY";

const MIB: u64 = 1024 * 1024;

/// The memory of the smallest Lambda function.
const MEMORY: u64 = 128 * MIB;

/// Stacks for deep evaluations, and address space that threads of the allocator reserve. Of these little is ever used.
const RESERVED: u64 = 160 * MIB;

struct Input(Document);

impl Resolver for Input {}

impl Bindings for Input {
    fn states(&self, member: &str) -> Option<Document> {
        (member == "input").then(|| self.0.clone())
    }

    fn variable(&self, _name: &str) -> Option<Document> {
        None
    }

    fn random(&self) -> u128 {
        1
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// Expressions that fill the memory while they are evaluated, until they are stopped for that or for their time.
const GREEDY: [&str; 2] = [
    "($a := [1..800000]; $b := $map($a, function($x) { {'a': $x, 'b': [$x, $x]} }); $count($b))",
    "$reduce([1..400000], function($a, $i) { function() { [$a, $i] } }, 1) != 1",
];

fn evaluate(expression: &str, input: &Input) -> String {
    match Jsonata::parse(expression).unwrap().evaluate(input) {
        Ok(value) => value.map_or(0, |value| value.to_json().len()).to_string(),
        Err(failure) => failure.to_string(),
    }
}

/// Runs in the process of its own.
#[test]
fn in_a_small_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let limit = Rlimit {
        current: Some(MEMORY + RESERVED),
        maximum: Some(MEMORY + RESERVED),
    };
    setrlimit(Resource::Data, limit).unwrap();
    if role == "limited" {
        memory::limit_process(MEMORY);
    }
    let none = Input(Document::Null);
    let large = Input(vec![Document::from(1); 5_000_000].into());
    println!("read: {}", evaluate("$count($states.input[$ > 0])", &large));
    drop(large);
    println!(
        "result: {}",
        evaluate("[$pad('', 4000000, 'x'), $pad('', 4000000, 'y')]", &none)
    );
    for expression in GREEDY {
        println!("made: {}", evaluate(expression, &none));
        assert_eq!(evaluate("$sum([1, 2])", &none), "1", "the next one works");
    }
    println!("done");
}

fn run(role: &str) -> Output {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "in_a_small_process", "--nocapture"]);
    process.env(ROLE, role).output().unwrap()
}

#[test]
fn expressions_fail_and_the_process_lives() {
    let limited = run("limited");
    let lines = String::from_utf8_lossy(&limited.stdout).into_owned();
    assert!(
        limited.status.success(),
        "{lines}{}",
        String::from_utf8_lossy(&limited.stderr)
    );
    assert!(lines.contains("done"), "{lines}");
    for (what, limit) in [
        ("read", "Expression evaluation memory limit exceeded"),
        ("result", "Expression evaluation memory limit exceeded"),
        ("made", "Expression evaluation "),
    ] {
        let count = lines.matches(&format!("{what}: {limit}")).count();
        assert_eq!(count, if what == "made" { GREEDY.len() } else { 1 }, "{lines}");
    }

    // The limit of processes that do not say how much memory they have is more than this one has.
    let unaware = run("unaware");
    assert!(
        !unaware.status.success(),
        "{}",
        String::from_utf8_lossy(&unaware.stdout)
    );
}

#[test]
fn the_limit_is_a_share_of_what_is_left() {
    // Nothing else in this process evaluates expressions.
    if std::env::var(ROLE).is_ok() {
        return;
    }
    let sum = |items: usize| evaluate("$sum($states.input)", &Input(vec![Document::from(1); items].into()));
    assert_eq!(sum(1_000_000), "7");
    memory::limit_process(u64::MAX);
    assert_eq!(sum(1_000_000), "7");
    memory::limit_process(0);
    assert!(sum(1_000).contains("memory limit exceeded"));
    memory::limit_process(u64::MAX);
}
