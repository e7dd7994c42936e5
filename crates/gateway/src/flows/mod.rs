//! Operations that must succeed in an order, and no faster than a person (AUTHZ-19, LIM-17).
//!
//! In: a call of a step, and how it was answered. Out: whether its turn has come. Compiled from `flows` of an API;
//! asked by [`crate::stages::flow`] and told by [`crate::walk`] what the upstream said. How far a run has come is
//! kept in memory, bounded, by a keyed hash of whose it is ([`runs`]); a policy that is read again keeps it. It is
//! not shared between gateways, which `check` says where the store is: callers must then come to one gateway
//! (decision 0025).

mod passing;
mod runs;

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::{Caller, Principal, Strength};

use crate::ownership::{Place, Reading};
pub(crate) use passing::Passing;
pub(crate) use runs::{Fault, Runs};

/// One flow of an API.
pub(crate) struct Flow {
    pub(crate) name: Box<str>,
    pub(crate) steps: Box<[Box<str>]>,
    pub(crate) per: Per,
    pub(crate) pace: Pace,
    pub(crate) too_fast: TooFast,
    pub(crate) strength: Strength,
    pub(crate) runs: Arc<Runs>,
}

/// Whose steps belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Per {
    Subject,
    Session,
    Object,
}

/// How long a run may take, and how long a step must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) within: Duration,
    pub(crate) at_least: Duration,
}

/// What happens to a step that comes too soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TooFast {
    Deny,
    /// Unless the caller has one of these contexts.
    StepUp(Box<[Box<str>]>),
}

/// A step, on the route of its operation.
pub(crate) struct OnRoute {
    pub(crate) flow: Arc<Flow>,
    /// Its place in the order, from zero.
    pub(crate) step: usize,
    /// Where the request names the object; nowhere on a first step that makes it.
    pub(crate) object: Option<Place>,
}

/// Whose run it is.
pub(crate) enum Whose {
    Known(u128),
    /// The answer will tell.
    Made,
    /// The request does not name one object.
    Untold,
}

impl Flow {
    /// The pace that this caller must keep: none, if it has shown already that it is a person.
    pub(crate) fn pace_of(&self, caller: &Caller) -> Pace {
        match (&self.too_fast, caller.principal()) {
            (TooFast::StepUp(contexts), Some(principal))
                if contexts.iter().any(|context| principal.assurance.reached.contains(context)) =>
            {
                Pace { at_least: Duration::ZERO, ..self.pace }
            }
            (TooFast::StepUp(_) | TooFast::Deny, _) => self.pace,
        }
    }
}

impl OnRoute {
    /// Whether it looks into the body.
    pub(crate) fn reads_body(&self) -> bool {
        self.object.as_ref().is_some_and(Place::is_in_body)
    }

    /// Whose run a request is part of.
    pub(crate) fn whose(&self, principal: Option<&Principal>, reading: &Reading<'_, '_>) -> Whose {
        let runs = &self.flow.runs;
        let of = |principal: &Principal, what: &str| {
            Whose::Known(runs.key(&[principal.issuer.as_str(), principal.subject.as_str(), what]))
        };
        match (self.flow.per, principal, &self.object) {
            (Per::Subject, Some(principal), _) => of(principal, ""),
            (Per::Session, Some(principal), _) => {
                of(principal, principal.claims.get("sid").and_then(|sid| sid.as_str()).unwrap_or_default())
            }
            // Its credential is judged in shadow: nobody knows whose step it is.
            (Per::Subject | Per::Session, None, _) => Whose::Untold,
            (Per::Object, _, None) => Whose::Made,
            (Per::Object, _, Some(place)) => match reading.one(place) {
                Some(id) => Whose::Known(runs.key(&[&id])),
                None => Whose::Untold,
            },
        }
    }
}
