//! From the written store settings to [`Settings`], with every mistake shown at its place.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portcullis_config::codes::store as codes;
use portcullis_config::{Diagnostic, Diagnostics, Environment, Place, SecretReference};
use portcullis_domain::Secret;
use rustls::ClientConfig;

use crate::config::StoreConfig;
use crate::weak::weakness;

/// KEY-06 wants revocations to hold everywhere within five seconds, and the promise is one.
const LONGEST_POLL: Duration = Duration::from_secs(1);
const SHORTEST_POLL: Duration = Duration::from_millis(20);

/// Where a store is, and what it is opened with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where.
    pub location: Location,
    /// What its keys are derived from.
    pub secrets: RootSecrets,
    /// How often it is asked for changes.
    pub poll: Duration,
    /// How long what was known last may serve.
    pub grace: Duration,
}

/// Where a store is.
#[derive(Clone, Debug)]
pub enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres {
        /// `postgresql://…`, with a password.
        url: Secret,
        /// Whom to trust.
        tls: Arc<ClientConfig>,
    },
}

/// What the keys are derived from.
#[derive(Clone, Debug)]
pub enum RootSecrets {
    /// Configured.
    Given {
        /// Makes what is new.
        newest: Secret,
        /// Recognize what is older.
        previous: Vec<Secret>,
    },
    /// Kept in this file, and made at the first opening.
    File(PathBuf),
}

/// Compiles the `store` section, which stands at `place`; `state` is the folder for what the gateway makes
/// itself. `None` if anything in it is a mistake. Opens nothing.
pub fn compile(
    config: &StoreConfig,
    place: &Place,
    state: &Path,
    environment: &Environment,
    tls: &Arc<ClientConfig>,
    diagnostics: &mut Diagnostics,
) -> Option<Settings> {
    let location = location(config, place, state, environment, tls, diagnostics);
    let secrets = secrets(config, place, state, environment, diagnostics);
    let poll = config.poll.0;
    let is_sound = (SHORTEST_POLL..=LONGEST_POLL).contains(&poll);
    if !is_sound {
        diagnostics.push(
            Diagnostic::error(codes::POLL_RANGE, format!("a poll every {} is out of range", config.poll))
                .at(place.child("poll"))
                .label("for that long a revoked credential would be accepted")
                .help("write a time from `20ms` to `1s`"),
        );
    }
    let (location, secrets) = (location?, secrets?);
    is_sound.then_some(Settings { location, secrets, poll, grace: config.grace.0 })
}

fn location(
    config: &StoreConfig,
    place: &Place,
    state: &Path,
    environment: &Environment,
    tls: &Arc<ClientConfig>,
    diagnostics: &mut Diagnostics,
) -> Option<Location> {
    match (&config.file, &config.postgresql) {
        (Some(_), Some(_)) => {
            diagnostics.push(
                Diagnostic::error(
                    codes::LOCATION_AMBIGUOUS,
                    "the store is in a file or in PostgreSQL, not in both",
                )
                .at(place.child("postgresql").key())
                .related(place.child("file"), "a file is named here")
                .help("remove one of them"),
            );
            None
        }
        (None, Some(reference)) => {
            let place = place.child("postgresql");
            let url = reference.resolve_at(environment, &place, diagnostics)?;
            let is_address =
                url.expose_text().is_some_and(|url| url.parse::<tokio_postgres::Config>().is_ok());
            if !is_address {
                diagnostics.push(
                    Diagnostic::error(
                        codes::ADDRESS_MALFORMED,
                        format!("`{reference}` holds no address of PostgreSQL"),
                    )
                    .at(place)
                    .help("write `postgresql://user:password@host/database` into it"),
                );
                return None;
            }
            Some(Location::Postgres { url, tls: Arc::clone(tls) })
        }
        (Some(file), None) => Some(Location::File(environment.path(file))),
        (None, None) => Some(Location::File(state.join("store.db"))),
    }
}

fn secrets(
    config: &StoreConfig,
    place: &Place,
    state: &Path,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<RootSecrets> {
    let Some(reference) = &config.secret else {
        if config.postgresql.is_some() || !config.previous_secrets.is_empty() {
            diagnostics.push(
                Diagnostic::error(codes::SECRET_MISSING, "`secret` is not set")
                    .at(place.key())
                    .label("every replica would digest keys in its own way and know none of the others'")
                    .help("make one with `openssl rand -hex 32` and name it here: `secret: ${file:…}`"),
            );
            return None;
        }
        let file = config.file.as_ref().map(|file| environment.path(file));
        let folder = file.as_deref().and_then(Path::parent).unwrap_or(state);
        return Some(RootSecrets::File(folder.join("store.key")));
    };
    let newest = strong(reference, &place.child("secret"), environment, diagnostics);
    let places = place.child("previous_secrets");
    let previous: Vec<Option<Secret>> = config
        .previous_secrets
        .iter()
        .enumerate()
        .map(|(index, reference)| {
            let place = places.index(index);
            let secret = strong(reference, &place, environment, diagnostics)?;
            if newest.as_ref().is_some_and(|newest| newest.matches(secret.expose())) {
                diagnostics.push(
                    Diagnostic::error(codes::SECRET_REPEATED, "a previous secret is the one in use")
                        .at(place)
                        .help("name the secret that was in use before, or remove the line"),
                );
                return None;
            }
            Some(secret)
        })
        .collect();
    Some(RootSecrets::Given { newest: newest?, previous: previous.into_iter().collect::<Option<_>>()? })
}

fn strong(
    reference: &SecretReference,
    place: &Place,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<Secret> {
    let secret = reference.resolve_at(environment, place, diagnostics)?;
    let Some(why) = weakness(secret.expose()) else { return Some(secret) };
    diagnostics.push(
        Diagnostic::error(codes::SECRET_WEAK, format!("the secret `{reference}` cannot be used: {why}"))
            .at(place.clone())
            .label("whoever guesses it can make digests of keys of their own")
            .help("make one with `openssl rand -hex 32`"),
    );
    None
}
