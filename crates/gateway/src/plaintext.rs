//! What happens to a request that comes without TLS.
//!
//! `guard` redirects what carries no credential and refuses what does: a redirect would hide that the
//! credential went over the network in the clear, and it would go again with the next request. Refusing
//! it makes the leak visible at once (ASVS 4.1.2; RFC 6750 §5.3).

use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use portcullis_domain::{Denial, Reason};
use portcullis_message::{Authority, Target};

use crate::arrival::Envelope;
use crate::config::PlaintextConfig;
use crate::listen::{ListenerKind, REFUSED};
use crate::local::Local;
use crate::policy::{Mount, Policy};

/// What to do with a request.
pub(crate) enum Verdict {
    /// Walk it: it came over TLS, or plaintext is served here.
    Serve,
    /// Answer it without walking.
    Answer(Local),
    /// Refuse it.
    Refuse(Denial),
    /// Close without a word.
    Silence,
}

/// Judges by the listener's policy, or the API's own.
pub(crate) fn judge(policy: &Policy, envelope: &Envelope, parts: &Parts) -> Verdict {
    let ListenerKind::Plaintext { policy: plaintext, redirect_port } = &envelope.connection.plan.kind else {
        return Verdict::Serve;
    };
    // A head that the guard refused is refused as such.
    if *plaintext == PlaintextConfig::Serve || parts.method.as_str() == REFUSED {
        return Verdict::Serve;
    }
    if let Some(answer) = acme_answer(policy, parts) {
        return Verdict::Answer(answer);
    }
    let authority = match Authority::read(parts) {
        Ok(Some(authority)) => authority,
        Ok(None) => return Verdict::Refuse(Denial::new(Reason::HostMalformed)),
        Err(reason) => return Verdict::Refuse(Denial::new(reason)),
    };
    let Some(mounts) = policy.hosts.of(authority.host()) else {
        return Verdict::Refuse(Denial::new(Reason::AuthorityUnknown));
    };
    let raw = parts.uri.path_and_query().ok_or(Reason::TargetMalformed);
    let target = match raw.and_then(|raw| Target::read(&parts.method, raw, &policy.bounds)) {
        Ok(target) => target,
        Err(reason) => return Verdict::Refuse(Denial::new(reason)),
    };
    let own = Mount::find(mounts, &target).and_then(|(holds, _)| {
        let api = holds.choose(&parts.method, &parts.headers, envelope.now.wall).ok()?;
        policy.apis.get(api)?.plaintext
    });
    match own.unwrap_or(*plaintext) {
        PlaintextConfig::Serve => Verdict::Refuse(Denial::new(Reason::PlaintextRefused)),
        PlaintextConfig::Refuse => Verdict::Silence,
        PlaintextConfig::Guard
            if carries_credential(&parts.headers, parts.uri.query())
                || policy.apis.iter().any(|api| api.key_headers.are_in(&parts.headers)) =>
        {
            tracing::warn!(client = %envelope.client, host = %authority, "a credential came without TLS");
            Verdict::Refuse(Denial::new(Reason::PlaintextCredential))
        }
        PlaintextConfig::Guard | PlaintextConfig::Redirect => redirect(&target, &authority, *redirect_port),
    }
}

fn redirect(target: &Target, authority: &Authority, port: Option<u16>) -> Verdict {
    let port = port.filter(|port| *port != 443).map(|port| format!(":{port}")).unwrap_or_default();
    let location = format!("https://{}{port}{}", authority.host(), target.path_and_query());
    match HeaderValue::from_str(&location) {
        Ok(location) => Verdict::Answer(Local::Redirect(location)),
        Err(_) => Verdict::Refuse(Denial::new(Reason::TargetMalformed)),
    }
}

/// Whether anything in the head could let somebody in.
fn carries_credential(headers: &HeaderMap, query: Option<&str>) -> bool {
    const FIELDS: [&str; 8] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "dpop",
        "x-api-key",
        "api-key",
        "x-auth-token",
        "x-access-token",
    ];
    const PARAMETERS: [&str; 6] = ["access_token", "token", "api_key", "apikey", "key", "password"];
    let in_query = query.into_iter().flat_map(|query| query.split('&')).any(|pair| {
        // An escaped name reaches the application as the same parameter.
        let name = percent_encoding::percent_decode_str(pair.split('=').next().unwrap_or_default());
        PARAMETERS
            .iter()
            .any(|parameter| name.clone().map(|byte| byte.to_ascii_lowercase()).eq(parameter.bytes()))
    });
    in_query || FIELDS.iter().any(|field| headers.contains_key(*field))
}

fn acme_answer(policy: &Policy, parts: &Parts) -> Option<Local> {
    policy.acme_tokens.answer(parts.uri.path()).map(|answer| Local::AcmeChallenge(answer.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_seen_in_a_field_and_in_the_query_however_its_name_is_spelled() {
        let none = HeaderMap::new();
        for query in ["access_token=x", "a=1&Token=x", "acc%65ss_token=x", "API%5FKEY=x"] {
            assert!(carries_credential(&none, Some(query)), "{query}");
        }
        assert!(!carries_credential(&none, Some("tokens=3&monkey=1")));
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_static("session=x"));
        assert!(carries_credential(&headers, None));
    }
}
