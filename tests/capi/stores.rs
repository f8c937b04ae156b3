//! Stores, private keys, certificates and requests: where they are compiled in, and where not.

use std::ptr;

use hubward::capi::*;

use crate::calls::{NOW, at};

const PASSPHRASE: &str = "a passphrase of this test";

/// Null for each pointer, which every build refuses, also one that has nothing behind it.
#[test]
fn null_is_refused_everywhere() {
    let (mut store, mut key, mut mac_key, mut certificate) =
        (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let (store, key, mac_key, certificate) =
        (&raw mut store, &raw mut key, &raw mut mac_key, &raw mut certificate);
    let (mut len, mut moment) = (0, 0);
    let (len, moment) = (&raw mut len, &raw mut moment);
    let (text, n) = (at("abc"), 3);
    let byte = text.cast();
    // SAFETY: each call has a null, which is refused before anything is read.
    let statuses = unsafe {
        [
            hubward_store_create(ptr::null(), 0, text, n, store),
            hubward_store_create(text, n, ptr::null(), 0, store),
            hubward_store_create(text, n, text, n, ptr::null_mut()),
            hubward_store_open(ptr::null(), 0, text, n, store),
            hubward_store_open(text, n, ptr::null(), 0, store),
            hubward_store_open(text, n, text, n, ptr::null_mut()),
            hubward_store_create_with_key(text, n, ptr::null(), store),
            hubward_store_open_with_key(text, n, ptr::null(), store),
            hubward_store_generate(ptr::null(), text, n, HUBWARD_KEY_SYMMETRIC),
            hubward_store_import(ptr::null(), text, n, text, n),
            hubward_store_import_private_der(ptr::null(), text, n, byte, n),
            hubward_store_import_private_pem(ptr::null(), text, n, text, n),
            hubward_store_list(ptr::null(), ptr::null_mut(), 0, len),
            hubward_store_delete(ptr::null(), text, n),
            hubward_store_mac_key(ptr::null(), text, n, mac_key),
            hubward_store_signing_key(ptr::null(), text, n, key),
            hubward_signing_key_sign(ptr::null(), 0, byte, n, ptr::null_mut(), 0, len),
            hubward_signing_key_public_key(ptr::null(), ptr::null_mut(), 0, len),
            hubward_certificate_parse(ptr::null(), 0, certificate),
            hubward_certificate_parse(text, n, ptr::null_mut()),
            hubward_certificate_expect_device(ptr::null(), text, n, ptr::null(), 0),
            hubward_certificate_expect_registration(ptr::null(), text, n),
            hubward_certificate_expect_key(ptr::null(), ptr::null()),
            hubward_certificate_expect_window(ptr::null(), 1),
            hubward_certificate_expect_trust_anchors(ptr::null(), text, n),
            hubward_certificate_expect_thumbprint(ptr::null(), text, n),
            hubward_certificate_judge(ptr::null(), NOW, ptr::null_mut(), 0, len),
            hubward_certificate_validity(ptr::null(), moment, moment),
            hubward_certificate_thumbprint(ptr::null(), ptr::null_mut(), 0, len),
            hubward_certificate_request(
                ptr::null(),
                text,
                n,
                ptr::null(),
                0,
                ptr::null_mut(),
                0,
                len,
            ),
            hubward_certificate_request_for_registration(
                ptr::null(),
                text,
                n,
                ptr::null_mut(),
                0,
                len,
            ),
        ]
    };
    for (index, status) in statuses.into_iter().enumerate() {
        assert_eq!(status, HUBWARD_NULL_POINTER, "call {index}");
    }
    // SAFETY: null is refused, or fine.
    unsafe {
        let public = hubward_signing_key_public_key;
        let public = crate::calls::bytes(|out, cap, len| public(ptr::null(), out, cap, len));
        assert_eq!(public, Err(HUBWARD_NULL_POINTER));
        hubward_store_free(ptr::null_mut());
        hubward_signing_key_free(ptr::null_mut());
        hubward_certificate_free(ptr::null_mut());
    }
}

#[cfg(not(all(feature = "keystore-file", unix)))]
#[test]
fn without_a_store_there_is_none() {
    let new = [hubward_store_create, hubward_store_open];
    for new in new {
        // SAFETY: texts with their lengths, and a place for the result or null.
        let store = crate::calls::made(|out| unsafe {
            new(at("x"), 1, at(PASSPHRASE), PASSPHRASE.len(), out)
        });
        assert_eq!(store, Err(HUBWARD_NOT_COMPILED_IN));
    }
}

#[cfg(not(feature = "x509"))]
#[test]
fn without_certificates_there_is_none() {
    // SAFETY: a text with its length, and a place for the result or null.
    let certificate =
        crate::calls::made(|out| unsafe { hubward_certificate_parse(at("x"), 1, out) });
    assert_eq!(certificate, Err(HUBWARD_NOT_COMPILED_IN));
}

#[cfg(all(feature = "keystore-file", unix))]
mod in_a_file {
    use super::*;
    use crate::callbacks::Chip;
    use crate::calls::{
        CONNECTION, KEY, RESOURCE, made, refuses_what_is_no_text, sign, signer_of, text,
    };

    pub(super) fn open(
        new: unsafe extern "C" fn(
            *const core::ffi::c_char,
            usize,
            *const core::ffi::c_char,
            usize,
            *mut *mut hubward_store,
        ) -> hubward_status,
        path: &str,
        passphrase: &str,
    ) -> Result<*mut hubward_store, hubward_status> {
        let mut store = ptr::null_mut();
        // SAFETY: texts with their lengths, and a place for the result.
        let status =
            unsafe { new(at(path), path.len(), at(passphrase), passphrase.len(), &raw mut store) };
        if status == HUBWARD_OK { Ok(store) } else { Err(status) }
    }

    pub(super) fn list(store: *const hubward_store) -> Result<String, hubward_status> {
        // SAFETY: a store, and a buffer or null with its length.
        text(|out, cap, len| unsafe { hubward_store_list(store, out, cap, len) })
    }

    /// A path in a folder that is removed at the end.
    pub(super) fn place() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("private/keys").to_str().expect("it is text").to_owned();
        (folder, path)
    }

    #[test]
    fn a_key_is_kept_listed_used_and_deleted() {
        let (_folder, path) = place();
        let before = open(hubward_store_open, &path, PASSPHRASE);
        assert!(matches!(before, Err(HUBWARD_STORE_NOT_FOUND | HUBWARD_STORE_NOT_PRIVATE)));
        let store = open(hubward_store_create, &path, PASSPHRASE).expect("a store");
        let again = open(hubward_store_create, &path, PASSPHRASE);
        assert_eq!(again, Err(HUBWARD_STORE_ALREADY_EXISTS));
        assert_eq!(open(hubward_store_open, &path, "wrong"), Err(HUBWARD_STORE_WRONG_KEY));
        assert_eq!(list(store), Ok(String::new()));

        let import = |name: &str, key: &str| {
            // SAFETY: a store, and texts with their lengths.
            unsafe { hubward_store_import(store, at(name), name.len(), at(key), key.len()) }
        };
        assert_eq!(import("hub.primary", KEY), HUBWARD_OK);
        assert_eq!(import("hub.primary", KEY), HUBWARD_KEY_ALREADY_EXISTS);
        assert_eq!(import("../x", KEY), HUBWARD_KEY_NAME_LEADING_DOT);
        assert_eq!(import("x", "?"), HUBWARD_KEY_NOT_BASE64);
        // SAFETY: a store, and texts with their lengths.
        let generate =
            |name: &str, kind| unsafe { hubward_store_generate(store, at(name), name.len(), kind) };
        assert_eq!(generate("made", HUBWARD_KEY_SYMMETRIC), HUBWARD_OK);
        assert_eq!(generate("made", HUBWARD_KEY_SYMMETRIC), HUBWARD_OK, "it is there");
        assert_eq!(generate("made", 0), HUBWARD_INVALID_ARGUMENT);
        assert_eq!(generate("made", 5), HUBWARD_INVALID_ARGUMENT);
        assert_eq!(
            list(store),
            Ok("hub.primary symmetric passphrase\nmade symmetric passphrase\n".to_owned())
        );
        // SAFETY: given back once.
        unsafe { hubward_store_free(store) };

        let store = open(hubward_store_open, &path, PASSPHRASE).expect("the store");
        let key = |name: &str| {
            // SAFETY: a store, a text with its length, and a place for the result or null.
            made(|out| unsafe { hubward_store_mac_key(store, at(name), name.len(), out) })
        };
        assert_eq!(key("other"), Err(HUBWARD_KEY_NOT_FOUND));
        let primary = key("hub.primary").expect("the key");
        // SAFETY: what was made, given back once each; texts with their lengths; places.
        unsafe {
            let delete = |name: &str| hubward_store_delete(store, at(name), name.len());
            assert_eq!(delete("hub.primary"), HUBWARD_OK);
            assert_eq!(delete("hub.primary"), HUBWARD_KEY_NOT_FOUND);
            refuses_what_is_no_text(|text, len| hubward_store_delete(store, text, len));
            refuses_what_is_no_text(|text, len| hubward_store_generate(store, text, len, 1));
            hubward_store_free(store);
            // A handle goes on.
            let signer = made(|out| {
                let (resource, len) = (at(RESOURCE), RESOURCE.len());
                hubward_signer_from_mac_key(resource, len, ptr::null(), 0, primary, out)
            });
            let (signer, plain) = (signer.expect("a signer"), signer_of(CONNECTION).expect("one"));
            assert_eq!(sign(signer, NOW), sign(plain, NOW));
            hubward_signer_free(signer);
            hubward_signer_free(plain);
            hubward_mac_key_free(primary);
        }
    }

    #[test]
    fn a_chip_opens_its_store_and_no_other_does() {
        let (_folder, path) = place();
        let chip = Chip::default();
        let key = chip.key();
        // SAFETY: what was made, given back once each; texts with their lengths; places.
        unsafe {
            let new = |new: unsafe extern "C" fn(_, _, _, _) -> _, key| {
                let mut store = ptr::null_mut();
                match new(at(&path), path.len(), key, &raw mut store) {
                    HUBWARD_OK => Ok(store),
                    status => Err::<*mut hubward_store, hubward_status>(status),
                }
            };
            hubward_store_free(
                new(hubward_store_create_with_key, key.cast_const()).expect("a store"),
            );
            let store = new(hubward_store_open_with_key, key.cast_const()).expect("the store");
            assert_eq!(list(store), Ok(String::new()));
            hubward_store_free(store);

            chip.answer.store(9, std::sync::atomic::Ordering::Relaxed);
            let failed = new(hubward_store_open_with_key, key.cast_const());
            assert_eq!(failed, Err(HUBWARD_KEY_FAILED));
            let other = made(|out| hubward_mac_key_new(at("AAAA"), 4, out)).expect("a key");
            let refused = new(hubward_store_open_with_key, other.cast_const());
            assert_eq!(refused, Err(HUBWARD_STORE_WRONG_KEY));
            let passphrase = open(hubward_store_open, &path, PASSPHRASE);
            assert_eq!(passphrase, Err(HUBWARD_STORE_OTHER_KIND_OF_KEY));
            hubward_mac_key_free(other);
            hubward_mac_key_free(key);
        }
    }
}

#[cfg(all(
    feature = "keystore-file",
    feature = "keystore-software",
    feature = "x509-issue",
    feature = "ring",
    unix
))]
mod with_certificates {
    use core::time::Duration;
    use std::process::Command;

    use hubward::keystore::{KeyKind, SoftwareSigningKey};
    use hubward::x509::{CertificateRequest, RING_ALGORITHMS, Validity, self_signed};
    use hubward::{DeviceId, UnixTime};

    use super::in_a_file::{list, open, place};
    use super::*;
    use crate::c_library::succeed;
    use crate::calls::{bytes, made, text};

    fn signing_key(store: *const hubward_store, name: &str) -> *mut hubward_signing_key {
        // SAFETY: a store, a text with its length, and a place for the result or null.
        made(|out| unsafe { hubward_store_signing_key(store, at(name), name.len(), out) })
            .expect("the key")
    }

    #[test]
    fn a_private_key_signs_what_openssl_verifies() {
        let (folder, path) = place();
        let store = open(hubward_store_create, &path, PASSPHRASE).expect("a store");
        // SAFETY: what was made, given back once each; texts and bytes with their lengths; places.
        unsafe {
            let kinds = [
                ("p256", HUBWARD_KEY_ECDSA_P256, HUBWARD_SIGN_ECDSA_P256_SHA256, "-sha256"),
                ("p384", HUBWARD_KEY_ECDSA_P384, HUBWARD_SIGN_ECDSA_P384_SHA384, "-sha384"),
            ];
            for (name, kind, algorithm, hash) in kinds {
                assert_eq!(hubward_store_generate(store, at(name), 4, kind), HUBWARD_OK);
                let key = signing_key(store, name);
                let message = b"a message";
                let sign = |algorithm| {
                    bytes(|out, cap, len| {
                        let (at, n) = (message.as_ptr(), message.len());
                        hubward_signing_key_sign(key, algorithm, at, n, out, cap, len)
                    })
                };
                let signature = sign(HUBWARD_SIGN_DEFAULT).expect("a signature");
                assert!(signature.len() <= HUBWARD_SIGNATURE_MAX);
                assert!(sign(algorithm).is_ok());
                assert_eq!(
                    sign(HUBWARD_SIGN_RSA_PSS_SHA256),
                    Err(HUBWARD_KEY_UNSUPPORTED_ALGORITHM)
                );
                assert_eq!(sign(99), Err(HUBWARD_INVALID_ARGUMENT));
                let public =
                    bytes(|out, cap, len| hubward_signing_key_public_key(key, out, cap, len));
                let write = |file: &str, bytes: &[u8]| {
                    let path = folder.path().join(file);
                    std::fs::write(&path, bytes).expect("a file can be written");
                    path
                };
                let mut openssl = Command::new("openssl");
                openssl.args(["dgst", hash, "-keyform", "DER", "-verify"]);
                openssl.arg(write("public", &public.expect("a key"))).arg("-signature");
                openssl.arg(write("signature", &signature)).arg(write("message", message));
                succeed(openssl);

                // Of nothing as well.
                let empty = bytes(|out, cap, len| {
                    hubward_signing_key_sign(key, 0, ptr::null(), 0, out, cap, len)
                });
                assert!(empty.is_ok());
                hubward_signing_key_free(key);
            }
            let kept = "p256 ecdsa-p256 passphrase\np384 ecdsa-p384 passphrase\n";
            assert_eq!(list(store).as_deref(), Ok(kept));
            let mac = made(|out| hubward_store_mac_key(store, at("p256"), 4, out));
            assert_eq!(mac, Err(HUBWARD_KEY_WRONG_KIND));
            hubward_store_free(store);
        }
    }

    #[test]
    fn private_keys_come_from_der_and_pem() {
        let (folder, path) = place();
        let store = open(hubward_store_create, &path, PASSPHRASE).expect("a store");
        let run = |arguments: &str| {
            let mut openssl = Command::new("openssl");
            openssl.current_dir(folder.path()).args(arguments.split(' '));
            succeed(openssl);
        };
        run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem");
        run("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der");
        let read = |name: &str| std::fs::read(folder.path().join(name)).expect("a file");
        let (pem, der) = (read("key.pem"), read("key.der"));
        // SAFETY: what was made, given back once each; texts and bytes with their lengths; places.
        unsafe {
            let import_pem = |name: &str, pem: &[u8]| {
                let (pem, n) = (pem.as_ptr().cast(), pem.len());
                hubward_store_import_private_pem(store, at(name), name.len(), pem, n)
            };
            let import_der = |name: &str, der: &[u8]| {
                let (der, n) = (der.as_ptr(), der.len());
                hubward_store_import_private_der(store, at(name), name.len(), der, n)
            };
            assert_eq!(import_pem("pem", &pem), HUBWARD_OK);
            assert_eq!(import_der("der", &der), HUBWARD_OK);
            assert_eq!(import_der("der", &der), HUBWARD_KEY_ALREADY_EXISTS);
            assert_eq!(import_der("x", &der[1..]), HUBWARD_KEY_INVALID_PRIVATE_KEY);
            assert_eq!(import_der("x", &pem), HUBWARD_KEY_INVALID_PRIVATE_KEY);
            assert_eq!(import_pem("x", &der), HUBWARD_PEM_IS_DER);
            let public = |name| {
                let key = signing_key(store, name);
                let public =
                    bytes(|out, cap, len| hubward_signing_key_public_key(key, out, cap, len));
                hubward_signing_key_free(key);
                public.expect("a public key")
            };
            assert_eq!(public("pem"), public("der"));
            hubward_store_free(store);
        }
    }

    #[test]
    fn a_request_is_made_by_the_key_of_a_store() {
        let (_folder, path) = place();
        let store = open(hubward_store_create, &path, PASSPHRASE).expect("a store");
        // SAFETY: what was made, given back once each; texts with their lengths; places.
        unsafe {
            let kind = HUBWARD_KEY_ECDSA_P256;
            assert_eq!(hubward_store_generate(store, at("key"), 3, kind), HUBWARD_OK);
            let key = signing_key(store, "key");
            let request = |device: &str, module: Option<&str>| {
                let (module, n) = module.map_or((ptr::null(), 0), |m| (at(m), m.len()));
                text(|out, cap, len| {
                    let (device, d) = (at(device), device.len());
                    hubward_certificate_request(key, device, d, module, n, out, cap, len)
                })
            };
            let registration = |id: &str| {
                text(|out, cap, len| {
                    let (id, n) = (at(id), id.len());
                    hubward_certificate_request_for_registration(key, id, n, out, cap, len)
                })
            };
            for (pem, name) in [
                (request("pump-7", None), "pump-7"),
                (request("pump-7", Some("m")), "pump-7/m"),
                (registration("reg-1"), "reg-1"),
            ] {
                let request = CertificateRequest::from_pem(pem.expect("a request").as_bytes());
                let request = request.expect("it can be read");
                assert_eq!(request.common_name(), Some(name));
                assert_eq!(request.check_possession(RING_ALGORITHMS), Ok(()));
            }
            assert_eq!(request("a b", None), Err(HUBWARD_NAME_INVALID_CHARACTER));
            assert_eq!(registration(""), Err(HUBWARD_NAME_EMPTY));
            hubward_signing_key_free(key);
            hubward_store_free(store);
        }
    }

    #[test]
    fn a_certificate_is_judged_against_what_is_expected() {
        let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256).expect("a key");
        let validity = Validity::starting(UnixTime::from_secs(NOW), Duration::from_secs(1000));
        let device = DeviceId::new("pump-7").expect("an ID");
        let pem = self_signed(&key, &device, validity).expect("a certificate").to_pem();
        let (_folder, path) = place();
        let store = open(hubward_store_create, &path, PASSPHRASE).expect("a store");
        // SAFETY: what was made, given back once each; texts with their lengths; places.
        unsafe {
            let parse = |pem: &str| made(|out| hubward_certificate_parse(at(pem), pem.len(), out));
            assert_eq!(parse("x"), Err(HUBWARD_PEM_NO_BLOCK));
            let certificate = parse(&pem).expect("a certificate");
            let codes = |now| {
                let json = text(|out, cap, len| {
                    hubward_certificate_judge(certificate, now, out, cap, len)
                });
                let json: serde_json::Value =
                    serde_json::from_str(&json.expect("a judgement")).expect("it is JSON");
                let findings = json.as_array().expect("an array").clone();
                let code =
                    |finding: &serde_json::Value| finding["code"].as_str().unwrap().to_owned();
                findings.iter().map(code).collect::<Vec<_>>()
            };
            let has = |code: &str, now| codes(now).iter().any(|found| found == code);

            let (mut from, mut to) = (0, 0);
            let ask = hubward_certificate_validity;
            assert_eq!(ask(certificate, &raw mut from, &raw mut to), HUBWARD_OK);
            assert_eq!((from, to), (validity.not_before.as_secs(), validity.not_after.as_secs()));
            assert_eq!(ask(certificate, ptr::null_mut(), &raw mut to), HUBWARD_NULL_POINTER);
            assert_eq!(ask(certificate, &raw mut from, ptr::null_mut()), HUBWARD_NULL_POINTER);
            let thumbprint =
                text(|out, cap, len| hubward_certificate_thumbprint(certificate, out, cap, len))
                    .expect("a thumbprint");

            let alone = codes(NOW);
            assert!(has("clock-unknown", 0));
            assert!(!has("clock-unknown", NOW));
            assert!(has("expired", to + 1) && !has("expired", NOW));

            let window = hubward_certificate_expect_window;
            assert_eq!(window(certificate, 5000), HUBWARD_OK);
            assert_ne!(codes(NOW), alone);
            assert_eq!(window(certificate, 0), HUBWARD_OK);
            assert_eq!(codes(NOW), alone);

            let expect = |device: &str, module: Option<&str>| {
                let (module, n) = module.map_or((ptr::null(), 0), |m| (at(m), m.len()));
                let (device, d) = (at(device), device.len());
                hubward_certificate_expect_device(certificate, device, d, module, n)
            };
            assert_eq!(expect("pump-7", None), HUBWARD_OK);
            assert_eq!(codes(NOW), alone);
            for module in [None, Some("m")] {
                assert_eq!(
                    expect(if module.is_some() { "pump-7" } else { "pump-8" }, module),
                    HUBWARD_OK
                );
                assert!(has("common-name-differs", NOW), "{:?}", codes(NOW));
            }
            assert_eq!(expect("a b", None), HUBWARD_NAME_INVALID_CHARACTER);
            let registration = hubward_certificate_expect_registration;
            assert_eq!(registration(certificate, at("PUMP-7"), 6), HUBWARD_OK);
            assert_eq!(codes(NOW), alone);

            let kind = HUBWARD_KEY_ECDSA_P256;
            assert_eq!(hubward_store_generate(store, at("key"), 3, kind), HUBWARD_OK);
            let other = signing_key(store, "key");
            assert_eq!(hubward_certificate_expect_key(certificate, other), HUBWARD_OK);
            hubward_signing_key_free(other);
            assert!(has("key-differs", NOW), "{:?}", codes(NOW));

            let certificate_of_the_key = parse(&pem).expect("a certificate");
            let json = |certificate| {
                text(|out, cap, len| hubward_certificate_judge(certificate, NOW, out, cap, len))
            };
            let anchors = hubward_certificate_expect_trust_anchors;
            let before = json(certificate_of_the_key);
            assert_eq!(anchors(certificate_of_the_key, at(&pem), pem.len()), HUBWARD_OK);
            assert_ne!(before.as_deref(), Ok("[]"));
            assert_eq!(anchors(certificate_of_the_key, at("x"), 1), HUBWARD_PEM_NO_BLOCK);
            let print = |text: &str| {
                hubward_certificate_expect_thumbprint(certificate_of_the_key, at(text), text.len())
            };
            assert_eq!(print("12"), HUBWARD_THUMBPRINT_WRONG_LENGTH);
            assert_eq!(print(&"x".repeat(64)), HUBWARD_THUMBPRINT_NOT_HEX);
            assert_eq!(print(&thumbprint), HUBWARD_OK);
            assert_eq!(json(certificate_of_the_key).as_deref(), Ok("[]"));
            hubward_certificate_free(certificate_of_the_key);
            hubward_certificate_free(certificate);
            hubward_store_free(store);
        }
    }
}
