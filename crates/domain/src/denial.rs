//! A refusal and a failure: two types, because one is our decision and the other our misfortune.

use std::borrow::Cow;
use std::time::Duration;

use crate::challenge::{Challenge, Scheme};
use crate::reason::Reason;

/// How long a refused client should wait, in whole seconds, at least one (RFC 9110 §10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(u64);

impl RetryAfter {
    /// `wait`, rounded up to whole seconds and to one at least.
    #[must_use]
    pub fn from_wait(wait: Duration) -> Self {
        let rounded_up = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        Self(rounded_up.max(1))
    }

    /// Whole seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

/// A remark for the operator's record. It never reaches the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(Cow<'static, str>);

impl Note {
    /// A remark; no secret belongs in it.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }

    /// The remark.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One way in which a request breaks its contract, as shown to the client: where and which bound, never
/// the value (OWASP: no echo of input).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// `body`, `path`, `query`, `header`, `cookie`.
    pub location: &'static str,
    /// JSON pointer within the body (RFC 6901), or the parameter's name.
    pub at: String,
    /// The schema keyword or rule that was broken, e.g. `maxLength`.
    pub keyword: Cow<'static, str>,
    /// The bound or expectation, e.g. `at most 64 characters`.
    pub expected: String,
}

/// We said no.
#[derive(Clone, Debug)]
pub struct Denial(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    reason: Reason,
    challenges: Vec<Challenge>,
    retry_after: Option<RetryAfter>,
    violations: Vec<Violation>,
    allow: Option<String>,
    accept: Option<String>,
    violated_policies: Vec<String>,
    fields: Vec<(&'static str, String)>,
    details: Vec<(&'static str, String)>,
    note: Option<Note>,
}

impl Denial {
    /// A refusal for `reason`.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self(Box::new(Parts {
            reason,
            challenges: Vec::new(),
            retry_after: None,
            violations: Vec::new(),
            allow: None,
            accept: None,
            violated_policies: Vec::new(),
            fields: Vec::new(),
            details: Vec::new(),
            note: None,
        }))
    }

    /// The same for another reason, where the operator chooses between two answers.
    #[must_use]
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.0.reason = reason;
        self
    }

    /// Adds a challenge to authenticate with (`WWW-Authenticate`).
    #[must_use]
    pub fn with_challenge(mut self, challenge: Challenge) -> Self {
        self.0.challenges.push(challenge);
        self
    }

    /// Adds a parameter to each challenge of one of these schemes.
    #[must_use]
    pub fn with_challenge_parameter(mut self, schemes: &[Scheme], name: &'static str, value: &str) -> Self {
        for challenge in &mut self.0.challenges {
            if schemes.contains(&challenge.scheme()) {
                *challenge = challenge.clone().with(name, value.to_owned());
            }
        }
        self
    }

    /// Says when to come back (`Retry-After`).
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(RetryAfter::from_wait(wait));
        self
    }

    /// Lists what is wrong with the request.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    /// Names the methods that are declared here (`Allow`, RFC 9110 §15.5.6).
    #[must_use]
    pub fn with_allow(mut self, methods: impl Into<String>) -> Self {
        self.0.allow = Some(methods.into());
        self
    }

    /// Names the media types that are declared here (`Accept`, RFC 9110 §15.5.16).
    #[must_use]
    pub fn with_accept(mut self, media_types: impl Into<String>) -> Self {
        self.0.accept = Some(media_types.into());
        self
    }

    /// Names the quota that was exceeded.
    #[must_use]
    pub fn with_violated_policy(mut self, name: impl Into<String>) -> Self {
        self.0.violated_policies.push(name.into());
        self
    }

    /// Adds a response field that this refusal calls for, e.g. `RateLimit`.
    #[must_use]
    pub fn with_field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.fields.push((name, value.into()));
        self
    }

    /// Adds a member of the problem document that this refusal calls for, e.g. `successor` (RFC 9457 §3.2).
    #[must_use]
    pub fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.details.push((name, value.into()));
        self
    }

    /// Adds a remark for the record.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<Cow<'static, str>>) -> Self {
        self.0.note = Some(Note::new(note));
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// How to authenticate.
    #[must_use]
    pub fn challenges(&self) -> &[Challenge] {
        &self.0.challenges
    }

    /// When to come back.
    #[must_use]
    pub fn retry_after(&self) -> Option<RetryAfter> {
        self.0.retry_after
    }

    /// What is wrong with the request.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The methods declared here.
    #[must_use]
    pub fn allow(&self) -> Option<&str> {
        self.0.allow.as_deref()
    }

    /// The media types declared here.
    #[must_use]
    pub fn accept(&self) -> Option<&str> {
        self.0.accept.as_deref()
    }

    /// The quotas exceeded.
    #[must_use]
    pub fn violated_policies(&self) -> &[String] {
        &self.0.violated_policies
    }

    /// Further response fields: lower-case name and value.
    #[must_use]
    pub fn fields(&self) -> &[(&'static str, String)] {
        &self.0.fields
    }

    /// Further members of the problem document.
    #[must_use]
    pub fn details(&self) -> &[(&'static str, String)] {
        &self.0.details
    }

    /// The remark for the record.
    #[must_use]
    pub fn note(&self) -> Option<&Note> {
        self.0.note.as_ref()
    }
}

impl From<Reason> for Denial {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

/// Something broke: the upstream, a dependency, or ourselves.
#[derive(Clone, Debug)]
pub struct Fault {
    reason: Reason,
    retry_after: Option<RetryAfter>,
    note: Option<Note>,
}

impl Fault {
    /// A failure for `reason`.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self { reason, retry_after: None, note: None }
    }

    /// Says when to come back.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(RetryAfter::from_wait(wait));
        self
    }

    /// Adds a remark for the record.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<Cow<'static, str>>) -> Self {
        self.note = Some(Note::new(note));
        self
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// When to come back.
    #[must_use]
    pub const fn retry_after(&self) -> Option<RetryAfter> {
        self.retry_after
    }

    /// The remark for the record.
    #[must_use]
    pub const fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_shortened_to_less_than_it_is() {
        assert_eq!(RetryAfter::from_wait(Duration::ZERO).seconds(), 1);
        assert_eq!(RetryAfter::from_wait(Duration::from_millis(1001)).seconds(), 2);
        assert_eq!(RetryAfter::from_wait(Duration::from_secs(2)).seconds(), 2);
    }
}
