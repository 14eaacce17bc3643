//! What is there before a run: tables with items, buckets with objects, queues, topics, rules, secrets, parameters.
//!
//! ```yaml
//! tables:
//!   orders: {key: orderId, items: [{orderId: ORD-1, status: NEW}]}
//!   visits: {key: [customer, at], types: {at: N}, indexes: {byPage: {key: [page, at]}}, ttl: expires}
//! buckets:
//!   receipts: {objects: {2026/ORD-1.txt: paid}}
//! queues:
//!   shipping.fifo: {attributes: {ContentBasedDeduplication: "true"}}
//!   audit: {deadLetterQueue: {name: audit-dead, maxReceiveCount: 3}, messages: [hello]}
//!   audit-dead:
//! topics:
//!   orders: {subscriptions: [{queue: audit, raw: true, filter: {kind: [sale]}}]}
//! eventBuses:
//!   default: {rules: {confirmed: {pattern: {source: [shop]}, targets: [{queue: audit}]}}}
//! secrets: {gateway: {apiKey: test}}
//! parameters: {/shop/limit: 100}
//! stateMachines: {invoicing: {output: {invoice: INV-1}}}
//! ```
//!
//! Items may be plain JSON or have DynamoDB's types. A text object, secret, message or parameter is taken as it is, any
//! other value as its JSON text.

mod apply;

use crate::reader::{Reader, parse};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};

/// What a seed file asks for.
#[derive(Clone, Debug, Default)]
pub struct Seed {
    tables: Vec<Table>,
    buckets: Vec<Bucket>,
    queues: Vec<Queue>,
    topics: Vec<Topic>,
    rules: Vec<Rule>,
    buses: Vec<Text>,
    secrets: Vec<(Text, Document)>,
    parameters: Vec<(Text, Document)>,
    state_machines: Vec<(Text, Document)>,
}

#[derive(Clone, Debug)]
struct Table {
    name: Text,
    key: Vec<Text>,
    /// Types of key attributes that are no strings.
    types: Object,
    indexes: Vec<(Text, Vec<Text>)>,
    ttl: Option<Text>,
    items: Vec<Object>,
}

#[derive(Clone, Debug)]
struct Bucket {
    name: Text,
    objects: Vec<(Text, Document)>,
}

#[derive(Clone, Debug)]
struct Queue {
    name: Text,
    attributes: Object,
    /// Name, and how often a message is received before it goes there.
    dead_letter_queue: Option<(Text, i64)>,
    messages: Vec<Document>,
}

#[derive(Clone, Debug)]
struct Topic {
    name: Text,
    subscriptions: Vec<Subscription>,
}

#[derive(Clone, Debug)]
struct Subscription {
    queue: Text,
    raw: bool,
    filter: Option<Document>,
}

#[derive(Clone, Debug)]
struct Rule {
    bus: Text,
    name: Text,
    pattern: Document,
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
enum Target {
    Queue { name: Text, group: Option<Text> },
    Topic(Text),
}

const SECTIONS: &[&str] = &[
    "buckets",
    "eventBuses",
    "parameters",
    "queues",
    "secrets",
    "stateMachines",
    "tables",
    "topics",
];

impl Seed {
    /// Reads the text of a seed file, JSON or YAML.
    ///
    /// # Errors
    /// All its mistakes, each with its place; only the first one when the text is neither.
    pub fn parse(text: &str) -> Result<Seed, Vec<String>> {
        let document = parse(text).map_err(|mistake| vec![mistake])?;
        let mut reader = Reader::default();
        let mut seed = Seed::default();
        let file = reader.object("the file", &document).cloned().unwrap_or_default();
        reader.check_keys("the file", &file, SECTIONS);
        each(&mut reader, &file, "tables", |reader, place, name, value| {
            seed.tables.extend(read_table(reader, place, name, value));
        });
        each(&mut reader, &file, "buckets", |reader, place, name, value| {
            let settings = known(reader, place, value, &["objects"]);
            let objects = members(reader, place, &settings, "objects");
            seed.buckets.push(Bucket { name, objects });
        });
        each(&mut reader, &file, "queues", |reader, place, name, value| {
            seed.queues.push(read_queue(reader, place, name, value));
        });
        each(&mut reader, &file, "topics", |reader, place, name, value| {
            let settings = known(reader, place, value, &["subscriptions"]);
            let subscriptions = items(reader, place, &settings, "subscriptions").into_iter();
            let subscriptions = subscriptions.filter_map(|(place, value)| read_subscription(reader, &place, &value));
            let subscriptions = subscriptions.collect();
            seed.topics.push(Topic { name, subscriptions });
        });
        each(&mut reader, &file, "eventBuses", |reader, place, bus, value| {
            let settings = known(reader, place, value, &["rules"]);
            for (name, value) in members(reader, place, &settings, "rules") {
                let place = format!("{place}/rules/{name}");
                seed.rules.extend(read_rule(reader, &place, &bus, name, &value));
            }
            seed.buses.push(bus);
        });
        each(&mut reader, &file, "secrets", |_, _, name, value| {
            seed.secrets.push((name, value.clone()))
        });
        each(&mut reader, &file, "parameters", |_, _, name, value| {
            seed.parameters.push((name, value.clone()));
        });
        each(&mut reader, &file, "stateMachines", |reader, place, name, value| {
            let settings = known(reader, place, value, &["output"]);
            let output = settings.get("output").cloned();
            seed.state_machines
                .push((name, output.unwrap_or_else(|| Object::new().into())));
        });
        seed.check_references(&mut reader);
        reader.finish(seed)
    }

    /// Queues and topics that others deliver to must be in the file too.
    fn check_references(&self, reader: &mut Reader) {
        let check = |reader: &mut Reader, place: String, kind: &str, name: &str, known: &[&str]| {
            if known.contains(&name) {
                return;
            }
            let meant = expressway_local::suggest::closest(name, known.iter().copied());
            let meant = meant
                .map(|meant| format!(", did you mean `{meant}`?"))
                .unwrap_or_default();
            reader.mistake(&place, format!("there is no {kind} `{name}` in this file{meant}"));
        };
        let queues: Vec<&str> = self.queues.iter().map(|queue| &*queue.name).collect();
        let topics: Vec<&str> = self.topics.iter().map(|topic| &*topic.name).collect();
        for queue in &self.queues {
            if let Some((name, _)) = &queue.dead_letter_queue {
                let place = format!("queues/{}/deadLetterQueue", queue.name);
                check(reader, place, "queue", name, &queues);
            }
        }
        for topic in &self.topics {
            for subscription in &topic.subscriptions {
                let place = format!("topics/{}/subscriptions", topic.name);
                check(reader, place, "queue", &subscription.queue, &queues);
            }
        }
        for rule in &self.rules {
            let place = || format!("eventBuses/{}/rules/{}/targets", rule.bus, rule.name);
            for target in &rule.targets {
                match target {
                    Target::Queue { name, .. } => check(reader, place(), "queue", name, &queues),
                    Target::Topic(name) => check(reader, place(), "topic", name, &topics),
                }
            }
        }
    }
}

/// Reads every member of a section.
fn each(reader: &mut Reader, file: &Object, section: &str, mut read: impl FnMut(&mut Reader, &str, Text, &Document)) {
    let Some(value) = file.get(section) else { return };
    for (name, value) in reader.settings(section, value).iter() {
        read(reader, &format!("{section}/{name}"), Text::clone(name), value);
    }
}

fn known(reader: &mut Reader, place: &str, value: &Document, keys: &[&str]) -> Object {
    let settings = reader.settings(place, value);
    reader.check_keys(place, &settings, keys);
    settings
}

fn members(reader: &mut Reader, place: &str, settings: &Object, key: &str) -> Vec<(Text, Document)> {
    let value = settings.get(key).cloned().unwrap_or_default();
    let object = reader.settings(&format!("{place}/{key}"), &value);
    object
        .iter()
        .map(|(name, value)| (Text::clone(name), value.clone()))
        .collect()
}

/// The items of a list with their places.
fn items(reader: &mut Reader, place: &str, settings: &Object, key: &str) -> Vec<(String, Document)> {
    let place = format!("{place}/{key}");
    match settings.get(key) {
        None | Some(Document::Null) => Vec::new(),
        Some(Document::Array(items)) => {
            let numbered = items.iter().enumerate();
            numbered
                .map(|(index, item)| (format!("{place}/{index}"), item.clone()))
                .collect()
        }
        Some(other) => {
            reader.mistake(
                &place,
                format!("must be an array, but is {}", crate::reader::describe(other)),
            );
            Vec::new()
        }
    }
}

fn text(reader: &mut Reader, place: &str, settings: &Object, key: &str) -> Option<Text> {
    let value = settings.get(key)?;
    reader.text(&format!("{place}/{key}"), value).map(Text::from)
}

fn read_table(reader: &mut Reader, place: &str, name: Text, value: &Document) -> Option<Table> {
    let settings = known(reader, place, value, &["indexes", "items", "key", "ttl", "types"]);
    let key = read_key(reader, place, &settings)?;
    let types = settings.get("types").cloned().unwrap_or_default();
    let types = reader.settings(&format!("{place}/types"), &types);
    for (attribute, kind) in types.iter() {
        if !matches!(kind.as_str(), Some("S" | "N" | "B")) {
            reader.mistake(&format!("{place}/types/{attribute}"), "must be `S`, `N` or `B`");
        }
    }
    let mut indexes = Vec::new();
    for (index, value) in members(reader, place, &settings, "indexes") {
        let place = format!("{place}/indexes/{index}");
        let settings = known(reader, &place, &value, &["key"]);
        indexes.extend(read_key(reader, &place, &settings).map(|key| (index, key)));
    }
    let mut objects = Vec::new();
    for (place, item) in items(reader, place, &settings, "items") {
        let item = reader.object(&place, &item).cloned();
        let missing = item
            .as_ref()
            .and_then(|item| key.iter().find(|name| !item.contains_key(name)));
        if let Some(missing) = missing {
            reader.mistake(&place, format!("has no `{missing}`, which is part of the table's key"));
        }
        objects.extend(item);
    }
    Some(Table {
        ttl: text(reader, place, &settings, "ttl"),
        name,
        key,
        types,
        indexes,
        items: objects,
    })
}

/// `id` or `[id, sort]`.
fn read_key(reader: &mut Reader, place: &str, settings: &Object) -> Option<Vec<Text>> {
    let names = match settings.get("key") {
        Some(Document::String(name)) => Some(vec![Text::clone(name)]),
        Some(Document::Array(names)) if (1..=2).contains(&names.len()) => {
            names.iter().map(|name| name.as_str().map(Text::from)).collect()
        }
        _ => None,
    };
    if names.is_none() {
        let problem = "must have `key`, the name of the partition key, or `[partition key, sort key]`";
        reader.mistake(place, problem);
    }
    names
}

fn read_queue(reader: &mut Reader, place: &str, name: Text, value: &Document) -> Queue {
    let settings = known(reader, place, value, &["attributes", "deadLetterQueue", "messages"]);
    let attributes = members(reader, place, &settings, "attributes").into_iter();
    let attributes = attributes.map(|(name, value)| (name, as_text(&value).into()));
    let mut dead_letter_queue = None;
    if let Some(value) = settings.get("deadLetterQueue") {
        let place = format!("{place}/deadLetterQueue");
        let settings = known(reader, &place, value, &["name", "maxReceiveCount"]);
        let most = settings
            .get("maxReceiveCount")
            .and_then(Document::as_i64)
            .filter(|most| *most > 0);
        match (text(reader, &place, &settings, "name"), most) {
            (Some(name), Some(most)) => dead_letter_queue = Some((name, most)),
            _ => reader.mistake(&place, "must have `name` and `maxReceiveCount`, a number from 1"),
        }
    }
    let messages = items(reader, place, &settings, "messages");
    Queue {
        attributes: attributes.collect(),
        messages: messages.into_iter().map(|(_, message)| message).collect(),
        dead_letter_queue,
        name,
    }
}

fn read_subscription(reader: &mut Reader, place: &str, value: &Document) -> Option<Subscription> {
    let settings = known(reader, place, value, &["filter", "queue", "raw"]);
    let Some(queue) = text(reader, place, &settings, "queue") else {
        reader.mistake(place, "must have `queue`, the name of the queue that messages go to");
        return None;
    };
    Some(Subscription {
        queue,
        raw: settings.get("raw").and_then(Document::as_bool).unwrap_or(false),
        filter: settings.get("filter").cloned(),
    })
}

fn read_rule(reader: &mut Reader, place: &str, bus: &Text, name: Text, value: &Document) -> Option<Rule> {
    let settings = known(reader, place, value, &["pattern", "targets"]);
    let Some(pattern) = settings.get("pattern") else {
        reader.mistake(place, "must have `pattern`, which events it takes");
        return None;
    };
    if let Err(problem) = crate::event_bridge::pattern::check(&pattern.to_json()) {
        reader.mistake(&format!("{place}/pattern"), problem);
    }
    let mut targets = Vec::new();
    for (place, target) in items(reader, place, &settings, "targets") {
        let settings = known(reader, &place, &target, &["group", "queue", "topic"]);
        let queue = text(reader, &place, &settings, "queue");
        let topic = text(reader, &place, &settings, "topic");
        let group = text(reader, &place, &settings, "group");
        match (queue, topic) {
            (Some(name), None) => targets.push(Target::Queue { name, group }),
            (None, Some(topic)) => targets.push(Target::Topic(topic)),
            _ => reader.mistake(&place, "must have `queue` or `topic`"),
        }
    }
    Some(Rule {
        bus: Text::clone(bus),
        pattern: pattern.clone(),
        name,
        targets,
    })
}

/// Text as it is, anything else as its JSON.
fn as_text(value: &Document) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}

#[cfg(test)]
mod tests;
