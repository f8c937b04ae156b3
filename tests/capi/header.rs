//! The header: what it says of the version, whether every compiler takes it, and whether the library has what it
//! names.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use hubward::capi::*;

use crate::c_library::{built, compile, features, succeed};

const HEADER: &str = include_str!("../../include/hubward.h");

/// The macros of the header that are numbers.
pub(crate) fn constants() -> BTreeMap<String, i32> {
    let macros = HEADER.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' '));
    let numbers = macros.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    numbers.collect()
}

/// The functions of the header with the comment before each.
fn functions() -> BTreeMap<String, String> {
    let mut functions = BTreeMap::new();
    let mut comment = String::new();
    for line in HEADER.lines() {
        if line == "/**" {
            comment.clear();
        }
        if line.starts_with(" *") {
            comment.push_str(line.trim_start_matches(" *"));
        }
        // What is indented is a member or an argument, what is a type begins with `typedef`.
        let Some((before, _)) = line.split_once('(') else { continue };
        let name = before.rsplit([' ', '*']).next().unwrap_or_default();
        if line.starts_with(|first: char| first.is_ascii_lowercase())
            && !line.starts_with("typedef")
            && name.starts_with("hubward_")
        {
            functions.insert(name.to_owned(), std::mem::take(&mut comment));
        }
    }
    functions
}

#[test]
fn the_version_is_that_of_the_crate() {
    let constants = constants();
    let part = |name: &str| constants[&format!("HUBWARD_VERSION_{name}")];
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(format!("{}.{}.{}", part("MAJOR"), part("MINOR"), part("PATCH")), version);
    assert!(HEADER.contains(&format!("#define HUBWARD_VERSION_STRING \"{version}\"\n")));
    // SAFETY: it is a text with a NUL behind it that stays.
    let running = unsafe { CStr::from_ptr(hubward_version()) };
    assert_eq!(running.to_str(), Ok(version));

    // The number that a C compiler computes, which is not in the header, and that of the library.
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("version.c");
    let number = part("MAJOR") << 16 | part("MINOR") << 8 | part("PATCH");
    assert_eq!(i32::try_from(hubward_version_number()), Ok(number));
    let check = format!(
        "#include <hubward.h>\n#if HUBWARD_VERSION_NUMBER != {number}\n#error other\n#endif\n\
         typedef char is_right[HUBWARD_VERSION_NUMBER == {number} ? 1 : -1];\n"
    );
    fs::write(&source, check).expect("a file can be written");
    succeed(with(compile("gcc", &["-std=c99"], &source), &["-fsyntax-only"]));
}

#[test]
fn every_compiler_takes_the_header() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Twice, for the guard; and alone, for it needs no other header.
    let text =
        "#include <hubward.h>\n#include <hubward.h>\nint main(void) { return HUBWARD_OK; }\n";
    for (compiler, name, standards) in
        [("gcc", "header.c", ["c99", "c11"]), ("g++", "header.cpp", ["c++11", "c++17"])]
    {
        let source = folder.join(name);
        fs::write(&source, text).expect("a file can be written");
        for standard in standards {
            let flags = [format!("-std={standard}"), "-Wconversion".to_owned()];
            let flags = flags.each_ref().map(String::as_str);
            succeed(with(compile(compiler, &flags, &source), &["-fsyntax-only"]));
        }
    }
}

#[test]
fn what_was_promised_is_as_it_was() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/capi/prototypes.c");
    for standard in ["-std=c99", "-std=c11"] {
        succeed(with(compile("gcc", &[standard], &source), &["-fsyntax-only"]));
    }
}

/// The C functions catch panics, which takes that they unwind.
#[test]
fn panics_unwind_in_every_profile() {
    let manifest = include_str!("../../Cargo.toml");
    assert!(manifest.contains("[profile.capi-min]"));
    assert!(!manifest.lines().any(|line| line.trim_start().starts_with("panic")));
}

#[test]
fn the_library_has_the_functions_of_the_header_and_no_others() {
    let named: BTreeSet<String> = functions().into_keys().collect();
    assert!(named.len() > 70, "functions are found in the header");

    let mut nm = Command::new("nm");
    nm.args(["--dynamic", "--defined-only", "--format=just-symbols"]).arg(built().shared());
    let output = String::from_utf8(succeed(nm).stdout).expect("names are text");
    let exported: BTreeSet<String> = output.lines().map(str::to_owned).collect();
    assert_eq!(exported, named);
}

/// So that nobody has to guess.
#[test]
fn every_function_says_who_owns_what_and_from_where_it_can_be_called() {
    for (name, comment) in functions() {
        for word in ["Threads:", "Errors:"] {
            let can_it_fail = name != "hubward_status_message";
            let is_there = comment.contains(word) || word == "Errors:" && !can_it_fail;
            assert!(is_there, "{name} does not say: {word}");
        }
        let is_of_numbers = ["hubward_version_number", "hubward_has_feature"].contains(&&*name);
        assert!(is_of_numbers || comment.contains("Ownership:"), "{name} does not say: Ownership:");
    }
}

#[test]
fn the_features_are_those_of_the_manifest() {
    let manifest = include_str!("../../Cargo.toml");
    let (_, rest) = manifest.split_once("\n[features]\n").expect("there are features");
    let (section, _) = rest.split_once("\n[").expect("something follows");
    let names = section.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let names = names.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let names: Vec<_> = names.filter(|name| *name != "default").collect();
    assert!(names.contains(&"capi"));

    let on = features();
    let on: Vec<_> = on.split(' ').collect();
    let is_on = |name: &str| {
        // SAFETY: a name with its length.
        unsafe { hubward_has_feature(name.as_ptr().cast(), name.len()) == 1 }
    };
    let source = include_str!("../../src/capi/library.rs");
    for name in &names {
        assert!(source.contains(&format!("\"{name}\",")), "{name} is not in the list of features");
        assert_eq!(is_on(name), on.contains(name), "{name}");
    }
    assert!(on.iter().all(|name| names.contains(name)));
    assert!(is_on("capi") && is_on("std") && is_on("session"));
    assert!(!is_on("") && !is_on("cap") && !is_on("capi std") && !is_on(&"x".repeat(300)));
    // SAFETY: null is answered, whatever the length.
    assert_eq!(unsafe { hubward_has_feature(std::ptr::null(), 4) }, 0);
}

fn with(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}
