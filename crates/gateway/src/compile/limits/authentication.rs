//! Operations by which somebody logs in, or gets back in: they have stricter limits than others (OWASP API2).
//!
//! What an operation is, its override says. One of which nothing is said, and which looks as if it were one, is taken
//! for it, and the operator is told: a limit too many shows itself, a missing one does not.

use http::Method;
use portcullis_authz::Demand;
use portcullis_config::Diagnostic;
use portcullis_config::codes::limit as codes;
use portcullis_contract::Operation;
use portcullis_limits::{Purpose, TermsAt};

use super::Writing;
use crate::config::ClassConfig;
use crate::limits::{By, Rule};
use crate::policy::Route;

/// The stricter rules, if they hold for this operation.
pub(super) fn rules(
    class: Option<ClassConfig>,
    operation: &Operation,
    route: &Route,
    place: &str,
    writing: &mut Writing<'_>,
) -> Vec<Rule> {
    match class {
        Some(ClassConfig::Ordinary) => return Vec::new(),
        Some(ClassConfig::Authentication) => {}
        None if looks_like_one(operation, route) => report(operation, writing),
        None => return Vec::new(),
    }
    let configs = &writing.subject.gateway.limits.authentication;
    let place = format!("{place}/authentication");
    let standing = TermsAt { place: &place, name: "authentication", purpose: Purpose::Guessing };
    // Where they stand they were looked at already, if there are several such operations; mistakes are the same.
    let at = writing.subject.root.child("limits").child("authentication");
    let terms = writing.terms(configs, standing, &at);
    terms.into_iter().map(|term| Rule { term, by: [By::Address].into() }).collect()
}

/// Words by which such operations are called.
const WORDS: &[&str] = &[
    "2fa",
    "authenticate",
    "forgot",
    "login",
    "logon",
    "mfa",
    "otp",
    "passcode",
    "password",
    "recover",
    "recovery",
    "reset",
    "signin",
    "token",
    "totp",
];
/// Tags that are given to them.
const TAGS: &[&str] = &["auth", "authentication", "login"];

/// Whether anybody may send it something, and it is called like a login.
fn looks_like_one(operation: &Operation, route: &Route) -> bool {
    let is_open = matches!(route.demand, Demand::Public);
    let sends = matches!(operation.method, Method::POST | Method::PUT | Method::PATCH);
    if !is_open || !sends {
        return false;
    }
    let literal = operation.template.rsplit('/').filter(|segment| !segment.starts_with('{')).take(2);
    let named = literal.flat_map(words).chain(words(&operation.id)).collect::<Vec<_>>();
    let tagged = || operation.tags.iter().any(|tag| TAGS.contains(&tag.to_lowercase().as_str()));
    named.iter().any(|word| WORDS.contains(&word.as_str())) || tagged()
}

/// `sign-in`, `signIn` and `sign_in` are `sign`, `in` and `signin`.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in text.chars() {
        let begins = !letter.is_alphanumeric() || (letter.is_uppercase() && was_lower);
        if begins {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    let pairs: Vec<String> =
        words.iter().zip(words.iter().skip(1)).map(|(one, next)| format!("{one}{next}")).collect();
    words.extend(pairs);
    words
}

fn report(operation: &Operation, writing: &mut Writing<'_>) {
    let message = format!("`{}` looks like an authentication, and is limited like one", operation.id);
    let selector = format!("{} {}", operation.method, operation.template);
    writing.diagnostics.push(
        Diagnostic::warning(codes::AUTHENTICATION_ASSUMED, message).at(writing.subject.place.key()).help(format!(
            "say what it is: `overrides: {{ \"{selector}\": {{ limits: {{ class: authentication }} }} }}`, or `ordinary`"
        )),
    );
}

#[cfg(test)]
mod tests {
    use super::{WORDS, words};

    #[test]
    fn logins_are_known_by_their_names_and_others_are_not() {
        let is_one = |text: &str| words(text).iter().any(|word| WORDS.contains(&word.as_str()));
        for name in [
            "login",
            "sign-in",
            "signIn",
            "user_login",
            "resetPassword",
            "token",
            "verify-otp",
            "logOn",
            "mfa",
        ] {
            assert!(is_one(name), "{name}");
        }
        for name in
            ["orders", "logs", "designing", "blogindex", "tokens-sold", "notes", "listOrders", "presets"]
        {
            assert!(!is_one(name), "{name}");
        }
    }
}
