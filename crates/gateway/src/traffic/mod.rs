//! What was counted, beside what is declared: for the operator's subcommands.
//!
//! In: `portcullis.yaml` with its documents, and the store. Out: who still calls what is being retired
//! (VER-09), what is called and not declared, what is past its end and called, what is declared and not called
//! (VER-10), and whether something can be removed. Looking makes no store and changes nothing.

mod removal;
mod suggest;

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_audit::Metrics;
use portcullis_contract::Lifecycle;
use portcullis_contract::learn::{Leaf, PathTree};
use portcullis_domain::{
    Observation, StoreError, Stray, StrayMember, Timestamp, Usage, UsageStore as _, UsedOperation,
};

pub use removal::{NotToBeRemoved, Obstacle, Removal};
pub use suggest::{Confidence, Suggestion};

use crate::check::{forgetful_recorder, workshop};
use crate::gateway::{Options, StartError, compile_all, system};
use crate::operate::operate;

/// The store answers with no more rows than this.
const ROWS: usize = 100_000;
/// From how many calls on a path that is not declared is told apart from its neighbours.
const ESTABLISHED: u64 = 20;

/// Everything that is known of the traffic of a period.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// From when on.
    pub since: Timestamp,
    /// What is declared, in the order of APIs and documents.
    pub declared: Vec<DeclaredOperation>,
    /// Who called what, in the order of operations and consumers.
    pub used: Vec<Usage>,
    /// What was called and is not declared.
    pub strays: Vec<Stray>,
    /// Members that were sent, or answered, and are not declared.
    pub members: Vec<StrayMember>,
    /// Since when what is observed.
    pub observed: Vec<Observation>,
    /// Whether there is a store at all.
    pub kept: Kept,
    /// Whether all that was counted in the period is here.
    pub extent: Extent,
}

/// How much of what was counted was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// As much as the store gives at once; there may be more.
    Cut,
}

/// Where counts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the store.
    Store,
    /// In the memory of each process, and nowhere else.
    Nowhere,
}

/// An operation of the configuration.
#[derive(Clone, Debug)]
pub struct DeclaredOperation {
    /// Its names.
    pub name: UsedOperation,
    /// Its method.
    pub method: String,
    /// Its path.
    pub template: String,
    /// Where it stands in its life.
    pub lifecycle: Lifecycle,
}

impl DeclaredOperation {
    /// Whether its end is said, or it is past it already.
    #[must_use]
    pub fn is_being_retired(&self) -> bool {
        let Lifecycle { state, deprecated_at, sunset_at, .. } = &self.lifecycle;
        let is_going =
            matches!(state, portcullis_contract::State::Deprecated | portcullis_contract::State::Retired);
        is_going || deprecated_at.is_some() || sunset_at.is_some()
    }

    /// Whether it is deprecated or past its end by `now`.
    #[must_use]
    pub fn is_outlived(&self, now: Timestamp) -> bool {
        use portcullis_contract::State;
        matches!(self.lifecycle.state_at(now), State::Deprecated | State::Retired)
    }
}

impl Traffic {
    /// Who called an operation, under whichever version the document had.
    pub fn consumers<'t>(&'t self, operation: &UsedOperation) -> impl Iterator<Item = &'t Usage> {
        self.used.iter().filter(move |usage| {
            usage.operation.api == operation.api && usage.operation.operation == operation.operation
        })
    }

    /// Operations that nobody called.
    pub fn orphans(&self) -> impl Iterator<Item = &DeclaredOperation> {
        self.declared.iter().filter(|declared| self.consumers(&declared.name).next().is_none())
    }

    /// Operations that are deprecated or past their end, and called.
    pub fn zombies(&self, now: Timestamp) -> impl Iterator<Item = &DeclaredOperation> {
        let is_called = |declared: &&DeclaredOperation| self.consumers(&declared.name).next().is_some();
        self.declared.iter().filter(move |declared| declared.is_outlived(now)).filter(is_called)
    }
}

/// Reads what was counted since `since`, in whole days.
///
/// # Errors
/// [`StartError`], as for [`crate::check`]; or if the store is there and cannot be read.
pub fn traffic(options: &Options, since: Timestamp) -> Result<Traffic, StartError> {
    let recorder = forgetful_recorder(options)?;
    let metrics = Arc::new(Metrics::new(Arc::clone(&recorder), Box::new(|_| {})));
    let workshop = workshop(options, metrics, recorder)?;
    let (compiled, _) = compile_all(&workshop)?;
    let declared = compiled.policy.apis.iter().flat_map(|api| {
        let version =
            workshop.observatory.name(api.observed.id).map_or("".into(), |name| name.version.clone());
        api.contract.operations().iter().map(move |operation| DeclaredOperation {
            name: UsedOperation {
                api: api.name.as_str().into(),
                version: version.clone(),
                operation: (*operation.id).into(),
            },
            method: operation.method.to_string(),
            template: operation.template.to_string(),
            lifecycle: operation.lifecycle.clone(),
        })
    });
    let mut traffic = Traffic {
        since,
        declared: declared.collect(),
        used: Vec::new(),
        strays: Vec::new(),
        members: Vec::new(),
        observed: Vec::new(),
        kept: Kept::Nowhere,
        extent: Extent::Whole,
    };
    // Looking must not make a store.
    if workshop.lasting.exists() {
        let read = read(&operate(options)?.store, since, &mut traffic);
        read.map_err(|error| system("cannot read what was counted", std::io::Error::other(error)))?;
        traffic.kept = Kept::Store;
    }
    Ok(traffic)
}

fn read(store: &portcullis_store::Store, since: Timestamp, traffic: &mut Traffic) -> Result<(), StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|_| StoreError::Unavailable)?;
    runtime.block_on(async {
        traffic.used = store.usage_since(since).await?;
        if traffic.used.len() >= ROWS {
            traffic.extent = Extent::Cut;
        }
        traffic.used.retain(|usage| usage.last_at >= since);
        traffic.strays = settled(store.strays_since(since).await?);
        traffic.members = store.stray_members_since(since).await?;
        traffic.observed = store.observations().await?;
        Ok(())
    })
}

/// What is kept of a path while it is seen beside others.
#[derive(Clone, Debug, Default)]
struct Seen(Option<Stray>);

impl Leaf for Seen {
    fn merge(&mut self, other: Self) {
        let Some(other) = other.0 else { return };
        match &mut self.0 {
            None => self.0 = Some(other),
            Some(stray) => {
                stray.refused = stray.refused.saturating_add(other.refused);
                stray.answered = stray.answered.saturating_add(other.answered);
                stray.first_at = stray.first_at.min(other.first_at);
                stray.last_at = stray.last_at.max(other.last_at);
            }
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let is_rare = |seen: &Self| {
            seen.0.as_ref().is_some_and(|stray| stray.refused.saturating_add(stray.answered) < ESTABLISHED)
        };
        is_rare(self) && is_rare(other)
    }
}

/// Several gateways, and the same one after a restart, learn apart what varies in a path; here it comes together.
fn settled(strays: Vec<Stray>) -> Vec<Stray> {
    let mut trees: BTreeMap<(Box<str>, Box<str>), PathTree<Seen>> = BTreeMap::new();
    let mut settled = Vec::new();
    for stray in strays {
        if &*stray.template == "*" {
            settled.push(stray);
            continue;
        }
        let tree = trees.entry((stray.api.clone(), stray.version.clone())).or_default();
        // The store keeps fewer paths than a tree has room for.
        let _ = tree.note(&stray.method.clone(), &stray.template.clone(), Seen(Some(stray)));
    }
    for mut tree in trees.into_values() {
        tree.settle();
        settled.extend(
            tree.into_entries()
                .into_iter()
                .filter_map(|(_, template, seen)| Some(Stray { template: template.into(), ..seen.0? })),
        );
    }
    settled
}
