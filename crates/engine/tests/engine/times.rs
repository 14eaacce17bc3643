//! No time that comes from outside can make an execution panic.

use super::*;
use expressway_engine::{Clock, later};

const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "0.5",
    "-0.5",
    "2147483647",
    "2147483648",
    "4294967296",
    "9007199254740992",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e18",
    "1e308",
    "1e400",
    "null",
];

const DATES: [&str; 10] = [
    "0000-01-01T00:00:00Z",
    "0000-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00.000000001Z",
    "1969-12-31T23:59:59.999999999Z",
    "1970-01-01T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "2262-04-11T23:47:17Z",
    "2554-07-21T23:34:34Z",
    "9999-12-31T23:59:59.999999999-23:59",
    "+10000-01-01T00:00:00Z",
];

/// States in which `VALUE` is a number as it stands in the definition, or `$.v` and `$states.input.v` as in the input.
fn of_numbers() -> Vec<String> {
    let task = |fields: &str| format!(r#""S":{{{TASK},{fields},"End":true}}"#);
    let wait = |fields: &str| format!(r#""S":{{"Type":"Wait",{fields},"End":true}}"#);
    let retry = |fields: &str| task(&format!(r#""Retry":[{{"ErrorEquals":["States.ALL"],{fields}}}]"#));
    let jsonata = r#""QueryLanguage":"JSONata""#;
    let output =
        |expression: &str| format!(r#""S":{{"Type":"Pass",{jsonata},"Output":"{{% {expression} %}}","End":true}}"#);
    vec![
        task(r#""TimeoutSecondsPath":"$.v""#),
        task(r#""TimeoutSecondsPath":"$.v","HeartbeatSecondsPath":"$.v""#),
        task(r#""TimeoutSeconds":VALUE"#),
        task(r#""TimeoutSeconds":99999999,"HeartbeatSeconds":VALUE"#),
        task(&format!(r#"{jsonata},"TimeoutSeconds":"{{% $states.input.v %}}""#)),
        task(&format!(
            r#"{jsonata},"TimeoutSeconds":99999999,"HeartbeatSeconds":"{{% $states.input.v %}}""#
        )),
        wait(r#""SecondsPath":"$.v""#),
        wait(r#""Seconds":VALUE"#),
        wait(&format!(r#"{jsonata},"Seconds":"{{% $states.input.v %}}""#)),
        wait(r#""TimestampPath":"$.v""#),
        retry(r#""IntervalSeconds":VALUE"#),
        retry(r#""IntervalSeconds":VALUE,"JitterStrategy":"FULL""#),
        retry(r#""BackoffRate":VALUE"#),
        retry(r#""IntervalSeconds":VALUE,"BackoffRate":VALUE,"MaxDelaySeconds":VALUE"#),
        retry(r#""IntervalSeconds":1,"MaxDelaySeconds":VALUE"#),
        retry(r#""IntervalSeconds":1,"MaxAttempts":VALUE"#),
        format!(r#"{},"Never":{{"Type":"Succeed"}}"#, task(r#""ResultPath":null"#)),
        output("$fromMillis($states.input.v)"),
        output("$fromMillis($states.input.v, '[Y]-[M01]', '+1400')"),
        output("$toMillis($string($states.input.v), '[Y]')"),
        output("$millis() + $states.input.v"),
        output("$now('[Y0001]', '-1400') & $states.input.v"),
    ]
}

fn of_dates() -> Vec<String> {
    let wait = |fields: &str| format!(r#""S":{{"Type":"Wait",{fields},"End":true}}"#);
    let jsonata = r#""QueryLanguage":"JSONata""#;
    vec![
        wait(r#""TimestampPath":"$.v""#),
        wait(r#""Timestamp":VALUE"#),
        wait(&format!(r#"{jsonata},"Timestamp":"{{% $states.input.v %}}""#)),
        r#""S":{"Type":"Choice","Choices":[{"Variable":"$.v","TimestampLessThanPath":"$.v","Next":"E"},
                {"Variable":"$.v","TimestampGreaterThan":VALUE,"Next":"E"}],"Default":"E"},"E":{"Type":"Succeed"}"#
            .to_owned(),
        format!(r#""S":{{"Type":"Pass",{jsonata},"Output":"{{% $toMillis($states.input.v) %}}","End":true}}"#),
    ]
}

#[tokio::test(start_paused = true)]
async fn no_time_in_a_definition_or_in_data_is_too_much() {
    let texts = DATES.map(|date| Document::from(date).to_json());
    let numbers = NUMBERS.map(str::to_owned);
    let mut run = 0;
    for (states, values) in [(of_numbers(), &numbers[..]), (of_dates(), &texts[..])] {
        for states in states {
            for value in values {
                let timeout = match states.contains("Never") {
                    true => format!(r#"{{"TimeoutSeconds":{value},"#),
                    false => "{".to_owned(),
                };
                let definition = machine("S", &states.replace("VALUE", value)).replacen('{', &timeout, 1);
                let definition = definition.replace(r#","Never":{"Type":"Succeed"}"#, "");
                let Ok(compilation) = expressway_asl::check(&definition, &BTreeMap::new()) else {
                    continue;
                };
                let tasks = Tasks::default().on_after("S", Duration::from_secs(20), |_, call| match call {
                    3.. => Ok(doc("1")),
                    _ => Err(error("Oops", "")),
                });
                let case = Case::new(&definition).tasks(tasks);
                let engine = Engine::new(Arc::new(compilation.program), Options::default());
                let input = format!(r#"{{"v":{value}}}"#);
                for replay in [None, Some(ReplayTime::Recorded)] {
                    let request = ExecutionRequest {
                        replay: replay.map(|time| Replay {
                            seed: [1; 32],
                            started: SystemTime::now(),
                            timeout_from: SystemTime::now(),
                            time,
                        }),
                        ..case.request(&input)
                    };
                    let execution = engine.run(&case.environment(), request, Some(&case.events)).await;
                    let is_faulted = matches!(execution.outcome, Outcome::Faulted(_));
                    assert!(!is_faulted, "{definition} {value}: {:?}", execution.outcome);
                    run += 1;
                }
            }
        }
    }
    assert!(run > 500, "{run}");
}

/// What surrounds an execution may have any time, too.
#[tokio::test(start_paused = true)]
async fn no_time_of_the_surroundings_is_too_much() {
    let far = later(SystemTime::now(), Duration::MAX);
    assert!(far > SystemTime::now());
    assert_eq!(later(far, Duration::MAX), far);
    assert!(SystemClock::new().real_time_until(far) > Some(Duration::from_secs(1)));
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(100_000_000_000);
    let states = format!(
        r#""W":{{"Type":"Wait","Seconds":1,"Next":"T"}},"T":{{{TASK},"TimeoutSeconds":99999999,"Next":"C"}},
           "C":{{"Type":"Pass","Parameters":{{"c.$":"$$"}},"End":true}}"#
    );
    let definition = machine("W", &states).replacen('{', r#"{"TimeoutSeconds":99999999,"#, 1);
    for time in [early, SystemTime::UNIX_EPOCH, SystemTime::now(), far] {
        for time_max in [Duration::ZERO, Duration::from_secs(300), Duration::MAX] {
            let case = Case::new(&definition).tasks(Tasks::default().on("T", |_, _| Ok(doc("1"))));
            let compilation = expressway_asl::compile(&definition, &BTreeMap::new()).unwrap();
            let options = Options {
                execution_time_max: time_max,
                ..Options::default()
            };
            let engine = Engine::new(Arc::new(compilation.program), options);
            for recorded in [ReplayTime::Actual, ReplayTime::Recorded] {
                let request = ExecutionRequest {
                    deadline: Some(time),
                    replay: Some(Replay {
                        seed: [1; 32],
                        started: time,
                        timeout_from: time,
                        time: recorded,
                    }),
                    ..case.request("{}")
                };
                let execution = engine.run(&case.environment(), request, Some(&case.events)).await;
                assert!(
                    !matches!(execution.outcome, Outcome::Faulted(_)),
                    "{:?}",
                    execution.outcome
                );
            }
            for event in case.events.0.lock().unwrap().iter() {
                let event = HistoryEvent { time, ..event.clone() };
                assert!(event.to_api().get("id").is_some());
                assert!(event.to_log(&"arn".into(), true).get("id").is_some());
            }
        }
    }
}
