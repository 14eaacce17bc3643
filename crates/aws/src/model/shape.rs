//! Shapes: the types of parameters and results.

use super::names;
use expressway_asl::document::Text;

/// The place of a shape in its service's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeId(u32);

impl ShapeId {
    /// The id of the shape at this place.
    pub fn new(index: u32) -> ShapeId {
        ShapeId(index)
    }

    /// The place in the service's list.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Named members.
    Structure(Structure),
    /// A list.
    List(List),
    /// A map with strings as keys.
    Map(Map),
    /// Text.
    String,
    /// Bytes. A streaming one is a whole body.
    Blob {
        /// Whether it is a body that the SDKs do not hold in memory.
        streaming: bool,
    },
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A floating-point number.
    Float {
        /// Whether it has 32 bits.
        single: bool,
    },
    /// A moment in time.
    Timestamp(Option<TimestampFormat>),
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `2026-01-31T23:59:59Z`
    Iso8601,
    /// Seconds since 1970.
    Unix,
    /// `Sat, 31 Jan 2026 23:59:59 GMT`
    Rfc822,
}

/// A structure, a union, or a document (any JSON).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Structure {
    /// The members, sorted by [`Member::key`].
    pub members: Vec<Member>,
    /// The place of the member that is the whole body.
    pub payload: Option<usize>,
    /// Set for errors.
    pub exception: Option<Exception>,
    /// Whether it holds any JSON.
    pub document: bool,
    /// Whether it is a stream of events.
    pub event_stream: bool,
    /// Whether exactly one member is set.
    pub union: bool,
    /// Its XML namespace.
    pub xml_namespace: Option<XmlNamespace>,
}

/// What makes a structure an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Exception {
    /// The name of the shape, `NoSuchKey`.
    pub name: Text,
    /// The code that answers carry instead of the name.
    pub code: Option<Text>,
}

/// An XML namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct XmlNamespace {
    /// The address that names it.
    pub uri: Text,
    /// The prefix; empty for the default namespace.
    pub prefix: Text,
}

/// The place of a member in the HTTP message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Location {
    /// In the body, or it is the body.
    #[default]
    Body,
    /// In the header of its name.
    Header,
    /// In all headers that begin with its name.
    Headers,
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// It is the status code.
    Status,
}

/// A member of a structure.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The model's name.
    pub name: Text,
    /// The name in Step Functions: the first letter is a capital.
    pub key: Text,
    /// The name on the wire.
    pub wire_name: Text,
    /// Its type.
    pub shape: ShapeId,
    /// Its place in the message.
    pub location: Location,
    /// How it writes moments, if other than its shape.
    pub timestamp_format: Option<TimestampFormat>,
    /// Whether a list or map has no element of its own around its entries.
    pub flattened: bool,
    /// Whether it is a body that the SDKs do not hold in memory.
    pub streaming: bool,
    /// Whether it takes an idempotency token.
    pub idempotency_token: bool,
    /// Whether it is an XML attribute.
    pub xml_attribute: bool,
    /// Whether a header holds it as JSON in base64.
    pub json_value: bool,
    /// Whether it must be there.
    pub required: bool,
    /// The name in EC2's dialect, if other than the wire name.
    pub query_name: Option<Text>,
    /// Its XML namespace.
    pub xml_namespace: Option<XmlNamespace>,
    /// The endpoint parameter that it sets.
    pub context_parameter: Option<Text>,
}

/// A list.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The type of the items.
    pub item: ShapeId,
    /// The element around an item, if other than `member`.
    pub item_name: Option<Text>,
    /// Whether it has no element around its items.
    pub flattened: bool,
}

/// A map.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The type of the keys.
    pub key: ShapeId,
    /// The type of the values.
    pub value: ShapeId,
    /// The element around a key, if other than `key`.
    pub key_name: Option<Text>,
    /// The element around a value, if other than `value`.
    pub value_name: Option<Text>,
    /// Whether it has no element around its entries.
    pub flattened: bool,
}

impl Structure {
    /// The member that Step Functions or the API calls `key`.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.place(key).map(|(_, member)| member)
    }

    /// The member that Step Functions or the API calls `key`, and its place among the members.
    pub fn place(&self, key: &str) -> Option<(usize, &Member)> {
        let mut members = self.members.iter().enumerate();
        let exact = members.find(|(_, member)| *member.key == *key);
        exact.or_else(|| {
            let mut members = self.members.iter().enumerate();
            members.find(|(_, member)| member.is_called(key))
        })
    }

    /// The member that is the whole body.
    pub fn payload(&self) -> Option<&Member> {
        self.payload.and_then(|index| self.members.get(index))
    }
}

impl Member {
    /// Whether Step Functions or the API calls this member `key`.
    fn is_called(&self, key: &str) -> bool {
        names::same_but_first_case(&self.name, key) || *self.key == *key
    }

    /// Whether it is part of the body of an answer.
    pub(crate) fn is_in_answer_body(&self) -> bool {
        !matches!(self.location, Location::Header | Location::Headers | Location::Status)
    }
}
