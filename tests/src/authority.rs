//! A certificate authority of a test's own.

use rcgen::{BasicConstraints, CertificateParams, Error, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;

/// Signs certificates of servers.
#[derive(Debug)]
pub struct Authority {
    /// Its own certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// An authority that nobody trusts yet.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new() -> Result<Authority, Error> {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = parameters.self_signed(&key)?.pem();
        Ok(Authority {
            pem,
            issuer: Issuer::new(parameters, key),
        })
    }

    /// What a server of this name is set up with.
    ///
    /// # Errors
    /// The name is none, or no key can be made.
    pub fn server(&self, name: &str) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([name.to_owned()])?.signed_by(&key, &self.issuer)?;
        let private_key = PrivateKeyDer::try_from(key.serialize_der())?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private_key)?;
        Ok(Arc::new(config))
    }
}
