//! What an operation demands of its callers, and whether a caller meets it.

use std::sync::Arc;

use portcullis_domain::{Caller, Challenge, Denial, Principal, PrincipalKind, Reason, Scheme, Scopes};

use crate::permit::Permit;

/// One way to be permitted: a credential of this scheme with all of these scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The scheme's name in the document's `securitySchemes`.
    pub scheme: Arc<str>,
    /// Scopes that are needed together.
    pub scopes: Scopes,
}

/// Which kinds of principal may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// Users and clients.
    #[default]
    Any,
    /// People.
    Users,
    /// Programs.
    Clients,
}

/// What a refusal looks like from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concealment {
    /// 403: the operation exists and is not permitted.
    #[default]
    Open,
    /// 404: forbidden and absent cannot be told apart (RFC 9110 §15.5.4).
    Concealed,
}

/// What an operation demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// `access: public`, said explicitly.
    Public,
    /// One of the alternatives, and everything else.
    Authenticated {
        /// The ways in; the first that names the caller's scheme decides the challenge.
        alternatives: Vec<Alternative>,
        /// Roles of which one is needed, if any are named.
        roles: Option<Scopes>,
        /// Who may call.
        kinds: Kinds,
        /// What a refusal looks like.
        concealment: Concealment,
        /// For the challenge.
        realm: Arc<str>,
    },
}

impl Demand {
    /// Whether a refusal must look like absence.
    #[must_use]
    pub const fn conceals(&self) -> bool {
        matches!(self, Self::Authenticated { concealment: Concealment::Concealed, .. })
    }

    /// The realm of its challenges.
    #[must_use]
    pub fn realm(&self) -> &str {
        match self {
            Self::Authenticated { realm, .. } => realm,
            Self::Public => "",
        }
    }

    /// Decides.
    ///
    /// # Errors
    /// [`Reason::CredentialMissing`] for an anonymous caller, [`Reason::ScopeInsufficient`] when the
    /// credential is of an accepted scheme but lacks scopes (RFC 6750 §3.1), [`Reason::PermitMissing`]
    /// when scheme, kind or role do not fit, [`Reason::ObjectConcealed`] in place of the latter two on a
    /// confidential operation.
    pub fn decide(&self, caller: Caller) -> Result<Permit, Denial> {
        let Self::Authenticated { alternatives, roles, kinds, concealment, realm } = self else {
            return Ok(Permit::new(caller));
        };
        let Caller::Authenticated(principal) = &caller else {
            return Err(Denial::new(Reason::CredentialMissing)
                .with_challenge(Challenge::new(Scheme::Bearer).with("realm", realm.to_string())));
        };
        match check(principal, alternatives, roles.as_ref(), *kinds) {
            Ok(()) => Ok(Permit::new(caller)),
            Err(refusal) => Err(refusal.into_denial(*concealment, realm)),
        }
    }
}

enum Refusal<'a> {
    Scopes(&'a Scopes),
    Other(&'static str),
}

fn check<'a>(
    principal: &Principal,
    alternatives: &'a [Alternative],
    roles: Option<&Scopes>,
    kinds: Kinds,
) -> Result<(), Refusal<'a>> {
    let mut missing = None;
    let mut permitted = false;
    for alternative in alternatives.iter().filter(|alternative| alternative.scheme == principal.scheme) {
        if principal.scopes.contains_all(&alternative.scopes) {
            permitted = true;
            break;
        }
        missing.get_or_insert(&alternative.scopes);
    }
    if !permitted {
        return Err(
            missing.map_or(Refusal::Other("no alternative accepts the credential's scheme"), Refusal::Scopes)
        );
    }
    match (kinds, principal.kind) {
        (Kinds::Any, _) | (Kinds::Users, PrincipalKind::User) | (Kinds::Clients, PrincipalKind::Client) => {}
        (Kinds::Users, PrincipalKind::Client) => return Err(Refusal::Other("only users may call this")),
        (Kinds::Clients, PrincipalKind::User) => return Err(Refusal::Other("only clients may call this")),
    }
    match roles {
        Some(needed) if !needed.iter().any(|role| principal.roles.contains(role)) => {
            Err(Refusal::Other("the caller has none of the roles"))
        }
        Some(_) | None => Ok(()),
    }
}

impl Refusal<'_> {
    fn into_denial(self, concealment: Concealment, realm: &str) -> Denial {
        let denial = match (&self, concealment) {
            (_, Concealment::Concealed) => Denial::new(Reason::ObjectConcealed),
            (Self::Scopes(needed), Concealment::Open) => Denial::new(Reason::ScopeInsufficient)
                .with_challenge(
                    Challenge::new(Scheme::Bearer)
                        .with("realm", realm.to_owned())
                        .with("error", "insufficient_scope")
                        .with("scope", needed.to_string()),
                ),
            (Self::Other(_), Concealment::Open) => Denial::new(Reason::PermitMissing),
        };
        match self {
            Self::Scopes(needed) => denial.with_note(format!("needs the scopes `{needed}`")),
            Self::Other(note) => denial.with_note(format!("no permit: {note}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{Assurance, Issuer, Subject};
    use proptest::prelude::*;

    use super::*;

    fn demand(alternatives: &[(&str, &str)]) -> Demand {
        Demand::Authenticated {
            alternatives: alternatives
                .iter()
                .map(|(scheme, scopes)| Alternative {
                    scheme: Arc::from(*scheme),
                    scopes: Scopes::parse(scopes),
                })
                .collect(),
            roles: None,
            kinds: Kinds::Any,
            concealment: Concealment::Open,
            realm: Arc::from("shop"),
        }
    }

    fn caller(scheme: &str, scopes: &str, roles: &str, kind: PrincipalKind) -> Caller {
        Caller::Authenticated(Arc::new(Principal {
            issuer: Issuer::from("https://id.example"),
            subject: Subject::from("alice"),
            kind,
            client: None,
            scopes: Scopes::parse(scopes),
            roles: Scopes::parse(roles),
            expires_at: None,
            claims: Arc::default(),
            scheme: Arc::from(scheme),
            assurance: Assurance::default(),
        }))
    }

    fn user(scheme: &str, scopes: &str) -> Caller {
        caller(scheme, scopes, "", PrincipalKind::User)
    }

    #[track_caller]
    fn check(demand: &Demand, caller: Caller, expected: Option<Reason>) {
        let refused = demand.decide(caller).err().map(|denial| denial.reason());
        assert_eq!(refused, expected);
    }

    // proves-part: AUTHZ-01 (audit line is shown by the gateway's walk tests)
    #[test]
    fn nobody_is_permitted_when_no_rule_permits() {
        check(&demand(&[]), user("customers", "read"), Some(Reason::PermitMissing));
        check(&demand(&[("staff", "")]), user("customers", "read"), Some(Reason::PermitMissing));
        check(&demand(&[("customers", "")]), Caller::Anonymous, Some(Reason::CredentialMissing));
    }

    // proves: AUTHN-07
    #[test]
    fn a_missing_scope_is_answered_with_the_scopes_needed() {
        let denial = demand(&[("customers", "orders:write orders:read")])
            .decide(user("customers", "orders:read"))
            .unwrap_err();
        assert_eq!(denial.reason().status(), 403);
        assert_eq!(
            denial.challenges()[0].header_value(),
            "Bearer realm=\"shop\", error=\"insufficient_scope\", scope=\"orders:read orders:write\""
        );
    }

    #[test]
    fn any_alternative_of_the_callers_scheme_is_enough() {
        let either = demand(&[("customers", "admin"), ("customers", "read")]);
        check(&either, user("customers", "read"), None);
        check(&either, user("customers", "write"), Some(Reason::ScopeInsufficient));
        check(&Demand::Public, Caller::Anonymous, None);
    }

    fn with(
        mut demand: Demand,
        change: impl FnOnce(&mut Option<Scopes>, &mut Kinds, &mut Concealment),
    ) -> Demand {
        if let Demand::Authenticated { roles, kinds, concealment, .. } = &mut demand {
            change(roles, kinds, concealment);
        }
        demand
    }

    // proves: AUTHN-18, AUTHZ-06
    #[test]
    fn scope_role_and_kind_must_all_fit() {
        let staff_only = with(demand(&[("customers", "read")]), |roles, kinds, _| {
            *roles = Some(Scopes::parse("staff"));
            *kinds = Kinds::Users;
        });
        check(&staff_only, caller("customers", "read", "staff", PrincipalKind::User), None);
        check(
            &staff_only,
            caller("customers", "read", "guest", PrincipalKind::User),
            Some(Reason::PermitMissing),
        );
        check(
            &staff_only,
            caller("customers", "", "staff", PrincipalKind::User),
            Some(Reason::ScopeInsufficient),
        );
        check(
            &staff_only,
            caller("customers", "read", "staff", PrincipalKind::Client),
            Some(Reason::PermitMissing),
        );
    }

    #[test]
    fn a_confidential_operation_refuses_as_if_it_were_not_there() {
        let hidden = with(demand(&[("customers", "read")]), |_, _, concealment| {
            *concealment = Concealment::Concealed;
        });
        check(&hidden, user("customers", ""), Some(Reason::ObjectConcealed));
        check(&hidden, Caller::Anonymous, Some(Reason::CredentialMissing));
    }

    proptest! {
        #[test]
        fn taking_a_scope_away_never_admits_more(have in "[a-d ]{0,9}", drop in 0usize..4) {
            let demand = demand(&[("customers", "a b")]);
            let letters: Vec<&str> = ["a", "b", "c", "d"].into_iter().filter(|letter| have.contains(letter)).collect();
            let fewer: Vec<&str> = letters.iter().enumerate().filter(|(i, _)| *i != drop).map(|(_, l)| *l).collect();
            let with_all = demand.decide(user("customers", &letters.join(" "))).is_ok();
            let with_fewer = demand.decide(user("customers", &fewer.join(" "))).is_ok();
            prop_assert!(with_all || !with_fewer);
        }
    }
}
