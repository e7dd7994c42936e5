//! One believed issuer and its key, for the targets `token`, `proof` and `keys`.

#![allow(dead_code, reason = "each target uses its part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use portcullis_authn::config::{DpopConfig, IssuerConfig};
use portcullis_authn::{
    AcceptedSchemes, Authenticator, DEFAULT_TOKEN_SIZE, DPOP, ExternalUrl, Fetch, FetchBounds, FetchFuture,
    Fetched, Form, Shown, Surroundings, UrlScheme, compile,
};
use portcullis_config::{Diagnostics, Document, Environment, Limits};
use portcullis_domain::{Clock, Principal, Timestamp};
use url::Url;

pub const ISSUER: &str = "https://id.example.com";
pub const AUDIENCE: &str = "shop-api";
pub const NOW: u64 = 1_800_000_000;

/// The key of RFC 7515 §A.3, so that seeds stay good.
const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

pub struct SigningKey(EcdsaKeyPair);

impl SigningKey {
    pub fn new() -> Self {
        let number = |text| URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let point = [vec![4], number(X), number(Y)].concat();
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &number(D), &point);
        Self(pair.expect("the key of the RFC"))
    }

    pub fn x(&self) -> &'static str {
        X
    }

    pub fn jwks(&self) -> String {
        format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"key-1","x":"{X}","y":"{Y}"}}]}}"#)
    }

    pub fn good_token(&self) -> String {
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","client_id":"c","jti":"j","iat":{NOW},"exp":{}}}"#,
            NOW + 300
        );
        self.sign(br#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}"#, claims.as_bytes())
    }

    /// A good token that is bound to this very key (RFC 7638 §3, RFC 9449 §6.1).
    pub fn bound_token(&self) -> String {
        let thumbprint = digest(&SHA256, format!(r#"{{"crv":"P-256","kty":"EC","x":"{X}","y":"{Y}"}}"#).as_bytes());
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","client_id":"c","jti":"j","iat":{NOW},"exp":{},"cnf":{{"jkt":"{}"}}}}"#,
            NOW + 300,
            URL_SAFE_NO_PAD.encode(thumbprint)
        );
        self.sign(br#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}"#, claims.as_bytes())
    }

    pub fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).expect("a signature");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

pub struct Scene {
    authenticator: Authenticator,
    accepted: AcceptedSchemes,
    clock: Clock,
    runtime: tokio::runtime::Runtime,
}

struct Served(Vec<u8>);

impl Fetch for Served {
    fn get<'a>(&'a self, _: &'a Url, _: FetchBounds) -> FetchFuture<'a> {
        Box::pin(async { Ok(Fetched { status: 200, body: Bytes::copy_from_slice(&self.0) }) })
    }

    fn post<'a>(&'a self, url: &'a Url, _: &'a Form, bounds: FetchBounds) -> FetchFuture<'a> {
        self.get(url, bounds)
    }
}

impl Scene {
    /// An issuer whose keys are in a file.
    pub fn with_file(jwks: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-fuzz-{}.json", std::process::id()));
        std::fs::write(&path, jwks).expect("room for a small file");
        let scene = Self::new(&format!("file: {}", path.display()), Vec::new());
        std::fs::remove_file(&path).expect("the file above");
        scene
    }

    /// An issuer that serves these bytes.
    pub fn with_served(bytes: Vec<u8>) -> Self {
        Self::new("url: https://id.example.com/jwks", bytes)
    }

    fn new(jwks: &str, served: Vec<u8>) -> Self {
        let policy = format!("a: {{ issuer: '{ISSUER}', audience: {AUDIENCE}, token_cache: 0, jwks: {{ {jwks} }} }}");
        let document = Document::parse("policy.yaml", policy.as_bytes(), &Limits::default()).expect("sound YAML");
        let identity: BTreeMap<String, IssuerConfig> =
            serde_json::from_value(document.value().clone()).expect("a sound policy");
        let clock = Clock::manual(Timestamp::from_seconds(NOW));
        let environment = Environment::process();
        let surroundings = Surroundings {
            environment: &environment,
            fetch: Arc::new(Served(served)),
            clock: clock.clone(),
            running: None,
            token_size: DEFAULT_TOKEN_SIZE,
        };
        let mut diagnostics = Diagnostics::new();
        let authenticator =
            compile(&identity, &document.at(""), &DpopConfig::default(), &document.at(""), &surroundings, &mut diagnostics)
                .expect("a sound policy");
        let accepted = authenticator.accept(["a"], "fuzz").expect("the scheme above");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { authenticator, accepted, clock, runtime }
    }

    /// Whom these bytes prove to be calling, behind `Bearer`.
    pub fn identify(&self, token: &[u8]) -> Option<Arc<Principal>> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?);
        self.identify_by(headers)
    }

    /// Whom this token, behind `DPoP`, proves to be calling together with these bytes as its proof.
    pub fn identify_with_proof(&self, token: &str, proof: &[u8]) -> Option<Arc<Principal>> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("DPoP {token}")).ok()?);
        headers.insert(DPOP, HeaderValue::from_bytes(proof).ok()?);
        self.identify_by(headers)
    }

    /// `GET https://api.example.com/orders` with these headers.
    fn identify_by(&self, mut headers: HeaderMap) -> Option<Arc<Principal>> {
        let taken = self.authenticator.take_token(&mut headers, None, &self.accepted).ok()?;
        let url = ExternalUrl { scheme: UrlScheme::Https, host: "api.example.com", port: None, path: "/orders" };
        let (token, proofs) = (taken.token.as_ref(), &taken.proofs);
        let shown = Shown { token, proofs, method: &Method::GET, url, certificate: None };
        let call = self.authenticator.identify(&shown, &self.accepted, self.clock.now());
        Some(self.runtime.block_on(call).ok()?.principal)
    }
}
