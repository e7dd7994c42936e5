//! What it costs to know who is calling: verified anew, remembered, and forged.
//!
//! Compare `es256_verified` with `bare_es256`, which is aws-lc alone on the same bytes: what lies between
//! them is ours.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark may stop")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::Bencher;
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use portcullis_authn::config::{DpopConfig, IssuerConfig};
use portcullis_authn::{
    AcceptedSchemes, Authenticator, DEFAULT_TOKEN_SIZE, ExternalUrl, Fetch, FetchBounds, FetchFuture, Form,
    Shown, Surroundings, UrlScheme, compile,
};
use portcullis_config::{Diagnostics, Document, Environment, Limits, decode};
use portcullis_domain::{Clock, Now, Timestamp};
use portcullis_testkit::{SigningAlgorithm, TokenIssuer, Workspace};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

fn main() {
    divan::main();
}

const ISSUER: &str = "https://id.example.com";

struct NoFetch;

impl Fetch for NoFetch {
    fn get<'a>(&'a self, url: &'a Url, _: FetchBounds) -> FetchFuture<'a> {
        panic!("{url} was asked for in the benchmark")
    }

    fn post<'a>(&'a self, url: &'a Url, _: &'a Form, _: FetchBounds) -> FetchFuture<'a> {
        panic!("{url} was asked in the benchmark")
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

fn scene(algorithm: SigningAlgorithm, cache: u32) -> Scene {
    let (issuer, workspace) = (TokenIssuer::with_key(ISSUER, algorithm), Workspace::new());
    workspace.file("jwks.json", issuer.jwks());
    let policy = format!(
        "identity:\n  bench: {{ issuer: '{ISSUER}', audience: bench-api, jwks: {{ file: jwks.json }}, token_cache: {cache} }}\n"
    );
    let mut diagnostics = Diagnostics::new();
    let document = Document::parse("bench.yaml", policy.as_bytes(), &Limits::default()).unwrap();
    let Policy { identity } = decode(&document, &mut diagnostics).expect("a sound policy");
    let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
    let environment = Environment::fixed::<String, String>([]).with_base(workspace.root());
    let surroundings = Surroundings {
        environment: &environment,
        fetch: Arc::new(NoFetch),
        clock: clock.clone(),
        running: None,
        token_size: DEFAULT_TOKEN_SIZE,
    };
    let (place, dpop_place) = (document.at("/identity"), document.at("/dpop"));
    let dpop = DpopConfig::default();
    let authenticator = compile(&identity, &place, &dpop, &dpop_place, &surroundings, &mut diagnostics)
        .unwrap_or_else(|| panic!("{diagnostics:?}"));
    let accepted = authenticator.accept(["bench"], "bench").expect("the scheme above");
    Scene { issuer, authenticator, accepted, now: clock.now() }
}

impl Scene {
    fn token(&self) -> String {
        self.issuer.access_token("bench-api", "alice", "orders:read orders:write", self.now.wall)
    }

    /// Takes the token out of the head and identifies; all of what the stage does.
    fn walk(&self, mut headers: HeaderMap) -> bool {
        let taken = self.authenticator.take_token(&mut headers, None, &self.accepted).unwrap();
        let url = ExternalUrl { scheme: UrlScheme::Https, host: "api.example.com", port: None, path: "/" };
        let (token, proofs) = (taken.token.as_ref(), &taken.proofs);
        let shown = Shown { token, proofs, method: &Method::GET, url, certificate: None };
        let call = pin!(self.authenticator.identify(&shown, &self.accepted, self.now));
        match call.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => black_box(answer).is_ok(),
            Poll::Pending => panic!("waited, with the key at hand"),
        }
    }
}

fn bench(bencher: Bencher<'_, '_>, scene: &Scene, token: &str, expected: bool) {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    assert_eq!(scene.walk(headers.clone()), expected);
    bencher.with_inputs(|| headers.clone()).bench_local_values(|headers| scene.walk(headers));
}

#[divan::bench(sample_size = 100)]
fn bare_es256(bencher: Bencher<'_, '_>) {
    let scene = scene(SigningAlgorithm::Es256, 0);
    let (token, jwk) = (scene.token(), scene.issuer.jwk_list().remove(0));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name).unwrap().as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bencher.bench_local(|| key.verify_sig(black_box(input.as_bytes()), black_box(&signature)).unwrap());
}

/// The target: at most 1.15 times `bare_es256`.
#[divan::bench(sample_size = 100)]
fn es256_verified(bencher: Bencher<'_, '_>) {
    let scene = scene(SigningAlgorithm::Es256, 0);
    bench(bencher, &scene, &scene.token(), true);
}

#[divan::bench(sample_size = 100)]
fn rs256_verified(bencher: Bencher<'_, '_>) {
    let scene = scene(SigningAlgorithm::Rs256, 0);
    bench(bencher, &scene, &scene.token(), true);
}

#[divan::bench(sample_size = 100)]
fn eddsa_verified(bencher: Bencher<'_, '_>) {
    let scene = scene(SigningAlgorithm::EdDsa, 0);
    bench(bencher, &scene, &scene.token(), true);
}

/// The target: at most 1 µs.
#[divan::bench(sample_size = 1000)]
fn es256_remembered(bencher: Bencher<'_, '_>) {
    let scene = scene(SigningAlgorithm::Es256, 10_000);
    bench(bencher, &scene, &scene.token(), true);
}

/// The same claims under a stranger's signature: the dearest refusal.
#[divan::bench(sample_size = 100)]
fn es256_forged(bencher: Bencher<'_, '_>) {
    let scene = scene(SigningAlgorithm::Es256, 10_000);
    let claims = scene.issuer.claims("bench-api", scene.now.wall);
    bench(bencher, &scene, &TokenIssuer::new(ISSUER).token(&claims), false);
}

/// Refused before any cryptography (AUTHN-41).
#[divan::bench(sample_size = 1000)]
fn deep_json(bencher: Bencher<'_, '_>) {
    let scene = scene(SigningAlgorithm::Es256, 10_000);
    let token = scene.issuer.sign(b"{\"alg\":\"ES256\"}", "[".repeat(5000).as_bytes());
    bench(bencher, &scene, &token, false);
}

/// Refused before any cryptography.
#[divan::bench(sample_size = 1000)]
fn unknown_issuer(bencher: Bencher<'_, '_>) {
    let scene = scene(SigningAlgorithm::Es256, 10_000);
    let stranger = TokenIssuer::new("https://stranger.example");
    bench(bencher, &scene, &stranger.token(&stranger.claims("bench-api", scene.now.wall)), false);
}
