//! A token for the upstream in place of the client's, before the upstream hears of the request (AUTHN-39).

use http::HeaderValue;
use portcullis_authn::AccessToken;
use portcullis_domain::{Caller, Denial};

use crate::arrival::Envelope;
use crate::policy::Api;

/// What the upstream gets as `Authorization`; nothing where tokens are not exchanged, or where none was
/// shown: an API key or a certificate cannot be exchanged.
pub(crate) async fn for_upstream(
    api: &Api,
    caller: &Caller,
    token: Option<&AccessToken>,
    envelope: &Envelope,
) -> Result<Option<HeaderValue>, Denial> {
    let (Some(exchange), Some(principal), Some(token)) = (&api.exchange, caller.principal(), token) else {
        return Ok(None);
    };
    exchange.exchange(token, principal, envelope.now).await.map(Some)
}
