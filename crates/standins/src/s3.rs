//! S3: `s3s` reads requests and writes answers, buckets and objects are ours.
//!
//! Objects are whole, in memory, and in a directory too if there is one. Conditions are checked and the object is
//! written under one lock. Multipart uploads, versions and access rules are not there: S3's own `NotImplemented`.

mod store;
mod unsigned;

pub(crate) use store::{NewObject, Store, replace_file};

use crate::context::Context;
use crate::protocol::{Answer, Request, answer};
use async_trait::async_trait;
use http::Method;
use s3s::dto::{
    Bucket, ChecksumMode, CommonPrefix, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource,
    CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput,
    DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, ETagCondition, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListObjectsV2Input, ListObjectsV2Output, MetadataDirective, Object as ListedObject,
    PutObjectInput, PutObjectOutput, Range, StreamingBlob, Timestamp,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use store::Stored;

/// The largest object. S3 takes 5 GB in one request; here all is in memory.
const OBJECT_BYTES_MAX: usize = 1 << 30;

/// All buckets, behind S3's protocol.
pub(crate) struct Buckets {
    service: S3Service,
}

impl fmt::Debug for Buckets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Buckets")
    }
}

impl Buckets {
    pub(crate) fn new(context: Arc<Context>, store: Arc<Store>) -> Buckets {
        Buckets {
            service: S3ServiceBuilder::new(Backend { context, store }).build(),
        }
    }

    pub(crate) async fn call(&self, request: Request) -> Answer {
        let is_head = request.method() == Method::HEAD;
        let request = match unsigned::plain(request) {
            Ok(request) => request.map(Body::from),
            Err(problem) => return answer(400, "text/plain", problem),
        };
        let answered = match self.service.call(request).await {
            Ok(answered) => answered,
            Err(error) => return answer(500, "text/plain", format!("{error:?}")),
        };
        let (parts, mut body) = answered.into_parts();
        // What HEAD answers has no body, not even the error.
        let body = match is_head {
            true => Ok(Default::default()),
            false => body.store_all_limited(usize::MAX).await,
        };
        let mut whole = match body {
            Ok(body) => answer(parts.status.as_u16(), "", body),
            Err(error) => return answer(500, "text/plain", error.to_string()),
        };
        for (name, value) in &parts.headers {
            whole.headers_mut().append(name, value.clone());
        }
        whole
    }
}

struct Backend {
    context: Arc<Context>,
    store: Arc<Store>,
}

type Answered<Output> = S3Result<S3Response<Output>>;

fn answered<Output>(output: Output) -> Answered<Output> {
    Ok(S3Response::new(output))
}

#[async_trait]
impl S3 for Backend {
    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answered<CreateBucketOutput> {
        let bucket = request.input.bucket;
        self.store.create_bucket(&bucket)?;
        self.context.record("s3", &bucket, "create", "");
        answered(CreateBucketOutput {
            location: Some(format!("/{bucket}")),
        })
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answered<DeleteBucketOutput> {
        self.store.delete_bucket(&request.input.bucket)?;
        self.context.record("s3", request.input.bucket, "delete", "");
        answered(DeleteBucketOutput::default())
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answered<HeadBucketOutput> {
        self.store.check_bucket(&request.input.bucket)?;
        answered(HeadBucketOutput::default())
    }

    async fn list_buckets(&self, _request: S3Request<ListBucketsInput>) -> Answered<ListBucketsOutput> {
        let buckets = self.store.buckets().into_iter().map(|name| Bucket {
            name: Some(name),
            ..Bucket::default()
        });
        answered(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            ..ListBucketsOutput::default()
        })
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answered<PutObjectOutput> {
        let input = request.input;
        let mut body = input.body.map_or_else(Body::empty, Body::from);
        let bytes = body.store_all_limited(OBJECT_BYTES_MAX).await;
        let bytes = bytes.map_err(|error| s3_error!(EntityTooLarge, "{error}"))?;
        store::check_digest(&bytes, input.content_md5.as_deref())?;
        let given = s3s::dto::Checksum {
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..s3s::dto::Checksum::default()
        };
        let checksum = store::check_checksums(&bytes, given)?;
        let object = NewObject {
            content: bytes,
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            metadata: input.metadata.into_iter().flatten().collect(),
            crc32: checksum.checksum_crc32.clone(),
            sha256: checksum.checksum_sha256.clone(),
        };
        let bytes = object.content.len();
        let now = self.context.now_millis();
        let condition =
            |stored: Option<&Stored>| check_write(stored, input.if_match.as_ref(), input.if_none_match.as_ref());
        let e_tag = self.store.put(&input.bucket, &input.key, object, now, condition)?;
        self.context
            .record("s3", input.bucket, "put", format!("{} ({bytes} bytes)", input.key));
        answered(PutObjectOutput {
            e_tag: Some(ETag::Strong(e_tag)),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..PutObjectOutput::default()
        })
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answered<GetObjectOutput> {
        let input = request.input;
        let stored = self.store.get(&input.bucket, &input.key)?;
        check_read(&stored, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let size = stored.content.len();
        let part = input.range.map(|range| resolve(&range, size)).transpose()?;
        let content = part
            .clone()
            .map_or_else(|| stored.content.clone(), |part| stored.content.slice(part));
        let content_range = part.as_ref().map(|part| content_range(part, size));
        let wants_checksum = input
            .checksum_mode
            .is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        let is_whole = part.is_none() && wants_checksum;
        answered(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(content.len()).ok(),
            body: Some(StreamingBlob::from(Body::from(content))),
            checksum_crc32: stored.crc32.clone().filter(|_| is_whole),
            checksum_sha256: stored.sha256.clone().filter(|_| is_whole),
            content_encoding: stored.content_encoding.clone(),
            content_range,
            content_type: Some(stored.content_type().to_owned()),
            e_tag: Some(ETag::Strong(stored.e_tag.clone())),
            last_modified: Some(timestamp(stored.modified)),
            metadata: Some(stored.metadata.clone().into_iter().collect()),
            ..GetObjectOutput::default()
        })
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answered<HeadObjectOutput> {
        let input = request.input;
        let stored = self.store.get(&input.bucket, &input.key)?;
        check_read(&stored, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let wants_checksum = input
            .checksum_mode
            .is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        answered(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            checksum_sha256: stored.sha256.clone().filter(|_| wants_checksum),
            content_length: i64::try_from(stored.content.len()).ok(),
            content_encoding: stored.content_encoding.clone(),
            content_type: Some(stored.content_type().to_owned()),
            e_tag: Some(ETag::Strong(stored.e_tag.clone())),
            last_modified: Some(timestamp(stored.modified)),
            metadata: Some(stored.metadata.clone().into_iter().collect()),
            ..HeadObjectOutput::default()
        })
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answered<CopyObjectOutput> {
        let input = request.input;
        let CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
            return Err(s3_error!(
                NotImplemented,
                "only objects of buckets can be copied in a local run"
            ));
        };
        let stored = self.store.get(bucket, key)?;
        let replaces = input.metadata_directive.as_ref().map(MetadataDirective::as_str);
        let mut object = stored.to_new();
        if replaces == Some(MetadataDirective::REPLACE) {
            object.metadata = input.metadata.into_iter().flatten().collect();
            object.content_type = input.content_type;
        }
        let now = self.context.now_millis();
        let e_tag = self.store.put(&input.bucket, &input.key, object, now, |_| Ok(()))?;
        self.context.record(
            "s3",
            input.bucket,
            "put",
            format!("{} (a copy of {bucket}/{key})", input.key),
        );
        answered(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(ETag::Strong(e_tag)),
                last_modified: Some(timestamp(now)),
                ..CopyObjectResult::default()
            }),
            ..CopyObjectOutput::default()
        })
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answered<DeleteObjectOutput> {
        let input = request.input;
        let condition = |stored: Option<&Stored>| match stored {
            Some(_) => check_write(stored, input.if_match.as_ref(), None),
            None => Ok(()),
        };
        if self.store.delete(&input.bucket, &input.key, condition)? {
            self.context.record("s3", input.bucket, "delete", input.key);
        }
        answered(DeleteObjectOutput::default())
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answered<DeleteObjectsOutput> {
        let input = request.input;
        let mut deleted = Vec::new();
        for object in input.delete.objects {
            if self.store.delete(&input.bucket, &object.key, |_| Ok(()))? {
                self.context.record("s3", &input.bucket, "delete", &object.key);
            }
            deleted.push(DeletedObject {
                key: Some(object.key),
                ..DeletedObject::default()
            });
        }
        answered(DeleteObjectsOutput {
            deleted: Some(deleted).filter(|_| input.delete.quiet != Some(true)),
            ..DeleteObjectsOutput::default()
        })
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answered<ListObjectsV2Output> {
        const KEYS_MAX: i32 = 1000;
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input
            .continuation_token
            .clone()
            .or(input.start_after.clone())
            .unwrap_or_default();
        let count = input.max_keys.unwrap_or(KEYS_MAX).clamp(0, KEYS_MAX);
        let page_size = usize::try_from(count).unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let listing = self.store.list(&input.bucket, &prefix, &after, delimiter, page_size)?;
        let contents = listing.objects.into_iter().map(|(key, stored)| ListedObject {
            key: Some(key),
            size: i64::try_from(stored.content.len()).ok(),
            e_tag: Some(ETag::Strong(stored.e_tag)),
            last_modified: Some(timestamp(stored.modified)),
            ..ListedObject::default()
        });
        let contents: Vec<_> = contents.collect();
        let common: Vec<_> = listing
            .prefixes
            .into_iter()
            .map(|prefix| CommonPrefix { prefix: Some(prefix) })
            .collect();
        answered(ListObjectsV2Output {
            key_count: i32::try_from(contents.len() + common.len()).ok(),
            contents: Some(contents),
            common_prefixes: Some(common),
            is_truncated: Some(listing.next.is_some()),
            next_continuation_token: listing.next,
            name: Some(input.bucket),
            prefix: Some(prefix),
            delimiter: input.delimiter,
            max_keys: Some(count),
            ..ListObjectsV2Output::default()
        })
    }
}

fn check_write(
    stored: Option<&Stored>,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let refused = || {
        s3_error!(
            PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold"
        )
    };
    match (if_match, stored) {
        (None, _) => {}
        (Some(_), None) => return Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
        (Some(condition), Some(stored)) if !stored.is(condition) => return Err(refused()),
        (Some(_), Some(_)) => {}
    }
    match (if_none_match, stored) {
        (Some(condition), Some(stored)) if stored.is(condition) => Err(refused()),
        _ => Ok(()),
    }
}

fn check_read(
    stored: &Stored,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if if_match.is_some_and(|condition| !stored.is(condition)) {
        return Err(s3_error!(
            PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold"
        ));
    }
    match if_none_match.is_some_and(|condition| stored.is(condition)) {
        true => Err(s3_error!(NotModified)),
        false => Ok(()),
    }
}

fn resolve(range: &Range, size: usize) -> S3Result<std::ops::Range<usize>> {
    let invalid = || s3_error!(InvalidRange, "The requested range is not satisfiable");
    let part = range
        .check(u64::try_from(size).unwrap_or(u64::MAX))
        .map_err(|_| invalid())?;
    let place = |byte: u64| usize::try_from(byte).map_err(|_| invalid());
    Ok(place(part.start)?..place(part.end)?)
}

fn content_range(part: &std::ops::Range<usize>, size: usize) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1))
}

fn timestamp(millis: i64) -> Timestamp {
    let since_epoch = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    Timestamp::from(UNIX_EPOCH + since_epoch)
}
