//! What an attempt saw: the server's chain, and whether it asked for ours.
//!
//! The verifier here delegates every decision to the one that it wraps, and only remembers.

use core::fmt;

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::x509::{CERTIFICATE_MAX, CHAIN_MAX};

/// What one handshake saw, for [`diagnose`](fn@super::diagnose) and for reports: see
/// [`ClientTls::recorded`](super::ClientTls::recorded).
///
/// Holds the first 16 certificates of the server at most, those of up to 64 KiB. It is for one attempt: of
/// several at once nobody could tell whose chain it is, so that it then says that it does not know.
#[derive(Clone, Debug, Default)]
pub struct HandshakeRecord(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// How many handshakes began.
    attempts: u32,
    /// How many servers showed their certificate.
    servers: u32,
    name: Option<String>,
    chain: Vec<CertificateDer<'static>>,
    asked: bool,
    answered: bool,
}

impl HandshakeRecord {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The certificates that the server sent, as it sent them; empty if the handshake did not come that far,
    /// or if this is the record of several.
    pub fn server_chain(&self) -> Vec<CertificateDer<'static>> {
        self.known().map(|seen| seen.chain.clone()).unwrap_or_default()
    }

    /// The name by which the server was asked for; `None` in the same cases.
    pub fn server_name(&self) -> Option<String> {
        self.known()?.name.clone()
    }

    /// Whether the server asked for a certificate of the client.
    pub fn asked_for_certificate(&self) -> bool {
        self.of_one().is_some_and(|seen| seen.asked)
    }

    /// Whether one was sent.
    pub fn sent_certificate(&self) -> bool {
        self.of_one().is_some_and(|seen| seen.answered)
    }

    /// Whether it was used for more than one attempt, and so says nothing of any. An attempt is a
    /// connection that was made from the configuration, be anything sent on it or not.
    pub fn is_of_several(&self) -> bool {
        self.lock().attempts > 1
    }

    /// Whether it saw one attempt.
    pub(super) fn is_of_one(&self) -> bool {
        self.of_one().is_some()
    }

    fn of_one(&self) -> Option<MutexGuard<'_, Seen>> {
        Some(self.lock()).filter(|seen| seen.attempts == 1)
    }

    fn known(&self) -> Option<MutexGuard<'_, Seen>> {
        self.of_one().filter(|seen| seen.servers == 1)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // What is in it is whole after each assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
    ) {
        let mut seen = self.lock();
        seen.servers = seen.servers.saturating_add(1);
        seen.name = Some(name.to_str().to_string());
        let chain = core::iter::once(end_entity).chain(intermediates).take(CHAIN_MAX);
        seen.chain = chain
            .filter(|der| der.len() <= CERTIFICATE_MAX)
            .map(|der| der.clone().into_owned())
            .collect();
    }
}

/// Remembers what it is asked, and decides nothing.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    inner: Arc<dyn ServerCertVerifier>,
    record: HandshakeRecord,
}

impl RecordingVerifier {
    pub(super) const fn new(inner: Arc<dyn ServerCertVerifier>, record: HandshakeRecord) -> Self {
        Self { inner, record }
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.record.remember(end_entity, intermediates, server_name);
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.inner.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.inner.root_hint_subjects()
    }
}

/// Remembers that it was asked for a certificate, and leaves the answer to the one that it wraps.
pub(super) struct RecordingResolver {
    inner: Arc<dyn ResolvesClientCert>,
    record: HandshakeRecord,
}

impl RecordingResolver {
    pub(super) const fn new(inner: Arc<dyn ResolvesClientCert>, record: HandshakeRecord) -> Self {
        Self { inner, record }
    }
}

impl ResolvesClientCert for RecordingResolver {
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let answer = self.inner.resolve(root_hint_subjects, schemes);
        let mut seen = self.record.lock();
        seen.asked = true;
        // One that signs in none of the ways that the server knows is not sent.
        seen.answered |=
            answer.as_ref().is_some_and(|sent| sent.key.choose_scheme(schemes).is_some());
        answer
    }

    fn only_raw_public_keys(&self) -> bool {
        self.inner.only_raw_public_keys()
    }

    /// Each handshake begins with this question.
    fn has_certs(&self) -> bool {
        let mut seen = self.record.lock();
        seen.attempts = seen.attempts.saturating_add(1);
        drop(seen);
        self.inner.has_certs()
    }
}

impl fmt::Debug for RecordingResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, record: _ } = self;
        f.debug_tuple("RecordingResolver").field(inner).finish()
    }
}
