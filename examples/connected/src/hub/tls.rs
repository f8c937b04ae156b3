//! Certificates of clients in the handshake: any will do.
//!
//! The service must take those that it knows by their thumbprints, which may be self-signed, and learns only
//! after the handshake which device there is. Whoever has a wrong one is told so in MQTT or HTTPS.

use std::sync::Arc;

use hubward::pki_types::{CertificateDer, UnixTime};
use hubward::tls::rustls::client::danger::HandshakeSignatureValid;
use hubward::tls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use hubward::tls::rustls::server::NoServerSessionStorage;
use hubward::tls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use hubward::tls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};

/// A configuration that asks clients for a certificate, with all else of `config`.
pub(super) fn asking(config: &ServerConfig) -> Result<Arc<ServerConfig>, Error> {
    let crypto = Arc::clone(config.crypto_provider());
    let verifier = AnyCertificate(crypto.signature_verification_algorithms);
    let mut asking = ServerConfig::builder_with_details(crypto, Arc::clone(&config.time_provider))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::clone(&config.cert_resolver));
    // Who resumed would not be asked.
    asking.session_storage = Arc::new(NoServerSessionStorage {});
    asking.send_tls13_tickets = 0;
    Ok(Arc::new(asking))
}

/// Takes any certificate of whoever has its key, and those without one.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
