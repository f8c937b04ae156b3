//! The certificates of a hub on this machine: one CA for its own name, one for its devices.

use std::sync::Arc;
use std::time::Duration;

use hubward::keystore::{KeyKind, SoftwareSigningKey};
use hubward::tls::{Provider, ServerTls, TlsIdentity, TrustAnchors};
use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, DeviceCertificate, RING_ALGORITHMS,
    Validity,
};
use hubward::{Clock, DeviceId, UnixTime};

use crate::Error;

#[path = "../../support/server_certificate.rs"]
mod server_certificate;

const DAY: Duration = Duration::from_secs(86_400);

/// Both CAs, with their keys.
#[derive(Debug)]
pub struct Certificates {
    servers: Authority,
    devices: Authority,
}

#[derive(Debug)]
struct Authority {
    certificate: Certificate,
    key: SoftwareSigningKey,
}

impl Authority {
    fn new(name: &str, validity: Validity) -> Result<Self, Error> {
        let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256)?;
        let certificate = CertificateAuthority::root(&key, name, validity)?.certificate().clone();
        Ok(Self { certificate, key })
    }

    fn get(&self) -> Result<CertificateAuthority<'_>, Error> {
        Ok(CertificateAuthority::from_certificate(self.certificate.clone(), &self.key)?)
    }
}

impl Certificates {
    /// New ones, which are good for a year from the day before `now`.
    ///
    /// # Errors
    ///
    /// If there are no random numbers.
    pub fn new(now: UnixTime) -> Result<Self, Error> {
        let begin = UnixTime::from_secs(now.as_secs().saturating_sub(DAY.as_secs()));
        let validity = Validity::starting(begin, DAY * 366);
        Ok(Self {
            servers: Authority::new("hubward local hub", validity)?,
            devices: Authority::new("hubward local devices", validity)?,
        })
    }

    /// What clients must trust, in PEM.
    #[must_use]
    pub fn servers_pem(&self) -> String {
        self.servers.certificate.to_pem()
    }

    /// The CA that devices have their certificates of, in PEM.
    #[must_use]
    pub fn devices_pem(&self) -> String {
        self.devices.certificate.to_pem()
    }

    /// What clients must trust.
    ///
    /// # Errors
    ///
    /// None that is expected.
    pub fn trust(&self) -> Result<TrustAnchors, Error> {
        Ok(TrustAnchors::from_certificates(vec![self.servers.certificate.clone()])?)
    }

    /// The CA that devices have their certificates of.
    #[must_use]
    pub fn devices(&self) -> &Certificate {
        &self.devices.certificate
    }

    /// TLS of a server of this name.
    ///
    /// # Errors
    ///
    /// If there is no certificate for such a name.
    pub fn server(&self, name: &str, clock: impl Clock + 'static) -> Result<ServerTls, Error> {
        let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256)?;
        let chain = self.server_chain(name, &key)?;
        let identity = TlsIdentity::new(chain, Arc::new(key))?;
        Ok(ServerTls::builder(Provider::Ring).identity(identity).build(clock)?)
    }

    /// A certificate for a server of this name, or address, whose key is `key`, of P-256.
    ///
    /// # Errors
    ///
    /// If there is no certificate for such a name or key.
    pub fn server_chain(
        &self,
        name: &str,
        key: &SoftwareSigningKey,
    ) -> Result<DeviceCertificate, Error> {
        let (ca, validity) = (self.servers.get()?, self.servers.certificate.validity());
        let issued = server_certificate::issue(&ca, &self.servers.key, key, name, validity)
            .map_err(|error| error.to_string())?;
        Ok(DeviceCertificate::from_chain(&[issued])?)
    }

    /// A certificate for a device, whose key is `key`.
    ///
    /// # Errors
    ///
    /// If the validity goes beyond that of the CA, or a key of such a kind has no certificate.
    pub fn device(
        &self,
        id: &DeviceId,
        key: &SoftwareSigningKey,
        validity: Validity,
    ) -> Result<DeviceCertificate, Error> {
        let request = CertificateRequest::for_device(key, id)?;
        let issued = self.devices.get()?.issue_device(&request, id, validity, RING_ALGORITHMS)?;
        Ok(DeviceCertificate::from_certificates(vec![issued])?)
    }
}
