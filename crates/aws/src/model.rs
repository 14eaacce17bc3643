//! What AWS says about its services: operations, shapes, endpoint rules.
//!
//! The tables come from botocore (see `tables/SOURCE`) by way of the generator beside this crate. They are
//! compressed one service at a time, and a service is decoded when it is first asked for.

mod catalog;
mod limits;
pub mod names;
mod operation;
mod shape;
pub(crate) mod table;

pub use catalog::services;
pub use limits::{Limit, Limits, Outside};
pub use operation::{Authentication, ContextParameter, ContextValue, Operation};
pub use shape::{Exception, List, Location, Map, Member, Shape, ShapeId, Structure, TimestampFormat, XmlNamespace};
pub use table::{TableError, read_limits, read_service};

use crate::endpoint::RuleSet;
use expressway_asl::document::Text;

/// The language that a service speaks over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JSON in the body of a POST, the operation in a header.
    Json,
    /// JSON in the body, parameters also in path, query and headers.
    RestJson,
    /// XML in the body, parameters also in path, query and headers.
    RestXml,
    /// A form in the body, XML back.
    Query,
    /// EC2's dialect of [`Protocol::Query`].
    Ec2,
    /// CBOR in the body of a POST, the operation in the path.
    Cbor,
}

/// One AWS service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The model's name of the service, `stepfunctions`.
    pub name: Text,
    /// The name that people know it by, `Secrets Manager`; other names derive from it.
    pub service_id: Text,
    /// The version of the API, `2012-08-10`.
    pub api_version: Text,
    /// The first part of its host names, where no rule says otherwise.
    pub endpoint_prefix: Text,
    /// The name under which requests are signed.
    pub signing_name: Text,
    /// The first part of the header or path that names the operation; may be empty.
    pub target_prefix: Text,
    /// `1.0` or `1.1` where the protocol is JSON; else empty.
    pub json_version: Text,
    /// The language that it speaks.
    pub protocol: Protocol,
    /// Whether it also answers with the error codes of the query protocol that it spoke before.
    pub query_compatible: bool,
    /// Whether no operation is signed.
    pub unsigned: bool,
    /// The operations, sorted by name.
    pub operations: Vec<Operation>,
    /// The shapes that operations refer to.
    pub shapes: Vec<Shape>,
    /// Where requests go.
    pub endpoint_rules: RuleSet,
}

impl Service {
    /// The service of this name in `arn:aws:states:::aws-sdk:<name>:<action>`, `secretsmanager`.
    ///
    /// Decodes the service's table on the first call: 0.1 ms for most, 3 ms for the largest (EC2).
    pub fn find(arn_name: &str) -> Option<&'static Service> {
        catalog::find(arn_name)
    }

    /// Decodes a service's table anew; [`Service::find`] keeps what it decoded. For measurements.
    ///
    /// # Errors
    /// The table is damaged.
    pub fn decode(arn_name: &str) -> Option<Result<Service, TableError>> {
        catalog::decode(arn_name)
    }

    /// The operation that an action, `getItem`, stands for.
    pub fn operation(&self, action: &str) -> Option<&Operation> {
        let same = |operation: &&Operation| names::same_but_first_case(&operation.name, action);
        // Java lowers leading capitals together (`DBInstances` is `dbInstances`), hence the second look.
        let same_letters = |operation: &&Operation| operation.name.eq_ignore_ascii_case(action);
        (self.operations.iter().find(same)).or_else(|| self.operations.iter().find(same_letters))
    }

    /// The shape behind an id of this service.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        // Ids are checked when a table is read.
        self.shapes.get(id.index()).unwrap_or(&Shape::Boolean)
    }

    /// The structure behind an id of this service, if it is one.
    pub fn structure(&self, id: ShapeId) -> Option<&Structure> {
        match self.shape(id) {
            Shape::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// The structure of an operation's parameters.
    pub fn input(&self, operation: &Operation) -> Option<&Structure> {
        operation.input.and_then(|id| self.structure(id))
    }

    /// The structure of an operation's result.
    pub fn output(&self, operation: &Operation) -> Option<&Structure> {
        operation.output.and_then(|id| self.structure(id))
    }

    /// What error names of this service begin with, `DynamoDb`.
    pub fn exception_prefix(&self) -> String {
        names::exception_prefix(&self.service_id)
    }
}
