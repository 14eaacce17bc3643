//! Expressions that put values together: `$merge([$states.input, {'total': $sum($states.input.prices)}])`.
//!
//! The evaluator would copy all that they contain, twice. Here each part is evaluated for itself, parts that are plain
//! paths are shared, and values that are kept elsewhere stay there. Whatever is not as simple as it looks, a part that fails
//! above all, is left to the evaluator, which sees the whole expression.

use super::analysis::analyze;
use super::plan::{Other, Plan};
use super::{Bindings, convert};
use crate::document::{DEPTH_MAX, Document, Object, Reference, Text};
use crate::resolve::Resolver;
use jsonata_core::ast::AstNode;
use std::time::{Duration, Instant, SystemTime};

/// How many objects are put together inside one another. The evaluator gets each of them ready for itself, too.
pub(super) const LEVELS_MAX: usize = 4;

/// A value that is put together.
pub(super) enum Made {
    Object(Vec<(Text, Plan)>),
    Merged(Vec<Plan>),
}

impl Made {
    pub(super) fn new(node: &AstNode, levels: usize) -> Option<Made> {
        match node {
            AstNode::Object(pairs) => {
                let mut members: Vec<(Text, Plan)> = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let AstNode::String(key) = key else { return None };
                    // The same key twice is an error.
                    if members.iter().any(|(known, _)| **known == **key) {
                        return None;
                    }
                    members.push((key.as_str().into(), part(value, levels)?));
                }
                Some(Made::Object(members))
            }
            AstNode::Function {
                name,
                args,
                is_builtin: true,
            } if name == "merge" => match args.as_slice() {
                [AstNode::Array(items)] => {
                    let parts = items.iter().map(|item| part(item, levels));
                    Some(Made::Merged(parts.collect::<Option<_>>()?))
                }
                _ => None,
            },
            AstNode::Block(nodes) => match nodes.as_slice() {
                [only] => Made::new(only, levels),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value.
    pub(super) fn evaluate(&self, bindings: &dyn Bindings) -> Result<Document, Other> {
        let object = match self {
            Made::Object(members) => {
                let mut object = Object::with_capacity(members.len());
                for (key, part) in members {
                    if let Some(value) = part.evaluate_part(bindings)? {
                        object.insert(Text::clone(key), value);
                        check_bytes(&object)?;
                    }
                }
                object
            }
            Made::Merged(parts) => {
                let mut parts = parts.iter();
                let mut merged = match parts.next() {
                    Some(first) => object(first, bindings)?,
                    None => Object::default(),
                };
                for part in parts {
                    for (key, value) in object(part, bindings)?.iter() {
                        merged.insert(Text::clone(key), value.clone());
                    }
                    check_bytes(&merged)?;
                }
                merged
            }
        };
        let value = Document::Object(object);
        (value.depth() <= DEPTH_MAX).then_some(value).ok_or(Other::Unclear)
    }
}

/// A part, if it can be evaluated for itself.
fn part(node: &AstNode, levels: usize) -> Option<Plan> {
    let plan = Plan::new(node.clone(), analyze(node), levels.checked_sub(1)?);
    // It is the same time in all of an expression, and random numbers are drawn one after another.
    (!plan.evaluation.asks).then_some(plan)
}

/// The value of a part, if it is an object.
fn object(part: &Plan, bindings: &dyn Bindings) -> Result<Object, Other> {
    let value = match part.evaluate_part(bindings)? {
        Some(Document::Reference(reference)) => bindings.resolve(&reference),
        value => value,
    };
    match value {
        Some(Document::Object(object)) => Ok(object),
        _ => Err(Other::Unclear),
    }
}

/// However many parts there are, what they make takes no more memory than what the evaluator may give.
fn check_bytes(object: &Object) -> Result<(), Other> {
    match object.json_bytes() <= convert::RESULT_BYTES_MAX {
        true => Ok(()),
        false => Err(Other::Unclear),
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

    fn work(&self, bytes: usize) -> bool {
        self.bindings.work(bytes)
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
    use super::super::Jsonata;
    use super::super::plan::Shortcut;
    use super::super::tests::TestBindings;
    use crate::document::Document;

    /// The words for what came of an evaluation.
    fn words<E: ToString>(outcome: Result<Option<Document>, E>) -> String {
        match outcome {
            Ok(value) => value.map_or("undefined".to_owned(), |value| value.to_json()),
            Err(failure) => failure.to_string(),
        }
    }

    /// What the two ways of evaluation say; none if there is only one.
    fn both(expression: &str) -> Option<[String; 2]> {
        let bindings = TestBindings::of(
            r#"{"input": {"a": 7, "text": "text", "yes": true, "null": null, "list": [1, 2], "none": [], "empty": {},
                "object": {"k": 1, "l": {"m": [{"n": 1}, {"n": 2}]}}, "items": [{"p": 1}, {"p": 2.5}]},
                "context": {"Execution": {"Name": "n"}}}"#,
        );
        let parsed = Jsonata::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let plan = parsed.0.plan.as_ref()?;
        let Some(Shortcut::Made(made)) = &plan.shortcut else {
            return None;
        };
        let made = made.evaluate(&bindings).ok()?;
        Some([made.to_json(), words(plan.evaluation.run(&bindings))])
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
            ("{'a': {'b': $now()}}", r#"{"a":{"b":"2023-11-14T22:13:20.123Z"}}"#),
            ("{'a': $random() = $random()}", r#"{"a":false}"#),
            (
                "$merge([$states.input.list])",
                "Argument 1 of function \"merge\" must be an array of \"objects\"",
            ),
            ("merge([{}])", "non-function"),
        ] {
            assert_eq!(both(expression), None, "{expression}");
            let parsed = Jsonata::parse(expression).unwrap();
            let bindings = TestBindings::of(r#"{"input": {"list": [1, 2]}}"#);
            let outcome = words(parsed.evaluate(&bindings));
            assert!(outcome.contains(expected), "{expression}: {outcome}");
        }
    }
}
