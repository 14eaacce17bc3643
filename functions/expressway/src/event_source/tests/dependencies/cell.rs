//! One cell of the matrix: a source, a dependency, and what is wrong with it.

use super::dependency::{Dependency, Effect};
use super::source::{Kind, Source};
use crate::config::{Configuration, Definition};
use crate::notice::Notice;
use crate::testing::Ears;
use crate::testing::troubles::{Trouble, TroubledAws};
use crate::{Handler, InvocationContext, InvocationError, startup};
use expressway_asl::Document;
use expressway_engine::{Clock, SystemClock, SystemEntropy};
use expressway_integrations::{AllowedEndpoints, AwsTasks};
use expressway_standins::{Functions, Options, Seed, StandIns};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Numbers cells, over all tests of the process.
static CELLS: AtomicUsize = AtomicUsize::new(1);

/// What all cells share.
pub(super) struct Aws(pub(super) StandIns);

impl Aws {
    pub(super) async fn new() -> Aws {
        let text = |length| Document::from("a".repeat(length));
        let inside = Document::object([("seven", Document::from("7")), ("text", text(20_000))]);
        let bodies = Document::object([("one", text(600_000)), ("two", Document::from("b".repeat(600_000)))]);
        let response = |body| Document::object([("statusCode", Document::parse("200").unwrap()), ("body", body)]);
        let functions = [
            ("charge", Document::object([("ok", true.into())])),
            ("large", Document::object([("inside", inside)])),
            ("largeBody", response(text(1_100_000))),
            ("largeBodies", response(bodies)),
        ];
        let functions = functions.map(|(name, result)| (name, Document::object([("return", result)])));
        let functions = Functions::parse(&Document::object(functions).to_json(), PathBuf::new()).unwrap();
        let stand_ins = StandIns::open(Options {
            functions,
            ..Options::default()
        })
        .unwrap();
        let seed = r#"{
            "tables": {"executions": {"key": ["pk", "sk"]}, "orders": {"key": ["pk", "sk"]}},
            "buckets": {"payloads": {"objects": {"payloads/outside": {"need": 1}}}},
            "queues": {"orders": {}, "invalid": {}},
            "parameters": {"/limit": "100"},
            "secrets": {"connection": {"client_id": "c", "client_secret": "s", "http_method": "POST",
                "authorization_endpoint": "https://auth.example.com/token"}}
        }"#;
        stand_ins.seed(&Seed::parse(seed).unwrap()).await.unwrap();
        Aws(stand_ins)
    }
}

pub(super) struct Cell {
    pub(super) source: &'static Source,
    pub(super) dependency: &'static Dependency,
    pub(super) trouble: Option<Trouble>,
}

/// A function that handles the events of a cell.
struct Function {
    handler: Handler,
    ears: Ears,
    request_id: String,
    /// How long an invocation may take.
    time: Duration,
}

impl Cell {
    /// # Errors
    /// What is wrong.
    pub(super) async fn check(&self, stand_ins: &Aws) -> Result<(), String> {
        let number = CELLS.fetch_add(1, Ordering::Relaxed);
        let aws = TroubledAws::new(&stand_ins.0, self.dependency.is_asked, self.trouble);
        let function = self.function(number, &aws);
        let id = format!("cell-{number}");
        let event = (self.source.event)(&id, &(self.dependency.input)(&id));
        if self.dependency.is_second_delivery {
            aws.set_on(false);
            function.handle(&event).await?.ok();
            aws.set_on(true);
        }
        let heard = function.ears.notices().len();
        let answer = function.handle(&event).await?;
        let notices = function.ears.notices().split_off(heard);
        if aws.met() == 0 {
            return Err(format!("the dependency was not asked: {answer:?}"));
        }
        let judged = match self.source.kind {
            Kind::Http { .. } => self.http(answer),
            Kind::Batch | Kind::Stream => self.batch(&id, answer),
            Kind::Invocation => self.invocation(answer),
        };
        judged
            .and_then(|()| self.reasons(&notices))
            .and_then(|()| self.log(&notices))
            .map_err(|problem| format!("{problem}; log: {notices:?}"))
    }

    fn function(&self, number: usize, aws: &TroubledAws) -> Function {
        let state = self.dependency.state;
        let end = if state.contains(r#""Type":"Fail""#) {
            ""
        } else {
            r#","End":true"#
        };
        let definition = format!(
            r#"{{"StartAt":"Need","States":{{
                "Need":{{"Type":"Choice","Default":"Done","Choices":[
                    {{"Or":[{{"Variable":"$.need","IsPresent":true}},{{"Variable":"$.detail.need","IsPresent":true}}],
                    "Next":"Ask"}}]}},
                "Ask":{{{state}{end}}},
                "Done":{{"Type":"Succeed"}}}}}}"#
        );
        let mut configuration = Configuration::new(Definition::Inline(definition.clone()));
        configuration.state_machine_name = "orders".to_owned();
        (self.dependency.configure)(&mut configuration);
        let program = expressway_asl::compile(&definition, &BTreeMap::new()).unwrap().program;
        let config = aws.config(format!("us-east-{number}"));
        let tasks = AwsTasks::new(&config, program.requirements()).with_endpoints(AllowedEndpoints::any());
        let handler = Handler::new(configuration, Arc::new(program), Arc::new(tasks));
        Function {
            handler: startup::equip(handler, &config, &definition),
            ears: Ears::new(),
            request_id: format!("request-{number}"),
            time: self.dependency.time,
        }
    }

    fn lasting_trouble(&self) -> Option<Trouble> {
        self.trouble.filter(|trouble| *trouble != Trouble::Lost)
    }

    /// Whether the delivery that asks for the dependency must fail.
    fn fails(&self) -> bool {
        match self.dependency.effect {
            Effect::Fails => self.lasting_trouble().is_some(),
            Effect::Succeeds => false,
            Effect::FailsAnyway(_) => true,
        }
    }

    /// Whether an error tells the truth.
    fn is_true(&self, error: &str) -> bool {
        match (self.dependency.effect, self.lasting_trouble()) {
            (Effect::FailsAnyway("OrderInvalid"), _) | (Effect::FailsAnyway(_), None) => error == "OrderInvalid",
            _ if self.dependency.errors.is_empty() => !error.starts_with("Expressway."),
            _ => self.dependency.errors.contains(&error),
        }
    }

    fn http(&self, answer: Result<String, InvocationError>) -> Result<(), String> {
        let answer = answer.map_err(|error| format!("the invocation failed: {error}"))?;
        let shown = || answer.chars().take(300).collect::<String>();
        let response = Document::parse(&answer).map_err(|error| error.to_string())?;
        let status = response.get("statusCode").and_then(Document::as_i64);
        let body = response
            .get("body")
            .and_then(Document::as_str)
            .and_then(|body| Document::parse(body).ok());
        let (Some(status), Some(body)) = (status, body) else {
            return Err(format!("not a response: {}", shown()));
        };
        let error = body.get("error").and_then(Document::as_str);
        let is_stated = match error {
            Some("Expressway.StoreUnavailable") => status == 503 && shown().contains("retry-after"),
            Some("States.Timeout") => status == 504,
            Some(_) => status >= 500,
            None => status < 400,
        };
        match is_stated && error.is_some() == self.fails() && error.is_none_or(|error| self.is_true(error)) {
            true => Ok(()),
            false => Err(format!("unexpected response: {}", shown())),
        }
    }

    fn batch(&self, id: &str, answer: Result<String, InvocationError>) -> Result<(), String> {
        let answer = answer.map_err(|error| format!("the invocation failed: {error}"))?;
        let failing = match (self.fails(), self.dependency.is_needed_by_all) {
            (false, _) => &[],
            (true, false) => self.source.failing,
            (true, true) => self.source.all,
        };
        let failing = failing
            .iter()
            .map(|name| format!(r#"{{"itemIdentifier":"{id}-{name}"}}"#));
        let expected = failing.collect::<Vec<_>>().join(",");
        let is_expected = answer == format!(r#"{{"batchItemFailures":[{expected}]}}"#);
        // What is behind a message whose outcome takes long to record may not be reached.
        let behind = self
            .source
            .behind
            .map(|name| format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{id}-{name}"}}]}}"#));
        let is_late = self.dependency.effect == Effect::Succeeds
            && self.lasting_trouble().is_some()
            && behind == Some(answer.clone());
        match is_expected || is_late {
            true => Ok(()),
            false => Err(format!("other messages go back: {answer}")),
        }
    }

    fn invocation(&self, answer: Result<String, InvocationError>) -> Result<(), String> {
        let is_right = match &answer {
            Ok(_) => !self.fails(),
            Err(error) => self.fails() && self.is_true(&error.error_type),
        };
        match is_right {
            true => Ok(()),
            false => Err(format!("unexpected answer: {answer:?}")),
        }
    }

    /// Deliveries that go back have the true reason in the log.
    fn reasons(&self, notices: &[Notice]) -> Result<(), String> {
        let deliveries = notices.iter().filter_map(|notice| notice.delivery.as_ref());
        let mut reasons = deliveries.map(|delivery| delivery.reason.as_str());
        let is_behind = |reason: &str| ["Expressway.EarlierMessageFailed", "Expressway.NotReached"].contains(&reason);
        match reasons.find(|reason| !is_behind(reason) && !self.is_true(reason)) {
            None => Ok(()),
            Some(reason) => Err(format!("a delivery goes back for {reason}")),
        }
    }

    fn log(&self, notices: &[Notice]) -> Result<(), String> {
        let says = |text: &&str| notices.iter().any(|notice| notice.message.contains(*text));
        let expected = self.dependency.log;
        if self.lasting_trouble().is_some() && !expected.is_empty() && !expected.iter().any(says) {
            return Err(format!("the log says none of {expected:?}"));
        }
        for innocent in ["table", "bucket", "queue"] {
            let accused = format!("the {innocent} did not answer");
            let is_guilty = self.lasting_trouble().is_some() && self.dependency.name.starts_with(innocent);
            if says(&accused.as_str()) && !is_guilty {
                return Err(format!("the log says: {accused}"));
            }
        }
        Ok(())
    }
}

impl Function {
    /// # Errors
    /// There is no answer before Lambda ends the invocation.
    async fn handle(&self, event: &str) -> Result<Result<String, InvocationError>, String> {
        let clock = SystemClock::new();
        let deadline = clock.now() + self.time;
        let context = InvocationContext {
            request_id: &self.request_id,
            invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:orders",
            tenant_id: None,
            deadline: Some(deadline),
            clock: Arc::new(clock),
            entropy: Arc::new(SystemEntropy),
            observer: Some(&self.ears),
        };
        let answer = Box::pin(self.handler.handle(event.as_bytes(), &context));
        let answer = tokio::time::timeout(self.time, answer).await;
        answer.map_err(|_| format!("no answer in time; log: {:?}", self.ears.problems()))
    }
}
