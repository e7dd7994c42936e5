//! Who is calling, once it is known.

use std::fmt;
use std::sync::Arc;

use crate::time::Timestamp;

/// The issuer of a token, compared as an exact string (RFC 8725 §3.8).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Issuer(pub Arc<str>);

/// An identifier within its issuer (`sub`, RFC 7519 §4.1.2). Never an identity without the issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject(pub Arc<str>);

/// The name a service has at an issuer (`aud`, RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(pub Arc<str>);

macro_rules! text_type {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_type!(Issuer, Subject, Audience);

/// A set of scopes, sorted and without repeats (RFC 6749 §3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Arc<[Box<str>]>);

impl Scopes {
    /// The scopes of a space-separated list.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        list.split(' ').filter(|scope| !scope.is_empty()).collect()
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|have| (**have).cmp(scope)).is_ok()
    }

    /// Whether every scope of `needed` is in this set.
    #[must_use]
    pub fn contains_all(&self, needed: &Self) -> bool {
        needed.iter().all(|scope| self.contains(scope))
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Into<Box<str>>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        let mut sorted: Vec<Box<str>> = scopes.into_iter().map(Into::into).collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self(sorted.into())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

/// Whether a principal is a person or a program (RFC 9700 §4.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A user, acting through a client.
    User,
    /// A client acting for itself (client credentials).
    Client,
}

/// How and when a party authenticated, in its issuer's words as far as they are known (OpenID Connect Core §2). What
/// is not told is missing, and so the lowest there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assurance {
    /// The authentication context that was shown (`acr`), if it was one.
    pub context: Option<Arc<str>>,
    /// The contexts that are reached: what was shown, and all that are known to lie below.
    pub reached: Scopes,
    /// The methods (`amr`, RFC 8176).
    pub methods: Scopes,
    /// When (`auth_time`).
    pub at: Option<Timestamp>,
}

/// An authenticated party with its attributes.
///
/// Invariant: identified by issuer and subject together; two issuers never share a principal.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Who vouches.
    pub issuer: Issuer,
    /// For whom.
    pub subject: Subject,
    /// A person or a program.
    pub kind: PrincipalKind,
    /// The client through which the principal acts (`client_id`, RFC 8693 §4.3).
    pub client: Option<Arc<str>>,
    /// What was delegated.
    pub scopes: Scopes,
    /// Roles the issuer vouches for.
    pub roles: Scopes,
    /// When the credential ends.
    pub expires_at: Option<Timestamp>,
    /// The verified claims, for attributes (`AUTHZ-07`); empty for credentials without claims.
    pub claims: Arc<serde_json::Map<String, serde_json::Value>>,
    /// Which configured scheme accepted the credential.
    pub scheme: Arc<str>,
    /// How and when it authenticated.
    pub assurance: Assurance,
}

/// What the request showed, before and after it was judged.
///
/// A rejected credential never falls through to the next scheme: that is what the middle case is for.
#[derive(Clone, Debug)]
pub enum Presented<T, E> {
    /// No credential of this scheme.
    Absent,
    /// A credential that is not believed.
    Rejected(E),
    /// A credential that is believed.
    Accepted(T),
}

/// Who is calling.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Nobody said.
    Anonymous,
    /// This party, proven.
    Authenticated(Arc<Principal>),
}

impl Caller {
    /// The principal, if there is one.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Anonymous => None,
            Self::Authenticated(principal) => Some(principal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_set() {
        let have = Scopes::parse("write  read read");
        assert_eq!(have.to_string(), "read write");
        assert!(have.contains_all(&Scopes::parse("read")));
        assert!(!have.contains_all(&Scopes::parse("read admin")));
        assert!(!have.contains("rea"));
    }
}
