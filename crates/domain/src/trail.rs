//! What each stage answered, in order; the evidence behind every decision.

use std::time::Duration;

use smallvec::SmallVec;

use crate::reason::Reason;
use crate::stage::{Stage, Strength};
use crate::{Denial, Now};

/// What a stage said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The stage let the request pass.
    Passed,
    /// The stage is in shadow and would have refused.
    WouldDeny(Reason),
    /// The stage refused.
    Denied(Reason),
    /// The stage broke; the request was not let through.
    Failed(Reason),
}

/// One line of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who answered.
    pub stage: Stage,
    /// What it said.
    pub answer: Answer,
    /// Microseconds from the request's arrival to the answer.
    at_micros: u32,
}

impl Step {
    /// When it answered, counted from the request's arrival. Whole microseconds, an hour at most.
    #[must_use]
    pub const fn at(self) -> Duration {
        Duration::from_micros(self.at_micros as u64)
    }
}

/// Append-only record of one walk. Sixteen steps fit without allocation.
#[derive(Clone, Debug)]
pub struct Trail {
    arrived: Now,
    steps: SmallVec<[Step; 16]>,
}

impl Trail {
    /// An empty trail of a request that arrived at `arrived`.
    #[must_use]
    pub fn new(arrived: Now) -> Self {
        Self { arrived, steps: SmallVec::new() }
    }

    /// When the request arrived.
    #[must_use]
    pub const fn arrived(&self) -> Now {
        self.arrived
    }

    /// Notes an answer given at `mono`.
    pub fn note(&mut self, stage: Stage, answer: Answer, mono: Duration) {
        let at = mono.saturating_sub(self.arrived.mono).as_micros();
        self.steps.push(Step { stage, answer, at_micros: u32::try_from(at).unwrap_or(u32::MAX) });
    }

    /// Notes what `stage` said and hands on its evidence.
    ///
    /// A refusal of a stage in [`Strength::Shadow`] is noted as `would_deny`; what the request walks on
    /// with then is the caller's to say, which is why the refusal comes back as `Ok(Err(..))`.
    ///
    /// # Errors
    /// The denial itself, when the stage is enforced.
    pub fn step<T>(
        &mut self,
        stage: Stage,
        strength: Strength,
        mono: Duration,
        result: Result<T, Denial>,
    ) -> Result<Result<T, Denial>, Denial> {
        match (result, strength) {
            (Ok(evidence), _) => {
                self.note(stage, Answer::Passed, mono);
                Ok(Ok(evidence))
            }
            (Err(denial), Strength::Shadow) => {
                self.note(stage, Answer::WouldDeny(denial.reason()), mono);
                Ok(Err(denial))
            }
            (Err(denial), Strength::Enforce) => {
                self.note(stage, Answer::Denied(denial.reason()), mono);
                Err(denial)
            }
        }
    }

    /// The steps so far, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The refusals that shadow let pass.
    pub fn shadowed(&self) -> impl Iterator<Item = Reason> + '_ {
        self.steps.iter().filter_map(|step| match step.answer {
            Answer::WouldDeny(reason) => Some(reason),
            Answer::Passed | Answer::Denied(_) | Answer::Failed(_) => None,
        })
    }
}
