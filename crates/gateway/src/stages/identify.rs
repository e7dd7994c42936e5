//! Who is calling: the credential is taken out of the head and handed to the layer that can judge it.

use std::sync::Arc;

use http::HeaderMap;
use portcullis_audit::Proof;
use portcullis_authn::{BearerToken, QueryToken, Recognition, Recognized, without_query_token};
use portcullis_authz::Demand;
use portcullis_domain::{
    Caller, Challenge, Denial, Issuer, Principal, PrincipalKind, Reason, Scheme, Scopes, Subject,
};
use portcullis_limits::Key;
use portcullis_message::Target;

use crate::arrival::Envelope;
use crate::config::CredentialConfig;
use crate::policy::{Api, Policy, Route};

/// What identification found, and what it took away.
pub(crate) struct Identified {
    pub(crate) known: Result<Known, Denial>,
    /// The target without a token in its query: URLs end up in logs (RFC 9700 §4.3.2).
    pub(crate) stripped_query: Option<Target>,
}

/// A caller, and for the record how it became known.
pub(crate) struct Known {
    pub(crate) caller: Caller,
    pub(crate) proof: Option<Proof>,
}

impl Known {
    /// Nobody in particular.
    pub(crate) const fn anonymous() -> Self {
        Self { caller: Caller::Anonymous, proof: None }
    }
}

impl From<Recognized> for Known {
    fn from(recognized: Recognized) -> Self {
        let proof = match recognized.by {
            Recognition::Verification => Proof::Verified,
            Recognition::Memory => Proof::Remembered,
        };
        Self { caller: Caller::Authenticated(recognized.principal), proof: Some(proof) }
    }
}

/// Identifies the caller. On a public route nobody is asked, but a credential is taken away all the same.
pub(crate) async fn identify(
    policy: &Policy,
    api: &Api,
    route: &Route,
    envelope: &Envelope,
    headers: &mut HeaderMap,
    target: &Target,
) -> Identified {
    let kept = match api.credential {
        CredentialConfig::Pass => headers.get(http::header::AUTHORIZATION).cloned(),
        CredentialConfig::Strip => None,
    };
    let taken = match policy.authenticator.take_bearer(headers, target.query(), &route.accepted) {
        Ok(taken) => taken,
        Err(denial) => return Identified { known: Err(denial), stripped_query: None },
    };
    let stripped_query = match taken.query {
        QueryToken::Absent => None,
        QueryToken::Ignored => {
            target.query().map(without_query_token).and_then(|query| target.with_query(&query))
        }
    };
    let known = judge(policy, api, route, envelope, taken.token.as_ref()).await;
    if let Some(kept) = kept {
        headers.insert(http::header::AUTHORIZATION, kept);
    }
    Identified { known, stripped_query }
}

async fn judge(
    policy: &Policy,
    api: &Api,
    route: &Route,
    envelope: &Envelope,
    token: Option<&BearerToken>,
) -> Result<Known, Denial> {
    if matches!(route.demand, Demand::Public) {
        return Ok(Known::anonymous());
    }
    if let (Some(scheme), None) = (&route.certificate_scheme, token) {
        if let Some(caller) = by_certificate(scheme, envelope) {
            return Ok(Known { caller, proof: None });
        }
        if route.accepted.is_empty() {
            return Err(Denial::new(Reason::CertificateMissing).with_challenge(certificate_wanted(api)));
        }
    }
    let Some(token) = token else {
        let identified = policy.authenticator.identify(None, &route.accepted, envelope.now).await;
        return match (identified, &route.certificate_scheme) {
            (Err(denial), Some(_)) => Err(denial.with_challenge(certificate_wanted(api))),
            (identified, _) => identified.map(Known::from),
        };
    };
    // Guessing is refused before it costs a signature check (AUTHN-37).
    let peer = Key::peer(envelope.client);
    let credential = Key::credential(token.digest().as_bytes());
    let failures = &policy.limits.failures;
    if let Err(too_many) = failures.check(peer, credential, envelope.now.mono) {
        return Err(Denial::new(Reason::FailuresExceeded).with_retry_after(too_many.retry_after));
    }
    let identified = policy.authenticator.identify(Some(token), &route.accepted, envelope.now).await;
    if identified.as_ref().is_err_and(|denial| denial.reason().status() == 401) {
        failures.record(peer, credential, envelope.now.mono);
    }
    identified.map(Known::from)
}

/// A verified client certificate as the credential: chain, validity and usage were checked in the
/// handshake (TLS-15).
fn by_certificate(scheme: &Arc<str>, envelope: &Envelope) -> Option<Caller> {
    let certificate = envelope.connection.client_certificate()?;
    // A name that was certified as such, before a distinguished name that anybody may read differently.
    let facts = certificate.facts();
    let subject = facts.uris.first().or(facts.dns_names.first()).unwrap_or(&facts.subject).as_str();
    Some(Caller::Authenticated(Arc::new(Principal {
        issuer: Issuer::from("x509"),
        subject: Subject::from(subject),
        kind: PrincipalKind::Client,
        client: Some(Arc::from(subject)),
        scopes: Scopes::default(),
        roles: Scopes::default(),
        expires_at: None,
        claims: Arc::default(),
        scheme: Arc::clone(scheme),
    })))
}

/// RFC 9110 §15.5.2: a 401 says what is wanted.
fn certificate_wanted(api: &Api) -> Challenge {
    Challenge::new(Scheme::MutualTls).with("realm", api.name.clone())
}
