//! Where the compiler is in a definition.

use crate::call::Spot;
use crate::definition::{Member, Node, Value};
use crate::diagnostic::Span;

/// A value of the definition together with the way to it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) node: &'p Node,
    step: Step<'p>,
    parent: Option<&'p Place<'p>>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(crate) fn root(node: &'p Node) -> Place<'p> {
        Place {
            node,
            step: Step::Root,
            parent: None,
        }
    }

    /// The member `key` of this object; of several the last, as in Step Functions.
    pub(crate) fn member(&'p self, key: &str) -> Option<Place<'p>> {
        self.members()
            .iter()
            .rfind(|member| *member.key == *key)
            .map(|member| self.at(member))
    }

    /// The place of one of [`Place::members`].
    pub(crate) fn at(&'p self, member: &'p Member) -> Place<'p> {
        Place {
            node: &member.value,
            step: Step::Key(&member.key),
            parent: Some(self),
        }
    }

    /// The members, if this is an object.
    pub(crate) fn members(&self) -> &'p [Member] {
        match &self.node.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The items, if this is an array.
    pub(crate) fn items(&'p self) -> Option<impl ExactSizeIterator<Item = Place<'p>>> {
        let Value::Array(items) = &self.node.value else {
            return None;
        };
        let item = |(index, node)| Place {
            node,
            step: Step::Index(index),
            parent: Some(self),
        };
        Some(items.iter().enumerate().map(item))
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.node.value, Value::Object(_))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }

    /// The last step of the way here: the name of the field.
    pub(crate) fn name(&self) -> String {
        match self.step {
            Step::Root => String::new(),
            Step::Key(key) => key.to_owned(),
            Step::Index(index) => index.to_string(),
        }
    }

    pub(crate) fn span(&self) -> Span {
        self.node.span
    }

    pub(super) fn spot(&self) -> Spot {
        Spot {
            pointer: self.pointer(),
            location: self.location(),
            span: self.span(),
        }
    }

    fn steps(&self) -> Vec<Step<'p>> {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(Place { step, parent, .. }) = place {
            steps.push(*step);
            place = *parent;
        }
        steps.reverse();
        steps
    }

    /// The JSON Pointer to this place (RFC 6901).
    pub(crate) fn pointer(&self) -> String {
        self.written(
            |key| format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            |index| format!("/{index}"),
        )
    }

    /// The place as Step Functions writes it: `/States/Charge/Catch[0]/Next`, and `/` for the root.
    pub(crate) fn location(&self) -> String {
        let location = self.written(|key| format!("/{key}"), |index| format!("[{index}]"));
        if location.is_empty() { "/".to_owned() } else { location }
    }

    fn written(&self, key: impl Fn(&str) -> String, index: impl Fn(usize) -> String) -> String {
        let step = |step: Step<'_>| match step {
            Step::Root => String::new(),
            Step::Key(name) => key(name),
            Step::Index(at) => index(at),
        };
        self.steps().into_iter().map(step).collect()
    }
}
