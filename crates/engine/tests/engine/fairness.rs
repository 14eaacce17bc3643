//! Executions give way to others, and keep their deadline, by the work they do.

use super::*;
use expressway_engine::{Clock, Sleep};
use std::fmt::Write;
use std::sync::atomic::AtomicUsize;

/// A clock on which time passes by looks at it. It stands still otherwise, so an execution that does not look never ends.
struct Looks {
    started: SystemTime,
    looks: AtomicUsize,
}

impl Clock for Looks {
    fn now(&self) -> SystemTime {
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        self.started + Duration::from_secs(looks as u64)
    }

    fn sleep_until(&self, _: SystemTime) -> Sleep<'_> {
        Box::pin(std::future::pending())
    }
}

/// How many looks there are until the deadline.
const LOOKS: u64 = 20;

/// Runs a loop until its deadline; how many states it entered, and how often it let others run.
async fn run(definition: &str, input: &str) -> (u64, usize) {
    let case = Case::new(definition).tasks(Tasks::default().on("T", |request, _| Ok(request.input.clone())));
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let environment = Environment {
        clock: Arc::new(Looks {
            started,
            looks: AtomicUsize::new(0),
        }),
        ..case.environment()
    };
    let request = ExecutionRequest {
        deadline: Some(started + Duration::from_secs(LOOKS)),
        ..case.request(input)
    };
    let engine = case.engine();
    let mut turns = 0;
    let mut execution = std::pin::pin!(engine.run(&environment, request, None));
    let others = std::future::poll_fn(|context| {
        turns += 1;
        execution.as_mut().poll(context)
    });
    let execution = others.await;
    assert!(
        execution.outcome == Outcome::Interrupted,
        "{definition:.300}: {:.300}",
        format!("{:?}", execution.outcome)
    );
    (execution.transitions, turns)
}

/// A machine that begins with the first of these states, and is a valid one, since it could end without it.
fn machine_that_may_end(states: &str) -> String {
    let (_, rest) = states.split_once('"').unwrap();
    let (first, _) = rest.split_once('"').unwrap();
    let start = format!(
        r#""Start":{{"Type":"Choice","Choices":[{{"Variable":"$.nothing","IsPresent":true,"Next":"Stop"}}],"Default":"{first}"}},
           "Stop":{{"Type":"Succeed"}},{states}"#
    );
    machine("Start", &start)
}

/// One kind of work on about 100 KB, as a state `S` that leads back to itself.
struct Work {
    name: &'static str,
    states: String,
    input: String,
}

fn works() -> Vec<Work> {
    let text = "a".repeat(100_000);
    let short = Document::from("a".repeat(10_000)).to_json();
    let json = Document::from(format!("[{}1]", "1,".repeat(50_000))).to_json();
    let numbers = format!(
        "[{}1]",
        (0..15_000).fold(String::new(), |mut out, n| {
            let _ = write!(out, "{n},");
            out
        })
    );
    let members = (0..8_000).fold(String::new(), |mut out, n| {
        let _ = write!(out, r#""k{n}":1,"#);
        out
    });
    let object = format!(r#"{{"big":{{{members}"last":1}}}}"#);
    let of = |value: &str| format!(r#"{{"v":{value}}}"#);
    let texts = || of(&Document::from(text.as_str()).to_json());
    let pass = |fields: &str| format!(r#""S":{{"Type":"Pass",{fields},"Next":"S"}}"#);
    let call = |call: &str| pass(&format!(r#""Parameters":{{"r.$":"{call}"}},"ResultPath":"$.r""#));
    let choice = |test: &str| {
        format!(
            r#""S":{{"Type":"Choice","Choices":[{{"Variable":"$.v",{test},"Next":"End"}}],"Default":"S"}},
               "End":{{"Type":"Succeed"}}"#
        )
    };
    let jsonata = |fields: &str| pass(&format!(r#""QueryLanguage":"JSONata",{fields}"#));
    let length = |inner: &str| call(&format!("States.ArrayLength({inner})"));
    let pattern = format!("*{}b", "a".repeat(50_000));
    let inner = |name: &str| format!(r#"{{"StartAt":"{name}","States":{{"{name}":{{"Type":"Pass","End":true}}}}}}"#);
    let map = |fields: &str| {
        let processor = inner("I");
        format!(r#""S":{{"Type":"Map",{fields},"ItemProcessor":{processor},"ResultPath":null,"Next":"S"}}"#)
    };
    let ranges = ["States.ArrayRange($.v, 1000, 1)"; 3].join(",");
    [
        ("StringToJson", length("States.StringToJson($.v)"), of(&json)),
        (
            "JsonToString",
            length("States.Array(States.JsonToString($.v))"),
            of(&numbers),
        ),
        ("Hash of a short text", call("States.Hash($.v, 'SHA-512')"), of(&short)),
        (
            "Base64Encode of a short text",
            call("States.Base64Encode($.v)"),
            of(&short),
        ),
        (
            "Base64Decode of a short text",
            call("States.Base64Decode($.v)"),
            of(&short),
        ),
        ("StringSplit", length("States.StringSplit($.v, 'b')"), texts()),
        ("Format", length("States.Array(States.Format('{}', $.v))"), texts()),
        ("ArrayContains", call("States.ArrayContains($.v, 'x')"), of(&numbers)),
        ("ArrayUnique", length("States.ArrayUnique($.v)"), of(&numbers)),
        ("ArrayPartition", length("States.ArrayPartition($.v, 1)"), of(&numbers)),
        (
            "ArrayRange, which is short",
            length(&format!("States.Array({ranges}, $.v)")),
            of("1"),
        ),
        (
            "JsonMerge",
            length("States.Array(States.JsonMerge($.big, $.big, false))"),
            object.clone(),
        ),
        ("path with wildcards", length("$.v[*]"), of(&numbers)),
        ("path with a filter", length("$.v[?(@ == 1)]"), of(&numbers)),
        (
            "path with a pattern",
            length("$.w[?($.v =~ /b.*/)]"),
            format!(r#"{{"w":[1,2,3],"v":"{text}"}}"#),
        ),
        ("template of text", pass(r#""Parameters":{"v.$":"$.v"}"#), texts()),
        (
            "output that is text",
            pass(r#""Comment":"-""#),
            Document::from(text.as_str()).to_json(),
        ),
        (
            "ResultPath",
            pass(r#""Result":1,"ResultPath":"$.big.last""#),
            object.clone(),
        ),
        ("Assign", pass(r#""Assign":{"x.$":"$.v"}"#), texts()),
        (
            "StringEquals",
            choice(&format!(r#""StringEquals":"{}b""#, "a".repeat(100_000))),
            texts(),
        ),
        (
            "StringMatches",
            choice(&format!(r#""StringMatches":"{pattern}""#)),
            texts(),
        ),
        (
            "StringLessThan",
            choice(&format!(r#""StringLessThan":"{}""#, "a".repeat(90_000))),
            texts(),
        ),
        (
            "JSONata",
            jsonata(r#""Output":"{% $merge([$states.input, {'n': $length($states.input.v)}]) %}""#),
            texts(),
        ),
        (
            "JSONata text",
            jsonata(r#""Assign":{"b":"{% $states.input.v & 'x' = 'y' %}"}"#),
            texts(),
        ),
        (
            "JSONata Assign",
            jsonata(r#""Assign":{"x":"{% $states.input.v %}"}"#),
            texts(),
        ),
        (
            "task",
            format!(r#""T":{{{TASK},"ResultSelector":{{}},"ResultPath":"$.r","Next":"T"}}"#),
            of(&numbers),
        ),
        ("Map", map(r#""ItemsPath":"$.v""#), of(&numbers)),
        (
            "ItemSelector",
            map(r#""ItemsPath":"$.w","MaxConcurrency":1000,"ItemSelector":{"h.$":"States.ArrayContains($.v, 'x')"}"#),
            format!(r#"{{"w":[1,2,3],"v":{numbers}}}"#),
        ),
        (
            "Parallel",
            format!(
                r#""S":{{"Type":"Parallel","Branches":[{},{}],"ResultPath":null,"Next":"S"}}"#,
                inner("I"),
                inner("J")
            ),
            texts(),
        ),
        (
            "errors that show a value",
            format!(
                r#""T":{{"QueryLanguage":"JSONata",{TASK},"TimeoutSeconds":"{{% $states.input.v %}}",
                   "Catch":[{{"ErrorEquals":["States.ALL"],"Output":"{{% $states.input %}}","Next":"T"}}],"End":true}}"#
            ),
            texts(),
        ),
    ]
    .map(|(name, states, input)| Work { name, states, input })
    .into()
}

#[tokio::test]
async fn every_kind_of_work_ends_at_the_deadline_and_lets_others_run() {
    // What no data is copied for passes the same number of states as ever.
    let small = machine_that_may_end(r#""S":{"Type":"Pass","Next":"S"}"#);
    let (transitions, turns) = run(&small, "{}").await;
    assert!((4_000..=5_200).contains(&transitions), "{transitions}");
    assert!(turns > 10, "{turns}");

    let mut unfair = Vec::new();
    for Work { name, states, input } in works() {
        let (transitions, turns) = run(&machine_that_may_end(&states), &input).await;
        let bytes = if name.contains("short") { 8_000 } else { 80_000 };
        let states_per_visit = match name {
            "Map" => 15_002,
            "ItemSelector" => 4,
            "Parallel" => 3,
            _ => 1,
        };
        // What 256 states count for that copy no data.
        let turn = 262_144;
        let is_fair = match name {
            "Map" | "Parallel" => transitions <= 256 * LOOKS,
            _ => transitions <= (LOOKS + 1) * turn / bytes * states_per_visit + 2,
        };
        if !is_fair || turns < 4 {
            unfair.push((name, transitions, turns));
        }
    }
    assert!(unfair.is_empty(), "states and turns until the deadline: {unfair:#?}");
}

/// A single evaluation that takes longer than there is time ends, too.
#[tokio::test]
async fn one_evaluation_has_no_more_time_than_its_execution() {
    let json = Document::from(format!("[{}1]", "1,".repeat(50_000))).to_json();
    let calls = (0..2_000).fold(String::new(), |mut out, n| {
        let _ = write!(out, r#""m{n}.$":"States.ArrayLength(States.StringToJson($.v))","#);
        out
    });
    let pass = format!(r#""S":{{"Type":"Pass","Parameters":{{{calls}"end":1}},"End":true}}"#);
    let tests = (0..2_000).fold(String::new(), |mut out, n| {
        let _ = write!(out, r#"{{"Variable":"$.v","StringMatches":"*{n}x","Next":"End"}},"#);
        out
    });
    let choice = format!(
        r#""S":{{"Type":"Choice","Choices":[{tests}{{"Variable":"$.v","IsNull":true,"Next":"End"}}],"Default":"End"}},
           "End":{{"Type":"Succeed"}}"#
    );
    for states in [pass, choice] {
        let (transitions, _) = run(&machine("S", &states), &format!(r#"{{"v":{json}}}"#)).await;
        assert!(transitions <= 2, "{transitions}");
    }
}
