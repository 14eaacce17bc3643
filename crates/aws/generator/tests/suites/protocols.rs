//! Requests and answers in every protocol.

use crate::{json, sdist};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_aws::Service;
use expressway_aws::model::{Operation, Protocol, Shape, ShapeId, names, read_service};
use expressway_aws::request::Request;
use expressway_aws::response::Response;
use expressway_aws_generator::{service, write};
use std::collections::BTreeMap;
use std::path::Path;

/// Cases that we do not pass, and why.
const KNOWN: &[(&str, &str)] = &[
    (
        "RestXmlXmlMapWithXmlNamespace",
        "no model has a namespace on the keys or values of a map",
    ),
    ("XmlNamespaces", "no model has a namespace on the items of a list"),
];

#[test]
fn requests_are_as_the_protocols_say() {
    run("input", |service, operation, case| {
        check_request(service, operation, case)
    });
}

#[test]
fn answers_are_read_as_the_protocols_say() {
    run("output", |service, operation, case| {
        check_answer(service, operation, case)
    });
}

/// Runs all suites of a kind.
fn run(kind: &str, check: impl Fn(&Service, &Operation, &Document) -> Result<(), String>) {
    let Some(sdist) = sdist() else { return };
    let directory = sdist.join("tests/unit/protocols");
    let ignored = json(&directory.join("protocol-tests-ignore-list.json"));
    let mut counts: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut failed = Vec::new();
    for (protocol, suite, case) in cases(&directory, kind) {
        let id = case.get("id").and_then(Document::as_str).unwrap_or("?").to_owned();
        if is_ignored(&ignored, &protocol, kind, &suite, &id) || streams_events(&suite) {
            continue;
        }
        let count = counts.entry(protocol.clone()).or_default();
        let model = model(kind, &suite, &case);
        let service = service_of(&model);
        match check(&service, service.operations.first().unwrap(), &case) {
            Ok(()) => count.0 += 1,
            Err(problem) => {
                count.1 += 1;
                if !KNOWN.iter().any(|(known, _)| *known == id) {
                    failed.push(format!("{protocol} {id}: {problem}"));
                }
            }
        }
    }
    let passed: u32 = counts.values().map(|(passed, _)| passed).sum();
    eprintln!("{kind} tests: {passed} passed, by protocol (passed, failed): {counts:?}");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed > 200, "only {passed} cases were found");
}

/// All cases of a kind with the names of their protocols and their suites.
fn cases(directory: &Path, kind: &str) -> Vec<(String, Document, Document)> {
    let mut files: Vec<_> = std::fs::read_dir(directory.join(kind))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let protocol = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for suite in json(&file).as_array().unwrap().iter() {
            for case in suite.get("cases").unwrap().as_array().unwrap().iter() {
                cases.push((protocol.clone(), suite.clone(), case.clone()));
            }
        }
    }
    cases
}

/// Whether botocore itself leaves this case out: its ignore list names what SDKs agree not to do.
fn is_ignored(ignored: &Document, protocol: &str, kind: &str, suite: &Document, id: &str) -> bool {
    let lists = |list: Option<&Document>, key: &str, name: &str| {
        let names = list.and_then(|list| list.get(kind)?.get(key)?.as_array());
        names.is_some_and(|names| names.iter().any(|known| known.as_str() == Some(name)))
    };
    let description = suite.get("description").and_then(Document::as_str).unwrap_or_default();
    let of_protocol = ignored.get("protocols").and_then(|protocols| protocols.get(protocol));
    [ignored.get("general"), of_protocol]
        .into_iter()
        .any(|list| lists(list, "suites", description) || lists(list, "cases", id))
}

/// Step Functions has no event streams, and neither has this client.
fn streams_events(suite: &Document) -> bool {
    let mut shapes = suite
        .get("shapes")
        .and_then(Document::as_object)
        .into_iter()
        .flat_map(Object::values);
    shapes.any(|shape| shape.get("eventstream").and_then(Document::as_bool) == Some(true))
}

/// The model of a service with the one operation of this case.
fn model(kind: &str, suite: &Document, case: &Document) -> Document {
    let given = case.get("given").and_then(Document::as_object).unwrap();
    let name = given
        .get("name")
        .and_then(Document::as_str)
        .unwrap_or("OperationName")
        .to_owned();
    let shapes = suite
        .get("shapes")
        .and_then(Document::as_object)
        .cloned()
        .unwrap_or_default();
    let mut operation = given.clone();
    let errors = shapes
        .iter()
        .filter(|(_, shape)| shape.get("exception").or(shape.get("error")).is_some());
    let errors: Vec<Document> = errors
        .map(|(name, _)| Document::object([("shape", Document::String(name.clone()))]))
        .collect();
    operation.insert("errors", errors.into());
    let mut metadata = suite.get("metadata").and_then(Document::as_object).cloned().unwrap();
    let protocol = metadata.get("protocol").unwrap().clone();
    // botocore's own runner does the same: the suite leaves the wrapper out.
    if let Some(Document::Object(output)) = operation
        .get("output")
        .filter(|_| kind == "output" && protocol.as_str() == Some("query"))
    {
        let mut output = output.clone();
        output.insert("resultWrapper", format!("{name}Result").into());
        operation.insert("output", output.into());
    }
    metadata.insert("protocols", vec![protocol].into());
    Document::object([
        ("metadata", metadata.into()),
        ("operations", Document::object([(name, operation.into())])),
        ("shapes", shapes.into()),
    ])
}

/// The service by way of its table, so that the tables are tested too.
fn service_of(model: &Document) -> Service {
    let (service, _) = service::read("test", model, &Document::Null).unwrap();
    let read = read_service(&write::service(&service).unwrap()).unwrap();
    assert_eq!(read, service);
    read
}

pub(crate) fn check_request(service: &Service, operation: &Operation, case: &Document) -> Result<(), String> {
    let parameters = case.get("params").unwrap();
    let request = Request::new(service, operation, parameters, None).map_err(|error| error.to_string())?;
    let expected = case.get("serialized").unwrap();
    let text = |key: &str| expected.get(key).and_then(Document::as_str);
    if let Some(method) = text("method").filter(|method| **method != *request.method) {
        return Err(format!("method {}, expected {method}", request.method));
    }
    if let Some(prefix) = text("hostPrefix").filter(|prefix| *prefix != request.host_prefix.as_deref().unwrap_or("")) {
        return Err(format!("host prefix {:?}, expected {prefix}", request.host_prefix));
    }
    if let Some(uri) = text("uri") {
        check_uri(&request, uri)?;
    }
    let headers = expected.get("headers").and_then(Document::as_object).into_iter();
    for (name, value) in headers.flat_map(|headers| headers.iter().collect::<Vec<_>>()) {
        let found = request.header(name).map(comparable_header);
        let value = value.as_str().map(comparable_header);
        if &**name != "Content-Length" && found != value {
            return Err(format!("header {name} {found:?}, expected {value:?}"));
        }
    }
    let forbidden = expected.get("forbidHeaders").and_then(Document::as_array);
    for name in forbidden.map_or(&[][..], |names| names) {
        if request.header(name.as_str().unwrap()).is_some() {
            return Err(format!("header {name}"));
        }
    }
    match text("body") {
        Some(body) => check_body(service, &request, body),
        None => Ok(()),
    }
}

/// Lists are joined with and without a space, and botocore says a character set where suites say none.
fn comparable_header(value: &str) -> String {
    value.split(';').next().unwrap().replace(", ", ",")
}

/// Encoding may differ in the case of hexadecimal digits and in what need not be encoded; order in a query too.
fn check_uri(request: &Request, expected: &str) -> Result<(), String> {
    let parts = |uri: &str| {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let mut pairs: Vec<(String, String)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        pairs.sort();
        (decoded(path), pairs)
    };
    let uri = request.uri();
    if parts(&uri) == parts(expected) {
        Ok(())
    } else {
        Err(format!("address {uri}, expected {expected}"))
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let hex = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn check_body(service: &Service, request: &Request, expected: &str) -> Result<(), String> {
    let problem = || {
        let body = String::from_utf8_lossy(&request.body);
        Err(format!("body {body}, expected {expected}"))
    };
    // A request without parameters may say so in JSON or by silence.
    if expected.is_empty() && matches!(&*request.body, b"" | b"{}") {
        return Ok(());
    }
    let same = match service.protocol {
        Protocol::Json | Protocol::RestJson => {
            let found = expressway_asl::document::parse(&request.body);
            match (found, Document::parse(expected)) {
                (Ok(found), Ok(expected)) => found == expected,
                _ => request.body == expected.as_bytes(),
            }
        }
        Protocol::RestXml => match (canonical_xml(&request.body), canonical_xml(expected.as_bytes())) {
            (Some(found), Some(expected)) => found == expected,
            _ => request.body == expected.as_bytes(),
        },
        Protocol::Query | Protocol::Ec2 => {
            let found = String::from_utf8_lossy(&request.body).into_owned();
            let pairs = |form: &str| form.split('&').map(decoded).collect::<Vec<_>>();
            pairs(&found) == pairs(expected)
        }
        // The suites write lengths in one byte too many; what the bytes say counts.
        Protocol::Cbor => comparable_cbor(&request.body) == comparable_cbor(&STANDARD.decode(expected).unwrap()),
    };
    if same { Ok(()) } else { problem() }
}

/// CBOR read as a body of unknown shape, by way of an answer whose result may be anything.
fn comparable_cbor(body: &[u8]) -> Document {
    let model = r#"{
        "metadata": {"protocol": "smithy-rpc-v2-cbor"},
        "operations": {"Any": {"name": "Any", "output": {"shape": "Any"}}},
        "shapes": {"Any": {"type": "structure", "document": true, "members": {}}}
    }"#;
    let service = service_of(&Document::parse(model).unwrap());
    let response = Response {
        status: 200,
        headers: &[],
        body,
    };
    response.result(&service, service.operations.first().unwrap()).unwrap()
}

/// An element as text that does not depend on the order of attributes or on white space around elements.
fn canonical_xml(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let document = roxmltree::Document::parse(text).ok()?;
    fn element(node: roxmltree::Node<'_, '_>, out: &mut String) {
        let mut attributes: Vec<String> = node
            .attributes()
            .map(|each| format!("{}={}", each.name(), each.value()))
            .collect();
        attributes.extend(
            node.namespaces()
                .map(|each| format!("xmlns:{:?}={}", each.name(), each.uri())),
        );
        attributes.sort();
        out.push_str(&format!("<{} {attributes:?}>", node.tag_name().name()));
        let has_elements = node.children().any(|child| child.is_element());
        for child in node.children() {
            if child.is_element() {
                element(child, out);
            } else if !has_elements {
                out.push_str(child.text().unwrap_or_default());
            }
        }
        out.push_str("</>");
    }
    let mut out = String::new();
    element(document.root_element(), &mut out);
    Some(out)
}

pub(crate) fn check_answer(service: &Service, operation: &Operation, case: &Document) -> Result<(), String> {
    let response = case.get("response").unwrap();
    let without_body = if service.protocol == Protocol::Query {
        "<xml/>"
    } else {
        ""
    };
    let body = response.get("body").and_then(Document::as_str).unwrap_or(without_body);
    let body = match service.protocol {
        Protocol::Cbor => STANDARD.decode(body).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    let headers: Vec<(Text, Text)> = response
        .get("headers")
        .and_then(Document::as_object)
        .into_iter()
        .flat_map(|headers| headers.iter().collect::<Vec<_>>())
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().into()))
        .collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let response = Response {
        status: response.get("status_code").and_then(Document::as_i64).unwrap_or(200) as u16,
        headers: &headers,
        body: &body,
    };
    if case.get("error").is_some() {
        let error = response.error(service, operation);
        let text = |key: &str| case.get(key).and_then(Document::as_str).unwrap_or_default();
        let found = (&*error.code, error.message.as_deref().unwrap_or_default());
        let expected = (text("errorCode"), text("errorMessage"));
        return if found == expected {
            Ok(())
        } else {
            Err(format!("found {found:?}, expected {expected:?}"))
        };
    }
    let found = response.result(service, operation).map_err(|error| error.to_string())?;
    let result = case.get("result").unwrap();
    let expected = operation
        .output
        .map_or_else(|| result.clone(), |output| in_our_form(service, output, result));
    if found == expected {
        Ok(())
    } else {
        Err(format!("found {found}, expected {expected}"))
    }
}

/// A result of the suites as ours are: keys with capitals, moments as text.
fn in_our_form(service: &Service, shape: ShapeId, value: &Document) -> Document {
    match (service.shape(shape), value) {
        (Shape::Structure(structure), Document::Object(object)) if !structure.document => {
            let members = object.iter().map(|(name, value)| {
                let member = structure.members.iter().find(|member| *member.name == **name);
                let value = member.map_or(value.clone(), |member| in_our_form(service, member.shape, value));
                (names::key(name), value)
            });
            members.collect::<Object>().into()
        }
        (Shape::List(list), Document::Array(items)) => {
            let items = items.iter().map(|item| in_our_form(service, list.item, item));
            items.collect::<Vec<_>>().into()
        }
        (Shape::Map(map), Document::Object(entries)) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (key.clone(), in_our_form(service, map.value, value)));
            entries.collect::<Object>().into()
        }
        (Shape::Timestamp(_), value) => moment(value),
        (_, value) => value.clone(),
    }
}

/// A moment in a suite is a number of seconds, with a fraction at times.
fn moment(value: &Document) -> Document {
    let Document::Number(number) = value else {
        return value.clone();
    };
    let seconds = number.as_f64();
    let days = (seconds / 86_400.0).floor();
    let (year, month, day) = civil(days as i64);
    let in_day = seconds - days * 86_400.0;
    let (hours, minutes) = (in_day as u64 / 3600, in_day as u64 / 60 % 60);
    let millis = ((in_day % 60.0) * 1000.0).round() as u64;
    let fraction = if millis.is_multiple_of(1000) {
        String::new()
    } else {
        format!(".{:03}", millis % 1000)
    };
    format!(
        "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{:02}{fraction}Z",
        millis / 1000
    )
    .into()
}

/// Year, month and day of a number of days since 1970 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + carry, month, day)
}
