//! The context object, and what expressions of a state can see.

use super::Run;
use super::machine::{Track, Visit};
use super::values::Values;
use crate::Identity;
use expressway_asl::Document;
use expressway_asl::document::{Object, Reference, Text};
use expressway_asl::jsonata::Bindings;
use expressway_asl::resolve::Resolver;
use expressway_asl::scope::Scope;
use expressway_asl::timestamp::Timestamp;
use std::cell::OnceCell;
use std::time::{Duration, SystemTime};

/// The part of the context object that does not change within an execution.
pub(super) struct ExecutionContext {
    execution: Document,
    state_machine: Document,
    /// The context object that a test of a state gives; the rest does not count then.
    given: Option<Object>,
}

impl ExecutionContext {
    pub(super) fn new(identity: &Identity, input: &Document, started: SystemTime) -> ExecutionContext {
        let text = |text: &Text| Document::String(Text::clone(text));
        let mut execution: Object = [
            ("Id", text(&identity.execution_arn)),
            ("Input", input.clone()),
            ("StartTime", Timestamp::from(started).to_string().into()),
            ("Name", text(&identity.execution_name)),
        ]
        .into_iter()
        .collect();
        if let Some(role_arn) = &identity.role_arn {
            execution.insert("RoleArn", text(role_arn));
        }
        if let Some(count) = identity.redrive_count {
            execution.insert("RedriveCount", Document::from(count));
        }
        ExecutionContext {
            execution: execution.into(),
            state_machine: Document::object([
                ("Id", text(&identity.state_machine_arn)),
                ("Name", text(&identity.state_machine_name)),
            ]),
            given: None,
        }
    }

    /// The context object itself, as a test of a state has it.
    pub(super) fn given(context: Object) -> ExecutionContext {
        ExecutionContext {
            execution: Document::Null,
            state_machine: Document::Null,
            given: Some(context),
        }
    }
}

/// What expressions of a state see while they are evaluated: `$`, `$$` and random bits.
pub(super) struct StateScope<'s> {
    run: &'s Run<'s>,
    visit: &'s Visit<'s>,
    input: &'s Document,
    track: &'s Track<'s>,
    map: Option<&'s MapItem>,
    context: OnceCell<Document>,
    values: &'s Values<'s>,
}

impl<'s> StateScope<'s> {
    /// `input` is what `$` means; the track tells the item of the surrounding Map state.
    pub(super) fn new(
        run: &'s Run<'_>,
        track: &'s Track<'_>,
        visit: &'s Visit<'_>,
        input: &'s Document,
        values: &'s Values<'_>,
    ) -> StateScope<'s> {
        StateScope {
            run,
            visit,
            input,
            track,
            map: track.map.as_ref(),
            context: OnceCell::new(),
            values,
        }
    }

    /// The same with another item of a Map state.
    pub(super) fn with_map(mut self, map: &'s MapItem) -> StateScope<'s> {
        self.map = Some(map);
        self
    }

    fn build_context(&self) -> Document {
        let mut context = match &self.run.context.given {
            Some(given) => given.clone(),
            None => self.own_context(),
        };
        if let Some(map) = self.map {
            context.insert("Map", map.context());
        }
        context.into()
    }

    fn own_context(&self) -> Object {
        let visit = self.visit;
        let entered = visit.entered_time.unwrap_or(SystemTime::UNIX_EPOCH);
        let mut state: Object = [
            ("Name", Document::String(Text::clone(&visit.state.name))),
            ("EnteredTime", Timestamp::from(entered).to_string().into()),
        ]
        .into_iter()
        .collect();
        if visit.counts_retries() {
            state.insert("RetryCount", Document::from(visit.retry_count as i64));
        }
        [
            ("Execution", self.run.context.execution.clone()),
            ("StateMachine", self.run.context.state_machine.clone()),
            ("State", state.into()),
        ]
        .into_iter()
        .collect()
    }
}

impl Resolver for StateScope<'_> {
    fn resolve(&self, reference: &Reference) -> Option<Document> {
        self.values.resolve(reference)
    }

    fn work(&self, bytes: usize) -> bool {
        self.run.may_work(bytes)
    }
}

impl Scope for StateScope<'_> {
    fn input(&self) -> &Document {
        self.input
    }

    fn context(&self) -> Document {
        self.context.get_or_init(|| self.build_context()).clone()
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.visit.variables.as_ref()?.get(name).cloned()
    }

    fn random(&self) -> u128 {
        self.values.random(|| self.run.random(self.track))
    }
}

/// What JSONata expressions of a state see as `$states`, besides the context object.
#[derive(Clone, Copy)]
pub(super) struct Seen<'s> {
    /// `$states.input`: the state input.
    pub(super) input: &'s Document,
    /// `$states.result`, once there is one.
    pub(super) result: Option<&'s Document>,
    /// `$states.errorOutput`, in a catcher.
    pub(super) error_output: Option<&'s Document>,
}

impl<'s> Seen<'s> {
    pub(super) fn input(input: &'s Document) -> Seen<'s> {
        Seen {
            input,
            result: None,
            error_output: None,
        }
    }
}

/// What JSONata expressions see while they are evaluated.
pub(super) struct QueryScope<'s> {
    pub(super) scope: StateScope<'s>,
    pub(super) seen: Seen<'s>,
}

impl Resolver for QueryScope<'_> {
    fn resolve(&self, reference: &Reference) -> Option<Document> {
        self.scope.resolve(reference)
    }

    fn work(&self, bytes: usize) -> bool {
        self.scope.work(bytes)
    }
}

impl Bindings for QueryScope<'_> {
    fn states(&self, member: &str) -> Option<Document> {
        match member {
            "input" => Some(self.seen.input.clone()),
            "context" => Some(self.scope.context()),
            "result" => self.seen.result.cloned(),
            "errorOutput" => self.seen.error_output.cloned(),
            _ => None,
        }
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.scope.variable(name)
    }

    fn random(&self) -> u128 {
        self.scope.random()
    }

    fn now(&self) -> SystemTime {
        self.scope.run.now(self.scope.track)
    }

    fn time_left(&self) -> Option<Duration> {
        let run = self.scope.run;
        run.environment.clock.real_time_until(run.deadline)
    }
}

/// An item that a Map state works on.
#[derive(Clone)]
pub(super) struct MapItem {
    pub(super) index: usize,
    pub(super) value: Document,
}

impl MapItem {
    /// `Map` of the context object. Few definitions look at it, so it is made for those that do.
    fn context(&self) -> Document {
        let index = Document::from(self.index as i64);
        let item = Document::object([("Index", index), ("Value", self.value.clone())]);
        Document::object([("Item", item)])
    }
}
