//! Large responses: source x output x size x setting.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::document::Reference;

/// A source, and the most bytes that it takes.
#[derive(Clone, Copy, Debug)]
struct Source {
    event: &'static str,
    is_multi_value: bool,
    bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Plain,
    PlainString,
    OwnText,
    OwnObject,
    Binary,
    NotBase64,
    NotFound,
    Partial,
    SeeOther,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    NoBucket,
    Redirect,
    Reference,
}

const OUTPUTS: [Output; 9] = [
    Output::Plain,
    Output::PlainString,
    Output::OwnText,
    Output::OwnObject,
    Output::Binary,
    Output::NotBase64,
    Output::NotFound,
    Output::Partial,
    Output::SeeOther,
];

/// A part of what must not be lost, whatever becomes of the body.
const ORIGIN: &str = "https://shop.example";

impl Output {
    fn status(self) -> i64 {
        match self {
            Output::NotFound => 404,
            Output::Partial => 206,
            Output::SeeOther => 303,
            _ => 200,
        }
    }

    fn is_own(self) -> bool {
        !matches!(self, Output::Plain | Output::PlainString)
    }

    fn content_type(self) -> &'static str {
        match self {
            Output::Plain | Output::PlainString | Output::OwnObject => "application/json",
            Output::Binary | Output::NotBase64 => "image/png",
            _ => "text/csv",
        }
    }

    /// What the execution gives, and the bytes that the caller is to get.
    fn make(self, bytes: usize) -> (Document, Vec<u8>) {
        let text = "a,b;".repeat(bytes / 4);
        let rows = Document::object([("rows", text.as_str().into()), ("n", 1.into())]);
        match self {
            Output::Plain => (rows.clone(), rows.to_json().into_bytes()),
            Output::PlainString => {
                let string = Document::from(text);
                (string.clone(), string.to_json().into_bytes())
            }
            Output::OwnObject => (self.own(rows.clone(), false), rows.to_json().into_bytes()),
            Output::Binary => {
                let image: Vec<u8> = (0..bytes * 3 / 4).map(|at| (at % 251) as u8).collect();
                (self.own(STANDARD.encode(&image).into(), true), image)
            }
            Output::NotBase64 => (self.own(text.into(), true), Vec::new()),
            _ => (self.own(text.as_str().into(), false), text.into_bytes()),
        }
    }

    fn own(self, body: Document, is_base64: bool) -> Document {
        let mut headers = vec![
            ("Content-Disposition", Document::from("attachment; filename=a.csv")),
            ("Content-Encoding", "identity".into()),
            ("Cache-Control", "max-age=60".into()),
            ("Access-Control-Allow-Origin", ORIGIN.into()),
            ("X-Trace", "t1".into()),
        ];
        if self != Output::OwnObject {
            headers.push(("Content-Type", self.content_type().into()));
        }
        Document::object([
            ("statusCode", Document::from(self.status())),
            ("headers", Document::Object(headers.into_iter().collect())),
            ("cookies", vec!["sid=1".into()].into()),
            ("body", body),
            ("isBase64Encoded", is_base64.into()),
        ])
    }
}

/// An answer of any source, taken apart.
struct Answer {
    status: i64,
    /// Names in lower case; cookies among them.
    headers: Vec<(String, String)>,
    body: String,
    is_base64: bool,
}

impl Answer {
    fn read(text: &str) -> Answer {
        let answer = Document::parse(text).unwrap();
        let mut headers = Vec::new();
        for member in ["headers", "multiValueHeaders"] {
            let members = answer.get(member).and_then(Document::as_object);
            for (name, value) in members.into_iter().flat_map(|members| members.iter()) {
                let values = value.as_array().map_or(vec![value.clone()], |values| values.to_vec());
                let values = values.iter().map(|value| value.as_str().unwrap().to_owned());
                headers.extend(values.map(|value| (name.to_ascii_lowercase(), value)));
            }
        }
        let cookies = answer.get("cookies").and_then(Document::as_array);
        for cookie in cookies.into_iter().flat_map(|cookies| cookies.iter()) {
            headers.push(("set-cookie".to_owned(), cookie.as_str().unwrap().to_owned()));
        }
        Answer {
            status: answer.get("statusCode").and_then(Document::as_i64).unwrap(),
            headers,
            body: answer.get("body").and_then(Document::as_str).unwrap().to_owned(),
            is_base64: answer.get("isBase64Encoded").and_then(Document::as_bool).unwrap(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(key, _)| key == name);
        let value = named.next().map(|(_, value)| &**value);
        assert!(named.next().is_none(), "`{name}` comes twice");
        value
    }

    /// Checks what stays whatever becomes of the body of an own response.
    fn keeps_headers(&self) -> bool {
        let kept = ["access-control-allow-origin", "set-cookie", "x-trace"].map(|name| self.header(name));
        kept == [Some(ORIGIN), Some("sid=1"), Some("t1")]
    }

    fn bytes(&self) -> Vec<u8> {
        match self.is_base64 {
            true => STANDARD.decode(&self.body).unwrap(),
            false => self.body.clone().into_bytes(),
        }
    }
}

fn request(source: Source, method: &str) -> String {
    let event = match source.event {
        "v1" => event!("api_gateway_v1"),
        "v2" => event!("api_gateway_v2"),
        "alb" if source.is_multi_value => event!("alb_multi_value"),
        _ => event!("alb"),
    };
    let event = with(event, "body", "null");
    if source.event != "v2" {
        return with(&event, "httpMethod", &Document::from(method).to_json());
    }
    let context = Document::parse(&event).unwrap().get("requestContext").unwrap().clone();
    let http = with(
        &context.get("http").unwrap().to_json(),
        "method",
        &Document::from(method).to_json(),
    );
    with(&event, "requestContext", &with(&context.to_json(), "http", &http))
}

fn setup(server: &Server, setting: Setting, output: Document) -> Setup {
    let setup = Setup::new(TASK).tasks(move |_: &TaskRequest<'_>| result(output.clone()));
    let setup = setup.configured(|configuration| {
        configuration.large_response = match setting {
            Setting::Reference => LargeResponse::Reference,
            _ => LargeResponse::Redirect,
        };
    });
    match setting {
        Setting::NoBucket => setup,
        _ => setup.store(store(server)),
    }
}

fn path(url: &str, server: &Server) -> String {
    url.strip_prefix(&server.url)
        .unwrap()
        .split('?')
        .next()
        .unwrap()
        .to_owned()
}

/// The bytes that a pointer anywhere in the body leads to.
fn pointed_to(body: &str, server: &Server) -> Vec<u8> {
    let body = Document::parse(body).unwrap();
    let text = body.get("rows").unwrap_or(&body).to_json();
    let (bucket, key) = Reference::parse_pointer(&text).unwrap_or_else(|| panic!("{text}"));
    server.body(&format!("/{bucket}/{key}")).unwrap()
}

async fn check(server: &Server, source: Source, output: Output, bytes: usize, setting: Setting) {
    let case = format!("{source:?} {output:?} {bytes} {setting:?}");
    let (document, expected) = output.make(bytes);
    let setup = setup(server, setting, document);
    let text = setup.handle(&request(source, "POST")).await.unwrap();
    assert!(text.len() <= source.bytes_max, "{case}");
    let answer = Answer::read(&text);
    if setting == Setting::NoBucket && bytes > 262_144 {
        assert_eq!(answer.status, 500, "{case}");
        assert!(
            answer.body.contains("States.DataLimitExceeded"),
            "{case}: {}",
            answer.body
        );
        return;
    }
    if output == Output::NotBase64 && bytes < source.bytes_max {
        assert_eq!(answer.status, 502, "{case}");
        assert!(answer.body.contains("is not base64"), "{case}: {}", answer.body);
        return;
    }
    let is_kept = !output.is_own() || answer.keeps_headers();
    assert!(is_kept, "{case}: {:?}", answer.headers);
    if bytes < source.bytes_max {
        assert_eq!(answer.status, output.status(), "{case}");
        assert!(answer.bytes() == expected, "{case}");
        assert_eq!(answer.header("content-type"), Some(output.content_type()), "{case}");
        return;
    }
    // With pointers in it, it still is that body.
    let is_same_body = (setting, output) == (Setting::Reference, Output::OwnObject);
    let of_body = ["content-disposition", "content-encoding"].map(|name| answer.header(name).is_some());
    assert_eq!(of_body, [is_same_body; 2], "{case}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{case}");
    assert!(!answer.is_base64, "{case}");
    match (setting, output) {
        (_, Output::NotBase64) => {
            assert_eq!(answer.status, 502, "{case}");
            assert!(
                answer.body.contains("Expressway.InvalidResponse"),
                "{case}: {}",
                answer.body
            );
        }
        (Setting::Redirect, Output::NotFound | Output::Partial | Output::SeeOther) => {
            assert_eq!(answer.status, 500, "{case}");
            assert!(
                answer.body.contains("Expressway.ResponseTooLarge"),
                "{case}: {}",
                answer.body
            );
            assert!(
                setup.observer.problems()[0].contains("the execution succeeded, but"),
                "{case}"
            );
        }
        (Setting::Redirect, _) => {
            assert_eq!(answer.status, 303, "{case}");
            let url = answer.header("location").unwrap();
            assert!(server.body(&path(url, server)).unwrap() == expected, "{case}");
            let content_type = output.content_type().replace('/', "%2F");
            assert!(
                url.contains(&format!("response-content-type={content_type}")),
                "{case}: {url}"
            );
            let disposition = "response-content-disposition=attachment%3B%20filename%3Da.csv";
            let others = [
                disposition,
                "response-cache-control=max-age%3D60",
                "response-content-encoding=identity",
            ];
            for other in others {
                assert_eq!(url.contains(other), output.is_own(), "{case}: {url}");
            }
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        }
        (_, Output::Plain | Output::PlainString | Output::OwnObject) => {
            assert_eq!(answer.status, 200, "{case}");
            let rows = "a,b;".repeat(bytes / 4);
            assert!(pointed_to(&answer.body, server) == rows.into_bytes(), "{case}");
        }
        (..) => {
            assert_eq!(answer.status, output.status(), "{case}");
            assert!(pointed_to(&answer.body, server) == expected, "{case}");
        }
    }
}

const SOURCES: [Source; 4] = [
    Source {
        event: "v1",
        is_multi_value: false,
        bytes_max: 6_291_556,
    },
    Source {
        event: "v2",
        is_multi_value: false,
        bytes_max: 6_291_556,
    },
    Source {
        event: "alb",
        is_multi_value: false,
        bytes_max: 1_048_576,
    },
    Source {
        event: "alb",
        is_multi_value: true,
        bytes_max: 1_048_576,
    },
];

#[tokio::test]
async fn a_response_is_what_it_is_or_a_redirect_or_pointers_or_an_error_that_says_so() {
    let server = Server::start().await;
    for source in SOURCES {
        for output in OUTPUTS {
            for setting in [Setting::NoBucket, Setting::Redirect, Setting::Reference] {
                for bytes in [1_000, 1_200_000, 6_400_000] {
                    // The slowest cells, over Lambda's limit, are tried where another size or format of API Gateway, which
                    // have the same limit, does not show the same.
                    let is_typical = matches!(output, Output::Plain | Output::OwnText | Output::Binary);
                    let is_tried = match (source.event, setting) {
                        _ if bytes < 6_400_000 => true,
                        ("v2", Setting::Reference) | ("v1", Setting::Redirect) => is_typical,
                        ("v2", _) => true,
                        _ => false,
                    };
                    if is_tried {
                        check(&server, source, output, bytes, setting).await;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_answer_to_head_is_no_redirect() {
    let server = Server::start().await;
    for source in SOURCES {
        let (document, _) = Output::OwnText.make(source.bytes_max);
        let setup = setup(&server, Setting::Redirect, document)
            .configured(|configuration| configuration.http_methods = Some(vec!["HEAD".to_owned()]));
        let answer = Answer::read(&setup.handle(&request(source, "HEAD")).await.unwrap());
        assert_eq!(answer.status, 500, "{source:?}");
        assert!(answer.body.contains("HEAD"), "{source:?}: {}", answer.body);
        assert!(answer.keeps_headers(), "{source:?}");
    }
}

#[tokio::test]
async fn headers_that_are_too_large_are_an_error() {
    let server = Server::start().await;
    for setting in [Setting::Redirect, Setting::Reference] {
        let headers = Document::object([("x", "x".repeat(1_100_000).into())]);
        let output = Document::object([("statusCode", 200.into()), ("headers", headers)]);
        let setup = setup(&server, setting, output);
        let answer = Answer::read(&setup.handle(&request(SOURCES[2], "POST")).await.unwrap());
        assert_eq!(answer.status, 500);
        assert!(answer.body.contains("Expressway.ResponseTooLarge"), "{}", answer.body);
    }
}

#[tokio::test]
async fn answers_without_headers_have_pointers_only_if_configured() {
    let server = Server::start().await;
    let event_bridge = event!("event_bridge");
    let array = format!("[{event_bridge},{}]", with(event_bridge, "id", r#""other""#));
    for (event, bytes) in [("{}", 7_000_000), (event_bridge, 7_000_000), (&array, 3_600_000)] {
        for setting in [Setting::Redirect, Setting::Reference] {
            let (output, _) = Output::Plain.make(bytes);
            let setup = setup(&server, setting, output);
            match (setting, setup.handle(event).await) {
                (Setting::Reference, Ok(answer)) => {
                    assert!(answer.contains("PayloadS3Pointer"));
                    assert!(answer.len() < 6_291_556);
                }
                (_, Err(error)) => {
                    assert_eq!(error.error_type, "Expressway.ResponseTooLarge");
                    assert!(setup.observer.problems()[0].contains("EXPRESSWAY_LARGE_RESPONSE=reference"));
                }
                (_, Ok(answer)) => panic!("{setting:?}: {} bytes", answer.len()),
            }
        }
    }
}
