//! Keeping the keys of our own tokens over a restart, and turning them in time (KEY-07).
//!
//! In: the state directory. Out: a file there, for the gateway's eyes only. [`load`] is called when a policy
//! is compiled, [`keep`] runs beside the policy. Without its file the gateway still signs, under a key that
//! upstreams learn of only by asking again, and says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use portcullis_authn::internal_token::{InternalTokens, Turned};
use portcullis_domain::{Clock, Secret};
use portcullis_tls::StateDirectory;

/// The file in the state directory.
pub(crate) const FILE: &str = "internal-keys.json";
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What was kept, if anything was.
pub(crate) fn load(state: &Path) -> io::Result<Option<Secret>> {
    Ok(StateDirectory::new(state).read(FILE)?.map(Secret::new))
}

/// Turns the keys when they are due and keeps them, until the policy that owns them is gone.
pub(crate) async fn keep(tokens: Weak<InternalTokens>, state: PathBuf, clock: Clock) {
    let mut is_kept = false;
    while let Some(current) = tokens.upgrade() {
        let now = clock.now().wall;
        if current.turn(now) == Turned::Changed || !is_kept {
            is_kept = store(&current, &state).await;
        }
        let pause = current.idle(now).clamp(Duration::from_secs(1), LONGEST_PAUSE);
        drop(current);
        tokio::time::sleep(pause).await;
    }
}

async fn store(tokens: &Arc<InternalTokens>, state: &Path) -> bool {
    let (tokens, directory) = (Arc::clone(tokens), StateDirectory::new(state));
    let stored = tokio::task::spawn_blocking(move || directory.write(FILE, tokens.saved().expose())).await;
    match stored {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "the keys of tokens for upstreams cannot be kept over a restart");
            false
        }
        // The runtime is going away.
        Err(_) => false,
    }
}
