//! TLS of a listener.
//!
//! In: a [`ServerTlsConfig`]. Out: a [`ServerTls`] that accepts handshakes ([`crate::accept`]), reloads
//! its files while it serves, and tells what ends when. One [`ServerTls`] belongs to one listener, is
//! shared by all its workers, and never shares sessions with another (RFC 9325 §3.4).

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use portcullis_config::codes::listener;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::{Error, ServerConfig, SupportedProtocolVersion, version};

use crate::acme::{AcmeRenewal, AlpnChallenges};
use crate::config::{ClientCertificateMode, MinimumVersion, ServerTlsConfig, SessionTickets};
use crate::development::Development;
use crate::expiry::Expiry;
use crate::plan::{Material, Plan};
use crate::protocol::Protocol;
use crate::provider::{hybrid_provider, provider};
use crate::server_names::ServerNames;
use crate::surroundings::Surroundings;
use crate::tickets::Tickets;
use crate::wall_time::WallTime;

/// TLS of one listener.
///
/// Invariant: what it presents was fit when it was read; a reload that finds anything unfit changes
/// nothing.
#[derive(Debug)]
pub struct ServerTls {
    plan: Plan,
    surroundings: Surroundings,
    pub(crate) challenges: Arc<AlpnChallenges>,
    tickets: TicketPolicy,
    current: ArcSwap<Current>,
}

/// Who makes tickets, and whether they outlive a reload.
#[derive(Debug)]
enum TicketPolicy {
    /// Nobody.
    None,
    /// One ticketer for as long as the listener lives.
    Kept(Arc<Tickets>),
    /// A new one at each reload: a resumed session carries the client certificate of an earlier
    /// handshake, which was judged by authorities and revocations that may just have changed.
    PerLoad,
}

/// What handshakes use from now on.
#[derive(Debug)]
pub(crate) struct Current {
    /// For clients that list the hybrid group.
    pub(crate) hybrid: Arc<ServerConfig>,
    /// For all others.
    pub(crate) classic: Arc<ServerConfig>,
    pub(crate) names: Arc<ServerNames>,
    pub(crate) verifier: Option<Arc<dyn ClientCertVerifier>>,
    expiries: Vec<Expiry>,
    development: Option<Development>,
}

impl ServerTls {
    /// Reads all files and builds the listener's TLS; `None` if anything is unfit.
    ///
    /// `place` is where the `tls:` section of the listener stands.
    pub fn compile(
        config: &ServerTlsConfig,
        place: &Place,
        surroundings: &Surroundings,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Self>> {
        let mut found = Diagnostics::new();
        let plan = Plan::new(config, place, surroundings, &mut found);
        let material = plan.load(surroundings, &mut found);
        let built = material.and_then(|material| {
            Self::build(plan, material, surroundings.clone())
                .map_err(|error| found.push(unusable(&error, place)))
                .ok()
        });
        let unfit = found.has_errors();
        diagnostics.extend(found);
        built.filter(|_| !unfit).map(Arc::new)
    }

    fn build(plan: Plan, material: Material, surroundings: Surroundings) -> Result<Self, Error> {
        let tickets = match (plan.session_tickets, plan.client_certificates()) {
            (SessionTickets::Never, _) => TicketPolicy::None,
            (SessionTickets::Rotating, Some(_)) => TicketPolicy::PerLoad,
            (SessionTickets::Rotating, None) => TicketPolicy::Kept(Tickets::new(surroundings.clock.clone())?),
        };
        let current = Current::new(&plan, material, &surroundings, &tickets)?;
        Ok(Self {
            plan,
            surroundings,
            challenges: Arc::default(),
            tickets,
            current: ArcSwap::from_pointee(current),
        })
    }

    /// Reads all files again. Handshakes from now on use what they hold; connections go on as they are.
    ///
    /// # Errors
    /// Everything that is unfit; the old certificates stay in use. The diagnostics of success are
    /// warnings.
    pub fn reload(&self) -> Result<Diagnostics, Diagnostics> {
        let mut found = Diagnostics::new();
        let Some(material) = self.plan.load(&self.surroundings, &mut found) else { return Err(found) };
        match Current::new(&self.plan, material, &self.surroundings, &self.tickets) {
            Ok(fresh) => {
                self.current.store(Arc::new(fresh));
                Ok(found)
            }
            Err(error) => {
                found.push(unusable(&error, &self.plan.place));
                Err(found)
            }
        }
    }

    /// The files whose change calls for [`ServerTls::reload`].
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.plan.files()
    }

    /// What ends when; see [`crate::ExpiryWatch`].
    #[must_use]
    pub fn expiries(&self) -> Vec<Expiry> {
        self.current.load().expiries.clone()
    }

    /// Whether and how clients are asked for a certificate.
    #[must_use]
    pub fn client_certificates(&self) -> Option<ClientCertificateMode> {
        self.plan.client_certificates()
    }

    /// The development certificate, if that is what is presented.
    #[must_use]
    pub fn development(&self) -> Option<Development> {
        self.current.load().development.clone()
    }

    /// The renewal of the listener's certificate, if it has one; to be run once.
    #[must_use]
    pub fn acme(self: &Arc<Self>) -> Option<AcmeRenewal> {
        let plan = self.plan.acme.clone()?;
        Some(AcmeRenewal::new(plan, Arc::clone(self), &self.surroundings))
    }

    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }
}

impl Current {
    fn new(
        plan: &Plan,
        material: Material,
        surroundings: &Surroundings,
        tickets: &TicketPolicy,
    ) -> Result<Self, Error> {
        let tickets: Option<Arc<dyn ProducesTickets>> = match tickets {
            TicketPolicy::None => None,
            TicketPolicy::Kept(tickets) => Some(Arc::clone(tickets) as _),
            TicketPolicy::PerLoad => Some(Tickets::new(surroundings.clock.clone())?),
        };
        let config = |provider: Arc<CryptoProvider>, versions: &[&'static SupportedProtocolVersion]| {
            rustls_config(provider, versions, &material, tickets.as_ref(), surroundings).map(Arc::new)
        };
        Ok(Self {
            // The hybrid group exists in TLS 1.3 only, and so does every client that lists it.
            hybrid: config(hybrid_provider(), &[&version::TLS13])?,
            classic: config(provider(), versions(plan.minimum))?,
            names: material.names,
            verifier: material.verifier,
            expiries: material.expiries,
            development: material.development,
        })
    }
}

/// The versions from `minimum` up, the preferred first.
pub(crate) fn versions(minimum: MinimumVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_12: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    static FROM_13: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    match minimum {
        MinimumVersion::Tls12 => &FROM_12,
        MinimumVersion::Tls13 => &FROM_13,
    }
}

fn rustls_config(
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    material: &Material,
    tickets: Option<&Arc<dyn ProducesTickets>>,
    surroundings: &Surroundings,
) -> Result<ServerConfig, Error> {
    let verifier = material.verifier.clone().unwrap_or_else(WebPkiClientVerifier::no_client_auth);
    let clock = Arc::new(WallTime(surroundings.clock.clone()));
    let mut config = ServerConfig::builder_with_details(provider, clock)
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::clone(&material.names) as _);
    config.alpn_protocols = Protocol::ALL.map(|protocol| protocol.alpn().to_vec()).into();
    // RFC 7627: without it two TLS 1.2 sessions can be made to share a master secret.
    config.require_ems = true;
    // RFC 8446 §8: early data can be replayed.
    config.max_early_data_size = 0;
    // The only memory of sessions is the ticket, which has an end and a key that turns.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    match tickets {
        Some(tickets) => config.ticketer = Arc::clone(tickets),
        None => config.send_tls13_tickets = 0,
    }
    Ok(config)
}

fn unusable(error: &Error, place: &Place) -> Diagnostic {
    Diagnostic::error(listener::TLS_UNUSABLE, format!("TLS cannot be set up: {error}"))
        .at(place.clone())
        .help("this is a fault of the gateway or the machine; please report it")
}
