//! What is known about a value before an execution: which members it can have, and how large it is at least.

use crate::document::{Document, Text};
use crate::path::Lead;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is known about a value.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Nothing but its least size.
    Unknown {
        /// Bytes of JSON text that it has at least.
        bytes: usize,
        /// The Map state whose whole input this is, by a number of its own.
        whole: Option<usize>,
    },
    /// A string, a number, `true`, `false` or `null` of at least so many bytes of JSON text.
    Scalar(usize),
    Object(Rc<Object>),
    /// An array of exactly these items.
    Array(Rc<Items>),
    /// An array of items that are alike.
    List(Rc<List>),
}

/// An object.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    members: BTreeMap<Text, Member>,
    /// Whether there may be other members.
    is_open: bool,
    size: Size,
}

#[derive(Clone, Debug)]
struct Member {
    shape: Shape,
    /// Whether it is there for certain.
    is_certain: bool,
}

#[derive(Debug)]
pub(super) struct Items {
    items: Vec<Shape>,
    size: Size,
}

#[derive(Debug)]
pub(super) struct List {
    item: Shape,
    /// How many items there are at least.
    least: usize,
    size: Size,
}

/// Known when a shape is made, so that no question about it walks through all of it.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    bytes: usize,
    depth: usize,
}

/// What is deeper is not looked at.
const DEPTH_MAX: usize = 10;

/// Where a path leads in a shape.
pub(super) enum Walk {
    /// To this.
    Found(Shape),
    /// To a member that can not be there; these can.
    Missing { key: Text, known: Vec<Text> },
}

impl Shape {
    pub(super) const UNKNOWN: Shape = Shape::Unknown { bytes: 1, whole: None };

    /// The shape of a value that is known.
    pub(super) fn of(document: &Document) -> Shape {
        match document {
            Document::Array(items) => Shape::array(items.iter().map(Shape::of).collect()),
            Document::Object(object) => {
                Shape::object(object.iter().map(|(key, value)| (Text::clone(key), Shape::of(value))))
            }
            scalar => Shape::Scalar(scalar.json_bytes()),
        }
    }

    /// An object of exactly these members.
    pub(super) fn object(members: impl IntoIterator<Item = (Text, Shape)>) -> Shape {
        let certain = |(key, shape)| {
            (
                key,
                Member {
                    shape,
                    is_certain: true,
                },
            )
        };
        Object::of(members.into_iter().map(certain).collect(), false)
    }

    /// An object with some of these members, of which nothing is known, and no others.
    pub(super) fn object_of_any<const N: usize>(names: [&str; N]) -> Shape {
        let member = |name: &str| {
            let member = Member {
                shape: Shape::UNKNOWN,
                is_certain: false,
            };
            (Text::from(name), member)
        };
        Object::of(names.map(member).into(), false)
    }

    /// An array of exactly these items.
    pub(super) fn array(items: Vec<Shape>) -> Shape {
        let bytes = items.iter().map(|item| item.bytes() + 1).sum::<usize>().max(1) + 1;
        let depth = items.iter().map(Shape::depth).max().unwrap_or_default() + 1;
        let size = Size { bytes, depth };
        match depth > DEPTH_MAX {
            true => Shape::Unknown { bytes, whole: None },
            false => Shape::Array(Rc::new(Items { items, size })),
        }
    }

    /// An array of at least so many such items.
    pub(super) fn list(item: Shape, least: usize) -> Shape {
        let bytes = least.saturating_mul(item.bytes() + 1).max(1) + 1;
        let size = Size {
            bytes,
            depth: item.depth() + 1,
        };
        match size.depth > DEPTH_MAX {
            true => Shape::Unknown { bytes, whole: None },
            false => Shape::List(Rc::new(List { item, least, size })),
        }
    }

    /// Bytes of JSON text that the value has at least.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Shape::Unknown { bytes, .. } | Shape::Scalar(bytes) => *bytes,
            Shape::Object(object) => object.size.bytes,
            Shape::Array(items) => items.size.bytes,
            Shape::List(list) => list.size.bytes,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Shape::Unknown { .. } | Shape::Scalar(_) => 0,
            Shape::Object(object) => object.size.depth,
            Shape::Array(items) => items.size.depth,
            Shape::List(list) => list.size.depth,
        }
    }

    /// What holds for either of two values.
    pub(super) fn or(self, other: Shape) -> Shape {
        let bytes = self.bytes().min(other.bytes());
        match (self, other) {
            (Shape::Scalar(_), Shape::Scalar(_)) => Shape::Scalar(bytes),
            (Shape::Object(left), Shape::Object(right)) => match Rc::ptr_eq(&left, &right) {
                true => Shape::Object(left),
                false => Object::either(&left, &right),
            },
            (Shape::Array(left), Shape::Array(right)) if left.items.len() == right.items.len() => {
                if Rc::ptr_eq(&left, &right) {
                    return Shape::Array(left);
                }
                let pairs = left.items.iter().zip(&right.items);
                Shape::array(pairs.map(|(left, right)| left.clone().or(right.clone())).collect())
            }
            (Shape::Unknown { whole: Some(left), .. }, Shape::Unknown { whole: Some(right), .. }) if left == right => {
                Shape::Unknown {
                    bytes,
                    whole: Some(left),
                }
            }
            (left, right) => match (left.as_list(), right.as_list()) {
                (Some((left, least)), Some((right, other))) => Shape::list(left.or(right), least.min(other)),
                _ => Shape::Unknown { bytes, whole: None },
            },
        }
    }

    /// What is known of the items of an array, and how many there are at least.
    pub(super) fn as_list(&self) -> Option<(Shape, usize)> {
        match self {
            Shape::List(list) => Some((list.item.clone(), list.least)),
            Shape::Array(items) => {
                let item = items.items.iter().cloned().reduce(Shape::or);
                Some((item.unwrap_or(Shape::UNKNOWN), items.items.len()))
            }
            _ => None,
        }
    }

    /// Whether it is an array of a known number of items.
    pub(super) fn is_bounded(&self) -> bool {
        matches!(self, Shape::Array(_))
    }

    /// Whether there is no telling what it has besides what is known.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Shape::Unknown { .. } => true,
            Shape::Object(object) => object.is_open,
            _ => false,
        }
    }

    /// Whether the whole input of this Map state is in it for certain.
    pub(super) fn holds_whole(&self, map: usize) -> bool {
        match self {
            Shape::Unknown { whole, .. } => *whole == Some(map),
            Shape::Scalar(_) => false,
            Shape::Object(object) => {
                let mut members = object.members.values();
                members.any(|member| member.is_certain && member.shape.holds_whole(map))
            }
            Shape::Array(items) => items.items.iter().any(|item| item.holds_whole(map)),
            Shape::List(list) => list.least > 0 && list.item.holds_whole(map),
        }
    }

    /// Where a path leads.
    pub(super) fn walk<'p>(&self, leads: impl IntoIterator<Item = Lead<'p>>) -> Walk {
        let mut here = self.clone();
        for lead in leads {
            here = match (lead, &here) {
                (Lead::Key(key), Shape::Object(object)) => match object.members.get(key) {
                    Some(member) => member.shape.clone(),
                    None if object.is_open => Shape::UNKNOWN,
                    None => {
                        return Walk::Missing {
                            key: Text::clone(key),
                            known: object.members.keys().cloned().collect(),
                        };
                    }
                },
                (Lead::Key(key), Shape::Scalar(_)) => {
                    return Walk::Missing {
                        key: Text::clone(key),
                        known: Vec::new(),
                    };
                }
                // An index past the end gives null, in some places.
                (Lead::Index(index), Shape::Array(items)) => match items.items.get(index) {
                    Some(item) => item.clone(),
                    None => return Walk::Found(Shape::UNKNOWN),
                },
                (Lead::Index(_), Shape::List(list)) if list.least > 0 => list.item.clone(),
                _ => return Walk::Found(Shape::UNKNOWN),
            };
        }
        Walk::Found(here)
    }

    /// The value with another one put where the keys lead. What is in the way of them fails the state, so that
    /// nothing is known of what comes then.
    pub(super) fn placed<'p>(self, mut leads: impl Iterator<Item = Lead<'p>>, value: Shape) -> Shape {
        let key = match leads.next() {
            None => return value,
            Some(Lead::Key(key)) => key,
            Some(_) => return Shape::UNKNOWN,
        };
        let (mut members, is_open) = match self {
            Shape::Object(object) => {
                let object = Rc::unwrap_or_clone(object);
                (object.members, object.is_open)
            }
            _ => (BTreeMap::new(), true),
        };
        let inner = match members.get(key) {
            Some(member) => member.shape.clone(),
            // It is made.
            None if !is_open => Shape::object([]),
            None => Shape::UNKNOWN,
        };
        let member = Member {
            shape: inner.placed(leads, value),
            is_certain: true,
        };
        members.insert(Text::clone(key), member);
        Object::of(members, is_open)
    }
}

impl Object {
    fn of(members: BTreeMap<Text, Member>, is_open: bool) -> Shape {
        let certain = members.iter().filter(|(_, member)| member.is_certain);
        // The quotes, the colon and a comma or brace.
        let bytes = certain
            .map(|(key, member)| key.len() + 4 + member.shape.bytes())
            .sum::<usize>()
            .max(1)
            + 1;
        let depth = members
            .values()
            .map(|member| member.shape.depth())
            .max()
            .unwrap_or_default()
            + 1;
        let size = Size { bytes, depth };
        match depth > DEPTH_MAX {
            true => Shape::Unknown { bytes, whole: None },
            false => Shape::Object(Rc::new(Object { members, is_open, size })),
        }
    }

    fn either(left: &Object, right: &Object) -> Shape {
        let mut members = BTreeMap::new();
        for (one, other) in [(left, right), (right, left)] {
            for (key, member) in &one.members {
                let joined = match other.members.get(key) {
                    Some(_) if members.contains_key(key) => continue,
                    Some(there) => Member {
                        shape: member.shape.clone().or(there.shape.clone()),
                        is_certain: member.is_certain && there.is_certain,
                    },
                    None => Member {
                        shape: match other.is_open {
                            true => Shape::UNKNOWN,
                            false => member.shape.clone(),
                        },
                        is_certain: false,
                    },
                };
                members.insert(Text::clone(key), joined);
            }
        }
        Object::of(members, left.is_open || right.is_open)
    }
}
