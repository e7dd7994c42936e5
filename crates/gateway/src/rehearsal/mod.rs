//! Cases that are written beside the policies, decided by the compiled configuration in this process.
//!
//! In: a configuration and files of cases. Out: for each case what was decided, and why. Called by `portcullis
//! policy test`. The demand of the contract and the rules are asked by the code that asks them of requests. Not
//! asked: whether the request is valid, whose an object is, and how much of a limit is left; a stage in shadow
//! decides as if it were enforced.

mod config;
mod run;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_authz::rules::Explanation;
use portcullis_config::codes::identity::CASE_MALFORMED;
use portcullis_config::{Diagnostic, Diagnostics, Document, Limits, Place, decode};
use portcullis_domain::Reason;

use self::config::{CaseConfig, CasesConfig, ExpectConfig};
use crate::check::compiled;
use crate::gateway::{Options, StartError};
use crate::policy::{Api, Policy};

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is permitted.
    Allowed,
    /// It is refused.
    Denied(Reason),
    /// It is refused until the caller has logged in again (RFC 9470).
    SentToLogIn,
}

/// What a call should have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Permitted.
    Allowed,
    /// Refused.
    Denied,
    /// Refused until the caller has logged in again.
    SentToLogIn,
}

impl Expected {
    /// Whether `fate` is what was expected.
    #[must_use]
    pub const fn is(self, fate: Fate) -> bool {
        matches!(
            (self, fate),
            (Self::Allowed, Fate::Allowed)
                | (Self::Denied, Fate::Denied(_))
                | (Self::SentToLogIn, Fate::SentToLogIn)
        )
    }
}

/// A case that was decided.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// What it shows, in its author's words.
    pub name: String,
    /// The file in which it is written.
    pub file: String,
    /// And the line.
    pub line: usize,
    /// The API.
    pub api: String,
    /// The operation's id.
    pub operation: String,
    /// What it should have come to.
    pub expected: Expected,
    /// What it came to.
    pub fate: Fate,
    /// By which rule it should have.
    pub rule: Option<String>,
    /// Why it came to it, if rules were asked.
    pub explanation: Option<Explanation>,
    /// Why it came to it, if none were.
    pub note: Option<String>,
}

impl Rehearsed {
    /// Whether it came to what it should have, and by the rule by which it should have.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.expected.is(self.fate) && self.is_by_its_rule()
    }

    fn is_by_its_rule(&self) -> bool {
        let Some(rule) = &self.rule else { return true };
        let deciding = self.explanation.iter().flat_map(|explanation| &explanation.deciding);
        let mut names = deciding.flat_map(|one| [Some(&*one.rule), one.name.as_deref()]);
        names.any(|name| name == Some(rule.as_str()))
    }
}

/// Decides all cases of these files.
///
/// # Errors
/// [`StartError::Configuration`] with every mistake in the configuration and in the files.
pub fn rehearse(options: &Options, files: &[PathBuf]) -> Result<Vec<Rehearsed>, StartError> {
    let compiled = compiled(options)?;
    let stage =
        run::Stage { policy: &compiled.policy, identity: &compiled.config.identity, clock: &options.clock };
    let mut diagnostics = Diagnostics::new();
    let mut rehearsed = Vec::new();
    for file in files {
        if let Some(document) = read(options, file, &mut diagnostics) {
            rehearsed.extend(cases(&stage, &document, &mut diagnostics));
        }
    }
    match diagnostics.has_errors() {
        true => Err(StartError::Configuration(diagnostics)),
        false => Ok(rehearsed),
    }
}

fn read(options: &Options, file: &Path, diagnostics: &mut Diagnostics) -> Option<Arc<Document>> {
    match Document::load(&options.environment, file, &Limits::default()) {
        Ok(document) => Some(document),
        Err(mistakes) => {
            diagnostics.extend(mistakes);
            None
        }
    }
}

fn cases(stage: &run::Stage<'_>, document: &Arc<Document>, diagnostics: &mut Diagnostics) -> Vec<Rehearsed> {
    let Some(config) = decode::<CasesConfig>(document, diagnostics) else { return Vec::new() };
    let place = document.at("");
    let api = match api(stage.policy, config.api.as_deref()) {
        Ok(api) => api,
        Err(message) => {
            let place = if config.api.is_some() { place.child("api") } else { place };
            diagnostics.push(Diagnostic::error(CASE_MALFORMED, message).at(place));
            return Vec::new();
        }
    };
    let cases = config.cases.iter().enumerate().filter_map(|(index, case)| {
        let place = place.child("cases").index(index);
        match stage.run(api, case) {
            Ok(decided) => Some(rehearsed(case, api, decided, &place)),
            Err(mistake) => {
                let message = format!("`{}`: {}", case.name, mistake.message);
                let place = mistake.key.map_or_else(|| place.clone(), |key| place.child(key));
                diagnostics.push(Diagnostic::error(CASE_MALFORMED, message).at(place));
                None
            }
        }
    });
    cases.collect()
}

fn api<'p>(policy: &'p Policy, name: Option<&str>) -> Result<&'p Api, String> {
    match (name, policy.apis.as_slice()) {
        (None, [one]) => Ok(one),
        (None, _) => Err("there are several APIs, and `api` does not say which is meant".to_owned()),
        (Some(name), apis) => {
            apis.iter().find(|api| api.name == name).ok_or_else(|| format!("there is no API `{name}`"))
        }
    }
}

fn rehearsed(case: &CaseConfig, api: &Api, decided: run::Decided, place: &Place) -> Rehearsed {
    Rehearsed {
        name: case.name.clone(),
        file: place.file().to_owned(),
        line: place.line(),
        api: api.name.clone(),
        operation: decided.operation,
        expected: match case.expect {
            ExpectConfig::Allow => Expected::Allowed,
            ExpectConfig::Deny => Expected::Denied,
            ExpectConfig::StepUp => Expected::SentToLogIn,
        },
        fate: decided.fate,
        rule: case.rule.clone(),
        explanation: decided.explanation,
        note: decided.note,
    }
}
