//! What a record of the handshake adds: handshakes in memory, and errors by hand.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use hubward::keystore::SigningKey as _;
use hubward::tls::rustls::{AlertDescription, CertificateError, Error, ServerConfig};
use hubward::tls::{Fault, HandshakeRecord, Provider, ServerTls, TlsIdentity};
use hubward::x509::{Certificate, DeviceCertificate};

use crate::certificates::{Draft, OpenSsl, common_name};
use crate::world::{Authority, HUB, Kind, Link, PROVIDERS, World, now};
use crate::{moment, other, say};

/// Faults that come of what the server showed.
pub(crate) const FAULTS: [&str; 2] = ["self-signed", "weak-server-key"];

/// The record of a client, without certificate or with one, that met a server, and what became of it.
fn met(
    server: &Arc<ServerConfig>,
    device: Option<TlsIdentity>,
    name: &str,
    times: usize,
) -> (HandshakeRecord, Option<Error>) {
    let world = World::get();
    let client = world.client(PROVIDERS[times % 2]);
    let client = match device {
        Some(device) => client.identity(device),
        None => client,
    };
    let (config, record) = client.build(now()).unwrap().recorded();
    let mut error = None;
    for _ in 0..times {
        let mut link = Link::to(name, Arc::clone(&config), Arc::clone(server));
        error = link.run().err().and_then(|broken| broken.client);
    }
    (record, error)
}

fn server(identity: TlsIdentity) -> Arc<ServerConfig> {
    ServerTls::builder(Provider::Ring).identity(identity).build(now()).unwrap().config()
}

/// A server with its own certificate and whatever else it sends.
fn chain(draft: &Draft, issuer: &Authority, rest: &[Certificate]) -> TlsIdentity {
    let key = Kind::P256.key();
    let chain = [&[draft.signed_by(&*issuer.key)], rest].concat();
    TlsIdentity::new(DeviceCertificate::from_certificates(chain).unwrap(), key).unwrap()
}

const UNKNOWN_ISSUER: Error = Error::InvalidCertificate(CertificateError::UnknownIssuer);

#[test]
fn the_issuer_is_named() {
    let stranger = Authority::root("Stranger root").intermediate("Stranger hall");
    let draft = stranger.server_draft(&[HUB], &Kind::P256.key().public_key());
    let hall = stranger.certificate().clone();
    let unrelated = World::get().hub_ca.certificate().clone();
    for (rest, issuer) in [
        (vec![], "CN=Stranger hall"),
        (vec![hall.clone()], "CN=Stranger root"),
        (vec![hall.clone(), stranger.root.clone()], "CN=Stranger root"),
        // In whichever order, and with whatever else.
        (vec![stranger.root.clone(), hall.clone()], "CN=Stranger root"),
        (vec![unrelated.clone()], "CN=Stranger hall"),
        (vec![unrelated, hall.clone(), hall], "CN=Stranger root"),
    ] {
        let server = server(chain(&draft, &stranger, &rest));
        let (record, error) = met(&server, None, HUB, 1);
        let error = error.unwrap();
        assert_eq!(error, UNKNOWN_ISSUER);
        let said = say(&error, Some(&record));
        assert_eq!(*said.fault(), Fault::UnknownIssuer { issuer: Some(issuer.to_owned()) });
        assert_eq!(said.missing(), None);
        assert!(said.fault().to_string().contains(issuer));

        // A record of several is as good as none.
        let (several, _) = met(&server, None, HUB, 2);
        assert!(several.is_of_several());
        for record in [None, Some(&several)] {
            let said = say(&error, record);
            assert_eq!(*said.fault(), Fault::UnknownIssuer { issuer: None });
            assert!(said.missing().unwrap().contains("its name is not known"));
        }
    }
    // One that saw nothing is no proof of anything.
    let said = say(&UNKNOWN_ISSUER, Some(&HandshakeRecord::default()));
    assert_eq!(*said.fault(), Fault::UnknownIssuer { issuer: None });
}

#[test]
fn a_stranger_with_other_names() {
    let stranger = Authority::root("Stranger root");
    let named = |names: &[&str]| {
        let draft = stranger.server_draft(names, &Kind::P256.key().public_key());
        server(chain(&draft, &stranger, &[]))
    };
    for (names, code) in [
        (&["login.portal.example"][..], "captive-portal"),
        (&["login.portal.example", "portal.example"], "captive-portal"),
        (&[HUB], "unknown-issuer"),
        (&["fabrikam.azure-devices.net"], "unknown-issuer"),
        (&["portal.example", "fabrikam.azure-devices.net"], "unknown-issuer"),
        (&["192.168.1.1"], "unknown-issuer"),
        (&[], "unknown-issuer"),
    ] {
        let (record, error) = met(&named(names), None, HUB, 1);
        let said = say(&error.unwrap(), Some(&record));
        assert_eq!(said.fault().code(), code, "{names:?}");
        if let Fault::CaptivePortal { expected, presented } = said.fault() {
            assert_eq!(expected, HUB);
            assert_eq!(presented, names);
        }
    }
    // Whoever asks by an address is not led astray by names.
    let (record, error) = met(&named(&["portal.example"]), None, "127.0.0.1", 1);
    assert_eq!(say(&error.unwrap(), Some(&record)).fault().code(), "unknown-issuer");
}

#[test]
fn self_signed() {
    let key = Kind::P256.key();
    let own = |is_ca: bool, name: &str| {
        let world = World::get();
        let mut draft = world.hub_ca.server_draft(&[name], &key.public_key());
        draft.subject = common_name("gateway");
        draft.issuer = common_name("gateway");
        draft.basic_constraints(is_ca, None);
        let certificate = draft.signed_by(&*key);
        TlsIdentity::new(
            DeviceCertificate::from_certificates(vec![certificate]).unwrap(),
            Arc::<hubward::keystore::SoftwareSigningKey>::clone(&key),
        )
        .unwrap()
    };
    let expected = Fault::SelfSigned { subject: "CN=gateway".to_owned() };
    for (is_ca, without) in [(false, "unknown-issuer"), (true, "bad-server-certificate")] {
        let (record, error) = met(&server(own(is_ca, HUB)), None, HUB, 1);
        let error = error.unwrap();
        let said = say(&error, Some(&record));
        assert_eq!(*said.fault(), expected, "{error:?}");
        assert_eq!(said.missing(), None);
        let said = say(&error, None);
        assert_eq!(said.fault().code(), without);
        assert!(said.missing().is_some());
    }
    // Beside it: one that is for somebody else,
    let (record, error) = met(&server(own(false, "router.example")), None, HUB, 1);
    assert_eq!(say(&error.unwrap(), Some(&record)).fault().code(), "captive-portal");
    // and that of a CA which another one issued.
    let world = World::get();
    let mut draft = world.hub_ca.server_draft(&[HUB], &key.public_key());
    draft.basic_constraints(true, None);
    let identity = world.hub_ca.sign(&draft, key);
    let (record, error) = met(&server(identity), None, HUB, 1);
    let said = say(&error.unwrap(), Some(&record));
    assert_eq!(
        *said.fault(),
        Fault::BadServerCertificate { reason: "it is that of a CA".to_owned() }
    );
}

/// What a signature fails for: too weak a key, if the chain has one.
#[test]
fn weak_keys() {
    let openssl = OpenSsl::new();
    let world = World::get();
    let draft = world.hub_ca.server_draft(&[HUB], &Kind::P256.key().public_key());
    let made = |name: &str, options: &str| {
        openssl.run(&format!(
            "req -x509 -noenc {options} -subj /CN={name} -keyout key -outform DER -out der"
        ));
        crate::certificates::certificate(&openssl.read("der"))
    };
    let bad = Error::InvalidCertificate(CertificateError::BadSignature);
    let other_error = Error::InvalidCertificate(CertificateError::BadEncoding);
    for (certificate, weakness) in [
        (made("short", "-newkey rsa:1024"), Some("RSA with 1024 bits")),
        (made("old", "-newkey rsa:2048 -sha1"), Some("signed over SHA-1")),
        (made("new", "-newkey rsa:2048"), None),
    ] {
        let server = server(chain(&draft, &world.hub_ca, &[certificate]));
        let (record, _) = met(&server, None, HUB, 1);
        let said = say(&bad, Some(&record));
        match weakness {
            Some(weakness) => {
                assert_eq!(*said.fault(), Fault::WeakServerKey { key: weakness.to_owned() });
                assert!(said.to_string().contains(weakness));
            }
            None => assert_eq!(said.fault().code(), "bad-server-certificate"),
        }
        assert_eq!(said.missing(), None);
        // Other errors are not for that.
        assert_eq!(say(&other_error, Some(&record)).fault().code(), "bad-server-certificate");
    }
    let said = say(&bad, None);
    assert_eq!(said.fault().code(), "bad-server-certificate");
    assert!(said.missing().unwrap().contains("how strong its key is"));
}

/// Alerts, where the record knows whether the server asked for a certificate, and got one.
#[test]
fn the_certificate_of_the_device() {
    let world = World::get();
    let asking = ServerTls::builder(Provider::AwsLcRs)
        .identity(world.hub.clone())
        .ask_clients(world.device_ca.anchors())
        .build(now())
        .unwrap()
        .config();
    let silent = server(world.hub.clone());
    let (asked, _) = met(&asking, None, HUB, 1);
    let (sent, _) = met(&asking, Some(world.device.clone()), HUB, 1);
    let (neither, _) = met(&silent, Some(world.device.clone()), HUB, 1);
    let (several, _) = met(&asking, None, HUB, 2);
    assert_eq!(
        [&asked, &sent, &neither]
            .map(|record| (record.asked_for_certificate(), record.sent_certificate())),
        [(true, false), (true, true), (false, false)]
    );

    let required = "client-certificate-required";
    let refused = "client-certificate-refused";
    let suite = "suite-refused";
    // What is said with each record, and without one.
    for (alert, expected) in [
        (AlertDescription::HandshakeFailure, [required, refused, suite, suite]),
        (AlertDescription::BadCertificate, [required, refused, "protocol", refused]),
        (AlertDescription::CertificateUnknown, [required, refused, "protocol", refused]),
        (AlertDescription::UnknownCA, [required, refused, "protocol", refused]),
        (AlertDescription::AccessDenied, [required, refused, "protocol", refused]),
        (AlertDescription::CertificateRequired, [required; 4]),
        (AlertDescription::DecryptError, ["protocol", refused, "protocol", "protocol"]),
        (AlertDescription::InsufficientSecurity, [suite; 4]),
        (AlertDescription::ProtocolVersion, ["version-refused"; 4]),
    ] {
        let error = Error::AlertReceived(alert);
        let records = [Some(&asked), Some(&sent), Some(&neither), None];
        let codes = records.map(|record| say(&error, record).fault().code());
        assert_eq!(codes, expected, "{alert:?}");
        // As if there was none.
        assert_eq!(say(&error, Some(&several)), say(&error, None), "{alert:?}");
    }
    // One that nobody used says nothing, and the device's own key may be at fault.
    let unused = HandshakeRecord::default();
    for alert in [AlertDescription::HandshakeFailure, AlertDescription::DecryptError] {
        let error = Error::AlertReceived(alert);
        assert_eq!(say(&error, Some(&unused)), say(&error, None));
        assert!(say(&error, None).missing().is_some());
    }
    let error = Error::AlertReceived(AlertDescription::DecryptError);
    assert!(say(&error, Some(&sent)).missing().unwrap().contains("signature of the device's key"));
    assert_eq!(say(&error, Some(&neither)).missing(), None);
    assert!(!several.asked_for_certificate() && !several.sent_certificate());
    // What is open without a record.
    let error = Error::AlertReceived(AlertDescription::HandshakeFailure);
    assert!(say(&error, None).missing().unwrap().contains("wants a certificate of the device"));
    assert_eq!(say(&error, Some(&neither)).missing(), None);

    for kind in [ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe] {
        let error = io::Error::from(kind);
        let records = [Some(&asked), Some(&sent), Some(&neither), None, Some(&several)];
        let missing = records.map(|record| {
            let said = say(&error, record);
            assert_eq!(*said.fault(), Fault::BrokenOff);
            said.missing()
        });
        assert!(missing[0].unwrap().contains("and got none"));
        assert!(missing[1].unwrap().contains("may have refused it"));
        assert_eq!(missing[2], None);
        assert!(missing[3].unwrap().contains("without a record of this one handshake"));
        assert_eq!(missing[4], missing[3]);
    }
}

/// Most errors say all that there is to know.
#[test]
fn a_record_changes_nothing_else() {
    let world = World::get();
    let (record, error) = met(&server(world.hub.clone()), Some(world.device.clone()), HUB, 1);
    assert_eq!(error, None);
    let certificate = |error| Error::InvalidCertificate(error);
    for error in [
        Error::FailedToGetCurrentTime,
        certificate(CertificateError::ExpiredContext { time: moment(9), not_after: moment(8) }),
        certificate(CertificateError::NotValidYetContext {
            time: moment(8),
            not_before: moment(9),
        }),
        certificate(CertificateError::Revoked),
        certificate(CertificateError::InvalidPurpose),
        certificate(CertificateError::NotValidForName),
        Error::DecryptError,
        Error::NoApplicationProtocol,
        Error::AlertReceived(AlertDescription::UnrecognisedName),
        Error::AlertReceived(AlertDescription::InternalError),
        Error::Other(other(hubward::keystore::KeyError::NotFound)),
    ] {
        let said = say(&error, None);
        assert_eq!(said.missing(), None, "{error:?}");
        assert_eq!(say(&error, Some(&record)), said);
        assert_eq!(say(&error, Some(&HandshakeRecord::default())), said);
    }
}
