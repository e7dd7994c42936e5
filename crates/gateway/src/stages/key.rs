//! An API key as the credential: taken out of its header already, judged here.

use portcullis_authn::api_key::{AcceptedKeys, KeyContext, ShownKey};
use portcullis_domain::{Denial, Reason};
use portcullis_limits::Key;

use super::identify::{Known, is_guess};
use crate::arrival::Envelope;
use crate::policy::{Api, Policy};

/// Finds out which application is calling. Guessing is refused before it costs a digest or a look at the store
/// (AUTHN-37), by the same counters as for tokens.
pub(crate) async fn judge(
    policy: &Policy,
    api: &Api,
    accepted: &AcceptedKeys,
    envelope: &Envelope,
    shown: &ShownKey,
) -> Result<Known, Denial> {
    let peer = Key::peer(envelope.client);
    let credential = Key::credential(shown.digest());
    let failures = &policy.limits.failures;
    if let Err(too_many) = failures.check(peer, credential, envelope.now.mono) {
        return Err(Denial::new(Reason::FailuresExceeded).with_retry_after(too_many.retry_after));
    }
    let Some(keys) = policy.lasting.keys() else {
        // Opened before any policy that takes keys is in force.
        return Err(Denial::new(Reason::StoreUnavailable).with_note("the store is not open"));
    };
    let context = KeyContext { api: &api.name, address: envelope.client };
    let identified = keys.identify(shown, accepted, context, envelope.now).await;
    if identified.as_ref().is_err_and(|denial| is_guess(denial.reason())) {
        failures.record(peer, credential, envelope.now.mono);
    }
    identified.map(Known::from)
}
