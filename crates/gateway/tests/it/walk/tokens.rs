//! The issuer that the policy believes, and tokens good and bad.

use portcullis_domain::{Clock, Timestamp};
use portcullis_testkit::issuer::TokenIssuer;
use serde_json::{Map, Value};

/// Signs tokens of [`super::ISSUER`].
pub(crate) struct Tokens {
    issuer: TokenIssuer,
    clock: Clock,
}

impl Tokens {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { issuer: TokenIssuer::new(super::ISSUER), clock: clock.clone() }
    }

    /// The issuer's keys.
    pub(crate) fn jwks(&self) -> String {
        self.issuer.jwks()
    }

    /// A token that is good but for what these say; `null` takes a member away.
    pub(crate) fn sign(&self, header: Value, claims: Value) -> String {
        let now: Timestamp = self.clock.now().wall;
        let header = changed(self.issuer.header(), header);
        let claims = changed(self.issuer.claims(super::AUDIENCE, now), claims);
        self.issuer.token_with_header(&header, &claims)
    }
}

fn changed(good: Map<String, Value>, patch: Value) -> Map<String, Value> {
    let mut members = Value::Object(good);
    super::merge(&mut members, patch);
    match members {
        Value::Object(members) => members,
        other => panic!("an object was wanted, not {other}"),
    }
}
