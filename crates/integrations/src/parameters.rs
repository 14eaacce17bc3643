//! The parameters of an optimized integration: which there are, and what they may hold.

use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_asl::error_name::ErrorName;
use expressway_asl::resource::Resource;
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
            .map(|key| not_supported(key))
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
            self.invalid(key);
        }
        text
    }

    /// The value of a parameter that must be there and be a string.
    pub(crate) fn required_text(&mut self, key: &str) -> Option<String> {
        if self.get(key).is_none() {
            self.fault(missing(key));
        }
        self.text(key)
    }

    /// The value of a parameter that must be an object if there is one.
    pub(crate) fn object(&mut self, key: &str) -> Option<&'a Object> {
        let value = self.get(key)?;
        let object = value.as_object();
        if object.is_none() {
            self.invalid(key);
        }
        object
    }

    /// Notes that a parameter can not have the value that it has.
    pub(crate) fn invalid(&mut self, key: &str) {
        self.fault(format!("The value of the field '{key}' has an invalid format"));
    }

    /// Notes something that is wrong.
    pub(crate) fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Ends the look at the parameters.
    ///
    /// # Errors
    /// `States.Runtime`, naming all that was wrong with them.
    pub(crate) fn check(self) -> Result<(), StateError> {
        match self.faults.as_slice() {
            [] => Ok(()),
            faults => Err(unusable(self.input, &faults.join(", "))),
        }
    }
}

/// What Step Functions says of a parameter that an action does not have.
pub(crate) fn not_supported(key: &str) -> String {
    format!("The field '{key}' is not supported by Step Functions")
}

/// What Step Functions says of a parameter that must be there.
pub(crate) fn missing(key: &str) -> String {
    format!("The field '{key}' is required but was missing")
}

/// What is said of a field that names a host which is not allowed.
pub(crate) fn not_allowed(key: &str, host: &str, variable: &str) -> String {
    format!("The field '{key}' names the host `{host}`, which must not be called unless {variable} allows it")
}

/// The error for parameters that no request can be made of.
pub(crate) fn unusable(input: &Document, faults: &str) -> StateError {
    let cause = format!("The Parameters '{input}' could not be used to start the Task: [{faults}]");
    StateError::new(ErrorName::Runtime, cause)
}

/// The error for an answer that is too large to be read at all.
pub(crate) fn too_large(resource: &Resource) -> StateError {
    let cause = format!(
        "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
        resource.limit_name()
    );
    StateError::new(ErrorName::DataLimitExceeded, cause)
}
