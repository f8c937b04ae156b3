//! What the header declares, beside what the suite calls: whoever adds a function is told to add a line to
//! `calls.c`, and what the line says of its arguments must be what the header says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::c_library::{built, succeed};
use crate::suite::{Under, program};

const HEADER: &str = include_str!("../../include/hubward.h");

/// A function of the header.
#[derive(Debug)]
pub(crate) struct Function {
    comment: String,
    /// A letter for each argument, as in `calls.c`; `i` for what is read by a pointer and a length.
    shape: String,
    /// Whether it answers a status, or frees an object.
    is_call: bool,
}

/// All of them.
pub(crate) fn functions() -> BTreeMap<String, Function> {
    let (_, functions) = HEADER.split_once("extern \"C\" {").expect("the functions begin there");
    functions.split("/**").skip(1).map(function).collect()
}

fn function(text: &str) -> (String, Function) {
    let (comment, declaration) = text.split_once("*/").expect("a comment ends");
    let (declaration, _) = declaration.split_once(';').expect("a declaration ends");
    let (before, arguments) = declaration.split_once('(').expect("it is a function");
    let name = before.rsplit([' ', '*']).next().unwrap_or_default();
    let arguments: Vec<String> = arguments
        .trim_end_matches(')')
        .split(',')
        .map(|argument| argument.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|argument| argument != "void")
        .collect();
    let mut shape = String::new();
    let mut arguments = arguments.iter().map(|argument| {
        // The type, without the name.
        argument[..=argument.rfind([' ', '*']).unwrap_or(0)].trim()
    });
    while let Some(kind) = arguments.next() {
        let (letter, more) = letter(kind);
        shape.push(letter);
        for expected in more {
            assert_eq!(arguments.next(), Some(*expected), "{name}");
        }
    }
    let is_call = before.trim().starts_with("hubward_status") || name.ends_with("_free");
    let comment = comment
        .lines()
        .map(|line| line.trim_start_matches([' ', '*']))
        .collect::<Vec<_>>()
        .join(" ");
    (name.to_owned(), Function { comment, shape, is_call })
}

/// The letter of an argument of that type, and the types of those that belong to it.
fn letter(kind: &str) -> (char, &'static [&'static str]) {
    match kind {
        "const char *" | "const uint8_t *" => ('i', &["size_t"]),
        "char *" => ('T', &["size_t", "size_t *"]),
        "uint8_t *" => ('B', &["size_t", "size_t *"]),
        "uint64_t *" => ('8', &[]),
        "int32_t *" => ('4', &[]),
        "hubward_token_cache_result *" => ('r', &[]),
        "uint64_t" | "uint32_t" | "int32_t" | "hubward_status" => ('n', &[]),
        "hubward_log_fn" | "void *" => ('l', &[]),
        other if other.starts_with("hubward_") && other.ends_with("**") => ('O', &[]),
        other if other.starts_with("const hubward_") && other.ends_with("_callbacks *") => {
            ('c', &[])
        }
        other if other.starts_with("const hubward_") && other.ends_with(" *") => ('h', &[]),
        other if other.starts_with("hubward_") && other.ends_with(" *") => ('f', &[]),
        other => panic!("a type of argument that calls.c has no letter for: {other}"),
    }
}

/// The names that a shared library exports.
pub(crate) fn exported(library: &Path) -> BTreeSet<String> {
    let mut nm = Command::new("nm");
    nm.args(["--dynamic", "--defined-only", "--format=just-symbols"]).arg(library);
    let output = String::from_utf8(succeed(nm).stdout).expect("names are text");
    output.lines().map(str::to_owned).collect()
}

#[test]
fn every_function_of_the_header_has_a_test() {
    let functions = functions();
    assert!(functions.len() > 70, "they are found");
    assert_eq!(exported(&built().shared()), functions.keys().cloned().collect());

    let mut list = Command::new(program(built(), Under::Nothing));
    list.arg("--list").env_remove("LD_LIBRARY_PATH");
    let output = String::from_utf8(succeed(list).stdout).expect("names are text");
    let mut called = BTreeSet::new();
    for line in output.lines() {
        let [name, shape, needs @ ..] = &line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("a name and a shape: {line}");
        };
        let function =
            functions.get(*name).unwrap_or_else(|| panic!("{name} is not in the header"));
        called.insert((*name).to_owned());
        if shape.starts_with('*') {
            let is_plain = !function.is_call || *name == "hubward_log_set";
            assert!(is_plain, "{name} keeps the rules of all, and can be tested by them");
            continue;
        }
        assert!(function.is_call, "{name}");
        assert_eq!(
            shape.replace(['t', 'b', 'o', 'm'], "i"),
            function.shape,
            "{name}: its arguments"
        );
        let may_be_absent = shape.contains(['o', 'm']);
        assert_eq!(
            may_be_absent,
            function.comment.contains("may be NULL"),
            "{name}: what may be NULL"
        );
        // What takes an object says nothing of what it took to make that.
        let says_needs = function.comment.contains("Needs the feature")
            || name.starts_with("hubward_signing_key_");
        assert_eq!(
            needs.is_empty(),
            !says_needs || name.ends_with("_free"),
            "{name}: its features"
        );
        for feature in needs {
            let says_so = function.comment.contains(&format!("`{feature}`"));
            let is_of_an_object =
                ["keystore-file", "keystore-software"].contains(feature) && shape.contains('h');
            assert!(says_so || is_of_an_object, "{name} does not say that it needs {feature}");
        }
    }
    let missing: Vec<_> = functions.keys().filter(|name| !called.contains(*name)).collect();
    assert!(missing.is_empty(), "no line in calls.c: {missing:?}");
}
