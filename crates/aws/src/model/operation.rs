//! Operations.

use super::{Location, Member, Service, Shape, ShapeId};
use expressway_asl::Document;
use expressway_asl::document::Text;

/// How requests of an operation prove who sends them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// A signature over the whole request.
    #[default]
    Signed,
    /// A signature that leaves the body out.
    SignedWithoutBody,
    /// None.
    Anonymous,
}

/// An endpoint parameter that an operation sets.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextParameter {
    /// The endpoint parameter.
    pub name: Text,
    /// Where its value comes from.
    pub value: ContextValue,
}

/// Where the value of a [`ContextParameter`] comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ContextValue {
    /// Always the same.
    Static(Document),
    /// What this path, a small part of JMESPath, finds in the parameters.
    Path(Text),
}

/// One operation of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operation {
    /// The API's name, `GetItem`.
    pub name: Text,
    /// The HTTP method.
    pub method: Text,
    /// Path and query with `{Label}`s, relative to the endpoint.
    pub uri: Text,
    /// The parameters.
    pub input: Option<ShapeId>,
    /// The result.
    pub output: Option<ShapeId>,
    /// The errors that the model knows.
    pub errors: Vec<ShapeId>,
    /// What goes before the endpoint's host, with `{Label}`s.
    pub host_prefix: Option<Text>,
    /// Root element of the request, where the protocol is REST with XML.
    pub input_element: Option<Text>,
    /// Namespace of that element.
    pub input_namespace: Option<Text>,
    /// The element of the answer that holds the result, where the protocol is query.
    pub result_wrapper: Option<Text>,
    /// Whether the request carries a checksum of its body.
    pub checksum_required: bool,
    /// The member that names the algorithm of the checksum.
    pub checksum_algorithm_member: Option<Text>,
    /// How requests are signed.
    pub authentication: Authentication,
    /// Endpoint parameters beyond those that members set.
    pub context_parameters: Vec<ContextParameter>,
}

impl Operation {
    /// The member that takes an idempotency token, if the operation has one.
    pub fn idempotency_token_member<'s>(&self, service: &'s Service) -> Option<&'s Member> {
        let mut members = service.input(self)?.members.iter();
        members.find(|member| member.idempotency_token)
    }

    /// Whether it sends or answers with a stream of events, which neither Step Functions nor this client can do.
    pub fn has_event_stream(&self, service: &Service) -> bool {
        let is_stream = |member: &Member| {
            member.location == Location::Body
                && matches!(service.shape(member.shape), Shape::Structure(structure) if structure.event_stream)
        };
        let input = service.input(self).into_iter();
        input
            .chain(service.output(self))
            .any(|shape| shape.members.iter().any(is_stream))
    }
}
