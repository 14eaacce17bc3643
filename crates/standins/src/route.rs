//! Which service a request is for.

use crate::protocol::{Request, header, percent_decode};

/// The name under which a request is signed, such as `dynamodb`: it stands in the scope of the signature, in the
/// header or, when the URL is signed, in the query. A request without a signature is told by its host.
pub(crate) fn service(request: &Request) -> Option<String> {
    let in_header = header(request, "authorization").and_then(|value| {
        let (_, scope) = value.split_once("Credential=")?;
        scope_service(scope.split([',', ' ']).next()?)
    });
    let in_query = || {
        let query = request.uri().query()?;
        let scope = query
            .split('&')
            .find_map(|field| field.strip_prefix("X-Amz-Credential="))?;
        scope_service(&percent_decode(scope))
    };
    in_header.or_else(in_query).or_else(|| host_service(host(request)?))
}

/// The host without its port.
pub(crate) fn host(request: &Request) -> Option<&str> {
    let host = request.uri().host().or_else(|| header(request, "host"))?;
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(host),
        _ => Some(host),
    }
}

/// The fourth part of `<access key>/20260101/<region>/<service>/aws4_request`; asymmetric signatures have no region.
fn scope_service(scope: &str) -> Option<String> {
    let (before, _) = scope.rsplit_once('/')?;
    before.rsplit('/').next().map(str::to_owned)
}

/// `sqs` of `sqs.us-east-1.amazonaws.com`, `s3` of `bucket.s3.us-east-1.amazonaws.com`.
fn host_service(host: &str) -> Option<String> {
    let before = host
        .strip_suffix(".cn")
        .unwrap_or(host)
        .strip_suffix(".amazonaws.com")?;
    let mut labels = before.split('.');
    match before == "s3" || before.starts_with("s3.") || before.contains(".s3.") || before.ends_with(".s3") {
        true => Some("s3".to_owned()),
        false => labels.next().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Bytes;

    #[test]
    fn services_are_told_by_signature_or_host() {
        for (uri, authorization, expected) in [
            (
                "https://sqs.eu-west-1.amazonaws.com/",
                "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
                Some("sqs"),
            ),
            (
                "http://127.0.0.1:4566/",
                "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/states/aws4_request, Signature=0",
                Some("states"),
            ),
            (
                "http://localhost/b/k?X-Amz-Credential=AKID%2F20260101%2Feu-west-1%2Fs3%2Faws4_request",
                "",
                Some("s3"),
            ),
            ("https://sts.us-east-1.amazonaws.com/", "", Some("sts")),
            ("https://bucket.s3.us-east-1.amazonaws.com/k", "", Some("s3")),
            ("https://s3.amazonaws.com/b/k", "", Some("s3")),
            ("https://example.com/", "", None),
        ] {
            let mut request = Request::new(Bytes::new());
            *request.uri_mut() = uri.parse().unwrap();
            if !authorization.is_empty() {
                request
                    .headers_mut()
                    .insert("authorization", authorization.parse().unwrap());
            }
            assert_eq!(service(&request).as_deref(), expected, "{uri}");
        }
    }
}
