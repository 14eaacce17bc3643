use crate::{at, call, client, output, seeded, via};
use std::thread;

const RECEIPTS: &str = r#"{"buckets": {"receipts": {"objects": {"a.txt": "0123456789", "b/c.json": {"n": 1}}}}}"#;

#[tokio::test]
async fn objects_are_written_read_and_deleted() {
    let stand_ins = seeded(RECEIPTS).await;
    let put = r#"{"Bucket": "receipts", "Key": "é/ü.txt", "Body": "paid", "Metadata": {"order": "A"}}"#;
    let written = call(&stand_ins, "s3:putObject", put).await.unwrap();
    assert_ne!(at(&written, "ETag"), "none");
    let get = r#"{"Bucket": "receipts", "Key": "é/ü.txt"}"#;
    let read = call(&stand_ins, "s3:getObject", get).await.unwrap();
    // Step Functions writes a text as its JSON.
    assert_eq!(at(&read, "Body"), r#""paid""#);
    assert_eq!(at(&read, "Metadata/order"), "A");
    assert_eq!(at(&read, "ETag"), at(&written, "ETag"));
    let head = call(&stand_ins, "s3:headObject", get).await.unwrap();
    assert_eq!(at(&head, "ContentLength"), "6");
    call(&stand_ins, "s3:deleteObject", get).await.unwrap();
    call(&stand_ins, "s3:deleteObject", get).await.unwrap();
    let gone = call(&stand_ins, "s3:getObject", get).await.unwrap_err();
    assert_eq!(gone, "S3.NoSuchKeyException: The specified key does not exist.");
    assert!(call(&stand_ins, "s3:headObject", get).await.is_err());
    let shown: Vec<_> = stand_ins
        .effects()
        .into_iter()
        .map(|effect| (effect.action, effect.detail))
        .collect();
    assert_eq!(
        shown,
        [
            ("put", "é/ü.txt (6 bytes)".to_owned()),
            ("delete", "é/ü.txt".to_owned())
        ]
    );
}

#[tokio::test]
async fn ranges_are_parts() {
    let stand_ins = seeded(RECEIPTS).await;
    for (range, body, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=0-262144", "0123456789", "bytes 0-9/10"),
    ] {
        let get = format!(r#"{{"Bucket": "receipts", "Key": "a.txt", "Range": "{range}"}}"#);
        let answer = output(&client(stand_ins.config()), "s3:getObject", &get).await.unwrap();
        assert_eq!(answer.status, 206, "{range}");
        let found = (at(&answer.result, "Body"), at(&answer.result, "ContentRange"));
        assert_eq!(found, (body.to_owned(), content_range.to_owned()), "{range}");
    }
    let beyond = r#"{"Bucket": "receipts", "Key": "a.txt", "Range": "bytes=10-"}"#;
    let error = call(&stand_ins, "s3:getObject", beyond).await.unwrap_err();
    assert!(
        error.starts_with("S3.InvalidRangeException") || error.starts_with("S3.S3Exception"),
        "{error}"
    );
}

#[test]
fn of_fifty_who_create_the_same_object_one_wins() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let stand_ins = runtime.block_on(seeded(RECEIPTS));
    let writers: Vec<_> = (0..50)
        .map(|number| {
            let (stand_ins, handle) = (stand_ins.clone(), runtime.handle().clone());
            thread::spawn(move || {
                let put = format!(r#"{{"Bucket": "receipts", "Key": "race", "Body": {number}, "IfNoneMatch": "*"}}"#);
                (number, handle.block_on(call(&stand_ins, "s3:putObject", &put)))
            })
        })
        .collect();
    let results: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    let winners: Vec<_> = results
        .iter()
        .filter(|(_, result)| result.is_ok())
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    for error in results.iter().filter_map(|(_, result)| result.as_ref().err()) {
        assert!(
            error.contains("At least one of the pre-conditions you specified did not hold"),
            "{error}"
        );
    }
    let read = runtime
        .block_on(call(
            &stand_ins,
            "s3:getObject",
            r#"{"Bucket": "receipts", "Key": "race"}"#,
        ))
        .unwrap();
    assert_eq!(Some(&at(&read, "Body").parse::<i32>().unwrap()), winners.first());
}

#[tokio::test]
async fn conditions_on_the_etag_hold() {
    let stand_ins = seeded(RECEIPTS).await;
    let head = call(&stand_ins, "s3:headObject", r#"{"Bucket": "receipts", "Key": "a.txt"}"#)
        .await
        .unwrap();
    let e_tag = at(&head, "ETag").replace('"', "\\\"");
    let put = |condition: &str| format!(r#"{{"Bucket": "receipts", "Key": "a.txt", "Body": 1, {condition}}}"#);
    let matching = put(&format!(r#""IfMatch": "{e_tag}""#));
    call(&stand_ins, "s3:putObject", &matching).await.unwrap();
    assert!(call(&stand_ins, "s3:putObject", &matching).await.is_err());
    assert!(
        call(&stand_ins, "s3:putObject", &put(r#""IfNoneMatch": "*""#))
            .await
            .is_err()
    );
    let missing = r#"{"Bucket": "receipts", "Key": "none", "Body": 1, "IfMatch": "\"0\""}"#;
    let error = call(&stand_ins, "s3:putObject", missing).await.unwrap_err();
    assert!(
        error.starts_with("S3.S3Exception: The specified key does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_checksum_is_refused() {
    let stand_ins = seeded(RECEIPTS).await;
    let put = r#"{"Bucket": "receipts", "Key": "x", "Body": "text", "ChecksumSHA256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}"#;
    let error = call(&stand_ins, "s3:putObject", put).await.unwrap_err();
    assert!(error.contains("did not match"), "{error}");
    assert!(
        call(&stand_ins, "s3:getObject", r#"{"Bucket": "receipts", "Key": "x"}"#)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn objects_are_listed_by_page_and_folder() {
    let objects = r#"{"buckets": {"docs": {"objects": {"a/1": "", "a/2": "", "b": "", "c/1": "", "d": ""}}}}"#;
    let stand_ins = seeded(objects).await;
    let client = client(stand_ins.config());
    let (mut token, mut pages) = (String::new(), Vec::new());
    loop {
        let parameters = format!(r#"{{"Bucket": "docs", "Delimiter": "/", "MaxKeys": 2{token}}}"#);
        let page = via(&client, "s3:listObjectsV2", &parameters).await.unwrap();
        pages.push(
            [
                "CommonPrefixes/0/Prefix",
                "CommonPrefixes/1/Prefix",
                "Contents/0/Key",
                "Contents/1/Key",
            ]
            .map(|path| at(&page, path)),
        );
        match at(&page, "NextContinuationToken").as_str() {
            "none" => break,
            next => token = format!(r#", "ContinuationToken": "{next}""#),
        }
    }
    let none = || "none".to_owned();
    assert_eq!(
        pages,
        [
            ["a/".to_owned(), none(), "b".to_owned(), none()],
            ["c/".to_owned(), none(), "d".to_owned(), none()],
        ]
    );
}

#[tokio::test]
async fn buckets_must_be_there_and_have_right_names() {
    let stand_ins = seeded("{}").await;
    let error = call(
        &stand_ins,
        "s3:putObject",
        r#"{"Bucket": "none", "Key": "k", "Body": 1}"#,
    )
    .await
    .unwrap_err();
    assert!(
        error.starts_with("S3.S3Exception: The specified bucket does not exist"),
        "{error}"
    );
    call(&stand_ins, "s3:createBucket", r#"{"Bucket": "made"}"#)
        .await
        .unwrap();
    call(
        &stand_ins,
        "s3:putObject",
        r#"{"Bucket": "made", "Key": "../../k", "Body": 1}"#,
    )
    .await
    .unwrap();
    let error = call(&stand_ins, "s3:deleteBucket", r#"{"Bucket": "made"}"#)
        .await
        .unwrap_err();
    assert!(error.contains("is not empty"), "{error}");
}
