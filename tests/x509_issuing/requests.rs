//! Requests: as OpenSSL and DPS read ours, and as we read those of others, who may lie.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::keystore::{SigningKey as _, SoftwareSigningKey};
use hubward::pki_types::{CertificateSigningRequestDer, SignatureVerificationAlgorithm};
use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, DeviceCertificate, Expected, IssueError,
    PemError, RING_ALGORITHMS, Validity,
};
use hubward::{DeviceId, ModuleId, RegistrationId, UnixTime};

use crate::authorities::judge;
use crate::certificates::{NOW, OpenSsl, verify_with_webpki};
use crate::keys::{DEVICE, KINDS, Remote, days, device, import, new_key, p256};

fn request(der: &[u8]) -> CertificateRequest {
    CertificateRequest::from_der(&CertificateSigningRequestDer::from(der)).unwrap()
}

#[test]
fn openssl_reads_our_requests() {
    let openssl = OpenSsl::new();
    for (kind, how) in KINDS {
        println!("{kind}");
        let key = new_key(&openssl, "device", how);
        let request = CertificateRequest::for_device(&key, &device()).unwrap();
        assert_eq!(request.common_name(), Some(DEVICE));
        assert_eq!(request.public_key(), key.public_key());
        assert_eq!(request.check_possession(RING_ALGORITHMS), Ok(()));

        openssl.write("device.csr", request.to_pem());
        let text = openssl.run("req -in device.csr -verify -noout -text");
        let text: Vec<_> = text.lines().map(str::trim).collect();
        let text = text.join("\n");
        let usage = if kind == "rsa" { ", Key Encipherment" } else { "" };
        for part in [
            "Version: 1 (0x0)\n",
            "Subject: CN = pump-7\n",
            "X509v3 Basic Constraints: critical\nCA:FALSE\n",
            &*format!("X509v3 Key Usage: critical\nDigital Signature{usage}\n"),
            "X509v3 Extended Key Usage:\nTLS Web Client Authentication\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
}

#[test]
fn a_request_is_the_same_in_every_form() {
    let openssl = OpenSsl::new();
    let asked = CertificateRequest::for_device(&p256(), &device()).unwrap();
    let pem = asked.to_pem();
    assert_eq!(CertificateRequest::from_pem(pem.as_bytes()).unwrap(), asked);
    assert_eq!(CertificateRequest::from_der(asked.der()).unwrap(), asked);
    assert_eq!(request(&STANDARD.decode(asked.to_base64()).unwrap()), asked);
    assert!(!asked.to_base64().contains(char::is_whitespace));
    openssl.write("device.csr", &pem);
    openssl.run("req -in device.csr -outform DER -out device.der");
    assert_eq!(openssl.read("device.der"), asked.der().as_ref());
    // What OpenSSL puts around the block and the old word in its lines do no harm.
    openssl.run("req -in device.csr -text -newhdr -out new.csr");
    let with_text = openssl.read("new.csr");
    assert!(String::from_utf8_lossy(&with_text).contains("BEGIN NEW CERTIFICATE REQUEST"));
    assert_eq!(CertificateRequest::from_pem(&with_text).unwrap(), asked);
}

#[test]
fn the_subject_is_the_id() {
    let key = p256();
    let device = DeviceId::new("Pump-7.$%_#*?!(),:=@").unwrap();
    let module = ModuleId::new("$edgeAgent").unwrap();
    let registration = RegistrationId::new("Contoso:Pump_7.b").unwrap();
    for (request, id) in [
        (CertificateRequest::for_device(&key, &device), "Pump-7.$%_#*?!(),:=@"),
        (CertificateRequest::for_module(&key, &device, &module), "Pump-7.$%_#*?!(),:=@/$edgeAgent"),
        (CertificateRequest::for_registration(&key, &registration), "Contoso:Pump_7.b"),
    ] {
        let request = request.unwrap();
        assert_eq!(request.common_name(), Some(id));
        let openssl = OpenSsl::new();
        openssl.write("it.csr", request.to_pem());
        let subject =
            openssl.run("req -in it.csr -verify -noout -subject -nameopt utf8,sep_comma_plus");
        assert_eq!(subject, format!("subject=CN={id}\n"));
    }
}

/// For whom a certificate is issued.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Device(&'a DeviceId),
    Module(&'a DeviceId, &'a ModuleId),
    Registration(&'a RegistrationId),
}

impl<'a> Subject<'a> {
    fn request(self, key: &SoftwareSigningKey) -> CertificateRequest {
        let request = match self {
            Self::Device(device) => CertificateRequest::for_device(key, device),
            Self::Module(device, module) => CertificateRequest::for_module(key, device, module),
            Self::Registration(id) => CertificateRequest::for_registration(key, id),
        };
        request.unwrap()
    }

    fn issue(
        self,
        authority: &CertificateAuthority<'_>,
        request: &CertificateRequest,
        validity: Validity,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<Certificate, IssueError> {
        match self {
            Self::Device(id) => authority.issue_device(request, id, validity, algorithms),
            Self::Module(device, id) => {
                authority.issue_module(request, device, id, validity, algorithms)
            }
            Self::Registration(id) => {
                authority.issue_registration(request, id, validity, algorithms)
            }
        }
    }

    const fn expected(self) -> Expected<'a> {
        match self {
            Self::Device(id) => Expected::new().device(id),
            Self::Module(device, id) => Expected::new().module(device, id),
            Self::Registration(id) => Expected::new().registration(id),
        }
    }
}

/// Each for its own ID, with the same rights, and accepted by all; none for that of another.
#[test]
fn devices_modules_and_registrations_are_issued_for() {
    let openssl = OpenSsl::new();
    let (root_key, hall_key) = (p256(), Remote::new());
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    let hall = root.intermediate(&hall_key, "Contoso hall 3", days(60)).unwrap();
    let [device, other] = ["Pump-7.$%_#*?!(),:=@", "pump-8"].map(|id| DeviceId::new(id).unwrap());
    let [module, other_module] = ["$edgeAgent", "$edgeHub"].map(|id| ModuleId::new(id).unwrap());
    let [registration, same, dash] =
        ["pump-7", "PUMP-7", "pump-7-"].map(|id| RegistrationId::new(id).unwrap());
    let subjects = [
        (Subject::Device(&device), "Pump-7.$%_#*?!(),:=@"),
        (Subject::Module(&device, &module), "Pump-7.$%_#*?!(),:=@/$edgeAgent"),
        (Subject::Registration(&registration), "pump-7"),
        (Subject::Device(&other), "pump-8"),
        (Subject::Module(&other, &module), "pump-8/$edgeAgent"),
        (Subject::Module(&device, &other_module), "Pump-7.$%_#*?!(),:=@/$edgeHub"),
        // Whose case DPS does not count, but a request has one.
        (Subject::Registration(&same), "PUMP-7"),
        (Subject::Registration(&dash), "pump-7-"),
    ];
    for (kind, how) in KINDS {
        let key = new_key(&openssl, "device", how);
        for (subject, id) in subjects {
            println!("{kind}: {id}");
            let asked = subject.request(&key);
            let signed = hall_key.signed();
            let issued = subject.issue(&hall, &asked, days(30), RING_ALGORITHMS).unwrap();
            assert_eq!(hall_key.signed(), signed + 1);
            assert_eq!((issued.common_name(), issued.validity()), (Some(id), days(30)));
            assert!(issued.matches(&key) && !issued.is_ca());

            let chain = vec![issued, hall.certificate().clone()];
            let anchors = [root.certificate().clone()];
            openssl.verify(&chain, &anchors, NOW, "-x509_strict").unwrap();
            verify_with_webpki(&chain, &anchors, NOW).unwrap();
            let chain = DeviceCertificate::from_certificates(chain).unwrap();
            for (other, other_id) in subjects {
                let expected =
                    other.expected().key(&key).algorithms(RING_ALGORITHMS).trust_anchors(&anchors);
                let report = chain.judge(&expected, UnixTime::from_secs(NOW));
                let is_same_to_dps =
                    matches!(other, Subject::Registration(_)) && other_id.eq_ignore_ascii_case(id);
                assert_eq!(
                    report.severity().is_none(),
                    other_id == id || is_same_to_dps,
                    "{report}"
                );

                // And the request is for nobody else, not even in another case.
                if other_id != id {
                    let refused = other.issue(&hall, &asked, days(30), RING_ALGORITHMS);
                    let (expected, found) = (other_id.to_owned(), id.to_owned());
                    assert_eq!(refused.map(drop), Err(IssueError::OtherId { expected, found }));
                }
            }

            // The other rules are those of devices.
            let refused = |asked: &CertificateRequest, validity, algorithms: &[_]| {
                subject.issue(&hall, asked, validity, algorithms).map(drop).unwrap_err()
            };
            let outlives = IssueError::OutlivesIssuer { issuer: days(60) };
            assert_eq!(refused(&asked, days(61), RING_ALGORITHMS), outlives);
            assert_eq!(refused(&asked, days(0), RING_ALGORITHMS), IssueError::Validity);
            assert_eq!(refused(&asked, days(30), &[]), IssueError::PossessionNotChecked);
            let mut der = asked.der().to_vec();
            *der.last_mut().unwrap() ^= 1;
            let forged = refused(&request(&der), days(30), RING_ALGORITHMS);
            assert_eq!(forged, IssueError::NotPossessed);
            assert_eq!(hall_key.signed(), signed + 1);
        }
    }
    // A device whose ID is a registration's, and the other way round: the same name.
    let device = DeviceId::new("pump-7").unwrap();
    let (key, of_device) = (p256(), Subject::Device(&device));
    let asked = Subject::Registration(&registration).request(&key);
    assert!(of_device.issue(&root, &asked, days(30), RING_ALGORITHMS).is_ok());
}

/// An ID may have 128 characters, and the hub takes it; RFC 5280 has 64 for a common name.
#[test]
fn long_ids_are_written_and_read_back() {
    let openssl = OpenSsl::new();
    let (root_key, key) = (p256(), p256());
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    let device = DeviceId::new(&"d".repeat(128)).unwrap();
    let request = CertificateRequest::for_device(&key, &device).unwrap();
    openssl.write("it.csr", request.to_pem());
    openssl.run("req -in it.csr -verify -noout");
    let issued = root.issue_device(&request, &device, days(30), RING_ALGORITHMS).unwrap();
    assert_eq!(issued.common_name(), Some(device.as_str()));
    openssl.verify(&[issued], &[root.certificate().clone()], NOW, "-x509_strict").unwrap();
}

/// What a request of OpenSSL asks for.
const EXTENSIONS: &str = "\
[req]
prompt = no
distinguished_name = dn
[dn]
CN = pump-7
[greedy]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = serverAuth, codeSigning
subjectAltName = DNS:contoso.azure-devices.net
[strange]
1.3.6.1.4.1.99999.1 = critical, ASN1:NULL
";

#[test]
fn what_a_request_asks_for_does_not_count() {
    let openssl = OpenSsl::new();
    openssl.write("req.cnf", EXTENSIONS);
    let root_key = p256();
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    let anchors = [root.certificate().clone()];
    for (kind, how) in KINDS {
        for extensions in ["", "-reqexts greedy", "-reqexts strange"] {
            println!("{kind} {extensions}");
            let key = new_key(&openssl, "device", how);
            openssl.run(&format!("req -new -key device -config req.cnf {extensions} -out it.csr"));
            let request = CertificateRequest::from_pem(&openssl.read("it.csr")).unwrap();
            assert_eq!(request.common_name(), Some(DEVICE));
            let issued = root.issue_device(&request, &device(), days(30), RING_ALGORITHMS).unwrap();
            let chain = [issued];
            assert_eq!(judge(&chain, &anchors, &key, NOW).to_string(), "");
            openssl.verify(&chain, &anchors, NOW, "-x509_strict").unwrap();
            openssl.write("it.pem", chain[0].to_pem());
            let text = openssl.run("x509 -in it.pem -noout -text");
            for asked in
                ["CA:TRUE", "Certificate Sign", "Web Server", "Code Signing", "contoso", "99999"]
            {
                let text = text.replace("CN = Contoso root", "");
                assert!(!text.contains(asked), "{asked}: {text}");
            }
            // Nor can it issue.
            assert!(CertificateAuthority::from_certificate(chain[0].clone(), &key).is_err());
        }
    }
}

#[test]
fn nothing_is_issued_for_a_key_that_was_not_shown_to_be_possessed() {
    let openssl = OpenSsl::new();
    let root_key = Remote::new();
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    let issue = |request: &CertificateRequest,
                 algorithms: &[&dyn SignatureVerificationAlgorithm]| {
        let issued = root.issue_device(request, &device(), days(30), algorithms);
        assert_eq!(root_key.signed(), 1, "the root was signed, and nothing else");
        issued.map(drop).unwrap_err()
    };
    let mut keys = Vec::new();
    for (kind, how) in KINDS {
        println!("{kind}");
        let key = new_key(&openssl, kind, how);
        let asked = CertificateRequest::for_device(&key, &device()).unwrap();
        // A bit of the signature.
        let mut der = asked.der().to_vec();
        *der.last_mut().unwrap() ^= 1;
        assert_eq!(issue(&request(&der), RING_ALGORITHMS), IssueError::NotPossessed);
        // A bit of the name: what was signed is another one.
        let mut der = asked.der().to_vec();
        let name = der.windows(6).position(|part| part == b"pump-7").unwrap();
        der[name + 5] = b'8';
        let other = DeviceId::new("pump-8").unwrap();
        let issued = root.issue_device(&request(&der), &other, days(30), RING_ALGORITHMS);
        assert_eq!(issued.map(drop), Err(IssueError::NotPossessed));
        assert_eq!(root_key.signed(), 1);
        // No algorithm, or none for this kind of key.
        assert_eq!(issue(&asked, &[]), IssueError::PossessionNotChecked);
        let others: Vec<_> = RING_ALGORITHMS
            .iter()
            .copied()
            .filter(|algorithm| {
                let id = algorithm.public_key_alg_id();
                !key.public_key().windows(id.as_ref().len()).any(|part| part == id.as_ref())
            })
            .collect();
        assert!(others.len() > 3);
        assert_eq!(issue(&asked, &others), IssueError::PossessionNotChecked);
        keys.push(key);
    }
    // Somebody else's public key, in a request that one's own key signed.
    let (own, others) = (p256(), p256());
    let asked = CertificateRequest::for_device(&own, &device()).unwrap();
    let mut der = asked.der().to_vec();
    let (own, others) = (own.public_key().to_vec(), others.public_key().to_vec());
    let place = der.windows(own.len()).position(|part| part == own).unwrap();
    der[place..place + own.len()].copy_from_slice(&others);
    assert_eq!(issue(&request(&der), RING_ALGORITHMS), IssueError::NotPossessed);
}

#[test]
fn keys_that_the_hub_does_not_take_are_called_so() {
    let openssl = OpenSsl::new();
    openssl.write("req.cnf", EXTENSIONS);
    let root_key = Remote::new();
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    for (how, hash) in [
        ("-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "-sha256"),
        ("-algorithm ED25519", ""),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "-sha512"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "-sha256"),
    ] {
        println!("{how}");
        openssl.run(&format!("genpkey {how} -out device"));
        openssl.run(&format!("req -new -key device -config req.cnf {hash} -out it.csr"));
        let request = CertificateRequest::from_pem(&openssl.read("it.csr")).unwrap();
        let issued = root.issue_device(&request, &device(), days(30), RING_ALGORITHMS);
        assert_eq!(issued.map(drop), Err(IssueError::UnsupportedKey));
        // Whoever sent it does have the key.
        assert_ne!(request.check_possession(RING_ALGORITHMS), Err(IssueError::NotPossessed));
    }
    // SHA-1, which no algorithm here checks.
    openssl.run(&format!("genpkey {} -out device", KINDS[2].1));
    openssl.run("req -new -key device -config req.cnf -sha1 -out it.csr");
    let request = CertificateRequest::from_pem(&openssl.read("it.csr")).unwrap();
    let issued = root.issue_device(&request, &device(), days(30), RING_ALGORITHMS);
    assert_eq!(issued.map(drop), Err(IssueError::PossessionNotChecked));
    assert_eq!(root_key.signed(), 1);
}

#[test]
fn a_request_for_another_id_is_not_answered() {
    let openssl = OpenSsl::new();
    openssl.run(&format!("genpkey {} -out device", KINDS[0].1));
    let root_key = Remote::new();
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    for (subject, found) in [
        ("/CN=pump-8", "pump-8"),
        ("/CN=Pump-7", "Pump-7"),
        ("/CN=pump-7/CN=pump-7", ""),
        ("/O=pump-7", ""),
        ("/CN=pump-7\\/vibration", "pump-7/vibration"),
    ] {
        println!("{subject}");
        openssl.run(&format!("req -new -key device -subj {subject} -out it.csr"));
        let request = CertificateRequest::from_pem(&openssl.read("it.csr")).unwrap();
        let issued = root.issue_device(&request, &device(), days(30), RING_ALGORITHMS);
        let expected = IssueError::OtherId { expected: DEVICE.to_owned(), found: found.to_owned() };
        assert_eq!(issued.map(drop), Err(expected));
    }
    assert_eq!(root_key.signed(), 1);
    // Other parts of the subject do not count, and do not go into the certificate.
    openssl.run("req -new -key device -subj /O=Fabrikam/CN=pump-7 -out it.csr");
    let request = CertificateRequest::from_pem(&openssl.read("it.csr")).unwrap();
    let issued = root.issue_device(&request, &device(), days(30), RING_ALGORITHMS).unwrap();
    assert_eq!(issued.subject(), "CN=pump-7");
    assert!(issued.matches(&import(&openssl, "device")));
}

#[test]
fn what_is_no_request_is_not_read() {
    let good = CertificateRequest::for_device(&p256(), &device()).unwrap();
    let der = good.der().as_ref();
    let from_der =
        |der: &[u8]| CertificateRequest::from_der(&CertificateSigningRequestDer::from(der));
    let is_refused = |read: Result<CertificateRequest, IssueError>| {
        matches!(read, Err(IssueError::NotARequest(_)))
    };
    for end in 0..der.len() {
        assert!(is_refused(from_der(&der[..end])), "cut at {end}");
    }
    assert!(is_refused(from_der(&[der, b"\0"].concat())));
    assert!(is_refused(from_der(good.to_pem().as_bytes())));
    let key = p256();
    let root = CertificateAuthority::root(&key, "Contoso root", days(1)).unwrap();
    assert!(is_refused(from_der(root.certificate().der())));
    assert!(is_refused(CertificateRequest::from_pem(root.certificate().to_pem().as_bytes())));
    assert!(is_refused(CertificateRequest::from_pem(good.to_pem().repeat(2).as_bytes())));
    // What happened to a file is told as it is of others.
    let pem = good.to_pem();
    let utf16: Vec<_> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (pem, expected) in [
        (der, PemError::IsDer),
        (&[&[0xff, 0xfe], &*utf16].concat(), PemError::Utf16),
        (pem.replace('\n', " ").as_bytes(), PemError::LineEndsLost { line: 1 }),
        (&pem.as_bytes()[..100], PemError::NoEnd { block: 1, line: 1 }),
    ] {
        let error = CertificateRequest::from_pem(pem).unwrap_err();
        assert_eq!(error.to_string(), expected.to_string());
        assert_eq!(error, IssueError::Pem(expected));
    }
    let windows = pem.replace('\n', "\r\n");
    assert_eq!(CertificateRequest::from_pem(windows.as_bytes()).unwrap(), good);
    // However it is changed: it is read or refused, and never issued from. Which bits of the last byte
    // belong to the signature stands right before it, and is not signed.
    let ends_with_signature = |at: &usize| {
        der[*at..].starts_with(&[0, 0x30]) && at + 3 + usize::from(der[at + 2]) == der.len()
    };
    let unused_bits = (0..der.len() - 2).find(ends_with_signature).unwrap();
    let mut read = 0;
    for position in (0..der.len()).filter(|position| *position != unused_bits) {
        let mut der = der.to_vec();
        der[position] ^= 0x01;
        if let Ok(changed) = from_der(&der) {
            read += 1;
            let issued = root.issue_device(&changed, &device(), days(1), RING_ALGORITHMS);
            assert!(issued.is_err(), "byte {position}");
        }
    }
    assert!(read > 50, "{read}");
}
