//! Whether a caller is authenticated strongly and recently enough for what it wants (step-up, RFC 9470).
//!
//! In: what an operation requires, what an issuer's words mean, and the verified claims. Out: nothing, or
//! [`Reason::AuthenticationInsufficient`]. Called by [`crate::authenticator`] once the token is believed.
//! RFC 9470 §4 to §6; RFC 8176 for `amr`; OpenID Connect Core §2 for `acr` and `auth_time`. What is absent
//! or cannot be read is the lowest assurance (ASVS 6.8.4).

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::{Assurance, Reason, Timestamp};
use serde_json::{Map, Value};

use crate::jwt::ClaimPath;
use crate::possession::Constraint;
use crate::refusal::Refusal;

/// What an operation requires of the credential, beyond being good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    pub(crate) constraint: Constraint,
    pub(crate) strength: Strength,
}

/// How strongly and how recently a caller must have authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strength {
    /// Authentication contexts of which one, or one above it, is needed.
    pub(crate) acr: Box<[Box<str>]>,
    /// Methods that are needed together.
    pub(crate) amr: Box<[Box<str>]>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) factors: Factors,
}

/// How many factors are needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Factors {
    /// Whatever the issuer deems enough.
    #[default]
    AsIssued,
    /// Two at least.
    Second,
}

/// What the words of one issuer mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vocabulary {
    pub(crate) acr: ClaimPath,
    pub(crate) amr: ClaimPath,
    pub(crate) auth_time: ClaimPath,
    /// Authentication contexts, each weaker than the next. Those that are not listed are above nothing.
    pub(crate) levels: Box<[Box<str>]>,
    /// Contexts that stand for a second factor.
    pub(crate) second_factor_acr: Box<[Box<str>]>,
    /// Methods that stand for a second factor.
    pub(crate) second_factor_amr: Box<[Box<str>]>,
}

impl Strength {
    pub(crate) fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Whether these claims are strong enough at `now`; a moment ahead by no more than `skew` is now.
    pub(crate) fn check(
        &self,
        words: &Vocabulary,
        claims: &Map<String, Value>,
        now: Timestamp,
        skew: Duration,
    ) -> Result<(), Refusal> {
        let insufficient = |note| Err(Refusal::because(Reason::AuthenticationInsufficient, note));
        if !self.acr.is_empty() && !self.acr.iter().any(|needed| words.reaches(claims, needed)) {
            return insufficient("`acr` is none that suffices here");
        }
        let methods = texts(words.amr.find(claims));
        if !self.amr.iter().all(|needed| methods.contains(&&**needed)) {
            return insufficient("`amr` lacks a method that is needed here");
        }
        if self.factors == Factors::Second && !words.shows_second_factor(claims, &methods) {
            return insufficient("neither `acr` nor `amr` shows a second factor");
        }
        match self.max_age {
            Some(max_age) if !is_recent(words.auth_time.find(claims), max_age, now, skew) => {
                insufficient("`auth_time` lies too far back, or is not told")
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Vocabulary {
    /// What the claims say of how and when somebody authenticated.
    pub(crate) fn read(&self, claims: &Map<String, Value>) -> Assurance {
        let shown = texts(self.acr.find(claims));
        let below = shown.iter().filter_map(|name| {
            let level = self.levels.iter().position(|level| **level == **name)?;
            self.levels.get(..level)
        });
        let reached = below.flatten().map(|level| &**level).chain(shown.iter().copied()).collect();
        Assurance {
            context: match shown.as_slice() {
                [one] => Some(Arc::from(*one)),
                [..] => None,
            },
            reached,
            methods: texts(self.amr.find(claims)).into_iter().collect(),
            at: self.auth_time.find(claims).and_then(Value::as_u64).map(Timestamp::from_seconds),
        }
    }

    /// Whether the claims name `needed` or a level above it.
    fn reaches(&self, claims: &Map<String, Value>, needed: &str) -> bool {
        let level = |name: &str| self.levels.iter().position(|level| **level == *name);
        texts(self.acr.find(claims)).into_iter().any(|have| {
            have == needed || level(have).zip(level(needed)).is_some_and(|(have, needed)| have > needed)
        })
    }

    fn shows_second_factor(&self, claims: &Map<String, Value>, methods: &[&str]) -> bool {
        self.second_factor_amr.iter().any(|factor| methods.contains(&&**factor))
            || self.second_factor_acr.iter().any(|factor| self.reaches(claims, factor))
    }
}

/// A text, or the texts of a list; anything else is nothing.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}

fn is_recent(auth_time: Option<&Value>, max_age: Duration, now: Timestamp, skew: Duration) -> bool {
    let Some(auth_time) = auth_time.and_then(Value::as_u64).map(Timestamp::from_seconds) else {
        return false;
    };
    auth_time <= now.plus(skew) && now.since(auth_time) <= max_age
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn boxed(texts: &[&str]) -> Box<[Box<str>]> {
        texts.iter().map(|text| Box::from(*text)).collect()
    }

    fn words() -> Vocabulary {
        Vocabulary {
            acr: ClaimPath::new("acr"),
            amr: ClaimPath::new("amr"),
            auth_time: ClaimPath::new("auth_time"),
            levels: boxed(&["low", "middle", "high"]),
            second_factor_acr: boxed(&["middle"]),
            second_factor_amr: boxed(&["mfa", "otp"]),
        }
    }

    #[track_caller]
    fn check(strength: &Strength, claims: Value, suffices: bool) {
        let Value::Object(members) = claims.clone() else { panic!("{claims}") };
        let answer = strength.check(&words(), &members, NOW, Duration::from_secs(30));
        assert_eq!(answer.is_ok(), suffices, "{claims} for {strength:?}: {answer:?}");
    }

    // proves-part: AUTHN-34 (the challenge is shown by the gateway's walk tests)
    #[test]
    fn what_is_absent_or_unreadable_is_the_lowest_assurance() {
        let acr = Strength { acr: boxed(&["low"]), ..Strength::default() };
        let amr = Strength { amr: boxed(&["pwd"]), ..Strength::default() };
        let recent = Strength { max_age: Some(Duration::from_secs(300)), ..Strength::default() };
        let factor = Strength { factors: Factors::Second, ..Strength::default() };
        for strength in [&acr, &amr, &recent, &factor] {
            for claims in [
                json!({}),
                json!({ "acr": null, "amr": null, "auth_time": null }),
                json!({ "acr": 1, "amr": "", "auth_time": "1800000000" }),
                json!({ "acr": {}, "amr": [1], "auth_time": -1 }),
                json!({ "acr": true, "amr": {}, "auth_time": 1.5 }),
            ] {
                check(strength, claims, false);
            }
        }
    }

    #[test]
    fn a_level_contains_those_below_it_and_a_stranger_contains_nothing() {
        let middle = Strength { acr: boxed(&["middle"]), ..Strength::default() };
        check(&middle, json!({ "acr": "low" }), false);
        check(&middle, json!({ "acr": "middle" }), true);
        check(&middle, json!({ "acr": "high" }), true);
        check(&middle, json!({ "acr": "HIGH" }), false);
        check(&middle, json!({ "acr": ["other", "high"] }), true);
        let stranger = Strength { acr: boxed(&["stranger"]), ..Strength::default() };
        check(&stranger, json!({ "acr": "high" }), false);
        check(&stranger, json!({ "acr": "stranger" }), true);
    }

    #[test]
    fn methods_are_needed_together_and_a_second_factor_shows_in_either_claim() {
        let both = Strength { amr: boxed(&["pwd", "otp"]), ..Strength::default() };
        check(&both, json!({ "amr": ["otp"] }), false);
        check(&both, json!({ "amr": ["otp", "pwd"] }), true);
        let factor = Strength { factors: Factors::Second, ..Strength::default() };
        check(&factor, json!({ "amr": ["pwd"] }), false);
        check(&factor, json!({ "amr": ["pwd", "mfa"] }), true);
        check(&factor, json!({ "acr": "low" }), false);
        check(&factor, json!({ "acr": "high" }), true);
    }

    #[test]
    fn the_age_of_the_authentication_counts_and_not_that_of_the_token() {
        let recent = Strength { max_age: Some(Duration::from_secs(300)), ..Strength::default() };
        check(&recent, json!({ "auth_time": 1_799_999_700, "iat": 1_800_000_000 }), true);
        check(&recent, json!({ "auth_time": 1_799_999_699, "iat": 1_800_000_000 }), false);
        check(&recent, json!({ "auth_time": 1_800_000_030 }), true);
        check(&recent, json!({ "auth_time": 1_800_000_031 }), false);
    }

    #[test]
    fn who_reaches_a_level_reaches_those_below_it() {
        let read = |claims: Value| words().read(claims.as_object().unwrap());
        let middle = read(json!({ "acr": "middle", "amr": ["pwd", "otp"], "auth_time": 5 }));
        assert_eq!(middle.context.as_deref(), Some("middle"));
        assert_eq!(middle.reached.to_string(), "low middle");
        assert_eq!(middle.methods.to_string(), "otp pwd");
        assert_eq!(middle.at, Some(Timestamp::from_seconds(5)));
        let several = read(json!({ "acr": ["c1", "c2"] }));
        assert_eq!((several.context, several.reached.to_string()), (None, "c1 c2".to_owned()));
        assert_eq!(read(json!({ "acr": 7, "amr": "", "auth_time": "now" })).at, None);
    }
}
