//! What a definition is compiled into: states are indices, and every path, template and ARN is parsed.

#![warn(clippy::arithmetic_side_effects)]

use crate::comparison::Operator;
use crate::document::{Document, Text};
use crate::error_name::ErrorMatcher;
use crate::path::{Path, ReferencePath};
use crate::query::Query;
use crate::resource::Resource;
use crate::template::{Expression, Template};
use crate::timestamp::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// A checked definition, ready to run.
#[derive(Debug)]
pub struct Program {
    /// The outermost machine.
    pub machine: Machine,
    /// `TimeoutSeconds` of the definition.
    pub timeout: Option<Duration>,
    pub(crate) requirements: Requirements,
    pub(crate) variables: VariableUse,
}

/// What a program calls, so that only that is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The distinct resources of Task states, in the order of the definition, each with the first state that
    /// names it.
    pub resources: Vec<(Resource, Text)>,
    /// Whether a Task state runs under a role of its own (`Credentials`), and the first that does.
    pub credentials: Option<Text>,
}

impl Program {
    /// What this program calls.
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// Which states refer to which variables, and which assign them.
    pub fn variables(&self) -> &VariableUse {
        &self.variables
    }
}

/// Which states refer to which variables, and which assign them. Both by the name of the state, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariableUse {
    /// What `DescribeStateMachine` calls `variableReferences`. States that refer to none are not listed.
    ///
    /// A reference inside a Map or Parallel state is that of the state inside, whichever machine assigns it.
    pub references: BTreeMap<Text, BTreeSet<Text>>,
    /// The names that `Assign` sets: of the state, of its Choice rules and of its catchers.
    pub assignments: BTreeMap<Text, BTreeSet<Text>>,
}

impl VariableUse {
    pub(crate) fn refers_to(&mut self, state: &Text, name: &str) {
        self.references
            .entry(Text::clone(state))
            .or_default()
            .insert(name.into());
    }

    pub(crate) fn assigns(&mut self, state: &Text, name: &str) {
        self.assignments
            .entry(Text::clone(state))
            .or_default()
            .insert(name.into());
    }
}

/// The states of a definition, of a branch of a Parallel state, or of the processor of a Map state.
#[derive(Debug)]
pub struct Machine {
    /// Where it starts.
    pub start: StateId,
    pub(crate) states: Box<[State]>,
}

impl Machine {
    /// The state with this index; ids of a machine are only valid within it.
    pub fn state(&self, id: StateId) -> Option<&State> {
        self.states.get(id.0 as usize)
    }

    /// The states in the order of the definition.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.iter()
    }
}

/// A state of a [`Machine`], by its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateId(pub(crate) u32);

/// What follows a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Another state of the same machine.
    Next(StateId),
    /// Nothing.
    End,
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// The state's name, unique in the definition.
    pub name: Text,
    /// What the state does.
    pub kind: StateKind,
    /// How data goes in and out.
    pub stages: Stages,
    /// What follows when the state succeeds. Choice states decide by their rules, Fail states never succeed.
    pub transition: Transition,
    /// What is tried again on which errors, in order.
    pub retry: Vec<Retrier>,
    /// Where to go on which errors, in order.
    pub catch: Vec<Catcher>,
    /// `Assign`: variables to set when the state succeeds; in a Choice state, when no rule matches.
    pub assign: Option<Construction>,
    /// Whether any of its fields looks at the context object.
    pub uses_context: bool,
}

/// What states do.
#[derive(Debug)]
pub enum StateKind {
    /// Hands on its input, its `Result` or its `Parameters`.
    Pass {
        /// `Result`, verbatim.
        result: Option<Document>,
    },
    /// Calls something.
    Task(Box<Task>),
    /// Goes on by the first rule that matches.
    Choice {
        /// The rules in order.
        rules: Vec<ChoiceRule>,
        /// Where to go when none matches.
        default: Option<StateId>,
    },
    /// Waits.
    Wait(Wait),
    /// Ends its machine well.
    Succeed,
    /// Ends its machine with an error.
    Fail {
        /// `Error` or `ErrorPath`.
        error: Option<FailText>,
        /// `Cause` or `CausePath`.
        cause: Option<FailText>,
    },
    /// Runs branches side by side.
    Parallel {
        /// The branches in order.
        branches: Vec<Machine>,
    },
    /// Runs one machine for each item of an array.
    Map(Box<Map>),
}

/// How data goes through a state.
#[derive(Debug)]
pub enum Stages {
    /// In the JSONPath query language.
    JsonPath(JsonPathStages),
    /// In the JSONata query language.
    Jsonata(JsonataStages),
}

/// Five stages in this order, with the state's work after the second.
#[derive(Debug, Default)]
pub struct JsonPathStages {
    /// 1. `InputPath` selects from the state input.
    pub input_path: Selection,
    /// 2. `Parameters` builds the effective input.
    pub parameters: Option<Template>,
    /// 3. `ResultSelector` builds the result out of what the work gave.
    pub result_selector: Option<Template>,
    /// 4. `ResultPath` places the result in the state input.
    pub result_path: Placement,
    /// 5. `OutputPath` selects the state output.
    pub output_path: Selection,
}

/// Two stages, with the state's work between them.
#[derive(Debug, Default)]
pub struct JsonataStages {
    /// `Arguments` builds the effective input; without it, it is the state input.
    pub arguments: Option<Query>,
    /// `Output` builds the state output; without it, it is the result, or the input of a state without one.
    pub output: Option<Query>,
}

/// `Assign`, and other values that either language can build.
#[derive(Debug)]
pub enum Construction {
    /// A payload template.
    Template(Template),
    /// A value with JSONata expressions.
    Query(Query),
}

/// `InputPath`, `OutputPath`, `ItemsPath`.
#[derive(Debug, Default)]
pub enum Selection {
    /// `$`, the default: all of it.
    #[default]
    Whole,
    /// What a path finds.
    Path(Path),
    /// `null`: an empty object.
    Nothing,
}

/// `ResultPath`.
#[derive(Debug, Default)]
pub enum Placement {
    /// `$`, the default: the result replaces the input.
    #[default]
    Whole,
    /// The result goes into the input at this place.
    At(ReferencePath),
    /// `null`: the result is dropped, the input goes on.
    Discard,
}

/// What a Task state calls, and for how long.
#[derive(Debug)]
pub struct Task {
    /// What is called.
    pub resource: Resource,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`.
    pub timeout: Option<Count>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`.
    pub heartbeat: Option<Count>,
    /// `RoleArn` of `Credentials`: builds an object with that one member.
    pub credentials: Option<Construction>,
}

/// A number of the definition, or a path to one in the input.
#[derive(Debug)]
pub enum Count {
    /// As given.
    Literal(u64),
    /// Where to find it.
    Path(Path),
    /// How to calculate it.
    Query(Query),
}

/// Until when a Wait state waits.
#[derive(Debug)]
pub enum Wait {
    /// `Seconds`.
    Seconds(u64),
    /// `SecondsPath`.
    SecondsPath(Path),
    /// `Timestamp`.
    Timestamp(Timestamp),
    /// `TimestampPath`.
    TimestampPath(Path),
    /// `Seconds` as an expression.
    SecondsQuery(Query),
    /// `Timestamp` as an expression.
    TimestampQuery(Query),
}

/// `Error` and `Cause` of a Fail state.
#[derive(Debug)]
pub enum FailText {
    /// As given.
    Literal(Text),
    /// `ErrorPath`, `CausePath`.
    Expression(Expression),
    /// `Error`, `Cause` as an expression.
    Query(Query),
}

/// What a Map state runs over, and how.
#[derive(Debug)]
pub struct Map {
    /// What it runs over.
    pub items: Items,
    /// `ItemSelector`, or `Parameters` by its old name: the input of an iteration.
    pub item_selector: Option<Construction>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; none or 0 for the default.
    pub max_concurrency: Option<Count>,
    /// What runs for each item.
    pub processor: Machine,
    /// What only a Distributed Map has. None in programs that run, which have no such Map.
    pub distributed: Option<Box<Distributed>>,
}

/// What only a Distributed Map has, for those who look into a definition.
#[derive(Debug, Default)]
pub struct Distributed {
    /// `ItemReader`.
    pub item_reader: Option<ItemReader>,
    /// `ItemBatcher`.
    pub item_batcher: Option<ItemBatcher>,
    /// Whether there is a `ResultWriter`: the result then is an object that says where the results are.
    pub has_result_writer: bool,
    /// `ToleratedFailureCount` or `ToleratedFailureCountPath`.
    pub tolerated_failure_count: Option<Count>,
    /// `ToleratedFailurePercentage` or `ToleratedFailurePercentagePath`.
    pub tolerated_failure_percentage: Option<Percentage>,
}

/// Where a Distributed Map reads its items.
#[derive(Debug)]
pub struct ItemReader {
    /// `ItemsPointer` of `ReaderConfig`: the JSON Pointer to the items in what is read.
    pub items_pointer: Option<Text>,
    /// `MaxItems` or `MaxItemsPath` of `ReaderConfig`.
    pub max_items: Option<Count>,
}

/// How a Distributed Map puts items together.
#[derive(Debug)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch` or `MaxItemsPerBatchPath`.
    pub max_items: Option<Count>,
    /// `MaxInputBytesPerBatch` or `MaxInputBytesPerBatchPath`.
    pub max_input_bytes: Option<Count>,
    /// `BatchInput`: what every batch gets beside its items.
    pub batch_input: Option<Construction>,
}

/// A share of 100, with a fraction.
#[derive(Debug)]
pub enum Percentage {
    /// As given.
    Literal(f64),
    /// Where to find it.
    Path(Path),
    /// How to calculate it.
    Query(Query),
}

/// The items of a Map state.
#[derive(Debug)]
pub enum Items {
    /// `ItemsPath`, into the effective input.
    Path(Selection),
    /// `Items`; none for the state input.
    Query(Option<Query>),
}

/// One rule of a Choice state.
#[derive(Debug)]
pub struct ChoiceRule {
    /// When it matches.
    pub condition: Condition,
    /// `Output` of the rule, in JSONata.
    pub output: Option<Query>,
    /// `Assign`: variables to set when it does.
    pub assign: Option<Construction>,
    /// Where it leads.
    pub next: StateId,
}

/// The condition of a Choice rule.
#[derive(Debug)]
pub enum Condition {
    /// All of these hold.
    And(Vec<Condition>),
    /// One of these holds.
    Or(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
    /// An expression that gives a boolean.
    Query(Query),
    /// A comparison.
    Test {
        /// What is compared.
        variable: Path,
        /// How.
        operator: Operator,
        /// With what.
        operand: Operand,
    },
}

/// What a Choice rule compares with.
#[derive(Debug)]
pub enum Operand {
    /// As given.
    Literal(Document),
    /// The `...Path` twin of an operator.
    Path(Path),
}

/// One entry of `Retry`.
#[derive(Debug)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub errors: ErrorMatcher,
    /// `IntervalSeconds`: before the first retry.
    pub interval: Duration,
    /// `MaxAttempts`: how many retries.
    pub max_attempts: u64,
    /// `BackoffRate`: what each further interval is multiplied by.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`: what no interval exceeds.
    pub max_delay: Option<Duration>,
    /// `JitterStrategy` is `FULL`: wait a random part of the interval.
    pub full_jitter: bool,
}

impl Retrier {
    /// The interval before retry number `retry`, counted from 0, without jitter.
    pub fn delay(&self, retry: u64) -> Duration {
        /// Longer than any execution; keeps the arithmetic away from infinity.
        const DELAY_MAX_SECONDS: f64 = 1e9;
        let exponent = retry.min(100_000) as f64;
        let seconds = self.interval.as_secs_f64() * self.backoff_rate.powf(exponent);
        let delay = Duration::from_secs_f64(seconds.min(DELAY_MAX_SECONDS));
        self.max_delay.map_or(delay, |max| delay.min(max))
    }
}

/// One entry of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    /// `ErrorEquals`.
    pub errors: ErrorMatcher,
    /// `ResultPath`: where the error output goes.
    pub result_path: Placement,
    /// `Output` of the catcher, in JSONata.
    pub output: Option<Query>,
    /// `Assign`: variables to set.
    pub assign: Option<Construction>,
    /// Where to go.
    pub next: StateId,
}

/// The types of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the specification")]
pub enum StateType {
    Task,
    Wait,
    Pass,
    Succeed,
    Fail,
    Choice,
    Parallel,
    Map,
}

impl StateType {
    /// All of them, in the order in which Step Functions lists them.
    pub const ALL: [StateType; 8] = [
        StateType::Task,
        StateType::Wait,
        StateType::Pass,
        StateType::Succeed,
        StateType::Fail,
        StateType::Choice,
        StateType::Parallel,
        StateType::Map,
    ];
}

impl fmt::Display for StateType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl Stages {
    /// Whether data goes through untouched: no stage is given.
    pub fn is_identity(&self) -> bool {
        matches!(
            self,
            Stages::JsonPath(JsonPathStages {
                input_path: Selection::Whole,
                parameters: None,
                result_selector: None,
                result_path: Placement::Whole,
                output_path: Selection::Whole,
            }) | Stages::Jsonata(JsonataStages {
                arguments: None,
                output: None
            })
        )
    }
}

impl State {
    /// The state's type.
    pub fn state_type(&self) -> StateType {
        match &self.kind {
            StateKind::Pass { .. } => StateType::Pass,
            StateKind::Task(_) => StateType::Task,
            StateKind::Choice { .. } => StateType::Choice,
            StateKind::Wait(_) => StateType::Wait,
            StateKind::Succeed => StateType::Succeed,
            StateKind::Fail { .. } => StateType::Fail,
            StateKind::Parallel { .. } => StateType::Parallel,
            StateKind::Map(_) => StateType::Map,
        }
    }
}
