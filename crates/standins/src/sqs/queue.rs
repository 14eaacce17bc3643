//! One queue and its messages. Times are milliseconds since 1970.

use crate::context::{Context, uuid};
use crate::protocol::{AwsError, list, required, text};
use base64::prelude::{BASE64_STANDARD, Engine};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet, VecDeque};

/// How long a deduplication id counts: five minutes.
const DEDUPLICATION_MILLIS: i64 = 5 * 60 * 1000;

/// Attributes that queues have unless they are set.
const DEFAULTS: &[(&str, &str)] = &[
    ("DelaySeconds", "0"),
    ("MaximumMessageSize", "1048576"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("VisibilityTimeout", "30"),
];

/// Attributes that may be set beside those that have a default.
const SETTABLE: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
];

#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Queue {
    pub(super) name: String,
    created: i64,
    settings: BTreeMap<String, String>,
    /// In the order in which they were sent.
    pub(super) messages: VecDeque<Message>,
    /// What was sent under which deduplication id.
    deduplicated: BTreeMap<String, Deduplicated>,
    sequence: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Deduplicated {
    until: i64,
    id: String,
    sequence: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Message {
    id: String,
    pub(super) body: String,
    /// JSON text of `MessageAttributes`.
    attributes: Option<String>,
    group: Option<String>,
    deduplication_id: Option<String>,
    trace_header: Option<String>,
    sequence: u64,
    sent: i64,
    pub(super) visible_at: i64,
    first_received: Option<i64>,
    receive_count: u64,
    /// ARN of the queue that gave it up.
    dead_letter_source: Option<String>,
}

/// A message that is being sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewMessage {
    pub(crate) body: String,
    pub(crate) attributes: Option<Document>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    pub(crate) delay_seconds: Option<i64>,
    pub(crate) trace_header: Option<String>,
}

/// Messages on their way to the dead-letter queue that is named here.
pub(super) type Dead = Option<(String, Vec<Message>)>;

impl NewMessage {
    pub(crate) fn parse(input: &Document) -> Result<NewMessage, AwsError> {
        let owned = |member: &str| text(input, member).map(str::to_owned);
        let trace = input
            .get("MessageSystemAttributes")
            .and_then(|all| all.get("AWSTraceHeader"));
        let attributes = input.get("MessageAttributes").filter(|all| !all.is_null());
        let attributes = attributes.filter(|all| all.as_object().is_some_and(|all| !all.is_empty()));
        if attributes
            .and_then(Document::as_object)
            .is_some_and(|all| all.len() > 10)
        {
            return Err(invalid(
                "Number of message attributes exceeds the allowed maximum [10].",
            ));
        }
        Ok(NewMessage {
            body: required(input, "MessageBody")?.to_owned(),
            attributes: attributes.cloned(),
            group: owned("MessageGroupId"),
            deduplication_id: owned("MessageDeduplicationId"),
            delay_seconds: number(input, "DelaySeconds")?,
            trace_header: trace.and_then(|trace| text(trace, "StringValue")).map(str::to_owned),
        })
    }
}

impl Queue {
    pub(super) fn new(name: &str, now: i64) -> Result<Queue, AwsError> {
        let plain = name.strip_suffix(".fifo").unwrap_or(name);
        let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if plain.is_empty() || name.len() > 80 || !plain.chars().all(is_name) {
            return Err(invalid(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            ));
        }
        Ok(Queue {
            name: name.to_owned(),
            created: now,
            settings: BTreeMap::new(),
            messages: VecDeque::new(),
            deduplicated: BTreeMap::new(),
            sequence: 0,
        })
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }

    pub(super) fn set_attributes(&mut self, given: Option<&Document>) -> Result<(), AwsError> {
        for (name, value) in given.and_then(Document::as_object).into_iter().flat_map(Object::iter) {
            let is_known = SETTABLE.contains(&&**name) || DEFAULTS.iter().any(|(known, _)| *known == &**name);
            let Some(value) = value.as_str().filter(|_| is_known) else {
                return Err(AwsError {
                    query_code: Some("InvalidAttributeName"),
                    ..AwsError::new("InvalidAttributeName", format!("Unknown Attribute {name}."))
                });
            };
            if &**name == "FifoQueue" && (value == "true") != self.is_fifo() {
                return Err(invalid(match self.is_fifo() {
                    true => {
                        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or \
                             underscores, must end with .fifo suffix and be 1 to 80 in length."
                    }
                    false => "The queue name must end with .fifo for FifoQueue",
                }));
            }
            if &**name == "RedrivePolicy" && !value.is_empty() && redrive(value).is_none() {
                let problem = "for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain \
                               deadLetterTargetArn and maxReceiveCount.";
                return Err(invalid(format!("Value {value} {problem}")));
            }
            let is_number = DEFAULTS.iter().any(|(known, _)| *known == &**name);
            if is_number && value.parse::<u32>().is_err() {
                return Err(invalid(format!("Invalid value for the parameter {name}.")));
            }
            self.settings.insert(name.to_string(), value.to_owned());
        }
        Ok(())
    }

    /// Whether these attributes would change nothing.
    pub(super) fn has_attributes(&self, given: Option<&Document>) -> bool {
        let mut given = given.and_then(Document::as_object).into_iter().flat_map(Object::iter);
        given.all(|(name, value)| self.setting(name) == value.as_str() || &**name == "FifoQueue")
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let default = DEFAULTS.iter().find(|(known, _)| *known == name);
        let set = self.settings.get(name).map(String::as_str);
        set.or_else(|| default.map(|(_, value)| *value))
    }

    fn setting_number(&self, name: &str) -> i64 {
        self.setting(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or_default()
    }

    pub(super) fn attributes(&self, context: &Context, now: i64) -> BTreeMap<String, String> {
        let count =
            |is: &dyn Fn(&Message) -> bool| self.messages.iter().filter(|message| is(message)).count().to_string();
        let mut attributes = self.settings.clone();
        for (name, value) in DEFAULTS {
            attributes
                .entry((*name).to_owned())
                .or_insert_with(|| (*value).to_owned());
        }
        let created = (self.created / 1000).to_string();
        let computed = [
            ("ApproximateNumberOfMessages", count(&|message| message.is_due(now))),
            (
                "ApproximateNumberOfMessagesDelayed",
                count(&|message| !message.is_due(now) && message.receive_count == 0),
            ),
            (
                "ApproximateNumberOfMessagesNotVisible",
                count(&|message| !message.is_due(now) && message.receive_count > 0),
            ),
            ("CreatedTimestamp", created.clone()),
            ("LastModifiedTimestamp", created),
            ("QueueArn", context.arn("sqs", &self.name)),
        ];
        attributes.extend(computed.map(|(name, value)| (name.to_owned(), value)));
        if self.is_fifo() {
            attributes.insert("FifoQueue".to_owned(), "true".to_owned());
        }
        attributes
    }

    /// Takes a message in, and gives what `SendMessage` answers, and whether it is new: a duplicate is answered like the
    /// first one.
    pub(super) fn send(&mut self, now: i64, new: NewMessage) -> Result<(Object, bool), AwsError> {
        self.check(&new)?;
        self.forget_old(now);
        let deduplication_id = self.deduplication_id(&new)?;
        let mut answer = Object::new();
        answer.insert("MD5OfMessageBody", hex(&Md5::digest(&new.body)).into());
        if let Some(attributes) = &new.attributes {
            answer.insert("MD5OfMessageAttributes", attributes_md5(attributes)?.into());
        }
        let earlier = deduplication_id.as_ref().and_then(|id| self.deduplicated.get(id));
        let is_new = earlier.is_none();
        let sent = match earlier {
            Some(earlier) => earlier.clone(),
            None => self.push(now, new, deduplication_id),
        };
        answer.insert("MessageId", sent.id.into());
        if self.is_fifo() {
            answer.insert("SequenceNumber", sequence_number(sent.sequence).into());
        }
        Ok((answer, is_new))
    }

    fn check(&self, new: &NewMessage) -> Result<(), AwsError> {
        let bytes_max = self.setting_number("MaximumMessageSize");
        let attributes_bytes = new.attributes.as_ref().map_or(0, attributes_bytes);
        if i64::try_from(new.body.len() + attributes_bytes).unwrap_or(i64::MAX) > bytes_max {
            return Err(invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {bytes_max} bytes."
            )));
        }
        let is_allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        if let Some(character) = new.body.chars().find(|character| !is_allowed(*character)) {
            let message = format!("Invalid characters found: #x{:x}", u32::from(character));
            return Err(AwsError::new("InvalidMessageContents", message));
        }
        if let Some(delay) = new.delay_seconds {
            let problem = |reason: &str| {
                let message = format!("Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}");
                Err(invalid(message))
            };
            if self.is_fifo() && delay != 0 {
                return problem("The request include parameter that is not valid for this queue type.");
            }
            if !(0..=900).contains(&delay) {
                return problem("DelaySeconds must be >= 0 and <= 900.");
            }
        }
        match (self.is_fifo(), &new.group, &new.deduplication_id) {
            (true, None, _) => Err(AwsError::missing("MessageGroupId")),
            (false, _, Some(id)) => Err(invalid(format!(
                "Value {id} for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter \
                 that is not valid for this queue type."
            ))),
            _ => Ok(()),
        }
    }

    fn deduplication_id(&self, new: &NewMessage) -> Result<Option<String>, AwsError> {
        if !self.is_fifo() {
            return Ok(None);
        }
        let id = match (&new.deduplication_id, self.setting("ContentBasedDeduplication")) {
            (Some(id), _) => id.clone(),
            (None, Some("true")) => content_hash(&new.body),
            (None, _) => {
                return Err(invalid(
                    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                     explicitly",
                ));
            }
        };
        Ok(Some(match (self.setting("DeduplicationScope"), &new.group) {
            (Some("messageGroup"), Some(group)) => format!("{group}\n{id}"),
            _ => id,
        }))
    }

    fn push(&mut self, now: i64, new: NewMessage, deduplication_id: Option<String>) -> Deduplicated {
        self.sequence += 1;
        let delay = new.delay_seconds.unwrap_or_else(|| self.setting_number("DelaySeconds"));
        let sent = Deduplicated {
            until: now + DEDUPLICATION_MILLIS,
            id: uuid(),
            sequence: self.sequence,
        };
        self.messages.push_back(Message {
            id: sent.id.clone(),
            attributes: new.attributes.map(|attributes| attributes.to_json()),
            body: new.body,
            group: new.group,
            deduplication_id: deduplication_id
                .as_ref()
                .map(|id| id.rsplit('\n').next().unwrap_or(id).to_owned()),
            trace_header: new.trace_header,
            sequence: sent.sequence,
            sent: now,
            visible_at: now + delay * 1000,
            first_received: None,
            receive_count: 0,
            dead_letter_source: None,
        });
        if let Some(id) = deduplication_id {
            self.deduplicated.insert(id, sent.clone());
        }
        sent
    }

    /// Drops messages and deduplication ids whose time is over.
    fn forget_old(&mut self, now: i64) {
        let kept_since = now - self.setting_number("MessageRetentionPeriod") * 1000;
        self.messages.retain(|message| message.sent > kept_since);
        self.deduplicated.retain(|_, sent| sent.until > now);
    }

    /// Receives what is visible. In a FIFO queue a group waits while one of its messages is in flight or delayed.
    pub(super) fn receive(&mut self, now: i64, input: &Document) -> Result<(Vec<Document>, Dead), AwsError> {
        let count = number(input, "MaxNumberOfMessages")?.unwrap_or(1);
        let Some(count) = usize::try_from(count).ok().filter(|count| (1..=10).contains(count)) else {
            return Err(invalid(format!(
                "Value {count} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if \
                 provided."
            )));
        };
        let visibility = number(input, "VisibilityTimeout")?;
        let visibility = visibility.unwrap_or_else(|| self.setting_number("VisibilityTimeout"));
        self.forget_old(now);
        let redrive = self.setting("RedrivePolicy").and_then(redrive);
        let is_fifo = self.is_fifo();
        let (mut received, mut dead, mut kept) = (Vec::new(), Vec::new(), VecDeque::new());
        let mut blocked: HashSet<String> = HashSet::new();
        for mut message in std::mem::take(&mut self.messages) {
            let group = message.group.as_ref().filter(|_| is_fifo);
            let is_blocked = group.is_some_and(|group| blocked.contains(group));
            if received.len() == count || is_blocked || !message.is_due(now) {
                blocked.extend(group.cloned());
                kept.push_back(message);
                continue;
            }
            if redrive.as_ref().is_some_and(|(_, most)| message.receive_count >= *most) {
                dead.push(message);
                continue;
            }
            message.receive_count += 1;
            message.first_received.get_or_insert(now);
            message.visible_at = now + visibility * 1000;
            received.push(message.to_received(input));
            kept.push_back(message);
        }
        self.messages = kept;
        let dead = redrive
            .map(|(target, _)| (target, dead))
            .filter(|(_, dead)| !dead.is_empty());
        Ok((received, dead))
    }

    /// Takes in what another queue gave up.
    pub(super) fn accept_dead(&mut self, dead: Vec<Message>, source: &str) {
        for mut message in dead {
            message.dead_letter_source = Some(source.to_owned());
            message.receive_count = 0;
            message.first_received = None;
            self.messages.push_back(message);
        }
    }

    /// Takes back what could not be given up.
    pub(super) fn put_back(&mut self, messages: Vec<Message>) {
        for message in messages.into_iter().rev() {
            self.messages.push_front(message);
        }
    }

    /// Deletes the message that was received under this handle. One that was received again since stays.
    pub(super) fn delete(&mut self, now: i64, handle: &str) -> Result<(), AwsError> {
        let (id, receive_count) = parse_handle(handle)?;
        let at = self.messages.iter().position(|message| message.id == id);
        let Some(message) = at.and_then(|at| self.messages.get(at)) else {
            return Ok(());
        };
        let is_current = message.receive_count == receive_count;
        if self.is_fifo() && (!is_current || message.is_due(now)) {
            return Err(expired(handle));
        }
        if let Some(at) = at.filter(|_| is_current) {
            self.messages.remove(at);
        }
        Ok(())
    }

    pub(super) fn change_visibility(&mut self, now: i64, input: &Document) -> Result<(), AwsError> {
        let handle = required(input, "ReceiptHandle")?;
        let (id, receive_count) = parse_handle(handle)?;
        let timeout = number(input, "VisibilityTimeout")?.ok_or_else(|| AwsError::missing("VisibilityTimeout"))?;
        if !(0..=43_200).contains(&timeout) {
            return Err(invalid(format!(
                "Value {timeout} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."
            )));
        }
        let is_fifo = self.is_fifo();
        let Some(message) = self.messages.iter_mut().find(|message| message.id == id) else {
            return Err(invalid(format!(
                "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not \
                 available for visibility timeout change."
            )));
        };
        let is_in_flight = !message.is_due(now) && message.receive_count == receive_count;
        if !is_in_flight && is_fifo {
            return Err(expired(handle));
        }
        if !is_in_flight {
            return Err(AwsError {
                query_code: Some("AWS.SimpleQueueService.MessageNotInflight"),
                ..AwsError::new("MessageNotInflight", "The specified message isn't in flight.")
            });
        }
        message.visible_at = now + timeout * 1000;
        Ok(())
    }
}

impl Message {
    /// One entry of what `ReceiveMessage` answers.
    fn to_received(&self, input: &Document) -> Document {
        let mut received: Object = [
            ("MessageId", Document::from(self.id.as_str())),
            ("ReceiptHandle", handle(&self.id, self.receive_count).into()),
            ("MD5OfBody", hex(&Md5::digest(&self.body)).into()),
            ("Body", self.body.as_str().into()),
        ]
        .into_iter()
        .collect();
        let asked = |member: &'static str| list(input, member).filter_map(Document::as_str);
        let system: Vec<&str> = asked("AttributeNames")
            .chain(asked("MessageSystemAttributeNames"))
            .collect();
        let attributes = self.system_attributes().into_iter();
        let attributes: Object = attributes
            .filter(|(name, _)| system.iter().any(|asked| asked == name || *asked == "All"))
            .filter_map(|(name, value)| Some((Text::from(name), value?.into())))
            .collect();
        if !attributes.is_empty() {
            received.insert("Attributes", attributes.into());
        }
        let names: Vec<&str> = asked("MessageAttributeNames").collect();
        let is_asked = |name: &str| {
            names.iter().any(|asked| {
                let prefix = asked.strip_suffix(".*");
                *asked == name
                    || matches!(*asked, "All" | ".*")
                    || prefix.is_some_and(|prefix| name.starts_with(prefix))
            })
        };
        let all = self.attributes.as_deref().and_then(|text| Document::parse(text).ok());
        let all = all.as_ref().and_then(Document::as_object);
        let chosen = all
            .into_iter()
            .flat_map(Object::iter)
            .filter(|(name, _)| is_asked(name));
        let chosen: Document = chosen
            .map(|(name, value)| (Text::clone(name), value.clone()))
            .collect::<Object>()
            .into();
        if let Some(md5) = attributes_md5(&chosen)
            .ok()
            .filter(|_| chosen != Document::from(Object::new()))
        {
            received.insert("MD5OfMessageAttributes", md5.into());
            received.insert("MessageAttributes", chosen);
        }
        received.into()
    }

    fn system_attributes(&self) -> [(&'static str, Option<String>); 9] {
        [
            (
                "ApproximateFirstReceiveTimestamp",
                self.first_received.map(|millis| millis.to_string()),
            ),
            ("ApproximateReceiveCount", Some(self.receive_count.to_string())),
            ("AWSTraceHeader", self.trace_header.clone()),
            ("DeadLetterQueueSourceArn", self.dead_letter_source.clone()),
            ("MessageDeduplicationId", self.deduplication_id.clone()),
            ("MessageGroupId", self.group.clone()),
            ("SenderId", Some("AIDAEXPRESSWAYLOCAL00".to_owned())),
            ("SentTimestamp", Some(self.sent.to_string())),
            (
                "SequenceNumber",
                self.deduplication_id.as_ref().map(|_| sequence_number(self.sequence)),
            ),
        ]
    }
}

/// Target and largest receive count of a redrive policy.
fn redrive(policy: &str) -> Option<(String, u64)> {
    let policy = Document::parse(policy).ok()?;
    let most = policy.get("maxReceiveCount")?;
    let most = most.as_i64().or_else(|| most.as_str()?.parse().ok())?;
    Some((
        text(&policy, "deadLetterTargetArn")?.to_owned(),
        u64::try_from(most).ok()?,
    ))
}

fn handle(id: &str, receive_count: u64) -> String {
    BASE64_STANDARD.encode(format!("{id} {receive_count}"))
}

fn parse_handle(handle: &str) -> Result<(String, u64), AwsError> {
    let decoded = BASE64_STANDARD
        .decode(handle)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = decoded.as_deref().and_then(|text| text.split_once(' '));
    let parsed = parts.and_then(|(id, count)| Some((id.to_owned(), count.parse().ok()?)));
    parsed.ok_or_else(|| {
        AwsError::new(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    })
}

fn expired(handle: &str) -> AwsError {
    invalid(format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    ))
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError {
        query_code: Some("InvalidParameterValue"),
        ..AwsError::new("InvalidParameterValue", message)
    }
}

fn number(input: &Document, member: &str) -> Result<Option<i64>, AwsError> {
    match input.get(member).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(invalid(format!("Invalid value for the parameter {member}."))),
        },
    }
}

/// 20 digits, as SQS's own.
fn sequence_number(sequence: u64) -> String {
    format!("{:020}", 10_000_000_000_000_000_000_u64.saturating_add(sequence))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a body, which stands for its deduplication id.
fn content_hash(body: &str) -> String {
    hex(&sha2::Sha256::digest(body))
}

fn attributes_bytes(attributes: &Document) -> usize {
    let all = attributes.as_object().into_iter().flat_map(Object::iter);
    all.map(|(name, value)| {
        let length = |member: &str| text(value, member).map_or(0, str::len);
        name.len() + length("DataType") + length("StringValue") + length("BinaryValue") / 4 * 3
    })
    .sum()
}

/// The checksum over message attributes that SDKs compare.
///
/// # Source
/// SQS developer guide, "Calculating the MD5 message digest for message attributes".
fn attributes_md5(attributes: &Document) -> Result<String, AwsError> {
    let sorted: BTreeMap<_, _> = attributes.as_object().into_iter().flat_map(Object::iter).collect();
    let mut digest = Md5::new();
    let mut add = |transport: Option<u8>, bytes: &[u8]| {
        if let Some(transport) = transport {
            digest.update([transport]);
        }
        digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(bytes);
    };
    for (name, value) in sorted {
        let Some(data_type) = text(value, "DataType") else {
            return Err(invalid(format!(
                "The message attribute '{name}' must contain a non-empty attribute type."
            )));
        };
        let binary = text(value, "BinaryValue").and_then(|text| BASE64_STANDARD.decode(text).ok());
        let (transport, content) = match (text(value, "StringValue"), binary) {
            (Some(text), _) => (1, text.as_bytes().to_vec()),
            (None, Some(bytes)) => (2, bytes),
            (None, None) => {
                return Err(invalid(format!(
                    "The message attribute '{name}' must contain a non-empty message attribute value for message \
                     attribute type '{data_type}'."
                )));
            }
        };
        add(None, name.as_bytes());
        add(None, data_type.as_bytes());
        add(Some(transport), &content);
    }
    Ok(hex(&digest.finalize()))
}
