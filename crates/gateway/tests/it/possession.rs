//! Tokens that are bound to a key or certificate, as it shows on the wire (AUTHN-24 to 32).

use portcullis_domain::{Clock, Reason, Timestamp};
use portcullis_testkit::prover::changed;
use portcullis_testkit::{
    Authority, Identity, Leaf, Prover, RawClient, SigningAlgorithm, TlsOffer, TokenIssuer,
};
use serde_json::{Value, json};

use crate::walk::{Ask, HOST, Outcome, Setup, Walk, ask, get};

const HERE: &str = "http://api.test/orders";

/// A client with a key, a token bound to it, and a gateway whose clock stands still.
struct Scene {
    walk: Walk,
    prover: Prover,
    token: String,
}

impl Scene {
    fn new(policy: Value) -> Self {
        Self::with(Prover::new(), policy)
    }

    fn with(prover: Prover, policy: Value) -> Self {
        let clock = Clock::manual(Timestamp::from_seconds(Clock::machine().now().wall.as_seconds()));
        // Nobody guesses here, however many proofs are bad.
        let patient = json!({ "rate": "100000/1s" });
        let failures = json!({ "peer": patient, "credential": patient });
        let walk = Setup::new()
            .clock(clock)
            .policy(json!({ "limits": { "failures": failures } }))
            .policy(policy)
            .start();
        let bound = json!({ "scope": "orders:read", "cnf": { "jkt": prover.thumbprint() } });
        let token = walk.token_with(bound);
        Self { walk, prover, token }
    }

    /// The claims of a good proof for [`HERE`].
    fn claims(&self, jti: &str) -> Value {
        self.prover.claims("GET", HERE, &self.token, jti, self.walk.clock.now().wall)
    }

    fn proof(&self, jti: &str) -> String {
        self.prover.sign(&self.prover.header(), &self.claims(jti))
    }

    /// A good proof but for these header parameters or claims.
    fn proof_but(&self, header: Value, claims: Value) -> String {
        let jti = format!("{header}{claims}");
        self.prover.sign(&changed(self.prover.header(), header), &changed(self.claims(&jti), claims))
    }

    fn asking(&self, proof: &str) -> Ask {
        get("/orders").with(format!("Authorization: DPoP {}", self.token)).with(format!("DPoP: {proof}"))
    }

    fn send(&self, proof: &str) -> Outcome {
        self.walk.send(self.asking(proof))
    }
}

fn challenges(outcome: &Outcome) -> Vec<&str> {
    outcome.response.headers.all("www-authenticate")
}

/// R-DPOP of the checklist: one challenge, with the algorithms, of this error.
#[track_caller]
fn is_challenged(outcome: &Outcome, reason: Reason, error: &str) {
    outcome.refused(reason);
    let challenges = challenges(outcome);
    assert_eq!(challenges.len(), 1, "{challenges:?}");
    assert!(challenges[0].starts_with("DPoP realm=\"shop\", algs=\"ES256 EdDSA"), "{challenges:?}");
    assert!(challenges[0].contains(&format!("error=\"{error}\"")), "{challenges:?}");
}

#[track_caller]
fn is_bad_proof(outcome: &Outcome, reason: Reason) {
    is_challenged(outcome, reason, "invalid_dpop_proof");
}

#[test]
fn a_bound_token_passes_with_a_proof_and_neither_reaches_the_upstream() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Es384] {
        let scene = Scene::with(Prover::with(algorithm), json!({}));
        let outcome = scene.send(&scene.proof("1"));
        let seen = outcome.passed();
        assert_eq!((seen.header("authorization"), seen.header("dpop")), (None, None));
        // Remembered or not, the token needs a proof each time.
        scene.send(&scene.proof("2")).passed();
        let bare = get("/orders").with(format!("Authorization: DPoP {}", scene.token));
        is_bad_proof(&scene.walk.send(bare), Reason::ProofMalformed);
    }
}

// proves: AUTHN-24
#[test]
fn a_proof_is_one_jwt_of_its_type_with_a_public_key() {
    let scene = Scene::new(json!({}));
    is_bad_proof(
        &scene.walk.send(scene.asking(&scene.proof("1")).with(format!("DPoP: {}", scene.proof("2")))),
        Reason::ProofMalformed,
    );
    let mut private = scene.prover.jwk();
    private["d"] = "AAAA".into();
    let mac = json!({ "kty": "oct", "k": "AAAA" });
    let other_curve = Prover::with(SigningAlgorithm::Es384).jwk();
    for header in [
        json!({ "typ": "JWT" }),
        json!({ "typ": "at+jwt" }),
        json!({ "typ": null }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "none" }),
        json!({ "alg": "ES512" }),
        json!({ "alg": "RS256" }),
        json!({ "jwk": null }),
        json!({ "jwk": private }),
        json!({ "jwk": mac }),
        json!({ "jwk": other_curve }),
        json!({ "jwk": "x" }),
        json!({ "jwk": null, "kid": "key-1" }),
        json!({ "crit": ["x"] }),
    ] {
        is_bad_proof(&scene.send(&scene.proof_but(header, json!({}))), Reason::ProofMalformed);
    }
    for claims in [
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": "x".repeat(257) }),
        json!({ "htm": null }),
        json!({ "htu": null }),
        json!({ "iat": null }),
        json!({ "iat": "1800000000" }),
        json!({ "jti": 1 }),
    ] {
        is_bad_proof(&scene.send(&scene.proof_but(json!({}), claims)), Reason::ProofMalformed);
    }
    for proof in ["", "x", "a.b.c", &scene.token, &"A".repeat(7000)] {
        is_bad_proof(&scene.send(proof), Reason::ProofMalformed);
    }
    let proof = scene.proof("3");
    let (signed, _) = proof.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    is_bad_proof(&scene.send(&forged), Reason::ProofSignatureInvalid);
}

// proves: AUTHN-25
#[test]
fn a_proof_is_for_this_method_and_the_address_that_clients_know() {
    let scene = Scene::new(json!({}));
    for claims in [
        json!({ "htm": "POST" }),
        json!({ "htm": "get" }),
        json!({ "htu": "http://api.test/orders/7" }),
        json!({ "htu": "https://api.test/orders" }),
        json!({ "htu": "http://127.0.0.1:3000/orders" }),
        json!({ "htu": "http://api.test:8080/orders" }),
        json!({ "htu": "/orders" }),
    ] {
        is_bad_proof(&scene.send(&scene.proof_but(json!({}), claims)), Reason::ProofMismatched);
    }
    for same in ["HTTP://API.test:80/orders", "http://api.test/%6Frders", "http://api.test/orders?a=1#b"] {
        scene.send(&scene.proof_but(json!({}), json!({ "htu": same }))).passed();
    }
    let posted = ask("POST", "/orders")
        .with(format!("Authorization: DPoP {}", scene.token))
        .with(format!("DPoP: {}", scene.proof("post")));
    is_bad_proof(&scene.walk.send(posted), Reason::ProofMismatched);
}

// proves: AUTHN-25
#[test]
fn behind_a_proxy_that_ends_tls_the_address_is_the_one_before_it() {
    let outside = json!({ "htu": "https://api.test/orders" });
    let scene = Scene::new(json!({ "trusted_proxies": ["127.0.0.0/8"] }));
    let forwarded = |proof: &str| scene.asking(proof).with("X-Forwarded-Proto: https");
    let good = scene.proof_but(json!({}), outside.clone());
    scene.walk.send(forwarded(&good)).passed();
    is_bad_proof(&scene.walk.send(forwarded(&scene.proof("inside"))), Reason::ProofMismatched);
    // A client that is no proxy cannot say so.
    let alone = Scene::new(json!({}));
    let proof = alone.proof_but(json!({}), outside);
    is_bad_proof(
        &alone.walk.send(alone.asking(&proof).with("X-Forwarded-Proto: https")),
        Reason::ProofMismatched,
    );
}

#[test]
fn a_mount_belongs_to_the_address() {
    let scene = Scene::new(json!({ "apis": { "shop": { "mount": "/v1" } } }));
    let send = |proof: String| {
        let request = get("/v1/orders")
            .with(format!("Authorization: DPoP {}", scene.token))
            .with(format!("DPoP: {proof}"));
        scene.walk.send(request)
    };
    send(scene.proof_but(json!({}), json!({ "htu": "http://api.test/v1/orders" }))).passed();
    is_bad_proof(&send(scene.proof("inner")), Reason::ProofMismatched);
}

// proves-part: AUTHN-26 (between gateways: see below)
#[test]
fn a_proof_is_fresh_and_works_once() {
    let scene = Scene::new(json!({}));
    let now = scene.walk.clock.now().wall.as_seconds();
    for iat in [now - 61, now + 6, 0] {
        is_bad_proof(&scene.send(&scene.proof_but(json!({}), json!({ "iat": iat }))), Reason::ProofOutdated);
    }
    for iat in [now - 60, now + 5] {
        scene.send(&scene.proof_but(json!({}), json!({ "iat": iat }))).passed();
    }
    let proof = scene.proof("once");
    scene.send(&proof).passed();
    is_bad_proof(&scene.send(&proof), Reason::ProofReplayed);
    // Signed anew with the same identifier it is the same proof.
    is_bad_proof(&scene.send(&scene.proof("once")), Reason::ProofReplayed);
    scene.send(&scene.proof("twice")).passed();
    // A reload forgets nothing.
    scene.walk.rewrite(json!({ "pseudonym": "changed" }));
    scene.walk.gateway().reload().expect("a good policy");
    is_bad_proof(&scene.send(&proof), Reason::ProofReplayed);
}

// Between gateways without nonces a proof works once at each; `docs/guides/bound-tokens.md` says so.
// proves: AUTHN-26
#[test]
fn with_nonces_a_proof_for_one_gateway_is_worth_nothing_at_another() {
    let issuer = TokenIssuer::new(crate::walk::ISSUER);
    let clock = Clock::manual(Timestamp::from_seconds(Clock::machine().now().wall.as_seconds()));
    let started = || {
        Setup::new()
            .clock(clock.clone())
            .file("shared.json", issuer.jwks())
            .policy(json!({
                "dpop": { "nonce": "2m" },
                "identity": { "customers": { "jwks": { "file": "shared.json" } } },
            }))
            .start()
    };
    let (one, other) = (started(), started());
    let (prover, now) = (Prover::new(), clock.now().wall);
    let mut claims = issuer.claims(crate::walk::AUDIENCE, now);
    claims.insert("scope".into(), "orders:read".into());
    claims.insert("cnf".into(), json!({ "jkt": prover.thumbprint() }));
    let token = issuer.token(&claims);
    let proof = |jti: &str, nonce: &str| {
        let claims = changed(prover.claims("GET", HERE, &token, jti, now), json!({ "nonce": nonce }));
        prover.sign(&prover.header(), &claims)
    };
    let asking = |proof: &str| {
        get("/orders").with(format!("Authorization: DPoP {token}")).with(format!("DPoP: {proof}"))
    };
    let first = one.send(asking(&proof("1", "none")));
    is_challenged(&first, Reason::ProofNonceWanted, "use_dpop_nonce");
    let used = proof("2", first.header("dpop-nonce").expect("a nonce"));
    one.send(asking(&used)).passed();
    is_bad_proof(&one.send(asking(&used)), Reason::ProofReplayed);
    is_challenged(&other.send(asking(&used)), Reason::ProofNonceWanted, "use_dpop_nonce");
}

#[test]
fn a_proof_that_cannot_be_remembered_is_refused() {
    let scene = Scene::new(json!({ "dpop": { "capacity": 16 } }));
    let mut refused = None;
    for index in 0..100 {
        let outcome = scene.send(&scene.proof(&index.to_string()));
        if outcome.response.status != 200 {
            refused = Some(outcome);
            break;
        }
    }
    let refused = refused.expect("a full memory");
    refused.refused(Reason::ProofsSaturated);
    assert!(refused.header("retry-after").is_some());
    assert!(challenges(&refused).is_empty());
}

// proves: AUTHN-27
#[test]
fn a_proof_is_by_the_tokens_key_and_for_this_token() {
    let scene = Scene::new(json!({}));
    let other_token =
        scene.walk.token_with(json!({ "sub": "bob", "cnf": { "jkt": scene.prover.thumbprint() } }));
    let claims = scene.prover.claims("GET", HERE, &other_token, "1", scene.walk.clock.now().wall);
    is_bad_proof(&scene.send(&scene.prover.sign(&scene.prover.header(), &claims)), Reason::ProofMismatched);
    is_bad_proof(&scene.send(&scene.proof_but(json!({}), json!({ "ath": null }))), Reason::ProofMismatched);
    let thief = Prover::new();
    let stolen = thief.sign(&thief.header(), &scene.claims("2"));
    is_challenged(&scene.send(&stolen), Reason::TokenBindingUnproven, "invalid_token");
    // A token that is bound to nothing gains nothing by the scheme.
    let plain = scene.walk.token("orders:read");
    let proof = scene.prover.proof("GET", HERE, &plain, "3", scene.walk.clock.now().wall);
    let request = get("/orders").with(format!("Authorization: DPoP {plain}")).with(format!("DPoP: {proof}"));
    is_challenged(&scene.walk.send(request), Reason::TokenBindingUnproven, "invalid_token");
}

// proves: AUTHN-28
#[test]
fn a_bound_token_is_never_taken_for_a_plain_one() {
    let scene = Scene::new(json!({}));
    for request in [
        get("/orders").bearer(&scene.token),
        get("/orders").bearer(&scene.token).with(format!("DPoP: {}", scene.proof("1"))),
    ] {
        let outcome = scene.walk.send(request);
        outcome.refused(Reason::TokenBindingUnproven);
        let challenges = challenges(&outcome);
        assert!(challenges[0].starts_with("Bearer ") && challenges[0].contains("error=\"invalid_token\""));
        assert!(
            challenges[1].starts_with("DPoP ") && challenges[1].contains("algs=\"ES256 "),
            "{challenges:?}"
        );
    }
}

// proves: AUTHN-29
#[test]
fn a_nonce_is_handed_out_with_the_refusal_and_wanted_back() {
    let scene = Scene::new(json!({ "dpop": { "nonce": "2m" } }));
    let outcome = scene.send(&scene.proof("1"));
    is_challenged(&outcome, Reason::ProofNonceWanted, "use_dpop_nonce");
    let nonces = outcome.response.headers.all("dpop-nonce");
    let [nonce] = nonces.as_slice() else { panic!("{nonces:?}") };
    scene.send(&scene.proof_but(json!({}), json!({ "nonce": nonce }))).passed();
    let made_up = scene.send(&scene.proof_but(json!({}), json!({ "nonce": "AAAAAAAAAAAAAAAA" })));
    is_challenged(&made_up, Reason::ProofNonceWanted, "use_dpop_nonce");
    scene.walk.clock.advance(std::time::Duration::from_secs(121));
    let stale = scene.send(&scene.proof_but(json!({}), json!({ "nonce": nonce })));
    is_challenged(&stale, Reason::ProofNonceWanted, "use_dpop_nonce");
    assert_ne!(stale.header("dpop-nonce"), Some(*nonce));
}

// proves: AUTHN-32
#[test]
fn an_operation_can_demand_tokens_that_are_worthless_when_stolen() {
    let scene = Scene::new(json!({ "apis": { "shop": { "overrides": {
        "GET /orders": { "require": { "sender_constrained": true } },
    } } } }));
    let plain = scene.walk.token("orders:read");
    is_challenged(
        &scene.walk.send(get("/orders").bearer(&plain)),
        Reason::SenderConstraintMissing,
        "invalid_token",
    );
    let without = scene.walk.send(get("/orders"));
    without.refused(Reason::CredentialMissing);
    assert!(challenges(&without).iter().all(|challenge| challenge.starts_with("DPoP ")));
    scene.send(&scene.proof("1")).passed();
    scene.walk.send(get("/me").bearer(&plain)).passed();
}

/// A gateway that asks for client certificates, and whoever issues them.
fn asking_for_certificates(policy: Value) -> (Walk, Authority, Authority) {
    let (servers, clients) = (Authority::new(), Authority::named("clients"));
    let walk = Setup::new().asking_for_certificates(&servers, &clients).policy(policy).start();
    (walk, servers, clients)
}

fn showing(walk: &Walk, servers: &Authority, identity: &Identity) -> RawClient {
    let offer = TlsOffer::showing(servers, HOST, identity).alpn(&["http/1.1"]);
    RawClient::connect_tls(walk.address(0), &offer).expect("a handshake")
}

fn thumbprint(identity: &Identity) -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    portcullis_testkit::issuer::base64url(digest(&SHA256, &identity.chain()[0]).as_ref())
}

// proves: AUTHN-30
#[test]
fn a_token_bound_to_a_certificate_is_for_the_connection_that_shows_it() {
    let (walk, servers, clients) = asking_for_certificates(json!({}));
    let (alice, bob) = (clients.issue(&Leaf::client(&["alice"])), clients.issue(&Leaf::client(&["bob"])));
    let bound = walk.token_with(json!({ "scope": "orders:read", "cnf": { "x5t#S256": thumbprint(&alice) } }));
    let request = || get("/orders").bearer(&bound);
    walk.send_on(showing(&walk, &servers, &alice), request()).passed();
    let nobody = TlsOffer::new(&servers, HOST).alpn(&["http/1.1"]);
    let nobody = RawClient::connect_tls(walk.address(0), &nobody).expect("a handshake");
    for client in [showing(&walk, &servers, &bob), nobody] {
        let outcome = walk.send_on(client, request());
        outcome.refused(Reason::TokenBindingUnproven);
        assert!(challenges(&outcome)[0].contains("error=\"invalid_token\""));
    }
    let both = json!({ "jkt": Prover::new().thumbprint(), "x5t#S256": thumbprint(&alice) });
    let both = walk.token_with(json!({ "scope": "orders:read", "cnf": both }));
    walk.send_on(showing(&walk, &servers, &alice), get("/orders").bearer(&both))
        .refused(Reason::TokenBindingUnproven);
}
