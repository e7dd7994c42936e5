//! What the operator's subcommands work on: the store of a configuration, and what they must know of it.
//!
//! In: `portcullis.yaml`. Out: the open store. Called by `portcullis keys` and `portcullis revoke`, which may run
//! beside the gateway: it follows the store.

use std::path::PathBuf;
use std::time::Duration;

use portcullis_authn::api_key::config::ApiKeysConfig;
use portcullis_config::Diagnostics;
use portcullis_domain::Scopes;
use portcullis_store::Store;

use crate::gateway::{Options, StartError, system};
use crate::ownership::OwnedType;
use crate::{check, compile};

/// The store of a configuration, open.
pub struct Operated {
    /// Keys, revocations, sessions.
    pub store: Store,
    /// How keys are made.
    pub keys: ApiKeysConfig,
    /// The names of the APIs.
    pub apis: Vec<String>,
    /// The types of objects.
    pub objects: Vec<OwnedType>,
    /// Who is believed.
    pub issuers: Vec<BelievedIssuer>,
    /// What may be granted for a while, if anything.
    pub grants: Option<Grantable>,
    /// The file of the record, if it is kept in one.
    pub record: Option<PathBuf>,
}

/// What may be granted for a while.
#[derive(Clone, Debug)]
pub struct Grantable {
    /// These roles.
    pub roles: Scopes,
    /// These scopes.
    pub scopes: Scopes,
    /// For so long at most.
    pub longest: Duration,
    /// With so many approvals by others.
    pub approvals: u8,
}

/// An issuer, as far as revoking its tokens goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BelievedIssuer {
    /// Its identifier.
    pub identifier: String,
    /// How long its tokens live at most, if that is limited.
    pub maximum_lifetime: Option<Duration>,
}

/// Opens the store that `portcullis serve` would open with these options; makes it if it is not there.
///
/// # Errors
/// [`StartError::Configuration`] if the file cannot be read or its `store` section has a mistake;
/// [`StartError::System`] if the store cannot be opened.
pub fn operate(options: &Options) -> Result<Operated, StartError> {
    let (document, _, config) = compile::read(&options.file).map_err(StartError::Configuration)?;
    let recorder = check::forgetful_recorder(options)?;
    let (surroundings, _) = check::surroundings(options, &document, &config, &recorder)?;
    let mut diagnostics = Diagnostics::new();
    let settings = compile::store_settings(&config, &document.at(""), &surroundings, &mut diagnostics)
        .map_err(|error| system("cannot verify servers", std::io::Error::other(error)))?;
    let Some(settings) = settings else { return Err(StartError::Configuration(diagnostics)) };
    let store = Store::open(&settings)
        .map_err(|error| system("cannot open the store", std::io::Error::other(error)))?;
    let issuer = |issuer: &portcullis_authn::config::IssuerConfig| BelievedIssuer {
        identifier: issuer.issuer.clone(),
        maximum_lifetime: issuer.maximum_lifetime.map(|life| life.0 + issuer.clock_skew.0),
    };
    Ok(Operated {
        store,
        objects: OwnedType::all(&config),
        apis: config.apis.keys().cloned().collect(),
        issuers: config.identity.values().map(issuer).collect(),
        record: config.audit.file.as_ref().map(|file| options.environment.path(file)),
        grants: compile::grantable(config.grants.as_ref()),
        keys: config.api_keys,
    })
}
