//! Judging device certificates: a table of chains that were made bad, and what no table shows.

#[path = "x509_judging/cases.rs"]
mod cases;
#[path = "common/certificates.rs"]
mod certificates;
#[path = "x509_judging/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cases::{Case, cases, worst};
use certificates::{
    CLIENT_AUTH, DAY, Draft, NOW, OpenSsl, SERVER_AUTH, common_name, to_pem, verify_with_webpki,
};
use hubward::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
};
use hubward::x509::{
    CHAIN_MAX, Certificate, ChainError, DeviceCertificate, Expected, RING_ALGORITHMS, Report,
    Severity, What,
};
use hubward::{DeviceId, UnixTime};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Value, json};
use world::{DEVICE, Drafts, INTERMEDIATE, Id, Judged, Key, Part, ROOT, Signer, other_root};

fn codes(report: &Report) -> Vec<(Option<usize>, &'static str)> {
    report.findings().iter().map(|finding| (finding.index(), finding.what().code())).collect()
}

#[test]
fn every_bad_certificate_is_found_out_and_no_good_one() {
    let (mut producing, mut near) = (BTreeSet::<&str>::new(), BTreeSet::<&str>::new());
    let mut bad = 0;
    for Case { about, name, judged, findings } in cases() {
        println!("{about}: {name}"); // the last line that a failed test shows
        let report = judged.report();
        assert_eq!(codes(&report), *findings, "{report}");
        assert!(What::CODES.contains(about));
        let is_produced = findings.iter().any(|(_, code)| code == about);
        if is_produced {
            producing.insert(*about)
        } else {
            near.insert(*about)
        };
        bad += usize::from(!findings.is_empty());
    }
    let all = What::CODES.iter().copied().collect();
    assert_eq!(producing, all, "every finding is produced by a case that is about it");
    assert_eq!(near, all, "for every finding there is a case that only comes close to it");
    assert_eq!(all.len(), What::CODES.len(), "a code is there twice");
    assert!(bad >= 40);
}

#[test]
fn a_report_is_a_function_of_its_input() {
    for Case { about, name, judged, .. } in cases() {
        println!("{about}: {name}");
        let certificate = judged.certificate();
        let report = judged.judge(&certificate);
        assert_eq!(judged.judge(&certificate), report);
        assert_eq!(judged.judge(&certificate.clone()).to_json(), report.to_json());
    }
}

/// What programs rely on: neither changes in a minor version.
#[test]
fn codes_and_severities_are_stable() {
    let mut seen = BTreeMap::new();
    for Case { judged, .. } in cases() {
        for finding in judged.report().findings() {
            seen.insert(finding.what().code(), finding.severity().to_string());
            assert_eq!(finding.severity(), finding.what().severity());
        }
    }
    let listed = [
        ("bad-signature", "error"),
        ("check-the-clock", "error"),
        ("client-auth-by-any", "warning"),
        ("clock-unknown", "warning"),
        ("common-name-case", "error"),
        ("common-name-differs", "error"),
        ("common-name-not-text", "error"),
        ("constrains", "note"),
        ("duplicate", "warning"),
        ("end-entity-is-ca", "error"),
        ("ends-before-it-begins", "error"),
        ("expired", "error"),
        ("expires-soon", "warning"),
        ("issuer-elsewhere", "note"),
        ("issuer-not-ca", "error"),
        ("key-differs", "error"),
        ("long-common-name", "note"),
        ("missing-issuer", "error"),
        ("no-cert-sign", "error"),
        ("no-client-auth", "error"),
        ("no-common-name", "error"),
        ("no-digital-signature", "error"),
        ("not-anchored", "error"),
        ("not-yet-valid", "error"),
        ("old-version", "warning"),
        ("out-of-order", "error"),
        ("path-too-long", "error"),
        ("self-signed", "note"),
        ("several-common-names", "error"),
        ("signature-not-checked", "warning"),
        ("thumbprint-differs", "error"),
        ("unknown-critical", "error"),
        ("unrelated", "warning"),
        ("unsupported-key", "error"),
        ("weak-key", "error"),
        ("weak-signature", "error"),
    ];
    let listed = listed.map(|(code, severity)| (code, severity.to_owned()));
    assert_eq!(seen, BTreeMap::from(listed));
    assert!(Severity::Note < Severity::Warning && Severity::Warning < Severity::Error);
}

#[test]
fn findings_are_in_order_and_the_worst_counts() {
    for Case { about, name, judged, .. } in cases() {
        println!("{about}: {name}");
        let report = judged.report();
        let worst = report.findings().iter().map(|finding| finding.severity()).max();
        assert_eq!(report.severity(), worst);
        for pair in report.findings().windows(2) {
            if pair[0].index() == pair[1].index() && pair[0].index().is_some() {
                assert!(pair[0].severity() >= pair[1].severity(), "{report}");
            }
            if let (Some(first), Some(second)) = (pair[0].index(), pair[1].index()) {
                assert!(first <= second, "{report}");
            }
        }
    }
    assert_eq!(Report::default().severity(), None);
    assert_eq!(Report::default().to_json(), "[]");
    assert_eq!(Report::default().to_string(), "");
}

#[test]
fn text_and_json_say_the_same() {
    for Case { about, name, judged, .. } in cases() {
        println!("{about}: {name}");
        let report = judged.report();
        let lines: Vec<_> = report.to_string().lines().map(String::from).collect();
        let Value::Array(objects) = serde_json::from_str(&report.to_json()).unwrap() else {
            panic!("not an array: {}", report.to_json());
        };
        assert_eq!((lines.len(), objects.len()), (report.findings().len(), lines.len()));
        for ((line, object), finding) in lines.iter().zip(&objects).zip(report.findings()) {
            let text = finding.to_string();
            assert_eq!(*line, format!("{}: {text}", finding.severity()));
            assert!(!text.contains(char::is_control) && text.len() > 20, "{text:?}");
            // Whose it is stands in a field of its own, unless it is none's of the chain.
            let text = match finding.index() {
                Some(_) => finding.what().to_string(),
                None => text,
            };
            let expected = json!({
                "severity": finding.severity().to_string(),
                "code": finding.what().code(),
                "certificate": finding.index(),
                "text": text,
            });
            assert_eq!(*object, expected);
        }
    }
}

#[test]
fn findings_say_whose_they_are() {
    let of = |about: &str, name: &str| {
        let case = cases().iter().find(|case| (case.about, case.name) == (about, name));
        case.expect("there is such a case").judged.report().to_string()
    };
    assert_eq!(
        of("check-the-clock", "a clock that can be right"),
        "error: the device's certificate: it is valid from 2026-11-01T00:00:01Z on, and now it is \
         2026-11-01T00:00:00Z: wait, or check the clocks of both sides\n",
    );
    assert_eq!(
        of("out-of-order", "the two CAs exchanged").lines().last().unwrap(),
        "error: certificate 3 of the chain: its issuer, certificate 2 of the chain, does not follow \
         it: order the chain",
    );
    assert_eq!(
        of("expired", "the trust anchor, which is not sent"),
        "error: the trust anchor: it expired at 2027-01-15T07:59:59Z, and now it is \
         2027-01-15T08:00:00Z: have it issued anew\n",
    );
    let clock = of("check-the-clock", "a clock that starts in 1970");
    assert!(clock.starts_with("warning: the clock shows 1970-01-01T00:00:17Z"), "{clock}");
}

/// A name comes from outside, and a report goes to a terminal or into a page.
#[test]
fn control_characters_in_names_do_not_get_through() {
    let nasty = "pump-7\n\u{1b}[2J\u{9b}31m\"\\\u{7f}";
    let mut drafts = Drafts::good();
    drafts.device.draft.subject = common_name(nasty);
    drafts.intermediate.draft.subject = common_name(nasty);
    drafts.device.draft.issuer = common_name(nasty);
    drafts.intermediate.draft.issuer = common_name(&nasty.replace('7', "8"));
    let mut judged = Judged::new(drafts.issue());
    judged.without_root();
    let report = judged.report();
    assert_eq!(
        codes(&report),
        [
            (Some(0), "common-name-differs"),
            (Some(1), "missing-issuer"),
            (Some(1), "signature-not-checked")
        ]
    );
    let text = report.to_string().replace('\n', "");
    assert_eq!((text.matches("pump-7").count(), text.matches("pump-8").count()), (2, 1), "{text}");
    for text in [text, report.to_json()] {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    assert!(serde_json::from_str::<Value>(&report.to_json()).is_ok());
}

#[test]
fn everything_that_is_wrong_is_found_at_once() {
    let device = DeviceId::new(DEVICE).unwrap();
    let expected =
        Expected::new().device(&device).key(Key::Device.get()).algorithms(RING_ALGORITHMS);
    let chain = DeviceCertificate::from_chain(&[worst().der().clone()]).unwrap();
    let report = chain.judge(&expected, UnixTime::from_secs(NOW));
    let found: BTreeSet<_> = codes(&report).into_iter().map(|(_, code)| code).collect();
    let expected = [
        "end-entity-is-ca",
        "ends-before-it-begins",
        "key-differs",
        "issuer-elsewhere",
        "no-client-auth",
        "no-common-name",
        "no-digital-signature",
        "signature-not-checked",
        "unknown-critical",
        "weak-key",
        "weak-signature",
    ];
    assert_eq!(found, BTreeSet::from(expected), "{report}");
    assert_eq!(report.findings().len(), expected.len(), "{report}");
}

/// Nothing that is signed, and nothing of a signature, can be changed without being found out.
#[test]
fn a_changed_byte_is_found() {
    let mut judged = Judged::good();
    judged.without_root();
    let good = judged.chain.clone();
    assert_eq!(codes(&judged.report()), []);
    let mut read = 0;
    for (place, original) in good.iter().enumerate() {
        let original = original.der();
        // A sequence of what is signed, the algorithm (12 bytes), and the signature in a bit string.
        let (start, _) = extent(original);
        let (header, len) = extent(&original[start..]);
        let signed_end = start + header + len;
        let (header, _) = extent(&original[signed_end + 12..]);
        let signature = signed_end + 12 + header + 1;
        for position in (start..signed_end).chain(signature..original.len()) {
            for bit in [0x01, 0x80] {
                let mut der = original.to_vec();
                der[position] ^= bit;
                let Ok(changed) = Certificate::from_der(CertificateDer::from(der)) else {
                    continue;
                };
                read += 1;
                judged.chain.clone_from(&good);
                judged.chain[place] = changed;
                let report = judged.report();
                let found = report.severity();
                assert_eq!(found, Some(Severity::Error), "{place}, {position}, {bit:#x}: {report}");
            }
        }
    }
    assert!(read > 300, "{read}");
}

/// The lengths of a value's header and of its content.
fn extent(der: &[u8]) -> (usize, usize) {
    match der[1] {
        len @ 0..=0x7f => (2, len.into()),
        0x81 => (3, der[2].into()),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        other => panic!("{other:#x}"),
    }
}

/// Counts what it is asked.
#[derive(Debug)]
struct Counting {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    calls: &'static AtomicUsize,
}

impl SignatureVerificationAlgorithm for Counting {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.algorithm.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

/// Sixteen certificates, each of which may have issued any other.
#[test]
fn the_worst_chain_takes_bounded_work() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);

    let chains = [Key::Root, Key::Other].map(|signer| {
        let certificate = |serial: usize| {
            let mut draft = Draft::authority(&Key::Root.spki(), ROOT, ROOT, 0);
            draft.serial = vec![1, u8::try_from(serial).unwrap()];
            draft.signed_by(signer.get())
        };
        (0..CHAIN_MAX).map(certificate).collect::<Vec<_>>()
    });
    for algorithm in RING_ALGORITHMS {
        let counting = Counting { algorithm: *algorithm, calls: &CALLS };
        for chain in &chains {
            let anchors = vec![other_root(ROOT); CHAIN_MAX];
            let ders: Vec<_> = chain.iter().map(|c| c.der().clone()).collect();
            let expected: &[&dyn SignatureVerificationAlgorithm] = &[&counting];
            let expected = Expected::new().algorithms(expected).trust_anchors(&anchors);
            let certificate = DeviceCertificate::from_chain(&ders).unwrap();
            CALLS.store(0, Ordering::Relaxed);
            let report = certificate.judge(&expected, UnixTime::from_secs(NOW));
            assert_eq!(report.severity(), Some(Severity::Error));
            let calls = CALLS.load(Ordering::Relaxed);
            assert!(calls <= CHAIN_MAX * (CHAIN_MAX + anchors.len()), "{calls}");
            assert!(certificate.clone().into_ordered().chain().len() == CHAIN_MAX);
        }
    }
}

#[test]
fn chains_that_are_not_judged() {
    let good = Judged::good().chain;
    let ders: Vec<_> = good.iter().map(|certificate| certificate.der().clone()).collect();
    assert_eq!(DeviceCertificate::from_chain(&[]), Err(ChainError::Empty));
    let long: Vec<_> = ders.iter().cloned().cycle().take(CHAIN_MAX + 1).collect();
    assert_eq!(DeviceCertificate::from_chain(&long), Err(ChainError::TooLong { len: 17 }));
    assert!(DeviceCertificate::from_chain(&long[1..]).is_ok());
    let broken = [ders[0].clone(), CertificateDer::from(&ders[1][..100])];
    let error = DeviceCertificate::from_chain(&broken).unwrap_err();
    assert!(matches!(error, ChainError::Certificate { index: 1, .. }), "{error:?}");
    assert!(error.to_string().starts_with("certificate 2 of the chain: "), "{error}");

    // Certificates that are read already need not be read again.
    assert_eq!(DeviceCertificate::from_certificates(Vec::new()), Err(ChainError::Empty));
    let cycle = |len| good.iter().cloned().cycle().take(len).collect::<Vec<_>>();
    for len in [CHAIN_MAX + 1, 2 * CHAIN_MAX] {
        let chain = DeviceCertificate::from_certificates(cycle(len));
        assert_eq!(chain, Err(ChainError::TooLong { len }));
    }
    for len in 1..=CHAIN_MAX {
        let chain = DeviceCertificate::from_certificates(cycle(len)).unwrap();
        let ders: Vec<_> = ders.iter().cloned().cycle().take(len).collect();
        assert_eq!((chain.chain(), chain.to_der()), (&*cycle(len), ders.clone()));
        assert_eq!(Ok(chain), DeviceCertificate::from_chain(&ders));
    }

    let read = DeviceCertificate::from_pem(to_pem(&good).as_bytes()).unwrap();
    assert_eq!(Ok(&read), DeviceCertificate::from_certificates(good.clone()).as_ref());
    assert_eq!(read.chain(), good);
    assert_eq!(read.to_der(), ders);
    assert_eq!(read.end_entity(), &good[0]);
}

/// A CA's new key, with which the device's certificate was issued, and its old one.
#[test]
fn a_chain_is_ordered_whatever_its_order_was() {
    let judged = Judged::good();
    let good = judged.certificate();
    let old = Draft::authority(&Key::Other.spki(), INTERMEDIATE, ROOT, 0);
    let old = old.signed_by(Key::Root.get());
    for with_old in [false, true] {
        let mut chain = judged.chain.clone();
        if with_old {
            chain.push(old.clone());
        }
        for permutation in permutations(&chain) {
            let mut twice = permutation.clone();
            twice.extend(permutation.clone());
            for given in [permutation, twice] {
                let ders: Vec<_> = given.iter().map(|c| c.der().clone()).collect();
                let ordered = DeviceCertificate::from_chain(&ders).unwrap().into_ordered();
                let found = codes(&judged.judge(&ordered));
                if with_old {
                    assert!(
                        found == [(Some(1), "unrelated")] || found == [(Some(2), "unrelated")],
                        "{found:?}",
                    );
                } else {
                    assert_eq!(ordered, good);
                    assert_eq!(found, []);
                }
                assert_eq!(ordered.clone().into_ordered(), ordered);
            }
        }
    }
}

fn permutations(of: &[Certificate]) -> Vec<Vec<Certificate>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in 0..of.len() {
        let mut rest = of.to_vec();
        let first = rest.remove(first);
        all.extend(permutations(&rest).into_iter().map(|mut rest| {
            rest.insert(0, first.clone());
            rest
        }));
    }
    all
}

#[test]
fn what_belongs_nowhere_is_ordered_to_the_end() {
    let Judged { chain, .. } = Judged::good();
    let stranger = other_root("Fabrikam root");
    let given = [&stranger, &chain[2], &chain[0], &chain[1]];
    let ders: Vec<_> = given.iter().map(|certificate| certificate.der().clone()).collect();
    let ordered = DeviceCertificate::from_chain(&ders).unwrap().into_ordered();
    assert_eq!(ordered.chain(), [&chain[..], &[stranger]].concat());

    // Two that issued each other, and no device.
    let a = Draft::authority(&Key::Root.spki(), "a", "b", 0).signed_by(Key::Other.get());
    let b = Draft::authority(&Key::Other.spki(), "b", "a", 0).signed_by(Key::Root.get());
    let circle = DeviceCertificate::from_chain(&[a.der().clone(), b.der().clone()]).unwrap();
    let ordered = circle.clone().into_ordered();
    assert_eq!(ordered.chain().len(), 2);
    let report = circle.judge(&Expected::new(), UnixTime::from_secs(NOW));
    assert!(report.findings().iter().any(|finding| finding.what().code() == "out-of-order"));
}

/// Where OpenSSL or rustls-webpki refuses what passes here, and why.
const STRICTER: [(&str, &str, &str); 5] = [
    ("OpenSSL", "in its last second", "its last second does not count"),
    ("OpenSSL", "no window: only what has expired counts", "its last second does not count"),
    ("OpenSSL", "valid for this one second", "its last second does not count"),
    ("webpki", "policies, of the intermediate", "it knows nothing of policies"),
    ("webpki", "what is self-issued does not count", "it does"),
];

/// The findings of errors that neither of them knows of.
const ONLY_HERE: [(&str, &str); 8] = [
    ("common-name-case", "they do not know the device"),
    ("common-name-differs", "they do not know the device"),
    ("issuer-not-ca", "a trust anchor need not be marked"),
    ("key-differs", "they do not know the key"),
    ("no-common-name", "they do not know the device"),
    ("out-of-order", "they look for the issuer anywhere"),
    ("several-common-names", "they do not know the device"),
    ("unsupported-key", "it is the hub that does not take it"),
];

/// What passes here, without as much as a warning, others accept; and what they accept passes here.
#[test]
fn openssl_and_webpki_judge_the_same() {
    let openssl = OpenSsl::new();
    let (mut stricter, mut only_here) = (BTreeSet::new(), BTreeSet::new());
    let mut agreed = 0;
    for Case { about, name, judged, .. } in cases() {
        if judged.anchors.is_empty() || judged.algorithms.is_empty() {
            continue;
        }
        println!("{about}: {name}");
        let Judged { chain, anchors, now, .. } = judged;
        let others = [
            ("OpenSSL", openssl.verify(chain, anchors, *now, "-partial_chain").map(|_| ())),
            (
                "webpki",
                verify_with_webpki(chain, anchors, *now).map_err(|error| format!("{error:?}")),
            ),
        ];
        let report = judged.report();
        if report.severity() <= Some(Severity::Note) {
            for (who, answer) in &others {
                match STRICTER.iter().find(|(other, case, _)| (other, case) == (who, name)) {
                    Some(listed) => {
                        assert!(answer.is_err(), "{who} accepts it, though listed");
                        stricter.insert(*listed);
                    }
                    None => assert!(answer.is_ok(), "{who}: {answer:?}"),
                }
            }
            agreed += 1;
        } else if report.severity() == Some(Severity::Error)
            && others.iter().all(|(_, answer)| answer.is_ok())
        {
            let codes = codes(&report);
            let is_listed = |listed: &&(&str, &str)| codes.iter().any(|(_, c)| *c == listed.0);
            match ONLY_HERE.iter().find(is_listed) {
                Some(listed) => drop(only_here.insert(*listed)),
                // Of the root they check the key that they trust, and of the device no size.
                None => assert!(["a bit of the root's", "RSA of 1024 bits"].contains(name)),
            }
        }
    }
    assert_eq!(stricter, BTreeSet::from(STRICTER), "what is listed happens");
    assert_eq!(only_here, BTreeSet::from(ONLY_HERE), "what is listed happens");
    assert!(agreed > 40, "{agreed}");
}

/// What a finding says of OpenSSL and rustls is so.
#[test]
fn openssl_and_webpki_want_client_auth_by_its_name() {
    let openssl = OpenSsl::new();
    let mut cases_of_any = 0;
    for Case { about, name, judged, findings } in cases() {
        if *about != "client-auth-by-any" {
            continue;
        }
        println!("{about}: {name}");
        let Judged { chain, anchors, now, .. } = judged;
        let openssl = openssl.verify(chain, anchors, *now, "-partial_chain");
        let webpki = verify_with_webpki(chain, anchors, *now);
        // OpenSSL looks at CAs as well, whether they are sent or trusted; webpki at those that are sent.
        let is_found = !findings.is_empty();
        assert_eq!(openssl.is_err(), is_found, "{openssl:?}");
        let is_of_chain = findings.iter().any(|(index, _)| index.is_some());
        assert_eq!(webpki.is_err(), is_of_chain, "{webpki:?}");
        cases_of_any += 1;
    }
    assert!(cases_of_any > 3);
}

/// The text names the hash, and MD5 is worse than SHA-1.
#[test]
fn weak_hashes_are_named() {
    for (name, hash) in [
        ("SHA-1 with RSA", "SHA-1"),
        ("MD5 with RSA, by the root", "MD5 or older"),
        ("PSS with the hash that it has when none is named", "SHA-1"),
        ("PSS without parameters", "SHA-1"),
        ("PSS that names SHA-1", "SHA-1"),
        ("PSS that names MD5", "MD5 or older"),
    ] {
        let case = cases().iter().find(|case| (case.about, case.name) == ("weak-signature", name));
        let report = case.expect("there is such a case").judged.report();
        let hashes = report.findings().iter().filter_map(|finding| match finding.what() {
            What::WeakSignature { hash } => Some(*hash),
            _ => None,
        });
        assert_eq!(hashes.collect::<Vec<_>>(), [hash], "{name}");
    }
}

/// Certificates as OpenSSL makes them, with a configuration of its own.
#[test]
fn chains_of_openssl_are_judged_like_ours() {
    let openssl = OpenSsl::new();
    openssl.write(
        "ca.cnf",
        "[req]\nprompt = no\ndistinguished_name = dn\nx509_extensions = root\n\
         [dn]\nC = DE\nO = Contoso\nCN = Contoso root\n\
         [root]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n\
         subjectKeyIdentifier = hash\n\
         [device]\nbasicConstraints = critical, CA:FALSE\n\
         keyUsage = critical, digitalSignature, nonRepudiation, keyEncipherment\n\
         extendedKeyUsage = clientAuth, emailProtection\n\
         [server]\nbasicConstraints = critical, CA:FALSE\nextendedKeyUsage = serverAuth\n",
    );
    let new_key = "-newkey rsa:2048 -noenc -days 30 -config ca.cnf";
    openssl.run(&format!("req -x509 {new_key} -keyout root.key -out root.pem"));
    openssl.run(&format!("req {new_key} -subj /CN=pump-7 -keyout device.key -out device.csr"));
    let judge = |extensions: &str, hash: &str, device: &str| {
        openssl.run(&format!(
            "x509 -req -in device.csr -CA root.pem -CAkey root.key -CAcreateserial -days 7 {hash} \
             {extensions} -out device.pem"
        ));
        let read = |name| DeviceCertificate::from_pem(&openssl.read(name)).unwrap();
        let anchors = read("root.pem").chain().to_vec();
        let device = DeviceId::new(device).unwrap();
        let expected = Expected::new()
            .device(&device)
            .window(Duration::from_secs(DAY))
            .algorithms(RING_ALGORITHMS)
            .trust_anchors(&anchors);
        let certificate = read("device.pem");
        let now = certificate.end_entity().validity().not_before;
        codes(&certificate.judge(&expected, now))
    };
    let device = "-extfile ca.cnf -extensions device";
    assert_eq!(judge(device, "-sha256", DEVICE), []);
    assert_eq!(judge(device, "-sha384", DEVICE), []);
    assert_eq!(judge(device, "-sha256", "PUMP-7"), [(Some(0), "common-name-case")]);
    let weak = [(Some(0), "weak-signature"), (Some(0), "signature-not-checked")];
    assert_eq!(judge(device, "-sha1", DEVICE), weak);
    assert_eq!(judge(device, "-md5", DEVICE), weak);
    let server = "-extfile ca.cnf -extensions server";
    assert_eq!(judge(server, "-sha256", DEVICE), [(Some(0), "no-client-auth")]);
    assert_eq!(judge("", "-sha256", DEVICE), [(Some(0), "old-version")]);
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// One change of a good chain: what, of which certificate, and to which of a few values.
type Change = (u8, usize, usize);

/// The chain after some changes, and what it is judged against.
fn changed(changes: &[Change]) -> Judged {
    let Drafts { device, intermediate, root } = Drafts::good();
    let mut parts = vec![device, intermediate, root];
    let mut anchors = vec![parts[2].clone()];
    for (what, which, value) in changes {
        let (which, other) = (which % parts.len(), value % parts.len());
        let key = [Key::Device, Key::Intermediate, Key::Root, Key::Other][value % 4];
        let of = common_name([DEVICE, INTERMEDIATE, ROOT, "Fabrikam root"][value % 4]);
        let Part { draft, signer } = &mut parts[which];
        match what {
            0 => draft.subject = of,
            1 => draft.issuer = of,
            2 => draft.spki = key.spki(),
            3 => *signer = Signer::Ours(key),
            4 => draft.basic_constraints(value % 2 == 0, None),
            5 => draft.basic_constraints(true, Some(u8::try_from(value % 3).unwrap())),
            6 => draft.extended_key_usage(&[[SERVER_AUTH, CLIENT_AUTH][value % 2]]),
            7 => draft.not_after = [NOW - 1, NOW][value % 2],
            8 => parts.swap(which, other),
            9 if parts.len() > 1 => drop(parts.remove(which)),
            10 if parts.len() < 6 => parts.insert(other, parts[which].clone()),
            11 => anchors[0] = parts[which].clone(),
            12 => anchors.push(parts[which].clone()),
            _ => {}
        }
    }
    let mut judged = Judged::new(parts.iter().map(Part::issue).collect());
    judged.anchors = anchors.iter().map(Part::issue).collect();
    (judged.id, judged.key) = (Id::None, None);
    judged
}

proptest! {
    #![proptest_config(config(300))]

    /// Whatever is done to a chain: what passes here passes with webpki.
    #[test]
    fn no_changed_chain_passes_by_mistake(
        changes in prop::collection::vec((0_u8..13, 0_usize..6, 0_usize..6), 0..5),
    ) {
        let judged = changed(&changes);
        // webpki leaves out who has the device's name and key, and so the device's own as trust anchor.
        let first = &judged.chain[0];
        let is_first = |other: &Certificate| {
            other.subject() == first.subject() && other.public_key() == first.public_key()
        };
        let is_alone = !judged.chain[1..].iter().chain(&judged.anchors).any(is_first);
        let report = judged.report();
        if is_alone && report.severity() <= Some(Severity::Note) {
            let webpki = verify_with_webpki(&judged.chain, &judged.anchors, judged.now);
            prop_assert_eq!(webpki, Ok(()), "{:?}: {:?}", changes, judged.chain);
        }
    }
}

proptest! {
    #![proptest_config(config(64))]

    /// Whatever stands in a name: only the very text of the ID passes.
    #[test]
    fn only_the_same_name_passes(found in "(pump-7|Pump-7|pump-8|\\PC|[-a-z0-9/. ]){0,3}") {
        let mut drafts = Drafts::good();
        drafts.device.draft.subject = common_name(&found);
        let mut judged = Judged::new(vec![drafts.device.issue()]);
        judged.id = Id::Device(DEVICE);
        let codes = codes(&judged.report());
        let is_found_out = codes.iter().any(|(_, code)| code.starts_with("common-name"));
        prop_assert_eq!(is_found_out, found != DEVICE);
    }
}
