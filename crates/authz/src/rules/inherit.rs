//! Roles that contain others.
//!
//! In: `rules.inherits`. Out: of a role, those of which one is enough to have it; of a caller's roles, all that they
//! contain. Called when a configuration is read, for rules and for what operations demand, and by the gateway for what
//! answers show to whom. One meaning for all of them (AUTHZ-05, AUTHZ-14).

use std::collections::BTreeMap;

use portcullis_domain::Scopes;

/// Which roles contain which.
#[derive(Clone, Debug, Default)]
pub struct Inheritance {
    /// Of a role that contains others: itself, and all that it contains.
    contained: BTreeMap<Box<str>, Scopes>,
}

impl Inheritance {
    /// What is written about it; a circle makes all its roles the same.
    #[must_use]
    pub fn new(inherits: &BTreeMap<String, Vec<String>>) -> Self {
        let all_of = |role: &str| -> Scopes {
            let mut open = vec![role];
            let mut seen: Vec<&str> = Vec::new();
            while let Some(next) = open.pop() {
                if !seen.contains(&next) {
                    seen.push(next);
                    open.extend(inherits.get(next).into_iter().flatten().map(String::as_str));
                }
            }
            seen.into_iter().collect()
        };
        Self { contained: inherits.keys().map(|role| (role.as_str().into(), all_of(role))).collect() }
    }

    /// Whether no role contains another.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contained.is_empty()
    }

    /// The roles of which one is enough to have `role`.
    #[must_use]
    pub fn sources(&self, role: &str) -> Scopes {
        let containing = self.contained.iter().filter(|(_, contained)| contained.contains(role));
        containing.map(|(role, _)| &**role).chain([role]).collect()
    }

    /// These roles, and all that they contain.
    #[must_use]
    pub fn expand(&self, roles: &Scopes) -> Scopes {
        let contained = roles.iter().filter_map(|role| self.contained.get(role)).flat_map(Scopes::iter);
        if self.is_empty() { roles.clone() } else { contained.chain(roles.iter()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inheritance(pairs: &[(&str, &[&str])]) -> Inheritance {
        let list = |contained: &[&str]| contained.iter().map(ToString::to_string).collect();
        Inheritance::new(
            &pairs.iter().map(|(role, contained)| ((*role).to_owned(), list(contained))).collect(),
        )
    }

    #[test]
    fn a_role_contains_what_its_parts_contain() {
        let chain = inheritance(&[("admin", &["editor"]), ("editor", &["reader", "writer"])]);
        assert_eq!(chain.sources("reader").to_string(), "admin editor reader");
        assert_eq!(chain.sources("admin").to_string(), "admin");
        assert_eq!(chain.sources("guest").to_string(), "guest");
        assert_eq!(
            chain.expand(&Scopes::parse("admin guest")).to_string(),
            "admin editor guest reader writer"
        );
        assert_eq!(chain.expand(&Scopes::parse("reader")).to_string(), "reader");
    }

    #[test]
    fn a_circle_ends() {
        let circle = inheritance(&[("a", &["b"]), ("b", &["a"])]);
        assert_eq!(circle.sources("a").to_string(), "a b");
        assert_eq!(circle.expand(&Scopes::parse("b")).to_string(), "a b");
    }
}
