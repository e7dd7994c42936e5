//! A policy, an issuer, a clock: what most tests need.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use portcullis_authn::config::{DpopConfig, IssuerConfig};
use portcullis_authn::{
    AcceptedSchemes, Authenticator, DEFAULT_TOKEN_SIZE, DPOP, ExternalUrl, Shown, Surroundings, Taken,
    UrlScheme, compile,
};
use portcullis_config::{Diagnostics, Document, Environment, Limits, decode};
use portcullis_domain::{Clock, Denial, Principal, Reason, Timestamp};
use portcullis_testkit::{TokenIssuer, Workspace};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fake_fetch::FakeFetch;

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "shop-api";
pub(crate) const SCHEME: &str = "customers";
pub(crate) const JWKS_URL: &str = "https://id.example.com/jwks";
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

#[derive(Deserialize, JsonSchema)]
struct Policy {
    identity: BTreeMap<String, IssuerConfig>,
    #[serde(default)]
    dpop: DpopConfig,
}

/// One issuer, the policy that believes it, and the outside world.
pub(crate) struct Scene {
    pub(crate) issuer: TokenIssuer,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) accepted: AcceptedSchemes,
    pub(crate) clock: Clock,
    pub(crate) fetch: Arc<FakeFetch>,
    pub(crate) workspace: Workspace,
}

impl Scene {
    /// An issuer whose keys are in a file, with `settings` added to its configuration, one per line.
    pub(crate) fn of_file(issuer: TokenIssuer, settings: &[&str]) -> Self {
        let workspace = Workspace::new();
        workspace.file("jwks.json", issuer.jwks());
        let settings = [&["jwks: { file: jwks.json }"], settings].concat();
        Self::open(issuer, workspace, &settings)
    }

    /// An issuer whose keys are at [`JWKS_URL`].
    pub(crate) fn of_url(issuer: TokenIssuer, settings: &[&str]) -> Self {
        let settings = [&["jwks: { url: https://id.example.com/jwks }"], settings].concat();
        let scene = Self::open(issuer, Workspace::new(), &settings);
        scene.fetch.serve(JWKS_URL, scene.issuer.jwks());
        scene
    }

    /// An issuer with exactly these settings beside its identifier and audience.
    pub(crate) fn open(issuer: TokenIssuer, workspace: Workspace, settings: &[&str]) -> Self {
        let (clock, fetch) = (Clock::manual(START), FakeFetch::new());
        let policy = policy_text(issuer.identifier(), settings);
        let (authenticator, diagnostics) = compiled(&policy, &workspace, &fetch, &clock, None);
        let Some(authenticator) = authenticator else { panic!("{policy}\n{diagnostics:?}") };
        let accepted = authenticator.accept([SCHEME], "shop").unwrap();
        Self { issuer, authenticator: Arc::new(authenticator), accepted, clock, fetch, workspace }
    }

    /// The claims of a good token, now.
    pub(crate) fn claims(&self) -> Map<String, Value> {
        self.issuer.claims(AUDIENCE, self.clock.now().wall)
    }

    /// A good token, now.
    pub(crate) fn token(&self) -> String {
        self.issuer.token(&self.claims())
    }

    /// Walks a request with this token through the stage.
    pub(crate) async fn identify(&self, token: &str) -> Result<Arc<Principal>, Denial> {
        self.identify_accepting(token, &self.accepted).await
    }

    pub(crate) async fn identify_accepting(
        &self,
        token: &str,
        accepted: &AcceptedSchemes,
    ) -> Result<Arc<Principal>, Denial> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        let taken = self.authenticator.take_token(&mut headers, None, accepted)?;
        assert!(headers.is_empty(), "a token was left in the head");
        let recognized = self.authenticator.identify(&shown(&taken), accepted, self.clock.now()).await?;
        Ok(recognized.principal)
    }

    /// Walks a request with this token, and a proof of possession, through the stage.
    pub(crate) async fn identify_with(&self, token: &str, proof: &str) -> Result<Arc<Principal>, Denial> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("DPoP {token}")).unwrap());
        headers.insert(DPOP, HeaderValue::from_str(proof).unwrap());
        let taken = self.authenticator.take_token(&mut headers, None, &self.accepted)?;
        assert!(headers.is_empty(), "a credential was left in the head");
        let answer = self.authenticator.identify(&shown(&taken), &self.accepted, self.clock.now()).await;
        answer.map(|recognized| recognized.principal)
    }

    /// Walks a request without a token through the stage.
    pub(crate) async fn identify_nothing(&self) -> Result<Arc<Principal>, Denial> {
        let taken = self.authenticator.take_token(&mut HeaderMap::new(), None, &self.accepted)?;
        let answer = self.authenticator.identify(&shown(&taken), &self.accepted, self.clock.now()).await;
        answer.map(|recognized| recognized.principal)
    }

    /// The reason for which a token is refused; panics if it is not.
    pub(crate) async fn refused(&self, token: &str) -> Reason {
        let denial = self.identify(token).await.expect_err("a refusal");
        check_answer(&denial);
        denial.reason()
    }

    /// Walks a token through the stage on a runtime of its own.
    #[track_caller]
    pub(crate) fn check(&self, token: &str, expected: Result<(), Reason>) {
        let answer = wait_for(self.identify(token));
        if let Err(denial) = &answer {
            check_answer(denial);
        }
        let note =
            answer.as_ref().err().and_then(|denial| denial.note()).map(|note| note.as_str().to_owned());
        assert_eq!(answer.map(|_| ()).map_err(|denial| denial.reason()), expected, "{note:?}");
    }

    /// Moves the clock.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// What a request to the API's root over TLS shows.
pub(crate) fn shown(taken: &Taken) -> Shown<'_> {
    let url = ExternalUrl { scheme: UrlScheme::Https, host: "api.example.com", port: None, path: "/" };
    Shown { token: taken.token.as_ref(), proofs: &taken.proofs, method: &Method::GET, url, certificate: None }
}

/// The policy of one issuer as text.
pub(crate) fn policy_text(issuer: &str, settings: &[&str]) -> String {
    let mut text = format!("identity:\n  {SCHEME}:\n    issuer: {issuer}\n");
    if !settings.iter().any(|line| line.starts_with("audience")) {
        text.push_str(&format!("    audience: {AUDIENCE}\n"));
    }
    for line in settings {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// Compiles a policy text.
pub(crate) fn compiled(
    policy: &str,
    workspace: &Workspace,
    fetch: &Arc<FakeFetch>,
    clock: &Clock,
    running: Option<&Authenticator>,
) -> (Option<Authenticator>, Diagnostics) {
    let document = Document::parse("portcullis.yaml", policy.as_bytes(), &Limits::default()).unwrap();
    let mut diagnostics = Diagnostics::new();
    let Some(Policy { identity, dpop }) = decode(&document, &mut diagnostics) else {
        return (None, diagnostics);
    };
    let environment = Environment::fixed::<String, String>([]).with_base(workspace.root());
    let surroundings = Surroundings {
        environment: &environment,
        fetch: Arc::clone(fetch) as _,
        clock: clock.clone(),
        running,
        token_size: DEFAULT_TOKEN_SIZE,
    };
    let (place, dpop_place) = (document.at("/identity"), document.at("/dpop"));
    let authenticator = compile(&identity, &place, &dpop, &dpop_place, &surroundings, &mut diagnostics);
    (authenticator, diagnostics)
}

/// What the client hears is the same for every bad token, whatever was wrong with it (RFC 6750 §3.1).
#[track_caller]
pub(crate) fn check_answer(denial: &Denial) {
    let challenges: Vec<String> =
        denial.challenges().iter().map(|challenge| challenge.header_value()).collect();
    const INVALID: &str = concat!(
        r#"Bearer realm="shop", error="invalid_token", "#,
        r#"error_description="The access token is not valid for this request.""#
    );
    let expected: &[&str] = match denial.reason().status() {
        // Whoever shows a bound token as a plain one is told how to show it (RFC 9449 §7.2).
        401 if denial.reason() == Reason::TokenBindingUnproven => {
            &[INVALID, r#"DPoP realm="shop", algs="ES256 EdDSA ES384 PS256 RS256""#]
        }
        400 => &[concat!(
            r#"Bearer realm="shop", error="invalid_request", "#,
            r#"error_description="Exactly one credential is accepted, in the Authorization header.""#
        )],
        401 => &[INVALID],
        503 => &[],
        status => panic!("status {status} is no answer of this stage"),
    };
    assert_eq!(challenges, expected);
}

/// Runs a future on a runtime of its own.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// The good claims, changed.
pub(crate) fn with(claims: &Map<String, Value>, name: &str, value: impl Into<Value>) -> Map<String, Value> {
    let mut changed = claims.clone();
    changed.insert(name.to_owned(), value.into());
    changed
}

/// The good claims without one.
pub(crate) fn without(claims: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let mut changed = claims.clone();
    changed.remove(name);
    changed
}
