//! What expressions give, and whether what they name can be there.

use super::{Context, Flow};
use crate::compile::place::Place;
use crate::definition::Value;
use crate::diagnostic::Code;
use crate::document::{Document, Text};
use crate::intrinsic::Intrinsic;
use crate::jsonata::{Bindings, Jsonata, expression_text};
use crate::lint::shape::{Shape, Walk};
use crate::path::{Lead, Path, Root};
use crate::template::Expression;
use std::time::{Duration, SystemTime};

/// What expressions see.
#[derive(Clone)]
pub(super) struct Seen<'s> {
    /// `$`, or `$states.input`.
    input: &'s Shape,
    /// `$$`, or `$states.context`.
    context: Shape,
    /// `$states.result` or `$states.errorOutput`.
    more: Option<(&'static str, &'s Shape)>,
    /// The Map state whose whole input is meant by `$`.
    whole: Option<usize>,
    is_jsonata: bool,
}

impl<'s> Seen<'s> {
    pub(super) fn jsonpath(input: &'s Shape, context: &Context) -> Seen<'s> {
        Seen {
            input,
            context: context.shape(),
            more: None,
            whole: None,
            is_jsonata: false,
        }
    }

    pub(super) fn jsonata(input: &'s Shape, context: &Context) -> Seen<'s> {
        Seen {
            is_jsonata: true,
            ..Seen::jsonpath(input, context)
        }
    }

    pub(super) fn with(&self, member: &'static str, shape: &'s Shape) -> Seen<'s> {
        Seen {
            more: Some((member, shape)),
            ..self.clone()
        }
    }

    /// The same, where the whole input is to be known again as that of a Map state.
    pub(super) fn with_whole(&self, map: usize) -> Seen<'s> {
        Seen {
            whole: Some(map),
            ..self.clone()
        }
    }

    pub(super) fn input(&self) -> &Shape {
        self.input
    }

    fn walk_input<'p>(&self, leads: impl Iterator<Item = Lead<'p>>) -> Walk {
        let mut leads = leads.peekable();
        match (self.whole, leads.peek()) {
            (Some(map), None) => Walk::Found(Shape::Unknown {
                bytes: self.input.bytes(),
                whole: Some(map),
            }),
            _ => self.input.walk(leads),
        }
    }
}

impl Context {
    /// # Source
    /// "Accessing execution data from the Context object" in the AWS documentation.
    fn shape(&self) -> Shape {
        let mut members = vec![
            (
                "Execution",
                Shape::object_of_any([
                    "Id",
                    "Input",
                    "Name",
                    "RoleArn",
                    "StartTime",
                    "RedriveCount",
                    "RedriveTime",
                ]),
            ),
            ("StateMachine", Shape::object_of_any(["Id", "Name"])),
            ("State", Shape::object_of_any(["EnteredTime", "Name", "RetryCount"])),
            ("Task", Shape::UNKNOWN),
        ];
        if self.is_in_map {
            let item = Shape::object_of_any(["Index", "Value", "Key", "Source"]);
            members.push(("Map", Shape::object([("Item".into(), item)])));
        }
        Shape::object(members.into_iter().map(|(name, shape)| (Text::from(name), shape)))
    }
}

impl Flow<'_> {
    /// `InputPath`, `OutputPath` or `ItemsPath`.
    pub(super) fn selection(&mut self, state: &Place<'_>, field: &str, seen: &Seen<'_>) -> Shape {
        match state.member(field) {
            None => seen.input.clone(),
            Some(place) if place.is_null() => Shape::object([]),
            Some(place) => self.path_field(&place, seen),
        }
    }

    /// Fields that have a path or an intrinsic function, as far as they are there.
    pub(super) fn path_fields(&mut self, state: &Place<'_>, fields: &[&str], seen: &Seen<'_>) {
        for field in fields {
            if let Some(place) = state.member(field) {
                self.path_field(&place, seen);
            }
        }
    }

    fn path_field(&mut self, place: &Place<'_>, seen: &Seen<'_>) -> Shape {
        let expression = place.node.as_str().and_then(|text| Expression::parse(text).ok());
        match expression {
            Some(expression) => self.expression(place, &expression, seen),
            None => Shape::UNKNOWN,
        }
    }

    /// The variables of the rules of a Choice state that compare one value. Where rules are combined, or ask
    /// whether something is there, what is missing may be meant to be.
    pub(super) fn variables_of_rules(&mut self, state: &Place<'_>, seen: &Seen<'_>) {
        let Some(choices) = state.member("Choices") else {
            return;
        };
        for rule in choices.items().into_iter().flatten() {
            if rule.member("IsPresent").is_none()
                && let Some(variable) = rule.member("Variable")
            {
                self.path_field(&variable, seen);
            }
        }
    }

    /// A payload template or a value with JSONata expressions.
    pub(super) fn construction(&mut self, place: &Place<'_>, seen: &Seen<'_>) -> Shape {
        match seen.is_jsonata {
            true => self.query(place, seen),
            false => self.template(place, seen),
        }
    }

    pub(super) fn template(&mut self, place: &Place<'_>, seen: &Seen<'_>) -> Shape {
        match &place.node.value {
            Value::Object(members) => {
                let mut built = Vec::with_capacity(members.len());
                for member in members {
                    let place = place.at(member);
                    built.push(match member.key.strip_suffix(".$") {
                        Some(key) => (Text::from(key), self.path_field(&place, seen)),
                        None => (Text::clone(&member.key), self.template(&place, seen)),
                    });
                }
                Shape::object(built)
            }
            Value::Array(_) => {
                let items = place.items().into_iter().flatten();
                Shape::array(items.map(|item| self.template(&item, seen)).collect())
            }
            _ => Shape::of(&place.node.to_document()),
        }
    }

    pub(super) fn query(&mut self, place: &Place<'_>, seen: &Seen<'_>) -> Shape {
        match &place.node.value {
            Value::Object(members) => {
                let mut built = Vec::with_capacity(members.len());
                for member in members {
                    built.push((Text::clone(&member.key), self.query(&place.at(member), seen)));
                }
                Shape::object(built)
            }
            Value::Array(_) => {
                let items = place.items().into_iter().flatten();
                Shape::array(items.map(|item| self.query(&item, seen)).collect())
            }
            Value::String(text) => match expression_text(text) {
                Ok(Some(expression)) => self.jsonata_expression(place, expression, seen),
                _ => Shape::of(&place.node.to_document()),
            },
            _ => Shape::of(&place.node.to_document()),
        }
    }

    fn jsonata_expression(&mut self, place: &Place<'_>, expression: &str, seen: &Seen<'_>) -> Shape {
        let Ok(expression) = Jsonata::parse(expression) else {
            return Shape::UNKNOWN;
        };
        let Some((variable, keys)) = expression.plain_path() else {
            return self.constant(&expression).as_ref().map_or(Shape::UNKNOWN, Shape::of);
        };
        let (Some((member, keys)), "states") = (keys.split_first(), &**variable) else {
            return Shape::UNKNOWN;
        };
        let leads = keys.iter().map(Lead::Key);
        // Only a plain path is sure to fail: elsewhere what is missing may be asked for, as by `$exists`.
        let found = match (&**member, seen.more) {
            ("input", _) => seen.walk_input(leads),
            ("context", _) => seen.context.walk(leads),
            (name, Some((more, shape))) if name == more => shape.walk(leads),
            _ => return Shape::UNKNOWN,
        };
        self.found(place, expression.text(), found)
    }

    fn expression(&mut self, place: &Place<'_>, expression: &Expression, seen: &Seen<'_>) -> Shape {
        match expression {
            Expression::Path(path) => {
                let walk = walk(path, seen);
                self.found(place, path.text(), walk)
            }
            Expression::Intrinsic(intrinsic) => {
                intrinsic.visit_paths(&mut |path| {
                    self.found(place, path.text(), walk(path, seen));
                });
                value_of(intrinsic)
            }
        }
    }

    /// The value of an expression that reads nothing, such as `$pad('', 300000, '.')`.
    fn constant(&mut self, expression: &Jsonata) -> Option<Document> {
        let references = expression.references();
        let reads_nothing = references.states.is_empty()
            && references.variables.is_empty()
            && references.functions.is_empty()
            && references.top_level.is_empty()
            && !references.names_root;
        if !reads_nothing || self.constants >= CONSTANTS_MAX {
            return None;
        }
        self.constants += 1;
        expression.evaluate(&NoBindings).ok().flatten()
    }

    /// What a path leads to, or a finding.
    fn found(&mut self, place: &Place<'_>, path: &Text, walk: Walk) -> Shape {
        let (key, known) = match walk {
            Walk::Found(shape) => return shape,
            Walk::Missing { key, known } => (key, known),
        };
        let help = match known.as_slice() {
            [] => "what it is looked for in has no members here".to_owned(),
            known => {
                const SHOWN_MAX: usize = 12;
                let mut names: Vec<_> = known.iter().take(SHOWN_MAX).map(|name| format!("'{name}'")).collect();
                if known.len() > SHOWN_MAX {
                    names.push("...".to_owned());
                }
                format!("what can be there is {}", names.join(", "))
            }
        };
        self.findings.warn(
            place,
            Code::UnknownMember,
            format!("'{path}' leads nowhere: no way to this state produces '{key}'"),
            help,
        );
        Shape::UNKNOWN
    }
}

fn walk(path: &Path, seen: &Seen<'_>) -> Walk {
    match path.root() {
        Root::Input => seen.walk_input(path.leads()),
        Root::Context => seen.context.walk(path.leads()),
        Root::Variable(_) => Walk::Found(Shape::UNKNOWN),
    }
}

/// What is known of the result of an intrinsic function.
fn value_of(intrinsic: &Intrinsic) -> Shape {
    if let Some(constant) = intrinsic.constant() {
        return Shape::of(constant);
    }
    let name = intrinsic.text().split('(').next().unwrap_or_default().trim();
    match name {
        "States.Format"
        | "States.UUID"
        | "States.Hash"
        | "States.Base64Encode"
        | "States.Base64Decode"
        | "States.JsonToString" => Shape::Scalar(2),
        "States.ArrayLength" | "States.MathAdd" | "States.MathRandom" => Shape::Scalar(1),
        _ => Shape::UNKNOWN,
    }
}

/// How long it may take to find out what an expression without variables gives, and of how many that is asked.
const CONSTANT_TIME_MAX: Duration = Duration::from_millis(50);
const CONSTANTS_MAX: usize = 100;

/// Nothing to read.
struct NoBindings;

impl crate::resolve::Resolver for NoBindings {}

impl Bindings for NoBindings {
    fn states(&self, _member: &str) -> Option<Document> {
        None
    }

    fn variable(&self, _name: &str) -> Option<Document> {
        None
    }

    fn random(&self) -> u128 {
        0
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn time_left(&self) -> Option<Duration> {
        Some(CONSTANT_TIME_MAX)
    }
}
