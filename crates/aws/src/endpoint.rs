//! Where requests go: the rules of each service's endpoints, and their evaluation.
//!
//! The rules are AWS's own, the ones that all its SDKs evaluate. botocore's suite for them runs in
//! `generator/tests/endpoints.rs`.

mod evaluate;
mod function;
mod partition;

pub use evaluate::Endpoint;
pub use function::{Function, is_host_label};
pub use partition::{DnsSuffixes, dns_suffixes};

use expressway_asl::Document;
use expressway_asl::document::Text;

/// The endpoint rules of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSet {
    /// What the rules decide by; the first variables hold their values, in this order.
    pub parameters: Vec<Parameter>,
    /// How many variables there are, parameters included.
    pub variables: u32,
    /// The rules; the first that applies decides.
    pub rules: Vec<Rule>,
}

/// A parameter of a rule set.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, `Region`.
    pub name: Text,
    /// Its value if none is given.
    pub default: Option<Document>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// All must hold for the rule to apply.
    pub conditions: Vec<Condition>,
    /// What follows then.
    pub outcome: Outcome,
}

/// A condition: holds if its test is neither `false` nor unset.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is tested.
    pub test: Expression,
    /// Where the tested value is kept for later conditions and for the outcome.
    pub variable: Option<Variable>,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The first of these rules that applies decides.
    Rules(Vec<Rule>),
    /// There is no endpoint, and this is why.
    Error(Expression),
    /// The endpoint.
    Endpoint {
        /// Its address.
        url: Expression,
        /// An object; `authSchemes` says how to sign.
        properties: Expression,
    },
}

/// The place of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable(u32);

impl Variable {
    /// The variable at this place.
    pub fn new(index: u32) -> Variable {
        Variable(index)
    }

    /// The place.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Something that has a value; unset is `null`.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// Itself.
    Literal(Document),
    /// The value of a variable.
    Variable(Variable),
    /// A part of a value.
    Attribute {
        /// The value.
        value: Box<Expression>,
        /// The way to the part.
        path: Vec<PathStep>,
    },
    /// What a function gives for these arguments.
    Call(Function, Vec<Expression>),
    /// The texts of these values, one after the other.
    Concatenation(Vec<Expression>),
    /// An array of these values.
    Array(Vec<Expression>),
    /// An object of these members.
    Object(Vec<(Text, Expression)>),
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq)]
pub enum PathStep {
    /// Into the member of an object.
    Key(Text),
    /// Into the item of an array.
    Index(usize),
}
