//! What others say of what the suites made: OpenSSL of signatures, requests and lists, a JSON parser of judgements.

#[cfg(any(feature = "x509", all(feature = "keystore-file", feature = "keystore-software")))]
use std::fs;
#[cfg(any(feature = "x509", feature = "keystore-file"))]
use std::path::Path;

#[cfg(feature = "x509")]
use serde_json::Value;

#[cfg(feature = "x509")]
use crate::openssl::Desk;

/// Signatures verify under the keys that the store gave, requests are signed by them.
#[cfg(feature = "keystore-file")]
pub(crate) fn stores(folder: &Path) {
    #[cfg(feature = "keystore-software")]
    {
        use crate::openssl::verifies;
        use hubward::keystore::SignatureAlgorithm as Algorithm;

        let get = |name: String| fs::read(folder.join(&name)).unwrap_or_else(|_| panic!("{name}"));
        // As the header numbers them.
        let mut made = vec![
            ("p256", 1, Algorithm::EcdsaP256Sha256),
            ("p256", 0, Algorithm::EcdsaP256Sha256),
            ("p384", 2, Algorithm::EcdsaP384Sha384),
            ("der", 1, Algorithm::EcdsaP256Sha256),
        ];
        if cfg!(any(feature = "ring", feature = "aws-lc-rs")) {
            made.extend([
                ("rsa", 3, Algorithm::RsaPssSha256),
                ("rsa", 4, Algorithm::RsaPssSha384),
                ("rsa", 5, Algorithm::RsaPssSha512),
                ("rsa", 6, Algorithm::RsaPkcs1Sha256),
                ("rsa", 7, Algorithm::RsaPkcs1Sha384),
                ("rsa", 8, Algorithm::RsaPkcs1Sha512),
            ]);
        }
        let message = get("message".to_owned());
        for (name, number, algorithm) in made {
            let spki = get(format!("{name}.spki"));
            let signature = get(format!("{name}.{number}.signature"));
            assert!(verifies(&spki, algorithm, &message, &signature), "{name}, {number}");
            let other = [&message[..], b"!"].concat();
            assert!(!verifies(&spki, algorithm, &other, &signature), "{name}, {number}");
        }
        #[cfg(feature = "x509-issue")]
        for (name, id) in
            [("device", "device1"), ("module", "device1/mod1"), ("registration", "reg-1")]
        {
            let desk = Desk::new();
            desk.put("request.pem", &get(format!("{name}.csr")));
            let output =
                desk.try_call("req -in request.pem -verify -noout -subject -nameopt RFC2253");
            let said =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success() && said.contains("verify OK"), "{name}: {said}");
            assert!(said.contains(&format!("subject=CN={id}\n")), "{name}: {said}");
            desk.call("req -in request.pem -pubkey -noout -out public.pem");
            desk.call("pkey -pubin -in public.pem -outform DER -out spki");
            assert_eq!(desk.get("spki"), get("p256.spki".to_owned()), "{name}");
        }
    }
    #[cfg(not(feature = "keystore-software"))]
    let _ = folder;
}

/// Judgements are JSON and say what is so, beside what OpenSSL says of the certificate.
#[cfg(feature = "x509")]
pub(crate) fn certificates(folder: &Path) {
    let get =
        |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|_| panic!("{name}"));

    let desk = Desk::new();
    desk.put("device.pem", get("device.pem").as_bytes());
    let said = desk.call("x509 -in device.pem -noout -fingerprint -sha256");
    let said = String::from_utf8(said).expect("it is text");
    let (_, fingerprint) = said.trim().split_once('=').expect("a fingerprint");
    assert_eq!(fingerprint.replace(':', ""), get("thumbprint"));
    // OpenSSL agrees on both ends, but for the last second, in which it does not take it any more (RFC 5280 section
    // 4.1.2.5 does).
    let validity = get("validity");
    let (not_before, not_after) = validity.split_once(' ').expect("two moments");
    desk.put("ca.pem", get("ca.pem").as_bytes());
    let is_valid_at = |moment: u64| {
        let arguments = format!("verify -attime {moment} -CAfile ca.pem device.pem");
        desk.try_call(&arguments).status.success()
    };
    let (not_before, not_after): (u64, u64) =
        (not_before.parse().expect("a number"), not_after.parse().expect("a number"));
    assert_eq!(not_after - not_before, 30 * 86_400);
    assert!(is_valid_at(not_before) && is_valid_at(not_after - 1));
    assert!(!is_valid_at(not_before - 1) && !is_valid_at(not_after + 1));

    let is_checked = cfg!(any(feature = "ring", feature = "aws-lc-rs"));
    let mut expected = vec![
        ("good", ""),
        ("first", ""),
        ("last", ""),
        ("early", "error not-yet-valid"),
        ("late", "error expired"),
        ("zero", "error check-the-clock"),
        ("end", "error expired"),
        ("window", "warning expires-soon"),
        ("other-device", "error common-name-differs"),
        ("still-other-device", "error common-name-differs"),
        ("registration", ""),
        ("module", "error common-name-differs"),
        ("thumbprint", ""),
        ("other-thumbprint", "error thumbprint-differs"),
    ];
    if cfg!(all(feature = "keystore-file", feature = "keystore-software")) {
        expected.extend([("own-key", ""), ("other-key", "error key-differs")]);
    }
    for (name, finding) in expected {
        let json = get(&format!("{name}.json"));
        let Ok(Value::Array(findings)) = serde_json::from_str(&json) else {
            panic!("{name} is no array: {json}");
        };
        // Of the device's own certificate; those of the root come and go with it.
        let mut found = Vec::new();
        for finding in &findings {
            let object = finding.as_object().expect("an object");
            assert_eq!(object.len(), 4, "{json}");
            assert!(object["text"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
            let is_of_a_build = !is_checked && object["code"] == "signature-not-checked";
            if object["certificate"] == 0 && !is_of_a_build {
                found.push(format!(
                    "{} {}",
                    object["severity"].as_str().expect("a text"),
                    object["code"].as_str().expect("a text")
                ));
            } else {
                assert!(
                    object["certificate"].is_u64() || object["certificate"].is_null(),
                    "{json}"
                );
            }
        }
        assert_eq!(found.join(", "), finding, "{name}: {json}");
        assert!(!(is_checked && finding.is_empty()) || json == "[]", "{name}: {json}");
    }

    #[cfg(feature = "tls")]
    {
        // OpenSSL knows all the names, and takes none to mean more.
        for (option, file) in [("-tls1_2 -s", "cipher-list"), ("-tls1_3 -s", "ciphersuites")] {
            let names = get(file);
            let mut arguments = format!("ciphers {option} -ciphersuites {names}");
            if file == "cipher-list" {
                arguments = format!("ciphers {option} {names}");
            }
            let known = String::from_utf8(desk.call(&arguments)).expect("it is text");
            let known: Vec<_> = known.trim().split(':').collect();
            for name in names.split(':') {
                assert!(known.contains(&name), "{name} is not in {known:?}");
            }
        }
        for cloud in 1..=3 {
            let anchors = get(&format!("anchors-{cloud}.pem"));
            desk.put("anchors.pem", anchors.as_bytes());
            let count = anchors.matches("-----BEGIN CERTIFICATE-----").count();
            // What it can read, it can write; and a root is one that it verifies by itself.
            desk.call("crl2pkcs7 -nocrl -certfile anchors.pem -out anchors.p7");
            let listed = desk.call("pkcs7 -in anchors.p7 -print_certs -noout");
            let listed = String::from_utf8(listed).expect("it is text");
            assert!(count > 0 && listed.matches("subject=").count() == count, "{cloud}: {listed}");
        }
    }
}
