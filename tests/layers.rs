//! The floors of the house: who may import whom, what stays in its room, and what stays out.
//!
//! A module imports only from floors below its own; neighbours on a floor do not know each other.
//! That keeps every part readable without the ones above it, and no compiler checks it inside one
//! crate. So this test reads the paths in `src` and names each breach.

#[path = "common/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use source::{Source, Token, sources};

/// The modules of the house and the floor that each stands on; the crate's face, which names them
/// all, stands above. A new one is entered here first.
const FLOORS: [(&str, u8); 14] = [
    ("error", 0),
    ("secret", 1),
    ("time", 1),
    ("encoding", 1),
    ("keystore", 2),
    ("identity", 2),
    ("sas", 3),
    ("x509", 3),
    ("tls", 4),
    ("session", 4),
    ("capi", 5),
    ("provisioning", 5),
    ("posture", 5),
    ("lib", u8::MAX),
];

/// The crate's face must stay short enough to be read at once.
const FACE: &str = "lib";
const FACE_LINES: usize = 150;

/// The C interface, which nothing else may know of.
const TOP: &str = "capi";

/// Beginnings of paths, and the files or folders that may use them: foreign types stay in their
/// room; the clock and the file system are reached through one door each, the environment and
/// threads through none. The file that loads PEM joins the doors of `std::fs` when it is there.
const ROOMS: [(&[&str], &[&str]); 11] = [
    (&["std", "env"], &[]),
    (&["std", "thread"], &[]),
    (&["std", "fs"], &["keystore/file/", "keystore/fs_check.rs", "keystore/systemd.rs"]),
    (&["std", "time", "SystemTime"], &["time.rs"]),
    (&["std", "time", "Instant"], &["time.rs"]),
    (&["rustls"], &["tls/"]),
    (&["webpki"], &["x509/chain.rs"]),
    (&["rcgen"], &["x509/request.rs", "x509/issue.rs", "x509/remote_key.rs"]),
    (&["x509_parser"], &["x509/parse.rs"]),
    (&["ring"], &["keystore/software.rs"]),
    (&["aws_lc_rs"], &["keystore/software.rs"]),
];

/// Words with one room, however they are reached: through a glob, a method or a re-export.
const WORDS: [(&str, &[&str]); 4] = [
    ("SystemTime", &["time.rs"]),
    ("Instant", &["time.rs"]),
    ("UNIX_EPOCH", &["time.rs"]),
    ("unsafe", &["capi/", "secret/"]),
];

/// Macros that mark something unfinished.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

#[test]
fn the_house_keeps_its_floors() {
    let breaches = breaches(&sources());
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_breach_is_seen() {
    let cases = [
        // Floors.
        ("identity/names.rs", "use crate::sas::SasToken;", "imports"),
        ("secret/mod.rs", "use crate::time::UnixTime;", "imports"),
        ("keystore/mod.rs", "use crate::identity::X;", "imports"),
        ("sas/mod.rs", "use crate::{time::UnixTime, x509::Chain};", "imports"),
        ("keystore/a.rs", "use {crate::{secret, sas as s}};", "imports"),
        ("time.rs", "fn f() -> crate::sas::X {}", "imports"),
        ("time.rs", "type T = <u8 as crate::sas::Trait>::X;", "imports"),
        ("keystore/a.rs", "use super::super::identity::X;", "imports"),
        ("keystore/mod.rs", "use super::identity::X;", "imports"),
        ("time.rs", "use super::sas;", "imports"),
        ("time.rs", "mod inner { use super::super::sas; }", "imports"),
        ("time.rs", "macro_rules! m { () => { $crate::sas::X } }", "imports"),
        ("tls/mod.rs", "use crate::capi::Status;", "imports"),
        ("provisioning/mod.rs", "use crate::capi::Status;", "imports"),
        ("posture/mod.rs", "use crate::provisioning::X;", "imports"),
        // The face of the crate is not a way around the floors.
        ("identity/mod.rs", "use crate::SasToken;", "no module"),
        ("identity/mod.rs", "use crate::*;", "no module"),
        ("util.rs", "", "no module"),
        ("util/deep/mod.rs", "", "no module"),
        // Rooms.
        ("sas/mod.rs", "use std::env;", "std::env"),
        ("sas/mod.rs", "use std::{collections::X, env::{self, var}};", "std::env"),
        ("tls/a.rs", "fn f() { std::env::var(\"\"); }", "std::env"),
        ("tls/a.rs", "fn f() { ::std::env::var(\"\"); }", "std::env"),
        ("keystore/mod.rs", "use std::fs::File;", "std::fs"),
        ("x509/mod.rs", "use std::thread;", "std::thread"),
        ("session/a.rs", "use std::time::{Duration, Instant};", "Instant"),
        ("sas/mod.rs", "fn f(t: SystemTime) {}", "SystemTime"),
        ("x509/mod.rs", "fn f() -> rustls::ServerName {}", "`rustls`"),
        ("x509/parse.rs", "use webpki::X;", "`webpki`"),
        ("x509/parse.rs", "use rcgen::X;", "`rcgen`"),
        ("x509/chain.rs", "use x509_parser::X;", "`x509_parser`"),
        ("keystore/file.rs", "use ring::hmac;", "`ring`"),
        ("tls/keys.rs", "use aws_lc_rs::X;", "`aws_lc_rs`"),
        // What stays out.
        ("sas/mod.rs", "fn f() { unsafe { g() } }", "unsafe"),
        ("sas/mod.rs", "fn f() { todo!() }", "todo!"),
        ("sas/mod.rs", "fn f() { unimplemented!(\"\") }", "unimplemented!"),
        ("sas/mod.rs", "fn f() { dbg!(1); }", "dbg!"),
    ];
    for (path, text, expected) in cases {
        let found = breaches(&[Source::new(path, text)]);
        assert!(!found.is_empty(), "missed: {path}: {text}");
        assert!(found.iter().all(|breach| breach.contains(expected)), "{path}: {text}: {found:?}");
        // Nothing of it counts in a comment, in a text or in a test.
        for harmless in [
            format!("// {text}\n/* /* */ {text} */ fn f() {{}}"),
            format!("const X: &str = \"{}\";", text.replace('"', "\\\"")),
            format!("const X: &str = r#\"{text}\"#; const Y: char = '\"';"),
            format!("#[cfg(test)]\nmod tests {{ {text} }} fn f<'a>() {{}}"),
        ] {
            let found = breaches(&[Source::new(path, &harmless)]);
            let only_for_its_place = found.iter().all(|breach| breach.contains("no module"));
            assert!(
                found.is_empty() || only_for_its_place && path.starts_with("util"),
                "{path}: {harmless}: {found:?}"
            );
        }
    }

    let long = "const X: u8 = 0;\n".repeat(FACE_LINES);
    assert_eq!(breaches(&[Source::new("lib.rs", &long)]).len(), 1);
    let two = ["secret/a.rs", "secret/b.rs"].map(|path| Source::new(path, "unsafe fn f() {}"));
    assert_eq!(breaches(&two).len(), 1);
}

#[test]
fn what_is_allowed_is_not_a_breach() {
    for (path, text) in [
        ("lib.rs", "pub use sas::SasToken; mod error;"),
        ("sas/mod.rs", "use crate::{error::OtherError, keystore, identity::*, secret, time};"),
        ("sas/signer.rs", "use super::resource::X; use super::super::secret; use crate::sas::X;"),
        ("capi/mod.rs", "use crate::tls::X; unsafe fn f() {}"),
        ("capi/mod.rs", "use crate::capi::status::Status;"),
        ("secret/pages.rs", "unsafe fn f() {}"),
        ("time.rs", "use std::time::{Instant, SystemTime, UNIX_EPOCH};"),
        ("tls/client.rs", "use rustls::crypto::{aws_lc_rs, ring};"),
        ("x509/mod.rs", "use rustls_pki_types::CertificateDer;"),
        ("keystore/file/disk.rs", "use std::{fs, io};"),
        (
            "keystore/mod.rs",
            "pub(crate) fn f(env: u8, todo: u8) -> impl Fn() + use<> { self::g::<u8>(env.fs) }",
        ),
    ] {
        let found = breaches(&[Source::new(path, text)]);
        assert!(found.is_empty(), "{path}: {text}: {found:?}");
    }
}

/// Cargo would find tests and examples without an entry too, and build them with features that they
/// do not have.
#[test]
fn every_test_and_example_names_its_features() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("there is a manifest");
    for (kind, folder) in [("test", "tests"), ("example", "examples")] {
        let mut named = targets(&manifest, kind);
        for entry in fs::read_dir(root.join(folder)).expect("the folder can be listed") {
            let path = entry.expect("the folder can be listed").path();
            let is_target =
                path.extension().is_some_and(|e| e == "rs") || path.join("main.rs").is_file();
            if is_target {
                let name = path.file_stem().and_then(|name| name.to_str());
                let name = name.expect("our own names are text");
                let features = named.iter().position(|(target, _)| target == name);
                let features = features.map(|index| named.remove(index).1);
                assert_eq!(
                    features,
                    Some(true),
                    "Cargo.toml: [[{kind}]] {name} is missing, or has no `required-features`"
                );
            }
        }
        assert!(named.is_empty(), "Cargo.toml: no file for {named:?}");
    }

    let sample = "[[test]]\nname = \"a\"\n[[test]]\nname=\"b\"\nrequired-features = []\n[x]\ny = 1";
    assert_eq!(targets(sample, "test"), [("a".to_owned(), false), ("b".to_owned(), true)]);
}

/// The names of the targets of a kind, and whether each says what features it needs.
fn targets(manifest: &str, kind: &str) -> Vec<(String, bool)> {
    manifest
        .split("\n[")
        .filter_map(|table| table.trim_start_matches('[').strip_prefix(kind))
        .filter_map(|table| table.strip_prefix("]]"))
        .map(|table| {
            let value = |key: &str| {
                table
                    .lines()
                    .filter_map(|line| line.split_once('='))
                    .find(|(name, _)| name.trim() == key)
                    .map(|(_, value)| value.trim().trim_matches('"').to_owned())
            };
            (value("name").expect("a target has a name"), value("required-features").is_some())
        })
        .collect()
}

/// Everything in `sources` that breaks a rule, one line each.
fn breaches(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut unsafe_in_secret = Vec::new();
    for source in sources {
        let Source { path, tokens } = source;
        let mut report = |line: usize, breach: String| {
            breaches.push(format!("src/{path}:{line}: {breach}"));
        };

        let module = first_module(path);
        let floor = floor(module);
        if floor.is_none() {
            report(1, format!("`{module}` is no module of the house"));
        }
        if module == FACE {
            let mut lines: Vec<usize> = tokens.iter().map(|token| token.line).collect();
            lines.dedup();
            if lines.len() >= FACE_LINES {
                report(1, format!("{} lines of code", lines.len()));
            }
        }

        for used in paths(tokens) {
            for (beginning, rooms) in ROOMS {
                if used.segments.starts_with(beginning) && !is_in(path, rooms) {
                    report(used.line, format!("uses `{}`", beginning.join("::")));
                }
            }
            if let (Some(floor), Some(target)) = (floor, used.own_module(path))
                && module != FACE
                && target != module
            {
                match self::floor(target) {
                    None => report(used.line, format!("`crate::{target}` is no module")),
                    Some(below) if below >= floor || target == TOP => report(
                        used.line,
                        format!("`{module}` (floor {floor}) imports `{target}` (floor {below})"),
                    ),
                    Some(_) => {}
                }
            }
        }
        for (index, token) in tokens.iter().enumerate() {
            for (word, rooms) in WORDS {
                if token.text == word && !is_in(path, rooms) {
                    report(token.line, format!("uses `{word}`"));
                }
            }
            let is_macro = tokens.get(index + 1).is_some_and(|next| next.text == "!");
            if is_macro && UNFINISHED.contains(&&*token.text) {
                report(token.line, format!("uses `{}!`", token.text));
            }
        }
        if module == "secret" && tokens.iter().any(|token| token.text == "unsafe") {
            unsafe_in_secret.push(path);
        }
    }
    if unsafe_in_secret.len() > 1 {
        breaches.push(format!("unsafe in more than one file: {unsafe_in_secret:?}"));
    }
    breaches.sort();
    breaches.dedup();
    breaches
}

fn floor(module: &str) -> Option<u8> {
    let found = FLOORS.iter().find(|(name, _)| *name == module);
    found.map(|(_, floor)| *floor)
}

/// The module right below the crate that a file of `src` belongs to.
fn first_module(path: &str) -> &str {
    path.split_once('/').map_or_else(|| path.trim_end_matches(".rs"), |(first, _)| first)
}

/// `rooms` that end in `/` are folders.
fn is_in(path: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| path == *room || room.ends_with('/') && path.starts_with(room))
}

/// A path of two segments or more, or one in a `use`.
struct Used<'a> {
    segments: Vec<&'a str>,
    line: usize,
    /// How many modules of the file itself are around it.
    nesting: usize,
}

impl<'a> Used<'a> {
    /// The module of this crate that the path leads to, in the file at `path`.
    fn own_module<'b>(&self, path: &'b str) -> Option<&'b str>
    where
        'a: 'b,
    {
        let mut segments = self.segments.iter();
        let first = *segments.next()?;
        if first == "crate" {
            return segments.next().copied();
        }
        let supers = self
            .segments
            .iter()
            .skip(usize::from(first == "self"))
            .take_while(|segment| **segment == "super")
            .count();
        if supers == 0 {
            return None;
        }
        let is_folder = path.ends_with("/mod.rs") || path == "lib.rs";
        let depth = path.split('/').count() - usize::from(is_folder) + self.nesting;
        if supers < depth {
            return Some(first_module(path));
        }
        let rest = supers + usize::from(first == "self");
        self.segments.get(rest).copied()
    }
}

/// All paths in a file, those in `use` trees written out.
fn paths(tokens: &[Token]) -> Vec<Used<'_>> {
    let at = |index: usize| tokens.get(index).map_or("", |token| &*token.text);
    let is_word = |index: usize| at(index).starts_with(|c: char| c.is_alphabetic() || c == '_');

    let mut found = Vec::new();
    // The brace depth inside each module of the file that is open.
    let mut modules: Vec<usize> = Vec::new();
    let mut depth = 0;
    let mut index = 0;
    while index < tokens.len() {
        let line = tokens[index].line;
        match at(index) {
            "{" => {
                depth += 1;
                if index >= 2 && at(index - 2) == "mod" {
                    modules.push(depth);
                }
                index += 1;
            }
            "}" => {
                if modules.last() == Some(&depth) {
                    modules.pop();
                }
                depth -= 1;
                index += 1;
            }
            // `use<>` in a type is no import.
            "use" if at(index + 1) != "<" => {
                index += 1;
                let nesting = modules.len();
                use_tree(tokens, &mut index, &mut Vec::new(), &mut |segments| {
                    found.push(Used { segments, line, nesting });
                });
            }
            _ if is_word(index) && at(index + 1) == "::" => {
                let mut segments = vec![at(index)];
                while at(index + 1) == "::" && (is_word(index + 2) || at(index + 2) == "*") {
                    segments.push(at(index + 2));
                    index += 2;
                }
                index += 1;
                found.push(Used { segments, line, nesting: modules.len() });
            }
            _ => index += 1,
        }
    }
    found
}

/// Reads one tree of a `use`, from `index` to behind it, and hands out the paths in it.
fn use_tree<'a>(
    tokens: &'a [Token],
    index: &mut usize,
    prefix: &mut Vec<&'a str>,
    found: &mut dyn FnMut(Vec<&'a str>),
) {
    let own = prefix.len();
    while let Some(token) = tokens.get(*index) {
        match &*token.text {
            "::" => *index += 1,
            "as" => *index += 2,
            "{" => {
                *index += 1;
                while tokens.get(*index).is_some_and(|token| token.text != "}") {
                    use_tree(tokens, index, prefix, found);
                    if tokens.get(*index).is_some_and(|token| token.text == ",") {
                        *index += 1;
                    }
                }
                *index += 1;
                prefix.truncate(own);
                return;
            }
            "," | "}" | ";" => break,
            segment => {
                prefix.push(segment);
                *index += 1;
            }
        }
    }
    found(prefix.clone());
    prefix.truncate(own);
}
