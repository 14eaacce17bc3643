//! What expressions are evaluated against.

use crate::document::Document;
use crate::resolve::Resolver;

/// What a path or an intrinsic function sees while a state runs.
pub trait Scope: Resolver {
    /// What `$` stands for.
    fn input(&self) -> &Document;

    /// What `$$` stands for: the Context object. Only asked for by expressions that mention it.
    fn context(&self) -> Document;

    /// The value of a variable that was assigned before.
    fn variable(&self, name: &str) -> Option<Document>;

    /// Random bits, new ones on every call, for `States.UUID` and `States.MathRandom`.
    fn random(&self) -> u128;
}

/// A scope of nothing but an input; only tests have use for it.
#[cfg(test)]
pub(crate) struct TestScope {
    pub(crate) input: Document,
    pub(crate) context: Document,
    pub(crate) variables: Document,
    pub(crate) random: u128,
}

#[cfg(test)]
impl TestScope {
    pub(crate) fn of(input: &str) -> TestScope {
        TestScope {
            input: Document::parse(input).expect("the input of a test is JSON"),
            context: Document::parse(r#"{"Execution":{"Name":"run"},"State":{"Name":"S"}}"#).expect("JSON"),
            variables: Document::parse(r#"{"name":{"key":[1,2]},"n":7}"#).expect("JSON"),
            random: 0,
        }
    }
}

#[cfg(test)]
impl Resolver for TestScope {}

#[cfg(test)]
impl Scope for TestScope {
    fn input(&self) -> &Document {
        &self.input
    }

    fn context(&self) -> Document {
        self.context.clone()
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.variables.get(name).cloned()
    }

    fn random(&self) -> u128 {
        self.random
    }
}
