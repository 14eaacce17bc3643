//! Data that is too large, or will be.

use super::Flow;
use crate::compile::place::Place;
use crate::diagnostic::Code;
use crate::lint::shape::Shape;
use crate::program::State;
use crate::resource::Resource;

/// The largest input, output or result of a state, in bytes of JSON text.
///
/// # Source
/// "Quotas related to state machine executions" in the AWS documentation.
const DATA_BYTES_MAX: usize = 262_144;

impl Flow<'_> {
    /// Looks at the size of what a state makes of its input: `what` is `effective input`, `result` or `output`. Gives
    /// it on, or nothing of it once it has been reported.
    pub(super) fn limited(
        &mut self,
        place: &Place<'_>,
        state: &State,
        what: &str,
        input: &Shape,
        made: Shape,
    ) -> Shape {
        let bytes = made.bytes();
        if bytes <= DATA_BYTES_MAX || input.bytes() > DATA_BYTES_MAX {
            return made;
        }
        let name = &state.name;
        let span = place.member("Type").map_or(place.span(), |place| place.span());
        self.findings.warn_at(
            place,
            span,
            Code::DataTooLarge,
            format!(
                "The {what} of '{name}' has at least {bytes} bytes, more than the {DATA_BYTES_MAX} that it may have"
            ),
            "keep the data in a service such as S3, and hand on where it is",
        );
        Shape::UNKNOWN
    }

    /// Warns about a result that is as large as somebody else made it.
    pub(super) fn unbounded_result(&mut self, place: &Place<'_>, resource: &Resource) {
        let Resource::AwsSdk { service, action, .. } = resource else {
            return;
        };
        if (&**service, &**action) != ("s3", "getObject") {
            return;
        }
        let parameters = place.member("Parameters").or_else(|| place.member("Arguments"));
        let is_object = parameters.as_ref().is_some_and(Place::is_object);
        let has = |name: &str| parameters.as_ref().is_some_and(|place| place.member(name).is_some());
        if !is_object || has("Range") || has("Range.$") {
            return;
        }
        if let Some(field) = place.member("Resource") {
            self.findings.warn(
                &field,
                Code::DataTooLarge,
                format!("The result has all of the object, which may be more than {DATA_BYTES_MAX} bytes"),
                "limit it by Range, or let a function read the object",
            );
        }
    }

    pub(super) fn whole_input_in_each_result(&mut self, selector: &Place<'_>, state: &State) {
        let field = selector.name();
        self.findings.warn(
            selector,
            Code::DataTooLarge,
            format!(
                "Each result of '{}' holds the whole input of the state, once for each item",
                state.name
            ),
            format!("select what an iteration needs in {field}, or end it with a state that gives its own result only"),
        );
    }
}
