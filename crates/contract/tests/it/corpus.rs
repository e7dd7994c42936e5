//! Documents that others wrote: each compiles, or is refused at a line and for a reason.
//!
//! The folder is `PORTCULLIS_SHARED`, or `../shared` beside the workspace. Without it nothing is run, and
//! that is said; on CI it is a failure.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_config::{Color, Diagnostics, Document, Limits};
use portcullis_contract::{
    Access, CompileOptions, Contract, Objects, Operation, ReadOnly, References, Unresolved,
};
use portcullis_domain::Denial;
use serde_json::Value;

use crate::support::listed;

/// Where the shared vectors are, or `None` after saying that the suite is not run.
#[expect(clippy::disallowed_methods, reason = "where the vectors are is for the machine to say")]
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let vectors = std::env::var("PORTCULLIS_SHARED").map_or(beside, PathBuf::from).join("vectors");
    if vectors.is_dir() {
        return Some(vectors);
    }
    let what = format!("shared vectors NOT RUN: there is no {}", vectors.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
    println!("{what}");
    None
}

pub(crate) fn vectors() -> Option<PathBuf> {
    shared().map(|shared| shared.join("openapi"))
}

/// Documents below `folder` that end in one of the endings of OpenAPI documents, in order.
pub(crate) fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json" || ending == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Reads other documents beside the one that refers to them.
struct Beside;

impl References for Beside {
    fn load(&self, from: &str, reference: &str) -> Result<Arc<Document>, Unresolved> {
        let path = Path::new(from).parent().unwrap().join(reference);
        let path = path.canonicalize().map_err(|error| Unresolved::Refused(error.to_string()))?;
        let bytes = std::fs::read(&path).map_err(|error| Unresolved::Refused(error.to_string()))?;
        Document::parse(&path.to_string_lossy(), &bytes, &Limits::default()).map_err(Unresolved::Broken)
    }
}

/// Compiles a document in which every operation may be called by anybody, or as it says itself.
pub(crate) fn compile(path: &Path, access: &dyn Fn() -> Option<Access>) -> (Option<Contract>, Diagnostics) {
    let bytes = std::fs::read(path).unwrap();
    let mut diagnostics = Diagnostics::new();
    let document = match Document::parse(&path.to_string_lossy(), &bytes, &Limits::default()) {
        Ok(document) => document,
        Err(mistakes) => return (None, mistakes),
    };
    let options = CompileOptions { access: &|_| access(), ..CompileOptions::default() };
    let contract = Contract::compile(&document, &Beside, &options, &mut diagnostics);
    (contract, diagnostics)
}

/// The distinct codes of the mistakes; every one of them names a line and a reason.
#[track_caller]
fn mistakes(path: &Path, diagnostics: &Diagnostics) -> Vec<&'static str> {
    let mut codes: Vec<_> = diagnostics
        .errors()
        .map(|diagnostic| {
            let place =
                diagnostic.place().unwrap_or_else(|| panic!("{}: {}", path.display(), diagnostic.message()));
            assert!(place.line() >= 1 && !diagnostic.message().is_empty());
            diagnostic.code().0
        })
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The two documents of more than 800 operations, which take as long as all others together.
const LARGE: [&str; 2] = ["kubernetes.io.json", "netbox.dev.json"];

pub(crate) fn is_large(path: &Path) -> bool {
    path.file_name().is_some_and(|name| LARGE.iter().any(|large| name == *large))
}

/// Compiles everything below `folder` and compares what is refused with `expected`: the end of a path and
/// the codes. Whatever is not listed must compile.
#[track_caller]
fn check_folder(folder: &Path, expected: &[(&str, &[&str])]) {
    check_documents(folder, documents(folder).into_iter().filter(|path| !is_large(path)), expected);
}

#[track_caller]
fn check_documents(folder: &Path, paths: impl Iterator<Item = PathBuf>, expected: &[(&str, &[&str])]) {
    let mut refused: Vec<(String, Vec<&'static str>)> = Vec::new();
    let mut compiled = 0;
    for path in paths {
        let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        let (contract, diagnostics) = compile(&path, &|| Some(Access::Public));
        if let Some(contract) = contract {
            compiled += 1;
            let (operations, warnings) = (contract.operations().len(), diagnostics.warnings().count());
            println!("{name}: {operations} operations, {warnings} warnings");
            continue;
        }
        let codes = mistakes(&path, &diagnostics);
        if !expected.iter().any(|(known, listed)| *known == name && *listed == codes) {
            println!("{}", diagnostics.render(Color::Never));
        }
        refused.push((name, codes));
    }
    println!("{compiled} compiled, {} refused: {refused:?}", refused.len());
    let refused: Vec<(&str, &[&str])> =
        refused.iter().map(|(name, codes)| (name.as_str(), codes.as_slice())).collect();
    assert_eq!(refused, expected);
}

#[test]
fn real_documents_compile_or_are_refused_for_a_reason() {
    let Some(folder) = vectors() else { return };
    check_folder(&folder.join("corpus"), &[]);
}

#[test]
fn the_largest_real_document_compiles() {
    let Some(folder) = vectors() else { return };
    let folder = folder.join("corpus");
    check_documents(&folder, [folder.join("kubernetes.io.json")].into_iter(), &[]);
}

#[test]
fn a_real_document_of_deep_schemas_compiles() {
    let Some(folder) = vectors() else { return };
    let folder = folder.join("corpus");
    check_documents(&folder, [folder.join("netbox.dev.json")].into_iter(), &[]);
}

#[test]
fn examples_of_the_specification_compile() {
    let Some(folder) = vectors() else { return };
    for version in ["v3.0", "v3.1", "v3.2"] {
        check_folder(&folder.join("oai-examples").join(version), &[]);
    }
}

#[test]
fn examples_of_version_2_are_refused_by_name() {
    let Some(folder) = vectors() else { return };
    for path in documents(&folder.join("oai-examples/v2.0")) {
        let (contract, diagnostics) = compile(&path, &|| Some(Access::Public));
        assert!(contract.is_none());
        assert_eq!(mistakes(&path, &diagnostics), ["C0300"], "{}", path.display());
    }
}

#[test]
fn the_specifications_own_tests_are_told_apart() {
    let Some(folder) = vectors() else { return };
    check_folder(
        &folder.join("oai-schema-tests/v3.1/pass"),
        &[
            // Excerpts that pass a check of form only: the first asks for a security scheme that it does
            // not declare, the second refers to a document on example.com. Neither could be enforced.
            ("operation-object-example.yaml", &["C0316"]),
            ("security-scheme-object-examples.yaml", &["C0302"]),
        ],
    );
    for path in documents(&folder.join("oai-schema-tests/v3.1/fail")) {
        let (contract, diagnostics) = compile(&path, &|| Some(Access::Public));
        assert!(contract.is_none(), "{} compiles", path.display());
        assert!(!mistakes(&path, &diagnostics).is_empty(), "{}", path.display());
    }
}

// proves-part: AUTHN-01 (real documents that forget to say who may call)
#[test]
fn real_documents_without_security_do_not_compile_until_somebody_decides() {
    let Some(folder) = vectors() else { return };
    for name in ["apache.org__airflow.json", "discourse.local.json", "openpolicy.local.json"] {
        let path = folder.join("corpus").join(name);
        let (contract, diagnostics) = compile(&path, &|| None);
        assert!(contract.is_none());
        assert!(mistakes(&path, &diagnostics).contains(&"C0315"));
    }
}

#[test]
fn compiling_twice_gives_the_same() {
    let Some(folder) = vectors() else { return };
    let path = folder.join("corpus/gitea.io.json");
    let shown = || compile(&path, &|| Some(Access::Public)).1.render(Color::Never);
    assert_eq!(shown(), shown());
}

/// What a `$ref` within `document` leads to, or the value itself.
pub(crate) fn resolved<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    match value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).map_or(value, |target| resolved(document, target)),
        None => value,
    }
}

/// The examples of a JSON request body that an operation gives.
fn examples<'v>(document: &'v Value, template: &str, method: &str) -> Vec<&'v Value> {
    let Some(path) = document["paths"].get(template) else { return Vec::new() };
    let body = resolved(document, &resolved(document, path)[method]["requestBody"]);
    let media_type = &body["content"]["application/json"];
    let named = media_type["examples"].as_object().into_iter().flatten();
    let named = named.filter_map(|(_, example)| resolved(document, example).get("value"));
    let schema = resolved(document, &media_type["schema"]);
    media_type.get("example").into_iter().chain(named).chain(schema.get("example")).collect()
}

#[test]
fn closing_refuses_examples_of_real_documents_only_where_they_say_more_than_their_schemas() {
    let Some(folder) = vectors() else { return };
    let open = CompileOptions {
        access: &|_| Some(Access::Public),
        objects: Objects::AsDeclared,
        read_only: ReadOnly::Accepted,
        ..CompileOptions::default()
    };
    let closed = CompileOptions { access: &|_| Some(Access::Public), ..CompileOptions::default() };
    let (mut valid, mut invalid, mut newly_refused) = (0, 0, Vec::new());
    for path in documents(&folder.join("corpus")).into_iter().filter(|path| !is_large(path)) {
        let bytes = std::fs::read(&path).unwrap();
        let document = Document::parse(&path.to_string_lossy(), &bytes, &Limits::default()).unwrap();
        let compile = |options| {
            Contract::compile(&document, &Beside, options, &mut Diagnostics::new())
                .expect("the corpus compiles")
        };
        let (open, closed) = (compile(&open), compile(&closed));
        for (open, closed) in open.operations().iter().zip(closed.operations()) {
            let method = open.method.as_str().to_ascii_lowercase();
            for example in examples(document.value(), &open.template, &method) {
                let name = path.file_name().unwrap().to_string_lossy();
                let (as_declared, as_closed) = (judge(open, example), judge(closed, example));
                match (as_declared.is_ok(), as_closed.is_ok()) {
                    (true, true) => valid += 1,
                    (false, _) => {
                        invalid += 1;
                        println!("{name} {}: {:?}", open.id, listed(&as_declared));
                    }
                    (true, false) => {
                        println!("{name} {}: closing refuses {:?}", open.id, listed(&as_closed));
                        newly_refused.push(open.id.to_string());
                    }
                }
            }
        }
    }
    println!("{valid} examples pass, {invalid} break their own schema as it is written");
    // Each of these sends members that its schema calls read-only or does not have.
    let expected = [
        "databases_update_onlineMigration",
        "volumeActions_post",
        "volumeActions_post",
        "payeeDetailsUpdateV3",
    ];
    assert_eq!(newly_refused, expected);
    assert_eq!((valid, invalid), (91, 48));
}

fn judge(operation: &Operation, body: &Value) -> Result<(), Denial> {
    let json = http::HeaderValue::from_static("application/json");
    operation.validate_body(Some(&json), body.to_string().as_bytes())
}
