//! What a candidate configuration would change: the decisions of the journal, put to it.
//!
//! In: the configuration in force, whose journal is read, and a candidate. Out: [`WhatIf`]: every refusal that would
//! become an answer and the other way round, grouped, with counts and receipts; and what cannot be told, and why.
//! Called by `portcullis policy what-if`. Nothing is asked over the network and nothing is written.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_audit::journal::{Decision, Journal, JournalError, Line};
use portcullis_domain::Timestamp;
use serde::Serialize;
use thiserror::Error;

use super::replay::{Replayed, Was, replay};
use crate::check::compiled;
use crate::compile;
use crate::gateway::{Options, StartError};

/// Most receipts that are given as examples.
const EXAMPLES: usize = 3;
/// Most groups that are told apart; what is beyond is counted together.
const GROUPS: usize = 10_000;

/// What a candidate would change.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WhatIf {
    /// The revision of the candidate.
    pub candidate: String,
    /// Decisions that were put to it.
    pub decisions: u64,
    /// Of so many answers one is in the journal; none with zero.
    pub answers_one_in: u32,
    /// Decisions that the journal lost.
    pub lost: u64,
    /// What would change, the most frequent first.
    pub changes: Vec<Group>,
    /// How many would be what they were.
    pub same: u64,
    /// How many cannot be told, and why.
    pub not_replayed: Vec<NotReplayed>,
}

/// A change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// What was refused would pass.
    DenyToAllow,
    /// What passed would be refused.
    AllowToDeny,
}

/// Decisions that would change alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// How.
    pub change: Change,
    /// The API.
    pub api: String,
    /// The operation.
    pub operation: String,
    /// Its method and path.
    pub call: String,
    /// The roles of the callers.
    pub roles: Vec<String>,
    /// By what it was decided: a rule's file and line, or the code of a reason.
    pub before: String,
    /// By what it would be decided.
    pub after: String,
    /// What these requests would still have to pass and never met.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// How many.
    pub count: u64,
    /// Some of their receipts.
    pub receipts: Vec<String>,
}

/// Decisions that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotReplayed {
    /// Why.
    pub why: String,
    /// How many.
    pub count: u64,
    /// Some of their receipts.
    pub receipts: Vec<String>,
}

/// Why nothing could be put to a candidate.
#[derive(Debug, Error)]
pub enum WhatIfError {
    /// The configuration in force cannot be read.
    #[error("the configuration cannot be read")]
    Configuration(StartError),
    /// The candidate does not compile.
    #[error("the candidate does not compile")]
    Candidate(StartError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

type Key = (Change, String, String, String, Vec<String>, String, String, Vec<String>);

#[derive(Default)]
struct Sum {
    count: u64,
    receipts: Vec<String>,
}

impl Sum {
    fn add(&mut self, decision: &Decision) {
        self.count += 1;
        if self.receipts.len() < EXAMPLES {
            self.receipts.push(decision.receipt.clone());
        }
    }
}

/// Puts the decisions of the journal since a moment to a candidate.
///
/// # Errors
/// [`WhatIfError`].
pub fn what_if(options: &Options, candidate: &Path, since: Timestamp) -> Result<WhatIf, WhatIfError> {
    let (_, _, config) = compile::read(&options.file)
        .map_err(|mistakes| WhatIfError::Configuration(StartError::Configuration(mistakes)))?;
    let mut journal = Journal::open(&compile::journal_folder(&config, &options.environment))?;
    let base = candidate.parent().unwrap_or(Path::new(""));
    let proposed = Options {
        file: candidate.to_owned(),
        environment: options.environment.clone().with_base(base),
        clock: options.clock.clone(),
        record: None,
        roots: options.roots.clone(),
        watch: options.watch,
    };
    let compiled = compiled(&proposed).map_err(WhatIfError::Candidate)?;
    let policy = &compiled.policy;
    let key =
        portcullis_audit::journal::JournalKey::read(&compile::journal_folder(&config, &options.environment))
            .map_err(|source| JournalError::System { folder: options.file.clone(), source })?;
    let mut told = WhatIf { candidate: policy.revision.clone(), ..WhatIf::default() };
    let mut changes: BTreeMap<Key, Sum> = BTreeMap::new();
    let mut untold: BTreeMap<String, Sum> = BTreeMap::new();
    journal.each_since(since, |line| match line {
        Line::Journal { answers_one_in, .. } => told.answers_one_in = answers_one_in,
        Line::Lost { decisions, .. } => told.lost += decisions,
        Line::Decision(decision) => {
            told.decisions += 1;
            let Some(was) = Was::of(&decision) else {
                untold.entry("it failed before anything was decided".to_owned()).or_default().add(&decision);
                return;
            };
            let (change, after, unseen) = match (was, replay(policy, &decision, &key)) {
                (_, Replayed::Untold(why)) => {
                    let why = if untold.len() < GROUPS { why } else { "other reasons".to_owned() };
                    untold.entry(why).or_default().add(&decision);
                    return;
                }
                (Was::Allowed, Replayed::Allowed { .. }) | (Was::Denied, Replayed::Denied { .. }) => {
                    told.same += 1;
                    return;
                }
                (Was::Denied, Replayed::Allowed { rule, unseen }) => {
                    (Change::DenyToAllow, rule.unwrap_or_else(|| "no rule forbids it".to_owned()), unseen)
                }
                (Was::Allowed, Replayed::Denied { reason, rule }) => {
                    (Change::AllowToDeny, rule.unwrap_or_else(|| reason.code().to_owned()), Vec::new())
                }
            };
            if changes.len() < GROUPS {
                let unseen = unseen.into_iter().map(str::to_owned).collect();
                changes.entry(key_of(&decision, change, after, unseen)).or_default().add(&decision);
            } else {
                untold
                    .entry("too many kinds of changes to tell apart".to_owned())
                    .or_default()
                    .add(&decision);
            }
        }
    })?;
    told.changes = changes.into_iter().map(group).collect();
    told.changes.sort_by(|one, other| (one.change, other.count).cmp(&(other.change, one.count)));
    told.not_replayed = untold
        .into_iter()
        .map(|(why, Sum { count, receipts })| NotReplayed { why, count, receipts })
        .collect();
    told.not_replayed.sort_by_key(|one| std::cmp::Reverse(one.count));
    Ok(told)
}

fn key_of(decision: &Decision, change: Change, after: String, unseen: Vec<String>) -> Key {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rules: Vec<&str> = decision.rules.iter().map(|rule| rule.at.as_str()).collect();
    let reason = decision.refusal.as_ref().map(|refusal| refusal.reason.as_str());
    let before = match (rules.is_empty(), reason) {
        (false, _) => rules.join(", "),
        (true, Some(reason)) => reason.to_owned(),
        (true, None) => "no rule forbade it".to_owned(),
    };
    (
        change,
        text(&decision.api),
        text(&decision.operation),
        format!("{} {}", decision.method, text(&decision.template)),
        decision.caller.as_ref().map(|caller| caller.roles.clone()).unwrap_or_default(),
        before,
        after,
        unseen,
    )
}

fn group((key, sum): (Key, Sum)) -> Group {
    let (change, api, operation, call, roles, before, after, unseen) = key;
    let Sum { count, receipts } = sum;
    Group { change, api, operation, call, roles, before, after, unseen, count, receipts }
}
