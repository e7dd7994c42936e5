//! The claims that stand beside tests: `// proves: HTTP-01, HTTP-02` and
//! `// proves-part: HTTP-31 (what is missing)`.
//!
//! In: the Rust sources. Out: one [`Claim`] for each comment and test, and findings for comments that
//! stand above no test. A claim may be followed by further comments and attributes, then the function.

use std::path::Path;

use anyhow::{Context, Result};

use super::requirements::is_id;

/// Where sources with tests lie.
const FOLDERS: [&str; 3] = ["crates", "conformance", "xtask"];

/// One test's claim to one requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// The requirement.
    pub(super) id: String,
    /// What the test does not show of it; `None` when it shows the whole.
    pub(super) missing: Option<String>,
    /// Who claims.
    pub(super) test: TestPlace,
}

/// A test function, as nextest would name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TestPlace {
    /// `portcullis-message`, or `portcullis-gateway::it` for an integration test binary.
    pub(super) suite: String,
    /// The file's module path within the suite.
    pub(super) module: String,
    /// The function.
    pub(super) function: String,
    /// For findings: file and line of the claim.
    pub(super) source: String,
}

/// Reads every source below `root`.
pub(super) fn collect(root: &Path) -> Result<(Vec<Claim>, Vec<String>)> {
    let mut claims = Vec::new();
    let mut findings = Vec::new();
    for folder in FOLDERS {
        for path in rust_sources(root, folder)? {
            let text =
                std::fs::read_to_string(root.join(&path)).with_context(|| format!("cannot read `{path}`"))?;
            scan(&path, &text, &mut claims, &mut findings);
        }
    }
    Ok((claims, findings))
}

/// Paths of `*.rs` below `folder`, relative to `root`, sorted.
fn rust_sources(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list `{folder}`"))?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Requirements named above a test whose function has not been met yet.
#[derive(Default)]
struct Pending {
    claims: Vec<(String, Option<String>)>,
    first_line: usize,
    has_test_attribute: bool,
}

fn scan(path: &str, text: &str, claims: &mut Vec<Claim>, findings: &mut Vec<String>) {
    let mut pending = Pending::default();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        let place = format!("{path}:{}", index + 1);
        if line.starts_with("// proves") {
            let mut claim = line.to_owned();
            // A long reason goes on in the next comment lines, up to its closing bracket.
            while claim.contains('(') && !claim.ends_with(')') {
                let Some((_, next)) = lines.next_if(|(_, next)| next.trim().starts_with("// ")) else {
                    break;
                };
                claim.push_str(next.trim().trim_start_matches('/'));
            }
            match parse(&claim) {
                Some(parsed) => {
                    if pending.claims.is_empty() {
                        pending.first_line = index + 1;
                    }
                    pending.claims.extend(parsed);
                }
                None => findings.push(format!(
                    "{place}: cannot read this claim; write `// proves: HTTP-01, HTTP-02` or \
                     `// proves-part: HTTP-31 (what is missing)`"
                )),
            }
        } else if line.starts_with("#[") {
            pending.has_test_attribute |= is_test_attribute(line);
        } else if line.starts_with("//") {
            // Other comments may stand between.
        } else if pending.claims.is_empty() {
            pending = Pending::default();
        } else {
            let place = format!("{path}:{}", pending.first_line);
            match function_name(line).filter(|_| pending.has_test_attribute) {
                Some(function) => {
                    let (suite, module) = suite_and_module(path);
                    let test = TestPlace { suite, module, function: function.to_owned(), source: place };
                    let claim = |(id, missing)| Claim { id, missing, test: test.clone() };
                    claims.extend(std::mem::take(&mut pending.claims).into_iter().map(claim));
                }
                None => findings.push(format!("{place}: this claim stands above no test")),
            }
            pending = Pending::default();
        }
    }
}

/// `// proves: A-1, B-2` or `// proves-part: A-1, B-2 (what is missing)`.
fn parse(comment: &str) -> Option<Vec<(String, Option<String>)>> {
    let (keyword, rest) = comment.trim_start_matches('/').trim().split_once(':')?;
    let (ids, missing) = match keyword {
        "proves" => (rest, None),
        "proves-part" => {
            let (ids, missing) = rest.split_once('(')?;
            (ids, Some(missing.trim_end().strip_suffix(')')?.trim().to_owned()))
        }
        _ => return None,
    };
    let ids: Vec<&str> = ids.split(',').map(str::trim).collect();
    let well_formed = ids.iter().all(|id| is_id(id)) && missing.as_deref() != Some("");
    well_formed.then(|| ids.iter().map(|id| ((*id).to_owned(), missing.clone())).collect())
}

fn is_test_attribute(line: &str) -> bool {
    let name = line.trim_start_matches("#[").split(['(', ']']).next().unwrap_or_default();
    name == "test" || name.ends_with("::test")
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let rest = line.strip_prefix("fn ")?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}

/// The nextest suite and the module path that the file at `path` belongs to.
fn suite_and_module(path: &str) -> (String, String) {
    let (folder, inside) = path.strip_prefix("crates/").unwrap_or(path).split_once('/').unwrap_or((path, ""));
    let inside = inside.trim_end_matches(".rs");
    let package = match folder {
        "cli" => String::from("portcullis"),
        "xtask" | "conformance" => folder.to_owned(),
        _ => format!("portcullis-{folder}"),
    };
    if let Some(rest) = inside.strip_prefix("tests/") {
        let (binary, module) = rest.split_once('/').unwrap_or((rest, ""));
        return (format!("{package}::{binary}"), module_path(module));
    }
    // nextest gives a library the package's name, and a binary `package::bin/NAME`.
    let suite = match folder {
        "cli" | "xtask" => format!("{package}::bin/{package}"),
        _ => package,
    };
    (suite, module_path(inside.strip_prefix("src/").unwrap_or(inside)))
}

fn module_path(file: &str) -> String {
    let module = file.strip_suffix("/mod").unwrap_or(file);
    match module {
        "lib" | "main" | "mod" => String::new(),
        _ => module.replace('/', "::"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan_text(path: &str, text: &str) -> (Vec<Claim>, Vec<String>) {
        let (mut claims, mut findings) = (Vec::new(), Vec::new());
        scan(path, text, &mut claims, &mut findings);
        (claims, findings)
    }

    // The sources of these cases are assembled, so that the collector does not take them for claims.
    fn source(lines: &[&str]) -> String {
        lines.join("\n").replace('%', "//")
    }

    #[test]
    fn a_claim_belongs_to_the_test_below_it() {
        let text = source(&[
            "% proves: HTTP-01, HTTP-02",
            "% proves-part: HTTP-31 (streams only)",
            "% a remark",
            "#[tokio::test(flavor = \"current_thread\")]",
            "#[track_caller]",
            "async fn both_lengths_are_refused() {",
        ]);
        let (claims, findings) = scan_text("crates/message/src/guard.rs", &text);
        assert!(findings.is_empty(), "{findings:?}");
        let ids: Vec<_> = claims.iter().map(|claim| (claim.id.as_str(), claim.missing.as_deref())).collect();
        assert_eq!(ids, [("HTTP-01", None), ("HTTP-02", None), ("HTTP-31", Some("streams only"))]);
        let test = &claims.first().expect("a claim").test;
        assert_eq!(test.suite, "portcullis-message");
        assert_eq!(test.module, "guard");
        assert_eq!(test.function, "both_lengths_are_refused");
        assert_eq!(test.source, "crates/message/src/guard.rs:1");
    }

    #[test]
    fn a_long_reason_goes_on_in_the_next_line() {
        let text = source(&["% proves-part: TLS-04 (only", "% the key length)", "#[test]", "fn a() {"]);
        let (claims, findings) = scan_text("crates/tls/src/lib.rs", &text);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(claims.first().and_then(|claim| claim.missing.as_deref()), Some("only the key length"));
    }

    #[test]
    fn a_claim_above_no_test_is_a_finding() {
        for below in ["fn helper() {", "let x = 1;", "}"] {
            let text = source(&["% proves: HTTP-01", below]);
            let (claims, findings) = scan_text("crates/message/src/guard.rs", &text);
            assert!(claims.is_empty());
            assert_eq!(findings, ["crates/message/src/guard.rs:1: this claim stands above no test"]);
        }
    }

    #[test]
    fn a_claim_that_cannot_be_read_is_a_finding() {
        for claim in
            ["% proves HTTP-01", "% proves: http-1", "% proves-part: HTTP-01", "% proves-part: HTTP-01 ()"]
        {
            let text = source(&[claim, "#[test]", "fn a() {"]);
            let (claims, findings) = scan_text("crates/message/src/guard.rs", &text);
            assert!(claims.is_empty(), "{claim}");
            assert_eq!(findings.len(), 1, "{claim}");
        }
    }

    #[test]
    fn suites_and_modules_are_named_as_nextest_names_them() {
        let cases = [
            ("crates/message/src/lib.rs", "portcullis-message", ""),
            ("crates/message/src/json/strict.rs", "portcullis-message", "json::strict"),
            ("crates/contract/src/schema/mod.rs", "portcullis-contract", "schema"),
            ("crates/gateway/tests/it/main.rs", "portcullis-gateway::it", ""),
            ("crates/gateway/tests/it/http1/framing.rs", "portcullis-gateway::it", "http1::framing"),
            ("crates/tls/tests/pebble.rs", "portcullis-tls::pebble", ""),
            ("crates/cli/src/check.rs", "portcullis::bin/portcullis", "check"),
            ("crates/cli/tests/it/serve.rs", "portcullis::it", "serve"),
            ("conformance/src/rfc6750/section_3_1.rs", "conformance", "rfc6750::section_3_1"),
            ("xtask/src/walls.rs", "xtask::bin/xtask", "walls"),
        ];
        for (path, suite, module) in cases {
            assert_eq!(suite_and_module(path), (suite.to_owned(), module.to_owned()), "{path}");
        }
    }
}
