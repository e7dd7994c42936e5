//! `portcullis serve`.

use std::path::PathBuf;

use anyhow::Context as _;
use portcullis_gateway::{Gateway, Options};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{color, complain, show_start_error};
use crate::WELL;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration.
    #[arg(long, short, default_value = "portcullis.yaml", env = "PORTCULLIS_CONFIG")]
    config: PathBuf,
    /// What the process says of itself: `error`, `warn`, `info`, `debug`. The audit record is apart from this.
    #[arg(long, default_value = "info", env = "PORTCULLIS_LOG")]
    log: String,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let filter = EnvFilter::try_new(&arguments.log).context("`--log` is no filter")?;
    tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr).init();
    keep_memory_to_ourselves();
    let gateway = match Gateway::start(Options::new(&arguments.config)) {
        Ok(gateway) => gateway,
        Err(error) => return Ok(show_start_error(&error)),
    };
    announce(&gateway);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(obey(&gateway))?;
    tracing::info!("draining");
    gateway.shutdown();
    Ok(WELL)
}

/// No core dump, and no debugger of another process: both would show every secret in memory (KEY-09).
fn keep_memory_to_ourselves() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let refused = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = refused {
        tracing::warn!(%error, "core dumps cannot be turned off; a crash may write secrets to a file");
    }
}

fn announce(gateway: &Gateway) {
    if !gateway.warnings().is_empty() {
        complain(&gateway.warnings().render(color()));
    }
    if let Some(text) = gateway.how_to_trust() {
        complain(&format!("{text}\n"));
    }
    if let (Some(secret), Some(address)) =
        (gateway.admin_secret().and_then(|secret| secret.expose_text()), gateway.admin_address())
    {
        complain(&format!(
            "The admin listener on {address} takes this token. It is shown once and gone at the next start;\n\
             set `admin.token` to choose one that stays.\n\n    {secret}\n\n"
        ));
    }
    for address in gateway.addresses() {
        tracing::info!(%address, "listening");
    }
    tracing::info!(revision = gateway.revision(), "policy in force");
}

/// Returns when it is time to stop.
async fn obey(gateway: &Gateway) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut user = signal(SignalKind::user_defined1())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => match gateway.reload() {
                Ok(revision) => tracing::info!(revision, "policy in force"),
                // The gateway has said what is wrong.
                Err(_) => tracing::warn!("the old policy stays in force"),
            },
            _ = user.recv() => gateway.reopen_audit(),
        }
    }
}
