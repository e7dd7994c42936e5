//! Whether a call that a browser has put a cookie on came from a page of ours (GW-22).
//!
//! A browser sends the cookie along whoever made it call; only it knows which page that was, and says so in
//! `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (Fetch §3.2). Pages cannot write either. ASVS 3.5.1 to 3.5.3.

use http::{HeaderMap, HeaderName, Method, header};
use portcullis_domain::{Denial, Reason};
use portcullis_message::Authority;

use crate::arrival::Envelope;
use crate::cors::Credentials;
use crate::policy::Api;
use crate::resource;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a call that changes something unless it came from a page of this origin, or of one that the operator
/// lets call with credentials.
///
/// # Errors
/// [`Reason::CrossSiteRefused`].
pub(crate) fn refuse(
    api: &Api,
    envelope: &Envelope,
    authority: &Authority,
    headers: &HeaderMap,
) -> Result<(), Denial> {
    let changes_nothing = matches!(envelope.method, Method::GET | Method::HEAD | Method::OPTIONS)
        // A WebSocket is opened by GET, and does anything after that.
        && !headers.contains_key(header::UPGRADE);
    if changes_nothing {
        return Ok(());
    }
    let is_listed = api.cors.as_ref().is_some_and(|cors| {
        cors.credentials == Credentials::Include
            && envelope.origin.as_ref().is_some_and(|origin| cors.permits(origin))
    });
    if is_listed {
        return Ok(());
    }
    let own = resource::origin(&envelope.external_url(authority));
    let origin = envelope.origin.as_ref().map(|origin| origin.as_bytes() == own.as_bytes());
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    let site = match (sites.next(), sites.next()) {
        (None, _) => None,
        (Some(site), None) => Some(site == "same-origin"),
        (Some(_), Some(_)) => Some(false),
    };
    let refused = |note| Err(Denial::new(Reason::CrossSiteRefused).with_note(note));
    match (origin, site) {
        (Some(false), _) => refused("`Origin` is another one"),
        (_, Some(false)) => refused("`Sec-Fetch-Site` is not `same-origin`"),
        (None, None) => refused("neither `Origin` nor `Sec-Fetch-Site` says where the call came from"),
        (Some(true), _) | (None, Some(true)) => Ok(()),
    }
}
