//! A little runtime for one sink: its thread waits for the network there, and nobody else does.

use std::future::Future;
use std::io;
use std::time::Duration;

use portcullis_audit::ship::CarryError;
use tokio::runtime::{Builder, Runtime};

/// How long one delivery may take, from name resolution to the last byte. Shorter than what the gateway waits for
/// its sinks when it stops, so that a collector that hangs is noticed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs one delivery at a time. Made on first use, on the sink's own thread.
#[derive(Default)]
pub(super) struct Wire(Option<Runtime>);

impl Wire {
    /// Waits for `delivery`, but not for ever.
    pub(super) fn wait<T>(
        &mut self,
        delivery: impl Future<Output = Result<T, CarryError>>,
    ) -> Result<T, CarryError> {
        let runtime = match self.0.take() {
            Some(runtime) => runtime,
            None => {
                Builder::new_current_thread().enable_all().build().map_err(|error| unreachable(&error))?
            }
        };
        let delivered = runtime.block_on(async { tokio::time::timeout(PATIENCE, delivery).await });
        self.0 = Some(runtime);
        delivered.unwrap_or_else(|_| Err(CarryError::Unreachable("the collector takes too long".to_owned())))
    }
}

pub(super) fn unreachable(error: &io::Error) -> CarryError {
    CarryError::Unreachable(error.to_string())
}
