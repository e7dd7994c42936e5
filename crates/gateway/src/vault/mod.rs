//! Secrets of a vault: read ahead, read again, and handed to whoever compiles (KEY-01).
//!
//! In: the section `vault:` and the references in `portcullis.yaml`. Out: [`Shelf`], where
//! `${vault:PATH#FIELD}` is looked up. Asked when a policy is compiled; [`Keeper::keep`] runs beside
//! requests on the control thread, renews the gateway's own token and calls for a reload when a secret has
//! changed. A vault that does not answer leaves the secrets as they were read last; only a secret that was
//! never read keeps a policy from being taken. Not done here: leases of dynamic secrets, other engines.

mod client;
mod shelf;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use portcullis_audit::Recorder;
use portcullis_config::codes::file as codes;
use portcullis_config::{Diagnostic, Diagnostics, Document, Environment, Place, SecretReference};
use portcullis_domain::Clock;
use portcullis_tls::{ClientTls, Protocol, Surroundings};
use serde_json::Value;
use tokio::sync::mpsc;
use url::Url;

use crate::config::VaultConfig;
use crate::control::Command;
use crate::fetch::GuardedFetch;

use client::{Client, Credential};
pub(crate) use shelf::Shelf;

/// Keeps the shelf as the vault has it.
pub(crate) struct Keeper {
    client: Client,
    shelf: Arc<Shelf>,
    refresh: Duration,
}

/// Whether anything is different from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Some,
}

impl Keeper {
    /// Compiles the section; its own credential comes from `environment`, which has no vault yet.
    pub(crate) fn compile(
        config: &VaultConfig,
        place: &Place,
        surroundings: &Surroundings,
        recorder: Arc<Recorder>,
        clock: Clock,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let environment = &surroundings.environment;
        let address = address(&config.address, &place.child("address"), diagnostics);
        let credential = credential(config, place, environment, diagnostics);
        let tls = match &config.tls {
            Some(tls) => {
                ClientTls::compile(tls, &[Protocol::Http1], &place.child("tls"), surroundings, diagnostics)
            }
            None => ClientTls::public(&[Protocol::Http1], surroundings)
                .map_err(|error| diagnostics.push(unusable(&error.to_string(), place)))
                .ok(),
        };
        let fetch = GuardedFetch::over(tls?, recorder);
        let (mount, namespace) = (config.mount.clone(), config.namespace.clone());
        let client = Client::new(fetch, address?, mount, namespace, credential?, clock);
        Some(Self { client, shelf: Arc::default(), refresh: config.refresh.0.max(SHORTEST_REFRESH) })
    }

    /// Where the secrets are looked up.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    /// Reads what `document` names and is not on the shelf yet. What cannot be had is noted there, and found
    /// by whoever looks it up.
    pub(crate) async fn prepare(&self, document: &Document) {
        let mut paths = Vec::new();
        collect(document.value(), &mut paths);
        for path in paths {
            if !self.shelf.holds(&path) {
                let read = self.client.read(&path).await;
                self.shelf.put(&path, read.map_err(|error| error.to_string()));
            }
        }
    }

    /// The same for callers without a runtime: at start, and for `check`.
    pub(crate) fn prepare_blocking(&self, document: &Document) -> std::io::Result<()> {
        std::thread::scope(|scope| {
            let preparing = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(self.prepare(document));
                Ok(())
            });
            preparing.join().unwrap_or_else(|_| Err(std::io::Error::other("reading the vault panicked")))
        })
    }

    /// Reads everything on the shelf again.
    async fn refresh(&self) -> Change {
        let mut change = Change::None;
        for path in self.shelf.paths() {
            match self.client.read(&path).await {
                Ok(fields) => {
                    if self.shelf.put(&path, Ok(fields)) == Change::Some {
                        change = Change::Some;
                    }
                }
                // What was read before stays in use: a vault that is away must not take the gateway down.
                Err(error) => tracing::warn!(%path, %error, "a secret could not be read again"),
            }
        }
        change
    }

    /// Refreshes until the gateway stops, and calls for a reload when something has changed.
    pub(crate) async fn keep(self: Arc<Self>, commands: mpsc::UnboundedSender<Command>) {
        loop {
            tokio::time::sleep(self.client.rest(self.refresh)).await;
            self.client.renew().await;
            if self.refresh().await == Change::Some && commands.send(Command::Reload(None)).is_err() {
                return;
            }
        }
    }
}

/// The paths of all references in `value`.
fn collect(value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            if let Some((path, _)) =
                text.parse::<SecretReference>().as_ref().ok().and_then(SecretReference::in_vault)
                && !paths.iter().any(|known| known == path)
            {
                paths.push(path.to_owned());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, paths)),
        Value::Object(members) => members.values().for_each(|member| collect(member, paths)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn address(text: &str, place: &Place, diagnostics: &mut Diagnostics) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "https" | "http") && url.host().is_some() && url.query().is_none()
    });
    if url.is_none() {
        diagnostics.push(
            Diagnostic::error(codes::VAULT_UNUSABLE, "the vault's address is no http or https URL")
                .at(place.clone())
                .help("write it as `https://vault.internal:8200`"),
        );
    }
    url
}

fn credential(
    config: &VaultConfig,
    place: &Place,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<Credential> {
    match (&config.token, &config.approle) {
        (Some(token), None) => {
            token.resolve_at(environment, &place.child("token"), diagnostics).map(Credential::Token)
        }
        (None, Some(role)) => {
            let place = place.child("approle");
            let role_id = role.role_id.resolve_at(environment, &place.child("role_id"), diagnostics);
            let secret_id = role.secret_id.resolve_at(environment, &place.child("secret_id"), diagnostics);
            let mount = role.mount.clone();
            Some(Credential::AppRole { mount, role_id: role_id?, secret_id: secret_id? })
        }
        (None, None) | (Some(_), Some(_)) => {
            diagnostics.push(unusable("name either `token` or `approle`", place));
            None
        }
    }
}

fn unusable(why: &str, place: &Place) -> Diagnostic {
    Diagnostic::error(codes::VAULT_UNUSABLE, "the vault cannot be asked").at(place.key()).help(why)
}

/// Faster than this, the gateway would be a burden to the vault.
const SHORTEST_REFRESH: Duration = Duration::from_millis(100);

/// A lock that somebody panicked under still guards whole values: each is stored in one step.
fn whole<T>(poisoned: PoisonError<T>) -> T {
    poisoned.into_inner()
}
