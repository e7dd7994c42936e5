//! The store and API keys as written.

use std::sync::Arc;

use portcullis_audit::Recorder;
use portcullis_audit::alert::Alerts;
use portcullis_authn::api_key::config::ApiKeysConfig;
use portcullis_config::codes::store as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place, SecretReference};
use portcullis_domain::Clock;
use portcullis_store::config::StoreConfig;
use portcullis_store::{OpenError, Settings};
use portcullis_tls::{ClientTls, Surroundings};

use super::Workshop;
use crate::config::GatewayConfig;
use crate::lasting::Lasting;

/// What lasts, with the settings that hold for as long as the process lives. Opens nothing. A mistake in them is
/// found again, and shown with all others, by [`check`].
///
/// # Errors
/// If there are no authorities to verify a database's server with.
pub(crate) fn lasting(
    config: &GatewayConfig,
    root: &Place,
    surroundings: &Surroundings,
    clock: &Clock,
    recorder: &Arc<Recorder>,
    alerts: &Arc<Alerts>,
) -> Result<Lasting, rustls::Error> {
    let place = root.child("store");
    let written = config.store.clone().unwrap_or_default();
    let mut ignored = Diagnostics::new();
    let compiled = match settings(&written, &place, surroundings, &mut ignored)? {
        Some(settings) => Some(settings),
        None => settings(&StoreConfig::default(), &place, surroundings, &mut ignored)?,
    };
    let settings = compiled.ok_or_else(|| rustls::Error::General("no store is possible".to_owned()))?;
    let keys = usize::try_from(config.api_keys.cache).unwrap_or(usize::MAX);
    Ok(Lasting::new(settings, keys, clock.clone(), Arc::clone(recorder), Arc::clone(alerts)))
}

/// Where the store of a configuration is; `None` if anything about it is a mistake.
///
/// # Errors
/// As [`lasting`].
pub(crate) fn store_settings(
    config: &GatewayConfig,
    root: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Settings>, rustls::Error> {
    let written = config.store.clone().unwrap_or_default();
    settings(&written, &root.child("store"), surroundings, diagnostics)
}

fn settings(
    written: &StoreConfig,
    place: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Settings>, rustls::Error> {
    let tls = ClientTls::public(&[], surroundings)?;
    let Surroundings { environment, state, .. } = surroundings;
    Ok(portcullis_store::compile(written, place, state, environment, tls.config(), diagnostics))
}

/// Shows every mistake in the two sections.
pub(crate) fn check(
    config: &GatewayConfig,
    root: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) {
    if let Some(store) = &config.store {
        // Without authorities the fetches of keys have failed already.
        let _ = settings(store, &root.child("store"), &workshop.surroundings, diagnostics);
        check_purposes(config, store, root, diagnostics);
    }
    check_keys(&config.api_keys, &root.child("api_keys"), diagnostics);
}

/// One purpose per key (RFC 8725 §3.12): references are compared, for what they lead to may be the same by
/// accident only once.
fn check_purposes(config: &GatewayConfig, store: &StoreConfig, root: &Place, diagnostics: &mut Diagnostics) {
    let Some(token) = &config.admin.token else { return };
    let twice = |reference: &&SecretReference| *reference == token;
    if store.secret.iter().chain(&store.previous_secrets).any(|reference| twice(&reference)) {
        diagnostics.push(
            Diagnostic::error(codes::SECRET_REPEATED, format!("`{token}` serves two purposes"))
                .at(root.child("admin").child("token"))
                .related(root.child("store"), "it is the secret of the store as well")
                .help("make a secret of its own for each"),
        );
    }
}

fn check_keys(config: &ApiKeysConfig, place: &Place, diagnostics: &mut Diagnostics) {
    let mut wrong = |name: &str, message: String| {
        diagnostics.push(Diagnostic::error(codes::KEY_SETTINGS, message).at(place.child(name)));
    };
    if config.lifetime.0.is_zero() {
        wrong("lifetime", "keys would end at once".to_owned());
    }
    if config.lifetime.0 > config.longest_lifetime.0 {
        let longest = config.longest_lifetime;
        wrong("lifetime", format!("a life of {} is longer than the longest, {longest}", config.lifetime));
    }
}

/// The store cannot be opened now that it is needed.
pub(crate) fn store_unusable(error: &OpenError, root: &Place) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.push(
        Diagnostic::error(codes::STORE_UNUSABLE, error.to_string())
            .at(root.child("store"))
            .help("operations take API keys, which are kept there"),
    );
    diagnostics
}
