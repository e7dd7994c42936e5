//! Who is calling: the credential is taken out of the head and handed to the layer that can judge it.

use http::HeaderMap;
use portcullis_audit::Proof;
use portcullis_authn::certificate::{AcceptedCertificates, CertifiedNames};
use portcullis_authn::password::ShownPassword;
use portcullis_authn::{
    AccessToken, DPOP, QueryToken, Recognition, Recognized, Shown, Tokenless, without_query_token,
};
use portcullis_authz::Demand;
use portcullis_domain::{Caller, Denial, Reason};
use portcullis_message::{Authority, Target};

use crate::arrival::Envelope;
use crate::config::CredentialConfig;
use crate::policy::{Api, Policy, Route};
use crate::resource;
use crate::stages::guessing::Attempt;
use crate::stages::session::{self, InSession};
use crate::stages::{cross_site, key, password};

/// What identification found, and what it took away.
pub(crate) struct Identified {
    pub(crate) known: Result<Known, Denial>,
    /// The target without a token in its query: URLs end up in logs (RFC 9700 §4.3.2).
    pub(crate) stripped_query: Option<Target>,
    /// The token that was shown, for whoever exchanges it.
    pub(crate) token: Option<AccessToken>,
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
            Recognition::Verification | Recognition::Introspection => Proof::Verified,
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
    authority: &Authority,
    headers: &mut HeaderMap,
    target: &Target,
) -> Identified {
    let url = envelope.external_url(authority);
    let describe = |denial: Denial| match &api.resource {
        Some(resource) if !denial.challenges().is_empty() => {
            resource.name_in(denial, &resource::origin(&url))
        }
        Some(_) | None => denial,
    };
    let kept = match api.credential {
        CredentialConfig::Pass => [http::header::AUTHORIZATION, DPOP]
            .map(|name| headers.get(&name).cloned().map(|value| (name, value))),
        CredentialConfig::Strip => [None, None],
    };
    let cookie = match &route.session {
        Some(party) if !matches!(route.demand, Demand::Public) => session::one(party.shown(headers)),
        Some(_) | None => Ok(None),
    };
    api.own_cookies.strip(headers);
    let key = api.key_headers.take(headers);
    if !api.key_headers.is_empty() {
        key::watch_address(policy, api, envelope, target).await;
    }
    let taken = match policy.authenticator.take_token(headers, target.query(), &route.accepted) {
        Ok(taken) => taken,
        Err(denial) => return Identified { known: Err(describe(denial)), stripped_query: None, token: None },
    };
    let stripped_query = match taken.query {
        QueryToken::Absent => None,
        QueryToken::Ignored => {
            target.query().map(without_query_token).and_then(|query| target.with_query(&query))
        }
    };
    let shown = Shown {
        token: taken.token.as_ref(),
        proofs: &taken.proofs,
        method: &envelope.method,
        url,
        certificate: envelope.connection.client_certificate().map(|certificate| certificate.thumbprint()),
    };
    let is_alone = taken.token.is_none()
        && taken.query == QueryToken::Absent
        && !headers.contains_key(http::header::AUTHORIZATION);
    let password =
        route.passwords.as_deref().and_then(|users| Some((users, ShownPassword::take(headers).transpose()?)));
    let by_session = match (&route.session, cookie) {
        (Some(party), Ok(Some(id))) if is_alone && matches!(key, Ok(None)) => {
            let judged = match cross_site::refuse(api, envelope, authority, headers) {
                Ok(()) => Box::pin(session::judge(policy, route, party, envelope, &shown, &id)).await,
                Err(denial) => Err(denial),
            };
            Some(judged)
        }
        (_, Ok(None)) => None,
        (_, Ok(Some(_))) => {
            Some(Err(Denial::new(Reason::CredentialAmbiguous).with_note("a session and another credential")))
        }
        (_, Err(denial)) => Some(Err(denial)),
    };
    if let Some(judged) = by_session {
        let (known, token) = match judged {
            Ok(InSession { known, token }) => (Ok(known), Some(token)),
            Err(denial) => (Err(describe(denial)), None),
        };
        if let (CredentialConfig::Pass, Some(token)) = (api.credential, &token) {
            headers.insert(http::header::AUTHORIZATION, token.field().clone());
        }
        return Identified { known, stripped_query, token };
    }
    let known = match key {
        Ok(None) => match password {
            Some((users, password)) => password::judge(policy, api, users, envelope, password)
                .await
                .and_then(|known| route.accepted.check_tokenless(Tokenless::Plain).map(|()| known)),
            None => judge(policy, api, route, envelope, &shown).await,
        },
        Ok(Some(key)) if is_alone => match &route.keys {
            Some(accepted) => key::judge(policy, api, accepted, envelope, &key)
                .await
                .and_then(|known| route.accepted.check_tokenless(Tokenless::Plain).map(|()| known)),
            // It proves nothing here, and goes no further.
            None => judge(policy, api, route, envelope, &shown).await,
        },
        Ok(Some(_)) => Err(Denial::new(Reason::CredentialAmbiguous).with_note("an API key and a token")),
        Err(denial) => Err(denial),
    };
    let known = known.map_err(describe);
    headers.extend(kept.into_iter().flatten());
    Identified { known, stripped_query, token: taken.token }
}

async fn judge(
    policy: &Policy,
    api: &Api,
    route: &Route,
    envelope: &Envelope,
    shown: &Shown<'_>,
) -> Result<Known, Denial> {
    if matches!(route.demand, Demand::Public) {
        return Ok(Known::anonymous());
    }
    if let (Some(certificates), None) = (&route.certificates, shown.token) {
        let is_only_way = route.accepted.is_empty() && route.keys.is_none() && route.passwords.is_none();
        match (by_certificate(certificates, envelope), is_only_way) {
            (Some(Ok(caller)), _) => {
                route.accepted.check_tokenless(Tokenless::Certified)?;
                return Ok(Known { caller, proof: None });
            }
            (Some(Err(denial)), true) => return Err(denial),
            // A certificate belongs to the connection; where there are other ways in, it need not be meant.
            (Some(Err(_)) | None, false) => {}
            (None, true) => {
                let missing = Denial::new(Reason::CertificateMissing);
                return Err(missing.with_challenge(certificates.challenge()));
            }
        }
    }
    let Some(token) = shown.token else { return Err(missing(policy, api, route, envelope, shown).await) };
    // Before it costs a signature check.
    let attempt = Attempt::begin(policy, envelope, token.digest().as_bytes())?;
    let identified = policy.authenticator.identify(shown, &route.accepted, envelope.now).await;
    attempt.end(identified).map(Known::from)
}

/// Nothing was shown: each way in is named (RFC 9110 §11.6.1).
async fn missing(
    policy: &Policy,
    api: &Api,
    route: &Route,
    envelope: &Envelope,
    shown: &Shown<'_>,
) -> Denial {
    let denial = match &route.keys {
        Some(keys) if route.accepted.is_empty() => keys.missing(),
        keys => {
            let asked = policy.authenticator.identify(shown, &route.accepted, envelope.now).await;
            let denial = asked.err().unwrap_or_else(|| Denial::new(Reason::CredentialMissing));
            match keys {
                Some(keys) => denial.with_challenge(keys.challenge()),
                None => denial,
            }
        }
    };
    let denial = match &route.passwords {
        Some(_) => denial.with_challenge(portcullis_authn::password::challenge(&api.name)),
        None => denial,
    };
    match &route.certificates {
        Some(certificates) => denial.with_challenge(certificates.challenge()),
        None => denial,
    }
}

/// A verified client certificate as the credential: chain, validity and usage were checked in the
/// handshake (TLS-15).
fn by_certificate(
    certificates: &AcceptedCertificates,
    envelope: &Envelope,
) -> Option<Result<Caller, Denial>> {
    let facts = envelope.connection.client_certificate()?.facts();
    let names = CertifiedNames { uris: &facts.uris, dns_names: &facts.dns_names, subject: &facts.subject };
    Some(certificates.identify(names).map(Caller::Authenticated))
}
