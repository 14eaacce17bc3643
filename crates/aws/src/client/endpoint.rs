//! The endpoint of a call.

use super::CallError;
use crate::model::{Authentication, ContextValue, Operation, Service};
use crate::request::{Request, members};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use expressway_asl::Document;
use std::collections::HashMap;

/// Endpoints of single services that environment variables name, as all SDKs read them.
#[derive(Clone, Debug, Default)]
pub struct EndpointOverrides(HashMap<String, String>);

const PREFIX: &str = "AWS_ENDPOINT_URL_";

impl EndpointOverrides {
    /// No overrides.
    pub fn none() -> EndpointOverrides {
        EndpointOverrides::default()
    }

    /// The overrides in these variables: `AWS_ENDPOINT_URL_DYNAMODB`, unless
    /// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is `true`.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> EndpointOverrides {
        let mut overrides = HashMap::new();
        for (name, value) in variables {
            if is_ignored(&name, &value) {
                return EndpointOverrides::none();
            }
            if let Some(service) = name.strip_prefix(PREFIX).filter(|_| !value.is_empty()) {
                overrides.insert(service.to_owned(), value);
            }
        }
        EndpointOverrides(overrides)
    }

    /// The endpoint of a service by its id, `Secrets Manager`.
    pub(super) fn of_service(&self, service_id: &str) -> Option<&str> {
        let name = service_id.to_ascii_uppercase().replace([' ', '-'], "_");
        self.0.get(&name).map(String::as_str)
    }
}

pub(super) fn is_ignored(name: &str, value: &str) -> bool {
    name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" && value.eq_ignore_ascii_case("true")
}

/// What endpoints depend on beside the call.
pub(super) struct Settings<'s> {
    pub(super) region: Option<&'s str>,
    pub(super) custom: Option<&'s str>,
    pub(super) fips: bool,
    pub(super) dual_stack: bool,
}

/// Where a request goes and for whom it is signed.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: String,
    is_custom: bool,
    pub(super) region: String,
    /// The name of the service in signatures.
    pub(super) name: String,
    /// S3 signs paths as they are.
    signs_plain_path: bool,
    /// S3 and Glacier want to know the hash of the body, and all must know if it is not signed.
    sends_body_hash: bool,
}

pub(super) fn resolve(
    service: &Service,
    operation: &Operation,
    parameters: &Document,
    settings: &Settings<'_>,
) -> Result<Target, CallError> {
    let mut inputs: Vec<(&str, Document)> = vec![
        ("UseFIPS", Document::Bool(settings.fips)),
        ("UseDualStack", Document::Bool(settings.dual_stack)),
    ];
    inputs.extend(settings.region.map(|region| ("Region", region.into())));
    if let Some(url) = settings.custom {
        inputs.push(("Endpoint", url.into()));
        // A bucket is no host name under an address of one's own. Only S3's rules know this parameter.
        inputs.push(("ForcePathStyle", Document::Bool(true)));
    }
    for parameter in &operation.context_parameters {
        match &parameter.value {
            ContextValue::Static(value) => inputs.push((&parameter.name, value.clone())),
            // Only DynamoDB's endpoints for single accounts have such parameters, and they are optional.
            ContextValue::Path(_) => {}
        }
    }
    if let Some(input) = service.input(operation).filter(|_| !parameters.is_null()) {
        for (member, value) in members(input, parameters)? {
            inputs.extend(member.context_parameter.as_deref().map(|name| (name, value.clone())));
        }
    }
    let endpoint = service.endpoint_rules.resolve(inputs).map_err(CallError::NotSent)?;
    let scheme = scheme(&endpoint.properties)?;
    let text = |key: &str| scheme.and_then(|scheme| scheme.get(key)).and_then(Document::as_str);
    let region = text("signingRegion").or(settings.region);
    let plain_path = scheme.and_then(|scheme| scheme.get("disableDoubleEncoding"));
    let signs_plain_path = plain_path.and_then(Document::as_bool) == Some(true);
    let leaves_body_out = operation.authentication == Authentication::SignedWithoutBody;
    Ok(Target {
        url: endpoint.url.to_string(),
        is_custom: settings.custom.is_some(),
        region: region
            .ok_or_else(|| CallError::NotSent("no region is configured".to_owned()))?
            .to_owned(),
        name: text("signingName").unwrap_or(&service.signing_name).to_owned(),
        signs_plain_path,
        sends_body_hash: signs_plain_path || leaves_body_out || &*service.name == "glacier",
    })
}

/// The way of signing that the endpoint wants; nothing if it does not care.
fn scheme(properties: &Document) -> Result<Option<&Document>, CallError> {
    let schemes = properties.get("authSchemes").and_then(Document::as_array);
    let Some(schemes) = schemes.filter(|schemes| !schemes.is_empty()) else {
        return Ok(None);
    };
    let name = |scheme: &Document| {
        scheme
            .get("name")
            .and_then(Document::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    match schemes.iter().find(|scheme| name(scheme) == "sigv4") {
        Some(scheme) => Ok(Some(scheme)),
        None => {
            let names: Vec<String> = schemes.iter().map(name).collect();
            let problem = format!(
                "the endpoint wants signatures of a kind that is not supported: {}",
                names.join(", ")
            );
            Err(CallError::NotSent(problem))
        }
    }
}

impl Target {
    /// A place that no rules know, with signatures of the usual kind.
    pub(super) fn new(url: &str, region: &str, name: &str) -> Target {
        Target {
            url: url.to_owned(),
            is_custom: true,
            region: region.to_owned(),
            name: name.to_owned(),
            signs_plain_path: false,
            sends_body_hash: false,
        }
    }

    /// The address for this request, which may put something before the host.
    pub(super) fn url_for(&self, request: &Request) -> String {
        match &request.host_prefix {
            // An address of one's own has no such names.
            Some(prefix) if !self.is_custom => self.url.replacen("://", &format!("://{prefix}"), 1),
            _ => self.url.clone(),
        }
    }

    /// Tells the runtime how to sign.
    pub(super) fn store_signing(self, layer: &mut Layer) {
        let mut options = SigningOptions::default();
        if self.signs_plain_path {
            options.double_uri_encode = false;
            options.normalize_uri_path = false;
        }
        options.content_sha256_header = self.sends_body_hash;
        layer.store_put(SigningRegion::from(Region::new(self.region)));
        layer.store_put(SigningName::from(self.name));
        layer.store_put(SigV4OperationSigningConfig {
            signing_options: options,
            ..SigV4OperationSigningConfig::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(service: &str, action: &str, parameters: &str, custom: Option<&str>) -> Result<Target, CallError> {
        let service = Service::find(service).unwrap();
        let settings = Settings {
            region: Some("eu-west-1"),
            custom,
            fips: false,
            dual_stack: false,
        };
        let parameters = Document::parse(parameters).unwrap();
        resolve(service, service.operation(action).unwrap(), &parameters, &settings)
    }

    /// All operations of all services whose host depends on a parameter.
    #[test]
    fn no_parameter_changes_whose_host_it_is() {
        let values = [
            "plain-name",
            "111122223333",
            "evil.example",
            "evil.example/",
            "evil.example/x",
            "evil.example?",
            "evil.example#",
            "evil.example\\",
            "evil.example:443",
            "evil.example:443/",
            "user@evil.example",
            "@evil.example/",
            "https://evil.example/",
            "//evil.example/",
            "evil.example%2f",
            "evil.example\r\nx: y",
            "evil.example x",
            "evil\u{3002}example/",
            ".evil.example",
            "..",
            "arn:aws:s3:evil.example/:111122223333:accesspoint/x",
            "arn:aws:s3:eu-west-1:evil.example/:accesspoint/x",
            "arn:aws:s3:eu-west-1:111122223333:accesspoint/evil.example/",
            "arn:aws:s3:eu-west-1:111122223333:accesspoint:evil.example#",
            "arn:evil.example/:s3:eu-west-1:111122223333:accesspoint/x",
            "arn:aws:s3-outposts:eu-west-1:111122223333:outpost/evil.example//accesspoint/x",
            "arn:aws:s3-object-lambda:evil.example/:111122223333:accesspoint/x",
            "arn:aws:kinesis:evil.example/:evil.example/:stream/x",
            "arn:aws:dynamodb:evil.example/:evil.example/:table/x",
            "arn:aws:cloudfront::evil.example/:key-value-store/evil.example/",
            "bucket--evil.example/--x-s3",
            "bucket--use1-az4--x-s3",
        ];
        let (mut checked, mut prefixed) = (0, 0);
        for (name, _) in crate::model::services() {
            let service = Service::find(name).unwrap();
            for operation in &service.operations {
                let Some(input) = service.input(operation) else {
                    continue;
                };
                let chooses = |member: &&crate::model::Member| {
                    let label = format!("{{{}}}", member.name);
                    let prefix = operation.host_prefix.as_deref().unwrap_or_default();
                    member.context_parameter.is_some() || prefix.contains(&label)
                };
                for (member, value) in input
                    .members
                    .iter()
                    .filter(chooses)
                    .flat_map(|m| values.map(|v| (m, v)))
                {
                    let parameters = Document::object([(&*member.key, Document::from(value))]);
                    let settings = Settings {
                        region: Some("eu-west-1"),
                        custom: None,
                        fips: false,
                        dual_stack: false,
                    };
                    let Ok(target) = resolve(service, operation, &parameters, &settings) else {
                        continue;
                    };
                    let host_prefix = operation.host_prefix.as_deref().unwrap_or_default();
                    let label = format!("{{{}}}", member.name);
                    let is_filled = host_prefix.contains(&label);
                    let request = match Request::new(service, operation, &parameters, None) {
                        Ok(request) => request,
                        // Another member is missing: as if it were there.
                        Err(_) if !is_filled => Request::default(),
                        Err(_) => continue,
                    };
                    let url = target.url_for(&request);
                    let at = format!("{name}:{} {} {value:?}: {url}", operation.name, member.name);
                    let uri: http::Uri = match url.parse() {
                        Ok(uri) => uri,
                        // What is no address is not sent.
                        Err(_) => continue,
                    };
                    let authority = uri.authority().unwrap();
                    let host = authority.host();
                    let is_whole = authority.as_str() == host && uri.scheme_str() == Some("https");
                    let is_aws = [".amazonaws.com", ".api.aws", ".on.aws"]
                        .iter()
                        .any(|suffix| host.ends_with(suffix));
                    assert!(is_whole && is_aws, "{at}");
                    checked += 1;
                    prefixed += usize::from(is_filled);
                }
            }
        }
        assert!(
            checked > 1000 && prefixed > 100,
            "only {checked} addresses were looked at, {prefixed} with a prefix"
        );
    }

    #[test]
    fn endpoints_say_where_to_send_and_how_to_sign() {
        let table = target("dynamodb", "getItem", r#"{"TableName": "orders"}"#, None).unwrap();
        assert_eq!(table.url, "https://dynamodb.eu-west-1.amazonaws.com");
        assert_eq!((table.region.as_str(), table.name.as_str()), ("eu-west-1", "dynamodb"));
        let role = target("iam", "getRole", r#"{"RoleName": "r"}"#, None).unwrap();
        assert_eq!((role.region.as_str(), role.name.as_str()), ("us-east-1", "iam"));
        let object = target("s3", "getObject", r#"{"Bucket": "orders", "Key": "a b"}"#, None).unwrap();
        assert_eq!(object.url, "https://orders.s3.eu-west-1.amazonaws.com");
        assert!(object.signs_plain_path);
    }

    #[test]
    fn a_custom_endpoint_holds_for_all() {
        let custom = Some("http://localhost:9000");
        let object = target("s3", "getObject", r#"{"Bucket": "orders", "Key": "k"}"#, custom).unwrap();
        assert_eq!(object.url, "http://localhost:9000/orders");
        let table = target("dynamodb", "listTables", "{}", custom).unwrap();
        assert_eq!(table.url, "http://localhost:9000");
    }

    #[test]
    fn what_cannot_be_signed_is_not_sent() {
        let access_point = r#"{"Bucket": "arn:aws:s3::123456789012:accesspoint:mfzwi23gnjvgw.mrap", "Key": "k"}"#;
        let error = target("s3", "getObject", access_point, None).unwrap_err();
        assert!(error.to_string().contains("sigv4a"), "{error}");
    }

    #[test]
    fn overrides_come_from_variables() {
        let variables = |names: &[(&str, &str)]| {
            let variables = names.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            EndpointOverrides::from_variables(variables.collect::<Vec<_>>())
        };
        let overrides = variables(&[
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://a"),
            ("AWS_ENDPOINT_URL", "http://b"),
        ]);
        assert_eq!(overrides.of_service("Secrets Manager"), Some("http://a"));
        assert_eq!(overrides.of_service("DynamoDB"), None);
        let ignored = variables(&[
            ("AWS_ENDPOINT_URL_SQS", "http://a"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ]);
        assert_eq!(ignored.of_service("SQS"), None);
    }
}
