//! Variables that are named like a function.
//!
//! `$count` is the function of that name, until a state assigns a variable `count`: then it is the variable. Which of
//! the two it is shows when an expression is evaluated. One that meets such a variable is parsed again, with another
//! name wherever it says this one. That includes what it binds itself: the function is out of reach everywhere, so the
//! new name means just what the old one did.

use super::analysis::Analysis;
use super::builtins::is_builtin;
use super::made::LEVELS_MAX;
use super::plan::Plan;
use super::tree::{change_children, unchain};
use super::{Bindings, EvaluationFailure, Limit, analysis, evaluate_plan, parse_tree, with_parser_stack};
use crate::document::{Document, Reference, Text};
use crate::resolve::Resolver;
use jsonata_core::ast::{AstNode, Stage};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// Ends the other names. No expression can write it in a name.
const MARK: &str = "(variable)";

/// The name that an expression was written with.
pub(super) fn as_written(name: &str) -> &str {
    name.strip_suffix(MARK).unwrap_or(name)
}

/// The names of functions that an expression leaves open to variables.
#[derive(Default)]
pub(super) struct Shadowing {
    names: Vec<Text>,
    /// The expression for the variables that were met first: mostly they are the same again.
    first: OnceLock<Shadowed>,
}

/// An expression in which these names are variables.
struct Shadowed {
    names: Vec<Text>,
    /// None: more levels than can be evaluated.
    plan: Option<Plan>,
}

impl Shadowing {
    pub(super) fn new(analysis: &Analysis) -> Shadowing {
        let names = analysis.functions.iter().filter(|name| is_builtin(name));
        Shadowing {
            names: names.cloned().collect(),
            first: OnceLock::new(),
        }
    }

    /// The names that are variables now.
    pub(super) fn variables(&self, bindings: &dyn Bindings) -> Vec<Text> {
        let names = self.names.iter().filter(|name| bindings.variable(name).is_some());
        names.cloned().collect()
    }

    /// Evaluates the expression `text` with these names as variables.
    #[cold]
    pub(super) fn evaluate(
        &self,
        text: &str,
        names: Vec<Text>,
        bindings: &dyn Bindings,
    ) -> Result<Option<Document>, EvaluationFailure> {
        let first = self.first.get_or_init(|| Shadowed::new(text, names.clone()));
        match first.names == names {
            true => first.evaluate(bindings),
            false => Shadowed::new(text, names).evaluate(bindings),
        }
    }
}

impl Shadowed {
    fn new(text: &str, names: Vec<Text>) -> Shadowed {
        let plan = with_parser_stack(text, || {
            // It was parsed before, so it is JSONata.
            let mut node = parse_tree(text).ok().flatten()?;
            rename_all(&mut node, &names);
            unchain(&mut node);
            let analysis = analysis::analyze(&node);
            Some(Plan::new(node, analysis, LEVELS_MAX))
        });
        Shadowed { names, plan }
    }

    fn evaluate(&self, bindings: &dyn Bindings) -> Result<Option<Document>, EvaluationFailure> {
        match &self.plan {
            Some(plan) => evaluate_plan(plan, &Renamed(bindings)),
            None => Err(Limit::Depth.into()),
        }
    }
}

fn rename_all(node: &mut AstNode, names: &[Text]) {
    let rename = |name: &mut String| {
        if names.iter().any(|known| **known == **name) {
            name.push_str(MARK);
        }
    };
    match node {
        AstNode::Variable(name)
        | AstNode::Function {
            name, is_builtin: true, ..
        } => rename(name),
        AstNode::Lambda { params, .. } => params.iter_mut().for_each(rename),
        AstNode::Path { steps } => {
            for step in steps {
                step.focus.iter_mut().chain(&mut step.index_var).for_each(rename);
                for stage in &mut step.stages {
                    if let Stage::Index(name) = stage {
                        rename(name);
                    }
                }
            }
        }
        _ => {}
    }
    change_children(node, &mut |child| rename_all(child, names));
}

/// Bindings for an expression with other names.
struct Renamed<'b>(&'b dyn Bindings);

impl Resolver for Renamed<'_> {
    fn resolve(&self, reference: &Reference) -> Option<Document> {
        self.0.resolve(reference)
    }

    fn work(&self, bytes: usize) -> bool {
        self.0.work(bytes)
    }
}

impl Bindings for Renamed<'_> {
    fn states(&self, member: &str) -> Option<Document> {
        self.0.states(member)
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.0.variable(as_written(name))
    }

    fn random(&self) -> u128 {
        self.0.random()
    }

    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn time_left(&self) -> Option<Duration> {
        self.0.time_left()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Jsonata;
    use super::super::builtins::names;
    use super::super::tests::TestBindings;
    use std::collections::BTreeMap;

    /// The value of an expression, or the words for what failed.
    fn outcome(expression: &str, variables: &str) -> String {
        let parsed = Jsonata::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let bindings = TestBindings::of(r#"{"input": {"one": 1, "list": ["a", "b"]}}"#).with_variables(variables);
        match parsed.evaluate(&bindings) {
            Ok(value) => value.map_or("undefined".to_owned(), |value| value.to_json()),
            Err(failure) => {
                let words = failure.to_string();
                words
                    .trim_start_matches("threw an error during evaluation: ")
                    .to_owned()
            }
        }
    }

    /// Checks rows of an expression, the value of the variable `NAME` and the outcome, for the name of each function.
    fn check(rows: &[(&str, &str, &str)]) {
        let mut wrong = String::new();
        for name in names() {
            for (expression, variable, expected) in rows {
                let (expression, expected) = (expression.replace("NAME", name), expected.replace("NAME", name));
                let found = outcome(&expression, &format!(r#"{{"{name}": {variable}}}"#));
                if found != expected {
                    wrong += &format!("{expression}\n    gives    {found}\n    expected {expected}\n");
                }
            }
        }
        assert!(wrong.is_empty(), "\n{wrong}");
    }

    #[test]
    fn a_variable_wins_over_the_function_of_its_name() {
        // No row calls a function: it could be the one whose name the variable has.
        check(&[
            ("$NAME", "2", "2"),
            ("$NAME", "null", "null"),
            ("$NAME", r#"{"a": [1, {"b": 2}]}"#, r#"{"a":[1,{"b":2}]}"#),
            ("$NAME.a", r#"{"a": 3}"#, "3"),
            ("$NAME.a.b", r#"{"a": [{"b": 3}, {"b": 4}]}"#, "[3,4]"),
            ("$NAME[1]", "[1, 5]", "5"),
            ("$NAME[$ > 1]", "[1, 5]", "5"),
            ("$NAME + 1", "2", "3"),
            ("-$NAME", "2", "-2"),
            ("$NAME = 2", "2", "true"),
            ("$NAME = 2 ? 'yes' : 'no'", "2", "\"yes\""),
            ("$NAME in [1, 2]", "2", "true"),
            ("'n=' & $NAME", "2", "\"n=2\""),
            ("[1..$NAME]", "2", "[1,2]"),
            ("[$NAME, $NAME]", "2", "[2,2]"),
            ("{'a': $NAME, 'b': {'c': $NAME + 1}}", "2", r#"{"a":2,"b":{"c":3}}"#),
            ("{'a': [1, 2].($ + $NAME)}", "2", r#"{"a":[3,4]}"#),
            ("$states.input.list[$NAME]", "1", "\"b\""),
            ("$states.input.one + $NAME", "2", "3"),
            ("$states.input.(one + $NAME)", "2", "3"),
            ("(function($x) { $x + $NAME })($NAME)", "2", "4"),
            ("($x := $NAME; $x & $NAME)", "2", "\"22\""),
            ("$NAME ~> function($x) { $x + 1 }", "2", "3"),
            ("[3, 1, 2]^($ * $NAME)", "-1", "[3,2,1]"),
        ]);
    }

    #[test]
    fn a_variable_cannot_be_called() {
        const NO_FUNCTION: &str = "T1006: Attempted to invoke a non-function";
        check(&[
            ("$NAME()", "2", NO_FUNCTION),
            ("$NAME(1)", "2", NO_FUNCTION),
            ("$NAME($NAME, 1)", "2", NO_FUNCTION),
            ("$NAME($states.input.list)", "2", NO_FUNCTION),
            ("{'a': $NAME(1)}", "2", NO_FUNCTION),
            ("1 ~> $NAME()", "2", NO_FUNCTION),
            ("[1, 2].$NAME()", "2", NO_FUNCTION),
            (
                "[1] ~> $NAME",
                "2",
                "T2006: The right side of the function application operator ~> must be a function",
            ),
        ]);
    }

    #[test]
    fn what_an_expression_binds_wins_over_variables() {
        check(&[
            ("($NAME := 5; $NAME)", "2", "5"),
            ("($x := $NAME; $NAME := 5; $x + $NAME)", "2", "7"),
            ("($NAME := $NAME + 1; $NAME)", "2", "3"),
            ("(($NAME := 5; $NAME) + $NAME)", "2", "7"),
            ("(function($NAME) { $NAME })(5) + $NAME", "2", "7"),
            (
                "($f := function($NAME) { $NAME() }; $f(function() { $x := 5 })) + $NAME",
                "2",
                "7",
            ),
            ("($NAME := function($x) { $x + 1 }; $NAME(4))", "2", "5"),
            ("($y := $NAME; $NAME := function($x) { $x + 1 }; $NAME($y))", "2", "3"),
            (
                "[$NAME, ($NAME := function($x)<n:n> { $x }; $NAME('a'))]",
                "2",
                "T0410: Argument 1 of function \"NAME\" does not match function signature",
            ),
            ("[$states.input.list#$NAME.{'i': $NAME}.i, $NAME]", "2", "[0,1,2]"),
            ("[$states.input.list@$NAME.($NAME), $NAME]", "2", r#"["a","b",2]"#),
        ]);
    }

    #[test]
    fn its_name_makes_no_difference_to_a_variable() {
        let expressions = [
            "$NAME(?, 1)",
            "$NAME := 3",
            "($NAME := $NAME; $f := function() { $NAME }; $NAME := 4; [$NAME, $f()])",
            "($f := function($n) { $n < 1 ? $NAME : $f($n - 1) }; $f(20))",
            "{'a': 1} ~> |$|{'b': $NAME}|",
            "{'a': 1} ~> |$|{'b': $NAME}, 'a'|",
            "[[1, 2].{'x': $, 'y': $NAME}[x = $NAME]]",
            "[$states.input.list#$NAME{$string($NAME): $}, $NAME]",
            "[$states.input.list#$NAME^(>$NAME), $NAME]",
            "$states.input.list{$: $NAME}",
            "function($NAME) { $NAME }",
            "($NAME ~> $NAME)",
            "$NAME.$NAME",
            "$NAME < 'a'",
            "1 and $NAME(2)",
            "$NAME ? $NAME : $NAME(1)",
        ];
        let mut wrong = String::new();
        for name in names().filter(|name| *name != "string") {
            for expression in expressions {
                let of = |name: &str| {
                    let variables = format!(r#"{{"{name}": 2}}"#);
                    outcome(&expression.replace("NAME", name), &variables)
                };
                let (found, expected) = (of(name), of("other").replace("other", name));
                if found != expected {
                    wrong += &format!("{expression}: {name}\n    gives    {found}\n    expected {expected}\n");
                }
            }
        }
        assert!(wrong.is_empty(), "\n{wrong}");
    }

    #[test]
    fn other_functions_are_called_as_before() {
        for (expression, variables, expected) in [
            ("$sum([$count, 1])", r#"{"count": 2}"#, "3"),
            ("$count([1, 2]) + $sum", r#"{"sum": 2}"#, "4"),
            ("$map(['a'], $uppercase)", r#"{"count": 2}"#, "\"A\""),
            ("$string($type)", r#"{"type": {"a": 1}}"#, r#""{\"a\":1}""#),
            ("$now() & $millis", r#"{"millis": 2}"#, r#""2023-11-14T22:13:20.123Z2""#),
            ("$exists($max)", r#"{"max": null}"#, "true"),
            (
                "$max + $number('x')",
                r#"{"max": 1}"#,
                "D3030: Unable to cast value to a number: \"x\"",
            ),
        ] {
            assert_eq!(outcome(expression, variables), expected, "{expression}");
        }
    }

    #[test]
    fn variables_may_come_and_go() {
        let parsed = Jsonata::parse("[$max([1, 2]) , $sum([$min, 3])]").unwrap();
        let show = |variables: &str| match parsed.evaluate(&TestBindings::of("{}").with_variables(variables)) {
            Ok(value) => value.map_or("undefined".to_owned(), |value| value.to_json()),
            Err(failure) => failure.to_string(),
        };
        for _ in 0..2 {
            assert_eq!(show(r#"{"min": 4}"#), "[2,7]");
            assert_eq!(show(r#"{"min": 5}"#), "[2,8]");
            let failed = show(r#"{"min": 4, "max": 1}"#);
            assert!(failed.contains("T1006"), "{failed}");
            let failed = show("{}");
            assert!(failed.contains("T0412"), "{failed}");
        }
    }

    /// The warnings for a definition whose second state has this output, and the variables that it reads.
    fn inspected(assigned: &str, output: &str) -> (Vec<String>, String) {
        let definition = format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "A", "States": {{
                "A": {{"Type": "Pass", "Assign": {{"{assigned}": 2}}, "Next": "B"}},
                "B": {{"Type": "Pass", "Output": "{{% {output} %}}", "End": true}}}}}}"#
        );
        let inspection = crate::inspect(&definition, &BTreeMap::new()).unwrap_or_else(|errors| panic!("{errors}"));
        let warnings = inspection.warnings.list.iter().map(ToString::to_string).collect();
        (warnings, format!("{:?}", inspection.variables().references))
    }

    #[test]
    fn definitions_tell_variables_from_functions() {
        for name in names() {
            let read = format!(r#"{{"B": {{"{name}"}}}}"#);
            for output in ["$NAME", "$NAME + 1", "$NAME.a", "[1].($ + $NAME)"] {
                let output = output.replace("NAME", name);
                assert_eq!(inspected(name, &output), (Vec::new(), read.clone()), "{output}");
                assert_eq!(inspected("other", &output), (Vec::new(), "{}".to_owned()), "{output}");
            }
            for output in ["($NAME := 1; $NAME)", "(function($NAME) { $NAME })(1)"] {
                let output = output.replace("NAME", name);
                assert_eq!(inspected(name, &output), (Vec::new(), "{}".to_owned()), "{output}");
            }
            let references = Jsonata::parse(&"[$NAME, $other]".replace("NAME", name)).unwrap();
            let references = references.references();
            assert_eq!(references.functions, [name.into()], "{name}");
            assert_eq!(references.variables, ["other".into()], "{name}");
        }
        let (warnings, read) = inspected("other", "$map(['a'], $uppercase)");
        assert!(warnings.is_empty() && read == "{}", "{warnings:?} {read}");
    }
}
