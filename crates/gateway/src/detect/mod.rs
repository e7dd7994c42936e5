//! What detection needs of the gateway, and the gateway of detection.
//!
//! In: the configuration, and every entry of the record when it is written. Out: observations for the thread that
//! detects ([`Witness`]), and what a policy says of suspects ([`Detection`]). How attacks are told from customers is
//! in `portcullis-audit`; what a suspect may do is decided in [`crate::stages::standing`].

mod witness;

use std::sync::Arc;

use http::HeaderName;
use portcullis_audit::detect::{
    DetectionKey, DetectionModeConfig, DetectionSettings, Lookout, Named, Places, SeenObject,
};
use portcullis_authz::ledger::Decision;
use portcullis_domain::{ObjectKey, Timestamp};
use smallvec::SmallVec;

use crate::compile::Workshop;
use crate::limits::Asked;
use crate::limits::attempts::Attempts;
pub(crate) use witness::{Witness, network, observe, principal};

/// What a policy says of detection.
pub(crate) struct Detection {
    pub(crate) lookout: Arc<Lookout>,
    pub(crate) settings: Arc<DetectionSettings>,
    pub(crate) places: Option<Arc<Places>>,
    /// In which header upstreams are told the risk.
    pub(crate) header: HeaderName,
}

impl Detection {
    /// Whether anything is noticed.
    pub(crate) fn is_on(&self) -> bool {
        self.settings.mode == DetectionModeConfig::On
    }

    /// Starts the thread that detects, with the first policy.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start(&self, workshop: &Workshop) -> std::io::Result<()> {
        let (alerts, clock) = (Arc::clone(&workshop.alerts), workshop.clock.clone());
        self.lookout.start(Arc::clone(&self.settings), alerts, clock)?;
        self.lookout.set_places(self.places.clone());
        Ok(())
    }

    /// Tells it what holds from now on, and that something was deployed.
    pub(crate) fn enact(&self, at: Timestamp) {
        self.lookout.set(Arc::clone(&self.settings));
        self.lookout.set_places(self.places.clone());
        self.lookout.note_deployment(at);
    }
}

/// An operation, as it is observed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WatchedRoute {
    /// Its digest.
    pub(crate) digest: u64,
    pub(crate) names: NamesObjects,
    pub(crate) credentials: Credentials,
}

/// Whether the path of an operation has parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NamesObjects {
    #[default]
    No,
    InPath,
}

/// Whether it could be served without a credential though it takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// Everybody shows one, or nobody has to.
    #[default]
    Settled,
    /// Whoever shows none is let in all the same.
    Optional,
}

/// What a request showed of objects and logins on its way, for the witness.
#[derive(Debug, Default)]
pub(crate) struct Clues {
    /// Objects that it named, as the ledger knows them.
    pub(crate) met: SmallVec<[MetObject; 1]>,
    /// The account, and the password if the operator says where it is, of a try to log in.
    pub(crate) login: Option<(u64, Option<u64>)>,
}

/// One object that a request named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetObject {
    /// Which of the route's types.
    pub(crate) rule: usize,
    pub(crate) key: ObjectKey,
    pub(crate) decision: Decision,
    /// The caller may touch all objects of the type.
    pub(crate) is_exempt: bool,
}

/// The account, and the password if it is known where that stands, of a try to log in.
pub(crate) fn login(
    key: &DetectionKey,
    attempts: &Attempts,
    asked: Asked<'_, '_>,
) -> Option<(u64, Option<u64>)> {
    let reading = asked.reading?;
    let said = |place: &Option<crate::ownership::Place>| reading.one(place.as_ref()?);
    let account = key.digest(Named::Account, &[said(&attempts.account)?.as_bytes()]);
    // A common password is the same whoever types it; that is how a spray shows.
    let password = said(&attempts.password).map(|text| key.digest(Named::Password, &[text.as_bytes()]));
    Some((account, password))
}

/// Objects of one request that are observed, at most.
pub(crate) const MOST_OBJECTS: usize = 64;

/// What one request named.
type SeenObjects = SmallVec<[SeenObject; 1]>;
