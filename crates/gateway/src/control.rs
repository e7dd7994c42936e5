//! The control thread: everything that happens beside requests.
//!
//! Reloads, the watching of files, the refreshing of keys and certificates, health checks and the admin
//! listener run here, on a thread of their own, so that no worker ever waits for a file or a compile.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, mpsc as blocking};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use portcullis_audit::System;
use portcullis_audit::metrics::LoadResult;
use portcullis_authn::Authenticator;
use portcullis_config::{Color, Diagnostics};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::admin::Admin;
use crate::alarms;
use crate::certificates::{self, Certificates};
use crate::compile::{self, Compiled, Workshop};
use crate::forward::watch_health;
use crate::gateway::Watch;
use crate::internal_keys;
use crate::limits;
use crate::listen::{ListenerKind, ListenerPlan};
use crate::worker::{Phase, Shared};

/// What the control thread is told.
pub(crate) enum Command {
    /// Read everything again, and say what came of it if somebody waits.
    Reload(Option<blocking::Sender<Result<String, Diagnostics>>>),
    Stop,
}

/// What the control thread works with.
pub(crate) struct Control {
    pub(crate) shared: Arc<Shared>,
    pub(crate) workshop: Workshop,
    pub(crate) compiled: Compiled,
    pub(crate) plans: Vec<Arc<ListenerPlan>>,
    pub(crate) admin: Option<Admin>,
    pub(crate) watch: Watch,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) inbox: mpsc::UnboundedReceiver<Command>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

/// How often files are looked at, and how long a change may take to be complete.
const LOOK_INTERVAL: Duration = Duration::from_millis(40);
const SETTLE: Duration = Duration::from_millis(10);
/// How often it is asked what ends soon; also finds what was renewed without a reload.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Starts the thread.
pub(crate) fn start(control: Control) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("control".into()).spawn(move || {
        match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(control.run()),
            Err(error) => tracing::error!(%error, "the control thread could not start"),
        }
    })
}

impl Control {
    async fn run(mut self) {
        let mut background = JoinSet::new();
        self.start_background(&mut background);
        for plan in &self.plans {
            if let ListenerKind::Tls(tls) = &plan.kind
                && let Some(renewal) = tls.acme()
            {
                let (shared, listener) = (Arc::clone(&self.shared), plan.name.clone());
                tokio::spawn(renewal.run(move |outcome| certificates::renewed(&shared, &listener, outcome)));
            }
        }
        if let Some(admin) = self.admin.take() {
            tokio::spawn(admin.serve(Arc::clone(&self.shared), self.commands.clone(), self.phase.clone()));
        }
        if let Some(vault) = &self.workshop.vault {
            tokio::spawn(Arc::clone(vault).keep(self.commands.clone()));
        }
        let lasting = Arc::clone(&self.workshop.lasting);
        tokio::spawn(Arc::clone(&lasting).follow());
        let observatory = Arc::clone(&self.workshop.observatory);
        tokio::spawn(Arc::clone(&observatory).follow(Arc::clone(&self.shared), Arc::clone(&lasting)));
        tokio::spawn(Arc::clone(&self.shared.counts).follow(Arc::clone(&self.shared), Arc::clone(&lasting)));
        let ownership = Arc::clone(&self.workshop.ownership);
        tokio::spawn(Arc::clone(&ownership).follow());
        tokio::spawn(alarms::follow(Arc::clone(&self.shared)));
        let mut certificates = Certificates::default();
        certificates.look(&self.plans, &self.shared);
        let mut calendar = tokio::time::interval(CERTIFICATE_INTERVAL);
        let mut seen = Seen::look(self.files());
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = self.inbox.recv() => match command {
                    None | Some(Command::Stop) => break,
                    Some(Command::Reload(answer)) => {
                        // By signal or through the admin listener, which says more; without, a secret has changed.
                        let actor = if answer.is_some() { "operator" } else { "changed secret" };
                        self.reload(&mut background, actor, answer).await;
                    }
                },
                _ = calendar.tick() => {
                    certificates.look(&self.plans, &self.shared);
                    continue;
                }
                _ = look.tick(), if self.watch == Watch::Files => {
                    let now = Seen::look(seen.files());
                    if now == seen {
                        continue;
                    }
                    // Changes that come together are taken up together; a file written in two steps is read
                    // when it is whole.
                    tokio::time::sleep(SETTLE).await;
                    self.reload(&mut background, "changed file", None).await;
                }
            }
            certificates.look(&self.plans, &self.shared);
            seen = Seen::look(self.files());
        }
        lasting.write_uses().await;
        ownership.round().await;
        observatory.finish(&self.shared, &lasting).await;
        self.shared.counts.round(&self.shared, &lasting).await;
    }

    /// Key refreshes and health checks of the policy in force. Those of an older policy end.
    fn start_background(&self, background: &mut JoinSet<()>) {
        background.abort_all();
        let authenticator = Arc::downgrade(&self.compiled.policy.authenticator);
        background.spawn(Authenticator::keep_fresh(authenticator));
        if let Some(tokens) = &self.compiled.policy.internal_tokens {
            let state = self.workshop.surroundings.state.clone();
            background.spawn(internal_keys::keep(Arc::downgrade(tokens), state, self.workshop.clock.clone()));
        }
        for (upstream, rules) in &self.compiled.health {
            background.spawn(watch_health(Arc::clone(upstream), rules.clone()));
        }
    }

    async fn reload(
        &mut self,
        background: &mut JoinSet<()>,
        actor: &str,
        answer: Option<blocking::Sender<Result<String, Diagnostics>>>,
    ) {
        self.read_new_secrets().await;
        let outcome = self.try_reload(background);
        match &outcome {
            Ok(revision) => {
                self.shared.metrics.count_policy_load(LoadResult::Loaded { revision });
                self.shared.recorder.note(&System::PolicyLoaded {
                    revision,
                    digest: &self.compiled.digest,
                    actor,
                });
                alarms::policy_changed(&self.shared.alerts, &self.shared.clock, revision);
            }
            Err(diagnostics) => {
                self.shared.metrics.count_policy_load(LoadResult::Refused);
                tracing::error!(
                    "reload refused, the old policy stays in force\n{}",
                    diagnostics.render(Color::Never)
                );
                self.shared.recorder.note(&System::PolicyRefused {
                    revision: &self.compiled.policy.revision,
                    digest: &compile::file_digest(&self.workshop.file),
                    actor,
                    mistakes: diagnostics.errors().count(),
                    first: diagnostics.errors().next().map_or("", |diagnostic| diagnostic.message()),
                });
                alarms::policy_refused(&self.shared.alerts, &self.shared.clock, diagnostics);
            }
        }
        if let Some(answer) = answer {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(outcome);
        }
    }

    /// A file that changed may name secrets that were never read.
    async fn read_new_secrets(&self) {
        if let Some(vault) = &self.workshop.vault
            && let Ok((document, _, _)) = compile::read(&self.workshop.file)
        {
            vault.prepare(&document).await;
        }
    }

    fn try_reload(&mut self, background: &mut JoinSet<()>) -> Result<String, Diagnostics> {
        // The policy first: it is put in force by one store at the end, certificates one by one.
        let compiled = compile::compile(&self.workshop, Some(&self.compiled))?;
        if compiled.needs_store() {
            self.workshop.lasting.open().map_err(|error| compile::store_unusable(&error, &compiled.place))?;
        }
        if compiled.policy.keeps_counts() {
            limits::keeper::keep_secret(&self.workshop.surroundings.state)
                .unwrap_or_else(|error| tracing::error!(%error, "the secret of limits is not kept"));
        }
        if compiled.policy.learns_owners() {
            let ledger = self.workshop.lasting.need_ledger();
            ledger.map_err(|error| compile::store_unusable(&error, &compiled.place))?;
        }
        for plan in &self.plans {
            if let ListenerKind::Tls(tls) = &plan.kind {
                tls.reload().inspect_err(|found| {
                    let cause = found.errors().next().map_or("", |diagnostic| diagnostic.message());
                    self.shared.recorder.note(&System::CertificateRefused { name: &plan.name, cause });
                })?;
            }
        }
        if !compiled.warnings.is_empty() {
            tracing::warn!("{}", compiled.warnings.render(Color::Never));
        }
        self.shared.enact(Arc::clone(&compiled.policy));
        compiled.policy.detection.enact(self.shared.clock.now().wall);
        self.compiled = compiled;
        self.start_background(background);
        Ok(self.compiled.policy.revision.clone())
    }

    /// All files that the policy and the certificates come from.
    fn files(&self) -> Vec<PathBuf> {
        let of_tls = self.plans.iter().flat_map(|plan| match &plan.kind {
            ListenerKind::Tls(tls) => tls.files(),
            ListenerKind::Plaintext { .. } => Vec::new(),
        });
        self.compiled.files.iter().cloned().chain(of_tls).collect()
    }
}

/// The files as they were last seen. Looked at rather than watched: a watch on their folders would wake us
/// for every line of a record that is kept there, and miss what secret mounts do with links.
#[derive(Default, PartialEq, Eq)]
struct Seen(Vec<(PathBuf, Option<Fingerprint>)>);

/// When a file was last written, its length, and which file it is.
type Fingerprint = (SystemTime, u64, u64);

impl Seen {
    fn look(files: Vec<PathBuf>) -> Self {
        let state = |file: &PathBuf| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
        };
        Self(files.into_iter().map(|file| (file.clone(), state(&file))).collect())
    }

    fn files(&self) -> Vec<PathBuf> {
        self.0.iter().map(|(file, _)| file.clone()).collect()
    }
}
