//! The control thread: everything that happens beside requests.
//!
//! Reloads, the watching of files, the refreshing of keys and certificates, health checks and the admin
//! listener run here, on a thread of their own, so that no worker ever waits for a file or a compile.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, mpsc as blocking};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use portcullis_audit::System;
use portcullis_authn::Authenticator;
use portcullis_config::{Color, Diagnostics};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::admin::Admin;
use crate::compile::{self, Compiled, Workshop};
use crate::forward::watch_health;
use crate::gateway::Watch;
use crate::listen::{ListenerKind, ListenerPlan};
use crate::worker::{Phase, Shared};

/// What the control thread is told.
pub(crate) enum Command {
    /// Read everything again, and say what came of it if somebody waits.
    Reload(Option<blocking::Sender<Result<String, Diagnostics>>>),
    /// A file changed.
    Changed(PathBuf),
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

/// Changes that come together are taken up together; a file written in two steps is read when whole.
const SETTLE: Duration = Duration::from_millis(20);

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
                tokio::spawn(renewal.run(|outcome| match outcome {
                    Ok(renewal) => tracing::info!(?renewal, "certificate renewal"),
                    Err(error) => {
                        tracing::error!(%error, "certificate renewal failed; the old one stays in use")
                    }
                }));
            }
        }
        if let Some(admin) = self.admin.take() {
            tokio::spawn(admin.serve(Arc::clone(&self.shared), self.commands.clone(), self.phase.clone()));
        }
        let mut watched = Watched::default();
        let mut watcher = match self.watch {
            Watch::Files => self.watcher(),
            Watch::Nothing => None,
        };
        self.watch_files(&mut watched, watcher.as_mut());
        while let Some(command) = self.inbox.recv().await {
            match command {
                Command::Stop => break,
                Command::Reload(answer) => {
                    self.reload(&mut background, answer);
                    self.watch_files(&mut watched, watcher.as_mut());
                }
                Command::Changed(first) => {
                    let changed = self.settle(first).await;
                    if changed.iter().any(|path| watched.files.contains(path)) {
                        self.reload(&mut background, None);
                        self.watch_files(&mut watched, watcher.as_mut());
                    }
                }
            }
        }
    }

    /// Key refreshes and health checks of the policy in force. Those of an older policy end.
    fn start_background(&self, background: &mut JoinSet<()>) {
        background.abort_all();
        let authenticator = Arc::downgrade(&self.compiled.policy.authenticator);
        background.spawn(Authenticator::keep_fresh(authenticator));
        for (upstream, rules) in &self.compiled.health {
            background.spawn(watch_health(Arc::clone(upstream), rules.clone()));
        }
    }

    fn reload(
        &mut self,
        background: &mut JoinSet<()>,
        answer: Option<blocking::Sender<Result<String, Diagnostics>>>,
    ) {
        let outcome = self.try_reload(background);
        match &outcome {
            Ok(revision) => self.shared.recorder.note(&System::PolicyLoaded {
                revision,
                digest: revision,
                actor: "reload",
            }),
            Err(diagnostics) => {
                tracing::error!(
                    "reload refused, the old policy stays in force\n{}",
                    diagnostics.render(Color::Never)
                );
                self.shared.recorder.note(&System::PolicyRefused {
                    revision: &self.compiled.policy.revision,
                    digest: "",
                    actor: "reload",
                    mistakes: diagnostics.errors().count(),
                    first: diagnostics.errors().next().map_or("", |diagnostic| diagnostic.message()),
                });
            }
        }
        if let Some(answer) = answer {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(outcome);
        }
    }

    fn try_reload(&mut self, background: &mut JoinSet<()>) -> Result<String, Diagnostics> {
        for plan in &self.plans {
            if let ListenerKind::Tls(tls) = &plan.kind {
                tls.reload()?;
            }
        }
        let compiled = compile::compile(&self.workshop, Some(&self.compiled))?;
        if !compiled.warnings.is_empty() {
            tracing::warn!("{}", compiled.warnings.render(Color::Never));
        }
        self.shared.enact(Arc::clone(&compiled.policy));
        self.compiled = compiled;
        self.start_background(background);
        Ok(self.compiled.policy.revision.clone())
    }

    fn watcher(&self) -> Option<notify::RecommendedWatcher> {
        let commands = self.commands.clone();
        let report = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, notify::EventKind::Access(_)) {
                return;
            }
            for path in event.paths {
                // A control thread that is gone needs no news.
                let _ = commands.send(Command::Changed(path));
            }
        };
        notify::recommended_watcher(report)
            .inspect_err(|error| tracing::warn!(%error, "files are not watched; send SIGHUP after changes"))
            .ok()
    }

    /// Watches the folders of all files: editors and secret mounts replace files instead of writing them.
    fn watch_files(&self, watched: &mut Watched, watcher: Option<&mut notify::RecommendedWatcher>) {
        let Some(watcher) = watcher else { return };
        let of_tls = self.plans.iter().flat_map(|plan| match &plan.kind {
            ListenerKind::Tls(tls) => tls.files(),
            ListenerKind::Plaintext { .. } => Vec::new(),
        });
        let files = self.compiled.files.iter().cloned().chain(of_tls);
        watched.files = files.filter_map(|file| std::path::absolute(file).ok()).collect();
        for file in &watched.files {
            let Some(folder) = file.parent().map(PathBuf::from) else { continue };
            if watched.folders.insert(folder.clone())
                && let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive)
            {
                tracing::warn!(folder = %folder.display(), %error, "folder is not watched");
            }
        }
    }

    async fn settle(&mut self, first: PathBuf) -> Vec<PathBuf> {
        let mut changed = vec![first];
        while let Ok(Some(command)) = tokio::time::timeout(SETTLE, self.inbox.recv()).await {
            match command {
                Command::Changed(path) => changed.push(path),
                other => {
                    // Kept in order: it is answered after the change.
                    let _ = self.commands.send(other);
                    break;
                }
            }
        }
        changed
    }
}

#[derive(Default)]
struct Watched {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}
