//! Replays every committed seed through the body of its fuzz target, so that what fuzzing once found
//! stays found on a stable compiler; and holds the seeds to what they are for.

#![expect(clippy::std_instead_of_alloc, reason = "this test has the standard library")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hubward::keystore::KeyName;
#[cfg(all(feature = "keystore-file", unix))]
use hubward::keystore::file::FileStoreError;
use hubward::sas::{ResourceUri, SasToken};
use hubward::{ConnectionString, DeviceId, HubHost, RegistrationId};

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "in the fuzz package it is a library")]
mod bodies;

/// Whether the targets of certificates are built.
const HAS_X509: bool = cfg!(all(feature = "keystore-software", feature = "ring", feature = "x509"));
const OF_X509: [&str; 4] = ["certificate", "pem", "private_key", "renewal_policy"];
const HAS_TLS: bool = cfg!(all(feature = "keystore-software", feature = "ring", feature = "tls"));
const OF_TLS: [&str; 2] = ["diagnose", "trust_anchors"];
const HAS_FILE_STORE: bool = cfg!(all(feature = "keystore-file", unix));
const HAS_SESSION: bool = cfg!(feature = "session");
const HAS_PREFLIGHT: bool = HAS_X509 && HAS_SESSION;
const HAS_CAPI: bool = cfg!(feature = "capi");

/// Whether the target of that name is built.
fn is_built(name: &str) -> bool {
    match name {
        "file_store" => HAS_FILE_STORE,
        "storage_uri" => HAS_SESSION,
        "preflight" => HAS_PREFLIGHT,
        "capi" => HAS_CAPI,
        name if OF_TLS.contains(&name) => HAS_TLS,
        name if OF_X509.contains(&name) => HAS_X509,
        _ => true,
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the fuzz targets, as fuzz/Cargo.toml has them, but for what is not built here.
fn targets() -> Vec<String> {
    let manifest = read(&root().join("fuzz/Cargo.toml"));
    let mut in_target = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_target = line == "[[bin]]";
        } else if in_target
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            names.push(value.trim().trim_matches('"').to_owned());
        }
    }
    assert!(!names.is_empty(), "fuzz/Cargo.toml has no [[bin]]");
    names.retain(|name| is_built(name));
    names
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}: commit seeds", folder.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
    seeds
}

fn texts(target: &str) -> impl Iterator<Item = String> {
    let seeds = seeds(target).into_iter();
    seeds.filter_map(|(_, seed)| String::from_utf8(seed).ok())
}

#[test]
fn every_seed_keeps_the_invariants() {
    let mut broken = Vec::new();
    for target in targets() {
        let body = bodies::BODIES.iter().find(|(name, _)| *name == target);
        let (_, body) = body.unwrap_or_else(|| panic!("{target} has no body in fuzz/src/lib.rs"));
        for (path, seed) in seeds(&target) {
            if let Err(panic) = std::panic::catch_unwind(|| body(&seed)) {
                let why = panic.downcast_ref::<String>().map(String::as_str);
                let why = why.or(panic.downcast_ref::<&str>().copied());
                let why = why.unwrap_or_default();
                broken.push(format!("{}: {why}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these break an invariant: {broken:#?}");
}

#[test]
fn every_folder_and_body_has_a_target() {
    let targets: BTreeSet<String> = targets().into_iter().collect();
    let folders: BTreeSet<String> = fs::read_dir(root().join("fuzz/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| is_built(name))
        .collect();
    assert_eq!(folders, targets, "fuzz/corpus and the [[bin]]s of fuzz/Cargo.toml");
    let bodies: BTreeSet<String> = bodies::BODIES.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(bodies, targets, "BODIES and the [[bin]]s of fuzz/Cargo.toml");
    for target in targets {
        let dictionary = root().join(format!("fuzz/{target}.dict"));
        assert!(dictionary.is_file(), "{} is missing", dictionary.display());
    }
}

#[test]
fn seeds_are_few_and_small() {
    for target in targets() {
        let seeds = seeds(&target);
        assert!(seeds.len() <= 100, "{target}: {} seeds: thin them out", seeds.len());
        for (path, seed) in seeds {
            assert!(seed.len() <= 2048, "{}: {} bytes", path.display(), seed.len());
        }
    }
}

/// The variants of an enum, out of its source: one that is added is one that needs a seed.
fn variants(file: &str, name: &str) -> BTreeSet<String> {
    let source = read(&root().join(file));
    let (_, body) = source
        .split_once(&format!("\npub enum {name} {{\n"))
        .unwrap_or_else(|| panic!("{file} has no {name}"));
    let (body, _) = body.split_once("\n}\n").unwrap();
    body.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| variant(&line))
        .collect()
}

/// The name in front of the fields, if there are any.
fn variant(value: &impl core::fmt::Display) -> String {
    let text = value.to_string();
    let name = text.split(|c: char| !c.is_ascii_alphanumeric()).next();
    name.unwrap_or_default().to_owned()
}

fn hit<E: core::fmt::Debug>(errors: impl Iterator<Item = E>) -> BTreeSet<String> {
    errors.map(|error| variant(&format_args!("{error:?}"))).collect()
}

fn assert_all_hit(
    what: &str,
    mut variants: BTreeSet<String>,
    unreachable: &[&str],
    hit: &BTreeSet<String>,
) {
    for variant in unreachable {
        assert!(variants.remove(*variant), "{what} has no {variant}");
        assert!(!hit.contains(*variant), "{what}::{variant} can be reached after all");
    }
    let missing: Vec<_> = variants.difference(hit).collect();
    assert!(missing.is_empty(), "no seed brings {what}::{missing:?}");
}

#[test]
fn every_error_has_a_seed() {
    let errors =
        hit(texts("connection_string").filter_map(|text| ConnectionString::parse(&text).err()));
    assert_all_hit(
        "ConnectionStringError",
        variants("src/identity/connection_string.rs", "ConnectionStringError"),
        // What was parsed can be written.
        &["NotRepresentable"],
        &errors,
    );

    let errors = hit(texts("sas_token").filter_map(|text| SasToken::parse(&text).err()));
    assert_all_hit(
        "TokenParseError",
        variants("src/sas/token.rs", "TokenParseError"),
        &[],
        &errors,
    );

    let errors = hit(texts("names").flat_map(|text| {
        [HubHost::new(&text).err(), DeviceId::new(&text).err(), RegistrationId::new(&text).err()]
            .into_iter()
            .flatten()
    }));
    assert_all_hit("NameError", variants("src/identity/names.rs", "NameError"), &[], &errors);

    let errors = hit(texts("names").flat_map(|text| {
        [ResourceUri::parse(&text).err(), ResourceUri::service_bus(&text).err()]
            .into_iter()
            .flatten()
    }));
    assert_all_hit(
        "ResourceUriError",
        variants("src/sas/resource.rs", "ResourceUriError"),
        &[],
        &errors,
    );

    let errors = hit(texts("key_name").filter_map(|text| KeyName::new(&text).err()));
    assert_all_hit("KeyNameError", variants("src/keystore/name.rs", "KeyNameError"), &[], &errors);
}

#[cfg(feature = "session")]
#[test]
fn every_reason_against_a_place_has_a_seed() {
    let seeds = seeds("storage_uri").into_iter();
    let reasons = seeds.flat_map(|(_, seed)| bodies::storage_uri::reasons(&seed));
    assert_all_hit(
        "StorageReason",
        variants("src/session/storage.rs", "StorageReason"),
        // More bytes than a seed may have.
        &["TooLong"],
        &hit(reasons),
    );
}

#[cfg(all(feature = "keystore-software", feature = "ring", feature = "session", feature = "x509"))]
#[test]
fn every_reason_of_a_refusal_has_a_seed() {
    let seeds = seeds("preflight").into_iter();
    let found: BTreeSet<_> =
        seeds.flat_map(|(_, seed)| bodies::preflight::codes_found(&seed)).collect();
    let all: BTreeSet<_> = hubward::session::preflight::Reason::CODES.iter().copied().collect();
    let missing: Vec<_> = all.difference(&found).collect();
    assert!(missing.is_empty(), "no seed of `preflight` brings {missing:?}");
}

/// The reasons of damage are told apart as well: there are many ways to be damaged.
#[cfg(all(feature = "keystore-file", unix))]
#[test]
fn every_error_of_a_file_has_a_seed() {
    let seeds = seeds("file_store").into_iter();
    let errors: Vec<_> = seeds.filter_map(|(_, seed)| bodies::file_store::error(&seed)).collect();
    assert_all_hit(
        "FileStoreError",
        variants("src/keystore/file/mod.rs", "FileStoreError"),
        // These are not about the bytes of a file.
        &["NotFound", "NotSynced", "AlreadyExists", "NotPrivate", "Io", "WeakKey", "Key"],
        &hit(errors.iter()),
    );

    let source = read(&root().join("src/keystore/file/format.rs"));
    let reasons = source.split("damaged(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let reasons: BTreeSet<&str> = reasons.collect();
    assert!(!reasons.is_empty());
    for reason in reasons {
        let found = errors
            .iter()
            .any(|error| matches!(error, FileStoreError::Damaged(found) if *found == reason));
        assert!(found, "no seed brings `{reason}`");
    }
}

#[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
#[test]
fn every_error_of_certificates_has_a_seed() {
    let errors = seeds("certificate").into_iter();
    let errors = hit(errors.filter_map(|(_, seed)| bodies::certificate::error(&seed)));
    assert_all_hit(
        "CertificateError",
        variants("src/x509/parse.rs", "CertificateError"),
        // More bytes than a seed may have.
        &["TooLong"],
        &errors,
    );

    let errors = seeds("pem")
        .into_iter()
        .flat_map(|(_, seed)| bodies::pem::errors(&seed).collect::<Vec<_>>());
    let of_keys = seeds("private_key")
        .into_iter()
        .flat_map(|(_, seed)| bodies::private_key::errors(&seed).collect::<Vec<_>>());
    assert_all_hit(
        "PemError",
        variants("src/x509/pem.rs", "PemError"),
        // More bytes than a seed may have.
        &["TooLong"],
        &hit(errors.chain(of_keys)),
    );

    let errors = texts("renewal_policy")
        .flat_map(|text| bodies::renewal_policy::errors(&text).collect::<Vec<_>>());
    assert_all_hit(
        "RenewalPolicyError",
        variants("src/x509/renewal.rs", "RenewalPolicyError"),
        &[],
        &hit(errors),
    );
}

/// A seed that was once read by mistake is called after its error, and has it.
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
#[test]
fn certificates_are_refused_where_their_name_says_so() {
    for (path, seed) in seeds("certificate") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let error = bodies::certificate::error(&seed);
        let found = error.as_ref().map(|error| variant(&format_args!("{error:?}")));
        // `err-not-der-empty` is for `NotDer`; of a chain the second certificate is too much.
        let words = name.strip_prefix("err-").map(|name| name.replace('-', ""));
        match (words, found.map(|found| found.to_ascii_lowercase())) {
            (Some(words), Some(found)) => {
                let is_so = words.starts_with(&found) || found.starts_with(&words);
                assert!(is_so, "{name}: {found}");
            }
            (None, None) => {}
            (None, Some(found)) => assert_eq!(found, "trailingbytes", "{name}"),
            (Some(_), None) => panic!("{name} is read"),
        }
    }
}

/// What is found in chains that nobody expects anything of in particular, or what the target expects.
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
#[test]
fn every_finding_has_a_seed() {
    let found: BTreeSet<_> = seeds("certificate")
        .into_iter()
        .flat_map(|(_, seed)| bodies::certificate::codes_found(&seed))
        .collect();
    let all: BTreeSet<_> = hubward::x509::What::CODES.iter().copied().collect();
    let missing: Vec<_> = all.difference(&found).collect();
    assert!(missing.is_empty(), "no seed of `certificate` brings {missing:?}");
}

#[cfg(all(feature = "keystore-software", feature = "ring", feature = "tls"))]
#[test]
fn every_error_of_tls_has_a_seed() {
    let errors = seeds("trust_anchors")
        .into_iter()
        .flat_map(|(_, seed)| bodies::trust_anchors::errors(&seed).collect::<Vec<_>>());
    assert_all_hit(
        "TrustAnchorError",
        variants("src/tls/roots.rs", "TrustAnchorError"),
        // No bytes are read for that.
        &["Platform"],
        &hit(errors),
    );

    let codes: BTreeSet<&str> =
        seeds("diagnose").into_iter().map(|(_, seed)| bodies::diagnose::code(&seed)).collect();
    let missing: Vec<_> =
        hubward::tls::Fault::CODES.iter().filter(|code| !codes.contains(*code)).collect();
    assert!(missing.is_empty(), "no seed brings {missing:?}");
}
