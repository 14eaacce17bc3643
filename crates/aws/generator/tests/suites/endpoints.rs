//! Endpoints.

use crate::{json, sdist};
use expressway_asl::Document;
use expressway_aws::{Service, model};

#[test]
fn every_endpoint_test_passes() {
    let Some(sdist) = sdist() else { return };
    let (mut passed, mut failed) = (0, Vec::new());
    for (arn_name, name) in model::services() {
        let path = sdist.join(format!("tests/functional/endpoint-rules/{name}/endpoint-tests-1.json"));
        let service = Service::find(arn_name).unwrap();
        let suite = json(&path);
        for case in suite.get("testCases").unwrap().as_array().unwrap().iter() {
            match check(service, case) {
                Ok(()) => passed += 1,
                Err(problem) => failed.push(format!("{name}: {}: {problem}", case.get("params").unwrap())),
            }
        }
    }
    eprintln!("endpoint tests: {passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed > 14_000, "only {passed} tests were found");
}

fn check(service: &Service, case: &Document) -> Result<(), String> {
    let parameters = case.get("params").and_then(Document::as_object).into_iter();
    let parameters = parameters.flat_map(|parameters| parameters.iter().map(|(name, value)| (&**name, value.clone())));
    let found = service.endpoint_rules.resolve(parameters);
    let expect = case.get("expect").unwrap();
    match (found, expect.get("error").and_then(Document::as_str)) {
        (Err(error), Some(expected)) if error == expected => Ok(()),
        (Ok(endpoint), None) => {
            let expected = expect.get("endpoint").unwrap();
            let url = expected.get("url").unwrap().as_str().unwrap();
            if endpoint.url.trim_end_matches('/') != url.trim_end_matches('/') {
                return Err(format!("found {}, expected {url}", endpoint.url));
            }
            let properties = expected.get("properties").and_then(Document::as_object).into_iter();
            let mut properties = properties.flat_map(|properties| properties.iter());
            match properties.find(|(key, value)| endpoint.properties.get(key) != Some(value)) {
                Some((key, value)) => Err(format!("found {}, expected {key}: {value}", endpoint.properties)),
                None => Ok(()),
            }
        }
        (found, expected) => Err(format!("found {found:?}, expected {expected:?}")),
    }
}
