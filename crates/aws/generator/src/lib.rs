//! Makes the tables of `expressway-aws` from a botocore wheel.
//!
//! botocore is AWS's SDK for Python; its package holds the models of all services as data. The tables hold what
//! a client needs of them, in a form that is small and quick to read. The same wheel always gives the same
//! bytes: `expressway-aws-generator --check` compares them with those in the repository.
//!
//! - [`wheel`] opens the package and finds the newest model of each service,
//! - [`service`] and [`rules`] turn JSON into the types of `expressway_aws`,
//! - [`write`](mod@write) turns those into bytes,
//! - [`tables`] puts the files together.

pub mod rules;
pub mod service;
pub mod tables;
pub mod wheel;
pub mod write;

/// Why no tables could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The wheel is not the one that `SOURCE` names.
    #[error("the wheel has SHA-256 {found}, `SOURCE` names {expected}")]
    OtherWheel {
        /// What `SOURCE` says.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// The wheel is not a botocore wheel, or holds something that the tables cannot.
    #[error("{file}: {problem}")]
    Model {
        /// The file inside the wheel.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The tables in the repository are not those of the wheel.
    #[error("`{0}` differs from what the wheel gives; run the generator and commit")]
    Differs(String),
}
