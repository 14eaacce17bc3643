//! SNS: topics, and their subscriptions of queues. Subscriptions of anything else are kept, but nothing is delivered.

use crate::context::{Context, name_of, uuid};
use crate::event_bridge::pattern;
use crate::protocol::AwsError;
use crate::protocol::query::{Form, Xml};
use crate::sqs::{NewMessage, Sqs};
use expressway_asl::Document;
use expressway_asl::document::{Array, Object, Text};
use expressway_asl::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// How many bytes a message may have.
const MESSAGE_BYTES_MAX: usize = 262_144;

/// All topics, by name.
#[derive(Debug, Default)]
pub(crate) struct Sns {
    state: Mutex<State>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct State {
    topics: BTreeMap<String, Topic>,
    sequence: u64,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Topic {
    attributes: BTreeMap<String, String>,
    subscriptions: Vec<Subscription>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Subscription {
    arn: String,
    protocol: String,
    endpoint: String,
    attributes: BTreeMap<String, String>,
}

/// A message as it is published.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) subject: Option<String>,
    pub(crate) message: String,
    /// By protocol, where `MessageStructure` is `json`.
    by_protocol: Option<Document>,
    /// `{"name": {"Type": "String", "Value": "..."}}`.
    attributes: Object,
    group: Option<String>,
    deduplication_id: Option<String>,
}

impl Publication {
    /// A message of nothing but text.
    pub(crate) fn of(message: String) -> Publication {
        Publication {
            subject: None,
            message,
            by_protocol: None,
            attributes: Object::new(),
            group: None,
            deduplication_id: None,
        }
    }

    fn parse(form: &Form) -> Result<Publication, AwsError> {
        let message = form.required("Message")?.to_owned();
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(AwsError::new("InvalidParameter", "Invalid parameter: Message too long"));
        }
        let by_protocol = match form.get("MessageStructure") {
            Some("json") => {
                let parsed = Document::parse(&message)
                    .ok()
                    .filter(|parsed| parsed.get("default").is_some());
                let problem = "Invalid parameter: Message Structure - No default entry in JSON message body";
                Some(parsed.ok_or_else(|| AwsError::new("InvalidParameter", problem))?)
            }
            _ => None,
        };
        let entries = form.members("MessageAttributes.entry.");
        let attributes = entries.iter().filter_map(|entry| {
            let value = entry
                .get("Value.StringValue")
                .or_else(|| entry.get("Value.BinaryValue"))?;
            let value = Document::object([
                ("Type", entry.get("Value.DataType").unwrap_or("String").into()),
                ("Value", value.into()),
            ]);
            Some((Text::from(entry.get("Name")?), value))
        });
        let owned = |name: &str| form.get(name).map(str::to_owned);
        Ok(Publication {
            subject: owned("Subject"),
            attributes: attributes.collect(),
            group: owned("MessageGroupId"),
            deduplication_id: owned("MessageDeduplicationId"),
            message,
            by_protocol,
        })
    }

    fn text_for_queues(&self) -> &str {
        let own = self.by_protocol.as_ref();
        let own = own.and_then(|all| all.get("sqs").or_else(|| all.get("default")));
        own.and_then(Document::as_str).unwrap_or(&self.message)
    }
}

impl Sns {
    pub(crate) fn restore(saved: &str) -> Result<Sns, serde_json::Error> {
        Ok(Sns {
            state: Mutex::new(serde_json::from_str(saved)?),
        })
    }

    pub(crate) fn save(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.lock().topics.contains_key(name)
    }

    /// Makes a topic; one that exists stays as it is.
    pub(crate) fn create(&self, name: &str, attributes: BTreeMap<String, String>) {
        let topic = Topic {
            attributes,
            subscriptions: Vec::new(),
        };
        self.lock().topics.entry(name.to_owned()).or_insert(topic);
    }

    /// Adds a subscription, and gives its ARN.
    pub(crate) fn subscribe(
        &self,
        context: &Context,
        topic: &str,
        protocol: &str,
        endpoint: &str,
        attributes: BTreeMap<String, String>,
    ) -> Result<String, AwsError> {
        let mut state = self.lock();
        let topic_name = name_of(topic).to_owned();
        let topic = state.topic(topic)?;
        let same = |known: &&Subscription| known.protocol == protocol && known.endpoint == endpoint;
        if let Some(known) = topic.subscriptions.iter().find(same) {
            return Ok(known.arn.clone());
        }
        if protocol != "sqs" {
            context.tell(&format!(
                "messages of the topic `{topic_name}` are not delivered to {endpoint}: a local run only delivers to queues"
            ));
        }
        let arn = context.arn("sns", &format!("{topic_name}:{}", uuid()));
        topic.subscriptions.push(Subscription {
            arn: arn.clone(),
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            attributes,
        });
        Ok(arn)
    }

    /// Publishes a message to a topic, and gives the message's id.
    pub(crate) fn publish(
        &self,
        context: &Context,
        sqs: &Sqs,
        topic: &str,
        publication: &Publication,
    ) -> Result<(String, Option<String>), AwsError> {
        let mut state = self.lock();
        let is_fifo = topic.ends_with(".fifo");
        if is_fifo && publication.group.is_none() {
            return Err(AwsError::new(
                "InvalidParameter",
                "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
            ));
        }
        let subscriptions = state.topic(topic)?.subscriptions.clone();
        state.sequence += 1;
        let sequence = is_fifo.then(|| format!("{:020}", 10_000_000_000_000_000_000_u64 + state.sequence));
        drop(state);
        let id = uuid();
        context.record("sns", name_of(topic), "message", publication.message.clone());
        for subscription in subscriptions {
            if subscription.protocol != "sqs" || !subscription.wants(publication) {
                continue;
            }
            let message = subscription.message(context, topic, &id, publication);
            let delivered = sqs.deliver(context, &subscription.endpoint, message);
            let queue = name_of(&subscription.endpoint);
            match delivered {
                Ok(false) => {}
                Ok(true) => context.record("sqs", queue, "message", format!("from the topic {}", name_of(topic))),
                Err(error) => context.tell(&format!(
                    "the topic `{}` could not deliver to the queue `{queue}`: {}",
                    name_of(topic),
                    error.message
                )),
            }
        }
        Ok((id, sequence))
    }

    pub(crate) fn call(&self, context: &Context, sqs: &Sqs, action: &str, form: &Form) -> Result<Vec<Xml>, AwsError> {
        match action {
            "CreateTopic" => {
                let name = form.required("Name")?;
                self.create(name, form.map("Attributes.entry."));
                Ok(vec![Xml::Text("TopicArn", context.arn("sns", name))])
            }
            "DeleteTopic" => {
                self.lock().topics.remove(name_of(form.required("TopicArn")?));
                Ok(Vec::new())
            }
            "GetTopicAttributes" => {
                let arn = form.required("TopicArn")?;
                let mut state = self.lock();
                let topic = state.topic(arn)?;
                let own = [
                    ("TopicArn".to_owned(), context.arn("sns", name_of(arn))),
                    (
                        "SubscriptionsConfirmed".to_owned(),
                        topic.subscriptions.len().to_string(),
                    ),
                ];
                let entries =
                    topic.attributes.clone().into_iter().chain(own).map(|(key, value)| {
                        Xml::Element("entry", vec![Xml::Text("key", key), Xml::Text("value", value)])
                    });
                Ok(vec![Xml::Element("Attributes", entries.collect())])
            }
            "ListTopics" => {
                let state = self.lock();
                let arns = state.topics.keys().map(|name| context.arn("sns", name));
                let members = arns.map(|arn| Xml::Element("member", vec![Xml::Text("TopicArn", arn)]));
                Ok(vec![Xml::Element("Topics", members.collect())])
            }
            "ListSubscriptions" => {
                let state = self.lock();
                let all = state.topics.iter();
                let all =
                    all.flat_map(|(name, topic)| topic.subscriptions.iter().map(move |one| one.to_xml(context, name)));
                Ok(vec![Xml::Element("Subscriptions", all.collect())])
            }
            "ListSubscriptionsByTopic" => {
                let arn = form.required("TopicArn")?;
                let mut state = self.lock();
                let all = state.topic(arn)?.subscriptions.iter();
                let all = all.map(|one| one.to_xml(context, name_of(arn)));
                Ok(vec![Xml::Element("Subscriptions", all.collect())])
            }
            "Subscribe" => {
                let attributes = form.map("Attributes.entry.");
                let endpoint = form.get("Endpoint").unwrap_or_default();
                let (topic, protocol) = (form.required("TopicArn")?, form.required("Protocol")?);
                let arn = self.subscribe(context, topic, protocol, endpoint, attributes)?;
                Ok(vec![Xml::Text("SubscriptionArn", arn)])
            }
            "Unsubscribe" => {
                let arn = form.required("SubscriptionArn")?;
                for topic in self.lock().topics.values_mut() {
                    topic.subscriptions.retain(|subscription| subscription.arn != arn);
                }
                Ok(Vec::new())
            }
            "Publish" => {
                let publication = Publication::parse(form)?;
                match (form.get("TopicArn").or(form.get("TargetArn")), form.get("PhoneNumber")) {
                    (Some(topic), _) => Ok(published(self.publish(context, sqs, topic, &publication)?)),
                    (None, Some(phone)) => {
                        context.record("sns", phone, "text message", publication.message);
                        Ok(published((uuid(), None)))
                    }
                    (None, None) => {
                        let problem =
                            "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter";
                        Err(AwsError::new("InvalidParameter", problem))
                    }
                }
            }
            "PublishBatch" => self.publish_batch(context, sqs, form),
            action => Err(AwsError::unknown_action("sns", action)),
        }
    }

    fn publish_batch(&self, context: &Context, sqs: &Sqs, form: &Form) -> Result<Vec<Xml>, AwsError> {
        let topic = form.required("TopicArn")?;
        self.lock().topic(topic)?;
        let entries = form.members("PublishBatchRequestEntries.member.");
        match entries.len() {
            1..=10 => {}
            0 => {
                return Err(AwsError::new(
                    "EmptyBatchRequest",
                    "The batch request doesn't contain any entries.",
                ));
            }
            _ => {
                let problem = "The batch request contains more entries than permissible (more than 10).";
                return Err(AwsError::new("TooManyEntriesInBatchRequest", problem));
            }
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in &entries {
            let mut member = vec![Xml::Text("Id", entry.required("Id")?.to_owned())];
            let sent = Publication::parse(entry).and_then(|one| self.publish(context, sqs, topic, &one));
            match sent {
                Ok(sent) => {
                    member.extend(published(sent));
                    successful.push(Xml::Element("member", member));
                }
                Err(error) => {
                    member.push(Xml::Text("Code", error.code));
                    member.push(Xml::Text("Message", error.message));
                    member.push(Xml::Text("SenderFault", "true".to_owned()));
                    failed.push(Xml::Element("member", member));
                }
            }
        }
        Ok(vec![
            Xml::Element("Successful", successful),
            Xml::Element("Failed", failed),
        ])
    }
}

fn published((id, sequence): (String, Option<String>)) -> Vec<Xml> {
    let sequence = sequence.map(|sequence| Xml::Text("SequenceNumber", sequence));
    [Xml::Text("MessageId", id)].into_iter().chain(sequence).collect()
}

impl State {
    fn topic(&mut self, arn: &str) -> Result<&mut Topic, AwsError> {
        let topic = self.topics.get_mut(name_of(arn));
        topic.ok_or_else(|| AwsError {
            status: 404,
            ..AwsError::new("NotFound", "Topic does not exist")
        })
    }
}

impl Subscription {
    fn is_set(&self, attribute: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|value| value == "true")
    }

    /// Whether the message passes the filter policy.
    fn wants(&self, publication: &Publication) -> bool {
        let Some(policy) = self
            .attributes
            .get("FilterPolicy")
            .and_then(|text| Document::parse(text).ok())
        else {
            return true;
        };
        let scope = self.attributes.get("FilterPolicyScope").map(String::as_str);
        let filtered = match scope {
            Some("MessageBody") => Document::parse(&publication.message).unwrap_or_default(),
            _ => {
                let values = publication
                    .attributes
                    .iter()
                    .map(|(name, value)| (name.clone(), filter_value(value)));
                values.collect::<Object>().into()
            }
        };
        pattern::matches(&policy, &filtered)
    }

    fn message(&self, context: &Context, topic: &str, id: &str, publication: &Publication) -> NewMessage {
        let plain = publication.text_for_queues();
        let is_raw = self.is_set("RawMessageDelivery");
        let attributes = publication.attributes.iter().map(|(name, value)| {
            let member = |name: &str| value.get(name).cloned().unwrap_or_default();
            let is_binary = member("Type").as_str() == Some("Binary");
            let content = if is_binary { "BinaryValue" } else { "StringValue" };
            let value = Document::object([("DataType", member("Type")), (content, member("Value"))]);
            (name.clone(), value)
        });
        let attributes: Object = attributes.collect();
        NewMessage {
            body: match is_raw {
                true => plain.to_owned(),
                false => self.envelope(context, topic, id, publication, plain).to_json(),
            },
            attributes: (is_raw && !attributes.is_empty()).then(|| attributes.into()),
            group: publication.group.clone(),
            // FIFO queues only: a standard queue refuses the id.
            deduplication_id: self.endpoint.ends_with(".fifo").then(|| {
                let given = publication.deduplication_id.clone();
                given.unwrap_or_else(|| id.to_owned())
            }),
            ..NewMessage::default()
        }
    }

    /// # Source
    /// SNS developer guide, "Fanout to Amazon SQS queues".
    fn envelope(&self, context: &Context, topic: &str, id: &str, publication: &Publication, message: &str) -> Document {
        let mut envelope: Object = [
            ("Type", Document::from("Notification")),
            ("MessageId", id.into()),
            ("TopicArn", context.arn("sns", name_of(topic)).into()),
        ]
        .into_iter()
        .collect();
        if let Some(subject) = &publication.subject {
            envelope.insert("Subject", subject.as_str().into());
        }
        envelope.insert("Message", message.into());
        let timestamp = Timestamp::from_epoch_millis(context.now_millis());
        envelope.insert("Timestamp", timestamp.to_string().into());
        envelope.insert("SignatureVersion", "1".into());
        envelope.insert("Signature", "EXAMPLE".into());
        envelope.insert(
            "UnsubscribeURL",
            format!("https://sns.invalid/?SubscriptionArn={}", self.arn).into(),
        );
        if !publication.attributes.is_empty() {
            envelope.insert("MessageAttributes", publication.attributes.clone().into());
        }
        envelope.into()
    }

    fn to_xml(&self, context: &Context, topic: &str) -> Xml {
        Xml::Element(
            "member",
            vec![
                Xml::Text("SubscriptionArn", self.arn.clone()),
                Xml::Text("Owner", crate::context::ACCOUNT.to_owned()),
                Xml::Text("Protocol", self.protocol.clone()),
                Xml::Text("Endpoint", self.endpoint.clone()),
                Xml::Text("TopicArn", context.arn("sns", topic)),
            ],
        )
    }
}

/// What a filter policy sees of a message attribute.
fn filter_value(attribute: &Document) -> Document {
    let value = attribute.get("Value").and_then(Document::as_str).unwrap_or_default();
    match attribute.get("Type").and_then(Document::as_str) {
        Some("Number" | "String.Array") => {
            Document::parse(value).unwrap_or_else(|_| Document::Array(Array::from(Vec::new())))
        }
        _ => value.into(),
    }
}
