//! Client certificates and passwords as the credential, and who of their holders may call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::Reason;
use portcullis_testkit::{Authority, Identity, Leaf, RawClient, TlsOffer};
use serde_json::{Value, json};

use crate::walk::{HOST, Setup, Walk, get};

/// A gateway that asks for client certificates, and whoever issues them.
struct Scene {
    walk: Walk,
    servers: Authority,
    clients: Authority,
}

impl Scene {
    fn new(policy: Value) -> Self {
        let (servers, clients) = (Authority::new(), Authority::named("clients"));
        let walk = Setup::new()
            .asking_for_certificates(&servers, &clients)
            .contract(json!({
                "paths": {
                    "/machines": { "get": {
                        "operationId": "machines", "security": [{ "machines": [] }],
                        "responses": { "200": { "description": "Done." } },
                    } },
                    "/either": { "get": {
                        "operationId": "either", "security": [{ "machines": [] }, { "customers": [] }],
                        "responses": { "200": { "description": "Done." } },
                    } },
                },
                "components": { "securitySchemes": { "machines": { "type": "mutualTLS" } } },
            }))
            .policy(policy)
            .start();
        Self { walk, servers, clients }
    }

    fn holder(&self, names: &[&str]) -> Identity {
        self.clients.issue(&Leaf::client(names))
    }

    fn connect(&self, identity: Option<&Identity>) -> RawClient {
        let offer = match identity {
            Some(identity) => TlsOffer::showing(&self.servers, HOST, identity),
            None => TlsOffer::new(&self.servers, HOST),
        };
        RawClient::connect_tls(self.walk.address(0), &offer.alpn(&["http/1.1"])).expect("a handshake")
    }
}

#[test]
fn a_scheme_takes_certificates_with_the_names_that_are_listed() {
    let scene = Scene::new(json!({ "certificates": { "machines": {
        "names": ["*.clients.test", "spiffe://clients.test/billing/*"],
    } } }));
    for (name, is_listed) in [
        ("orders.clients.test", true),
        ("a.orders.clients.test", false),
        ("clients.test", false),
        ("orders.clients.test.evil", false),
        ("spiffe://clients.test/billing/worker", true),
        ("spiffe://clients.test/billing", false),
        ("spiffe://clients.test/admin", false),
    ] {
        let holder = scene.holder(&[name]);
        let outcome = scene.walk.send_on(scene.connect(Some(&holder)), get("/machines"));
        if is_listed {
            let seen = outcome.passed();
            assert_eq!(seen.header("x-auth-subject"), Some(name));
            assert_eq!(seen.header("x-auth-issuer"), Some("x509"));
        } else {
            outcome.refused(Reason::CertificateUnlisted);
            assert_eq!(outcome.header("www-authenticate"), Some("MutualTLS realm=\"shop\""));
        }
    }
    scene.walk.send_on(scene.connect(None), get("/machines")).refused(Reason::CertificateMissing);
}

#[test]
fn an_operation_narrows_what_its_scheme_takes() {
    let scene = Scene::new(json!({
        "certificates": { "machines": { "names": ["*.clients.test"] } },
        "apis": { "shop": { "overrides": {
            "machines": { "require": { "certificate": ["orders.clients.test", "other.test"] } },
        } } },
    }));
    for (name, passes) in
        [("orders.clients.test", true), ("billing.clients.test", false), ("other.test", false)]
    {
        let holder = scene.holder(&[name]);
        let outcome = scene.walk.send_on(scene.connect(Some(&holder)), get("/machines"));
        match passes {
            true => drop(outcome.passed()),
            false => drop(outcome.refused(Reason::CertificateUnlisted)),
        }
    }
}

#[test]
fn where_there_is_another_way_in_a_certificate_need_not_be_meant() {
    let scene = Scene::new(json!({ "certificates": { "machines": { "names": ["orders.clients.test"] } } }));
    let stranger = scene.holder(&["mesh.clients.test"]);
    let outcome = scene.walk.send_on(scene.connect(Some(&stranger)), get("/either"));
    outcome.refused(Reason::CredentialMissing);
    assert_eq!(outcome.response.headers.all("www-authenticate").len(), 2);
    let token = scene.walk.token("orders:read");
    scene.walk.send_on(scene.connect(Some(&stranger)), get("/either").bearer(&token)).passed();
    // A bad token is not made good by a good certificate.
    let known = scene.holder(&["orders.clients.test"]);
    scene
        .walk
        .send_on(scene.connect(Some(&known)), get("/either").bearer("garbage"))
        .refused(Reason::TokenMalformed);
    scene.walk.send_on(scene.connect(Some(&known)), get("/either")).passed();
}

/// argon2id of `correct horse`, at OWASP's least cost.
fn users() -> String {
    use argon2::password_hash::PasswordHasher as _;
    let hash = argon2::Argon2::default().hash_password(b"correct horse").unwrap();
    format!("alice:{hash}\nbob:{hash}\n")
}

fn with_passwords(policy: Value) -> Setup {
    Setup::new()
        .secret("users", users())
        .contract(json!({
            "paths": { "/legacy": { "get": {
                "security": [{ "legacy": [] }], "responses": { "200": { "description": "Done." } },
            } } },
            "components": { "securitySchemes": { "legacy": { "type": "http", "scheme": "basic" } } },
        }))
        .policy(policy)
}

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(pair))
}

#[test]
fn a_password_is_taken_over_tls_by_opt_in_and_goes_no_further() {
    let walk = with_passwords(json!({ "passwords": { "legacy": { "users": "${file:users}" } } })).start();
    for _ in 0..2 {
        let outcome = walk.send_tls(get("/legacy").with(basic("alice:correct horse")));
        let seen = outcome.passed();
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.header("x-auth-subject"), Some("alice"));
        assert_eq!(seen.header("x-auth-issuer"), Some("passwords:legacy"));
    }
    for pair in ["alice:wrong", "mallory:correct horse", "alice:", "bob:correct horse "] {
        let outcome = walk.send_tls(get("/legacy").with(basic(pair)));
        outcome.refused(Reason::PasswordInvalid);
        assert_eq!(outcome.header("www-authenticate"), Some("Basic realm=\"shop\", charset=\"UTF-8\""));
    }
    for malformed in ["Authorization: Basic ***", "Authorization: Basic YWxpY2U=", "Authorization: Basic "] {
        walk.send_tls(get("/legacy").with(malformed)).refused(Reason::CredentialMalformed);
    }
    let missing = walk.send_tls(get("/legacy"));
    missing.refused(Reason::CredentialMissing);
    assert!(missing.response.headers.all("www-authenticate").iter().any(|value| value.starts_with("Basic ")));
    // In the clear it has been seen by others, right or wrong.
    walk.send(get("/legacy").with(basic("alice:correct horse"))).refused(Reason::PlaintextCredential);
    // Where passwords are not declared, one is no credential.
    walk.send_tls(get("/orders").with(basic("alice:correct horse"))).refused(Reason::CredentialMissing);
    let text = walk.record.text();
    assert!(!text.contains("correct horse") && !text.contains(&STANDARD.encode("alice:correct horse")));
}

// proves: AUTHN-37
#[test]
fn guessing_passwords_is_stopped_before_the_next_hash() {
    let walk = with_passwords(json!({
        "passwords": { "legacy": { "users": "${file:users}" } },
        "limits": { "failures": { "peer": { "rate": "1000/1h" }, "credential": { "rate": "2/1h" } } },
    }))
    .start();
    for guess in ["alice:1", "alice:2"] {
        walk.send_tls(get("/legacy").with(basic(guess))).refused(Reason::PasswordInvalid);
    }
    walk.send_tls(get("/legacy").with(basic("alice:3"))).refused(Reason::FailuresExceeded);
    walk.send_tls(get("/legacy").with(basic("bob:correct horse"))).passed();
}

#[test]
fn without_opt_in_a_document_cannot_bring_passwords_in() {
    match with_passwords(json!({})).try_start() {
        Err(portcullis_gateway::StartError::Configuration(mistakes)) => {
            let codes: Vec<_> = mistakes.errors().map(|mistake| mistake.code().0).collect();
            assert_eq!(codes, [portcullis_config::codes::upstream::SCHEME_UNKNOWN.0]);
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}
