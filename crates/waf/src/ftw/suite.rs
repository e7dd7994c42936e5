//! A file of tests.

use std::collections::BTreeMap;

use portcullis_config::{Diagnostic, Diagnostics, Document, Limits, codes};
use serde::Deserialize;
use serde_json::Value;

/// The tests of one rule.
#[derive(Clone, Debug, Deserialize)]
pub struct Suite {
    /// The rule.
    pub rule_id: u32,
    /// Its tests.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Clone, Debug, Deserialize)]
pub struct Test {
    /// Its number.
    pub test_id: u32,
    /// What it does.
    pub(super) stages: Vec<Stage>,
}

/// One exchange.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Stage {
    pub(super) input: Input,
    pub(super) output: Expected,
}

/// What is sent.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Input {
    pub(super) method: Option<String>,
    pub(super) uri: Option<String>,
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Value>,
    pub(super) data: Option<String>,
    pub(super) autocomplete_headers: Option<bool>,
    /// A whole request in Base64.
    pub(super) encoded_request: Option<String>,
}

/// What is expected.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Expected {
    #[serde(default)]
    pub(super) log: Log,
    status: Option<Value>,
    #[serde(default)]
    expect_error: bool,
}

/// What rules are expected to tell.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Log {
    #[serde(default)]
    pub(super) expect_ids: Vec<u32>,
    #[serde(default)]
    pub(super) no_expect_ids: Vec<u32>,
    pub(super) match_regex: Option<String>,
    pub(super) no_match_regex: Option<String>,
}

impl Expected {
    /// Whether nothing is expected of rules.
    pub(super) const fn is_of_the_front_end(&self) -> bool {
        let log = &self.log;
        (self.status.is_some() || self.expect_error)
            && log.expect_ids.is_empty()
            && log.no_expect_ids.is_empty()
            && log.match_regex.is_none()
            && log.no_match_regex.is_none()
    }
}

impl Test {
    /// Whether it expects a rule to match, rather than none to.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.stages
            .iter()
            .any(|stage| !stage.output.log.expect_ids.is_empty() || stage.output.log.match_regex.is_some())
    }
}

pub(super) fn read(name: &str, text: &[u8]) -> Result<Suite, Diagnostics> {
    let document = Document::parse(name, text, &Limits::default())?;
    serde_json::from_value(document.value().clone()).map_err(|error| {
        let mut diagnostics = Diagnostics::new();
        let message = format!("the test file cannot be read: {error}");
        diagnostics.push(Diagnostic::error(codes::waf::TEST_FILE, message).at(document.at("")));
        diagnostics
    })
}
