//! What the record will say of a request, gathered while it walks.
//!
//! Written by the stages, read by [`crate::record`] alone: no stage decides anything by what is in here.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use portcullis_audit::{Finding, Proof};
use portcullis_domain::{Answer, Clock, Denial, Now, Principal, Reason, Risk, Stage, Strength, Trail};
use smallvec::SmallVec;

use crate::detect::Clues;
use crate::forward::ByteCount;
use crate::journal::Heard;
use crate::limits::pending::Pending;
use crate::observe::Overheard;
use crate::policy::{Api, Policy, Route};

/// The evidence of one walk. It outlives the walk when the answer is streamed, so it names the API and
/// the operation by their places in the policy.
pub(crate) struct Trace {
    pub(crate) trail: Trail,
    clock: Clock,
    /// The clock as it was last read: a stage that waits for nothing takes no time worth a reading.
    now: Duration,
    api: Option<usize>,
    route: Option<usize>,
    pub(crate) principal: Option<Arc<Principal>>,
    /// How the principal became known.
    pub(crate) proof: Option<Proof>,
    pub(crate) upstream: Option<Arc<str>>,
    pub(crate) upstream_time: Option<Duration>,
    /// The grants without which it would have been refused.
    pub(crate) grants: Option<Box<str>>,
    /// What the operator should know of an answer: the upstream's own status, who let it pass.
    pub(crate) remarks: Option<String>,
    /// What a stage in shadow found wrong with parameters or body.
    pub(crate) shadowed: Option<Denial>,
    /// What is overheard of a request from which the contract is learnt.
    pub(crate) overheard: Cell<Option<Box<Overheard>>>,
    /// What was spent and may be given back.
    pub(crate) pending: Cell<Option<Box<Pending>>>,
    /// Quotas of which, with this request, so little is left that somebody is to be told.
    pub(crate) running_out: SmallVec<[Box<str>; 0]>,
    /// How much the caller's behavior looks like an attack, as rules were told.
    pub(crate) risk: Risk,
    /// What stands in headers and body where rules look, for the journal.
    pub(crate) heard: Vec<Heard>,
    /// What it showed of objects and logins.
    pub(crate) clues: Clues,
    /// What was found in the upstream's answer.
    pub(crate) findings: Vec<Finding>,
    /// Bytes of the request's body that were read here.
    pub(crate) request_bytes: u64,
    /// Bytes of a body that is handed on unread.
    pub(crate) streamed_bytes: Option<ByteCount>,
}

impl Trace {
    pub(crate) fn new(clock: &Clock, now: Now) -> Self {
        Self {
            trail: Trail::new(now),
            clock: clock.clone(),
            now: now.mono,
            api: None,
            route: None,
            principal: None,
            proof: None,
            upstream: None,
            upstream_time: None,
            grants: None,
            remarks: None,
            shadowed: None,
            overheard: Cell::default(),
            pending: Cell::default(),
            running_out: SmallVec::new(),
            risk: Risk::NONE,
            heard: Vec::new(),
            clues: Clues::default(),
            findings: Vec::new(),
            request_bytes: 0,
            streamed_bytes: None,
        }
    }

    /// Bytes of the request's body, read here or handed on.
    pub(crate) fn request_size(&self) -> u64 {
        self.streamed_bytes.as_ref().map_or(self.request_bytes, |streamed| streamed.bytes())
    }

    /// Notes which API the request is for.
    pub(crate) const fn found_api(&mut self, api: &Api) {
        self.api = Some(api.index);
    }

    /// Notes which of the API's operations it is for.
    pub(crate) fn found_route(&mut self, route: &Route) {
        self.route = Some(route.operation.index);
    }

    /// The API that was found in `policy`.
    pub(crate) fn api<'p>(&self, policy: &'p Policy) -> Option<&'p Api> {
        policy.apis.get(self.api?)
    }

    /// The operation that was found in `policy`.
    pub(crate) fn route<'p>(&self, policy: &'p Policy) -> Option<&'p Route> {
        self.api(policy)?.routes.get(self.route?)
    }

    /// Reads the clock: some time has gone by since the last stage.
    pub(crate) fn read_clock(&mut self) -> Duration {
        self.now = self.clock.mono();
        self.now
    }

    /// When the clock was last read.
    pub(crate) const fn last_reading(&self) -> Duration {
        self.now
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
        #[cfg(test)]
        crate::sabotage::strike(stage);
        self.trail.note(stage, answer, self.now);
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
        #[cfg(test)]
        crate::sabotage::strike(stage);
        Ok(match self.trail.step(stage, strength, self.now, result)? {
            Ok(evidence) => Some(evidence),
            Err(denial) => {
                self.shadowed = Some(denial).filter(|denial| !denial.violations().is_empty());
                None
            }
        })
    }

    /// Adds a remark for the operator.
    pub(crate) fn remark(&mut self, remark: String) {
        match &mut self.remarks {
            Some(remarks) => remarks.extend(["; ", &remark]),
            None => self.remarks = Some(remark),
        }
    }

    /// Notes that a stage broke.
    pub(crate) fn fail(&mut self, stage: Stage, reason: Reason) {
        self.trail.note(stage, Answer::Failed(reason), self.now);
    }

    /// Notes that a stage passed.
    pub(crate) fn pass(&mut self, stage: Stage) {
        #[cfg(test)]
        crate::sabotage::strike(stage);
        self.trail.note(stage, Answer::Passed, self.now);
    }

    /// Time since the request arrived.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.mono().saturating_sub(self.trail.arrived().mono)
    }
}
