//! A browser's session: the credential in its cookie, and the places where it begins and ends.
//!
//! The protocol is [`portcullis_authn::session`]'s; here is what belongs to HTTP: methods, pages, cookies and
//! whether a call came from a page of ours. A call without a session gets 401 like any other, never a redirect:
//! a page that fetches cannot follow one, and a user who follows one unasked can be led anywhere.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use portcullis_audit::Proof;
use portcullis_authn::session::{Callback, Found, LoginRequest, Redirect, RelyingParty};
use portcullis_authn::{AccessToken, Shown};
use portcullis_domain::{Denial, Principal, Reason, Secret, SessionStore};
use portcullis_message::{Authority, Target};
use serde_json::json;

use super::cross_site;
use super::guessing::Attempt;
use super::identify::Known;
use crate::arrival::Envelope;
use crate::forward::{AnswerBody, BodyFault, Inflow};
use crate::local::Local;
use crate::policy::{Api, Policy, Route};
use crate::resource;
use crate::sessions::{ApiSessions, Place};

/// Largest body with a logout token.
const LOGOUT_LIMIT: u64 = 16 * 1024;
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// A caller known by its session, and the access token that stands for it.
pub(crate) struct InSession {
    pub(crate) known: Known,
    pub(crate) token: AccessToken,
}

/// Finds out who is behind a cookie: the session's access token is judged as if the page had sent it.
///
/// # Errors
/// [`Reason::CrossSiteRefused`], [`Reason::SessionUnknown`], [`Reason::FailuresExceeded`], and whatever the
/// token is refused for.
pub(crate) async fn judge(
    policy: &Policy,
    route: &Route,
    party: &Arc<RelyingParty>,
    envelope: &Envelope,
    shown: &Shown<'_>,
    cookie: &Secret,
) -> Result<InSession, Denial> {
    if let Err(denial) = party.refuse_ended(cookie) {
        return Err(challenged(denial, policy, route, envelope, shown).await);
    }
    // An id is as long as its own digest, and as hard to guess.
    let attempt = Attempt::begin(policy, envelope, cookie.expose())?;
    let store = store(policy)?;
    let found = match party.find(&store, cookie, envelope.now).await {
        Ok(session) => policy.authenticator.check_session(party, &session, envelope.now).map(|()| session),
        Err(denial) => Err(denial),
    };
    let session = match attempt.end(found) {
        Ok(session) => session,
        Err(denial) => {
            return Err(challenged(denial, policy, route, envelope, shown).await);
        }
    };
    let shown = Shown { token: Some(session.token()), proofs: &portcullis_authn::Proofs::Absent, ..*shown };
    let recognized = policy.authenticator.identify(&shown, &route.accepted, envelope.now).await?;
    Ok(InSession { known: Known::from(recognized), token: session.token().clone() })
}

/// RFC 9110 §15.5.2: a 401 says how to do better; a page does that by way of the login.
async fn challenged(
    denial: Denial,
    policy: &Policy,
    route: &Route,
    envelope: &Envelope,
    shown: &Shown<'_>,
) -> Denial {
    if denial.reason().status() != 401 {
        return denial;
    }
    let nothing = Shown { token: None, ..*shown };
    match policy.authenticator.identify(&nothing, &route.accepted, envelope.now).await {
        Ok(_) => denial,
        Err(missing) => missing
            .challenges()
            .iter()
            .cloned()
            .fold(denial, |denial, challenge| denial.with_challenge(challenge)),
    }
}

/// What one of the login's places is asked with.
pub(crate) struct Asked<'a> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) authority: &'a Authority,
    pub(crate) target: &'a Target,
    pub(crate) headers: &'a HeaderMap,
}

/// An answer, and for the record whom it is about.
pub(crate) struct Served {
    pub(crate) local: Local,
    pub(crate) principal: Option<Arc<Principal>>,
    /// That the user was verified now.
    pub(crate) proof: Option<Proof>,
}

/// Answers at a place of the login.
///
/// # Errors
/// [`Reason::MethodUndeclared`], and what [`portcullis_authn::session`] says.
pub(crate) async fn serve(
    policy: &Policy,
    api: &Api,
    sessions: &ApiSessions,
    place: Place,
    asked: Asked<'_>,
    body: Incoming,
) -> Result<Served, Denial> {
    let Asked { envelope, authority, target, headers } = asked;
    if envelope.method != place.method() {
        return Err(Denial::new(Reason::MethodUndeclared).with_allow(place.method().as_str()));
    }
    let (party, now) = (&sessions.party, envelope.now);
    let store = store(policy)?;
    let origin = resource::origin(&envelope.external_url(authority));
    let mut principal = None;
    let response = match place {
        Place::Login => {
            let request = LoginRequest { origin: &origin, mount: &sessions.mount, query: target.query() };
            redirect(party.begin(&*store, request, now).await?)
        }
        Place::Callback => {
            let callback = Callback {
                query: target.query(),
                login: RelyingParty::login_shown(headers),
                session: party.shown(headers),
            };
            let completed = party.complete(&*store, callback, now).await?;
            principal.clone_from(&completed.signed_in);
            redirect(completed)
        }
        Place::Session => {
            let id = one(party.shown(headers))?.ok_or_else(|| no_session(api))?;
            let described = party.describe(&*store, &id, now).await;
            json_answer(described.map_err(|denial| with_challenge(denial, api))?)
        }
        Place::Logout => {
            cross_site::refuse(api, envelope, authority, headers)?;
            let id = one(party.shown(headers))?;
            let ended = party.end(&store, id.as_ref(), &origin, now).await?;
            principal = ended.signed_out;
            let location = ended.location.unwrap_or_else(|| party.after_logout().to_owned());
            let mut response = if wants_page(headers) {
                redirect(Redirect { location, cookies: Vec::new(), signed_in: None })
            } else {
                json_answer(Bytes::from(json!({ "location": location }).to_string()))
            };
            let fields = response.headers_mut();
            fields.append(header::SET_COOKIE, ended.cookie);
            // ASVS 14.3.1. Our cookie is taken back by name; others of this site are not ours to take.
            fields.insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\", \"storage\""));
            response
        }
        Place::BackChannelLogout => {
            let form = read_form(policy, headers, body).await?;
            party.end_by_provider(&*store, &form, now).await?;
            let mut response = Response::new(AnswerBody::empty());
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
    };
    let proof = (place == Place::Callback).then_some(Proof::Login);
    Ok(Served { local: Local::Session(place.name(), Box::new(response)), principal, proof })
}

fn store(policy: &Policy) -> Result<Arc<dyn SessionStore>, Denial> {
    // Opened before any policy with logins is in force.
    let closed = || Denial::new(Reason::StoreUnavailable).with_note("the store is not open");
    policy.lasting.sessions().ok_or_else(closed)
}

/// The cookie, if there is one.
///
/// # Errors
/// [`Reason::CredentialAmbiguous`] if there are several: which one the browser means depends on who planted
/// them.
pub(crate) fn one(found: Found) -> Result<Option<Secret>, Denial> {
    match found {
        Found::Absent => Ok(None),
        Found::One(id) => Ok(Some(id)),
        Found::Several => Err(Denial::new(Reason::CredentialAmbiguous).with_note("several session cookies")),
    }
}

fn no_session(api: &Api) -> Denial {
    with_challenge(Denial::new(Reason::SessionUnknown).with_note("there is no cookie"), api)
}

fn with_challenge(denial: Denial, api: &Api) -> Denial {
    match denial.reason().status() {
        401 => denial.with_challenge(
            portcullis_domain::Challenge::new(portcullis_domain::Scheme::Bearer)
                .with("realm", api.name.clone()),
        ),
        _ => denial,
    }
}

/// Whether a page was asked for, as when a form is sent; a script that fetches cannot be sent to another site.
fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

fn redirect(redirect: Redirect) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    let fields = response.headers_mut();
    // An address that was parsed is ASCII without line ends, and so is a path that was checked.
    let location = HeaderValue::try_from(redirect.location).unwrap_or_else(|_| HeaderValue::from_static("/"));
    fields.insert(header::LOCATION, location);
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in redirect.cookies {
        fields.append(header::SET_COOKIE, cookie);
    }
    *response.status_mut() = StatusCode::SEE_OTHER;
    response
}

fn json_answer(document: Bytes) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(document));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The form with a logout token (OpenID Connect Back-Channel Logout §2.5).
async fn read_form(policy: &Policy, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Denial> {
    let too_large =
        || Denial::new(Reason::BodyTooLarge).with_note(format!("the bound is {LOGOUT_LIMIT} bytes"));
    let is_form =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|text| {
            let media_type = text.split(';').next().unwrap_or_default().trim();
            media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !is_form {
        return Err(Denial::new(Reason::LogoutTokenInvalid).with_note("the body is no form"));
    }
    if body.size_hint().exact().is_some_and(|length| length > LOGOUT_LIMIT) {
        return Err(too_large());
    }
    let mut inflow = Inflow::new(body, LOGOUT_LIMIT, policy.timeouts.body);
    let reading = async {
        let mut whole = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| inflow.poll_frame(cx)).await {
            let Ok(data) = frame?.into_data() else { continue };
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    };
    match tokio::time::timeout(policy.timeouts.whole_body, reading).await {
        Ok(Ok(whole)) => Ok(whole),
        Ok(Err(BodyFault(Reason::BodyTooLarge))) => Err(too_large()),
        Ok(Err(BodyFault(reason))) => Err(Denial::new(reason)),
        Err(_) => Err(Denial::new(Reason::BodyTimeout)),
    }
}
