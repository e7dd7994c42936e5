//! With what is granted to the caller for a while, where that makes a difference (AUTHZ-23).
//!
//! In: what was decided about the caller as the credential shows it. Out: the same, or what is decided with the
//! grant where it was a refusal. What somebody may do anyway is no use of a grant: so each use is one, is marked
//! in the event, and the first one raises an alarm.

use portcullis_authz::Permit;
use portcullis_domain::{Caller, Denial};

use crate::alarms::Asked;
use crate::arrival::Envelope;
use crate::grants::Elevated;
use crate::policy::{Api, Policy, Route};
use crate::trace::Trace;

/// What is granted to this caller, used or not.
pub(crate) struct Elevation<'p> {
    policy: &'p Policy,
    api: &'p Api,
    route: &'p Route,
    spare: Option<Elevated>,
}

impl<'p> Elevation<'p> {
    /// Looks what is granted.
    pub(crate) fn of(
        policy: &'p Policy,
        api: &'p Api,
        route: &'p Route,
        caller: &Caller,
        envelope: &Envelope,
    ) -> Self {
        let spare = policy.grants.as_ref().zip(caller.principal()).and_then(|(grantable, principal)| {
            policy.lasting.grants().elevate(grantable, principal, envelope.now.wall)
        });
        Self { policy, api, route, spare }
    }

    /// What was decided; where it was a refusal, what is decided with the grant, if that is none.
    pub(crate) fn help<T>(
        &mut self,
        decided: Result<T, Denial>,
        again: impl FnOnce(Caller) -> Result<T, Denial>,
        envelope: &Envelope,
        trace: &mut Trace,
    ) -> Result<T, Denial> {
        let (Err(denial), Some(elevated)) = (&decided, &self.spare) else { return decided };
        let Ok(better) = again(elevated.caller()) else { return Err(denial.clone()) };
        self.spend(envelope, trace);
        Ok(better)
    }

    /// A permit with the grant, where a stage to come asks for roles that it gives: objects may be open to some,
    /// and a decision point is told of them.
    pub(crate) fn ahead(
        &mut self,
        again: impl FnOnce(Caller) -> Result<Option<Permit>, Denial>,
        envelope: &Envelope,
        trace: &mut Trace,
    ) -> Option<Permit> {
        let elevated = self.spare.as_ref()?;
        let of_objects =
            self.route.objects.as_ref().is_some_and(|objects| objects.regard(elevated.gained_roles()));
        if !of_objects && !self.route.asks.as_ref().is_some_and(|point| point.is_told_rights()) {
            return None;
        }
        let permit = again(elevated.caller()).ok()??;
        self.spend(envelope, trace);
        Some(permit)
    }

    fn spend(&mut self, envelope: &Envelope, trace: &mut Trace) {
        let Some(elevated) = self.spare.take() else { return };
        let asked = Asked {
            at: envelope.now.wall,
            api: &self.api.name,
            operation: &self.route.operation.id,
            receipt: envelope.receipt,
        };
        self.policy.lasting.grants().used(&elevated, &asked);
        trace.grants = Some(elevated.ids().into());
    }
}
