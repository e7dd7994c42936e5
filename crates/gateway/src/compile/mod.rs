//! From `portcullis.yaml` and the documents it names to a [`Policy`], with every mistake at once.
//!
//! In: the file's path, and the policy that is running, whose counters, connections and keys live on
//! where their configuration stayed as it was. Out: a [`Compiled`], or the diagnostics. Runs at start and
//! at each reload, never while a request is walked.

mod api;
mod bodies;
mod brownouts;
mod contract;
mod credentials;
mod cross_origin;
mod decisions;
mod detection;
mod documentation;
mod documents;
mod flows;
mod grants;
mod graphql;
mod guard;
mod hand_over;
mod inventory;
mod journal;
mod lasting;
mod learn;
mod lifecycle;
mod limits;
mod listeners;
mod objects;
mod page_size;
mod reach;
mod responses;
mod route;
mod rules;
pub(crate) mod selectors;
mod shared_limits;
mod strengths;
mod traffic;
mod upstream;
mod version;
mod zone;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Version};
use portcullis_authn::Fetch;
use portcullis_config::codes::upstream as codes;
use portcullis_config::{Diagnostic, Diagnostics, Document, Environment, Limits, Place, decode};
use portcullis_domain::Clock;
use portcullis_limits::Counters;
use portcullis_limits::shared::Shared;
use portcullis_message::forwarded::Notation;
use portcullis_message::{Bounds, TrustedProxies, via};
use portcullis_tls::Surroundings;

use crate::alerting;
use crate::config::{GatewayConfig, SecurityTxtConfig};
use crate::forward::{HealthRules, Upstream};
use crate::lasting::Lasting;
use crate::metrics_push::Push;
use crate::observe::Observatory;
use crate::ownership::Ownership;
use crate::policy::{Policy, Timeouts};
use crate::sinks::{self, Sink};
use crate::span::Traces;
use crate::vault::Keeper;

pub(crate) use documents::{Library, file_digest};
pub(crate) use grants::grantable;
pub(crate) use journal::{folder as journal_folder, plan as journal_plan};
pub(crate) use lasting::{lasting, store_settings, store_unusable};
pub(crate) use listeners::{ListenerDraft, listeners, protocol};
pub(crate) use shared_limits::shared_limits;

/// What compiling needs from outside.
#[derive(Clone)]
pub(crate) struct Workshop {
    /// `portcullis.yaml`.
    pub(crate) file: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) vault: Option<Arc<Keeper>>,
    pub(crate) clock: Clock,
    pub(crate) fetch: Arc<dyn Fetch>,
    pub(crate) surroundings: Surroundings,
    pub(crate) metrics: Arc<portcullis_audit::Metrics>,
    pub(crate) recorder: Arc<portcullis_audit::Recorder>,
    pub(crate) alerts: Arc<portcullis_audit::alert::Alerts>,
    pub(crate) lasting: Arc<Lasting>,
    pub(crate) observatory: Arc<Observatory>,
    pub(crate) lookout: Arc<portcullis_audit::detect::Lookout>,
    pub(crate) ownership: Arc<Ownership>,
    /// Limits that are counted together with other gateways, if any are.
    pub(crate) shared_limits: Option<Arc<Shared>>,
}

/// A policy and what stands beside it.
pub(crate) struct Compiled {
    pub(crate) policy: Arc<Policy>,
    pub(crate) config: GatewayConfig,
    pub(crate) place: Place,
    pub(crate) warnings: Diagnostics,
    /// SHA-256 of everything that was read, in hexadecimal.
    pub(crate) digest: String,
    /// Everything that was read; a change to one of them calls for a reload.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) health: Vec<(Arc<Upstream>, HealthRules)>,
    pub(crate) upstreams: Vec<upstream::Made>,
    /// Taken into use when the process starts.
    pub(crate) sinks: Vec<Sink>,
    /// Where numbers are sent, if anywhere.
    pub(crate) push: Option<Push>,
    pub(crate) receivers: Vec<portcullis_audit::alert::Receiver>,
}

impl Compiled {
    /// Whether there must be a store, made if need be.
    pub(crate) fn needs_store(&self) -> bool {
        self.config.store.is_some()
            || self.policy.takes_keys()
            || self.policy.takes_sessions()
            || self.policy.grants.is_some()
            || self.policy.learns_owners()
            || self.policy.keeps_counts()
            || self.policy.apis.iter().any(|api| api.learning.is_some())
    }
}

/// Reads `portcullis.yaml` without compiling what it names.
pub(crate) fn read(file: &Path) -> Result<(Arc<Document>, Bytes, GatewayConfig), Diagnostics> {
    let bytes = documents::read_file(file)?;
    let document = Document::parse(&file.display().to_string(), &bytes, &Limits::default())?;
    let mut diagnostics = Diagnostics::new();
    match decode::<GatewayConfig>(&document, &mut diagnostics) {
        Some(config) if !diagnostics.has_errors() => Ok((document, bytes, config)),
        Some(_) | None => Err(diagnostics),
    }
}

/// Compiles everything.
///
/// # Errors
/// All mistakes in all files.
pub(crate) fn compile(workshop: &Workshop, running: Option<&Compiled>) -> Result<Compiled, Diagnostics> {
    let (document, bytes, config) = read(&workshop.file)?;
    let root = document.at("");
    let mut diagnostics = Diagnostics::new();
    let mut library = Library::new(workshop.file.clone(), bytes);

    let limits =
        limits::Scene::compile(&config, &root, running.map(|running| &*running.policy), &mut diagnostics);
    let authenticator = portcullis_authn::compile(
        &config.identity,
        &root.child("identity"),
        &config.dpop,
        &root.child("dpop"),
        &portcullis_authn::Surroundings {
            environment: &workshop.environment,
            fetch: Arc::clone(&workshop.fetch),
            clock: workshop.clock.clone(),
            running: running.map(|running| &*running.policy.authenticator),
            token_size: portcullis_authn::DEFAULT_TOKEN_SIZE,
        },
        &mut diagnostics,
    )
    .map(|authenticator| Arc::new(authenticator.believing_no(workshop.lasting.revoked())));
    library.watch_all(
        config
            .identity
            .values()
            .filter_map(|issuer| workshop.environment.path(issuer.jwks.as_ref()?.file.as_ref()?).into()),
    );

    let other_schemes = credentials::other_schemes(
        &config.certificates,
        &config.passwords,
        &root,
        workshop,
        &mut diagnostics,
    );
    let internal_tokens = hand_over::internal_tokens(
        config.internal_tokens.as_ref(),
        &root.child("internal_tokens"),
        workshop,
        running.and_then(|running| running.policy.internal_tokens.as_ref()),
        &mut diagnostics,
    );
    let decision_points = decisions::points(
        &config.decision_points,
        &root.child("decision_points"),
        workshop,
        running.map(|running| &*running.policy),
        &mut diagnostics,
    );
    let mut apis = Vec::new();
    let mut placed = Vec::new();
    let mut health = Vec::new();
    let mut upstreams = Vec::new();
    let places = root.child("apis");
    for (name, api) in &config.apis {
        let place = places.child(name);
        let made = upstream::make(
            name,
            &api.upstream,
            &place.child("upstream"),
            workshop,
            running,
            &mut diagnostics,
        );
        let Some(authenticator) = authenticator.as_deref() else { continue };
        let compiled = api::compile(
            &api::Subject {
                name,
                config: api,
                place: &place,
                gateway: &config,
                internal_tokens: internal_tokens.as_ref(),
                other_schemes: &other_schemes,
                root: &root,
                limits: &limits,
                decision_points: &decision_points,
            },
            made.as_ref(),
            authenticator,
            workshop,
            running.map(|running| &*running.policy),
            &library,
            &mut diagnostics,
        );
        let (Some((mut api, names)), Some(made)) = (compiled, made) else { continue };
        api.index = apis.len();
        let mount = config.apis.get(name).and_then(|api| api.mount.as_deref()).unwrap_or_default();
        placed.push(version::Placed {
            api: apis.len(),
            name,
            hosts: names,
            prefix: mount.trim_end_matches('/').to_owned(),
            version: config.apis.get(name).and_then(|api| api.version.as_ref()),
            place: place.clone(),
        });
        if let Some(rules) = made.health.clone() {
            health.push((Arc::clone(&made.upstream), rules));
        }
        upstreams.push(made);
        apis.push(api);
    }
    let hosts = version::hosts(&placed, &config.versions, &root.child("versions"), &mut diagnostics);
    inventory::check(&config, &placed, &mut diagnostics);
    drop(placed);
    lasting::check(&config, &root, workshop, &mut diagnostics);
    let before = running.map(|running| &running.config);
    shared_limits::check(&config, before, &root, &workshop.surroundings, &mut diagnostics);
    journal::check(&config, &root, &mut diagnostics);
    let security_txt = security_txt(config.security_txt.as_ref(), &root, workshop, &mut diagnostics);
    let bench = sinks::Bench {
        surroundings: &workshop.surroundings,
        recorder: &workshop.recorder,
        clock: &workshop.clock,
        pseudonym: &config.pseudonym,
    };
    let receivers = alerting::compile(
        &config.alerts,
        &root.child("alerts"),
        &bench,
        &workshop.surroundings.state,
        &mut diagnostics,
    );
    let sinks = sinks::compile(&config.sinks, &root.child("sinks"), &bench, &mut diagnostics);
    let push = config.metrics.otlp.as_ref().and_then(|otlp| {
        let place = root.child("metrics").child("otlp");
        Push::compile(otlp, &place, &bench, &mut diagnostics)
    });
    let detection = detection::detection(&config.detect, &root.child("detect"), workshop, &mut diagnostics);
    library.watch_all(config.detect.places.iter().filter_map(|file| workshop.environment.path(file).into()));
    // Where the record goes is fixed when the process starts; a mistake is shown all the same.
    let record = portcullis_audit::compile(
        &config.audit,
        &root.child("audit"),
        &workshop.environment,
        &mut diagnostics,
    );
    let limits::Scene { overall, stock } = limits;
    let (Some(mut limits), Some(authenticator), Some(_)) = (overall, authenticator, record) else {
        return Err(diagnostics);
    };
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    if let Some(shared) = &workshop.shared_limits {
        limits.counters = Counters::Shared(Arc::clone(shared));
    }
    let policy = Arc::new(Policy {
        revision: library.revision(),
        apis,
        hosts,
        authenticator,
        internal_tokens,
        decision_points,
        grants: grantable(config.grants.as_ref()),
        lasting: Arc::clone(&workshop.lasting),
        detection,
        leaked: config.api_keys.leaked,
        observed: traffic::bounds(&config.traffic),
        connections_per_peer: Some(config.limits.peer_connections),
        limits,
        limiters: stock.into_inner().finished(),
        under_way: config.limits.under_way,
        trusted_proxies: TrustedProxies::new(config.trusted_proxies.iter().copied(), Notation::default()),
        traces: Traces::new(&config.traces),
        bounds: bounds(&config),
        streams: config.bounds.streams,
        timeouts: timeouts(&config),
        via: [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2].map(|received| {
            via::entry(received, &config.pseudonym).unwrap_or(HeaderValue::from_static("1.1 portcullis"))
        }),
        pseudonym: config.pseudonym.clone(),
        security_txt,
        acme_tokens: Arc::clone(&workshop.surroundings.tokens),
    });
    Ok(Compiled {
        policy,
        config,
        place: root,
        warnings: diagnostics,
        digest: library.digest(),
        files: library.files(),
        health,
        upstreams,
        sinks,
        push,
        receivers,
    })
}

/// RFC 9110 §7.6.3. The pseudonym's form was checked with the schema.
fn bounds(config: &GatewayConfig) -> Bounds {
    Bounds {
        target: config.bounds.target.as_usize(),
        head: config.bounds.head.as_usize(),
        line: config.bounds.line.as_usize(),
        fields: config.bounds.fields,
        ..Bounds::default()
    }
}

fn timeouts(config: &GatewayConfig) -> Timeouts {
    let timeouts = &config.timeouts;
    Timeouts {
        handshake: timeouts.handshake.0,
        head: timeouts.head.0,
        body: timeouts.body.0,
        whole_body: timeouts.whole_body.0,
        idle: timeouts.idle.0,
        drain: timeouts.drain.0,
        conceal: timeouts.conceal.0,
    }
}

/// RFC 9116 §2.5: contact and expiry are mandatory, and the expiry should lie less than a year ahead.
fn security_txt(
    config: Option<&SecurityTxtConfig>,
    root: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Option<Bytes> {
    let config = config?;
    let place = root.child("security_txt").child("expires");
    let Ok(expires) = config.expires.parse::<jiff::Timestamp>() else {
        diagnostics.push(
            Diagnostic::error(
                codes::SECURITY_TXT_EXPIRY,
                format!("`{}` is no point in time", config.expires),
            )
            .at(place)
            .help("write it as in RFC 3339, e.g. `2027-01-01T00:00:00Z`"),
        );
        return None;
    };
    let now = i64::try_from(workshop.clock.now().wall.as_seconds()).unwrap_or(i64::MAX);
    if !(now..now.saturating_add(366 * 86_400)).contains(&expires.as_second()) {
        diagnostics.push(
            Diagnostic::error(
                codes::SECURITY_TXT_EXPIRY,
                "security.txt must end in the future, less than a year ahead",
            )
            .at(place)
            .help("RFC 9116 §2.5.5: stale contact details are worse than none"),
        );
    }
    let mut text = String::new();
    for contact in &config.contact {
        text.push_str(&format!("Contact: {contact}\n"));
    }
    text.push_str(&format!("Expires: {expires}\n"));
    if let Some(policy) = &config.policy {
        text.push_str(&format!("Policy: {policy}\n"));
    }
    Some(Bytes::from(text))
}
