//! Calls every operation of every AWS service.
//!
//! Step Functions reaches more than 400 services from a definition, `arn:aws:states:::aws-sdk:<service>:<action>`.
//! A typed SDK crate for each would not fit in a Lambda function. Here the models of the services are data: 1.7 MB
//! of tables, decoded service by service when first asked for, and one serializer and deserializer per protocol.
//!
//! # The life of a call
//! 1. [`Service::find`] decodes the service's table once; [`Service::operation`] finds the operation.
//! 2. [`request`] writes parameters, named as in Step Functions, into an HTTP request.
//! 3. [`endpoint`] evaluates the service's rules: where the request goes, and for whom it is signed.
//! 4. [`client`] hands it to the runtime of AWS's SDK: credentials, signature, connection pool, retries.
//! 5. [`response`] reads the answer into a result, or into an error with the name and cause of Step Functions.
//!
//! ```no_run
//! use expressway_asl::Document;
//! use expressway_aws::client::config_from_environment;
//! use expressway_aws::{CallOptions, Client, EndpointOverrides, Service};
//!
//! # async fn example() -> Option<()> {
//! let config = config_from_environment(std::env::vars());
//! let client = Client::new(config, EndpointOverrides::from_variables(std::env::vars()));
//! let service = Service::find("dynamodb")?;
//! let operation = service.operation("getItem")?;
//! let parameters = Document::parse(r#"{"TableName": "orders", "Key": {"id": {"S": "1"}}}"#).ok()?;
//! match client.call(service, operation, &parameters, &CallOptions::default()).await {
//!     Ok(result) => println!("{result}"),
//!     Err(error) => println!("{}: {}", error.name(service), error.cause()),
//! }
//! # Some(())
//! # }
//! ```
//!
//! # What it does not do
//! - Streams of events, in either direction; Step Functions has none either.
//! - Signatures of version 4A (S3 multi-region access points, EventBridge global endpoints), S3 Express sessions,
//!   bearer tokens: the call is not sent and says why. Services signed with bearer tokens only are sent unsigned.
//! - Redirects of S3 to the region of a bucket: the error of the service is the answer.
//! - A second, signed request inside the first (`SourceRegion` of RDS, DocumentDB and Neptune).
//! - DynamoDB's endpoints for single accounts, endpoint discovery, compressed requests.
//! - Checksums of answers (S3, DynamoDB's CRC-32, SQS's MD5) are not verified: the transport is.
//! - Tree hashes of Glacier, and the endpoint that Machine Learning's Predict takes as a parameter.

pub mod client;
mod encode;
pub mod endpoint;
pub mod model;
mod quirks;
pub mod request;
pub mod response;
mod timestamp;

pub use client::{CallError, CallOptions, CallOutput, Client, Credentials, EndpointOverrides, PlainRequest, Signing};
pub use encode::percent;
pub use model::Service;
