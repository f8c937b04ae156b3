//! The other end as rustls has it: it can be limited in ways that this crate does not offer.

use std::sync::Arc;
use std::time::Duration;

use hubward::pki_types::UnixTime;
use hubward::tls::rustls::client::ResolvesClientCert;
use hubward::tls::rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs, ring};
use hubward::tls::rustls::server::danger::ClientCertVerifier;
use hubward::tls::rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use hubward::tls::rustls::time_provider::TimeProvider;
use hubward::tls::rustls::version::{TLS12, TLS13};
use hubward::tls::rustls::{
    CipherSuite, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use hubward::tls::{Provider, ServerTls, TlsIdentity};

use crate::certificates::NOW;
use crate::world::{Authority, World, now};

/// The versions that there are, one at a time.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

#[derive(Debug)]
struct Moment;

impl TimeProvider for Moment {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW)))
    }
}

/// All that the provider has.
pub(crate) fn crypto(provider: Provider) -> CryptoProvider {
    let (base, suites, groups) = match provider {
        Provider::AwsLcRs => {
            (aws_lc_rs::default_provider(), aws_lc_rs::ALL_CIPHER_SUITES, aws_lc_rs::ALL_KX_GROUPS)
        }
        _ => (ring::default_provider(), ring::ALL_CIPHER_SUITES, ring::ALL_KX_GROUPS),
    };
    CryptoProvider { cipher_suites: suites.to_vec(), kx_groups: groups.to_vec(), ..base }
}

/// With one suite and no other.
pub(crate) fn with_suite(provider: Provider, suite: CipherSuite) -> CryptoProvider {
    let mut crypto = crypto(provider);
    crypto.cipher_suites.retain(|each| each.suite() == suite);
    assert_eq!(crypto.cipher_suites.len(), 1, "{suite:?}");
    crypto
}

/// With one group and no other.
pub(crate) fn with_group(
    provider: Provider,
    group: &'static dyn SupportedKxGroup,
) -> CryptoProvider {
    CryptoProvider { kx_groups: vec![group], ..crypto(provider) }
}

/// How a server proves itself with that identity.
pub(crate) fn server_resolver(identity: &TlsIdentity) -> Arc<dyn ResolvesServerCert> {
    let tls = ServerTls::builder(Provider::Ring).identity(identity.clone()).build(now()).unwrap();
    Arc::clone(&tls.config().cert_resolver)
}

/// How a client does.
pub(crate) fn client_resolver(identity: &TlsIdentity) -> Arc<dyn ResolvesClientCert> {
    let tls = World::get().client(Provider::Ring).identity(identity.clone()).build(now()).unwrap();
    Arc::clone(&tls.config().client_auth_cert_resolver)
}

/// A server with these versions and that cryptography.
pub(crate) fn server(
    crypto: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    identity: Arc<dyn ResolvesServerCert>,
) -> Arc<ServerConfig> {
    server_for(crypto, versions, identity, WebPkiClientVerifier::no_client_auth())
}

pub(crate) fn server_for(
    crypto: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    identity: Arc<dyn ResolvesServerCert>,
    clients: Arc<dyn ClientCertVerifier>,
) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_details(Arc::new(crypto), Arc::new(Moment));
    let config = config.with_protocol_versions(versions).unwrap();
    Arc::new(config.with_client_cert_verifier(clients).with_cert_resolver(identity))
}

/// The hub with one version, which takes devices only.
pub(crate) fn hub_for_devices(
    provider: Provider,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    let world = World::get();
    let crypto = crypto(provider);
    let roots = Arc::new(roots(&world.device_ca));
    let devices =
        WebPkiClientVerifier::builder_with_provider(roots, Arc::new(crypto.clone())).build();
    server_for(crypto, &[version], server_resolver(&world.hub), devices.unwrap())
}

/// The hub with one version, which asks for nobody's certificate.
pub(crate) fn hub(
    provider: Provider,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    server(crypto(provider), &[version], server_resolver(&World::get().hub))
}

/// A client with these versions and that cryptography, which trusts the hub.
pub(crate) fn client(
    crypto: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    identity: Option<&TlsIdentity>,
) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_details(Arc::new(crypto), Arc::new(Moment));
    let config = config.with_protocol_versions(versions).unwrap();
    let config = config.with_root_certificates(roots(&World::get().hub_ca));
    let config = match identity {
        Some(identity) => config.with_client_cert_resolver(client_resolver(identity)),
        None => config.with_no_client_auth(),
    };
    Arc::new(config)
}

pub(crate) fn roots(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority.root.der().clone()).unwrap();
    roots
}
