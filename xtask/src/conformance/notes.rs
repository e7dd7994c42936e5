//! What people say about rows that no test proves: `docs/conformance-notes.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::requirements::Requirement;

/// The file as written. Keys are an ID (`HTTP-36`) or a whole group (`AS`).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notes {
    /// Groups whose P0 rows must pass, and whose other rows must pass or have a reason.
    pub(super) gate: Vec<String>,
    /// Why a row is still open, and who owns it.
    #[serde(default)]
    pub(super) open: BTreeMap<String, String>,
    /// Why a row does not apply to this product.
    #[serde(default)]
    pub(super) not_applicable: BTreeMap<String, String>,
}

impl Notes {
    /// The key of `open` that speaks for `requirement`: its own, else its group's.
    pub(super) fn open_reason_name(&self, requirement: &Requirement) -> Option<&String> {
        let key = |name: &str| self.open.get_key_value(name).map(|(name, _)| name);
        key(&requirement.id).or_else(|| key(requirement.group()))
    }

    /// Why `requirement` does not apply.
    pub(super) fn not_applicable(&self, requirement: &Requirement) -> Option<&String> {
        self.not_applicable.get(&requirement.id)
    }
}

/// Reads the file.
pub(super) fn read(file: &Path) -> Result<Notes> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot read `{}`", file.display()))
}

/// Notes about rows or groups that do not exist.
pub(super) fn unknown(requirements: &[Requirement], notes: &Notes) -> Vec<String> {
    let known = |name: &str| requirements.iter().any(|row| row.id == name || row.group() == name);
    let names = notes.gate.iter().chain(notes.open.keys()).chain(notes.not_applicable.keys());
    names
        .filter(|name| !known(name))
        .map(|name| format!("docs/conformance-notes.toml names `{name}`, which is no requirement"))
        .collect()
}
