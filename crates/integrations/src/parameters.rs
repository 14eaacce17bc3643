//! The parameters of an optimized integration: which there are, and what they may hold.

use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_asl::error_name::ErrorName;
use expressway_engine::StateError;

/// The effective input of a Task state, as the parameters of one action.
pub(crate) struct Parameters<'a> {
    input: &'a Document,
    object: Option<&'a Object>,
    faults: Vec<String>,
}

impl<'a> Parameters<'a> {
    /// Takes the effective input of an action that knows these parameters.
    pub(crate) fn new(input: &'a Document, known: &[&str]) -> Parameters<'a> {
        let object = input.as_object();
        let keys = object.iter().flat_map(|object| object.iter()).map(|(key, _)| key);
        let faults = keys
            .filter(|key| !known.contains(&&***key))
            .map(|key| format!("The field '{key}' is not supported by Step Functions"))
            .collect();
        Parameters { input, object, faults }
    }

    /// The value of a parameter; `null` is as good as none.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Document> {
        self.object?.get(key).filter(|value| !value.is_null())
    }

    /// The value of a parameter that must be a string if there is one.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        let value = self.get(key)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.faults
                .push(format!("The value of the field '{key}' has an invalid format"));
        }
        text
    }

    /// The value of a parameter that must be there and be a string.
    pub(crate) fn required_text(&mut self, key: &str) -> Option<String> {
        if self.get(key).is_none() {
            self.faults
                .push(format!("The field '{key}' is required but was missing"));
        }
        self.text(key)
    }

    /// Ends the look at the parameters.
    ///
    /// # Errors
    /// `States.Runtime`, naming all that was wrong with them.
    pub(crate) fn check(self) -> Result<(), StateError> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let cause = format!(
            "The Parameters '{}' could not be used to start the Task: [{}]",
            self.input,
            self.faults.join(", ")
        );
        Err(StateError::new(ErrorName::Runtime, cause))
    }
}
