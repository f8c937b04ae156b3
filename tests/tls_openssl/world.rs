//! A hub whose certificates OpenSSL makes, and devices whose certificates this crate makes.

use std::sync::Arc;

use hubward::keystore::{KeyKind, SigningKey, SoftwareSigningKey};
use hubward::tls::{ClientTls, ClientTlsBuilder, Provider, TlsIdentity, TrustAnchors};
use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, DeviceCertificate, RING_ALGORITHMS,
    Validity, certificates_from_pem,
};
use hubward::{Clock as _, DeviceId, SystemClock, UnixTime};

use crate::certificates::{DAY, OpenSsl};

/// The name that the hub's certificate is for, unless a test says otherwise.
pub(crate) const HUB: &str = "contoso-hub.azure-devices.net";
pub(crate) const DEVICE: &str = "pump-7";

/// The suite runs with both.
pub(crate) const PROVIDERS: [Provider; 2] = [Provider::AwsLcRs, Provider::Ring];

/// How `openssl req` makes a new key.
pub(crate) const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

/// The folder with the hub's files: `root.pem` and `hall.pem` are its CAs. `devices.pem` is the CA of the
/// devices, with an intermediate below it.
pub(crate) struct World {
    pub(crate) openssl: OpenSsl,
    hall_key: SoftwareSigningKey,
    root: Certificate,
    hall: Certificate,
}

impl World {
    pub(crate) fn new() -> Self {
        let openssl = OpenSsl::new();
        // Nothing of the system's own configuration: only what a command says.
        openssl.write("plain.cnf", "[req]\ndistinguished_name = dn\n[dn]\n");
        let (root_key, hall_key) = (p256(), p256());
        let root =
            CertificateAuthority::root(&root_key, "Contoso devices", from_to(-9, 9)).unwrap();
        let hall = root.intermediate(&hall_key, "Contoso hall 3", from_to(-8, 8)).unwrap();
        let (root, hall) = (root.certificate().clone(), hall.certificate().clone());
        openssl.write("devices.pem", root.to_pem());
        let world = Self { openssl, hall_key, root, hall };
        world.authority("root", "Test root", None);
        world.authority("hall", "Test hall", Some("root"));
        world
    }

    /// A CA of OpenSSL's in `name.pem` and `name.key`: a root, or one below another.
    pub(crate) fn authority(&self, name: &str, subject: &str, issuer: Option<&str>) {
        let issuer = issuer
            .map(|issuer| format!("-CA {issuer}.pem -CAkey {issuer}.key"))
            .unwrap_or_default();
        let subject = subject.replace(' ', "_");
        self.request(&format!(
            "-newkey {P256} -keyout {name}.key -out {name}.pem -days 30 -subj /CN={subject} \
             -addext basicConstraints=critical,CA:TRUE \
             -addext keyUsage=critical,keyCertSign,cRLSign -addext subjectKeyIdentifier=hash \
             {issuer}"
        ));
    }

    /// A server's certificate below `hall` in `name.pem`, with its key in `name.key`, for the alternative
    /// names `names`; `options` come last.
    pub(crate) fn server(&self, name: &str, new_key: &str, names: &str, options: &str) {
        self.server_of("hall", name, new_key, names, options);
    }

    pub(crate) fn server_of(
        &self,
        issuer: &str,
        name: &str,
        new_key: &str,
        names: &str,
        options: &str,
    ) {
        let names = match names {
            "" => String::new(),
            names => format!("-addext subjectAltName={names}"),
        };
        self.request(&format!(
            "-newkey {new_key} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name} {names} \
             -addext basicConstraints=CA:FALSE -CA {issuer}.pem -CAkey {issuer}.key {options}"
        ));
    }

    /// A certificate, at once.
    pub(crate) fn request(&self, options: &str) {
        self.openssl.run(&format!("req -x509 -config plain.cnf -noenc {options}"));
    }

    /// The list of what the CA `issuer` revoked: the serial number, if there is one. It is for a day.
    pub(crate) fn revoke(&self, issuer: &str, serial: &str, name: &str) {
        let entry = match serial {
            "" => String::new(),
            serial => format!("R\t491231235959Z\t260101000000Z\t{serial}\tunknown\t/CN=gone\n"),
        };
        self.openssl.write("index.txt", entry);
        self.openssl.write("number", "01");
        self.openssl.write(
            "ca.cnf",
            "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\ncrlnumber = number\ncrl_extensions = e\n\
             [e]\nauthorityKeyIdentifier = keyid\n",
        );
        self.openssl.run(&format!(
            "ca -config ca.cnf -gencrl -md sha256 -crlhours 23 -cert {issuer}.pem \
             -keyfile {issuer}.key -out {name}"
        ));
    }

    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        let ders = certificates_from_pem(&self.openssl.read(&format!("{name}.pem"))).unwrap();
        Certificate::from_der(ders.into_iter().next().unwrap()).unwrap()
    }

    pub(crate) fn anchors(&self, name: &str) -> TrustAnchors {
        TrustAnchors::from_pem(&self.openssl.read(&format!("{name}.pem"))).unwrap()
    }

    /// Those under which devices have their certificates.
    pub(crate) fn device_anchors(&self) -> TrustAnchors {
        TrustAnchors::from_certificates(vec![self.root.clone()]).unwrap()
    }

    /// A client that trusts the hub, before it is built.
    pub(crate) fn builder(&self, provider: Provider) -> ClientTlsBuilder {
        ClientTls::builder(provider).trust(self.anchors("root"))
    }

    pub(crate) fn client(&self, provider: Provider, identity: Option<TlsIdentity>) -> ClientTls {
        let builder = self.builder(provider);
        let builder = match identity {
            Some(identity) => builder.identity(identity),
            None => builder,
        };
        builder.build(SystemClock).unwrap()
    }

    /// The chain of a device, below the intermediate.
    pub(crate) fn device_chain(
        &self,
        key: &dyn SigningKey,
        device: &str,
        validity: Validity,
    ) -> DeviceCertificate {
        let hall =
            CertificateAuthority::from_certificate(self.hall.clone(), &self.hall_key).unwrap();
        let device = DeviceId::new(device).unwrap();
        let request = CertificateRequest::for_device(key, &device).unwrap();
        let certificate = hall.issue_device(&request, &device, validity, RING_ALGORITHMS).unwrap();
        DeviceCertificate::from_certificates(vec![certificate, self.hall.clone()]).unwrap()
    }

    pub(crate) fn identity_of(&self, key: Arc<dyn SigningKey>, device: &str) -> TlsIdentity {
        let chain = self.device_chain(&*key, device, from_to(-1, 7));
        TlsIdentity::new(chain, key).unwrap()
    }

    pub(crate) fn identity(&self, device: &str) -> TlsIdentity {
        self.identity_of(Arc::new(p256()), device)
    }
}

pub(crate) fn p256() -> SoftwareSigningKey {
    SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap()
}

/// Now, and so many days later.
pub(crate) fn now_and(days: i64) -> UnixTime {
    let now = SystemClock.now().unwrap().as_secs();
    UnixTime::from_secs(now.checked_add_signed(days * i64::try_from(DAY).unwrap()).unwrap())
}

/// Days from now.
pub(crate) fn from_to(begin: i64, end: i64) -> Validity {
    Validity { not_before: now_and(begin), not_after: now_and(end) }
}
