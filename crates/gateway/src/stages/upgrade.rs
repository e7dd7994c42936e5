//! Switching protocols: only to what the operation lists, only over TLS, only for listed origins.

use http::{HeaderMap, HeaderValue, Method, Version, header};
use hyper::upgrade::OnUpgrade;
use portcullis_domain::{Denial, Reason};

use crate::arrival::Envelope;
use crate::policy::{Api, Route, Websocket};

/// Whether the request wants another protocol, and may have it.
pub(crate) enum Switch {
    /// Plain HTTP; an `Upgrade` that nobody listed is stripped with the other hop-by-hop fields.
    Stay,
    /// RFC 6455, if the upstream agrees.
    Websocket(Box<OnUpgrade>),
}

/// Judges an `Upgrade` (RFC 9110 §7.8).
///
/// # Errors
/// [`Reason::UpgradeRefused`] for a WebSocket without TLS, [`Reason::OriginRefused`] for one from an
/// origin that is not listed: browsers send credentials with it and read the answer, whatever CORS says.
pub(crate) fn judge(
    api: &Api,
    route: &Route,
    envelope: &Envelope,
    headers: &HeaderMap,
    on_upgrade: Option<OnUpgrade>,
) -> Result<Switch, Denial> {
    let Some(on_upgrade) = on_upgrade.filter(|_| wants_websocket(envelope, headers)) else {
        return Ok(Switch::Stay);
    };
    match route.websocket {
        Websocket::Unlisted => Ok(Switch::Stay),
        Websocket::Listed if !envelope.connection.is_tls() => {
            Err(Denial::new(Reason::UpgradeRefused).with_note("a WebSocket needs TLS"))
        }
        Websocket::Listed => match &envelope.origin {
            Some(origin) if !api.cors.as_ref().is_some_and(|cors| cors.permits(origin)) => {
                Err(Denial::new(Reason::OriginRefused)
                    .with_note("WebSocket from an origin that is not listed"))
            }
            Some(_) | None => Ok(Switch::Websocket(Box::new(on_upgrade))),
        },
    }
}

fn wants_websocket(envelope: &Envelope, headers: &HeaderMap) -> bool {
    let is = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    let mut upgrades = headers.get_all(header::UPGRADE).iter();
    envelope.version == Version::HTTP_11
        && envelope.method == Method::GET
        && matches!((upgrades.next(), upgrades.next()), (Some(only), None) if is(only))
}
