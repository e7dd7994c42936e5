//! Decision points outside the gateway: asked whether a call is permitted (AUTHZ-24).
//!
//! In: a [`Question`] about a call that every rule of our own has permitted. Out: what the service said, or
//! that it could not be asked. OpenID AuthZEN Authorization API 1.0 (the gateway is the enforcement point) and
//! the data API of Open Policy Agent. Called by [`crate::stages::ask`]; what is refused, and what passes when
//! nobody answers, is decided there.
//!
//! A service that fails several times in a row is left alone for a moment, so that it can hold up no more
//! requests than there are workers; how many questions are under way is bounded; an answer holds for other calls
//! only where the operator says for how long. Why: decision 0025.

mod answer;
pub(crate) mod evaluate;
mod line;
mod question;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use portcullis_audit::alert::Alerts;
use portcullis_domain::{Clock, Strength};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use crate::alarms;
use crate::forward::{Circuit, CircuitRules, Gate};
pub(crate) use answer::{Answer, LARGEST, Shape};
pub(crate) use line::Line;
pub(crate) use question::{Fact, Question};

/// From how many failures in a row on it is left alone, and for how long.
const CIRCUIT: CircuitRules = CircuitRules { failures: 5, open_for: Duration::from_secs(5) };

/// How many answers are remembered.
const REMEMBERED: usize = 16_384;

/// One service, as it is asked.
pub(crate) struct DecisionPoint {
    pub(crate) name: Box<str>,
    pub(crate) facts: Box<[Fact]>,
    pub(crate) strength: Strength,
    pub(crate) on_failure: OnFailure,
    shape: Shape,
    line: Line,
    circuit: Circuit,
    places: Semaphore,
    places_in_all: u32,
    memory: Option<Memory>,
    clock: Clock,
    alerts: Arc<Alerts>,
}

/// What happens to a call that cannot be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Deny,
    Allow,
}

/// What a decision point is made of.
pub(crate) struct Plan {
    pub(crate) name: Box<str>,
    pub(crate) facts: Box<[Fact]>,
    pub(crate) strength: Strength,
    pub(crate) on_failure: OnFailure,
    pub(crate) shape: Shape,
    pub(crate) concurrency: u32,
    pub(crate) cache: Option<Duration>,
}

/// Nobody knows what it would have said.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Unasked {
    #[error("it could not be asked a moment ago")]
    Paused(Duration),
    #[error("too many questions are under way")]
    Crowded,
    #[error("{0}")]
    Failed(String),
}

/// Answers that hold for a while, by the digest of the question.
struct Memory {
    answers: Cache<[u8; 32], (Answer, Duration)>,
    lifetime: Duration,
}

impl DecisionPoint {
    pub(crate) fn new(plan: Plan, line: Line, clock: Clock, alerts: Arc<Alerts>) -> Self {
        let Plan { name, facts, strength, on_failure, shape, concurrency, cache } = plan;
        let memory = cache.map(|lifetime| Memory { answers: Cache::new(REMEMBERED), lifetime });
        Self {
            name,
            facts,
            strength,
            on_failure,
            shape,
            line,
            circuit: Circuit::default(),
            places: Semaphore::new(concurrency as usize),
            places_in_all: concurrency,
            memory,
            clock,
            alerts,
        }
    }

    /// Whether `other` is asked in the same way.
    pub(crate) fn asks_like(&self, other: &Self) -> bool {
        self.facts == other.facts
            && self.line.leads_like(&other.line)
            && (self.strength, self.on_failure, self.shape) == (other.strength, other.on_failure, other.shape)
            && self.places_in_all == other.places_in_all
            && self.memory.as_ref().map(|memory| memory.lifetime)
                == other.memory.as_ref().map(|memory| memory.lifetime)
    }

    /// Whether it is told of roles or scopes.
    pub(crate) fn is_told_rights(&self) -> bool {
        self.facts.iter().any(|fact| matches!(fact, Fact::Roles | Fact::Scopes))
    }

    /// Whether any of the facts it wants stands in the body.
    pub(crate) fn reads_body(&self) -> bool {
        self.facts.iter().any(Fact::is_in_body)
    }

    /// Asks, unless the same was asked a short while ago.
    ///
    /// # Errors
    /// [`Unasked`]: there is no answer, or none that can be read.
    pub(crate) async fn decide(&self, question: &Question<'_>) -> Result<Answer, Unasked> {
        let body = Bytes::from(question.write(self.shape));
        let now = self.clock.mono();
        let key = self.memory.as_ref().map(|_| fingerprint(&body));
        if let Some(answer) = self.recall(key.as_ref(), now) {
            return Ok(answer);
        }
        if let Gate::Open(wait) = self.circuit.gate(now) {
            return Err(Unasked::Paused(wait));
        }
        let Ok(_place) = self.places.try_acquire() else {
            self.circuit.undecided();
            return Err(Unasked::Crowded);
        };
        // Whoever asks may be gone before there is an answer; then nothing is known of the service.
        let undecided = Undecided(&self.circuit);
        let asked = self.line.ask(body, question.receipt()).await;
        std::mem::forget(undecided);
        let answered = asked
            .map_err(|error| error.to_string())
            .and_then(|fetched| answer::read(self.shape, fetched.status, &fetched.body));
        match answered {
            Ok(answer) => {
                if self.circuit.succeeded() {
                    tracing::info!(point = %self.name, "a decision point answers again");
                }
                if let (Some(memory), Some(key)) = (&self.memory, key) {
                    memory.answers.insert(key, (answer.clone(), self.clock.mono() + memory.lifetime));
                }
                Ok(answer)
            }
            Err(why) => {
                if self.circuit.failed(self.clock.mono(), CIRCUIT) {
                    tracing::error!(point = %self.name, %why, "a decision point does not answer");
                    alarms::decision_point_away(&self.alerts, &self.clock, &self.name, &why);
                }
                Err(Unasked::Failed(why))
            }
        }
    }

    fn recall(&self, key: Option<&[u8; 32]>, now: Duration) -> Option<Answer> {
        let (answer, until) = self.memory.as_ref()?.answers.get(key?)?;
        (now < until).then_some(answer)
    }
}

/// Gives a probe back when its request is dropped before it was answered.
struct Undecided<'c>(&'c Circuit);

impl Drop for Undecided<'_> {
    fn drop(&mut self) {
        self.0.undecided();
    }
}

/// SHA-256: no question can be made that finds another's answer.
fn fingerprint(question: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest::digest(&digest::SHA256, question).as_ref());
    key
}
