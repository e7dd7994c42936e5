//! What it costs to know who is calling by something other than a signed bearer token, and to tell an
//! upstream.
//!
//! Tokens are in `verify`, API keys in `lasting`. `dpop_proof` is a remembered token and a new proof: what each
//! request with a bound token costs. Compare it with `bare_es256` of `verify`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark may stop")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use divan::Bencher;
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use portcullis_authn::certificate::{AcceptedCertificates, CertifiedNames, NamePattern};
use portcullis_authn::config::{DpopConfig, IssuerConfig};
use portcullis_authn::internal_token::{Addressee, InternalTokens, SigningAlgorithm};
use portcullis_authn::password::{Passwords, ShownPassword, read_users};
use portcullis_authn::{
    AcceptedSchemes, Authenticator, DEFAULT_TOKEN_SIZE, DPOP, ExternalUrl, Fetch, FetchBounds, FetchFuture,
    Fetched, Form, Shown, Surroundings, UrlScheme, compile,
};
use portcullis_config::{Diagnostics, Document, Environment, Limits, decode};
use portcullis_domain::{Clock, Now, Principal, Secret, Timestamp};
use portcullis_testkit::{Prover, TokenIssuer, Workspace};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use url::Url;

fn main() {
    divan::main();
}

const ISSUER: &str = "https://id.example.com";
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// An issuer that answers to introspection, at once.
struct Answers;

impl Fetch for Answers {
    fn get<'a>(&'a self, url: &'a Url, _: FetchBounds) -> FetchFuture<'a> {
        panic!("{url} was asked for in the benchmark")
    }

    fn post<'a>(&'a self, _: &'a Url, _: &'a Form, _: FetchBounds) -> FetchFuture<'a> {
        let answer =
            json!({ "active": true, "aud": "bench-api", "sub": "alice", "exp": START.as_seconds() + 300 });
        Box::pin(async move { Ok(Fetched { status: 200, body: Bytes::from(answer.to_string()) }) })
    }
}

#[derive(Deserialize, JsonSchema)]
struct Policy {
    identity: BTreeMap<String, IssuerConfig>,
}

struct Scene {
    issuer: TokenIssuer,
    authenticator: Authenticator,
    accepted: AcceptedSchemes,
    now: Now,
}

impl Scene {
    fn new() -> Self {
        let (issuer, workspace) = (TokenIssuer::new(ISSUER), Workspace::new());
        workspace.file("jwks.json", issuer.jwks());
        workspace.secret("secret", "s3cret");
        let policy = format!(
            "identity:\n  bench:\n    issuer: '{ISSUER}'\n    audience: bench-api\n    jwks: {{ file: jwks.json }}\n    \
             introspection: {{ url: '{ISSUER}/introspect', client: bench, secret: '${{file:secret}}' }}\n"
        );
        let mut diagnostics = Diagnostics::new();
        let document = Document::parse("bench.yaml", policy.as_bytes(), &Limits::default()).unwrap();
        let Policy { identity } = decode(&document, &mut diagnostics).expect("a sound policy");
        let clock = Clock::manual(START);
        let environment = Environment::fixed::<String, String>([]).with_base(workspace.root());
        let surroundings = Surroundings {
            environment: &environment,
            fetch: Arc::new(Answers),
            clock: clock.clone(),
            running: None,
            token_size: DEFAULT_TOKEN_SIZE,
        };
        let (place, dpop_place) = (document.at("/identity"), document.at("/dpop"));
        // Room for every proof of a run.
        let dpop = DpopConfig { capacity: 10_000_000, ..DpopConfig::default() };
        let authenticator = compile(&identity, &place, &dpop, &dpop_place, &surroundings, &mut diagnostics)
            .unwrap_or_else(|| panic!("{diagnostics:?}"));
        let accepted = authenticator.accept(["bench"], "bench").expect("the scheme above");
        Self { issuer, authenticator, accepted, now: clock.now() }
    }

    /// Takes the credential out of the head and identifies; all of what the stage does.
    fn walk(&self, mut headers: HeaderMap) -> bool {
        let taken = self.authenticator.take_token(&mut headers, None, &self.accepted).unwrap();
        let url =
            ExternalUrl { scheme: UrlScheme::Https, host: "api.example.com", port: None, path: "/orders" };
        let (token, proofs) = (taken.token.as_ref(), &taken.proofs);
        let shown = Shown { token, proofs, method: &Method::GET, url, certificate: None };
        finished(self.authenticator.identify(&shown, &self.accepted, self.now)).is_ok()
    }
}

/// The answer of what need not wait.
fn finished<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => black_box(answer),
        Poll::Pending => panic!("waited, with everything at hand"),
    }
}

fn headers(scheme: &str, credential: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("{scheme} {credential}")).unwrap());
    headers
}

#[divan::bench(sample_size = 100)]
fn dpop_proof(bencher: Bencher<'_, '_>) {
    let (scene, prover, made) = (Scene::new(), Prover::new(), AtomicU64::new(0));
    let mut claims = scene.issuer.claims("bench-api", START);
    claims.insert("cnf".into(), json!({ "jkt": prover.thumbprint() }));
    let token = scene.issuer.token(&claims);
    let with_proof = || {
        let jti = made.fetch_add(1, Ordering::Relaxed).to_string();
        let proof = prover.proof("GET", "https://api.example.com/orders", &token, &jti, START);
        let mut headers = headers("DPoP", &token);
        headers.insert(DPOP, HeaderValue::from_str(&proof).unwrap());
        headers
    };
    assert!(scene.walk(with_proof()));
    bencher.with_inputs(with_proof).bench_local_values(|headers| assert!(scene.walk(headers)));
}

#[divan::bench(sample_size = 1000)]
fn introspected_remembered(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let headers = headers("Bearer", "opaque-token");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _within = runtime.enter();
    assert!(scene.walk(headers.clone()));
    bencher.with_inputs(|| headers.clone()).bench_local_values(|headers| assert!(scene.walk(headers)));
}

#[divan::bench(sample_size = 1000)]
fn certificate(bencher: Bencher<'_, '_>) {
    let patterns =
        ["*.clients.test", "spiffe://clients.test/billing/*"].map(|text| NamePattern::parse(text).unwrap());
    let accepted = AcceptedCertificates::new("machines".into(), "bench", vec![Arc::from(patterns)]);
    let uris = ["spiffe://clients.test/billing/worker".to_owned()];
    let names = CertifiedNames { uris: &uris, dns_names: &[], subject: "CN=worker" };
    bencher.bench_local(|| accepted.identify(black_box(names)).unwrap());
}

#[divan::bench(sample_size = 1000)]
fn password_remembered(bencher: Bencher<'_, '_>) {
    let hash = Argon2::default().hash_password(b"right").unwrap();
    let users = read_users(&Secret::new(format!("alice:{hash}").into_bytes())).unwrap();
    let passwords = Passwords::new("legacy".into(), users, Duration::from_secs(60)).unwrap();
    let headers = headers("Basic", &STANDARD.encode("alice:right"));
    let now = Clock::manual(START).now();
    let shown = |mut headers: HeaderMap| ShownPassword::take(&mut headers).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(passwords.identify(&shown(headers.clone()), "bench", now)).unwrap();
    bencher
        .with_inputs(|| headers.clone())
        .bench_local_values(|headers| finished(passwords.identify(&shown(headers), "bench", now)).unwrap());
}

fn principal() -> Principal {
    let scene = Scene::new();
    let mut headers =
        headers("Bearer", &scene.issuer.access_token("bench-api", "alice", "read write", START));
    let taken = scene.authenticator.take_token(&mut headers, None, &scene.accepted).unwrap();
    let url = ExternalUrl { scheme: UrlScheme::Https, host: "api.example.com", port: None, path: "/" };
    let (token, proofs) = (taken.token.as_ref(), &taken.proofs);
    let shown = Shown { token, proofs, method: &Method::GET, url, certificate: None };
    let recognized = finished(scene.authenticator.identify(&shown, &scene.accepted, scene.now)).unwrap();
    (*recognized.principal).clone()
}

/// What the request path pays for `hand_over.token`: the token of this caller is at hand.
#[divan::bench(sample_size = 1000)]
fn internal_token_at_hand(bencher: Bencher<'_, '_>) {
    let tokens =
        InternalTokens::new(ISSUER, SigningAlgorithm::Es256, Duration::from_secs(86_400), None).unwrap();
    tokens.turn(START);
    let addressee = Addressee { audience: "bench".into(), lifetime: Duration::from_secs(60) };
    let (principal, now) = (principal(), Clock::manual(START).now());
    bencher.bench_local(|| tokens.token_for(black_box(&principal), &addressee, now).unwrap());
}

/// The same for a caller's first request.
#[divan::bench(sample_size = 100)]
fn internal_token_signed(bencher: Bencher<'_, '_>) {
    let tokens =
        InternalTokens::new(ISSUER, SigningAlgorithm::Es256, Duration::from_secs(86_400), None).unwrap();
    tokens.turn(START);
    let (principal, now, made) = (principal(), Clock::manual(START).now(), AtomicU64::new(0));
    let next = || Addressee {
        audience: made.fetch_add(1, Ordering::Relaxed).to_string().into(),
        lifetime: Duration::from_secs(60),
    };
    bencher
        .with_inputs(next)
        .bench_local_values(|addressee| tokens.token_for(black_box(&principal), &addressee, now).unwrap());
}
