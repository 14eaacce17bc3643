//! Answers of Task states from a mock file, in the format that Step Functions Local calls `MockConfigFile.json`.
//!
//! ```json
//! {
//!   "StateMachines": {"Orders": {"TestCases": {"Retried": {"Charge payment": "ChargedAtTheSecondAttempt"}}}},
//!   "MockedResponses": {
//!     "ChargedAtTheSecondAttempt": {
//!       "0": {"Throw": {"Error": "Lambda.TooManyRequestsException", "Cause": "Rate Exceeded."}},
//!       "1": {"Return": {"StatusCode": 200, "Payload": {"chargeId": "ch_1"}}}
//!     }
//!   }
//! }
//! ```
//!
//! **Which answer is given.** The numbers count the calls of a state within one execution, from 0, retries, Map
//! iterations and loops alike: the n-th call gets the answer numbered n. This is how Step Functions Local 2.0.0
//! counts (measured by others: floci-io/floci#3254, localstack/localstack#13107), though its documentation speaks
//! of retry attempts only. Map iterations that run at once are counted in the order in which they make the call.
//!
//! DIFFERENCE: after the answer with the highest number, that answer is given again. Step Functions Local fails
//! the execution with `States.Runtime` there, so that a Map state over a list of any length can not be mocked
//! (test `the_last_answer_is_given_again`).
//!
//! DIFFERENCE: a state that the test case does not name fails the execution with `States.Runtime`, unless a
//! fallback is given. Step Functions Local calls the service (test `what_is_not_mocked_says_so`).

mod file;

pub use file::{MockFile, Response, TestCase, UnknownTestCase};

use crate::suggest::closest;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_engine::{StateError, TaskError, TaskFuture, TaskRequest, TaskRunner};
use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers Task states as a test case says.
///
/// Remembers how often each state of each execution was called, so make one for each invocation.
pub struct MockedTasks {
    test_case: Arc<TestCase>,
    fallback: Option<Arc<dyn TaskRunner>>,
    /// Calls so far by execution and state. States that always get the same answer are not counted.
    calls: Mutex<HashMap<Text, HashMap<Text, usize>>>,
}

/// What one call of a mocked state comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The task's result.
    Return(Document),
    /// The task's error.
    Throw(StateError),
}

impl MockedTasks {
    /// Answers as this test case says; states that it does not name fail the execution.
    pub fn new(test_case: Arc<TestCase>) -> MockedTasks {
        MockedTasks {
            test_case,
            fallback: None,
            calls: Mutex::default(),
        }
    }

    /// Hands states that the test case does not name to `fallback`.
    pub fn with_fallback(mut self, fallback: Arc<dyn TaskRunner>) -> MockedTasks {
        self.fallback = Some(fallback);
        self
    }

    fn answer(&self, request: &TaskRequest<'_>, response: &Response) -> Result<Document, TaskError> {
        let call = match response.answers() {
            0 | 1 => 0,
            _ => self.count(request),
        };
        match response.answer(call) {
            Some(Answer::Return(result)) => Ok(result.clone()),
            Some(Answer::Throw(error)) => Err(error.clone().into()),
            None => Err(self.problem(format!("the mocked response `{}` is empty", response.name))),
        }
    }

    /// How often the state was called before in this execution.
    fn count(&self, request: &TaskRequest<'_>) -> usize {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        // Most calls find both keys, and then allocate nothing.
        if let Some(calls) = calls
            .get_mut(request.execution_arn)
            .and_then(|states| states.get_mut(request.state_name))
        {
            *calls += 1;
            return *calls;
        }
        calls
            .entry(request.execution_arn.into())
            .or_default()
            .insert(request.state_name.into(), 0);
        0
    }

    fn unmocked(&self, state_name: &str) -> TaskError {
        let mut cause = format!("the state `{state_name}` is not mocked");
        if let Some(name) = closest(state_name, self.test_case.state_names()) {
            cause.push_str(&format!(", did you mean `{name}`?"));
        }
        self.problem(cause)
    }

    /// A mistake in the mock file is no error of the workflow, so nothing in the workflow may handle it.
    fn problem(&self, problem: String) -> TaskError {
        let TestCase { machine, name, .. } = &*self.test_case;
        let cause = format!("in the test case `{name}` of `{machine}` {problem}");
        TaskError::State(StateError::new(ErrorName::Runtime, cause))
    }
}

impl TaskRunner for MockedTasks {
    fn run<'a>(&'a self, request: TaskRequest<'a>) -> TaskFuture<'a> {
        let answer = match (self.test_case.response(request.state_name), &self.fallback) {
            (Some(response), _) => self.answer(&request, response),
            (None, Some(fallback)) => return fallback.run(request),
            (None, None) => Err(self.unmocked(request.state_name)),
        };
        Box::pin(ready(answer))
    }
}

#[cfg(test)]
mod tests;
