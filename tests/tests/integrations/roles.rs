//! `Credentials`: tasks that run under a role of their own.

use crate::{Aws, name_and_cause, signature};
use expressway_tests::execution::MACHINE;
use expressway_tests::server::{Reply, Request};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

const ROLE: &str = "arn:aws:iam::444455556666:role/target";

fn is_sts(request: &Request) -> bool {
    request.text().contains("Action=AssumeRole")
}

/// A session that is good until then.
fn session(key: &str, expiration: &str) -> Reply {
    Reply::ok(format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{expiration}</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    ))
}

/// Gives a new session to whoever asks, and an empty answer to all else.
async fn aws(expiration: &'static str) -> Aws {
    let sessions = AtomicUsize::new(0);
    Aws::with(move |request| match is_sts(&request) {
        true => session(&format!("ASIA{}", sessions.fetch_add(1, Ordering::Relaxed)), expiration),
        false => Reply::ok("{}"),
    })
    .await
}

#[tokio::test]
async fn all_kinds_of_calls_are_signed_with_the_session_of_the_role() {
    for (resource, parameters) in [
        ("arn:aws:lambda:eu-west-1:444455556666:function:f", "{}"),
        ("lambda:invoke", r#"{"FunctionName":"f"}"#),
        ("aws-sdk:dynamodb:listTables", "{}"),
        ("dynamodb:getItem", r#"{"TableName":"t","Key":{}}"#),
        (
            "apigateway:invoke",
            r#"{"ApiEndpoint":"HOST","Method":"GET","AuthType":"IAM_ROLE"}"#,
        ),
    ] {
        let aws = aws("2099-01-01T00:00:00Z").await;
        aws.task(resource, parameters).under(ROLE).run().await.unwrap();
        let requests = aws.requests();
        let asked = requests[0].text();
        let external_id = MACHINE.replace(':', "%3A");
        for part in [
            "RoleSessionName=orders",
            "role%2Ftarget",
            &format!("ExternalId={external_id}"),
        ] {
            assert!(asked.contains(part), "{asked}");
        }
        assert_eq!(signature(&requests[0]).unwrap(), ("sts".to_owned(), "AKID".to_owned()));
        let (_, key) = signature(&requests[1]).unwrap();
        assert_eq!(key, "ASIA0", "{resource}");
        assert_eq!(requests[1].header("x-amz-security-token"), Some("t"));
    }
}

#[tokio::test]
async fn a_role_is_assumed_once_by_all_who_need_it() {
    let aws = aws("2099-01-01T00:00:00Z").await;
    let calls = (0..8).map(|_| aws.task("aws-sdk:dynamodb:listTables", "{}").under(ROLE).run());
    for result in join_all(calls).await {
        result.unwrap();
    }
    aws.task("lambda:invoke", r#"{"FunctionName":"f"}"#)
        .under(ROLE)
        .run()
        .await
        .unwrap();
    assert_eq!(aws.requests().iter().filter(|request| is_sts(request)).count(), 1);

    aws.task("aws-sdk:dynamodb:listTables", "{}")
        .under("arn:aws:iam::1:role/other")
        .run()
        .await
        .unwrap();
    aws.call("aws-sdk:dynamodb:listTables", "{}").await.unwrap();
    let requests = aws.requests();
    assert_eq!(requests.iter().filter(|request| is_sts(request)).count(), 2);
    assert_eq!(signature(requests.last().unwrap()).unwrap().1, "AKID");
}

#[tokio::test]
async fn a_session_is_replaced_before_it_ends() {
    let aws = aws("2099-01-01T00:00:00Z").await;
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(4_070_908_800);
    let left = end.duration_since(SystemTime::now()).unwrap();
    let call = || async {
        for (resource, parameters) in [
            ("aws-sdk:dynamodb:listTables", "{}"),
            ("lambda:invoke", r#"{"FunctionName":"f"}"#),
        ] {
            aws.task(resource, parameters).under(ROLE).run().await.unwrap();
        }
        let requests = aws.requests();
        let last = requests
            .iter()
            .rev()
            .take(2)
            .map(|request| signature(request).unwrap().1);
        (
            requests.iter().filter(|request| is_sts(request)).count(),
            last.collect::<Vec<_>>(),
        )
    };
    assert_eq!(call().await, (1, vec!["ASIA0".to_owned(); 2]));
    aws.clock.advance(left - Duration::from_secs(600));
    assert_eq!(call().await, (1, vec!["ASIA0".to_owned(); 2]));
    aws.clock.advance(Duration::from_secs(400));
    // The new session ends at the same time, so that each call asks for one more.
    let (sessions, last) = call().await;
    assert!(sessions > 2, "{sessions}");
    assert!(!last.contains(&"ASIA0".to_owned()), "{last:?}");
}

#[tokio::test]
async fn a_role_that_is_refused_fails_the_task() {
    let refused = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: \
        arn:aws:sts::111122223333:assumed-role/orders/fn is not authorized to perform: sts:AssumeRole on resource: \
        arn:aws:iam::444455556666:role/target</Message></Error></ErrorResponse>";
    for (resource, parameters) in [
        ("aws-sdk:dynamodb:listTables", "{}"),
        ("lambda:invoke", r#"{"FunctionName":"f"}"#),
    ] {
        let aws = Aws::scripted([Reply::status(403, refused)]).await;
        let error = name_and_cause(aws.task(resource, parameters).under(ROLE).run().await);
        let cause = "The role arn:aws:iam::111122223333:role/orders is not authorized to assume the task state's role, \
                     arn:aws:iam::444455556666:role/target.";
        assert_eq!(error, ("States.TaskFailed".to_owned(), cause.to_owned()));
        assert_eq!(aws.requests().len(), 1);
    }
}
