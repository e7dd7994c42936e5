//! What the record will say of a request, gathered while it walks.
//!
//! Written by the stages, read by [`crate::record`] alone: no stage decides anything by what is in here.

use std::sync::Arc;
use std::time::Duration;

use portcullis_audit::Proof;
use portcullis_domain::{Answer, Clock, Denial, Now, Principal, Reason, Stage, Strength, Trail};

use crate::policy::{Api, Route};

/// The evidence of one walk.
pub(crate) struct Trace<'p> {
    pub(crate) trail: Trail,
    clock: &'p Clock,
    pub(crate) api: Option<&'p Api>,
    pub(crate) route: Option<&'p Route>,
    pub(crate) principal: Option<Arc<Principal>>,
    /// How the principal became known.
    pub(crate) proof: Option<Proof>,
    pub(crate) upstream: Option<String>,
    pub(crate) upstream_time: Option<Duration>,
    /// What an answer below hides from the client, e.g. the upstream's own status.
    pub(crate) remark: Option<String>,
}

impl<'p> Trace<'p> {
    pub(crate) fn new(clock: &'p Clock, now: Now) -> Self {
        Self {
            trail: Trail::new(now),
            clock,
            api: None,
            route: None,
            principal: None,
            proof: None,
            upstream: None,
            upstream_time: None,
            remark: None,
        }
    }

    /// Notes what an enforced stage said.
    ///
    /// # Errors
    /// The stage's denial.
    pub(crate) fn step<T>(&mut self, stage: Stage, result: Result<T, Denial>) -> Result<T, Denial> {
        let answer = match &result {
            Ok(_) => Answer::Passed,
            Err(denial) => Answer::Denied(denial.reason()),
        };
        self.trail.note(stage, answer, self.clock.mono());
        result
    }

    /// Notes what a stage said that may be in shadow; `None` when it would have refused and must not.
    ///
    /// # Errors
    /// The stage's denial, when it is enforced.
    pub(crate) fn step_at<T>(
        &mut self,
        stage: Stage,
        strength: Strength,
        result: Result<T, Denial>,
    ) -> Result<Option<T>, Denial> {
        self.trail.step(stage, strength, self.clock.mono(), result).map(Result::ok)
    }

    /// Notes that a stage broke.
    pub(crate) fn fail(&mut self, stage: Stage, reason: Reason) {
        self.trail.note(stage, Answer::Failed(reason), self.clock.mono());
    }

    /// Notes that a stage passed.
    pub(crate) fn pass(&mut self, stage: Stage) {
        self.trail.note(stage, Answer::Passed, self.clock.mono());
    }

    /// Time since the request arrived.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.mono().saturating_sub(self.trail.arrived().mono)
    }
}
