//! Calls every operation of every AWS service.

pub mod client;
mod encode;
pub mod endpoint;
pub mod model;
pub mod request;
pub mod response;
mod timestamp;

pub use client::{CallError, CallOptions, CallOutput, Client, Credentials, EndpointOverrides};
pub use model::Service;
