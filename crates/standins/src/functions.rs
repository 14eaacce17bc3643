//! Lambda: functions that are commands, addresses, mocks or fixed results on the developer's machine.
//!
//! ```json
//! {
//!   "orders-charge": {"command": ["python3", "functions.py", "charge"]},
//!   "orders-price": {"url": "http://localhost:9000/2015-03-31/functions/function/invocations"},
//!   "orders-ship": {"mock": "mocks.json#OrderShipped"},
//!   "orders-notify": {"return": {"sent": true}}
//! }
//! ```
//!
//! A command gets the event on its standard input and gives its result on standard output; one that ends with another
//! status than 0 has failed. Files and commands are looked for from the file's own directory.

mod run;

use crate::context::{ACCOUNT, Context, name_of};
use crate::protocol::{Answer, Request, answer, header, percent_decode, set_header};
use crate::reader::{Reader, parse};
use base64::prelude::{BASE64_STANDARD, Engine};
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_local::mock::{Answer as MockedAnswer, MockFile, Response};
use expressway_local::suggest::closest;
use run::Outcome;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

/// What a file of functions says.
#[derive(Debug, Default)]
pub struct Functions {
    functions: BTreeMap<String, Function>,
    /// Where commands run.
    directory: PathBuf,
}

#[derive(Debug)]
enum Function {
    Command {
        program: String,
        arguments: Vec<String>,
    },
    Url(String),
    Mock {
        response: Arc<Response>,
        calls: AtomicUsize,
    },
    Return(Document),
}

const KINDS: &[&str] = &["command", "url", "mock", "return"];

impl Functions {
    /// Reads a file, JSON or YAML.
    ///
    /// # Errors
    /// All its mistakes, each with its place; what keeps it from being read.
    pub fn read(file: &Path) -> Result<Functions, Vec<String>> {
        let text = fs::read_to_string(file).map_err(|error| vec![error.to_string()])?;
        let directory = file.parent().map(Path::to_owned).unwrap_or_default();
        Functions::parse(&text, directory)
    }

    /// Reads the text of a file in this directory.
    ///
    /// # Errors
    /// All its mistakes, each with its place.
    pub fn parse(text: &str, directory: PathBuf) -> Result<Functions, Vec<String>> {
        let document = parse(text).map_err(|mistake| vec![mistake])?;
        let mut reader = Reader::default();
        let mut functions = BTreeMap::new();
        for (name, value) in reader.object("the file", &document).into_iter().flat_map(Object::iter) {
            if let Some(function) = read_function(&mut reader, name, value, &directory) {
                functions.insert(name.to_string(), function);
            }
        }
        reader.finish(Functions { functions, directory })
    }

    /// The function of a name or ARN; one with the qualifier is preferred to one without.
    fn find(&self, reference: &str, qualifier: Option<&str>) -> Result<(&str, &Function), String> {
        let parts: Vec<&str> = reference.split(':').collect();
        let (name, in_arn) = match parts.as_slice() {
            ["arn", _, "lambda", _, _, "function", name, rest @ ..] => (*name, rest.first().copied()),
            [_, "function", name, rest @ ..] => (*name, rest.first().copied()),
            [name, rest @ ..] => (*name, rest.first().copied()),
            [] => (reference, None),
        };
        let qualified = qualifier.or(in_arn).map(|qualifier| format!("{name}:{qualifier}"));
        let names = [Some(reference.to_owned()), qualified, Some(name.to_owned())];
        let mut found = names.iter().flatten();
        match found.find_map(|name| self.functions.get_key_value(name)) {
            Some((name, function)) => Ok((name, function)),
            None => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> String {
        let mut problem = format!("the function `{name}` is not available in a local run");
        match closest(name, self.functions.keys().map(String::as_str)) {
            Some(meant) => problem.push_str(&format!(", did you mean `{meant}`?")),
            None => {
                problem.push_str(": add it to the file of functions (--functions), or mock the states that call it")
            }
        }
        problem
    }

    /// Answers a request of Lambda's API, of which there is one action: Invoke.
    pub(crate) async fn call(&self, context: &Context, request: &Request) -> Answer {
        let path = request.uri().path();
        let name = path
            .strip_prefix("/2015-03-31/functions/")
            .and_then(|rest| rest.strip_suffix("/invocations"));
        let Some(name) = name else {
            let problem = "of Lambda a local run only has Invoke; mock the states that call anything else";
            context.tell(problem);
            return failed(400, "NotAvailableLocallyException", problem);
        };
        let name = percent_decode(name);
        let query = request.uri().query().unwrap_or_default();
        let qualifier = query.split('&').find_map(|field| field.strip_prefix("Qualifier="));
        let (name, function) = match self.find(&name, qualifier.map(percent_decode).as_deref()) {
            Ok(found) => found,
            Err(problem) => {
                context.tell(&problem);
                return failed(404, "ResourceNotFoundException", &problem);
            }
        };
        let invocation_type = header(request, "x-amz-invocation-type").unwrap_or("RequestResponse");
        if invocation_type == "DryRun" {
            return answer(204, "", "");
        }
        let event = match request.body().is_empty() {
            true => "{}".into(),
            false => request.body().clone(),
        };
        let outcome = self.run(context, name, function, &event).await;
        let result = match &outcome {
            Outcome::Returned { result, .. } => result.clone(),
            Outcome::Failed { error, .. } => error.to_json().into(),
        };
        let shown = String::from_utf8_lossy(&event).into_owned();
        context.record("lambda", name, "call", shown);
        if invocation_type == "Event" {
            return answer(202, "", "");
        }
        let mut answer = answer(200, "application/json", result);
        set_header(&mut answer, "x-amz-executed-version", "$LATEST");
        if let Outcome::Failed { .. } = outcome {
            set_header(&mut answer, "x-amz-function-error", "Unhandled");
        }
        if header(request, "x-amz-log-type") == Some("Tail") {
            set_header(&mut answer, "x-amz-log-result", &BASE64_STANDARD.encode(outcome.log()));
        }
        answer
    }

    async fn run(&self, context: &Context, name: &str, function: &Function, event: &[u8]) -> Outcome {
        match function {
            Function::Return(result) => Outcome::returned(result.to_json()),
            Function::Mock { response, calls } => {
                let call = calls.fetch_add(1, Ordering::Relaxed);
                match response.answer(call) {
                    Some(MockedAnswer::Return(result)) => Outcome::returned(payload(result).to_json()),
                    Some(MockedAnswer::Throw(error)) => Outcome::failed(
                        error.name.as_ref().map_or("Lambda.Unknown", |name| name.as_str()),
                        error.cause.as_deref().unwrap_or_default(),
                    ),
                    None => Outcome::failed("Runtime.Unknown", "the mocked response is empty"),
                }
            }
            Function::Url(url) => run::post(url, event).await,
            Function::Command { program, arguments } => {
                let mut environment = vec![
                    ("AWS_LAMBDA_FUNCTION_NAME", name_of(name).to_owned()),
                    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
                    ("AWS_ACCOUNT_ID", ACCOUNT.to_owned()),
                ];
                if env::var_os("AWS_REGION").is_none() {
                    environment.push(("AWS_REGION", context.region.clone()));
                }
                let outcome = run::command(program, arguments, &self.directory, &environment, event).await;
                if !outcome.log().is_empty() {
                    context.tell(&format!("{name}: {}", outcome.log().trim_end()));
                }
                outcome
            }
        }
    }
}

/// A mock of `lambda:invoke` holds the whole result; the function returned its `Payload`.
fn payload(result: &Document) -> &Document {
    match (result.get("Payload"), result.get("StatusCode")) {
        (Some(payload), Some(_)) => payload,
        _ => result,
    }
}

fn failed(status: u16, code: &'static str, message: &str) -> Answer {
    let body = Document::object([("Type", "User".into()), ("Message", message.into())]);
    let mut answer = answer(status, "application/json", body.to_json());
    set_header(&mut answer, "x-amzn-errortype", code);
    answer
}

fn read_function(reader: &mut Reader, name: &str, value: &Document, directory: &Path) -> Option<Function> {
    let object = reader.object(name, value)?;
    reader.check_keys(name, object, KINDS);
    let mut kinds = object.iter().filter(|(key, _)| KINDS.contains(&&***key));
    let (Some((kind, content)), None) = (kinds.next(), kinds.next()) else {
        reader.mistake(name, format!("must have one of {}", quoted(KINDS)));
        return None;
    };
    let place = format!("{name}/{kind}");
    match &**kind {
        "command" => {
            let words = content.as_array().filter(|words| !words.is_empty());
            let words: Option<Vec<&str>> = words.and_then(|words| words.iter().map(Document::as_str).collect());
            match words.as_deref() {
                Some([program, arguments @ ..]) => Some(Function::Command {
                    program: (*program).to_owned(),
                    arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
                }),
                _ => {
                    reader.mistake(
                        &place,
                        r#"must be an array of strings, such as ["python3", "charge.py"]"#,
                    );
                    None
                }
            }
        }
        "url" => {
            let url = reader.text(&place, content)?;
            if !url.starts_with("http://") && !url.starts_with("https://") {
                reader.mistake(&place, "must begin with `http://` or `https://`");
                return None;
            }
            Some(Function::Url(url.to_owned()))
        }
        "mock" => {
            let reference = reader.text(&place, content)?;
            let Some((file, response)) = reference.rsplit_once('#') else {
                reader.mistake(&place, "must be `<mock file>#<name in MockedResponses>`");
                return None;
            };
            match mocked_response(&directory.join(file), response) {
                Ok(response) => Some(Function::Mock {
                    response,
                    calls: AtomicUsize::new(0),
                }),
                Err(problem) => {
                    reader.mistake(&place, problem);
                    None
                }
            }
        }
        _ => Some(Function::Return(content.clone())),
    }
}

fn mocked_response(file: &Path, name: &str) -> Result<Arc<Response>, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    let mocks = MockFile::parse(&text).map_err(|mistakes| format!("`{shown}`: {}", mistakes.join("; ")))?;
    mocks.response(name).ok_or_else(|| {
        let meant = closest(name, mocks.response_names());
        let meant = meant
            .map(|meant| format!(", did you mean `{meant}`?"))
            .unwrap_or_default();
        format!("`{shown}` has no mocked response `{name}`{meant}")
    })
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
