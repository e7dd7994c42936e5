//! Who is told of alerts, beside the record: each with a spool and a thread of its own.
//!
//! In: the line of an alert, which waits for nobody. Out: the same line to a [`Carrier`], again and again until it is
//! taken, through restarts as far as there is room on disk; what is given up is counted (AUD-22). It is the way of
//! the record's own sinks, see [`crate::ship`].

use std::io;
use std::sync::Arc;

use super::Severity;
use crate::recorder::Notary;
use crate::ship::{Carrier, Shipper, Spool, SpoolBounds, SpoolTally};

/// Somebody who is told.
pub struct Receiver {
    /// Its name, as record and metrics have it.
    pub name: String,
    /// The mildest alerts that it is told of.
    pub least: Severity,
    /// How much may wait for it.
    pub bounds: SpoolBounds,
    /// How it is reached.
    pub carrier: Box<dyn Carrier>,
}

/// A receiver at work.
#[derive(Debug)]
pub(super) struct Open {
    name: String,
    least: Severity,
    spool: Arc<Spool>,
    shipper: Shipper,
}

impl Open {
    /// Opens what waits for it and starts to deliver.
    pub(super) fn start(receiver: Receiver, notary: Notary) -> io::Result<Self> {
        let Receiver { name, least, bounds, carrier } = receiver;
        let spool = Arc::new(Spool::open(bounds)?);
        let shipper = Shipper::start(&format!("alerts-{name}"), Arc::clone(&spool), carrier, notary)?;
        Ok(Self { name, least, spool, shipper })
    }

    pub(super) fn tell(&self, severity: Severity, line: &[u8]) {
        if severity >= self.least {
            self.spool.offer(line);
        }
    }

    pub(super) fn tally(&self) -> (&str, SpoolTally) {
        (&self.name, self.spool.tally())
    }

    pub(super) fn close(&self) {
        self.shipper.close();
    }
}
