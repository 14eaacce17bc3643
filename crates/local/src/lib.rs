//! Stand-ins for AWS on a developer's machine; never part of the Lambda function.
//!
//! - [`mock`]: answers of Task states from a mock file in Step Functions Local's format.
//! - [`suggest`]: what a mistyped name was meant to be.
//! - [`virtual_clock`]: a clock on which waits take no time.

pub mod mock;
pub mod suggest;
pub mod virtual_clock;

pub use mock::{MockFile, MockedTasks, TestCase};
pub use suggest::closest;
pub use virtual_clock::FastForward;
