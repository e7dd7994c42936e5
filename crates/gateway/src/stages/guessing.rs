//! Guessing at credentials, refused before it costs anything (AUTHN-37).
//!
//! In: a credential as it was shown, by the bytes that name it. Out: leave to judge it, or the refusal of
//! whoever has failed too often. Asked by every stage that judges something secret.

use std::net::IpAddr;

use portcullis_audit::System;
use portcullis_domain::{Denial, Now, Reason};
use portcullis_limits::{Failures, Key};

use crate::arrival::Envelope;
use crate::policy::Policy;

/// Leave to judge one credential, once.
pub(crate) struct Attempt<'p> {
    policy: &'p Policy,
    failures: &'p Failures,
    client: IpAddr,
    peer: Key,
    credential: Key,
    now: Now,
}

impl<'p> Attempt<'p> {
    /// An attempt with the credential that `name` stands for: a digest, never the secret of a person.
    ///
    /// # Errors
    /// [`Reason::FailuresExceeded`], by the address or for the credential.
    pub(crate) fn begin(policy: &'p Policy, envelope: &Envelope, name: &[u8]) -> Result<Self, Denial> {
        let failures = &policy.limits.failures;
        let (peer, credential, now) = (envelope.peer_key, Key::credential(name), envelope.now);
        match failures.check(peer, credential, now) {
            Ok(()) => Ok(Self { policy, failures, client: envelope.client, peer, credential, now }),
            Err(too_many) => {
                Err(Denial::new(Reason::FailuresExceeded).with_retry_after(too_many.retry_after))
            }
        }
    }

    /// Counts what came of it, and hands it on.
    ///
    /// # Errors
    /// Those of `judged`.
    pub(crate) fn end<T>(self, judged: Result<T, Denial>) -> Result<T, Denial> {
        if judged.as_ref().is_err_and(|denial| is_guess(denial.reason())) {
            self.failures.record(self.peer, self.credential, self.now);
            // From here on nobody is let try: that is news once, and not with each try that follows.
            if let Err(too_many) = self.failures.check(self.peer, self.credential, self.now) {
                let locked = System::LoginLocked { client: self.client, wait: too_many.retry_after };
                self.policy.lasting.recorder().note(&locked);
            }
        }
        judged
    }
}

/// Whether a refusal may be that of somebody who tries credentials until one works. Who is asked for a
/// nonce, a stronger login or a bound token has shown a good one.
fn is_guess(reason: Reason) -> bool {
    let is_asked_for_more = matches!(
        reason,
        Reason::ProofNonceWanted | Reason::AuthenticationInsufficient | Reason::SenderConstraintMissing
    );
    reason.status() == 401 && !is_asked_for_more
}
