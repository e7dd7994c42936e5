//! How often, how many at once, how many failures: limits as clients, attackers and operators meet them.

mod floods;
mod guide;
mod keys;
mod lasting;
mod load;
mod logins;
mod quotas;

use portcullis_domain::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::walk::{Ask, Outcome, Setup, Walk};

/// Today at noon: certificates of tests are good then.
fn noon() -> Timestamp {
    let today = Clock::machine().now().wall.as_seconds() / 86_400;
    Timestamp::from_seconds(today * 86_400 + 43_200)
}

/// A gateway behind a proxy that says where clients are, at a time of our own.
fn behind_a_proxy() -> Setup {
    Setup::new().policy(json!({ "trusted_proxies": ["127.0.0.0/8"] })).clock(Clock::manual(noon()))
}

/// The request as it comes from `address`.
fn from(address: &str, ask: Ask) -> Ask {
    ask.with(format!("X-Forwarded-For: {address}"))
}

/// A keyed limit of `rate`.
fn keyed(by: Value, rate: &str) -> Value {
    json!({ "limits": { "keyed": [{ "by": by, "quotas": [{ "rate": rate }] }] } })
}

/// What is left, as the client is told.
fn left(outcome: &Outcome) -> u64 {
    let field = outcome.header("ratelimit").expect("a quota that is told");
    let (_, rest) = field.split_once(";r=").expect("what is left");
    rest.split(';').next().unwrap().parse().unwrap()
}

/// How long the client is told to wait.
fn wait(outcome: &Outcome) -> u64 {
    outcome.header("retry-after").expect("a refusal that says when to come back").parse().unwrap()
}

/// How often the same request is let through before it is not.
#[track_caller]
fn admitted(walk: &Walk, ask: &Ask) -> usize {
    (0..1_000)
        .find(|_| {
            let outcome = walk.send(ask.clone());
            if outcome.response.status == 429 {
                return true;
            }
            outcome.passed();
            false
        })
        .expect("a limit")
}
