//! Which hosts receive a signature, or the secret of a connection.
//!
//! Data may choose what is called, but not who receives credentials. So `apigateway:invoke` calls hosts of API Gateway,
//! `eks:call` hosts of EKS, and `http:invoke` hosts that the definition spells out, unless the operator allows others.

mod pattern;

pub use pattern::{HostPattern, UrlPattern};

use crate::web::Address;
use expressway_asl::Document;
use expressway_asl::call::Call;
use expressway_asl::diagnostic::{Code, Diagnostic, Severity};
use expressway_asl::document::Text;
use expressway_asl::resource::Resource;
use expressway_aws::endpoint::{dns_suffixes, is_host_label};
use std::collections::BTreeMap;

/// The variable that allows more hosts for `apigateway:invoke` and `eks:call`.
pub const API_ENDPOINTS: &str = "EXPRESSWAY_API_ENDPOINTS";

/// The variable that says which endpoints `http:invoke` may call.
pub const HTTP_ENDPOINTS: &str = "EXPRESSWAY_HTTP_ENDPOINTS";

/// The hosts that tasks may call beside the services of AWS. By default, `http:invoke` may call none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedEndpoints {
    api: Vec<HostPattern>,
    http: Option<Vec<UrlPattern>>,
    /// Scheme and host of the endpoints in the text of each state.
    spelled_out: BTreeMap<Text, Vec<String>>,
}

impl AllowedEndpoints {
    /// Allows more hosts for `apigateway:invoke` and `eks:call`, and exactly these endpoints for `http:invoke`.
    ///
    /// Without patterns for it, `http:invoke` may call the hosts that a definition [spells out](Self::spelled_out_in).
    pub fn new(api: Vec<HostPattern>, http: Option<Vec<UrlPattern>>) -> AllowedEndpoints {
        AllowedEndpoints {
            api,
            http,
            spelled_out: BTreeMap::new(),
        }
    }

    /// Allows everything: for servers that hold no credentials, and clients that send nothing.
    pub fn any() -> AllowedEndpoints {
        AllowedEndpoints::new(vec![HostPattern::any()], Some(vec![UrlPattern::any()]))
    }

    /// Lets each `http:invoke` call the hosts that its own `ApiEndpoint` spells out, in a literal or within an
    /// expression.
    #[must_use]
    pub fn spelled_out_in(mut self, calls: &[Call]) -> AllowedEndpoints {
        for call in calls.iter().filter(|call| is_http(call)) {
            let origins = self.spelled_out.entry(call.state_name.clone()).or_default();
            origins.extend(spelled_out(call));
        }
        self
    }

    /// Finds each `http:invoke` whose host only data names, though no patterns say which hosts it may be.
    pub fn check(&self, calls: &[Call]) -> Vec<Diagnostic> {
        let is_unbounded = |call: &&Call| self.http.is_none() && is_http(call) && spelled_out(call).is_empty();
        let finding = |call: &Call| {
            let message = format!(
                "state `{}`: the host of `ApiEndpoint` is made from data, which needs {HTTP_ENDPOINTS} to list the \
                 endpoints that may receive the connection's secret",
                call.state_name
            );
            let spot = call.spot(&["ApiEndpoint".to_owned()]);
            let mut diagnostic = spot.diagnostic(Code::NotSupported, Severity::Error, message);
            diagnostic.help = Some(format!(
                "set {HTTP_ENDPOINTS} to patterns such as `[\"https://api.example.com/*\"]`, or begin the endpoint \
                 with a literal `https://host/`"
            ));
            diagnostic
        };
        calls.iter().filter(is_unbounded).map(finding).collect()
    }

    /// Whether `apigateway:invoke` may call this address.
    pub(crate) fn allow_api(&self, address: &Address) -> bool {
        is_api(&address.host) && address.port.is_none() || self.allow_host(address)
    }

    /// Whether `eks:call` may call this address.
    pub(crate) fn allow_cluster(&self, address: &Address) -> bool {
        is_cluster(&address.host) && address.port.is_none() || self.allow_host(address)
    }

    fn allow_host(&self, address: &Address) -> bool {
        self.api.iter().any(|pattern| pattern.matches(address))
    }

    /// Whether the `http:invoke` of this state may call this address.
    pub(crate) fn allow_http(&self, state_name: &str, address: &Address) -> bool {
        match &self.http {
            Some(patterns) => patterns.iter().any(|pattern| pattern.matches(address)),
            None => {
                let origins = self.spelled_out.get(state_name);
                origins.is_some_and(|origins| origins.contains(&address.origin))
            }
        }
    }

    /// Whether it is left to the definition which endpoints `http:invoke` may call.
    pub(crate) fn http_is_unset(&self) -> bool {
        self.http.is_none()
    }
}

fn is_http(call: &Call) -> bool {
    matches!(&call.resource, Resource::Optimized { service, action, .. } if **service == *"http" && **action == *"invoke")
}

/// Scheme and host of all addresses in the text of a call's `ApiEndpoint`.
fn spelled_out(call: &Call) -> Vec<String> {
    let Some(parameters) = call.parameters() else {
        return Vec::new();
    };
    let text = match &parameters {
        // An expression that makes all arguments.
        Document::String(text) => Some(text),
        parameters => ["ApiEndpoint", "ApiEndpoint.$"]
            .iter()
            .find_map(|key| match parameters.get(key) {
                Some(Document::String(text)) => Some(text),
                _ => None,
            }),
    };
    text.map(|text| origins(text)).unwrap_or_default()
}

/// Scheme and host of all addresses in a text. A host that the text continues in another way than an address would,
/// `https://api{}.example.com`, is not spelled out.
fn origins(text: &str) -> Vec<String> {
    let after_scheme = text.match_indices("://").filter_map(|(at, separator)| {
        let scheme = ["https", "http"].into_iter().find(|scheme| {
            text.get(..at).is_some_and(|before| {
                let rest = before.strip_suffix(scheme);
                rest.is_some_and(|rest| !rest.ends_with(|last: char| last.is_ascii_alphanumeric()))
            })
        })?;
        Some((scheme, text.get(at + separator.len()..)?))
    });
    let origin = |(scheme, rest): (&str, &str)| {
        let is_authority = |character: char| character.is_ascii_alphanumeric() || "-_.:[]".contains(character);
        let end = rest.find(|character| !is_authority(character)).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        let ends = rest.is_empty() || rest.starts_with(['/', '?', '#', '\'', '"']);
        let address = ends.then(|| Address::parse(&format!("{scheme}://{authority}"), true));
        address.flatten().map(|address| address.origin)
    };
    after_scheme.filter_map(origin).collect()
}

/// Whether a host is one of API Gateway: `<api>.execute-api.<region>.amazonaws.com`, where the API may also have the
/// id of a VPC endpoint behind it (`<api>-<endpoint>`), or an endpoint's own name, with `vpce` before the suffix.
///
/// # Source
/// "Create API Gateway REST APIs with Step Functions" and "Invoke a private API" in the AWS documentation.
fn is_api(host: &str) -> bool {
    let Some((api, region, suffix)) = parts(host, ".execute-api.") else {
        return false;
    };
    let suffix = suffix.strip_prefix("vpce.").unwrap_or(suffix);
    is_host_label(api) && dns_suffixes(region).is_some_and(|known| *known.standard == *suffix)
}

/// Whether a host is the Kubernetes API of an EKS cluster: `<id>.<part>.<region>.eks.amazonaws.com`, and for clusters
/// with IPv6 `<id>.<part>.eks-cluster.<region>.api.aws`.
///
/// # Source
/// "Cluster API server endpoint" in the EKS documentation.
fn is_cluster(host: &str) -> bool {
    let is_prefix = |prefix: &str| prefix.split('.').all(is_host_label);
    if let Some((prefix, region, suffix)) = parts(host, ".eks-cluster.") {
        return is_prefix(prefix) && dns_suffixes(region).is_some_and(|known| *known.dual_stack == *suffix);
    }
    let Some((prefix, suffix)) = host.split_once(".eks.") else {
        return false;
    };
    let Some((prefix, region)) = prefix.rsplit_once('.') else {
        return false;
    };
    is_prefix(prefix) && dns_suffixes(region).is_some_and(|known| *known.standard == *suffix)
}

/// The region in the name of an API's host.
pub(crate) fn api_region(host: &str) -> Option<&str> {
    let (_, region, _) = parts(host, ".execute-api.")?;
    Some(region)
}

/// What is before the name of a service in a host, the region behind it, and the rest.
fn parts<'h>(host: &'h str, service: &str) -> Option<(&'h str, &'h str, &'h str)> {
    let (before, rest) = host.split_once(service)?;
    let (region, suffix) = rest.split_once('.')?;
    Some((before, region, suffix))
}

#[cfg(test)]
mod tests;
