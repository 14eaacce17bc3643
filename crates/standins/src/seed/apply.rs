//! Makes what a seed asks for, by the requests that anybody would send.

use super::{Bucket, Queue, Rule, Seed, Table, Target, Topic, as_text};
use crate::Services;
use crate::dynamodb::to_typed;
use crate::protocol::AwsError;
use crate::s3::NewObject;
use crate::sqs::NewMessage;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use std::collections::BTreeMap;

type Made = Result<(), String>;

impl Seed {
    pub(crate) async fn apply(&self, services: &Services) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        let mut made = |section: &str, name: &str, made: Made| {
            if let Err(problem) = made {
                problems.push(format!("{section}/{name}: {problem}"));
            }
        };
        for table in &self.tables {
            made("tables", &table.name, table.make(services));
        }
        for bucket in &self.buckets {
            made("buckets", &bucket.name, bucket.make(services));
        }
        for queue in &self.queues {
            made("queues", &queue.name, queue.make(services));
        }
        for topic in &self.topics {
            made("topics", &topic.name, topic.make(services));
        }
        for bus in &self.buses {
            let input = Document::object([("Name", Document::String(Text::clone(bus)))]);
            made("eventBuses", bus, events(services, "CreateEventBus", &input));
        }
        for rule in &self.rules {
            made(
                &format!("eventBuses/{}/rules", rule.bus),
                &rule.name,
                rule.make(services),
            );
        }
        for (name, value) in self.secrets.iter().filter(|(name, _)| !services.secrets.exists(name)) {
            let input = named(name, [("SecretString", as_text(value).into())]);
            let secret = services.secrets.call(&services.context, "CreateSecret", &input);
            made("secrets", name, told(secret));
        }
        for (name, value) in self
            .parameters
            .iter()
            .filter(|(name, _)| !services.parameters.exists(name))
        {
            let input = named(name, [("Value", as_text(value).into())]);
            let parameter = services.parameters.call(&services.context, "PutParameter", &input);
            made("parameters", name, told(parameter));
        }
        for (name, output) in &self.state_machines {
            services.state_machines.set_output(name, output);
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems),
        }
    }
}

fn named<const N: usize>(name: &Text, members: [(&'static str, Document); N]) -> Document {
    let name = ("Name", Document::String(Text::clone(name)));
    let object: Object = [name].into_iter().chain(members).collect();
    object.into()
}

fn told<T>(result: Result<T, AwsError>) -> Made {
    result.map(drop).map_err(|error| error.message)
}

fn events(services: &Services, action: &str, input: &Document) -> Made {
    let result = services
        .event_bridge
        .call(&services.context, services.destinations(), action, input);
    told(result)
}

impl Table {
    fn make(&self, services: &Services) -> Made {
        let call = |action: &str, input: Document| services.dynamodb.call(&services.context, action, &input.to_json());
        let name = || ("TableName", Document::String(Text::clone(&self.name)));
        if call("DescribeTable", Document::object([name()])).is_ok() {
            return Ok(());
        }
        told(call("CreateTable", self.definition()))?;
        if let Some(ttl) = &self.ttl {
            let specification = Document::object([
                ("AttributeName", Document::String(Text::clone(ttl))),
                ("Enabled", Document::Bool(true)),
            ]);
            let input = Document::object([name(), ("TimeToLiveSpecification", specification)]);
            told(call("UpdateTimeToLive", input))?;
        }
        for (index, item) in self.items.iter().enumerate() {
            let input = Document::object([name(), ("Item", to_typed(item).into())]);
            told(call("PutItem", input)).map_err(|problem| format!("items/{index}: {problem}"))?;
        }
        Ok(())
    }

    /// The input of `CreateTable`.
    fn definition(&self) -> Document {
        let keys = self.indexes.iter().map(|(_, key)| key).chain([&self.key]);
        let mut attributes: Vec<&Text> = keys.flatten().collect();
        attributes.sort();
        attributes.dedup();
        let definitions = attributes.into_iter().map(|name| {
            let kind = self.types.get(name).cloned().unwrap_or_else(|| "S".into());
            Document::object([
                ("AttributeName", Document::String(Text::clone(name))),
                ("AttributeType", kind),
            ])
        });
        let mut input: Object = [
            ("TableName", Document::String(Text::clone(&self.name))),
            ("BillingMode", "PAY_PER_REQUEST".into()),
            ("KeySchema", key_schema(&self.key)),
            ("AttributeDefinitions", Document::Array(definitions.collect())),
        ]
        .into_iter()
        .collect();
        if !self.indexes.is_empty() {
            let indexes = self.indexes.iter().map(|(name, key)| {
                Document::object([
                    ("IndexName", Document::String(Text::clone(name))),
                    ("KeySchema", key_schema(key)),
                    ("Projection", Document::object([("ProjectionType", "ALL".into())])),
                ])
            });
            input.insert("GlobalSecondaryIndexes", Document::Array(indexes.collect()));
        }
        input.into()
    }
}

fn key_schema(key: &[Text]) -> Document {
    let parts = key.iter().zip(["HASH", "RANGE"]).map(|(name, kind)| {
        Document::object([
            ("AttributeName", Document::String(Text::clone(name))),
            ("KeyType", kind.into()),
        ])
    });
    Document::Array(parts.collect())
}

impl Bucket {
    fn make(&self, services: &Services) -> Made {
        if services.store.exists(&self.name) {
            return Ok(());
        }
        let problem = |error: s3s::S3Error| error.message().unwrap_or(error.code().as_str()).to_owned();
        services.store.create_bucket(&self.name).map_err(problem)?;
        for (key, content) in &self.objects {
            let is_text = content.as_str().is_some();
            let object = NewObject {
                content: as_text(content).into(),
                content_type: Some(if is_text { "text/plain" } else { "application/json" }.to_owned()),
                ..NewObject::default()
            };
            let now = services.context.now_millis();
            let put = services.store.put(&self.name, key, object, now, |_| Ok(()));
            put.map_err(|error| format!("objects/{key}: {}", problem(error)))?;
        }
        Ok(())
    }
}

impl Queue {
    fn make(&self, services: &Services) -> Made {
        if services.sqs.exists(&self.name) {
            return Ok(());
        }
        let context = &services.context;
        let mut attributes = self.attributes.clone();
        if self.name.ends_with(".fifo") {
            attributes.insert("FifoQueue", "true".into());
        }
        if let Some((name, most)) = &self.dead_letter_queue {
            let policy = Document::object([
                ("deadLetterTargetArn", context.arn("sqs", name).into()),
                ("maxReceiveCount", Document::from(*most)),
            ]);
            attributes.insert("RedrivePolicy", policy.to_json().into());
        }
        let name = Document::String(Text::clone(&self.name));
        let input = Document::object([("QueueName", name), ("Attributes", attributes.into())]);
        told(services.sqs.call(context, "CreateQueue", &input))?;
        for (index, body) in self.messages.iter().enumerate() {
            let is_fifo = self.name.ends_with(".fifo");
            let message = NewMessage {
                body: as_text(body),
                group: is_fifo.then(|| "seed".to_owned()),
                deduplication_id: is_fifo.then(|| format!("seed-{index}")),
                ..NewMessage::default()
            };
            let sent = services.sqs.deliver(context, &self.name, message);
            sent.map_err(|error| format!("messages/{index}: {}", error.message))?;
        }
        Ok(())
    }
}

impl Topic {
    fn make(&self, services: &Services) -> Made {
        if services.sns.exists(&self.name) {
            return Ok(());
        }
        services.sns.create(&self.name, BTreeMap::new());
        for subscription in &self.subscriptions {
            let mut attributes = BTreeMap::new();
            if subscription.raw {
                attributes.insert("RawMessageDelivery".to_owned(), "true".to_owned());
            }
            if let Some(filter) = &subscription.filter {
                attributes.insert("FilterPolicy".to_owned(), filter.to_json());
            }
            let queue = services.context.arn("sqs", &subscription.queue);
            told(
                services
                    .sns
                    .subscribe(&services.context, &self.name, "sqs", &queue, attributes),
            )?;
        }
        Ok(())
    }
}

impl Rule {
    fn make(&self, services: &Services) -> Made {
        if services.event_bridge.rule_exists(&self.bus, &self.name) {
            return Ok(());
        }
        let bus = || ("EventBusName", Document::String(Text::clone(&self.bus)));
        let rule = named(&self.name, [bus(), ("EventPattern", self.pattern.to_json().into())]);
        events(services, "PutRule", &rule)?;
        let targets = self.targets.iter().enumerate().map(|(index, target)| {
            let id = ("Id", Document::from(index.to_string()));
            match target {
                Target::Topic(name) => Document::object([id, ("Arn", services.context.arn("sns", name).into())]),
                Target::Queue { name, group } => {
                    let arn = ("Arn", Document::from(services.context.arn("sqs", name)));
                    let group = group.as_ref().map(|group| {
                        let group = Document::String(Text::clone(group));
                        ("SqsParameters", Document::object([("MessageGroupId", group)]))
                    });
                    let target: Object = [id, arn].into_iter().chain(group).collect();
                    target.into()
                }
            }
        });
        let rule = ("Rule", Document::String(Text::clone(&self.name)));
        let targets: Document = Document::Array(targets.collect());
        match targets.as_array().is_some_and(|targets| targets.is_empty()) {
            true => Ok(()),
            false => events(
                services,
                "PutTargets",
                &Document::object([bus(), rule, ("Targets", targets)]),
            ),
        }
    }
}
