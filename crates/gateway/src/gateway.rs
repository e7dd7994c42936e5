//! A running gateway: started, reloaded, drained.
//!
//! In: the path of `portcullis.yaml`. Out: a handle. Called by `cli` and by tests, which run it in their
//! own process on ephemeral ports. Request code is in [`crate::walk`]; here is what happens around it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, mpsc as blocking};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use portcullis_audit::metrics::LoadResult;
use portcullis_audit::{Metrics, OnFailure, Recorder, Settings, SinkChoice, System};
use portcullis_config::{Diagnostics, Environment};
use portcullis_domain::{Clock, Secret};
use portcullis_tls::PublicRoots;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::admin::Admin;
use crate::check::workshop;
use crate::compile::{self, Workshop};
use crate::config::GatewayConfig;
use crate::control::{self, Command, Control};
use crate::journal::Journal;
use crate::limiter_sizes;
use crate::limits;
use crate::listen::{ListenerKind, ListenerPlan, PeerConnections, bind};
use crate::metrics_push::Pushing;
use crate::worker::{self, Phase, Shared};
use crate::{record_key, shared_limits, sinks};

/// What a gateway is started with.
pub struct Options {
    /// `portcullis.yaml`.
    pub file: PathBuf,
    /// Where secrets are looked up.
    pub environment: Environment,
    /// By which time is told.
    pub clock: Clock,
    /// Where the record goes instead of where the file says; for tests.
    pub record: Option<SinkChoice>,
    /// Whom the public trusts; tests bring their own.
    pub roots: PublicRoots,
    /// Whether files are watched for changes.
    pub watch: Watch,
}

/// Whether files are watched for changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// A changed file is taken up at once.
    Files,
    /// Only [`Gateway::reload`] takes up changes.
    Nothing,
}

impl Options {
    /// The usual: this machine's clock, environment and authorities.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let file = file.into();
        let base = file.parent().map(PathBuf::from).unwrap_or_default();
        Self {
            file,
            environment: Environment::process().with_base(base),
            clock: Clock::machine(),
            record: None,
            roots: PublicRoots::system(),
            watch: Watch::Files,
        }
    }
}

/// Why a gateway did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration is not valid.
    #[error("the configuration is not valid")]
    Configuration(Diagnostics),
    /// An address cannot be bound, a thread not started, a file not opened.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running gateway. Dropped without [`Gateway::shutdown`], it is left running until the process ends.
pub struct Gateway {
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    admin_secret: Option<Secret>,
    how_to_trust: Option<String>,
    warnings: Diagnostics,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    phase: watch::Sender<Phase>,
    workers: Vec<JoinHandle<()>>,
    control: JoinHandle<()>,
    /// Numbers are sent until this is dropped.
    pushing: Option<Pushing>,
}

impl Gateway {
    /// Compiles the configuration, binds every address and starts serving.
    ///
    /// # Errors
    /// [`StartError`]; nothing keeps running then.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let (document, _, config) = compile::read(&options.file).map_err(StartError::Configuration)?;
        // A mistake in this section is found again, and shown, with all others.
        let place = document.at("").child("audit");
        let settings =
            portcullis_audit::compile(&config.audit, &place, &options.environment, &mut Diagnostics::new());
        let mut settings = settings.unwrap_or(Settings {
            sink: SinkChoice::Stdout,
            queue_bytes: 1 << 20,
            on_failure: OnFailure::Continue,
            ..Settings::default()
        });
        let state = options.environment.path(&config.state);
        settings.sinks = sinks::settings(&config.sinks, &state);
        match options.record.clone() {
            Some(sink) => settings.sink = sink,
            None => settings.signer = record_key::signer(&state),
        }
        let recorder = Recorder::open(&settings, options.clock.clone())
            .map_err(|error| system("cannot open the record", std::io::Error::other(error)))?;
        let recorder = Arc::new(recorder);
        let running = limiter_sizes::Running::default();
        let sizes = limiter_sizes::of(Arc::clone(&running));
        let metrics = Arc::new(Metrics::new(Arc::clone(&recorder), sizes));
        let workshop = workshop(&options, Arc::clone(&metrics), Arc::clone(&recorder))?;
        let (mut compiled, drafts) = compile_all(&workshop)?;
        sinks::ship(&recorder, std::mem::take(&mut compiled.sinks))
            .map_err(|error| system("cannot start a sink of the record", error))?;
        workshop
            .alerts
            .deliver(std::mem::take(&mut compiled.receivers))
            .map_err(|error| system("cannot start a receiver of alerts", error))?;
        let push = compiled.push.take().map(|push| push.start(Arc::clone(&metrics), options.clock.clone()));
        let pushing = push.transpose().map_err(|error| system("cannot start to send metrics", error))?;
        let lasting = Arc::clone(&workshop.lasting);
        if compiled.needs_store() || lasting.exists() {
            lasting.open().map_err(|error| system("cannot open the store", std::io::Error::other(error)))?;
        }
        if compiled.policy.learns_owners() {
            lasting
                .need_ledger()
                .map_err(|error| system("cannot tell owners", std::io::Error::other(error)))?;
        }
        // Before the first key is made. What is shared has the first word.
        if let Some(shared_limits) = &workshop.shared_limits {
            shared_limits::name_keys_alike(shared_limits);
            shared_limits::tell(shared_limits, &metrics);
        }
        let state = &workshop.surroundings.state;
        limits::keeper::adopt_secret(state)
            .and_then(|()| {
                if compiled.policy.keeps_counts() { limits::keeper::keep_secret(state) } else { Ok(()) }
            })
            .map_err(|error| system("cannot keep the secret of limits", error))?;
        let counts = Arc::new(limits::keeper::Keeper::default());
        limits::keeper::take_up_blocking(&counts, &compiled.policy.limiters, &lasting, &options.clock);
        let count = worker_count(&compiled.config);
        let mut sockets: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        let mut plans = Vec::new();
        for draft in drafts {
            let bound = bind(draft.address, count)
                .map_err(|error| system(&format!("cannot listen on {}", draft.address), error))?;
            let address =
                bound.first().and_then(|listener| listener.local_addr().ok()).unwrap_or(draft.address);
            let plan = Arc::new(ListenerPlan {
                metrics: metrics.listener(&address.to_string()),
                name: address.to_string(),
                kind: draft.kind,
            });
            addresses.push(address);
            for (listeners, listener) in sockets.iter_mut().zip(bound) {
                listeners.push((listener, Arc::clone(&plan)));
            }
            plans.push(plan);
        }
        let how_to_trust = plans.iter().find_map(|plan| match &plan.kind {
            ListenerKind::Tls(tls) => tls.development().map(|development| development.how_to_trust()),
            ListenerKind::Plaintext { .. } => None,
        });
        let admin = Admin::bind(&compiled.config.admin, &compiled.place, &workshop)?;

        let warnings = compiled.warnings.clone();
        let revision = compiled.policy.revision.clone();
        let unrouted = metrics.operation("", "");
        let journal = start_journal(&compiled.config, &options, &metrics)?;
        let shared = Arc::new(Shared {
            journal,
            unrouted,
            policy: ArcSwap::new(Arc::clone(&compiled.policy)),
            generation: AtomicU64::new(0),
            recorder: Arc::clone(&recorder),
            alerts: Arc::clone(&workshop.alerts),
            metrics,
            clock: options.clock.clone(),
            peers: PeerConnections::default(),
            observatory: Arc::clone(&workshop.observatory),
            lookout: Arc::clone(&workshop.lookout),
            counts,
            shared_limits: workshop.shared_limits.clone(),
        });
        compiled
            .policy
            .detection
            .start(&workshop)
            .map_err(|error| system("cannot start the detection of attacks", error))?;
        // Set once, here.
        let _ = running.set(Arc::downgrade(&shared));
        let (phase, phases) = watch::channel(Phase::Running);
        let (commands, inbox) = mpsc::unbounded_channel();
        let mut workers = Vec::with_capacity(count);
        for (index, listeners) in sockets.into_iter().enumerate() {
            let worker = worker::start(index, Arc::clone(&shared), listeners, phases.clone())
                .map_err(|error| system("cannot start a worker", error))?;
            workers.push(worker);
        }
        let admin_address = admin.as_ref().map(Admin::address);
        let admin_secret = admin.as_ref().and_then(Admin::first_secret);
        let control = Control {
            shared: Arc::clone(&shared),
            workshop,
            compiled,
            plans,
            admin,
            watch: options.watch,
            phase: phases,
            inbox,
            commands: commands.clone(),
        };
        let control =
            control::start(control).map_err(|error| system("cannot start the control thread", error))?;
        shared.metrics.count_policy_load(LoadResult::Loaded { revision: &revision });
        recorder.note(&System::Started { version: env!("CARGO_PKG_VERSION"), revision: &revision });
        Ok(Self {
            addresses,
            admin: admin_address,
            admin_secret,
            how_to_trust,
            warnings,
            shared,
            commands,
            phase,
            workers,
            control,
            pushing,
        })
    }

    /// Where the listeners listen, in the order of the file; ports are resolved.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the admin listener listens.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The admin token that was made at this start, if none is configured. Shown once.
    #[must_use]
    pub fn admin_secret(&self) -> Option<&Secret> {
        self.admin_secret.as_ref()
    }

    /// How to trust the development certificate, if one is presented.
    #[must_use]
    pub fn how_to_trust(&self) -> Option<&str> {
        self.how_to_trust.as_deref()
    }

    /// What the configuration should not be like, though it works.
    #[must_use]
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The revision of the policy in force.
    #[must_use]
    pub fn revision(&self) -> String {
        self.shared.policy.load().revision.clone()
    }

    /// Reads the configuration again and puts it in force for all requests that arrive from then on.
    ///
    /// # Errors
    /// All mistakes; the old policy stays in force.
    pub fn reload(&self) -> Result<String, Diagnostics> {
        let (answer, answered) = blocking::channel();
        // A control thread that is gone is on its way down with the process.
        let _ = self.commands.send(Command::Reload(Some(answer)));
        answered.recv().unwrap_or_else(|_| Ok(self.revision()))
    }

    /// Opens the audit file anew, after log rotation.
    pub fn reopen_audit(&self) {
        self.shared.recorder.reopen();
    }

    /// Stops accepting, lets requests under way finish within `timeouts.drain`, and writes out the record.
    pub fn shutdown(self) {
        self.phase.send_replace(Phase::Draining);
        for worker in self.workers {
            // A worker that panicked has nothing left to finish.
            let _ = worker.join();
        }
        let _ = self.commands.send(Command::Stop);
        let _ = self.control.join();
        drop(self.pushing);
        self.shared.journal.finish();
        self.shared.lookout.close();
        self.shared.alerts.close();
        self.shared.recorder.note(&System::Stopped { cause: "shutdown" });
        self.shared.recorder.close();
    }
}

/// How many workers a configuration asks for.
pub(crate) fn worker_count(config: &GatewayConfig) -> usize {
    let configured = config.workers;
    configured.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1)
}

/// Starts the journal that a configuration asks for.
fn start_journal(
    config: &GatewayConfig,
    options: &Options,
    metrics: &Arc<Metrics>,
) -> Result<Journal, StartError> {
    match compile::journal_plan(config, &options.environment) {
        None => Ok(Journal::none()),
        Some(plan) => Journal::start(&plan, &options.clock, Arc::clone(metrics))
            .map_err(|error| system(&format!("cannot keep a journal in `{}`", plan.folder.display()), error)),
    }
}

pub(crate) fn compile_all(
    workshop: &Workshop,
) -> Result<(compile::Compiled, Vec<compile::ListenerDraft>), StartError> {
    // Listeners are compiled even if the rest is wrong, so that all mistakes are shown at once.
    let (document, _, config) = compile::read(&workshop.file).map_err(StartError::Configuration)?;
    let mut diagnostics = Diagnostics::new();
    let drafts = compile::listeners(&config, &document.at(""), workshop, &mut diagnostics);
    match compile::compile(workshop, None) {
        Ok(mut compiled) if !diagnostics.has_errors() => {
            compiled.warnings.extend(diagnostics);
            Ok((compiled, drafts))
        }
        Ok(compiled) => {
            diagnostics.extend(compiled.warnings);
            Err(StartError::Configuration(diagnostics))
        }
        Err(found) => {
            diagnostics.extend(found);
            Err(StartError::Configuration(diagnostics))
        }
    }
}

pub(crate) fn system(what: &str, source: std::io::Error) -> StartError {
    StartError::System { what: what.to_owned(), source }
}
