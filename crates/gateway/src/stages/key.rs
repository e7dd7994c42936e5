//! An API key as the credential: taken out of its header already, judged here. And one that stands in the
//! address, where it is no credential and a leak (KEY-15).

use portcullis_audit::System;
use portcullis_authn::api_key::config::LeakedConfig;
use portcullis_authn::api_key::{AcceptedKeys, ApiKeys, KeyContext, ShownKey, read};
use portcullis_domain::{Denial, KeyId, Reason, StoreError};
use portcullis_message::Target;

use super::guessing::Attempt;
use super::identify::Known;
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
    let attempt = Attempt::begin(policy, envelope, shown.digest())?;
    let Some(keys) = policy.lasting.keys() else {
        // Opened before any policy that takes keys is in force.
        return Err(Denial::new(Reason::StoreUnavailable).with_note("the store is not open"));
    };
    let context = KeyContext { api: &api.name, address: envelope.client };
    let identified = keys.identify(shown, accepted, context, envelope.now).await;
    attempt.end(identified).map(Known::from)
}

/// Looks for a key of ours in the address, which proxies, browsers and logs have seen by now. It opens nothing
/// there; that it leaked is recorded, and the key is revoked if the operator said so.
pub(crate) async fn watch_address(policy: &Policy, api: &Api, envelope: &Envelope, target: &Target) {
    let shown = find(target.path()).or_else(|| target.query().and_then(find));
    let (Some(text), Some(keys)) = (shown, policy.lasting.keys()) else { return };
    let peer = envelope.peer_key;
    // Guesses cost a look at the store each, here as in the header.
    let failures = &policy.limits.failures;
    if failures.check(peer, peer, envelope.now).is_err() {
        return;
    }
    match report(policy, api, envelope, keys, text).await {
        Ok(Some(_)) => {}
        Ok(None) => failures.record(peer, peer, envelope.now),
        Err(error) => tracing::error!(%error, "a key in an address could not be looked up"),
    }
}

async fn report(
    policy: &Policy,
    api: &Api,
    envelope: &Envelope,
    keys: &ApiKeys,
    text: &str,
) -> Result<Option<KeyId>, StoreError> {
    let Some(id) = keys.recognize_leaked(text.as_bytes(), envelope.now).await? else { return Ok(None) };
    let fate = match policy.leaked {
        LeakedConfig::Report => "reported",
        LeakedConfig::Revoke => {
            keys.revoke(id, envelope.now).await?;
            "revoked"
        }
    };
    policy.lasting.recorder().note(&System::CredentialLeaked {
        key: &id.to_string(),
        api: &api.name,
        client: envelope.client,
        place: "address",
        fate,
    });
    Ok(Some(id))
}

/// The first text in an address that has the form and the checksum of a key.
fn find(address: &str) -> Option<&str> {
    address.match_indices("pcl_").find_map(|(at, _)| {
        let rest = address.get(at..)?;
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let text = rest.get(..end.unwrap_or(rest.len()))?;
        read(text.as_bytes()).is_ok().then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_wherever_it_stands_in_an_address() {
        const KEY: &str = "pcl_test_0000000000B_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0Nv0jm";
        for address in [
            format!("/stock?key={KEY}"),
            format!("/stock/{KEY}/x"),
            format!("/stock?a=pcl_&b=pcl_x&c={KEY}&d=e"),
        ] {
            assert_eq!(find(&address), Some(KEY), "{address}");
        }
        for address in ["/stock", "/pcl_", &format!("/stock?key={}n", &KEY[..KEY.len() - 1])] {
            assert_eq!(find(address), None, "{address}");
        }
    }
}
