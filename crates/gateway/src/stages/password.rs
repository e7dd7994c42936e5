//! User and password as the credential, over TLS and behind the limit on failures.

use portcullis_authn::UrlScheme;
use portcullis_authn::password::{Passwords, ShownPassword, challenge};
use portcullis_domain::{Caller, Denial, Reason};
use portcullis_limits::Key;

use super::identify::{Known, is_guess};
use crate::arrival::Envelope;
use crate::policy::{Api, Policy};

/// Finds out who is calling. Guessing is refused before a hash is computed (AUTHN-37).
pub(crate) async fn judge(
    policy: &Policy,
    api: &Api,
    passwords: &Passwords,
    envelope: &Envelope,
    shown: Result<ShownPassword, Reason>,
) -> Result<Known, Denial> {
    let wanted = || challenge(&api.name);
    let shown = shown.map_err(|reason| Denial::new(reason).with_challenge(wanted()))?;
    if envelope.scheme != UrlScheme::Https {
        return Err(Denial::new(Reason::PlaintextCredential));
    }
    let (peer, user) = (Key::peer(envelope.client), shown.user_digest());
    let failures = &policy.limits.failures;
    if let Err(too_many) = failures.check(peer, Key::credential(&user), envelope.now.mono) {
        return Err(Denial::new(Reason::FailuresExceeded).with_retry_after(too_many.retry_after));
    }
    let identified = passwords.identify(&shown, &api.name, envelope.now).await;
    if identified.as_ref().is_err_and(|denial| is_guess(denial.reason())) {
        failures.record(peer, Key::credential(&user), envelope.now.mono);
    }
    identified.map(|principal| Known { caller: Caller::Authenticated(principal), proof: None })
}
