//! Checking a configuration without serving it.

use std::sync::Arc;

use portcullis_audit::alert::Alerts;
use portcullis_audit::detect::{DetectionKey, Lookout};
use portcullis_audit::{Memory, Metrics, OnFailure, Recorder, Settings, SinkChoice};
use portcullis_config::{Diagnostics, Document};
use portcullis_tls::{HttpTokens, Surroundings};
use serde_json::Value;

use crate::alerting;
use crate::compile::{self, Workshop};
use crate::config::GatewayConfig;
use crate::fetch::GuardedFetch;
use crate::gateway::{Options, StartError, compile_all, system, worker_count};
use crate::observe::Observatory;
use crate::ownership::Ownership;
use crate::vault::Keeper;

/// What a configuration amounts to.
pub struct Checked {
    /// Everything that holds, defaults included. Secrets are shown as the references they are.
    pub effective: Value,
    /// Its revision.
    pub revision: String,
    /// How many APIs and operations it has.
    pub operations: Vec<(String, usize)>,
    /// Answers that are handed on unseen: API, operation, media types.
    pub unseen: Vec<(String, String, Vec<String>)>,
    /// What it should not be like, though it works.
    pub warnings: Diagnostics,
}

/// Compiles everything that [`crate::Gateway::start`] would, and starts nothing.
///
/// # Errors
/// [`StartError::Configuration`] with every mistake in every file.
pub fn check(options: &Options) -> Result<Checked, StartError> {
    let compiled = compiled(options)?;
    let operations = compiled.policy.apis.iter().map(|api| (api.name.clone(), api.routes.len())).collect();
    let unseen = compiled.policy.apis.iter().flat_map(|api| {
        let types = api.routes.iter().map(|route| (route, route.answers.unseen(&route.operation)));
        types
            .filter(|(_, types)| !types.is_empty())
            .map(|(route, types)| (api.name.clone(), route.operation.id.to_string(), types))
    });
    let unseen = unseen.collect();
    Ok(Checked {
        effective: serde_json::to_value(&compiled.config).unwrap_or_default(),
        revision: compiled.policy.revision.clone(),
        operations,
        unseen,
        warnings: compiled.warnings,
    })
}

/// Compiles a configuration for a command that serves nothing.
///
/// # Errors
/// As [`check()`].
pub(crate) fn compiled(options: &Options) -> Result<compile::Compiled, StartError> {
    let recorder = forgetful_recorder(options)?;
    let metrics = Arc::new(Metrics::new(Arc::clone(&recorder), Box::new(|_| {})));
    let workshop = workshop(options, metrics, recorder)?;
    compile_all(&workshop).map(|(compiled, _)| compiled)
}

/// A recorder for commands that decide nothing about requests: nobody reads what it keeps.
pub(crate) fn forgetful_recorder(options: &Options) -> Result<Arc<Recorder>, StartError> {
    let settings = Settings {
        sink: SinkChoice::Memory(Memory::default()),
        queue_bytes: 64 * 1024,
        on_failure: OnFailure::Continue,
        ..Settings::default()
    };
    Recorder::open(&settings, options.clock.clone())
        .map(Arc::new)
        .map_err(|error| system("cannot check", std::io::Error::other(error)))
}

/// The JSON Schema of `portcullis.yaml`, for editors.
#[must_use]
pub fn schema() -> Value {
    portcullis_config::json_schema::<GatewayConfig>()
}

/// What compiling needs, made from what a gateway is started with.
pub(crate) fn workshop(
    options: &Options,
    metrics: Arc<Metrics>,
    recorder: Arc<Recorder>,
) -> Result<Workshop, StartError> {
    let (document, _, config) = compile::read(&options.file).map_err(StartError::Configuration)?;
    let (surroundings, vault) = surroundings(options, &document, &config, &recorder)?;
    let fetch = GuardedFetch::new(&surroundings, Arc::clone(&recorder))
        .map_err(|error| system("cannot verify servers", std::io::Error::other(error)))?;
    let alerts = Arc::new(Alerts::new(Arc::clone(&recorder), alerting::bounds(&config.alerts)));
    let lasting =
        compile::lasting(&config, &document.at(""), &surroundings, &options.clock, &recorder, &alerts)
            .map_err(|error| system("cannot verify servers", std::io::Error::other(error)))?;
    let lasting = Arc::new(lasting);
    let shared_limits =
        compile::shared_limits(&config, &document.at(""), worker_count(&config), &surroundings);
    Ok(Workshop {
        ownership: Arc::new(Ownership::new(Arc::clone(&lasting), options.clock.clone(), &config.ownership)),
        lasting,
        file: options.file.clone(),
        environment: surroundings.environment.clone(),
        vault,
        clock: options.clock.clone(),
        fetch: Arc::new(fetch),
        surroundings,
        metrics,
        alerts,
        recorder,
        observatory: Arc::new(Observatory::new()),
        lookout: Arc::new(Lookout::new(
            DetectionKey::random().map_err(|error| system("cannot draw a key for detection", error))?,
        )),
        shared_limits,
    })
}

/// What TLS stands on, and the vault behind its environment. The secrets that the file names are read.
pub(crate) fn surroundings(
    options: &Options,
    document: &Arc<Document>,
    config: &GatewayConfig,
    recorder: &Arc<Recorder>,
) -> Result<(Surroundings, Option<Arc<Keeper>>), StartError> {
    let mut surroundings = bare_surroundings(options, config);
    let Some(section) = &config.vault else { return Ok((surroundings, None)) };
    let mut diagnostics = Diagnostics::new();
    let place = document.at("").child("vault");
    let recorder = Arc::clone(recorder);
    let keeper =
        Keeper::compile(section, &place, &surroundings, recorder, options.clock.clone(), &mut diagnostics);
    let Some(keeper) = keeper.filter(|_| !diagnostics.has_errors()) else {
        return Err(StartError::Configuration(diagnostics));
    };
    keeper.prepare_blocking(document).map_err(|error| system("cannot read the vault", error))?;
    surroundings.environment = surroundings.environment.with_vault(keeper.shelf());
    Ok((surroundings, Some(Arc::new(keeper))))
}

fn bare_surroundings(options: &Options, config: &GatewayConfig) -> Surroundings {
    Surroundings {
        environment: options.environment.clone(),
        clock: options.clock.clone(),
        roots: options.roots.clone(),
        state: options.environment.path(&config.state),
        tokens: Arc::new(HttpTokens::default()),
    }
}
