//! A client that holds a key: makes DPoP proofs (RFC 9449), good ones and any bad one that a test can
//! think of.
//!
//! In: what a proof is for. Out: the value of a `DPoP` field, and the thumbprint that binds a token to the
//! key. Independent of the code that it tests.

use aws_lc_rs::digest::{SHA256, digest};
use portcullis_domain::Timestamp;
use serde_json::{Map, Value, json};

use crate::issuer::{SigningAlgorithm, TokenIssuer, base64url};

/// A key and what it has signed.
#[derive(Debug)]
pub struct Prover {
    key: TokenIssuer,
}

impl Prover {
    /// A new ES256 key.
    #[must_use]
    pub fn new() -> Self {
        Self::with(SigningAlgorithm::Es256)
    }

    /// A new key of this kind.
    #[must_use]
    pub fn with(algorithm: SigningAlgorithm) -> Self {
        Self { key: TokenIssuer::with_key("nobody", algorithm) }
    }

    /// The public key, with nothing but the members of RFC 7638 §3.2.
    ///
    /// # Panics
    /// Never: the key has all of them.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = self.key.jwk_list().remove(0);
        let members = jwk.as_object_mut().expect("a JWK is an object");
        for name in ["kid", "alg", "use"] {
            members.remove(name);
        }
        jwk
    }

    /// What `cnf.jkt` of a token of this client says (RFC 7638 §3).
    ///
    /// # Panics
    /// Never: the key is an object.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let mut members: Vec<_> = jwk.as_object().expect("a JWK is an object").iter().collect();
        members.sort_by_key(|(name, _)| name.as_str());
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        base64url(digest(&SHA256, format!("{{{}}}", members.join(",")).as_bytes()).as_ref())
    }

    /// The header of a good proof.
    #[must_use]
    pub fn header(&self) -> Value {
        let algorithm = self.key.header()["alg"].clone();
        json!({ "typ": "dpop+jwt", "alg": algorithm, "jwk": self.jwk() })
    }

    /// The claims of a good proof with the identifier `jti`.
    #[must_use]
    pub fn claims(&self, method: &str, url: &str, token: &str, jti: &str, now: Timestamp) -> Value {
        let hash = base64url(digest(&SHA256, token.as_bytes()).as_ref());
        json!({ "jti": jti, "htm": method, "htu": url, "iat": now.as_seconds(), "ath": hash })
    }

    /// A proof with this header and these claims.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.key.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A good proof.
    #[must_use]
    pub fn proof(&self, method: &str, url: &str, token: &str, jti: &str, now: Timestamp) -> String {
        self.sign(&self.header(), &self.claims(method, url, token, jti, now))
    }
}

impl Default for Prover {
    fn default() -> Self {
        Self::new()
    }
}

/// `members` with `changes` made; `null` takes a member away.
#[must_use]
pub fn changed(members: Value, changes: Value) -> Value {
    let (Value::Object(mut members), Value::Object(changes)) = (members, changes) else {
        return Value::Object(Map::new());
    };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    Value::Object(members)
}
