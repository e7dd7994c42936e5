//! From what was written to what is to be read, and from there to what is presented.
//!
//! In: a [`ServerTlsConfig`]. Out: a [`Plan`], whose [`Plan::load`] reads every file again each time it
//! is called: at the start and at each reload the same code finds the same mistakes.

use std::path::PathBuf;
use std::sync::Arc;

use portcullis_config::codes::listener;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_domain::Timestamp;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::acme::AcmePlan;
use crate::client_verifier::ClientVerifier;
use crate::config::{
    ClientCertificateMode, ClientCertificatesConfig, MinimumVersion, ServerTlsConfig, SessionTickets,
    StaleRevocations,
};
use crate::development::Development;
use crate::expiry::{Expiring, Expiry, Urgency};
use crate::facts::timestamp;
use crate::files;
use crate::identity::Identity;
use crate::provider::provider;
use crate::public_trust::{believes, is_public_name};
use crate::server_names::ServerNames;
use crate::surroundings::Surroundings;
use crate::{calendar, development};

/// What a listener reads, and from where.
#[derive(Debug)]
pub(crate) struct Plan {
    sources: Vec<Source>,
    clients: Option<ClientPlan>,
    pub(crate) place: Place,
    pub(crate) minimum: MinimumVersion,
    pub(crate) session_tickets: SessionTickets,
    pub(crate) acme: Option<AcmePlan>,
}

#[derive(Debug)]
enum Source {
    Files { chain: (PathBuf, Place), key: (PathBuf, Place) },
    Acme { identity: PathBuf },
    Development { hosts: Vec<String> },
}

#[derive(Debug)]
struct ClientPlan {
    authorities: (PathBuf, Place),
    mode: ClientCertificateMode,
    revocations: Vec<(PathBuf, Place)>,
    stale: StaleRevocations,
}

/// What was read, and is fit to be used.
pub(crate) struct Material {
    pub(crate) names: Arc<ServerNames>,
    pub(crate) verifier: Option<Arc<dyn ClientCertVerifier>>,
    pub(crate) expiries: Vec<Expiry>,
    pub(crate) development: Option<Development>,
}

impl Plan {
    /// Resolves the paths and checks what can be checked without reading.
    pub(crate) fn new(
        config: &ServerTlsConfig,
        place: &Place,
        surroundings: &Surroundings,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let at = |path: &str, place: Place| (surroundings.environment.path(path), place);
        let mut sources: Vec<Source> = config
            .certificates
            .iter()
            .enumerate()
            .map(|(index, pair)| {
                let place = place.child("certificates").index(index);
                Source::Files {
                    chain: at(&pair.chain, place.child("chain")),
                    key: at(&pair.key, place.child("key")),
                }
            })
            .collect();
        let acme = config
            .acme
            .as_ref()
            .and_then(|acme| AcmePlan::compile(acme, &place.child("acme"), surroundings, diagnostics));
        sources.extend(acme.as_ref().map(|acme| Source::Acme { identity: acme.identity_file() }));
        if config.certificates.is_empty() && config.acme.is_none() {
            sources.push(Source::Development { hosts: config.development_hosts.clone() });
        }
        Self {
            sources,
            clients: config
                .client_certificates
                .as_ref()
                .map(|clients| ClientPlan::new(clients, &place.child("client_certificates"), surroundings)),
            place: place.clone(),
            minimum: config.minimum,
            session_tickets: config.session_tickets,
            acme,
        }
    }

    /// Whether and how clients are asked for a certificate.
    pub(crate) fn client_certificates(&self) -> Option<ClientCertificateMode> {
        self.clients.as_ref().map(|clients| clients.mode)
    }

    /// The files whose change calls for a reload.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for source in &self.sources {
            match source {
                Source::Files { chain, key } => files.extend([chain.0.clone(), key.0.clone()]),
                // Those are written by this process, which then reloads by itself.
                Source::Acme { .. } | Source::Development { .. } => {}
            }
        }
        if let Some(clients) = &self.clients {
            files.push(clients.authorities.0.clone());
            files.extend(clients.revocations.iter().map(|(path, _)| path.clone()));
        }
        files
    }

    /// Reads everything; `None` if anything is unfit.
    pub(crate) fn load(
        &self,
        surroundings: &Surroundings,
        diagnostics: &mut Diagnostics,
    ) -> Option<Material> {
        let now = surroundings.clock.now().wall;
        let mut loading = Diagnostics::new();
        let mut material =
            Material { names: Arc::default(), verifier: None, expiries: Vec::new(), development: None };
        let mut names = ServerNames::default();
        for source in &self.sources {
            let Some(identity) = self.identity(source, surroundings, now, &mut material, &mut loading) else {
                continue;
            };
            names.add(&identity.facts, &identity.certified);
            material.expiries.push(Expiry {
                what: Expiring::Certificate,
                name: identity.facts.name_list(),
                key: identity.facts.key.to_string(),
                file: identity.file,
                ends: identity.facts.not_after,
            });
        }
        material.names = Arc::new(names);
        if let Some(clients) = &self.clients {
            material.verifier = clients.load(now, &mut material.expiries, &mut loading);
        }
        let unfit = loading.has_errors();
        diagnostics.extend(loading);
        (!unfit).then_some(material)
    }

    fn identity(
        &self,
        source: &Source,
        surroundings: &Surroundings,
        now: Timestamp,
        material: &mut Material,
        diagnostics: &mut Diagnostics,
    ) -> Option<Identity> {
        match source {
            Source::Files { chain, key } => {
                let identity = Identity::read((&chain.0, &chain.1), (&key.0, &key.1), now, diagnostics)?;
                warn_of_private_trust(&identity, &chain.1, surroundings, now, diagnostics);
                warn_of_near_end(&identity, &chain.1, now, diagnostics);
                Some(identity)
            }
            Source::Acme { identity } => {
                // None yet, or one that ended while we were down: the renewal mends both.
                if !identity.exists() {
                    return None;
                }
                let mut found = Diagnostics::new();
                let place = self.place.child("acme");
                let identity = Identity::read((identity, &place), (identity, &place), now, &mut found);
                diagnostics.extend(found.iter().map(|fault| {
                    Diagnostic::warning(fault.code(), fault.message())
                        .at(place.clone())
                        .help("it will be replaced by a new one")
                }));
                identity
            }
            Source::Development { hosts } => {
                let development = development::mint(&surroundings.state, hosts, now)
                    .map_err(|fault| diagnostics.push(fault.at(self.place.clone())))
                    .ok()?;
                let (place, file) = (&self.place, development.identity_file());
                let identity = Identity::read((&file, place), (&file, place), now, diagnostics);
                material.development = Some(development);
                identity
            }
        }
    }
}

impl ClientPlan {
    fn new(config: &ClientCertificatesConfig, place: &Place, surroundings: &Surroundings) -> Self {
        let at = |path: &str, place: Place| (surroundings.environment.path(path), place);
        Self {
            authorities: at(&config.authorities, place.child("authorities")),
            mode: config.mode,
            revocations: config
                .revocations
                .iter()
                .enumerate()
                .map(|(index, path)| at(path, place.child("revocations").index(index)))
                .collect(),
            stale: config.revocations_stale,
        }
    }

    fn load(
        &self,
        now: Timestamp,
        expiries: &mut Vec<Expiry>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        let mut lists = Vec::new();
        for (path, place) in &self.revocations {
            match files::revocations(path) {
                Ok(found) => {
                    for list in &found {
                        expiries.extend(self.revocations_end(list, path, place, now, diagnostics));
                    }
                    lists.extend(found);
                }
                Err(fault) => diagnostics.push(fault.at(place.clone())),
            }
        }
        let (path, place) = &self.authorities;
        let authorities =
            files::authorities(path).map_err(|fault| diagnostics.push(fault.at(place.clone()))).ok()?;
        match ClientVerifier::new(authorities, lists, self.mode, self.stale, provider()) {
            Ok(verifier) => Some(Arc::new(verifier)),
            Err(error) => {
                diagnostics.push(
                    Diagnostic::error(
                        listener::REVOCATIONS_MALFORMED,
                        format!("a list of revocations cannot be used: {error}"),
                    )
                    .at(place.clone())
                    .help("name complete version 2 lists, no delta or indirect ones"),
                );
                None
            }
        }
    }

    fn revocations_end(
        &self,
        list: &[u8],
        path: &std::path::Path,
        place: &Place,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) -> Option<Expiry> {
        let (_, list) = CertificateRevocationList::from_der(list).ok()?;
        let ends = timestamp(list.next_update()?);
        if now > ends {
            let meaning = match self.stale {
                StaleRevocations::Deny => "client certificates that it covers are refused",
                StaleRevocations::Allow => "it is used all the same, as configured",
            };
            diagnostics.push(
                Diagnostic::warning(
                    listener::REVOCATIONS_STALE,
                    format!("the list of revocations `{}` ended on {}", path.display(), calendar::date(ends)),
                )
                .at(place.clone())
                .label(meaning)
                .help("fetch the list from its authority more often than it ends"),
            );
        }
        Some(Expiry {
            what: Expiring::Revocations,
            name: list.issuer().to_string(),
            key: String::new(),
            file: path.to_owned(),
            ends,
        })
    }
}

/// TLS-04: a host that strangers visit needs a chain that they trust.
fn warn_of_private_trust(
    identity: &Identity,
    place: &Place,
    surroundings: &Surroundings,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) {
    let Some(name) = identity.facts.dns_names.iter().find(|name| is_public_name(name)) else { return };
    let roots = surroundings.roots.load();
    // Any name below a wildcard will do, and with no store at all there is nobody to ask.
    let probe = name.replacen('*', "any", 1);
    if roots.is_empty() || believes(&roots, &identity.certified.cert, &probe, now) {
        return;
    }
    diagnostics.push(
        Diagnostic::warning(
            listener::CERTIFICATE_NOT_PUBLICLY_TRUSTED,
            format!("no public authority vouches for `{name}`"),
        )
        .at(place.clone())
        .label("browsers and most clients will refuse this certificate")
        .help("get one from a public authority, for example with `acme:`, and include its intermediates"),
    );
}

fn warn_of_near_end(identity: &Identity, place: &Place, now: Timestamp, diagnostics: &mut Diagnostics) {
    let expiry = Expiry {
        what: Expiring::Certificate,
        name: identity.facts.name_list(),
        key: identity.facts.key.to_string(),
        file: identity.file.clone(),
        ends: identity.facts.not_after,
    };
    if expiry.urgency(now) > Urgency::None {
        let days = expiry.ends.since(now).as_secs() / (24 * 60 * 60);
        diagnostics.push(
            Diagnostic::warning(
                listener::CERTIFICATE_ENDS_SOON,
                format!("the certificate of `{}` ends in {days} days", expiry.name),
            )
            .at(place.clone())
            .help("renew it; new files are picked up without a restart"),
        );
    }
}
