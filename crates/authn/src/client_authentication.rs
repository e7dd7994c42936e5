//! How we show an issuer who we are.
//!
//! In: the parameters of a request to it. Called by [`crate::introspection`], [`crate::exchange`] and
//! [`crate::session`]. Out: the form, with our secret in the Authorization field
//! (`client_secret_basic`, RFC 6749 §2.3.1) or with an assertion that our key has signed (`private_key_jwt`,
//! RFC 7523 §2.2). The assertion is for the issuer itself, lives a minute and is used once.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis_domain::{Secret, Timestamp};
use serde_json::{Value, json};

use url::form_urlencoded::{Serializer, byte_serialize};

use crate::fetch::Form;
use crate::random::unguessable;

/// How long an assertion is good.
const ASSERTION_LIFE: Duration = Duration::from_secs(60);
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who we are at the provider.
pub(crate) struct ClientAuthentication {
    client: Box<str>,
    with: With,
}

enum With {
    Secret(Secret),
    Key(ClientKey),
}

/// The private key that signs our assertions.
pub(crate) struct ClientKey {
    /// As it was written, to see whether it changed.
    written: Secret,
    id: Option<Box<str>>,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl ClientAuthentication {
    pub(crate) fn by_secret(client: &str, secret: Secret) -> Self {
        Self { client: client.into(), with: With::Secret(secret) }
    }

    pub(crate) fn by_key(client: &str, key: ClientKey) -> Self {
        Self { client: client.into(), with: With::Key(key) }
    }

    /// Our name there.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// Whether this shows the same in the same way.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.client == other.client
            && match (&self.with, &other.with) {
                (With::Secret(mine), With::Secret(other)) => mine.matches(other.expose()),
                (With::Key(mine), With::Key(other)) => {
                    mine.id == other.id && mine.written.matches(other.written.expose())
                }
                (With::Secret(_), With::Key(_)) | (With::Key(_), With::Secret(_)) => false,
            }
    }

    /// The form with what shows who we are; `None` if nothing could be signed.
    pub(crate) fn form(&self, parameters: &[(&str, &str)], issuer: &str, now: Timestamp) -> Option<Form> {
        match &self.with {
            With::Secret(secret) => Some(form_of(parameters, Some(basic(&self.client, secret)))),
            With::Key(key) => {
                let assertion = key.assertion(&self.client, issuer, now)?;
                let mut parameters = parameters.to_vec();
                parameters.extend([
                    ("client_id", &*self.client),
                    ("client_assertion_type", ASSERTION_TYPE),
                    ("client_assertion", &assertion),
                ]);
                Some(form_of(&parameters, None))
            }
        }
    }
}

impl ClientKey {
    /// Reads a private key in PKCS #8, as PEM: P-256 or Ed25519.
    pub(crate) fn read(pem: &Secret, id: Option<&str>) -> Option<Self> {
        let text = pem.expose_text()?;
        let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
        let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = Secret::new(STANDARD.decode(body).ok()?);
        let pair = match EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.expose()) {
            Ok(pair) => Pair::Es256(pair),
            Err(_) => Pair::EdDsa(Ed25519KeyPair::from_pkcs8(der.expose()).ok()?),
        };
        Some(Self { written: pem.clone(), id: id.map(Box::from), pair })
    }

    /// RFC 7523 §3.
    fn assertion(&self, client: &str, issuer: &str, now: Timestamp) -> Option<String> {
        let algorithm = match &self.pair {
            Pair::Es256(_) => "ES256",
            Pair::EdDsa(_) => "EdDSA",
        };
        let mut header = json!({ "alg": algorithm, "typ": "JWT" });
        if let (Some(id), Value::Object(members)) = (&self.id, &mut header) {
            members.insert("kid".into(), (**id).into());
        }
        let claims = json!({
            "iss": client,
            "sub": client,
            "aud": issuer,
            "jti": unguessable().ok()?.expose_text()?,
            "iat": now.as_seconds(),
            "exp": now.plus(ASSERTION_LIFE).as_seconds(),
        });
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut assertion = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = match &self.pair {
            Pair::Es256(pair) => {
                pair.sign(&SystemRandom::new(), assertion.as_bytes()).ok()?.as_ref().to_vec()
            }
            Pair::EdDsa(pair) => pair.sign(assertion.as_bytes()).as_ref().to_vec(),
        };
        assertion.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut assertion);
        Some(assertion)
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuthentication").field("client", &self.client).finish_non_exhaustive()
    }
}

/// A form with these parameters. What is made of it holds secrets.
fn form_of(parameters: &[(&str, &str)], authorization: Option<Secret>) -> Form {
    let mut form = Serializer::new(String::with_capacity(256));
    for (name, value) in parameters {
        form.append_pair(name, value);
    }
    Form { body: Secret::new(form.finish().into_bytes()), authorization }
}

/// RFC 6749 §2.3.1: both parts are form-encoded first, so that a colon in either is not the separator.
fn basic(client: &str, secret: &Secret) -> Secret {
    let client: String = byte_serialize(client.as_bytes()).collect();
    let pair: String = byte_serialize(secret.expose()).collect();
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{client}:{pair}"))).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_ours_for_the_issuer_and_for_a_minute() {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};

        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let body = STANDARD.encode(pkcs8.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let key = ClientKey::read(&Secret::new(pem.into_bytes()), Some("k1")).unwrap();
        let now = Timestamp::from_seconds(1_800_000_000);
        let form =
            ClientAuthentication::by_key("web", key).form(&[("a", "b")], "https://id.test", now).unwrap();
        assert!(form.authorization.is_none());
        let sent: Vec<_> = url::form_urlencoded::parse(form.body.expose()).into_owned().collect();
        let names: Vec<_> = sent.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a", "client_id", "client_assertion_type", "client_assertion"]);
        let assertion = &sent[3].1;
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        let part = |index: usize| -> Value {
            let part = signed.split('.').nth(index).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(part(0), json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" }));
        let claims = part(1);
        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["aud"]),
            (&json!("web"), &json!("web"), &json!("https://id.test"))
        );
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 43);
    }

    #[test]
    fn client_and_secret_are_encoded_before_they_are_joined() {
        let authorization = basic("a:b", &Secret::new(b"p+%&".to_vec()));
        let pair = authorization.expose_text().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        assert_eq!(STANDARD.decode(pair).unwrap(), b"a%3Ab:p%2B%25%26");
    }
}
