//! The thread that empties one spool.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::backoff::Backoff;
use super::spool::Spool;
use crate::recorder::Notary;
use crate::system::System;

/// How long a sink may take to end when the gateway stops; what it holds then is kept on disk or lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// Knows one collector and how to reach it.
pub trait Carrier: Send {
    /// Hands over whole recorded lines, all of them or none, and waits for no more than some seconds.
    ///
    /// # Errors
    /// [`CarryError`]; after [`CarryError::Unreachable`] the same lines are brought again.
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError>;
}

/// Why lines were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarryError {
    /// The collector cannot take anything now.
    #[error("{0}")]
    Unreachable(String),
    /// The collector would never take these: trying again would stop all that follow.
    #[error("refused: {0}")]
    Refused(String),
}

/// A sink at work.
#[derive(Debug)]
pub struct Shipper {
    spool: Arc<Spool>,
    ended: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Shipper {
    /// Starts to empty `spool`. `name` is the sink's, as the record has it.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        name: &str,
        spool: Arc<Spool>,
        carrier: Box<dyn Carrier>,
        notary: Notary,
    ) -> io::Result<Self> {
        let (end, ended) = mpsc::channel::<()>();
        let run = Run { name: name.to_owned(), spool: Arc::clone(&spool), carrier, notary };
        thread::Builder::new().name(format!("sink-{name}")).spawn(move || {
            run.run();
            drop(end);
        })?;
        Ok(Self { spool, ended: Mutex::new(Some(ended)) })
    }

    /// Lets the sink bring what waits, if that is quick, and keeps the rest.
    pub(crate) fn close(&self) {
        self.spool.close();
        let Some(ended) = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            // It hangs with a parcel in its hands; the thread ends with the process.
            self.spool.keep(None);
        }
    }
}

struct Run {
    name: String,
    spool: Arc<Spool>,
    carrier: Box<dyn Carrier>,
    notary: Notary,
}

impl Run {
    fn run(mut self) {
        let mut backoff = Backoff::new();
        while let Some(parcel) = self.spool.next() {
            loop {
                match self.carrier.carry(&parcel.lines) {
                    Ok(()) => {
                        backoff.reset();
                        if let Some(lost) = self.spool.arrived(&parcel) {
                            self.tell(&System::SinkRestored { sink: &self.name, lost });
                        }
                        break;
                    }
                    Err(error @ CarryError::Refused(_)) => {
                        self.fail(&error);
                        self.spool.refused(&parcel);
                        break;
                    }
                    Err(error @ CarryError::Unreachable(_)) => {
                        self.fail(&error);
                        if self.spool.pause(backoff.wait()) {
                            self.spool.keep(Some(parcel));
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Once for each time that it begins to fail (AUD-12): an alarm for each try would drown itself.
    fn fail(&self, error: &CarryError) {
        if self.spool.failed() {
            let cause = error.to_string();
            tracing::error!(sink = self.name, cause, "a sink of the record cannot be reached");
            self.tell(&System::SinkFailing { sink: &self.name, cause: &cause });
        }
    }

    fn tell(&self, system: &System<'_>) {
        if !self.spool.is_closed() {
            self.notary.note(system);
        }
    }
}
