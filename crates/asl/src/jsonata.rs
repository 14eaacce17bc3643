//! JSONata expressions: `{% $states.input.order.total > 100 %}`.
//!
//! An expression is parsed once and can then be evaluated any number of times. The language is JSONata 2.0.6
//! without `$eval`, and with the functions that Step Functions adds. It is built on the crate `jsonata-core`,
//! which nothing outside this module sees; what the service does differently, and limits on time, depth and
//! memory, are added here.
//!
//! Only what an expression can reach of its input is handed to the evaluator, and a plain path such as
//! `$states.input.order` is followed without it: the cost of an expression does not depend on the size of what
//! it does not read.

mod analysis;
mod builtins;
mod cells;
mod convert;
mod failure;
mod functions;
mod guard;
mod made;
mod plan;
mod shadow;
mod simple;
mod syntax;
mod trace;
mod tree;
mod watch;

use crate::document::{Document, Text};
use crate::resolve::Resolver;
use crate::timestamp::Timestamp;
use crate::work;
use analysis::{Analysis, Need, Reach, STATES};
use functions::Surroundings;
use guard::Guarded;
use jsonata_core::ast::{AstNode, PathStep};
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::{JMap, JValue};
use made::Timed;
use plan::{Plan, Shortcut};
use shadow::Shadowing;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use analysis::{References, StatesReference};
pub use failure::{EvaluationFailure, Limit};

/// How long an evaluation may take.
///
/// # Source
/// Step Functions Developer Guide, "Transforming data with JSONata".
const TIME_MAX: Duration = Duration::from_secs(1);

/// How long it may take to find out what failed. After that, messages do without names and values.
const TRACE_TIME_MAX: Duration = Duration::from_millis(200);

/// How deeply evaluations may nest: a call of a function takes about four levels.
///
/// DIFFERENCE: the service stops at about 100 levels, which even a chain of 200 `+` exceeds. What works there works
/// here. To fail as it does would take counting levels as its evaluator does, also where ours has none (chains of
/// operators are loops here), and would be wrong by a few levels in either direction.
const DEPTH_MAX: usize = 1_000;

/// The stack on which long expressions are parsed: the parser takes up to 1,000 levels.
const PARSER_STACK_BYTES: usize = 32 * 1024 * 1024;

/// Expressions of up to so many bytes cannot be deep, so this much stack is enough for them. Getting a new one
/// takes about 15 microseconds, as long as parsing a short expression does.
const SHORT_BYTES_MAX: usize = 128;
const SHORT_STACK_BYTES: usize = 1_500 * 1024;

/// The stack on which expressions are evaluated that may chain functions, see [`functions`].
const DEEP_STACK_BYTES: usize = 128 * 1024 * 1024;

/// Values that nest no deeper are evaluated on the stack that is there.
const SHALLOW_MAX: u32 = 64;

/// The members of `$states`, in the order in which the service lists them.
const MEMBERS: [&str; 4] = ["input", "context", "result", "errorOutput"];

/// A parsed JSONata expression. Cheap to clone.
#[derive(Clone)]
pub struct Jsonata(Arc<Inner>);

struct Inner {
    text: Text,
    references: References,
    /// None: more levels than can be evaluated.
    plan: Option<Plan>,
    shadowing: Shadowing,
}

struct Evaluation {
    guarded: Guarded,
    needs: Vec<Need>,
    /// Places of the functions of ours that the expression calls.
    functions: Vec<usize>,
    /// Whether one of them asks for random bits or for the time.
    asks: bool,
}

/// What an expression sees while a state runs.
pub trait Bindings: Resolver {
    /// `$states.input`, `.result`, `.errorOutput` or `.context`, where it exists.
    fn states(&self, member: &str) -> Option<Document>;

    /// The value of a variable that was assigned before; the name comes without `$`.
    fn variable(&self, name: &str) -> Option<Document>;

    /// Random bits, new ones on every call. Asked for at most once per evaluation.
    fn random(&self) -> u128;

    /// What time it is. Asked for at most once per evaluation.
    fn now(&self) -> SystemTime;

    /// How much time there is until all work has to end; none if nothing ends it. An evaluation takes no longer,
    /// and never more than its own limit of a second.
    fn time_left(&self) -> Option<Duration> {
        None
    }
}

/// What is wrong with the text of an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong, in the words of the service.
    pub message: String,
    /// How far the text was read, in bytes.
    pub offset: usize,
}

/// The text of an expression is not complete: `{% $a` or `$a %}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a JSONata expression must start with `{{%` and end with `%}}`")]
pub struct HalfOpen;

/// The expression that a string of a definition holds, without what encloses it and blanks around it; none if
/// it is an ordinary string.
///
/// # Errors
/// The string starts as an expression or ends as one, but not both.
///
/// # Source
/// Recorded: `" {% x %} "` is an ordinary string.
pub fn expression_text(text: &str) -> Result<Option<&str>, HalfOpen> {
    let inner = text.strip_prefix("{%").and_then(|text| text.strip_suffix("%}"));
    match inner {
        Some(inner) => Ok(Some(inner.trim())),
        None if text.starts_with("{%") || text.ends_with("%}") => Err(HalfOpen),
        None => Ok(None),
    }
}

impl Jsonata {
    /// Parses the text of an expression, without `{%` and `%}`.
    ///
    /// # Errors
    /// The text is not JSONata.
    pub fn parse(text: &str) -> Result<Jsonata, ParseError> {
        with_parser_stack(text, || Jsonata::parse_here(text))
    }

    fn parse_here(text: &str) -> Result<Jsonata, ParseError> {
        let Some(mut node) = parse_tree(text)? else {
            return Ok(Jsonata::new(text, References::default(), None, Shadowing::default()));
        };
        tree::unchain(&mut node);
        let analysis = analysis::analyze(&node);
        let references = analysis.references.clone();
        let shadowing = Shadowing::new(&analysis);
        let plan = Plan::new(node, analysis, made::LEVELS_MAX);
        Ok(Jsonata::new(text, references, Some(plan), shadowing))
    }

    fn new(text: &str, references: References, plan: Option<Plan>, shadowing: Shadowing) -> Jsonata {
        Jsonata(Arc::new(Inner {
            text: text.into(),
            references,
            plan,
            shadowing,
        }))
    }

    /// The expression as written.
    pub fn text(&self) -> &Text {
        &self.0.text
    }

    /// The variable and the names below it, if the expression is nothing but such a path.
    pub(crate) fn plain_path(&self) -> Option<(&Text, &[Text])> {
        match &self.0.plan.as_ref()?.shortcut {
            Some(Shortcut::Path { variable, keys }) => Some((variable, keys)),
            _ => None,
        }
    }

    /// What the expression refers to.
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// The value of the expression; none if it gives nothing, which JSONata calls undefined.
    ///
    /// A path that does not lead through arrays copies nothing. Anything else costs what is converted: all
    /// that the expression can reach, and the result.
    ///
    /// # Errors
    /// `States.QueryEvaluationError`: the expression cannot work with its values, or meets a limit.
    pub fn evaluate(&self, bindings: &dyn Bindings) -> Result<Option<Document>, EvaluationFailure> {
        let Some(plan) = &self.0.plan else {
            return Err(Limit::Depth.into());
        };
        match self.0.shadowing.variables(bindings) {
            names if names.is_empty() => evaluate_plan(plan, bindings),
            names => self.0.shadowing.evaluate(&self.0.text, names, bindings),
        }
    }
}

fn evaluate_plan(plan: &Plan, bindings: &dyn Bindings) -> Result<Option<Document>, EvaluationFailure> {
    match plan.shortcut {
        // Its parts together have no more time than one evaluation.
        Some(Shortcut::Made(_)) => plan.evaluate(&Timed::new(bindings, TIME_MAX)),
        _ => plan.evaluate(bindings),
    }
}

fn with_parser_stack<R>(text: &str, parse: impl FnOnce() -> R) -> R {
    let needed = match text.len() <= SHORT_BYTES_MAX {
        true => SHORT_STACK_BYTES,
        false => PARSER_STACK_BYTES,
    };
    stacker::maybe_grow(needed, PARSER_STACK_BYTES, parse)
}

/// The expression as the parser understands it; `None` if it has too many levels.
fn parse_tree(text: &str) -> Result<Option<AstNode>, ParseError> {
    let checked = match syntax::check(text) {
        Ok(checked) => checked,
        Err(error) if error.code == syntax::TOO_DEEP => return Ok(None),
        Err(error) => {
            return Err(ParseError {
                message: error.message,
                offset: error.offset,
            });
        }
    };
    jsonata_core::parser::parse(&checked).map(Some).or_else(|error| {
        let message = error.to_string();
        let (code, _) = failure::code(&message).unwrap_or_default();
        if code == syntax::TOO_DEEP {
            return Ok(None);
        }
        Err(ParseError {
            message: failure::syntax_words(code, &message),
            offset: 0,
        })
    })
}

impl fmt::Debug for Jsonata {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Jsonata").field(&self.0.text).finish()
    }
}

impl fmt::Display for Jsonata {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.text)
    }
}

/// A variable, or a path of names that starts with one.
fn plain_path(node: &AstNode) -> Option<(Text, Vec<Text>)> {
    let variable = |node: &AstNode| match node {
        AstNode::Variable(name) if !name.is_empty() && !builtins::is_builtin(name) => Some(Text::from(name.as_str())),
        _ => None,
    };
    let AstNode::Path { steps } = node else {
        return Some((variable(node)?, Vec::new()));
    };
    let (first, rest) = steps.split_first()?;
    if !steps.iter().all(is_plain) {
        return None;
    }
    let key = |step: &PathStep| match &step.node {
        AstNode::Name(name) => Some(Text::from(name.as_str())),
        _ => None,
    };
    Some((variable(&first.node)?, rest.iter().map(key).collect::<Option<_>>()?))
}

fn is_plain(step: &PathStep) -> bool {
    step.stages.is_empty()
        && step.focus.is_none()
        && step.index_var.is_none()
        && step.ancestor_label.is_none()
        && !step.is_tuple
        && !step.inner_tuple
}

enum Walk {
    End(Option<Document>),
    /// The path leads through an array, each item of which has the rest of it.
    Array,
}

fn follow(variable: &str, keys: &[Text], bindings: &dyn Bindings) -> Walk {
    let mut keys = keys.iter();
    let start = match variable {
        STATES => match keys.next() {
            Some(member) => known_member(member).and_then(|member| bindings.states(member)),
            None => Some(all_states(bindings)),
        },
        name => bindings.variable(name),
    };
    match start {
        Some(start) => follow_keys(&start, keys.as_slice(), bindings),
        None => Walk::End(None),
    }
}

fn follow_keys(start: &Document, keys: &[Text], bindings: &dyn Bindings) -> Walk {
    let mut here = start;
    for (number, key) in keys.iter().enumerate() {
        here = match here {
            Document::Object(object) => match object.get(key) {
                Some(member) => member,
                None => return Walk::End(None),
            },
            Document::Array(_) => return Walk::Array,
            Document::Reference(reference) => {
                return match bindings.resolve(reference) {
                    Some(value) => follow_keys(&value, keys.get(number..).unwrap_or_default(), bindings),
                    None => Walk::End(None),
                };
            }
            _ => return Walk::End(None),
        };
    }
    Walk::End(Some(convert::passed_on(here)))
}

fn known_member(name: &str) -> Option<&'static str> {
    MEMBERS.into_iter().find(|member| *member == name)
}

fn all_states(bindings: &dyn Bindings) -> Document {
    let members = MEMBERS
        .into_iter()
        .filter_map(|member| Some((member, bindings.states(member)?)));
    Document::Object(members.collect())
}

impl Evaluation {
    fn new(node: AstNode, analysis: Analysis) -> Evaluation {
        let guarded = guard::guard(node, &analysis);
        let mut functions = Vec::new();
        tree::visit_all(&guarded.node, &mut |node| {
            if let AstNode::Function { name, .. } | AstNode::Variable(name) = node
                && let Some(place) = functions::find(name)
                && !functions.contains(&place)
            {
                functions.push(place);
            }
        });
        Evaluation {
            guarded,
            needs: analysis.needs,
            asks: functions.iter().any(|place| functions::asks(*place)),
            functions,
        }
    }

    fn run(&self, bindings: &dyn Bindings) -> Result<Option<Document>, EvaluationFailure> {
        match self.guarded.is_deep || self.reads_deeply(bindings) {
            true => stacker::grow(DEEP_STACK_BYTES, || self.run_here(bindings)),
            false => self.run_here(bindings),
        }
    }

    /// Whether the values that the expression reads are so deep that going through them takes a large stack.
    fn reads_deeply(&self, bindings: &dyn Bindings) -> bool {
        // How deep a value is that others have stored is not known before it is loaded.
        let is_deep = |value: Document| value.depth() > SHALLOW_MAX || value.has_references();
        self.needs.iter().any(|(name, reach)| match &**name {
            STATES => {
                let members = MEMBERS.into_iter();
                let read =
                    members.filter(|member| reach.is_whole || reach.members.iter().any(|(name, _)| **name == **member));
                read.filter_map(|member| bindings.states(member)).any(is_deep)
            }
            name => bindings.variable(name).is_some_and(is_deep),
        })
    }

    fn run_here(&self, bindings: &dyn Bindings) -> Result<Option<Document>, EvaluationFailure> {
        let time = bindings.time_left().map_or(TIME_MAX, |left| left.min(TIME_MAX));
        if time.is_zero() || !bindings.work(work::UNBOUNDED) {
            return Err(Limit::Time.into());
        }
        let Some(values) = self.values(bindings)? else {
            return Ok(None);
        };
        let (random, now) = match self.asks {
            true => (bindings.random(), bindings.now()),
            false => (0, SystemTime::UNIX_EPOCH),
        };
        let now = Timestamp::from(now);
        let watched = self.guarded.may_grow.then(watch::Watched::start);
        let options = EvaluatorOptions {
            timeout_ms: Some(millis(time)),
            cancel: watched.as_ref().map(watch::Watched::token),
            max_stack_depth: Some(DEPTH_MAX),
            max_sequence_length: Some(functions::ITEMS_MAX),
        };
        let surroundings = Rc::new(Surroundings::new(random, now));
        let error = match evaluate(&self.guarded.node, &values, &self.functions, &surroundings, &options) {
            Ok(result) => return convert::document(&result),
            Err(error) => error,
        };
        if watched.is_some_and(|watched| watched.is_cancelled()) {
            return Err(Limit::Memory.into());
        }
        let message = error.message();
        if let failure @ EvaluationFailure::Limit(_) = failure::failure(message, &trace::Trace::default()) {
            return Err(failure);
        }
        let time = bindings
            .time_left()
            .map_or(TRACE_TIME_MAX, |left| left.min(TRACE_TIME_MAX));
        let options = EvaluatorOptions {
            timeout_ms: Some(millis(time)),
            ..options
        };
        Err(self.explain(message, &values, random, now, &options))
    }

    /// Evaluates the expression once more to find out what failed.
    #[cold]
    fn explain(
        &self,
        message: &str,
        values: &[(String, JValue)],
        random: u128,
        now: Timestamp,
        options: &EvaluatorOptions,
    ) -> EvaluationFailure {
        let traced = trace::traced(self.guarded.node.clone());
        let mut functions = self.functions.clone();
        functions.extend(functions::find(functions::limited::TRACE));
        let surroundings = Rc::new(Surroundings::new(random, now));
        let outcome = evaluate(&traced, values, &functions, &surroundings, options);
        let trace = surroundings.trace.trace();
        match outcome.map_err(|error| failure::failure(error.message(), &trace)) {
            Ok(_) | Err(EvaluationFailure::Limit(_)) => failure::failure(message, &trace::Trace::default()),
            // It fails as it did before, or in an operation before that one: some of the evaluator's shortcuts
            // do not see every error.
            Err(failure) => failure,
        }
    }

    /// The values of the variables that the expression reads, as far as it can reach; none if one of them is not
    /// at hand.
    ///
    /// # Errors
    /// There is more to read than memory allows.
    fn values(&self, bindings: &dyn Bindings) -> Result<Option<Vec<(String, JValue)>>, EvaluationFailure> {
        let values = convert::Values::new(bindings);
        let value = |(name, reach): &Need| {
            let value = match &**name {
                STATES => states(reach, bindings, &values),
                name => convert::reached(&bindings.variable(name)?, reach, &values),
            };
            Some((name.to_string(), value))
        };
        let found = self.needs.iter().filter_map(value).collect();
        match values.is_too_large() {
            true => Err(Limit::Memory.into()),
            false => Ok((!values.is_missing()).then_some(found)),
        }
    }
}

/// At least 1: the evaluator takes 0 for no time at all.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn states(reach: &Reach, bindings: &dyn Bindings, values: &convert::Values<'_>) -> JValue {
    if reach.is_whole {
        return convert::value(&all_states(bindings), values);
    }
    let members = MEMBERS.into_iter().filter_map(|member| {
        let (_, reach) = reach.members.iter().find(|(name, _)| **name == *member)?;
        Some((
            member.to_owned(),
            convert::reached(&bindings.states(member)?, reach, values),
        ))
    });
    JValue::Object(Rc::new(members.collect::<JMap>()))
}

fn evaluate(
    node: &AstNode,
    values: &[(String, JValue)],
    functions: &[usize],
    surroundings: &Rc<Surroundings>,
    options: &EvaluatorOptions,
) -> Result<JValue, EvaluatorError> {
    let mut context = Context::new();
    for (name, value) in values {
        context.bind(name.clone(), value.clone());
    }
    let mut evaluator = Evaluator::with_options(context, options.clone());
    functions::register(&mut evaluator, functions, surroundings);
    // What it leaves behind when it panics is not used again.
    let evaluation = AssertUnwindSafe(|| evaluator.evaluate(node, &JValue::Undefined));
    std::panic::catch_unwind(evaluation)
        .unwrap_or_else(|_| Err(EvaluatorError::EvaluationError("the evaluator failed".to_owned())))
}

#[cfg(test)]
mod tests;
