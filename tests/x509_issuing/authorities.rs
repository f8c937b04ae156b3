//! A CA of this crate's own: what it issues is accepted by all, and what it must not issue it refuses.

use std::collections::BTreeSet;

use hubward::UnixTime;
use hubward::keystore::{SigningKey, SoftwareSigningKey};
use hubward::x509::{
    Certificate, CertificateAuthority, DeviceCertificate, Expected, IssueError, PublicKeyKind,
    RING_ALGORITHMS, Report, Thumbprint, self_signed,
};

use crate::certificates::{DAY, NOW, OpenSsl, certificate, verify_with_webpki};
use crate::keys::{DEVICE, KINDS, Stamp, days, device, from_to, issue, new_key, p256};

/// What is found in a chain of ours, to the last note.
pub(crate) fn judge(
    chain: &[Certificate],
    anchors: &[Certificate],
    key: &dyn SigningKey,
    now: u64,
) -> Report {
    let device = device();
    let expected =
        Expected::new().device(&device).key(key).algorithms(RING_ALGORITHMS).trust_anchors(anchors);
    let ders: Vec<_> = chain.iter().map(|certificate| certificate.der().clone()).collect();
    let chain = DeviceCertificate::from_chain(&ders).unwrap();
    chain.judge(&expected, UnixTime::from_secs(now))
}

/// Accepted by us, by OpenSSL at its strictest and by webpki.
fn accepted_by_all(
    openssl: &OpenSsl,
    chain: &[Certificate],
    root: &Certificate,
    key: &dyn SigningKey,
) {
    let anchors = std::slice::from_ref(root);
    openssl.verify(chain, anchors, NOW, "-x509_strict").unwrap();
    verify_with_webpki(chain, anchors, NOW).unwrap();
    assert_eq!(judge(chain, anchors, key, NOW).to_string(), "");
}

#[test]
fn every_kind_of_key_certifies_every_other() {
    let openssl = OpenSsl::new();
    for (ca_kind, how) in KINDS {
        let root_key = new_key(&openssl, "root", how);
        let hall_key = new_key(&openssl, "hall", how);
        let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
        let hall = root.intermediate(&hall_key, "Contoso hall 3", days(60)).unwrap();
        for (kind, how) in KINDS {
            println!("{kind} by {ca_kind}");
            let key = new_key(&openssl, "device", how);
            let direct = issue(&root, &key, days(30)).unwrap();
            accepted_by_all(&openssl, &[direct], root.certificate(), &key);
            let chain = [issue(&hall, &key, days(30)).unwrap(), hall.certificate().clone()];
            accepted_by_all(&openssl, &chain, root.certificate(), &key);
            // With the root, which is not needed.
            let whole = [&chain[..], &[root.certificate().clone()]].concat();
            accepted_by_all(&openssl, &whole, root.certificate(), &key);
            // And without the intermediate, which is.
            openssl.verify(&chain[..1], &whole[2..], NOW, "").unwrap_err();
            verify_with_webpki(&chain[..1], &whole[2..], NOW).unwrap_err();

            let certificate = &chain[0];
            assert!(certificate.matches(&key) && !certificate.is_ca());
            assert_eq!(certificate.common_name(), Some(DEVICE));
            assert_eq!(certificate.validity(), days(30));
            let expected = match kind {
                "p256" => PublicKeyKind::EcdsaP256,
                "p384" => PublicKeyKind::EcdsaP384,
                _ => PublicKeyKind::Rsa { bits: 2048 },
            };
            assert_eq!(certificate.public_key_kind(), expected);
        }
    }
}

/// The extensions, as OpenSSL reads them.
#[test]
fn certificates_say_what_they_are_for() {
    let openssl = OpenSsl::new();
    let keys = KINDS.map(|(kind, how)| new_key(&openssl, kind, how));
    let root = CertificateAuthority::root(&keys[0], "Contoso root", days(90)).unwrap();
    let hall = root.intermediate(&keys[1], "Contoso hall 3", days(60)).unwrap();
    let text = |certificate: &Certificate| {
        openssl.write("it.pem", certificate.to_pem());
        let text = openssl.run("x509 -in it.pem -noout -text");
        text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
    };
    for (certificate, constraints) in
        [(root.certificate(), "CA:TRUE, pathlen:1"), (hall.certificate(), "CA:TRUE, pathlen:0")]
    {
        let text = text(certificate);
        for part in [
            &*format!("X509v3 Basic Constraints: critical\n{constraints}\n"),
            "X509v3 Key Usage: critical\nCertificate Sign, CRL Sign\n",
            "X509v3 Subject Key Identifier:",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        assert!(!text.contains("Extended Key Usage"), "{text}");
    }
    for (key, usage) in [
        (&keys[0], "Digital Signature"),
        (&keys[1], "Digital Signature"),
        (&keys[2], "Digital Signature, Key Encipherment"),
    ] {
        let issued = issue(&hall, key, days(30)).unwrap();
        let own = self_signed(key, &device(), days(30)).unwrap();
        for certificate in [issued, own] {
            let text = text(&certificate);
            for part in [
                "Version: 3 (0x2)\n",
                "X509v3 Basic Constraints: critical\nCA:FALSE\n",
                &*format!("X509v3 Key Usage: critical\n{usage}\n"),
                "X509v3 Extended Key Usage:\nTLS Web Client Authentication\n",
                "X509v3 Subject Key Identifier:",
                "Subject: CN = pump-7\n",
            ] {
                assert!(text.contains(part), "{part:?} is not in {text}");
            }
        }
    }
}

#[test]
fn names_of_cas() {
    let openssl = OpenSsl::new();
    let (root_key, hall_key, key) = (p256(), p256(), p256());
    for name in [
        "Contoso root",
        "Contoso Würzburg 根",
        "\"Contoso\", Inc. + Sons; <root> = #1\\",
        " ",
        &"x".repeat(64),
        &"根".repeat(64),
    ] {
        println!("{name}");
        // Of the root, and of the one below it.
        for (root_name, hall_name) in [(name, "Contoso hall 3"), ("Contoso dev", name)] {
            let root = CertificateAuthority::root(&root_key, root_name, days(90)).unwrap();
            assert_eq!(root.certificate().common_name(), Some(root_name));
            let hall = root.intermediate(&hall_key, hall_name, days(60)).unwrap();
            assert_eq!(hall.certificate().common_name(), Some(hall_name));
            let chain = [issue(&hall, &key, days(30)).unwrap(), hall.certificate().clone()];
            accepted_by_all(&openssl, &chain, root.certificate(), &key);
        }
    }
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    for name in ["", &"x".repeat(65), &"根".repeat(65), "a\nb", "\u{7f}", "a\u{85}", "\0"] {
        println!("{name:?}");
        let refused = Err(IssueError::Name);
        assert_eq!(CertificateAuthority::root(&root_key, name, days(1)).map(drop), refused);
        assert_eq!(root.intermediate(&hall_key, name, days(1)).map(drop), refused);
        assert_eq!(root.prove_possession(&hall_key, name, days(1)).map(drop), refused);
    }
}

/// Two CAs of one name, one above the other, are told apart by nobody who goes by names.
#[test]
fn an_intermediate_has_a_name_of_its_own() {
    let openssl = OpenSsl::new();
    let (root_key, hall_key, key) = (p256(), p256(), p256());
    for name in ["Contoso root", " ", &"根".repeat(64)] {
        let root = CertificateAuthority::root(&root_key, name, days(90)).unwrap();
        // Whichever key it is for.
        for key in [&hall_key, &root_key] {
            let refused = root.intermediate(key, name, days(60)).map(drop);
            assert_eq!(refused, Err(IssueError::SameName));
        }
    }
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    for name in ["Contoso root ", " Contoso root", "contoso root", "Contoso  root", "Contoso"] {
        println!("{name:?}");
        let hall = root.intermediate(&hall_key, name, days(60)).unwrap();
        let chain = [issue(&hall, &key, days(30)).unwrap(), hall.certificate().clone()];
        accepted_by_all(&openssl, &chain, root.certificate(), &key);
    }
    // Nor has a device or a code that of the CA: it would seem to be self-signed.
    let root = CertificateAuthority::root(&root_key, DEVICE, days(90)).unwrap();
    assert_eq!(issue(&root, &key, days(30)).map(drop), Err(IssueError::SameName));
    let proof = root.prove_possession(&key, DEVICE, days(30));
    assert_eq!(proof.map(drop), Err(IssueError::SameName));
    assert_eq!(root.intermediate(&hall_key, "", days(60)).map(drop), Err(IssueError::Name));
    let text = IssueError::SameName.to_string();
    assert!(text.contains("give one of the two another"), "{text}");
}

#[test]
fn no_more_cas_than_the_path_length_allows() {
    let keys = [p256(), p256(), p256()];
    let root = CertificateAuthority::root(&keys[0], "Contoso root", days(90)).unwrap();
    let hall = root.intermediate(&keys[1], "Contoso hall 3", days(60)).unwrap();
    let line = hall.intermediate(&keys[2], "Contoso line 8", days(30)).map(drop);
    let Err(IssueError::NotACa(why)) = line else { panic!("{line:?}") };
    assert!(why.contains("path length"), "{why}");
    // It was made by the one above and read again, which makes no difference.
    let certificate = certificate(hall.certificate().der());
    let hall = CertificateAuthority::from_certificate(certificate, &keys[1]).unwrap();
    assert!(hall.intermediate(&keys[2], "Contoso line 8", days(30)).is_err());
    assert!(issue(&hall, &keys[2], days(30)).is_ok());
}

#[test]
fn nothing_outlives_its_issuer() {
    let (root_key, key) = (p256(), p256());
    let (begin, end) = (NOW, NOW + 90 * DAY);
    let root = CertificateAuthority::root(&root_key, "Contoso root", from_to(begin, end)).unwrap();
    let error = IssueError::OutlivesIssuer { issuer: from_to(begin, end) };
    assert_eq!(
        error.to_string(),
        "the CA's certificate is valid from 2027-01-15T08:00:00Z to 2027-04-15T08:00:00Z: give a validity \
         within that",
    );
    let outlives = Err(error);
    for (not_before, not_after, expected) in [
        (begin, end, Ok(())),
        (begin, begin + 1, Ok(())),
        (end - 1, end, Ok(())),
        (begin - 1, end, outlives.clone()),
        (begin, end + 1, outlives.clone()),
        (begin - 1, end + 1, outlives.clone()),
        (0, u64::MAX, outlives.clone()),
        (end + 1, end + 2, outlives.clone()),
        // Empty, and beyond that as well.
        (begin - 1, begin - 1, outlives.clone()),
        (end + 2, end + 1, outlives.clone()),
        (begin, begin, Err(IssueError::Validity)),
        (end, end, Err(IssueError::Validity)),
        (begin + 2, begin + 1, Err(IssueError::Validity)),
        (end + 1, begin, Err(IssueError::Validity)),
    ] {
        println!("{not_before} {not_after}");
        let validity = from_to(not_before, not_after);
        assert_eq!(issue(&root, &key, validity).map(drop), expected);
        assert_eq!(root.intermediate(&key, "hall", validity).map(drop), expected);
        assert_eq!(root.prove_possession(&key, "7A6B5C", validity).map(drop), expected);
    }

    // Of an intermediate it is its own that counts, not that of the root.
    let hall_key = p256();
    let own = from_to(begin + 10, end - 10);
    let hall = root.intermediate(&hall_key, "Contoso hall 3", own).unwrap();
    let error = issue(&hall, &key, from_to(begin, end)).unwrap_err();
    assert_eq!(error, IssueError::OutlivesIssuer { issuer: own });
    assert_eq!(issue(&hall, &key, own).unwrap().validity(), own);
}

/// RFC 5280 section 4.1.2.5: `UTCTime` to the end of 2049, `GeneralizedTime` from 2050 to the end of 9999.
#[test]
fn moments_are_written_as_they_must_be() {
    const END_OF_2049: u64 = 2_524_607_999;
    const END_OF_9999: u64 = 253_402_300_799;

    let openssl = OpenSsl::new();
    let key = p256();
    for (not_before, not_after, begin, end, dates) in [
        (
            0,
            1,
            &b"\x17\x0d700101000000Z"[..],
            &b"\x17\x0d700101000001Z"[..],
            "notBefore=Jan  1 00:00:00 1970 GMT\nnotAfter=Jan  1 00:00:01 1970 GMT\n",
        ),
        (
            END_OF_2049,
            END_OF_2049 + 1,
            b"\x17\x0d491231235959Z",
            b"\x18\x0f20500101000000Z",
            "notBefore=Dec 31 23:59:59 2049 GMT\nnotAfter=Jan  1 00:00:00 2050 GMT\n",
        ),
        (
            NOW,
            END_OF_9999,
            b"\x17\x0d270115080000Z",
            b"\x18\x0f99991231235959Z",
            "notBefore=Jan 15 08:00:00 2027 GMT\nnotAfter=Dec 31 23:59:59 9999 GMT\n",
        ),
    ] {
        let validity = from_to(not_before, not_after);
        let root = CertificateAuthority::root(&key, "Contoso root", validity).unwrap();
        for certificate in
            [self_signed(&key, &device(), validity).unwrap(), root.certificate().clone()]
        {
            assert_eq!(certificate.validity(), validity);
            let written = [begin, end].concat();
            let der = certificate.der();
            assert_eq!(der.windows(written.len()).filter(|part| *part == written).count(), 1);
            openssl.write("it.pem", certificate.to_pem());
            assert_eq!(openssl.run("x509 -in it.pem -noout -dates"), dates);
        }
    }
    for (not_before, not_after) in [
        (NOW, END_OF_9999 + 1),
        (END_OF_9999 + 1, END_OF_9999 + 2),
        (NOW, u64::MAX),
        (NOW, 1 << 63),
        (NOW, NOW),
        (NOW, NOW - 1),
    ] {
        let validity = from_to(not_before, not_after);
        let refused = Err(IssueError::Validity);
        assert_eq!(self_signed(&key, &device(), validity).map(drop), refused);
        assert_eq!(CertificateAuthority::root(&key, "root", validity).map(drop), refused);
    }
}

/// RFC 5280 section 4.1.2.2: positive, at most 20 bytes; and nobody can guess the next one.
#[test]
fn serials_are_random() {
    let (root_key, key) = (Stamp(p256()), p256());
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    let serials: BTreeSet<_> = (0..1000)
        .map(|_| {
            let certificate = root.prove_possession(&key, "7A6B5C", days(1)).unwrap();
            let serial = certificate.serial().to_vec();
            assert!((8..=20).contains(&serial.len()), "{serial:?}");
            assert!(serial[0] & 0x80 == 0 && serial[0] != 0, "{serial:?}");
            serial
        })
        .collect();
    assert_eq!(serials.len(), 1000);
    // Each bit below the first two is there and is not, in about half of them.
    for bit in 2..128 {
        let set = serials.iter().filter(|serial| serial[bit / 8] >> (7 - bit % 8) & 1 == 1);
        assert!((350..650).contains(&set.count()), "bit {bit}");
    }
}

#[test]
fn a_proof_of_possession_verifies_under_the_ca() {
    let openssl = OpenSsl::new();
    for (_, how) in KINDS {
        let root_key = new_key(&openssl, "root", how);
        let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
        // As the hub gives them out.
        let code = "75B86466DA34D2B04C0C4C9557A119687ADAE7D4732BDDB3";
        let key = p256();
        let proof = root.prove_possession(&key, code, days(1)).unwrap();
        assert_eq!(proof.common_name(), Some(code));
        assert!(proof.matches(&key) && !proof.is_ca());
        let (chain, anchors) = ([proof], [root.certificate().clone()]);
        openssl.verify(&chain, &anchors, NOW, "-x509_strict").unwrap();
        verify_with_webpki(&chain, &anchors, NOW).unwrap();
        let other = CertificateAuthority::root(&key, "Contoso root", days(90)).unwrap();
        openssl.verify(&chain, &[other.certificate().clone()], NOW, "").unwrap_err();
    }
}

#[test]
fn a_self_signed_certificate_is_its_own_anchor() {
    let openssl = OpenSsl::new();
    for (_, how) in KINDS {
        let key = new_key(&openssl, "device", how);
        let certificate = self_signed(&key, &device(), days(30)).unwrap();
        assert!(certificate.is_self_issued() && certificate.matches(&key) && !certificate.is_ca());
        let chain = [certificate];
        openssl.verify(&chain, &chain, NOW, "-x509_strict -check_ss_sig").unwrap();
        let report = judge(&chain, &[], &key, NOW);
        let codes: Vec<_> = report.findings().iter().map(|f| f.what().code()).collect();
        assert_eq!(codes, ["self-signed"], "{report}");

        openssl.write("it.pem", chain[0].to_pem());
        for (hash, thumbprint) in [
            ("sha256", Thumbprint::sha256(chain[0].der())),
            ("sha1", Thumbprint::sha1(chain[0].der())),
        ] {
            let printed = openssl.run(&format!("x509 -in it.pem -noout -fingerprint -{hash}"));
            let hex = printed.split_once('=').unwrap().1.trim().replace(':', "");
            assert_eq!(thumbprint.to_string(), hex);
        }
    }
}

#[test]
fn what_is_no_ca_does_not_become_one() {
    let (root_key, key): (SoftwareSigningKey, _) = (p256(), p256());
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    let from = |certificate: &Certificate, key| {
        CertificateAuthority::from_certificate(certificate.clone(), key).map(drop)
    };
    assert_eq!(from(root.certificate(), &root_key), Ok(()));
    assert_eq!(from(root.certificate(), &key), Err(IssueError::KeyDiffers));
    let device_certificate = issue(&root, &key, days(30)).unwrap();
    let Err(IssueError::NotACa(why)) = from(&device_certificate, &key) else { panic!() };
    assert!(why.contains("not marked"), "{why}");
    let own = self_signed(&key, &device(), days(30)).unwrap();
    assert!(matches!(from(&own, &key), Err(IssueError::NotACa(_))));
}

#[test]
fn no_key_shows() {
    let key = p256();
    let root = CertificateAuthority::root(&key, "Contoso root", days(90)).unwrap();
    let shown = format!("{root:?}");
    assert!(shown.contains("Contoso root") && shown.contains("<redacted>"), "{shown}");
}
