//! From an [`AcmeConfig`] to something that can be run.

use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use portcullis_config::codes::listener;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use rustls_pki_types::DnsName;

use crate::client::ClientTls;
use crate::config::{AcmeChallenge, AcmeConfig, ClientTlsConfig};
use crate::protocol::Protocol;
use crate::state_directory::StateDirectory;
use crate::surroundings::Surroundings;

/// What to get, from whom, and where to keep it.
#[derive(Clone, Debug)]
pub(crate) struct AcmePlan {
    pub(super) names: Vec<String>,
    pub(super) directory: String,
    pub(super) contact: Option<String>,
    pub(super) challenge: AcmeChallenge,
    pub(super) tls: ClientTls,
    /// One for each certificate authority: the account is theirs.
    pub(super) account: StateDirectory,
    /// One for each set of names.
    pub(super) certificate: StateDirectory,
}

pub(super) const IDENTITY: &str = "identity.pem";

impl AcmePlan {
    pub(crate) fn compile(
        config: &AcmeConfig,
        place: &Place,
        surroundings: &Surroundings,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut found = Diagnostics::new();
        refuse_unprovable_names(&config.names, place, &mut found);
        let host = directory_host(&config.directory, place, &mut found);
        let trust = ClientTlsConfig { authorities: config.authorities.clone(), ..ClientTlsConfig::default() };
        let tls = ClientTls::compile(&trust, &[Protocol::Http1], place, surroundings, &mut found);
        let unfit = found.has_errors();
        diagnostics.extend(found);
        if unfit {
            return None;
        }
        let mut names: Vec<String> = config.names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        let state = surroundings.state.join("acme");
        let account = state.join(format!("{}-{}", host?, mark(&config.directory)));
        let first = names.first()?;
        let certificate = account.join(format!("{first}-{}", mark(&names.join(" "))));
        Some(Self {
            directory: config.directory.clone(),
            contact: config.contact.as_ref().map(|address| format!("mailto:{address}")),
            challenge: config.challenge,
            tls: tls?,
            account: StateDirectory::new(account),
            certificate: StateDirectory::new(certificate),
            names,
        })
    }

    pub(crate) fn identity_file(&self) -> PathBuf {
        self.certificate.path(IDENTITY)
    }
}

fn refuse_unprovable_names(names: &[String], place: &Place, diagnostics: &mut Diagnostics) {
    if names.is_empty() {
        diagnostics.push(
            Diagnostic::error(listener::ACME_UNUSABLE, "no names to get a certificate for")
                .at(place.child("names"))
                .help("list the host names that clients use"),
        );
    }
    for (index, name) in names.iter().enumerate() {
        if DnsName::try_from(name.as_str()).is_ok() && !name.contains('*') && !name.ends_with('.') {
            continue;
        }
        diagnostics.push(
            Diagnostic::error(
                listener::ACME_UNUSABLE,
                format!("`{name}` cannot be proven by this challenge"),
            )
            .at(place.child("names").index(index))
            .label("only plain host names can")
            .help(
                "list each host by name; for wildcards get the certificate elsewhere and use `certificates:`",
            ),
        );
    }
}

fn directory_host(directory: &str, place: &Place, diagnostics: &mut Diagnostics) -> Option<String> {
    let uri = directory.parse::<::http::Uri>().ok();
    let host = uri
        .filter(|uri| uri.scheme_str() == Some("https"))
        .and_then(|uri| uri.host().map(|host| host.replace([':', '[', ']'], "_")));
    if host.is_none() {
        diagnostics.push(
            Diagnostic::error(listener::ACME_UNUSABLE, format!("`{directory}` is no https URL"))
                .at(place.child("directory"))
                .label("RFC 8555 §6.1 asks for https")
                .help("write the directory URL of the certificate authority"),
        );
    }
    host
}

/// A short, stable name for a text in a path.
fn mark(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
