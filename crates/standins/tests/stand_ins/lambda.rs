use crate::{at, call, listening, with_options};
use expressway_standins::{Functions, Options, StandIns};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

async fn with_functions(text: &str, directory: PathBuf) -> StandIns {
    let options = Options {
        functions: Functions::parse(text, directory).unwrap(),
        ..Options::default()
    };
    with_options("{}", options).await
}

async fn invoke(stand_ins: &StandIns, name: &str, payload: &str) -> Result<String, String> {
    let parameters = format!(r#"{{"FunctionName": "{name}", "Payload": {payload}}}"#);
    let answer = call(stand_ins, "lambda:invoke", &parameters).await?;
    match at(&answer, "FunctionError").as_str() {
        "none" => Ok(at(&answer, "Payload")),
        _ => Err(at(&answer, "Payload")),
    }
}

#[tokio::test]
async fn commands_get_the_event_and_give_the_result() {
    let functions = r#"{
        "echo": {"command": ["cat"]},
        "where": {"command": ["sh", "-c", "printf '\"%s\"' \"$AWS_LAMBDA_FUNCTION_NAME in $(cat here.txt)\""]},
        "silent": {"command": ["true"]},
        "broken": {"command": ["sh", "-c", "echo no funds >&2; exit 3"]},
        "typed": {"command": ["sh", "-c", "echo '{\"errorType\":\"CardDeclined\",\"errorMessage\":\"no\"}'; exit 1"]},
        "talks": {"command": ["echo", "hello"]},
        "missing": {"command": ["no-such-program-anywhere"]}
    }"#;
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("here.txt"), "its directory").unwrap();
    let stand_ins = with_functions(functions, directory.path().to_owned()).await;
    assert_eq!(
        invoke(&stand_ins, "echo", r#"{"a":"é"}"#).await.unwrap(),
        r#"{"a":"é"}"#
    );
    assert_eq!(
        invoke(&stand_ins, "where", "{}").await.unwrap(),
        r#""where in its directory""#
    );
    assert_eq!(invoke(&stand_ins, "silent", "{}").await.unwrap(), "null");
    for (name, error_type, message) in [
        (
            "broken",
            "Runtime.ExitError",
            "`sh` ended with exit status: 3: no funds",
        ),
        ("typed", "CardDeclined", r#""errorMessage":"no""#),
        (
            "talks",
            "Runtime.InvalidResult",
            "`echo` wrote to standard output what is not JSON",
        ),
        (
            "missing",
            "Runtime.InvalidEntrypoint",
            "cannot start `no-such-program-anywhere`",
        ),
    ] {
        let error = invoke(&stand_ins, name, "{}").await.unwrap_err();
        assert!(
            error.contains(&format!(r#""errorType":"{error_type}""#)),
            "{name}: {error}"
        );
        assert!(error.contains(message), "{name}: {error}");
    }
}

#[tokio::test]
async fn functions_are_found_by_name_qualifier_and_arn() {
    let functions = r#"{"charge": {"return": "any"}, "charge:live": {"return": "live"}}"#;
    let stand_ins = with_functions(functions, PathBuf::new()).await;
    for (name, expected) in [
        ("charge", "any"),
        ("charge:live", "live"),
        ("charge:7", "any"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:charge", "any"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:charge:live", "live"),
        ("123456789012:function:charge", "any"),
    ] {
        assert_eq!(
            invoke(&stand_ins, name, "{}").await.unwrap(),
            format!("\"{expected}\""),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_function_that_is_not_there_is_told() {
    let (heard, options) = listening();
    let functions = Functions::parse(r#"{"charge": {"return": 1}}"#, PathBuf::new()).unwrap();
    let stand_ins = with_options("{}", Options { functions, ..options }).await;
    let error = invoke(&stand_ins, "chrage", "{}").await.unwrap_err();
    let problem = "the function `chrage` is not available in a local run, did you mean `charge`?";
    assert_eq!(error, format!("Lambda.ResourceNotFoundException: {problem}"));
    assert_eq!(*heard.lock().unwrap(), [problem]);
}

#[tokio::test]
async fn mock_files_answer_for_functions() {
    let directory = TempDir::new().unwrap();
    let mocks = r#"{"StateMachines": {}, "MockedResponses": {"Charged": {
        "0": {"Throw": {"Error": "Busy", "Cause": "later"}},
        "1": {"Return": {"StatusCode": 200, "Payload": {"id": "ch_1"}}}}}}"#;
    fs::write(directory.path().join("mocks.json"), mocks).unwrap();
    let functions = r#"{"charge": {"mock": "mocks.json#Charged"}}"#;
    let stand_ins = with_functions(functions, directory.path().to_owned()).await;
    let error = invoke(&stand_ins, "charge", "{}").await.unwrap_err();
    assert_eq!(error, r#"{"errorType":"Busy","errorMessage":"later"}"#);
    assert_eq!(invoke(&stand_ins, "charge", "{}").await.unwrap(), r#"{"id":"ch_1"}"#);
    let missing = Functions::parse(
        r#"{"charge": {"mock": "mocks.json#Chargd"}}"#,
        directory.path().to_owned(),
    );
    assert!(
        missing
            .unwrap_err()
            .first()
            .unwrap()
            .ends_with("has no mocked response `Chargd`, did you mean `Charged`?")
    );
}

#[tokio::test]
async fn functions_at_an_address_are_posted_to() {
    let served = with_functions(
        r#"{"echo": {"command": ["cat"]}, "fail": {"command": ["false"]}}"#,
        PathBuf::new(),
    )
    .await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { served.serve(listener).await });
    // Requests there are not signed, so that the path alone would not do: a stand-in answers Invoke by its host too.
    let functions = format!(
        r#"{{"echo": {{"url": "http://{address}/2015-03-31/functions/echo/invocations?X-Amz-Credential=a%2Fb%2Fc%2Flambda%2Fd"}},
             "fail": {{"url": "http://{address}/2015-03-31/functions/fail/invocations?X-Amz-Credential=a%2Fb%2Fc%2Flambda%2Fd"}},
             "gone": {{"url": "http://127.0.0.1:1/"}}}}"#
    );
    let stand_ins = with_functions(&functions, PathBuf::new()).await;
    assert_eq!(invoke(&stand_ins, "echo", r#"{"a":1}"#).await.unwrap(), r#"{"a":1}"#);
    assert!(
        invoke(&stand_ins, "fail", "{}")
            .await
            .unwrap_err()
            .contains("Runtime.ExitError")
    );
    assert!(
        invoke(&stand_ins, "gone", "{}")
            .await
            .unwrap_err()
            .contains("Runtime.Unreachable")
    );
    server.abort();
}

#[test]
fn mistakes_in_the_file_have_their_place() {
    for (text, expected) in [
        (
            r#"{"f": {"comand": ["x"]}}"#,
            "f: unknown key `comand`, did you mean `command`?",
        ),
        (r#"{"f": {}}"#, "f: must have one of `command`, `url`, `mock`, `return`"),
        (r#"{"f": {"command": "x"}}"#, "f/command: must be an array of strings"),
        (r#"{"f": {"command": ["x"], "url": "http://x"}}"#, "f: must have one of"),
        (r#"{"f": {"url": "x"}}"#, "f/url: must begin with `http://`"),
        (
            r#"{"f": {"mock": "x"}}"#,
            "f/mock: must be `<mock file>#<name in MockedResponses>`",
        ),
        (
            r#"{"f": {"mock": "no-such-file.json#x"}}"#,
            "f/mock: cannot read `no-such-file.json`",
        ),
        ("[]", "the file: must be an object, but is an array"),
    ] {
        let mistakes = Functions::parse(text, PathBuf::new()).unwrap_err();
        assert!(mistakes.first().unwrap().starts_with(expected), "{text}: {mistakes:?}");
    }
}
