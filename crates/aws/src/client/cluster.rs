//! Requests to the Kubernetes API of EKS clusters: whose certificates count, and who calls.

#![warn(clippy::arithmetic_side_effects)]

use super::endpoint::{self, Settings};
use super::http::http_client_trusting;
use super::plain::{self, PlainAnswer, PlainRequest};
use super::watch::Attempts;
use super::{CallError, Client, Credentials};
use crate::model::Service;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, AuthSchemeOptionResolverParams, Sign,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::{Identity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{
    GetIdentityResolver, RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use expressway_asl::Document;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a cluster's token is called among the ways of authentication.
const SCHEME_ID: AuthSchemeId = AuthSchemeId::new("eks-cluster-token");

/// How long the request inside a token is good for. A token is made for one request.
///
/// # Source
/// `aws eks get-token` and aws-iam-authenticator.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// Those who sign the certificates of a cluster, and the connections to servers that have one.
#[derive(Clone, Debug)]
pub struct Authority(SharedHttpClient);

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The text has no certificate.
    #[error("there is no certificate in it")]
    Empty,
    /// The text is no PEM.
    #[error("it is not PEM: {0}")]
    NotPem(#[from] rustls::pki_types::pem::Error),
    /// A certificate can not be read.
    #[error("a certificate in it can not be read: {0}")]
    Unreadable(#[from] rustls::Error),
}

impl Authority {
    /// Reads the certificates, one or more in PEM. Nobody else is trusted then, not the system's authorities either.
    ///
    /// # Errors
    /// There is none, or one that can not be read.
    pub fn from_pem(pem: &[u8]) -> Result<Authority, AuthorityError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate?)?;
        }
        if roots.is_empty() {
            return Err(AuthorityError::Empty);
        }
        Ok(Authority(http_client_trusting(roots)?))
    }
}

/// A cluster as it is called.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name in EKS; a token is good for one cluster only.
    pub name: String,
    /// Whose certificates count.
    pub authority: Authority,
    /// The caller, if other than the client's.
    pub credentials: Option<Credentials>,
}

impl Client {
    /// Sends a request to the Kubernetes API of a cluster, with a token that tells who calls.
    ///
    /// It is not repeated, and redirects are not followed.
    ///
    /// # Errors
    /// There was no answer; says whether the request may have arrived.
    pub async fn exchange_with_cluster(
        &self,
        request: PlainRequest,
        cluster: &Cluster,
    ) -> Result<PlainAnswer, CallError> {
        let credentials = self.credentials(cluster.credentials.as_ref())?;
        let token = Token::new(self, &cluster.name)?;
        let attempts = Arc::new(Attempts::default());
        let components = RuntimeComponentsBuilder::new("expressway-aws cluster")
            .with_http_client(Some(cluster.authority.0.clone()))
            .with_auth_scheme(TokenScheme(token))
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
            .with_identity_resolver(SCHEME_ID, credentials.0);
        let mut layer = Layer::new("expressway-aws cluster");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        let plugin = StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(components);
        let builder = self.plain_operation(&request, &attempts).runtime_plugin(plugin);
        plain::send(builder, request, &attempts).await
    }
}

/// Has a token made as requests are signed: with the caller's credentials, which are kept as those of all calls are.
#[derive(Debug)]
struct TokenScheme(Token);

impl AuthScheme for TokenScheme {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME_ID
    }

    fn identity_resolver(&self, resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(SCHEME_ID)
    }

    fn signer(&self) -> &dyn Sign {
        &self.0
    }
}

impl Sign for Token {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        _: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        _: &ConfigBag,
    ) -> Result<(), BoxError> {
        let time = components.time_source().ok_or("there is no clock")?;
        let token = self.signed(identity, time.now())?;
        request
            .headers_mut()
            .try_insert("authorization", format!("Bearer {token}"))?;
        Ok(())
    }
}

/// What a token is made of besides credentials and time.
///
/// A token is the address of a signed request that asks STS who calls. The cluster sends that request.
///
/// # Source
/// aws-iam-authenticator, "API Authorization from Outside a Cluster" in its README. It accepts the hosts of STS only,
/// so an address of one's own for STS (`AWS_ENDPOINT_URL_STS`) does not count here.
#[derive(Debug)]
struct Token {
    cluster_name: String,
    sts_url: String,
    region: String,
    signing_name: String,
}

impl Token {
    fn new(client: &Client, cluster_name: &str) -> Result<Token, CallError> {
        let no_model = || CallError::NotSent("there is no model of STS".to_owned());
        let sts = Service::find("sts").ok_or_else(no_model)?;
        let operation = sts.operation("getCallerIdentity").ok_or_else(no_model)?;
        let settings = Settings {
            region: client.shared.config.region().map(AsRef::as_ref),
            custom: None,
            fips: false,
            dual_stack: false,
        };
        let target = endpoint::resolve(sts, operation, &Document::Null, &settings)?;
        Ok(Token {
            cluster_name: cluster_name.to_owned(),
            sts_url: target.url,
            region: target.region,
            signing_name: target.name,
        })
    }

    fn signed(&self, identity: &Identity, time: SystemTime) -> Result<String, BoxError> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(TOKEN_LIFETIME);
        let parameters = SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name(&self.signing_name)
            .time(time)
            .settings(settings)
            .build()?;
        let url = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", self.sts_url);
        let headers = [("x-k8s-aws-id", &*self.cluster_name)];
        let signable = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::empty())?;
        let (instructions, _) = sign(signable, &parameters.into())?.into_parts();
        let mut signed = http::Request::builder().uri(&url).body(())?;
        instructions.apply_to_request_http1x(&mut signed);
        let url = URL_SAFE_NO_PAD.encode(signed.uri().to_string());
        Ok(format!("k8s-aws-v1.{url}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signatures were computed from the description of Signature Version 4 by another implementation.
    #[test]
    fn tokens_are_signed_as_sts_expects() {
        let token = Token {
            cluster_name: "orders".to_owned(),
            sts_url: "https://sts.eu-west-1.amazonaws.com".to_owned(),
            region: "eu-west-1".to_owned(),
            signing_name: "sts".to_owned(),
        };
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        for (session, session_member, signature) in [
            (
                None,
                "",
                "b8495c12ed122a87e90b189d1f2b30d8b7ed58f2210e730a0bb0e87e8d78eac6",
            ),
            (
                Some("t/1+="),
                "&X-Amz-Security-Token=t%2F1%2B%3D",
                "a64d6ac72df69f2f7c188065b6e2b10715635ddff3e11321e0c6022300253657",
            ),
        ] {
            let credentials = aws_credential_types::Credentials::new(
                "AKIDEXAMPLE",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                session.map(str::to_owned),
                None,
                "test",
            );
            let signed = token.signed(&credentials.into(), time).unwrap();
            let url = URL_SAFE_NO_PAD.decode(signed.strip_prefix("k8s-aws-v1.").unwrap());
            let url = String::from_utf8(url.unwrap()).unwrap();
            let (address, query) = url.split_once('?').unwrap();
            assert_eq!(address, "https://sts.eu-west-1.amazonaws.com/");
            let mut members: Vec<&str> = query.split('&').collect();
            members.sort_unstable();
            let expected = format!(
                "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
                &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z\
                &X-Amz-Expires=60{session_member}&X-Amz-Signature={signature}\
                &X-Amz-SignedHeaders=host%3Bx-k8s-aws-id"
            );
            assert_eq!(members.join("&"), expected);
        }
    }

    #[test]
    fn what_is_no_certificate_is_not_trusted() {
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, problem) in [
            ("", "there is no certificate in it"),
            ("-----BEGIN CERTIFICATE-----\nAAAA", "it is not PEM"),
            (no_certificate, "a certificate in it can not be read"),
        ] {
            let error = Authority::from_pem(pem.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
