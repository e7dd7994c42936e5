//! A made-up OpenID provider, well-behaved unless a test says otherwise, and the browser before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use portcullis_domain::Clock;
use portcullis_testkit::issuer::TokenIssuer;
use portcullis_testkit::{Answer, Seen, Upstream};
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

use crate::walk::{Ask, Outcome, Setup, Walk, get, merge};

/// Our name at the provider.
pub(crate) const CLIENT: &str = "shop-web";

/// The provider. What it says can be changed at any time.
pub(crate) struct Provider {
    pub(crate) server: Upstream,
    inner: Arc<Inner>,
}

struct Inner {
    issuer: OnceLock<TokenIssuer>,
    clock: Clock,
    says: Mutex<Says>,
}

/// Patches of what it would say otherwise.
#[derive(Default)]
struct Says {
    metadata: Value,
    id_token: Value,
    id_token_header: Value,
    access_token: Value,
    tokens: Value,
    /// In place of any answer of the token endpoint.
    instead: Option<Answer>,
    /// The nonce that belongs to a code.
    nonces: HashMap<String, String>,
    /// The query of pushed requests.
    pushed: Vec<String>,
    made: usize,
}

impl Provider {
    pub(crate) fn start(clock: &Clock) -> Self {
        let inner = Arc::new(Inner { issuer: OnceLock::new(), clock: clock.clone(), says: Mutex::default() });
        let answering = Arc::clone(&inner);
        let server = Upstream::start(move |seen| answering.answer(seen));
        inner.issuer.set(TokenIssuer::new(&server.url())).expect("set once");
        Self { server, inner }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.inner.issuer().identifier()
    }

    /// Changes its metadata; `null` takes a member away.
    pub(crate) fn metadata(&self, patch: Value) {
        self.inner.says.lock().unwrap().metadata = patch;
    }

    /// Changes the next ID tokens.
    pub(crate) fn id_token(&self, header: Value, claims: Value) {
        let mut says = self.inner.says.lock().unwrap();
        (says.id_token_header, says.id_token) = (header, claims);
    }

    /// Changes the next access tokens.
    pub(crate) fn access_token(&self, claims: Value) {
        self.inner.says.lock().unwrap().access_token = claims;
    }

    /// Changes what the token endpoint gives.
    pub(crate) fn tokens(&self, patch: Value) {
        self.inner.says.lock().unwrap().tokens = patch;
    }

    /// Has the token endpoint answer this, and nothing else.
    pub(crate) fn instead(&self, answer: Option<Answer>) {
        self.inner.says.lock().unwrap().instead = answer;
    }

    /// The user signs in: the query with which the browser comes back.
    pub(crate) fn sign_in(&self, location: &str) -> String {
        let url = Url::parse(location).expect("an address");
        let mut asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        if let Some(request) = asked.get("request_uri") {
            let index: usize = request.rsplit(':').next().unwrap().parse().unwrap();
            let pushed = self.inner.says.lock().unwrap().pushed[index].clone();
            asked = form_urlencoded::parse(pushed.as_bytes()).into_owned().collect();
        }
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut says = self.inner.says.lock().unwrap();
        let code = format!("code-{}", says.nonces.len());
        says.nonces.insert(code.clone(), asked["nonce"].clone());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("code", &code).append_pair("state", &asked["state"]);
        query.append_pair("iss", self.issuer());
        query.finish()
    }

    /// A logout token; `null` takes a member away.
    pub(crate) fn logout_token(&self, header: Value, claims: Value) -> String {
        let now = self.inner.clock.now().wall;
        let issuer = self.inner.issuer();
        let mut says = self.inner.says.lock().unwrap();
        says.made += 1;
        let good = json!({
            "iss": issuer.identifier(), "aud": CLIENT, "iat": now.as_seconds(), "exp": now.as_seconds() + 120,
            "jti": format!("logout-{}", says.made), "sid": "sid-1",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        signed(issuer, json!({ "typ": "logout+jwt" }), header, good, claims)
    }

    /// The forms that were sent to one of its places.
    pub(crate) fn forms(&self, place: &str) -> Vec<HashMap<String, String>> {
        let seen = self.server.seen();
        let at = seen.iter().filter(|seen| seen.method == "POST" && seen.target == place);
        at.map(|seen| form_urlencoded::parse(&seen.body).into_owned().collect()).collect()
    }
}

impl Inner {
    fn issuer(&self) -> &TokenIssuer {
        self.issuer.get().expect("started")
    }

    fn answer(&self, seen: &Seen) -> Answer {
        let form: HashMap<String, String> = form_urlencoded::parse(&seen.body).into_owned().collect();
        let base = self.issuer().identifier();
        match seen.target.as_str() {
            "/.well-known/openid-configuration" => {
                let mut document = json!({
                    "issuer": base,
                    "jwks_uri": format!("{base}/jwks"),
                    "authorization_endpoint": format!("{base}/authorize"),
                    "token_endpoint": format!("{base}/token"),
                    "revocation_endpoint": format!("{base}/revoke"),
                    "end_session_endpoint": format!("{base}/end"),
                    "authorization_response_iss_parameter_supported": true,
                    "code_challenge_methods_supported": ["S256"],
                });
                patch(&mut document, &self.says.lock().unwrap().metadata);
                Answer::json(&document.to_string())
            }
            "/jwks" => Answer::json(&self.issuer().jwks()),
            "/par" => {
                let mut says = self.says.lock().unwrap();
                says.pushed.push(String::from_utf8(seen.body.clone()).unwrap());
                let uri = format!("urn:test:{}", says.pushed.len() - 1);
                let body = json!({ "request_uri": uri, "expires_in": 60 }).to_string();
                Answer::respond(201, &[("Content-Type", "application/json")], body)
            }
            "/token" => self.token(&form),
            "/revoke" => Answer::respond(200, &[], ""),
            other => Answer::respond(404, &[], other),
        }
    }

    fn token(&self, form: &HashMap<String, String>) -> Answer {
        let now = self.clock.now().wall;
        let issuer = self.issuer();
        let mut says = self.says.lock().unwrap();
        if let Some(instead) = &says.instead {
            return instead.clone();
        }
        let nonce = match form["grant_type"].as_str() {
            "authorization_code" => says.nonces.remove(&form["code"]),
            _ => Some("of old".into()),
        };
        let Some(nonce) = nonce else {
            let body = json!({ "error": "invalid_grant" }).to_string();
            return Answer::respond(400, &[("Content-Type", "application/json")], body);
        };
        let good = json!({
            "iss": issuer.identifier(), "aud": CLIENT, "sub": "alice", "sid": "sid-1", "nonce": nonce,
            "iat": now.as_seconds(), "exp": now.as_seconds() + 300, "auth_time": now.as_seconds(),
            "name": "Alice", "secret_claim": "hidden",
        });
        let header = says.id_token_header.clone();
        let id_token = signed(issuer, json!({ "typ": null }), header, good, says.id_token.clone());
        says.made += 1;
        let scope = "orders:read orders:write";
        let mut claims = issuer.claims("shop-api", now);
        claims.insert("scope".into(), scope.into());
        claims.insert("jti".into(), format!("token-{}", says.made).into());
        let mut claims = Value::Object(claims);
        patch(&mut claims, &says.access_token);
        let claims = claims.as_object().expect("an object").clone();
        let mut answer = json!({
            "access_token": issuer.token(&claims), "token_type": "Bearer", "expires_in": 300,
            "refresh_token": format!("refresh-{}", says.made), "id_token": id_token, "scope": scope,
        });
        patch(&mut answer, &says.tokens);
        Answer::json(&answer.to_string())
    }
}

fn patch(document: &mut Value, patch: &Value) {
    if !patch.is_null() {
        merge(document, patch.clone());
    }
}

fn signed(issuer: &TokenIssuer, typ: Value, header: Value, mut claims: Value, change: Value) -> String {
    let mut whole = Value::Object(issuer.header());
    merge(&mut whole, typ);
    patch(&mut whole, &header);
    patch(&mut claims, &change);
    let object = |value: Value| -> Map<String, Value> { value.as_object().cloned().unwrap() };
    issuer.token_with_header(&object(whole), &object(claims))
}

/// A gateway before a made-up provider.
pub(crate) struct Scene {
    pub(crate) provider: Provider,
    pub(crate) walk: Walk,
    pub(crate) clock: Clock,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(json!({}), |setup| setup)
    }

    /// With other session settings, and whatever else.
    pub(crate) fn with(session: Value, more: impl FnOnce(Setup) -> Setup) -> Self {
        let clock = Clock::manual(Clock::machine().now().wall);
        let provider = Provider::start(&clock);
        Self { walk: more(gateway(&provider, &clock, session)).start(), provider, clock }
    }

    /// Another gateway before the same provider.
    pub(crate) fn beside(&self, policy: Value) -> Walk {
        gateway(&self.provider, &self.clock, json!({})).policy(policy).start()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Begins a login.
    #[track_caller]
    pub(crate) fn begin(&self, query: &str) -> Begun {
        let outcome = self.walk.send_tls(get(&format!("/.portcullis/login{query}")));
        assert_eq!(outcome.response.status, 303, "{:#?}", outcome.response);
        assert!(outcome.seen.is_empty());
        outcome.only_event();
        Begun {
            location: outcome.header("location").unwrap().to_owned(),
            cookie: cookie_of(&outcome, "__Host-login").expect("a cookie of the login"),
        }
    }

    /// Comes back from the provider.
    #[track_caller]
    pub(crate) fn come_back(&self, cookies: &str, query: &str) -> Outcome {
        let ask = get(&format!("/.portcullis/callback?{query}"));
        let ask = if cookies.is_empty() { ask } else { ask.with(format!("Cookie: {cookies}")) };
        self.walk.send_tls(ask)
    }

    /// Signs in, and tells the cookie.
    #[track_caller]
    pub(crate) fn sign_in(&self) -> String {
        let begun = self.begin("");
        let outcome = self.come_back(&begun.cookie, &self.provider.sign_in(&begun.location));
        assert_eq!(outcome.response.status, 303, "{:#?}\n{}", outcome.response, self.walk.record.text());
        cookie_of(&outcome, "__Host-session").expect("a session")
    }

    /// Asks with a session's cookie.
    #[track_caller]
    pub(crate) fn orders(&self, cookie: &str) -> Outcome {
        self.walk.send_tls(get("/orders").with(format!("Cookie: {cookie}")))
    }

    #[track_caller]
    pub(crate) fn send(&self, ask: Ask, cookie: &str) -> Outcome {
        self.walk.send_tls(ask.with(format!("Cookie: {cookie}")))
    }
}

/// What a gateway before this provider will be like.
fn gateway(provider: &Provider, clock: &Clock, session: Value) -> Setup {
    let mut settings = json!({
        "client": CLIENT, "secret": "${file:client.secret}", "resource": "urn:shop-api", "after_login": "/home",
    });
    merge(&mut settings, session);
    Setup::new()
        .clock(clock.clone())
        .secret("client.secret", "web-s3cret")
        // Time is moved by hours, faster than the store is looked at.
        .policy(json!({ "store": { "grace": "30h" } }))
        .policy(json!({ "identity": { "customers": {
            "issuer": provider.issuer(), "jwks": null, "allow_private_network": true, "session": settings,
        } } }))
}

/// A login under way.
pub(crate) struct Begun {
    pub(crate) location: String,
    pub(crate) cookie: String,
}

/// `name=value` of a cookie that was set; `None` if it was not, or taken back.
pub(crate) fn cookie_of(outcome: &Outcome, name: &str) -> Option<String> {
    let set = outcome.response.headers.all("set-cookie");
    let found = set.into_iter().find(|field| field.starts_with(&format!("{name}=")))?;
    let pair = found.split(';').next().unwrap();
    (!pair.ends_with('=')).then(|| pair.to_owned())
}
