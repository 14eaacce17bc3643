//! The sample events in the package of the crate `aws_lambda_events`: each source is recognized, each answer has its
//! shape.

use super::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// What file names begin with, and who sends such events. Of several rows the longest counts.
const SOURCES: &[(&str, &str)] = &[
    ("activemq", "direct"),
    ("alb-lambda-target-request-headers-only", "alb"),
    ("alb-lambda-target-request-multivalue-headers", "alb multi-value"),
    ("alb-lambda-target-response", "direct"),
    ("apigw-console", "http v1"),
    ("apigw-custom-auth", "direct"),
    ("apigw-request", "http v1"),
    ("apigw-response", "direct"),
    ("apigw-restapi", "http v1"),
    ("apigw-sam-http", "http v2"),
    ("apigw-sam-rest", "http v1"),
    ("apigw-v2-custom-authorizer", "direct"),
    ("apigw-v2-request", "http v2"),
    ("apigw-websocket", "direct"),
    ("appsync", "direct"),
    ("autoscaling", "event"),
    ("bedrock-agent", "direct"),
    ("clientvpn", "direct"),
    ("cloudformation", "direct"),
    ("cloudwatch-alarm-composite", "direct"),
    ("cloudwatch-alarm-metric", "direct"),
    ("cloudwatch-alarm-sns-payload", "sns"),
    ("cloudwatch-cloudtrail", "direct"),
    ("cloudwatch_logs", "direct"),
    ("code_commit", "direct"),
    ("codebuild", "event"),
    ("codedeploy", "event"),
    ("codedeploy-lifecycle-event", "direct"),
    ("codepipeline", "event"),
    ("codepipeline_job", "direct"),
    ("cognito", "direct"),
    ("config", "direct"),
    ("connect", "direct"),
    ("controltower", "direct"),
    ("documentdb", "direct"),
    ("dynamodb-event", "dynamodb"),
    ("dynamodb-event-record-with-optional-fields", "direct"),
    ("ecr-image-scan", "event"),
    ("eventbridge", "event"),
    ("firehose", "direct"),
    ("iot", "direct"),
    ("kafka", "kafka"),
    ("kinesis-event", "kinesis"),
    ("kinesis-firehose", "direct"),
    ("lex", "direct"),
    ("rabbitmq", "direct"),
    ("s3-event", "s3"),
    ("s3-object-lambda", "direct"),
    ("secretsmanager", "direct"),
    ("ses", "direct"),
    ("sns-event", "sns"),
    ("sns-subscription-confirmation", "direct"),
    ("sns-unsubscribe-confirmation", "direct"),
    ("sqs-api-event-obj", "direct"),
    ("sqs-batch-response", "direct"),
    ("sqs-event", "sqs"),
    ("vpc-lattice", "direct"),
];

/// Where the package of a dependency is.
fn package(name: &str) -> PathBuf {
    let cargo = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Packages for other systems need not have been downloaded.
    let metadata = cargo(&[
        "metadata",
        "--format-version=1",
        "--offline",
        "--locked",
        "--filter-platform",
        host,
    ]);
    let metadata = Document::parse(&metadata).unwrap();
    let mut packages = metadata.get("packages").and_then(Document::as_array).unwrap().iter();
    let package = packages.find(|package| records::text(package, &["name"]) == Some(name));
    let manifest = PathBuf::from(records::text(package.unwrap(), &["manifest_path"]).unwrap());
    manifest.parent().unwrap().to_owned()
}

/// Names and texts of the samples.
fn samples() -> Vec<(String, Vec<u8>)> {
    let directory = package("aws_lambda_events").join("src/fixtures");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let samples = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut samples: Vec<_> = samples
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap();
            (name.to_owned(), std::fs::read(&path).unwrap())
        })
        .collect();
    samples.sort();
    samples
}

/// The identifiers of the records that an answer reports, as JSON; `None` if it is another answer.
fn reported(answer: &Document) -> Option<Vec<String>> {
    let failures = answer.get("batchItemFailures")?.as_array()?.iter();
    failures
        .map(|failure| Some(failure.get("itemIdentifier")?.to_json()))
        .collect()
}

fn is_response(answer: &Document) -> bool {
    let is_status = answer.get("statusCode").and_then(Document::as_i64).is_some();
    is_status && answer.get("body").and_then(Document::as_str).is_some()
}

#[tokio::test]
async fn samples_are_recognized_and_answered() {
    let samples = samples();
    assert!(samples.len() >= 173, "{}", samples.len());
    let mut unused: BTreeSet<&str> = SOURCES.iter().map(|(prefix, _)| *prefix).collect();
    let mut wrong = Vec::new();
    for (file, text) in &samples {
        let stem = file.strip_prefix("example-").unwrap_or(file);
        let rows = SOURCES.iter().filter(|(prefix, _)| stem.starts_with(prefix));
        let expected = rows.max_by_key(|(prefix, _)| prefix.len()).copied();
        let event = Document::parse(std::str::from_utf8(text).unwrap()).unwrap();
        let actual = name(&EventSource::of(&event, &configuration()));
        match expected {
            Some((prefix, expected)) if expected == actual => {
                unused.remove(prefix);
            }
            other => {
                wrong.push(format!("{stem} is {actual}, expected {other:?}"));
                continue;
            }
        }
        let echo = Setup::new(ECHO).handle_bytes(text).await;
        let echo = echo.map(|answer| Document::parse(&answer).unwrap());
        let failed = Setup::new(FAIL).handle_bytes(text).await;
        let failed = failed.map(|answer| Document::parse(&answer).unwrap());
        match actual {
            "http v1" | "http v2" | "alb" | "alb multi-value" => {
                assert!(echo.is_ok_and(|answer| is_response(&answer)), "{file}");
                assert!(failed.is_ok_and(|answer| is_response(&answer)), "{file}");
            }
            "sqs" | "kinesis" | "dynamodb" | "kafka" => {
                assert_eq!(reported(&echo.unwrap()), Some(Vec::new()), "{file}");
                assert!(!reported(&failed.unwrap()).unwrap().is_empty(), "{file}");
            }
            "sns" | "s3" | "eventbridge" => {
                let records = event.get("Records").and_then(Document::as_array).unwrap();
                assert_eq!(echo.unwrap(), Document::Array(records.clone()), "{file}");
                assert!(failed.unwrap_err().to_string().contains("no items"), "{file}");
            }
            _ => {
                assert_eq!(echo.unwrap(), event, "{file}");
                assert_eq!(failed.unwrap_err().error_type, "OrderInvalid", "{file}");
            }
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
    assert_eq!(unused, BTreeSet::new());
}
