use crate::{command, expressway, ran};

const DEFINITION: &str = r#"{"StartAt":"Set","States":{
    "Set":{"Type":"Pass","Assign":{"rate":2,"name.$":"$.name"},"Next":"Each"},
    "Each":{"Type":"Map","ItemsPath":"$name","ToleratedFailureCountPath":"$rate","Next":"End",
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"Inner","States":{
            "Inner":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $rate + $sum([$own := 1, $own]) %}","End":true}}},
        "Catch":[{"ErrorEquals":["E"],"Assign":{"failed":true},"Next":"End"}]},
    "End":{"Type":"Succeed"}}}"#;

#[test]
fn variables_are_told_by_state() {
    let found = ran(command(&["describe", "-", "--format", "json"]), DEFINITION);
    let expected = r#"{"name":"stdin","variableReferences":{"Each":["name","rate"],"Inner":["rate"]},"variableAssignments":{"Each":["failed"],"Set":["name","rate"]}}"#;
    assert_eq!(
        (found.code, found.stdout.trim_end()),
        (Some(0), expected),
        "{}",
        found.stderr
    );
    let found = ran(command(&["describe", "-"]), DEFINITION);
    let expected = "\
Each
  refers to $name, $rate
  assigns $failed
Inner
  refers to $rate
Set
  assigns $name, $rate
";
    assert_eq!(
        (found.code, found.stdout.as_str()),
        (Some(0), expected),
        "{}",
        found.stderr
    );
}

#[test]
fn definitions_without_variables_and_wrong_ones_are_told_apart() {
    let ran = expressway(&["describe", "orders.asl.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "no state uses variables\n"));
    let ran = expressway(&["describe", "broken.asl.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("Missing 'Next' target: Secnd"), "{}", ran.stderr);
}
