//! The functions of endpoint rules.

use super::evaluate::is_true;
use super::partition;
use crate::encode;
use expressway_asl::Document;

/// A function of endpoint rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Whether a value is set.
    IsSet,
    /// Whether a value is false or unset.
    Not,
    /// Whether two truth values are the same.
    BooleanEquals,
    /// Whether two strings are the same.
    StringEquals,
    /// The first value that is set.
    Coalesce,
    /// A part of a string.
    Substring,
    /// A string as a part of an address.
    UriEncode,
    /// The parts of an address.
    ParseUrl,
    /// Whether a string can be a part of a host name.
    IsValidHostLabel,
    /// The partition of a region.
    AwsPartition,
    /// The parts of an ARN.
    AwsParseArn,
    /// Whether a bucket's name can be a part of a host name.
    AwsIsVirtualHostableS3Bucket,
}

impl Function {
    /// All functions; tables give a function by its place here.
    pub const ALL: [Function; 12] = [
        Function::IsSet,
        Function::Not,
        Function::BooleanEquals,
        Function::StringEquals,
        Function::Coalesce,
        Function::Substring,
        Function::UriEncode,
        Function::ParseUrl,
        Function::IsValidHostLabel,
        Function::AwsPartition,
        Function::AwsParseArn,
        Function::AwsIsVirtualHostableS3Bucket,
    ];

    /// The function that rules call by this name.
    pub fn named(name: &str) -> Option<Function> {
        Some(match name {
            "isSet" => Function::IsSet,
            "not" => Function::Not,
            "booleanEquals" => Function::BooleanEquals,
            "stringEquals" => Function::StringEquals,
            "coalesce" => Function::Coalesce,
            "substring" => Function::Substring,
            "uriEncode" => Function::UriEncode,
            "parseURL" => Function::ParseUrl,
            "isValidHostLabel" => Function::IsValidHostLabel,
            "aws.partition" => Function::AwsPartition,
            "aws.parseArn" => Function::AwsParseArn,
            "aws.isVirtualHostableS3Bucket" => Function::AwsIsVirtualHostableS3Bucket,
            _ => return None,
        })
    }

    pub(super) fn call(self, arguments: &[Document]) -> Document {
        let argument = |index: usize| arguments.get(index).unwrap_or(&Document::Null);
        let text = || argument(0).as_str();
        let allows_dots = || is_true(argument(1));
        match self {
            Function::IsSet => Document::Bool(!argument(0).is_null()),
            Function::Not => Document::Bool(!is_true(argument(0))),
            Function::BooleanEquals | Function::StringEquals => Document::Bool(argument(0) == argument(1)),
            Function::Coalesce => arguments
                .iter()
                .find(|value| !value.is_null())
                .cloned()
                .unwrap_or_default(),
            Function::Substring => substring(arguments).map_or(Document::Null, Document::from),
            Function::UriEncode => text().map_or(Document::Null, |text| encode::percent(text).into()),
            Function::ParseUrl => text().and_then(parse_url).unwrap_or_default(),
            Function::IsValidHostLabel => Document::Bool(text().is_some_and(|text| is_host(text, allows_dots()))),
            Function::AwsPartition => text().map_or(Document::Null, partition::of_region),
            Function::AwsParseArn => text().and_then(parse_arn).unwrap_or_default(),
            Function::AwsIsVirtualHostableS3Bucket => {
                Document::Bool(text().is_some_and(|text| is_bucket_host(text, allows_dots())))
            }
        }
    }
}

/// Arguments: text, start, end, whether to count from the end. Only ASCII text has substrings.
fn substring(arguments: &[Document]) -> Option<&str> {
    let [text, start, end, reverse] = arguments else {
        return None;
    };
    let text = text.as_str().filter(|text| text.is_ascii())?;
    let (start, end) = (
        usize::try_from(start.as_i64()?).ok()?,
        usize::try_from(end.as_i64()?).ok()?,
    );
    if start >= end || end > text.len() {
        return None;
    }
    if is_true(reverse) {
        text.get(text.len() - end..text.len() - start)
    } else {
        text.get(start..end)
    }
}

fn parse_url(url: &str) -> Option<Document> {
    let (scheme, rest) = url.split_once("://")?;
    if rest.contains('?') || !matches!(scheme, "http" | "https") {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.split(':').next().unwrap_or_default();
    let slash = if path.ends_with('/') { "" } else { "/" };
    Some(Document::object([
        ("scheme", scheme.into()),
        ("authority", authority.into()),
        ("path", path.into()),
        ("normalizedPath", format!("{path}{slash}").into()),
        (
            "isIp",
            Document::Bool(is_ip_address(host) || authority.starts_with('[')),
        ),
    ]))
}

fn parse_arn(arn: &str) -> Option<Document> {
    let mut parts = arn.splitn(6, ':');
    let mut part = || parts.next();
    let (prefix, partition, service) = (part()?, part()?, part()?);
    let (region, account, resource) = (part()?, part()?, part()?);
    if prefix != "arn" || partition.is_empty() || service.is_empty() || resource.is_empty() {
        return None;
    }
    let resource_id: Vec<Document> = resource.split([':', '/']).map(Document::from).collect();
    Some(Document::object([
        ("partition", partition.into()),
        ("service", service.into()),
        ("region", region.into()),
        ("accountId", account.into()),
        ("resourceId", resource_id.into()),
    ]))
}

/// Whether a text can be a label of a host name, the part between two dots.
pub fn is_host_label(text: &str) -> bool {
    is_host(text, false)
}

/// Whether a text can be a label of a host name, or several of them.
fn is_host(text: &str, allows_dots: bool) -> bool {
    if allows_dots && text.contains('.') {
        return text.split('.').all(|label| is_host(label, false));
    }
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_bucket_host(text: &str, allows_dots: bool) -> bool {
    if allows_dots && text.contains('.') {
        return text.split('.').all(|label| is_bucket_host(label, false)) && !is_ip_address(text);
    }
    text.len() >= 3
        && !text.ends_with('-')
        && !text.bytes().any(|byte| byte.is_ascii_uppercase())
        && is_host(text, false)
}

fn is_ip_address(host: &str) -> bool {
    host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(function: &str, arguments: &str, expected: &str) {
        let arguments = Document::parse(arguments).unwrap();
        let value = Function::named(function).unwrap().call(arguments.as_array().unwrap());
        assert_eq!(value, Document::parse(expected).unwrap(), "{function}{arguments}");
    }

    #[test]
    fn functions_give_what_the_rules_engine_says() {
        check("isSet", "[null]", "false");
        check("not", "[null]", "true");
        check("coalesce", r#"[null, "a", "b"]"#, r#""a""#);
        check("substring", r#"["orders", 0, 2, false]"#, r#""or""#);
        check("substring", r#"["orders", 0, 2, true]"#, r#""rs""#);
        check("substring", r#"["orders", 0, 7, false]"#, "null");
        check("uriEncode", r#"["a b/c"]"#, r#""a%20b%2Fc""#);
        check("isValidHostLabel", r#"["a.b", false]"#, "false");
        check("isValidHostLabel", r#"["a.b", true]"#, "true");
        check("aws.isVirtualHostableS3Bucket", r#"["Orders", false]"#, "false");
        check("aws.isVirtualHostableS3Bucket", r#"["1.2.3.4", true]"#, "false");
        check("aws.isVirtualHostableS3Bucket", r#"["or", false]"#, "false");
        check("parseURL", r#"["ftp://x"]"#, "null");
        check(
            "parseURL",
            r#"["http://1.2.3.4:80/p"]"#,
            r#"{"scheme": "http", "authority": "1.2.3.4:80", "path": "/p", "normalizedPath": "/p/", "isIp": true}"#,
        );
        check(
            "aws.parseArn",
            r#"["arn:aws:s3:::bucket/key:1"]"#,
            r#"{"partition": "aws", "service": "s3", "region": "", "accountId": "", "resourceId": ["bucket", "key", "1"]}"#,
        );
        check("aws.parseArn", r#"["arn:aws:s3"]"#, "null");
    }

    #[test]
    fn every_function_has_a_place() {
        for name in ["isSet", "aws.partition", "aws.isVirtualHostableS3Bucket", "parseURL"] {
            let function = Function::named(name).unwrap();
            assert!(Function::ALL.contains(&function));
        }
    }
}
