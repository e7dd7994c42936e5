//! Client certificates and passwords: who may use them, by the names of the documents' schemes.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_authn::certificate::NamePattern;
use portcullis_authn::config::{CertificateConfig, PasswordConfig};
use portcullis_authn::password::{Passwords, read_users};
use portcullis_config::codes::identity as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use super::Workshop;

/// What schemes other than tokens and keys accept.
#[derive(Debug, Default)]
pub(crate) struct OtherSchemes {
    pub(crate) certificates: BTreeMap<String, Arc<[NamePattern]>>,
    pub(crate) passwords: BTreeMap<String, Arc<Passwords>>,
}

/// Compiles `certificates:` and `passwords:`.
pub(super) fn other_schemes(
    certificates: &BTreeMap<String, CertificateConfig>,
    passwords: &BTreeMap<String, PasswordConfig>,
    root: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> OtherSchemes {
    let place = root.child("certificates");
    let certificates = certificates
        .iter()
        .map(|(scheme, config)| {
            let names = patterns(&config.names, &place.child(scheme).child("names"), diagnostics);
            (scheme.clone(), names)
        })
        .collect();
    let place = root.child("passwords");
    let passwords = passwords
        .iter()
        .filter_map(|(scheme, config)| {
            let users = users(scheme, config, &place.child(scheme), workshop, diagnostics)?;
            Some((scheme.clone(), Arc::new(users)))
        })
        .collect();
    OtherSchemes { certificates, passwords }
}

/// The patterns of a list. One that cannot be read is an error, so that what is missing in the result is
/// never served.
pub(super) fn patterns(names: &[String], place: &Place, diagnostics: &mut Diagnostics) -> Arc<[NamePattern]> {
    let mut patterns = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match NamePattern::parse(name) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => diagnostics.push(
                Diagnostic::error(codes::CERTIFICATE_NAME, format!("`{name}`: {error}"))
                    .at(place.index(index))
                    .help("write `spiffe://trust.domain/path/*`, `host.example` or `*.example`"),
            ),
        }
    }
    patterns.into()
}

fn users(
    scheme: &str,
    config: &PasswordConfig,
    place: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Option<Passwords> {
    diagnostics.push(
        Diagnostic::warning(codes::PASSWORDS_ACCEPTED, format!("`{scheme}` takes passwords"))
            .at(place.key())
            .help("prefer API keys or tokens where callers can use them"),
    );
    let file = config.users.resolve_at(&workshop.environment, &place.child("users"), diagnostics)?;
    let users = match read_users(&file) {
        Ok(users) => users,
        Err(fault) => {
            diagnostics.push(
                Diagnostic::error(codes::USERS_UNUSABLE, fault.to_string())
                    .at(place.child("users"))
                    .help("make each hash with `argon2 SALT -id -m 15 -t 2 -p 1 -e`"),
            );
            return None;
        }
    };
    Passwords::new(Arc::from(scheme), users, config.remembered.0)
}
