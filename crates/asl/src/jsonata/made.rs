//! Expressions that put values together: `$merge([$states.input, {'total': $sum($states.input.prices)}])`.
//!
//! The evaluator would copy all that they contain, twice. Here each part is evaluated for itself, parts that are plain
//! paths are shared, and values that are kept elsewhere stay there. Whatever is not as simple as it looks, a part that fails
//! above all, is left to the evaluator, which sees the whole expression.

use super::simple::Simple;
use super::{Bindings, Evaluation, EvaluationFailure, Walk, convert, follow, plain_path};
use crate::document::{DEPTH_MAX, Document, Object, Reference, Text};
use crate::resolve::Resolver;
use jsonata_core::ast::AstNode;
use std::time::{Duration, Instant, SystemTime};

/// How deep such an expression may be. Each level of a part that needs the evaluator is analyzed for itself.
const LEVELS_MAX: usize = 8;

/// A value that is put together.
pub(super) enum Made {
    Object(Vec<(Text, Part)>),
    Merged(Vec<Part>),
}

pub(super) enum Part {
    Simple {
        simple: Simple,
        otherwise: Box<Evaluation>,
    },
    Path {
        variable: Text,
        keys: Vec<Text>,
        otherwise: Box<Evaluation>,
    },
    Made(Made),
    Evaluation(Box<Evaluation>),
}

/// Why there is no value.
pub(super) enum Other {
    /// The evaluator has to say what it is.
    Unclear,
    Failure(EvaluationFailure),
}

impl From<EvaluationFailure> for Other {
    fn from(failure: EvaluationFailure) -> Other {
        match failure {
            // It takes as long or as much again to find that out twice.
            EvaluationFailure::Limit(_) => Other::Failure(failure),
            // The evaluator's words are about the whole expression.
            _ => Other::Unclear,
        }
    }
}

impl Made {
    pub(super) fn new(node: &AstNode) -> Option<Made> {
        Made::within(node, LEVELS_MAX)
    }

    fn within(node: &AstNode, levels: usize) -> Option<Made> {
        let levels = levels.checked_sub(1)?;
        match node {
            AstNode::Object(pairs) => {
                let mut members: Vec<(Text, Part)> = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let AstNode::String(key) = key else { return None };
                    // The same key twice is an error.
                    if members.iter().any(|(known, _)| **known == **key) {
                        return None;
                    }
                    members.push((key.as_str().into(), Part::new(value, levels)?));
                }
                Some(Made::Object(members))
            }
            AstNode::Function { name, args, .. } if name == "merge" => match args.as_slice() {
                [AstNode::Array(items)] => {
                    let parts = items.iter().map(|item| Part::new(item, levels));
                    Some(Made::Merged(parts.collect::<Option<_>>()?))
                }
                _ => None,
            },
            AstNode::Block(nodes) => match nodes.as_slice() {
                [only] => Made::within(only, levels),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value.
    pub(super) fn evaluate(&self, bindings: &dyn Bindings) -> Result<Document, Other> {
        let value = self.value(bindings)?;
        (value.depth() <= DEPTH_MAX).then_some(value).ok_or(Other::Unclear)
    }

    fn value(&self, bindings: &dyn Bindings) -> Result<Document, Other> {
        match self {
            Made::Object(members) => {
                let mut object = Object::with_capacity(members.len());
                for (key, part) in members {
                    if let Some(value) = part.value(bindings)? {
                        object.insert(Text::clone(key), value);
                        check_bytes(&object)?;
                    }
                }
                Ok(object.into())
            }
            Made::Merged(parts) => {
                let mut merged: Option<Object> = None;
                for part in parts {
                    let object = part.object(bindings)?;
                    match &mut merged {
                        None => merged = Some(object),
                        Some(merged) => {
                            for (key, value) in object.iter() {
                                merged.insert(Text::clone(key), value.clone());
                            }
                            check_bytes(merged)?;
                        }
                    }
                }
                Ok(merged.unwrap_or_default().into())
            }
        }
    }
}

/// However many parts there are, what they make takes no more memory than what the evaluator may give.
fn check_bytes(object: &Object) -> Result<(), Other> {
    match object.json_bytes() <= convert::RESULT_BYTES_MAX {
        true => Ok(()),
        false => Err(Other::Unclear),
    }
}

impl Part {
    fn new(node: &AstNode, levels: usize) -> Option<Part> {
        if let Some((variable, keys)) = plain_path(node) {
            let otherwise = Box::new(Evaluation::new(node.clone()));
            return Some(Part::Path {
                variable,
                keys,
                otherwise,
            });
        }
        if let Some(made) = Made::within(node, levels) {
            return Some(Part::Made(made));
        }
        let evaluation = Box::new(Evaluation::new(node.clone()));
        // It is the same time in all of an expression, and random numbers are drawn one after another.
        if evaluation.asks {
            return None;
        }
        Some(match Simple::new(node) {
            Some(simple) => Part::Simple {
                simple,
                otherwise: evaluation,
            },
            None => Part::Evaluation(evaluation),
        })
    }

    /// The value of the part; none if it gives nothing.
    fn value(&self, bindings: &dyn Bindings) -> Result<Option<Document>, Other> {
        match self {
            Part::Made(made) => made.value(bindings).map(Some),
            Part::Path {
                variable,
                keys,
                otherwise,
            } => match follow(variable, keys, bindings) {
                Walk::End(found) => Ok(found),
                Walk::Array => Ok(otherwise.run(bindings)?),
            },
            Part::Simple { simple, otherwise } => match simple.evaluate(bindings) {
                Some(value) => Ok(Some(value)),
                None => Ok(otherwise.run(bindings)?),
            },
            Part::Evaluation(evaluation) => Ok(evaluation.run(bindings)?),
        }
    }

    /// The value of the part, if it is an object.
    fn object(&self, bindings: &dyn Bindings) -> Result<Object, Other> {
        match self.value(bindings)? {
            Some(Document::Object(object)) => Ok(object),
            Some(Document::Reference(reference)) => match bindings.resolve(&reference) {
                Some(Document::Object(object)) => Ok(object),
                _ => Err(Other::Unclear),
            },
            _ => Err(Other::Unclear),
        }
    }
}

/// Bindings for expressions of several evaluations, which have the time of one.
pub(super) struct Timed<'b> {
    bindings: &'b dyn Bindings,
    begun: Instant,
    time: Duration,
}

impl<'b> Timed<'b> {
    pub(super) fn new(bindings: &'b dyn Bindings, time: Duration) -> Timed<'b> {
        Timed {
            bindings,
            begun: Instant::now(),
            time,
        }
    }
}

impl Resolver for Timed<'_> {
    fn resolve(&self, reference: &Reference) -> Option<Document> {
        self.bindings.resolve(reference)
    }
}

impl Bindings for Timed<'_> {
    fn states(&self, member: &str) -> Option<Document> {
        self.bindings.states(member)
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.bindings.variable(name)
    }

    fn random(&self) -> u128 {
        self.bindings.random()
    }

    fn now(&self) -> SystemTime {
        self.bindings.now()
    }

    fn time_left(&self) -> Option<Duration> {
        let left = self.time.saturating_sub(self.begun.elapsed());
        Some(self.bindings.time_left().map_or(left, |given| given.min(left)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::TestBindings;
    use super::super::{Jsonata, Plan};
    use super::Other;

    /// What the two ways of evaluation say; none if there is only one.
    fn both(expression: &str) -> Option<[String; 2]> {
        let bindings = TestBindings::of(
            r#"{"input": {"a": 7, "text": "text", "yes": true, "null": null, "list": [1, 2], "none": [], "empty": {},
                "object": {"k": 1, "l": {"m": [{"n": 1}, {"n": 2}]}}, "items": [{"p": 1}, {"p": 2.5}]},
                "context": {"Execution": {"Name": "n"}}}"#,
        );
        let parsed = Jsonata::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let Plan::Made { made, otherwise } = &parsed.0.plan else {
            return None;
        };
        let made = match made.evaluate(&bindings) {
            Ok(value) => value.to_json(),
            Err(Other::Unclear) => return None,
            Err(Other::Failure(failure)) => failure.to_string(),
        };
        let evaluated = match otherwise.run(&bindings) {
            Ok(value) => value.map_or("undefined".to_owned(), |value| value.to_json()),
            Err(failure) => failure.to_string(),
        };
        Some([made, evaluated])
    }

    #[test]
    fn objects_are_those_of_the_evaluator() {
        let values = [
            "$states.input",
            "$states.input.object",
            "$states.input.object.l.m.n",
            "$states.input.items.p",
            "$states.input.items[0]",
            "$states.input.list",
            "$states.input.none",
            "$states.input.empty",
            "$states.input.nothing",
            "$states.input.`null`",
            "$states.context",
            "$states.input.a + 1",
            "$states.input.text & '!'",
            "$states.input.list & '!'",
            "$sum($states.input.items.p)",
            "$count($states.input.nothing)",
            "$partition([1, 2, 3], 2)",
            "$n",
            "'text'",
            "[]",
            "[$states.input.list, 3]",
            "$states.input.items.{'q': p}",
            "{}",
            "{'a': $states.input.a, '1': 2}",
            "($states.input.object)",
            "($x := 1; $x + 1)",
            "$merge([$states.input.object, {'k': 2, 'z': $states.input.list}])",
            "$merge([])",
        ];
        let mut compared = 0;
        let mut check = |expression: &str| {
            if let Some([made, evaluated]) = both(expression) {
                assert_eq!(made, evaluated, "{expression}");
                compared += 1;
            }
        };
        for value in values {
            for other in values {
                check(&format!("{{'x': {value}, 'y': {{'z': {other}}}}}"));
                check(&format!("$merge([{value}, {{'a': {other}, 'b': 1}}])"));
                check(&format!("$merge([{{'a': {value}}}, {other}])"));
            }
        }
        assert!(compared > 1_000, "{compared}");
    }

    #[test]
    fn what_is_not_as_simple_is_left_to_the_evaluator() {
        for (expression, expected) in [
            (
                "{'a': 1, 'a': 2}",
                "Multiple key definitions evaluate to same key: \"a\"",
            ),
            ("{'a': $now(), 'b': $now()}.(a = b)", "true"),
            (
                "$merge([$states.input.list])",
                "Argument 1 of function \"merge\" must be an array of \"objects\"",
            ),
        ] {
            assert_eq!(both(expression), None, "{expression}");
            let parsed = Jsonata::parse(expression).unwrap();
            let bindings = TestBindings::of(r#"{"input": {"list": [1, 2]}}"#);
            let outcome = match parsed.evaluate(&bindings) {
                Ok(value) => value.map_or("undefined".to_owned(), |value| value.to_json()),
                Err(failure) => failure.to_string(),
            };
            assert!(outcome.contains(expected), "{expression}: {outcome}");
        }
    }
}
