//! User and password as the credential, over TLS and behind the limit on failures.

use portcullis_authn::UrlScheme;
use portcullis_authn::password::{Passwords, ShownPassword, challenge};
use portcullis_domain::{Caller, Denial, Reason};

use super::guessing::Attempt;
use super::identify::Known;
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
    let attempt = Attempt::begin(policy, envelope, &shown.user_digest())?;
    let identified = passwords.identify(&shown, &api.name, envelope.now).await;
    attempt.end(identified).map(|principal| Known { caller: Caller::Authenticated(principal), proof: None })
}
