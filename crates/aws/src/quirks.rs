//! What AWS's SDKs do for single services beyond the models.

use crate::model::Service;
use crate::request::Request;
use expressway_asl::Document;
use expressway_asl::document::Object;

/// Adds what a service wants from every request.
pub(crate) fn adapt_request(service: &Service, request: &mut Request) {
    let header = match &*service.name {
        // Without it API Gateway answers in another media type, with other names.
        "apigateway" => ("Accept", "application/json"),
        "glacier" => ("x-amz-glacier-version", &*service.api_version),
        _ => return,
    };
    if request.header(header.0).is_none() {
        request.headers.push((header.0.to_owned(), header.1.to_owned()));
    }
}

/// Gives a result the form that the SDKs give it.
pub(crate) fn adapt_result(service: &Service, result: Document) -> Document {
    match &*service.name {
        "route53" => without_resource_paths(&result),
        _ => result,
    }
}

/// Route 53 answers with ids, `/hostedzone/Z1`, that it does not take; the Java SDK keeps the last part.
fn without_resource_paths(value: &Document) -> Document {
    match value {
        Document::Object(object) => {
            let members = object.iter().map(|(key, value)| match (&**key, value) {
                ("Id", Document::String(id)) => (key.clone(), id.rsplit('/').next().unwrap_or(id).into()),
                (_, value) => (key.clone(), without_resource_paths(value)),
            });
            members.collect::<Object>().into()
        }
        Document::Array(items) => items.iter().map(without_resource_paths).collect::<Vec<_>>().into(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_get_the_headers_of_their_service() {
        for (service, action, parameters, name, value) in [
            ("apigateway", "getRestApis", "{}", "accept", "application/json"),
            (
                "glacier",
                "listVaults",
                r#"{"AccountId": "-"}"#,
                "x-amz-glacier-version",
                "2012-06-01",
            ),
        ] {
            let service = Service::find(service).unwrap();
            let operation = service.operation(action).unwrap();
            let mut request = Request::new(service, operation, &Document::parse(parameters).unwrap(), None).unwrap();
            adapt_request(service, &mut request);
            assert_eq!(request.header(name), Some(value));
        }
    }

    #[test]
    fn ids_of_route_53_are_what_it_takes() {
        let service = Service::find("route53").unwrap();
        let result = r#"{"HostedZones":[{"Id":"/hostedzone/Z1","Name":"a/b"}],"ChangeInfo":{"Id":"/change/C1"}}"#;
        let expected = r#"{"HostedZones":[{"Id":"Z1","Name":"a/b"}],"ChangeInfo":{"Id":"C1"}}"#;
        assert_eq!(
            adapt_result(service, Document::parse(result).unwrap()).to_json(),
            expected
        );
    }
}
