//! The walls between the crates: arrows point down only, and no layer imports another layer.
//!
//! In: `cargo metadata`. Out: one sentence for each arrow that the table below does not allow.
//! Development dependencies are free: a test may need anything.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

const LAYERS: [&str; 5] = ["authn", "authz", "contract", "waf", "limits"];

/// What each crate may use of ours. A crate that is not listed here is a finding: placing it is a decision.
fn allowed(name: &str) -> Option<Vec<&'static str>> {
    const WORDS: [&str; 2] = ["domain", "config"];
    Some(match name {
        "domain" => Vec::new(),
        // `config` hands out `domain::Secret`, and nothing else of it.
        "config" | "message" => vec!["domain"],
        "limits" | "tls" | "audit" | "store" => WORDS.to_vec(),
        "authn" | "authz" | "contract" | "waf" => [WORDS.as_slice(), &["message"]].concat(),
        "gateway" => {
            let floor_two = ["message", "tls", "audit", "store"];
            [WORDS.as_slice(), &LAYERS, &floor_two].concat()
        }
        "cli" | "xtask" => {
            [WORDS.as_slice(), &LAYERS, &["message", "tls", "audit", "store", "gateway"]].concat()
        }
        // For tests only: nothing that ships uses it, so it may use what it likes below the gateway.
        "testkit" => [WORDS.as_slice(), &LAYERS, &["message", "tls", "audit", "store"]].concat(),
        "conformance" => vec!["testkit", "domain"],
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// Checks the workspace below `root`.
pub(crate) fn run(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .context("cannot run `cargo metadata`")?;
    ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cannot read `cargo metadata`")?;
    Ok(broken_walls(&metadata))
}

fn broken_walls(metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let name = short_name(&package.name);
        let Some(allowed) = allowed(name) else {
            findings.push(format!("crate `{name}` has no place in the table of xtask/src/walls.rs"));
            continue;
        };
        let ships = |dependency: &&Dependency| dependency.kind.as_deref() != Some("dev");
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()).filter(ships) {
            let target = short_name(&dependency.name);
            if !allowed.contains(&target) {
                let law = if LAYERS.contains(&name) && LAYERS.contains(&target) {
                    "no layer imports another layer"
                } else {
                    "arrows point down only"
                };
                findings.push(format!("crate `{name}` uses `{target}`: {law}"));
            }
        }
    }
    findings
}

/// The name of the crate's folder: the binary's package has the product's name.
fn short_name(package: &str) -> &str {
    match package {
        "portcullis" => "cli",
        _ => package.strip_prefix("portcullis-").unwrap_or(package),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(package: &str, dependency: &str, kind: Option<&str>) -> Vec<String> {
        broken_walls(&Metadata {
            packages: vec![Package {
                name: package.to_owned(),
                dependencies: vec![Dependency {
                    name: dependency.to_owned(),
                    kind: kind.map(str::to_owned),
                    path: Some(String::from("/somewhere")),
                }],
            }],
        })
    }

    #[test]
    fn a_layer_that_imports_a_layer_is_found() {
        let found = findings("portcullis-authn", "portcullis-limits", None);
        assert_eq!(found, ["crate `authn` uses `limits`: no layer imports another layer"]);
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        assert_eq!(findings("portcullis-message", "portcullis-gateway", None).len(), 1);
        assert_eq!(findings("portcullis-domain", "portcullis-config", Some("build")).len(), 1);
    }

    #[test]
    fn tests_may_use_anything_and_arrows_down_are_free() {
        assert!(findings("portcullis-authn", "portcullis-testkit", Some("dev")).is_empty());
        assert!(findings("portcullis-gateway", "portcullis-authz", None).is_empty());
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        assert_eq!(findings("portcullis-util", "portcullis-domain", None).len(), 1);
    }
}
