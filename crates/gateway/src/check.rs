//! Checking a configuration without serving it.

use std::sync::Arc;

use portcullis_audit::{Memory, Metrics, OnFailure, Recorder, Settings, SinkChoice};
use portcullis_config::Diagnostics;
use portcullis_tls::{HttpTokens, Surroundings};
use serde_json::Value;

use crate::compile::{self, Workshop};
use crate::config::GatewayConfig;
use crate::fetch::GuardedFetch;
use crate::gateway::{Options, StartError, compile_all, system};

/// What a configuration amounts to.
pub struct Checked {
    /// Everything that holds, defaults included. Secrets are shown as the references they are.
    pub effective: Value,
    /// Its revision.
    pub revision: String,
    /// How many APIs and operations it has.
    pub operations: Vec<(String, usize)>,
    /// What it should not be like, though it works.
    pub warnings: Diagnostics,
}

/// Compiles everything that [`crate::Gateway::start`] would, and starts nothing.
///
/// # Errors
/// [`StartError::Configuration`] with every mistake in every file.
pub fn check(options: &Options) -> Result<Checked, StartError> {
    let settings = Settings {
        sink: SinkChoice::Memory(Memory::default()),
        queue_bytes: 64 * 1024,
        on_failure: OnFailure::Continue,
    };
    let recorder = Recorder::open(&settings, options.clock.clone())
        .map_err(|error| system("cannot check", std::io::Error::other(error)))?;
    let recorder = Arc::new(recorder);
    let metrics = Arc::new(Metrics::new(Arc::clone(&recorder), Box::new(|_| {})));
    let workshop = workshop(options, metrics, recorder)?;
    let (compiled, _) = compile_all(&workshop)?;
    let operations = compiled.policy.apis.iter().map(|api| (api.name.clone(), api.routes.len())).collect();
    Ok(Checked {
        effective: serde_json::to_value(&compiled.config).unwrap_or_default(),
        revision: compiled.policy.revision.clone(),
        operations,
        warnings: compiled.warnings,
    })
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
    let surroundings = surroundings(options, &config);
    let fetch = GuardedFetch::new(&surroundings, Arc::clone(&recorder))
        .map_err(|error| system("cannot verify servers", std::io::Error::other(error)))?;
    let lasting = compile::lasting(&config, &document.at(""), &surroundings, &options.clock)
        .map_err(|error| system("cannot verify servers", std::io::Error::other(error)))?;
    Ok(Workshop {
        lasting: Arc::new(lasting),
        file: options.file.clone(),
        environment: options.environment.clone(),
        clock: options.clock.clone(),
        fetch: Arc::new(fetch),
        surroundings,
        metrics,
        recorder,
    })
}

/// What TLS stands on.
pub(crate) fn surroundings(options: &Options, config: &GatewayConfig) -> Surroundings {
    Surroundings {
        environment: options.environment.clone(),
        clock: options.clock.clone(),
        roots: options.roots.clone(),
        state: options.environment.path(&config.state),
        tokens: Arc::new(HttpTokens::default()),
    }
}
