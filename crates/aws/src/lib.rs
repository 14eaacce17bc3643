//! Calls every operation of every AWS service.

mod encode;
pub mod endpoint;
pub mod model;
pub mod request;
pub mod response;
mod timestamp;

pub use model::Service;
