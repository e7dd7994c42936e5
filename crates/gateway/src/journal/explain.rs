//! Why a request was decided as it was, long after it happened.
//!
//! In: a receipt, and the configuration of the gateway that made it. Out: the decision as the journal holds it, with the
//! places in today's files that it speaks of. Called by `portcullis explain`, beside the gateway or without one:
//! nothing is bound, nothing is changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_audit::journal::{Decision, Found, Journal, JournalError, Missing};
use portcullis_config::{Document, Place};
use portcullis_domain::ReceiptId;
use serde_json::Value;
use thiserror::Error;

use crate::check::compiled;
use crate::compile::{self, Compiled};
use crate::gateway::{Options, StartError};

/// A decision, explained.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The decision.
    pub decision: Decision,
    /// Where in the files stands what it speaks of.
    pub spots: Vec<Spot>,
    /// Whether the policy that decided is still the one in the files.
    pub standing: Standing,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// What stands there.
    pub what: String,
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
}

/// Whether a policy is still the one in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Same,
    /// Another one has taken its place, with this revision. Lines may have moved.
    Changed(String),
    /// The files do not compile.
    Unknown,
}

/// Why a receipt is not explained.
#[derive(Debug, Error)]
pub enum NotExplained {
    /// The configuration cannot be read.
    #[error("the configuration cannot be read")]
    Configuration(StartError),
    /// It is no receipt.
    #[error("`{0}` is no receipt: it looks like `0192d3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d`")]
    NoReceipt(String),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It is not in the journal.
    #[error("the journal in `{}` has no decision with this receipt", .folder.display())]
    Missing {
        /// Which journal.
        folder: PathBuf,
        /// Why.
        why: Missing,
    },
}

/// Explains the decision with a receipt.
///
/// # Errors
/// [`NotExplained`].
pub fn explain_receipt(options: &Options, receipt: &str) -> Result<Explained, NotExplained> {
    let Some(id) = ReceiptId::parse(receipt.trim()) else {
        return Err(NotExplained::NoReceipt(receipt.escape_debug().to_string()));
    };
    let (_, _, config) = compile::read(&options.file)
        .map_err(|mistakes| NotExplained::Configuration(StartError::Configuration(mistakes)))?;
    let folder = compile::journal_folder(&config, &options.environment);
    match Journal::open(&folder)?.find(id)? {
        Found::Missing(why) => Err(NotExplained::Missing { folder, why }),
        // What a mistake in today's files hides is less than what the journal tells.
        Found::Decision(decision) => Ok(Explained::of(*decision, compiled(options).ok().as_ref())),
    }
}

impl Explained {
    pub(super) fn of(decision: Decision, compiled: Option<&Compiled>) -> Self {
        Self {
            spots: compiled.map(|compiled| spots(compiled, &decision)).unwrap_or_default(),
            standing: match compiled.map(|compiled| &compiled.policy.revision) {
                Some(revision) if *revision == decision.revision => Standing::Same,
                Some(revision) => Standing::Changed(revision.clone()),
                None => Standing::Unknown,
            },
            decision,
        }
    }
}

/// Where stands what a decision speaks of.
fn spots(compiled: &Compiled, decision: &Decision) -> Vec<Spot> {
    let mut spots = Vec::new();
    let api = compiled.policy.apis.iter().find(|api| Some(&api.name) == decision.api.as_ref());
    let route = api.and_then(|api| {
        let mut routes = api.routes.iter();
        routes.find(|route| Some(&*route.operation.id) == decision.operation.as_deref())
    });
    if let Some(route) = route {
        spots.push(Spot::at(format!("the operation `{}`", route.operation.id), &route.operation.place));
    }
    let quotas = decision.refusal.iter().flat_map(|refusal| &refusal.quotas);
    for quota in quotas {
        if let Some(place) = quota_place(compiled, decision.api.as_deref(), quota) {
            spots.push(Spot::at(format!("the quota `{quota}`"), &place));
        }
    }
    spots
}

impl Spot {
    fn at(what: String, place: &Place) -> Self {
        Self { what, file: place.file().to_owned(), line: place.line() }
    }
}

/// Where a quota is written: under the API first, then under `limits`; by its name, or by the setting it takes its
/// name from.
fn quota_place(compiled: &Compiled, api: Option<&str>, quota: &str) -> Option<Place> {
    let (document, _, _) = compile::read(Path::new(compiled.place.file())).ok()?;
    let mut roots = Vec::new();
    if let Some(api) = api {
        roots.push(format!("/apis/{}", api.replace('~', "~0").replace('/', "~1")));
    }
    roots.push("/limits".to_owned());
    roots.iter().find_map(|root| find_quota(&document, root, quota))
}

fn find_quota(document: &Arc<Document>, root: &str, quota: &str) -> Option<Place> {
    let value = document.value().pointer(root)?;
    let mut by_setting = None;
    let found = search(value, root, quota, &mut by_setting);
    found.or(by_setting).map(|pointer| document.at(pointer))
}

/// The pointer of the object whose name this is; that of a list under a key of this name is noted.
fn search(value: &Value, at: &str, quota: &str, by_setting: &mut Option<String>) -> Option<String> {
    match value {
        Value::Object(members) => {
            if members.get("name").and_then(Value::as_str) == Some(quota) {
                return Some(at.to_owned());
            }
            members.iter().find_map(|(key, member)| {
                let below = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                let is_named = quota == key || quota.strip_prefix(key.as_str()).is_some_and(is_number);
                if is_named && member.is_array() && by_setting.is_none() {
                    *by_setting = Some(below.clone());
                }
                search(member, &below, quota, by_setting)
            })
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| search(item, &format!("{at}/{index}"), quota, by_setting)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// `-2` and the like: from the second quota of a setting on.
fn is_number(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
}
