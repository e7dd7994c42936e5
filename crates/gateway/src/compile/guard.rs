//! What a caller must show at an operation: the contract's `security`, held against `identity:` and `authorize:`.
//!
//! In: an operation and what is demanded beyond its contract. Out: a [`Guard`], of which the route takes its parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;
use portcullis_authn::api_key::{AcceptedKeys, KeyHeaders};
use portcullis_authn::certificate::{AcceptedCertificates, NamePattern};
use portcullis_authn::password::Passwords;
use portcullis_authn::session::RelyingParty;
use portcullis_authn::{AcceptedSchemes, Authenticator, Requirements};
use portcullis_authz::config::{AuthorizeConfig, CallersConfig};
use portcullis_authz::rules::Inheritance;
use portcullis_authz::{Alternative, Concealment, Demand, Kinds};
use portcullis_config::codes::identity::{SCHEMES_REFUSED, SESSION_TWICE};
use portcullis_config::codes::store::KEY_PLACE;
use portcullis_config::codes::upstream as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Contract, KeyLocation, Operation, SchemeKind, Security};
use portcullis_domain::Scopes;

use super::credentials::OtherSchemes;
use crate::policy::Route;
use crate::sessions::ApiSessions;

/// Which credentials open an operation, and what their holder must be.
pub(super) struct Guard {
    pub(super) demand: Demand,
    pub(super) accepted: AcceptedSchemes,
    pub(super) keys: Option<AcceptedKeys>,
    pub(super) certificates: Option<AcceptedCertificates>,
    pub(super) passwords: Option<Arc<Passwords>>,
    pub(super) session: Option<Arc<RelyingParty>>,
}

/// What is demanded of callers beyond the contract.
pub(super) struct Demands<'a> {
    pub(super) authorize: &'a AuthorizeConfig,
    /// Which roles contain which.
    pub(super) inheritance: &'a Inheritance,
    pub(super) requirements: Requirements,
    /// Names of which a certificate needs one, beside those of its scheme.
    pub(super) certificate_names: Option<Arc<[NamePattern]>>,
    pub(super) other_schemes: &'a OtherSchemes,
    pub(super) realm: &'a Arc<str>,
}

pub(super) fn guard(
    operation: &Operation,
    schemes: &BTreeMap<Arc<str>, SchemeKind>,
    demands: Demands<'_>,
    authenticator: &Authenticator,
    diagnostics: &mut Diagnostics,
) -> Option<Guard> {
    let Demands { authorize, inheritance, requirements, certificate_names, other_schemes, realm } = demands;
    let mut alternatives = Vec::new();
    let mut tokens: Vec<Arc<str>> = Vec::new();
    let mut keys = Vec::new();
    let mut certificates = None;
    let mut passwords = None;
    let wanted = match &operation.security {
        Security::Public => None,
        Security::AnyOf(wanted) => Some(wanted.as_slice()),
        // The contract has said so already.
        Security::Undeclared => return None,
    };
    for all_of in wanted.unwrap_or_default() {
        let [scheme_use] = all_of.0.as_slice() else {
            diagnostics.push(
                Diagnostic::error(
                    codes::SCHEMES_COMBINED,
                    format!("`{}` demands several schemes at once", operation.id),
                )
                .at(operation.place.clone())
                .help("demand one scheme per alternative"),
            );
            return None;
        };
        let scheme = &scheme_use.scheme;
        if matches!(schemes.get(scheme), Some(SchemeKind::MutualTls)) {
            let lists = other_schemes.certificates.get(&**scheme).into_iter().chain(&certificate_names);
            let lists = lists.map(Arc::clone).collect();
            certificates = Some(AcceptedCertificates::new(Arc::clone(scheme), realm, lists));
        } else if let (Some(SchemeKind::Basic), Some(users)) =
            (schemes.get(scheme), other_schemes.passwords.get(&**scheme))
        {
            passwords = Some(Arc::clone(users));
        } else if authenticator.schemes().any(|known| *known == **scheme) {
            tokens.push(Arc::clone(scheme));
        } else if let Some(SchemeKind::ApiKey { location, name }) = schemes.get(scheme) {
            match key_header(*location, name) {
                Some(header) => keys.push((header, Arc::clone(scheme))),
                None => {
                    diagnostics.push(misplaced_key(operation, scheme, name));
                    return None;
                }
            }
        } else {
            diagnostics.push(
                Diagnostic::error(
                    codes::SCHEME_UNKNOWN,
                    format!("`{}` demands the scheme `{scheme}`, for which there is no issuer", operation.id),
                )
                .at(operation.place.clone())
                .help(format!("add `{scheme}:` with `issuer` and `audience` under `identity:`")),
            );
            return None;
        }
        alternatives.push(Alternative { scheme: Arc::clone(scheme), scopes: scheme_use.scopes.clone() });
    }
    let session = tokens.iter().find_map(|scheme| authenticator.relying_party(scheme)).cloned();
    let accepted = match authenticator.accept_if(tokens.iter().map(|scheme| &**scheme), realm, requirements) {
        Ok(accepted) => accepted,
        Err(refused) => {
            diagnostics.push(
                Diagnostic::error(SCHEMES_REFUSED, format!("`{}`: {refused}", operation.id))
                    .at(operation.place.clone()),
            );
            return None;
        }
    };
    let demand = match wanted {
        None => Demand::Public,
        Some(_) => Demand::Authenticated {
            alternatives,
            roles: authorize.roles.as_ref().map(|roles| roles_of(roles, inheritance)),
            kinds: match authorize.callers {
                CallersConfig::Any => Kinds::Any,
                CallersConfig::Users => Kinds::Users,
                CallersConfig::Clients => Kinds::Clients,
            },
            concealment: match authorize.confidential {
                Some(true) => Concealment::Concealed,
                Some(false) | None => Concealment::Open,
            },
            realm: Arc::clone(realm),
        },
    };
    Some(Guard { demand, accepted, keys: AcceptedKeys::new(keys, realm), certificates, passwords, session })
}

/// The roles of which one is enough to have one of `roles`.
fn roles_of(roles: &[String], inheritance: &Inheritance) -> Scopes {
    let sources = roles.iter().map(|role| inheritance.sources(role));
    sources.flat_map(|sources| sources.iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The header in which a scheme's keys are sent, if that is a place for keys (AUTHN-36).
fn key_header(location: KeyLocation, name: &str) -> Option<HeaderName> {
    match location {
        KeyLocation::Header => name.parse().ok().filter(KeyHeaders::is_fit),
        KeyLocation::Query | KeyLocation::Cookie => None,
    }
}

fn misplaced_key(operation: &Operation, scheme: &str, name: &str) -> Diagnostic {
    Diagnostic::error(
        KEY_PLACE,
        format!("`{}` takes the API key `{scheme}` from where it must not be: `{name}`", operation.id),
    )
    .at(operation.place.clone())
    .label("addresses end up in logs, and browsers send cookies without being asked")
    .help("declare the scheme with `in: header` and a name of its own, such as `X-API-Key`")
}

/// Where browsers log in, if any operation accepts a scheme for which they do.
pub(super) fn sessions(
    contract: &Contract,
    mount: &str,
    authenticator: &Authenticator,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<ApiSessions> {
    let wanted = contract.operations().iter().filter_map(|operation| match &operation.security {
        Security::AnyOf(wanted) => Some(wanted),
        Security::Public | Security::Undeclared => None,
    });
    let schemes = wanted.flatten().flat_map(|all_of| &all_of.0).map(|scheme_use| &scheme_use.scheme);
    let mut parties = schemes.filter_map(|scheme| authenticator.relying_party(scheme));
    let party = parties.next()?;
    if let Some(other) = parties.find(|other| !Arc::ptr_eq(other, party)) {
        let (first, second) = (party.scheme(), other.scheme());
        let message = format!("browsers would log in for `{first}` and for `{second}`");
        diagnostics.push(
            Diagnostic::error(SESSION_TWICE, message)
                .at(place.key())
                .help("serve the operations of one of them as an API of its own"),
        );
    }
    Some(ApiSessions { party: Arc::clone(party), mount: mount.trim_end_matches('/').to_owned() })
}

/// Every header in which an operation takes keys: no key may reach the upstream by way of another operation.
pub(super) fn key_headers(routes: &[Route]) -> KeyHeaders {
    KeyHeaders::new(routes.iter().filter_map(|route| route.keys.as_ref()).flat_map(AcceptedKeys::headers))
}
