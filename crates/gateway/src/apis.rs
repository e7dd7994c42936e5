//! Every API of a configuration with what is known of it: the inventory (VER-01).
//!
//! In: `portcullis.yaml` and the documents it names. Out: a list, in the order of names. Called by `portcullis
//! inventory --apis`. What traffic shows beyond this, and who still calls what, is counted elsewhere.

use std::sync::Arc;

use portcullis_audit::Metrics;
use portcullis_contract::{Lifecycle, Operation, Security, State};
use portcullis_domain::Timestamp;
use serde_json::{Value, json};

use crate::check::{forgetful_recorder, workshop};
use crate::compile::Compiled;
use crate::config::{ApiConfig, InventoryConfig};
use crate::gateway::{Options, StartError, compile_all};
use crate::policy::Api;

/// One API, or a version that is gone.
#[derive(Clone, Debug)]
pub struct ApiFacts {
    /// Its name in the configuration; the group's, for a version that is gone.
    pub name: String,
    /// The group of versions that it belongs to.
    pub group: Option<String>,
    /// Its version: as its group calls it, or as its document does.
    pub version: String,
    /// What was said under `inventory`: `owner`, `environment`, `exposure`, `data_class`, `third_parties`; `null`
    /// where nothing was.
    pub inventory: Value,
    /// Where it stands now.
    pub state: State,
    /// When that changes, or has changed.
    pub lifecycle: Lifecycle,
    /// Its host names.
    pub hosts: Vec<String>,
    /// The path under which it is served; empty for the root.
    pub mount: String,
    /// Where its requests go.
    pub upstreams: Vec<String>,
    /// Its operations.
    pub operations: Vec<OperationFacts>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct OperationFacts {
    /// Its id.
    pub id: String,
    /// `METHOD /path`.
    pub address: String,
    /// Who may call it.
    pub access: OperationAccess,
    /// Where it stands now.
    pub state: State,
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationAccess {
    /// Anybody.
    Public,
    /// Who has shown a credential.
    Authenticated,
}

impl ApiFacts {
    /// How many of its operations anybody may call.
    #[must_use]
    pub fn public_operations(&self) -> usize {
        self.operations.iter().filter(|operation| operation.access == OperationAccess::Public).count()
    }
}

/// Lists every API.
///
/// # Errors
/// [`StartError`], as for [`crate::check()`].
pub fn apis(options: &Options) -> Result<Vec<ApiFacts>, StartError> {
    let recorder = forgetful_recorder(options)?;
    let metrics = Arc::new(Metrics::new(Arc::clone(&recorder), Box::new(|_| {})));
    let workshop = workshop(options, metrics, recorder)?;
    let (compiled, _) = compile_all(&workshop)?;
    let now = options.clock.now().wall;
    let served = compiled.policy.apis.iter().filter_map(|api| {
        let config = compiled.config.apis.get(&api.name)?;
        Some(facts(api, config, compiled.policy.hosts.names_of(api.index), now))
    });
    Ok(served.chain(gone(&compiled)).collect())
}

fn facts(api: &Api, config: &ApiConfig, hosts: Vec<String>, now: Timestamp) -> ApiFacts {
    let version = config.version.as_ref();
    ApiFacts {
        name: api.name.clone(),
        group: version.map(|version| version.of.clone()),
        version: version.map_or_else(|| api.contract.version.clone(), |version| version.name.clone()),
        inventory: shown(config.inventory.as_ref()),
        state: api.contract.lifecycle.state_at(now),
        lifecycle: api.contract.lifecycle.clone(),
        hosts,
        mount: config.mount.clone().unwrap_or_default(),
        upstreams: config.upstream.addresses().to_vec(),
        operations: api
            .contract
            .operations()
            .iter()
            .map(|operation| operation_facts(operation, now))
            .collect(),
    }
}

fn operation_facts(operation: &Operation, now: Timestamp) -> OperationFacts {
    OperationFacts {
        id: operation.id.to_string(),
        address: format!("{} {}", operation.method, operation.template),
        access: match operation.security {
            Security::Public => OperationAccess::Public,
            Security::AnyOf(_) | Security::Undeclared => OperationAccess::Authenticated,
        },
        state: operation.lifecycle.state_at(now),
    }
}

/// Versions of which nothing is left but the answer that they are gone.
fn gone(compiled: &Compiled) -> impl Iterator<Item = ApiFacts> + '_ {
    let each = compiled
        .config
        .versions
        .iter()
        .flat_map(|(group, config)| config.gone.iter().map(move |(name, gone)| (group, name, gone)));
    each.map(|(group, name, gone)| ApiFacts {
        name: group.clone(),
        group: Some(group.clone()),
        version: name.clone(),
        inventory: shown(None),
        state: State::Retired,
        lifecycle: Lifecycle {
            state: State::Retired,
            deprecated_at: None,
            sunset_at: gone.since.as_deref().and_then(portcullis_contract::moment),
            successor: gone.successor.clone(),
            policy: gone.policy.clone(),
        },
        hosts: gone.hosts.clone().unwrap_or_default(),
        mount: gone.mount.clone().unwrap_or_default(),
        upstreams: Vec::new(),
        operations: Vec::new(),
    })
}

fn shown(inventory: Option<&InventoryConfig>) -> Value {
    let said = |name: &str| inventory.and_then(|said| serde_json::to_value(said).ok()?.get(name).cloned());
    json!({
        "owner": said("owner"),
        "environment": said("environment"),
        "exposure": said("exposure"),
        "data_class": said("data_class"),
        "third_parties": said("third_parties"),
    })
}
