//! EventBridge: buses, rules, and their targets. Events are delivered to queues and topics; other targets are told of.

pub(crate) mod pattern;

use crate::context::{ACCOUNT, Context, name_of, uuid};
use crate::protocol::{AwsError, list, required, text};
use crate::sns::{Publication, Sns};
use crate::sqs::{NewMessage, Sqs};
use expressway_asl::Document;
use expressway_asl::document::{Array, Object};
use expressway_asl::path::Path;
use expressway_asl::scope::Scope;
use expressway_asl::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All buses, by name.
#[derive(Debug)]
pub(crate) struct EventBridge {
    state: Mutex<State>,
}

#[derive(Debug, Deserialize, Serialize)]
struct State {
    buses: BTreeMap<String, BTreeMap<String, Rule>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Rule {
    /// JSON text; a rule without one is a schedule, which never fires here.
    pattern: Option<String>,
    is_disabled: bool,
    /// JSON texts of targets, by id.
    targets: BTreeMap<String, String>,
}

impl Default for EventBridge {
    fn default() -> EventBridge {
        EventBridge {
            state: Mutex::new(State {
                buses: BTreeMap::from([("default".to_owned(), BTreeMap::new())]),
            }),
        }
    }
}

/// Where events go.
#[derive(Clone, Copy)]
pub(crate) struct Destinations<'s> {
    pub(crate) sqs: &'s Sqs,
    pub(crate) sns: &'s Sns,
}

impl EventBridge {
    pub(crate) fn restore(saved: &str) -> Result<EventBridge, serde_json::Error> {
        Ok(EventBridge {
            state: Mutex::new(serde_json::from_str(saved)?),
        })
    }

    pub(crate) fn save(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rule_exists(&self, bus: &str, rule: &str) -> bool {
        self.lock().buses.get(bus).is_some_and(|rules| rules.contains_key(rule))
    }

    pub(crate) fn call(
        &self,
        context: &Context,
        destinations: Destinations<'_>,
        action: &str,
        input: &Document,
    ) -> Result<Document, AwsError> {
        let empty = || Document::from(Object::new());
        match action {
            "PutEvents" => self.put_events(context, destinations, input),
            "CreateEventBus" => {
                let name = required(input, "Name")?;
                self.lock().buses.entry(name.to_owned()).or_default();
                Ok(Document::object([("EventBusArn", bus_arn(context, name).into())]))
            }
            "DescribeEventBus" => {
                let name = name_of(text(input, "Name").unwrap_or("default"));
                self.lock().bus(name)?;
                Ok(Document::object([
                    ("Arn", bus_arn(context, name).into()),
                    ("Name", name.into()),
                ]))
            }
            "ListEventBuses" => {
                let state = self.lock();
                let buses = state.buses.keys().map(|name| {
                    Document::object([("Arn", bus_arn(context, name).into()), ("Name", name.as_str().into())])
                });
                Ok(Document::object([(
                    "EventBuses",
                    Document::Array(buses.collect::<Array>()),
                )]))
            }
            "DeleteEventBus" => {
                self.lock().buses.remove(name_of(required(input, "Name")?));
                Ok(empty())
            }
            "PutRule" => {
                let name = required(input, "Name")?;
                let pattern = text(input, "EventPattern");
                if let Some(pattern) = pattern {
                    pattern::check(pattern)
                        .map_err(|problem| AwsError::new("InvalidEventPatternException", problem))?;
                }
                let mut state = self.lock();
                let rule = state.bus(bus_of(input))?.entry(name.to_owned()).or_default();
                rule.pattern = pattern.map(str::to_owned);
                rule.is_disabled = text(input, "State") == Some("DISABLED");
                Ok(Document::object([(
                    "RuleArn",
                    rule_arn(context, bus_of(input), name).into(),
                )]))
            }
            "DeleteRule" => {
                self.lock().bus(bus_of(input))?.remove(required(input, "Name")?);
                Ok(empty())
            }
            "ListRules" => {
                let bus = bus_of(input);
                let mut state = self.lock();
                let rules = state.bus(bus)?.iter().map(|(name, rule)| {
                    Document::object([
                        ("Name", name.as_str().into()),
                        ("Arn", rule_arn(context, bus, name).into()),
                        (
                            "EventPattern",
                            rule.pattern.as_deref().map(Document::from).unwrap_or_default(),
                        ),
                        ("State", if rule.is_disabled { "DISABLED" } else { "ENABLED" }.into()),
                        ("EventBusName", bus.into()),
                    ])
                });
                Ok(Document::object([("Rules", Document::Array(rules.collect::<Array>()))]))
            }
            "PutTargets" => self.put_targets(context, input),
            "RemoveTargets" => {
                let mut state = self.lock();
                let rule = state.rule(bus_of(input), required(input, "Rule")?)?;
                for id in list(input, "Ids").filter_map(Document::as_str) {
                    rule.targets.remove(id);
                }
                Ok(no_failures())
            }
            "ListTargetsByRule" => {
                let mut state = self.lock();
                let rule = state.rule(bus_of(input), required(input, "Rule")?)?;
                let targets = rule.targets.values().filter_map(|target| Document::parse(target).ok());
                Ok(Document::object([(
                    "Targets",
                    Document::Array(targets.collect::<Array>()),
                )]))
            }
            action => Err(AwsError::unknown_action("events", action)),
        }
    }

    fn put_targets(&self, context: &Context, input: &Document) -> Result<Document, AwsError> {
        let rule_name = required(input, "Rule")?;
        let mut state = self.lock();
        let rule = state.rule(bus_of(input), rule_name)?;
        for target in list(input, "Targets") {
            let (id, arn) = (required(target, "Id")?, required(target, "Arn")?);
            if !matches!(service_of(arn), "sqs" | "sns") {
                context.tell(&format!(
                    "events of the rule `{rule_name}` are not delivered to {arn}: a local run only delivers to queues \
                     and topics"
                ));
            }
            rule.targets.insert(id.to_owned(), target.to_json());
        }
        Ok(no_failures())
    }

    fn put_events(
        &self,
        context: &Context,
        destinations: Destinations<'_>,
        input: &Document,
    ) -> Result<Document, AwsError> {
        const ENTRIES_MAX: usize = 10;
        let entries: Vec<&Document> = list(input, "Entries").collect();
        if !(1..=ENTRIES_MAX).contains(&entries.len()) {
            let problem = "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must \
                           have length less than or equal to 10 and greater than or equal to 1";
            return Err(AwsError::new("ValidationException", problem));
        }
        let mut failed = 0_i64;
        let results = entries
            .into_iter()
            .map(|entry| match self.put_event(context, destinations, entry) {
                Ok(id) => Document::object([("EventId", id.into())]),
                Err(error) => {
                    failed += 1;
                    Document::object([("ErrorCode", error.code.into()), ("ErrorMessage", error.message.into())])
                }
            });
        let results: Array = results.collect();
        Ok(Document::object([
            ("Entries", Document::Array(results)),
            ("FailedEntryCount", Document::from(failed)),
        ]))
    }

    fn put_event(
        &self,
        context: &Context,
        destinations: Destinations<'_>,
        entry: &Document,
    ) -> Result<String, AwsError> {
        let member = |name: &str| {
            let problem = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
            let given = text(entry, name).filter(|text| !text.is_empty());
            given.ok_or_else(|| AwsError::new("InvalidArgument", problem))
        };
        let (source, detail_type, detail) = (member("Source")?, member("DetailType")?, member("Detail")?);
        let detail = Document::parse(detail)
            .ok()
            .filter(|detail| detail.as_object().is_some());
        let detail = detail.ok_or_else(|| AwsError::new("MalformedDetail", "Detail is malformed."))?;
        let bus = name_of(text(entry, "EventBusName").unwrap_or("default"));
        let id = uuid();
        let time = match entry.get("Time").and_then(|time| Some(time.as_number()?.as_f64())) {
            Some(seconds) => Timestamp::from_epoch_millis((seconds * 1000.0) as i64),
            None => Timestamp::from_epoch_millis(context.now_millis() / 1000 * 1000),
        };
        let resources = entry.get("Resources").filter(|resources| !resources.is_null()).cloned();
        let event = Document::object([
            ("version", "0".into()),
            ("id", id.as_str().into()),
            ("detail-type", detail_type.into()),
            ("source", source.into()),
            ("account", ACCOUNT.into()),
            ("time", time.to_string().replace(".000Z", "Z").into()),
            ("region", context.region.as_str().into()),
            (
                "resources",
                resources.unwrap_or_else(|| Document::Array(Array::from(Vec::new()))),
            ),
            ("detail", detail.clone()),
        ]);
        let mut state = self.lock();
        // The service takes an event for a bus that it does not have, and drops it.
        let Ok(rules) = state.bus(bus) else {
            context.tell(&format!(
                "there is no event bus `{bus}`: the event `{detail_type}` went nowhere"
            ));
            return Ok(id);
        };
        context.record(
            "events",
            bus,
            "event",
            format!("{detail_type} from {source} {}", detail.to_json()),
        );
        for (name, rule) in rules.iter().filter(|(_, rule)| rule.matches(&event)) {
            for target in rule.targets.values().filter_map(|target| Document::parse(target).ok()) {
                if let Err(error) = deliver(context, destinations, &target, &event) {
                    let arn = text(&target, "Arn").unwrap_or_default();
                    context.tell(&format!(
                        "the rule `{name}` could not deliver to {arn}: {}",
                        error.message
                    ));
                }
            }
        }
        Ok(id)
    }
}

fn deliver(
    context: &Context,
    destinations: Destinations<'_>,
    target: &Document,
    event: &Document,
) -> Result<(), AwsError> {
    let arn = required(target, "Arn")?;
    let body = target_input(target, event)?;
    match service_of(arn) {
        "sqs" => {
            let group = target
                .get("SqsParameters")
                .and_then(|parameters| text(parameters, "MessageGroupId"));
            let message = NewMessage {
                body,
                group: group.map(str::to_owned),
                ..NewMessage::default()
            };
            if destinations.sqs.deliver(context, arn, message)? {
                let detail_type = text(event, "detail-type").unwrap_or_default();
                context.record("sqs", name_of(arn), "message", format!("from the event {detail_type}"));
            }
            Ok(())
        }
        "sns" => {
            let publication = Publication::of(body);
            destinations
                .sns
                .publish(context, destinations.sqs, arn, &publication)
                .map(drop)
        }
        _ => Ok(()),
    }
}

/// What a target gets of an event: all of it, a part, or what it says itself.
fn target_input(target: &Document, event: &Document) -> Result<String, AwsError> {
    if let Some(input) = text(target, "Input") {
        return Ok(input.to_owned());
    }
    if let Some(path) = text(target, "InputPath") {
        return Ok(at(path, event)?.to_json());
    }
    let Some(transformer) = target.get("InputTransformer") else {
        return Ok(event.to_json());
    };
    let mut out = required(transformer, "InputTemplate")?.to_owned();
    let paths = transformer.get("InputPathsMap").and_then(Document::as_object);
    for (name, path) in paths.into_iter().flat_map(Object::iter) {
        let value = at(path.as_str().unwrap_or_default(), event)?;
        // Inside quotes a string stands as it is; elsewhere every value is JSON.
        let text = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
        let quoted = format!("\"<{name}>\"");
        out = out.replace(&quoted, &Document::from(text).to_json());
        out = out.replace(&format!("<{name}>"), &value.to_json());
    }
    Ok(out)
}

fn at(path: &str, event: &Document) -> Result<Document, AwsError> {
    let path = Path::parse(path).map_err(|error| AwsError::new("ValidationException", error.to_string()))?;
    // What is not there is left out; here it is null.
    Ok(path.find(&EventScope(event)).unwrap_or_default())
}

/// Paths of targets only know the event.
struct EventScope<'e>(&'e Document);

impl expressway_asl::resolve::Resolver for EventScope<'_> {}

impl Scope for EventScope<'_> {
    fn input(&self) -> &Document {
        self.0
    }

    fn context(&self) -> Document {
        Document::Null
    }

    fn variable(&self, _name: &str) -> Option<Document> {
        None
    }

    fn random(&self) -> u128 {
        fastrand::u128(..)
    }
}

fn bus_of(input: &Document) -> &str {
    name_of(text(input, "EventBusName").unwrap_or("default"))
}

/// `sqs` of `arn:aws:sqs:...`.
fn service_of(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap_or_default()
}

fn bus_arn(context: &Context, bus: &str) -> String {
    context.arn("events", &format!("event-bus/{bus}"))
}

fn rule_arn(context: &Context, bus: &str, rule: &str) -> String {
    match bus {
        "default" => context.arn("events", &format!("rule/{rule}")),
        bus => context.arn("events", &format!("rule/{bus}/{rule}")),
    }
}

fn no_failures() -> Document {
    Document::object([
        ("FailedEntryCount", Document::from(0)),
        ("FailedEntries", Document::Array(Array::from(Vec::new()))),
    ])
}

impl State {
    fn bus(&mut self, name: &str) -> Result<&mut BTreeMap<String, Rule>, AwsError> {
        let bus = self.buses.get_mut(name);
        bus.ok_or_else(|| AwsError::new("ResourceNotFoundException", format!("Event bus {name} does not exist.")))
    }

    fn rule(&mut self, bus: &str, rule: &str) -> Result<&mut Rule, AwsError> {
        let found = self.bus(bus)?.get_mut(rule);
        let problem = || format!("Rule {rule} does not exist on EventBus {bus}.");
        found.ok_or_else(|| AwsError::new("ResourceNotFoundException", problem()))
    }
}

impl Rule {
    fn matches(&self, event: &Document) -> bool {
        let pattern = self.pattern.as_deref().and_then(|text| Document::parse(text).ok());
        !self.is_disabled && pattern.is_some_and(|pattern| pattern::matches(&pattern, event))
    }
}
