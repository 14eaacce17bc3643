//! Expressions that ask for too much time, stack or memory: each ends in time, with a failure that a state
//! machine can catch or with the right answer, and leaves the process alive.
//!
//! Memory is measured as the highest resident memory that the process ever had (`VmHWM`), where the system tells.

#![expect(clippy::expect_used, reason = "these are tests")]

use expressway_asl::Document;
use expressway_asl::jsonata::{Bindings, Jsonata};
use expressway_asl::resolve::Resolver;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

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

/// How much time of a processor an expression may take: one second is the limit; half a second is left for the last step
/// before it is noticed.
const TIME_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 4_000 } else { 1_500 });

/// How many processes share the expressions, many of which run until the limit on time. Memory is watched by process, so
/// threads would see each other's.
const PROCESSES: usize = 2;

/// Tells a process which share is its own.
const SHARE: &str = "JSONATA_ADVERSARIAL_SHARE";

/// How much memory a process may take.
const MEMORY_KIB_MAX: u64 = 768 * 1024;

const TIMEOUT: &str = "Expression evaluation timeout: Check for infinite loop";
const DEPTH: &str = "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as \
                     tail-recursive.";
const MEMORY: &str = "Expression evaluation memory limit exceeded: Check for excessive memory usage";

const T2001: &str = "T2001: The left side of the \"+\" operator must evaluate to a number";

/// Any of the three limits.
const LIMIT: &str = "a limit";

/// How long this thread has run, on systems that tell. Time on the clock would fail on a machine that is busy with
/// something else.
fn thread_time() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = statistics.split(' ').next()?;
    Some(Duration::from_nanos(nanoseconds.parse().ok()?))
}

/// The highest resident memory of this process so far.
fn memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[test]
fn every_expression_ends() {
    if let Ok(share) = std::env::var(SHARE) {
        check_share(share.parse().expect("a number"));
        return;
    }
    let start = |share: usize| {
        Command::new(std::env::current_exe().expect("this test is a file"))
            .args(["every_expression_ends", "--exact", "--nocapture"])
            .env(SHARE, share.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this test starts")
    };
    let children: Vec<_> = (0..PROCESSES).map(start).collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Evaluates every n-th expression, from this one on.
fn check_share(share: usize) {
    let long_sum = vec!["1"; 3_000].join("+");
    let members = (0..300).map(|n| format!("'{n}': $pad('a', 100000)"));
    let members = members.collect::<Vec<_>>().join(", ");
    let wide = format!("{{{members}}}");
    let merged = format!("$merge([{{'x': {{{members}}}}}, {{{members}}}])");
    let parentheses = format!("{}1{}", "(".repeat(900), ")".repeat(900));
    let brackets = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let chains = vec!["$abs"; 3_000].join(" ~> ");
    let doubling = format!(
        "({} $a)",
        "$a := $a & $a;"
            .repeat(40)
            .replacen("$a := $a & $a", "$a := 'xxxxxxxx'", 1)
    );
    let nested = format!(
        "({} $count([$a.**]))",
        "$a := [$a, $a];".repeat(40).replacen("[$a, $a]", "[1]", 1)
    );
    let rows: &[(&str, &str)] = &[
        // Recursion.
        ("($f := function($n) { $n + $f($n + 1) }; $f(0))", DEPTH),
        ("($f := function() { $f() }; $f())", TIMEOUT),
        ("($f := function($n) { $n = 0 ? 0 : $f($n - 1) }; $f(20000))", "0"),
        ("($f := function($n) { [$f($n + 1)] }; $f(0))", DEPTH),
        ("(function($f) { $f($f) })(function($f) { $f($f) })", LIMIT),
        (
            "($f := function($n) { $map([1, 2], function($x) { $f($n) }) }; $f(0))",
            LIMIT,
        ),
        (
            "($even := function($n) { $n = 0 ? true : $odd($n - 1) }; $odd := function($n) { $n = 0 ? false : $even($n - 1) }; $even(50))",
            "true",
        ),
        ("($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(25))", "25"),
        // Long and deep texts.
        (&long_sum, LIMIT),
        (&parentheses, "1"),
        (&brackets, LIMIT),
        (&chains, LIMIT),
        // Chains of functions.
        (
            "($g := $reduce([1..100000], function($a, $i) { function() { $a } }, 1); $type($g))",
            MEMORY,
        ),
        (
            "($g := $reduce([1..20000], function($a, $i) { function() { $a } }, 1); $type($g))",
            r#""function""#,
        ),
        (
            "($g := $reduce([1..100000], function($f, $i) { $append($f, ?) }, 1); 1)",
            LIMIT,
        ),
        (
            "($f := function($g, $n) { $n = 0 ? 1 : $f($g ~> $abs, $n - 1) }; $f($abs, 1000000))",
            LIMIT,
        ),
        (
            "($f := function($g, $n) { $n = 0 ? 1 : $f(function() { $g }, $n - 1) }; $f(1, 1000000))",
            LIMIT,
        ),
        // Functions that are asked for too much.
        ("$pad('a', 1000000000)", MEMORY),
        (&wide, MEMORY),
        (&merged, MEMORY),
        ("$pad('abc', -1e300)", MEMORY),
        ("['abc'].$pad(1e12)", MEMORY),
        ("['abc'].$pad(1e12, 'x')", MEMORY),
        ("$map([1e12], function($n) { $pad('a', $n) })", MEMORY),
        ("$length($pad('a', 1000000))", "1000000"),
        ("$formatNumber(1, '0' & $pad('', 1000000, '0'))", MEMORY),
        ("$formatInteger(123456789012345678901234567890, 'I')", MEMORY),
        ("$formatInteger(1e300, 'w')", MEMORY),
        ("$map([1e30], function($n) { $formatInteger($n, 'I') })", MEMORY),
        ("[1e30].$formatInteger('i')", LIMIT),
        ("$formatInteger(999999, 'I') ~> $length", "1005"),
        ("$power(10, 308) ~> $formatNumber('0') ~> $length", "309"),
        ("$count([1..1000000000])", MEMORY),
        ("$count([1..873782])", "873782"),
        ("$count([1..873783])", MEMORY),
        ("$count($range(1, 1e15, 1))", MEMORY),
        ("$count($distinct([1..100000]))", "100000"),
        (
            "$count($distinct($map([1..100000], function($i) { {'k': $i % 1000} })))",
            "1000",
        ),
        ("$join($map([1..100000], $string), $pad('', 100000, ','))", MEMORY),
        (
            "$length($replace($pad('', 1000000, 'a'), 'a', $pad('', 1000000, 'b')))",
            MEMORY,
        ),
        (
            "$length($replace($pad('', 1000000, 'a'), /a/, $pad('', 1000000, 'b')))",
            MEMORY,
        ),
        ("$count($match($pad('', 5000000, 'a'), /a/))", MEMORY),
        ("$count($split($pad('', 800000, 'a'), ''))", "800000"),
        ("$parse($pad('', 100000, '['))", "D3137: Invalid JSON"),
        ("$fromMillis(0, $pad('', 1000000, '[Y]'))", LIMIT),
        ("$toMillis('1', $pad('', 1000000, '[Y]'))", LIMIT),
        ("$zip([1..800000], [1..800000]) ~> $count", "800000"),
        ("$sum($sort([1..800000], function($a, $b) { $a < $b }))", LIMIT),
        (
            "$count($keys($map([1..100000], function($i) { {'k' & $i: 1} })))",
            "100000",
        ),
        (
            "$count($spread($merge($map([1..100000], function($i) { {'k' & $i: 1} }))))",
            "100000",
        ),
        // Regular expressions.
        ("$contains($pad('', 50000, 'a') & '!', /^(a+)+$/)", "false"),
        ("$match($pad('', 5000, 'a') & '!', /(a|aa)+$/)", "undefined"),
        ("$replace($pad('', 100000, 'a'), /(a*)*b/, 'x') ~> $length", "100000"),
        ("$contains('a', /(((a{1,100}){1,100}){1,100}){1,100}/)", LIMIT),
        // Values that grow.
        ("$reduce([1..60], function($a, $i) { $a & $a }, 'x')", MEMORY),
        (
            "$length($reduce([1..22], function($a, $i) { $a & $a }, 'x'))",
            "4194304",
        ),
        ("$reduce([1..60], function($a, $i) { $join([$a, $a]) }, 'x')", MEMORY),
        ("$reduce([1..60], function($a, $i) { $append($a, $a) }, [1])", MEMORY),
        ("$count($reduce([1..60], function($a, $i) { [$a, $a] }, [1]))", MEMORY),
        (
            "($a := $reduce([1..60], function($a, $i) { {'l': $a, 'r': $a} }, 1); $b := $reduce([1..60], function($a, $i) { {'l': $a, 'r': $a} }, 1); $a = $b)",
            MEMORY,
        ),
        ("$string($reduce([1..60], function($a, $i) { [[$a, $a]] }, 1))", MEMORY),
        ("$reduce([1..60], function($a, $i) { $zip($a, $a) }, [1])", MEMORY),
        (
            "$reduce([1..60], function($a, $i) { $map([1, 2], function($x) { {'a': $a} }) }, 1)",
            MEMORY,
        ),
        (
            "$reduce([1..60], function($a, $i) { $encodeUrlComponent($a & $a) }, '%')",
            MEMORY,
        ),
        (
            "($f := function($n) { $n = 0 ? 1 : ($x := $f($n - 1); [$x, $x]) }; $f(60))",
            LIMIT,
        ),
        ("($f := function($a) { $f($a & $a) }; $f('x'))", MEMORY),
        ("($f := function($a) { $f([$a, $a]) }; $f('x'))", MEMORY),
        (&doubling, MEMORY),
        (&nested, MEMORY),
        (
            "'x' ~> function($a) { $a & $a } ~> function($a) { $a & $a }",
            r#""xxxx""#,
        ),
        // Much of everything.
        ("$count($map([1..800000], function($i) { [1..1000] }))", LIMIT),
        ("$count([1..1000].[1..100000])", LIMIT),
        (
            "$count($map([1..1000], function($i) { $pad('', 4000000, 'x') }))",
            LIMIT,
        ),
        ("$count([1..1000].($pad('', 4000000, 'x')))", LIMIT),
        ("$count([1..3000].([1..3000].{'a': $, 'b': $string($)}))", LIMIT),
        (
            "$count($states.input.items.($a := $; $states.input.items.{'a': $a, 'b': $}))",
            LIMIT,
        ),
        ("$count($filter([1..800000], function($i) { $i % 2 = 0 }))", "400000"),
        // What failed is looked for in time, too.
        (
            "($map([1..100000], function($i) { $string($i) & 'x' }); 'a' + 1)",
            T2001,
        ),
        // Deep results.
        ("$reduce([1..100000], function($a, $i) { [[$a]] }, 1)", LIMIT),
        ("$reduce([1..100000], function($a, $i) { {'a': $a} }, 1)", LIMIT),
        (
            "$type($reduce([1..3000], function($a, $i) { {'a': $a} }, 1))",
            r#""object""#,
        ),
        ("$parse($pad('', 900, '[') & $pad('', 900, ']')) ~> $count", "1"),
    ];
    let items: Vec<String> = (0..5_000)
        .map(|at| format!(r#"{{"id":{at},"name":"item {at}"}}"#))
        .collect();
    let input = Input(Document::parse(&format!(r#"{{"items":[{}]}}"#, items.join(","))).expect("JSON"));
    let mut wrong = String::new();
    for (expression, expected) in rows.iter().skip(share).step_by(PROCESSES) {
        let shown: String = expression.chars().take(120).collect();
        let (start, started) = (thread_time(), Instant::now());
        let found = match Jsonata::parse(expression) {
            Err(error) => format!("syntax error: {error}"),
            Ok(parsed) => match parsed.evaluate(&input) {
                Ok(Some(document)) => document.to_json(),
                Ok(None) => "undefined".to_owned(),
                Err(failure) => failure.to_string(),
            },
        };
        let taken = match (start, thread_time()) {
            (Some(start), Some(end)) => end.saturating_sub(start),
            _ => started.elapsed(),
        };
        let is_right = match *expected {
            LIMIT => [TIMEOUT, DEPTH, MEMORY].contains(&found.as_str()),
            expected => found == expected,
        };
        // On a slow machine, any work may meet the limit on time.
        if !is_right && found != TIMEOUT {
            let found: String = found.chars().take(200).collect();
            wrong += &format!("{shown}\n    gives    {found}\n    expected {expected}\n");
        }
        if taken > TIME_MAX {
            wrong += &format!("{shown}\n    takes    {taken:?}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    if let Some(memory) = memory_kib() {
        assert!(memory <= MEMORY_KIB_MAX, "{memory} KiB of memory were taken");
    }
}
