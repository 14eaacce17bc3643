//! Stand-ins for AWS on a developer's machine; never part of the Lambda function.
//!
//! - [`mock`]: answers of Task states from a mock file in Step Functions Local's format.
//! - [`virtual_clock`]: a clock on which waits take no time.

pub mod mock;
mod suggest;
pub mod virtual_clock;

pub use mock::{MockFile, MockedTasks, TestCase};
pub use suggest::closest;
pub use virtual_clock::FastForward;
