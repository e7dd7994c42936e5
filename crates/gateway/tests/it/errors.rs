//! What a client is told when it gets no for an answer (ERR-01 to 04, 06), and that every reason is reached.

use std::collections::BTreeSet;

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, ClosedPort, Identity, RawClient, Upstream};
use serde_json::{Value, json};

use crate::walk::{HOST, Outcome, Setup, Walk, ask, get, post_json};

const NOTE: &str = r#"{"text":"x"}"#;

/// Reasons that no request can reach yet, and whose they are.
const NOT_YET: &[(Reason, &str)] =
    &[(Reason::AttackSuspected, "the inspect stage, with the issue that brings `waf`")];

/// One way to be refused.
struct Case {
    reason: Reason,
    setup: fn() -> Setup,
    act: fn(&Walk) -> Outcome,
}

fn usual() -> Setup {
    Setup::new()
}

/// A case of the usual policy whose request is just sent.
macro_rules! sent {
    ($reason:ident, $request:expr) => {
        Case { reason: Reason::$reason, setup: usual, act: |walk| walk.send($request) }
    };
}

/// A case with a policy or an act of its own.
macro_rules! case {
    ($reason:ident, $setup:expr, $act:expr) => {
        Case { reason: Reason::$reason, setup: || $setup, act: $act }
    };
}

fn head(line: &str) -> String {
    format!("GET /public HTTP/1.1\r\nHost: {HOST}\r\n{line}\r\n\r\n")
}

fn note_with(line: &str, body: &str) -> String {
    format!("POST /notes HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n{line}\r\n\r\n{body}")
}

fn bad_token(walk: &Walk, claims: Value) -> Outcome {
    walk.send(get("/orders").bearer(&walk.token_with(claims)))
}

fn bad_header(walk: &Walk, header: Value) -> Outcome {
    walk.send(get("/orders").bearer(&walk.token_with_header(header)))
}

fn upstream(settings: Value) -> Setup {
    Setup::new().api(json!({ "upstream": settings }))
}

/// The usual API as the one version of a group whose requests may name it.
fn versioned() -> Setup {
    usual()
        .policy(json!({ "versions": { "all": { "by": { "header": "X-API-Version", "media_type": "version" } } } }))
        .api(json!({ "version": { "of": "all", "name": "v1" } }))
}

fn no_retry() -> Value {
    json!({ "retry": { "attempts": 0 } })
}

/// Waits for the response to what was sent so far, over a connection that the caller keeps.
fn response_on(walk: &Walk, client: &mut RawClient) -> Outcome {
    let response = client.response().expect("a response");
    walk.settle(response)
}

fn cases() -> Vec<Case> {
    vec![
        // listen
        sent!(RequestLineMalformed, format!("GET  /public HTTP/1.1\r\nHost: {HOST}\r\n\r\n")),
        sent!(HttpVersionUnsupported, format!("GET /public HTTP/9.1\r\nHost: {HOST}\r\n\r\n")),
        sent!(MethodTooLong, ask(&"A".repeat(200), "/public")),
        sent!(MethodRefused, ask("TRACE", "/public")),
        sent!(TargetTooLong, get(&format!("/{}", "a".repeat(64 * 1024)))),
        sent!(HeaderLineMalformed, head("X-A : b")),
        sent!(LineEndingMalformed, head("X-A: a\rb")),
        sent!(HeadTooLarge, head(&format!("X-A: {}", "a".repeat(64 * 1024)))),
        sent!(FramingAmbiguous, note_with("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        sent!(TransferEncodingRefused, note_with("Transfer-Encoding: gzip", "")),
        sent!(ContentLengthMalformed, note_with("Content-Length: +4", "")),
        sent!(ChunkMalformed, note_with("Transfer-Encoding: chunked", "x\r\n")),
        sent!(HostMalformed, "GET /public HTTP/1.1\r\n\r\n"),
        case!(AuthorityMismatch, usual(), |walk| {
            let mut h2 = walk.h2();
            let request = h2.request("GET", "/public").header("host", "evil.test");
            let response = h2.ask(request).expect("an answer");
            walk.settle(response)
        }),
        case!(HeadTimeout, usual().policy(json!({ "timeouts": { "head": "30ms" } })), |walk| {
            let mut client = walk.client();
            client.send("GET /public HTTP/1.1\r\n");
            response_on(walk, &mut client)
        }),
        case!(BodyTimeout, usual().policy(json!({ "timeouts": { "body": "30ms" } })), |walk| {
            let mut client = walk.client();
            client.send(note_with("Content-Length: 12", "{"));
            response_on(walk, &mut client)
        }),
        case!(BodyIncomplete, usual(), |walk| {
            let mut client = walk.client();
            client.send(note_with("Content-Length: 12", "{")).finish_sending();
            response_on(walk, &mut client)
        }),
        sent!(ExpectationUnknown, post_json("/notes", NOTE).with("Expect: a-miracle")),
        sent!(EarlyDataRefused, post_json("/notes", NOTE).with("Early-Data: 1")),
        case!(
            PlaintextCredential,
            usual().policy(json!({ "listen": [
            { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "guard" },
        ] })),
            |walk| walk.send(get("/public").bearer("a.b.c"))
        ),
        case!(
            PlaintextRefused,
            usual().api(json!({ "plaintext": "serve" })).policy(json!({ "listen": [
            { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "guard" },
        ] })),
            |walk| walk.send(get("/public"))
        ),
        sent!(AuthorityUnknown, get("/public").host("evil.test")),
        case!(AuthorityMisdirected, mutual(), |walk| {
            let offer = walk.offer().named("other.test");
            walk.send_on(
                RawClient::connect_tls(walk.address(1), &offer).expect("a handshake"),
                get("/public"),
            )
        }),
        // limit, by peer
        case!(
            PeerRateExceeded,
            usual().policy(json!({ "limits": { "peer": [{ "rate": "1/1h" }] } })),
            |walk| {
                walk.send(get("/public")).passed();
                walk.send(get("/public"))
            }
        ),
        // route
        sent!(PathAmbiguous, get("/orders%2f1")),
        sent!(TargetMalformed, get("/orders/%zz")),
        sent!(OperationUnknown, get("/nowhere")),
        sent!(MethodUndeclared, ask("DELETE", "/public")),
        case!(
            VersionRetired,
            usual().contract(json!({ "paths": { "/old": { "get": {
            "x-portcullis-access": "public", "x-portcullis-lifecycle": { "state": "retired" },
            "responses": { "200": { "description": "Done." } },
        } } } })),
            |walk| walk.send(get("/old"))
        ),
        case!(
            VersionBrownout,
            usual().api(json!({ "lifecycle": {
                "sunset_at": "2099-12-31",
                "brownouts": [{ "from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z" }],
            } })),
            |walk| walk.send(get("/public"))
        ),
        case!(VersionUnknown, versioned(), |walk| walk.send(get("/public").with("X-API-Version: 9"))),
        case!(VersionUnacceptable, versioned(), |walk| walk
            .send(get("/public").with("Accept: a/b;version=9"))),
        case!(VersionAmbiguous, versioned(), |walk| {
            walk.send(get("/public").with("X-API-Version: 1").with("Accept: a/b;version=9"))
        }),
        case!(
            VersionMissing,
            versioned().policy(json!({ "apis": { "other": {
                "version": { "of": "all", "name": "v2" },
                "contract": "openapi.json", "hosts": ["api.test"], "upstream": "http://127.0.0.1:9",
            } } })),
            |walk| walk.send(get("/public"))
        ),
        sent!(LoopDetected, get("/public").with("Via: 1.1 portcullis")),
        case!(
            OriginRefused,
            usual().api(json!({ "cors": { "origins": ["https://app.example"] } })),
            |walk| {
                let preflight = ask("OPTIONS", "/orders").with("Origin: https://evil.example");
                walk.send(preflight.with("Access-Control-Request-Method: GET"))
            }
        ),
        case!(
            UpgradeRefused,
            usual().api(json!({ "overrides": { "GET /socket": { "upgrade": ["websocket"] } } })),
            |walk| {
                let lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
                walk.send(lines.iter().fold(get("/socket"), |ask, line| ask.with(*line)))
            }
        ),
        // identify
        sent!(CredentialMissing, get("/orders")),
        sent!(CredentialAmbiguous, get("/orders").bearer("a.b.c").bearer("a.b.c")),
        sent!(CredentialMalformed, get("/orders").with("Authorization: Bearer a b")),
        sent!(TokenTooLarge, get("/orders").bearer(&format!("a.{}.c", "b".repeat(12 * 1024)))),
        sent!(TokenMalformed, get("/orders").bearer("garbage")),
        case!(TokenTypeWrong, usual(), |walk| bad_header(walk, json!({ "typ": "JWT" }))),
        case!(TokenAlgorithmRefused, usual(), |walk| bad_header(walk, json!({ "alg": "none" }))),
        case!(TokenCriticalUnknown, usual(), |walk| bad_header(walk, json!({ "crit": ["x"], "x": 1 }))),
        case!(TokenIssuerUnknown, usual(), |walk| bad_token(walk, json!({ "iss": "https://evil.test" }))),
        case!(TokenKeyUnknown, usual(), |walk| bad_header(walk, json!({ "kid": "nobody's" }))),
        case!(TokenSignatureInvalid, usual(), |walk| {
            let token = walk.token("orders:read");
            let signature = token.rfind('.').expect("three parts");
            walk.send(get("/orders").bearer(&format!("{}.{}", &token[..signature], "A".repeat(86))))
        }),
        case!(TokenClaimMalformed, usual(), |walk| bad_token(walk, json!({ "sub": null }))),
        case!(TokenAudienceMismatch, usual(), |walk| bad_token(walk, json!({ "aud": "another" }))),
        case!(TokenExpired, usual(), |walk| bad_token(walk, json!({ "exp": 1_000_000_000 }))),
        case!(TokenNotYetValid, usual(), |walk| bad_token(walk, json!({ "nbf": 4_000_000_000_u64 }))),
        case!(
            TokenLifetimeExceeded,
            usual().policy(json!({ "identity": { "customers": { "maximum_lifetime": "60s" } } })),
            |walk| walk.send(get("/orders").bearer(&walk.token("orders:read")))
        ),
        case!(TokenBindingUnproven, usual(), |walk| bad_token(walk, json!({ "cnf": { "jkt": "x" } }))),
        case!(
            KeysUnavailable,
            usual().policy(json!({ "identity": { "customers": {
            "jwks": { "file": null, "url": "https://localhost:1/jwks" },
        } } })),
            |walk| walk.send(get("/orders").bearer(&walk.token("orders:read")))
        ),
        case!(CertificateMissing, certificates(), |walk| walk.send_tls(get("/private"))),
        // authorize
        case!(ScopeInsufficient, usual(), |walk| walk
            .send(get("/admin/x").bearer(&walk.token("orders:read")))),
        case!(
            ObjectConcealed,
            usual().api(json!({ "overrides": { "GET /admin/x": {
            "authorize": { "confidential": true },
        } } })),
            |walk| walk.send(get("/admin/x").bearer(&walk.token("orders:read")))
        ),
        case!(
            ObjectAbsent,
            usual().answering(Answer::respond(404, &[], "no such order")).api(json!({ "overrides": {
                "GET /orders": { "authorize": { "confidential": true } },
            } })),
            |walk| walk.send(get("/orders").bearer(&walk.token("orders:read")))
        ),
        case!(
            PermitMissing,
            usual().api(json!({ "overrides": { "GET /orders": { "authorize": { "roles": ["clerk"] } } } })),
            |walk| walk.send(get("/orders").bearer(&walk.token("orders:read")))
        ),
        // limit, by caller
        case!(
            CallerRateExceeded,
            usual().api(json!({ "limits": { "caller": [{ "rate": "1/1h" }] } })),
            |walk| {
                let token = walk.token("orders:read");
                walk.send(get("/orders").bearer(&token)).passed();
                walk.send(get("/orders").bearer(&token))
            }
        ),
        case!(
            FailuresExceeded,
            usual().policy(json!({ "limits": { "failures": { "peer": { "rate": "1/1h" } } } })),
            |walk| {
                bad_token(walk, json!({ "exp": 1_000_000_000 })).refused(Reason::TokenExpired);
                bad_token(walk, json!({ "exp": 1_000_000_001 }))
            }
        ),
        case!(ConcurrencyExceeded, held().api(json!({ "limits": { "concurrency": 1 } })), |walk| {
            let token = walk.token("orders:read");
            let mut first = walk.client();
            first.send(Vec::from(get("/orders").bearer(&token)));
            walk.account_for_requests(1);
            let outcome = walk.send(get("/orders").bearer(&token));
            drop(first);
            walk.account_for_stray_events();
            outcome
        }),
        case!(
            BudgetExhausted,
            usual().api(json!({ "limits": { "keyed": [{ "by": [], "quotas": [{ "rate": "1/1h" }] }] } })),
            |walk| {
                walk.send(get("/public")).passed();
                walk.send(get("/public"))
            }
        ),
        // One under way is this one itself, and more than 70 percent of one.
        case!(
            Overloaded,
            usual()
                .policy(json!({ "limits": { "under_way": 1 } }))
                .api(json!({ "limits": { "priority": "low" } })),
            |walk| walk.send(get("/public"))
        ),
        // validate
        case!(BodyTooLarge, usual().api(json!({ "overrides": { "POST /notes": { "body": 5 } } })), |walk| {
            walk.send(post_json("/notes", NOTE))
        }),
        sent!(MediaTypeUnsupported, ask("POST", "/notes").with("Content-Type: text/plain").body("x")),
        sent!(ContentCodingUnsupported, post_json("/notes", NOTE).with("Content-Encoding: gzip")),
        sent!(BodyMalformed, post_json("/notes", "{")),
        sent!(RequestInvalid, post_json("/notes", "{}")),
        case!(RequestUnprocessable, usual().api(json!({ "schemas": { "invalid_status": 422 } })), |walk| {
            walk.send(post_json("/notes", "{}"))
        }),
        case!(
            AcceptUnsatisfiable,
            usual().contract(json!({ "paths": { "/report": { "get": {
            "x-portcullis-access": "public",
            "responses": { "200": { "description": "Done.", "content": { "application/json": {} } } },
        } } } })),
            |walk| walk.send(get("/report").with("Accept: image/png"))
        ),
        sent!(HeaderRepeated, post_json("/notes", NOTE).with("Content-Type: text/plain")),
        // forward
        case!(UpstreamUnreachable, upstream(json!({ "addresses": [closed_port()] })), |walk| walk
            .send(get("/public"))),
        case!(UpstreamUntrusted, untrusted(), |walk| walk.send(get("/public"))),
        case!(UpstreamReset, upstream(no_retry()).answering(Answer::Reset), |walk| walk.send(get("/public"))),
        case!(UpstreamMalformed, upstream(no_retry()).answering(Answer::raw("nonsense\r\n\r\n")), |walk| {
            walk.send(get("/public"))
        }),
        case!(
            UpstreamTimeout,
            upstream(json!({ "timeouts": { "first_byte": "30ms" }, "retry": { "attempts": 0 } }))
                .answering(Answer::Stall),
            |walk| walk.send(get("/public"))
        ),
        case!(
            UpstreamCircuitOpen,
            upstream(json!({ "circuit": { "failures": 1 }, "retry": { "attempts": 0 } }))
                .answering(Answer::Reset),
            |walk| {
                walk.send(get("/public")).ended(Reason::UpstreamReset);
                walk.send(get("/public"))
            }
        ),
        case!(UpstreamSaturated, held().api(json!({ "upstream": { "concurrency": 1 } })), |walk| {
            let mut first = walk.client();
            first.send(Vec::from(get("/public")));
            walk.account_for_requests(1);
            let outcome = walk.send(get("/public"));
            drop(first);
            walk.account_for_stray_events();
            outcome
        }),
        // release
        case!(UpstreamUnavailable, usual().answering(Answer::respond(503, &[], "a trace")), |walk| {
            walk.send(get("/public"))
        }),
        case!(UpstreamFailed, usual().answering(Answer::respond(500, &[], "a trace")), |walk| walk
            .send(get("/public"))),
        case!(ResponseInvalid, usual().api(json!({ "responses": { "mode": "block" } })), |walk| walk
            .send(get("/public"))),
    ]
}

fn held() -> Setup {
    Setup::new().answering(Answer::Stall)
}

fn closed_port() -> String {
    // Held for the life of the process: nobody else may start to listen there.
    let port = Box::leak(Box::new(ClosedPort::new()));
    format!("http://{}", port.address())
}

fn untrusted() -> Setup {
    // Signed by itself, where the public's authorities are asked for.
    let config = Identity::self_signed(&["localhost"]).server_config(&["http/1.1"]);
    let upstream = Box::leak(Box::new(Upstream::plan().tls(config).start(|_| Answer::ok("never"))));
    Setup::new().api(json!({ "upstream": { "addresses": [upstream.url_by_name("localhost")] } }))
}

/// Client certificates are asked for, so the name of the handshake counts.
fn mutual() -> Setup {
    let clients = portcullis_testkit::Authority::named("clients");
    Setup::new().file("clients.pem", clients.pem()).policy(json!({
        "listen": [
            { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" },
            { "address": "127.0.0.1:0", "protocol": "tls", "tls": {
                "certificates": [{ "chain": "server.pem", "key": "server.key" }],
                "client_certificates": { "authorities": "clients.pem", "mode": "optional" },
            } },
        ],
        "apis": { "shop": { "hosts": [HOST, "other.test"] } },
    }))
}

/// An operation whose credential is a client certificate.
fn certificates() -> Setup {
    mutual().contract(json!({
        "paths": { "/private": { "get": {
            "security": [{ "mutual": [] }], "responses": { "200": { "description": "Done." } },
        } } },
        "components": { "securitySchemes": { "mutual": { "type": "mutualTLS" } } },
    }))
}

/// What must never be told: names, addresses, versions, files, the tools we are made of.
const INTERNAL: [&str; 16] = [
    "127.0.0.1",
    "localhost:",
    "portcullis.yaml",
    "openapi.json",
    "jwks.json",
    "/tmp/",
    ".rs",
    "panicked",
    "hyper",
    "rustls",
    "tokio",
    "serde",
    "a trace",
    "regex",
    "Error {",
    "https://id.test",
];

// proves: ERR-01, ERR-02, ERR-04
#[test]
fn every_reason_is_reached_and_tells_what_it_must_and_nothing_more() {
    let mut reached = BTreeSet::new();
    for case in cases() {
        println!("{}", case.reason);
        let walk = (case.setup)().start();
        let outcome = (case.act)(&walk);
        // `ended` checks the document, the event and their ids (ERR-01).
        outcome.ended(case.reason);
        if case.reason.facts().stage < portcullis_domain::Stage::Forward {
            assert!(outcome.seen.is_empty(), "{}: the upstream saw {:#?}", case.reason, outcome.seen);
        }
        tells_nothing_internal(&outcome);
        carries_its_field(&outcome);
        reached.insert(case.reason);
    }
    let listed =
        |reason: &Reason| ELSEWHERE.contains(reason) || NOT_YET.iter().any(|(not_yet, _)| not_yet == reason);
    let missing: Vec<_> =
        Reason::ALL.iter().filter(|reason| !reached.contains(reason) && !listed(reason)).collect();
    assert!(missing.is_empty(), "no case reaches {missing:?}");
    let outdated: Vec<_> = reached.iter().filter(|reason| listed(reason)).collect();
    assert!(outdated.is_empty(), "take these off the lists: {outdated:?}");
}

/// Reasons reached by tests of their own below and elsewhere, because no single answer shows them.
const ELSEWHERE: &[Reason] = &[
    Reason::PeerConnectionsExceeded,
    Reason::ClientGone,
    Reason::PolicyMissing,
    Reason::InternalFault,
    Reason::RecordUnavailable,
    // in `api_keys` and `revocation`
    Reason::TokenRevoked,
    Reason::KeyMalformed,
    Reason::KeyUnknown,
    Reason::KeyExpired,
    Reason::KeyRevoked,
    Reason::KeyMisplaced,
    Reason::StoreUnavailable,
    // in `shared_limits`
    Reason::LimitsUnavailable,
    // in `authorization`
    Reason::RuleFailed,
    // in `decisions`
    Reason::DecisionUnavailable,
    // in `flows`
    Reason::FlowStepMissing,
    Reason::FlowPaceExceeded,
    // in `objects`
    Reason::ObjectForeign,
    Reason::ObjectAmbiguous,
    Reason::AnswerForeign,
    // in `values`
    Reason::GraphqlIntrospectionRefused,
    // in `detection`
    Reason::SubjectThrottled,
    Reason::SubjectBlocked,
    // in `sessions`
    Reason::SessionUnknown,
    Reason::CrossSiteRefused,
    Reason::LoginUnsolicited,
    Reason::LoginUnproven,
    Reason::LogoutTokenInvalid,
    Reason::LoginsSaturated,
    Reason::ProviderUnavailable,
    // in `possession`, `step_up` and `introspection`
    Reason::SenderConstraintMissing,
    Reason::TokenInactive,
    Reason::ProofMalformed,
    Reason::ProofSignatureInvalid,
    Reason::ProofMismatched,
    Reason::ProofOutdated,
    Reason::ProofReplayed,
    Reason::ProofNonceWanted,
    Reason::ProofsSaturated,
    Reason::AuthenticationInsufficient,
    Reason::IntrospectionUnavailable,
    // in `certificates_and_passwords`, the last one in `authn`: no test has that much patience
    Reason::PasswordInvalid,
    Reason::CertificateUnlisted,
    Reason::PasswordsSaturated,
    // in `hand_over`
    Reason::ExchangeRefused,
    Reason::ExchangeUnavailable,
];

#[track_caller]
fn tells_nothing_internal(outcome: &Outcome) {
    let mut told = outcome.response.text().to_owned();
    for (name, value) in &outcome.response.headers.0 {
        told.push_str(&format!("\n{name}: {value}"));
    }
    for secret in INTERNAL {
        assert!(!told.contains(secret), "`{secret}` in {told}");
    }
}

/// RFC 9110 §10.2.1, §10.2.3, §15.5.2, §15.5.6, §15.5.16, §15.5.22.
#[track_caller]
fn carries_its_field(outcome: &Outcome) {
    let needed: &[&str] = match outcome.response.status {
        401 => &["www-authenticate"],
        405 => &["allow"],
        415 => &["accept", "accept-encoding"],
        426 => &["upgrade"],
        429 | 503 => &["retry-after"],
        _ => return,
    };
    assert!(
        needed.iter().any(|name| outcome.header(name).is_some()),
        "none of {needed:?} in {:#?}",
        outcome.response
    );
}

// proves: ERR-03
#[test]
fn an_upstreams_5xx_is_replaced_unless_the_route_passes_it_on() {
    let trace = "Traceback: File \"/srv/app.py\", line 7: SELECT * FROM users";
    for status in [500, 501, 502, 503, 504, 599] {
        let answer =
            Answer::respond(status, &[("X-Debug", "at app.py:7"), ("Content-Type", "text/html")], trace);
        let walk = Setup::new().answering(answer.clone()).start();
        let outcome = walk.send(get("/public"));
        outcome.ended(match status {
            503 => Reason::UpstreamUnavailable,
            504 => Reason::UpstreamTimeout,
            _ => Reason::UpstreamFailed,
        });
        assert!(!outcome.response.text().contains("app.py") && outcome.header("x-debug").is_none());
        let event = outcome.only_event();
        assert!(
            event.to_string().contains(&status.to_string()),
            "the record knows the real status: {event:#}"
        );

        let open = Setup::new().answering(answer).api(json!({ "upstream_errors": "pass" })).start();
        let outcome = open.send(get("/public"));
        assert_eq!((outcome.response.status, outcome.response.text()), (status, trace));
        outcome.forwarded();
    }
}

// proves: ERR-03
#[test]
fn an_upstreams_4xx_is_its_own_to_say() {
    let answer =
        Answer::respond(409, &[("Content-Type", "application/problem+json")], r#"{"title":"Sold out"}"#);
    let walk = Setup::new().answering(answer).start();
    let outcome = walk.send(get("/public"));
    assert_eq!((outcome.response.status, outcome.response.text()), (409, r#"{"title":"Sold out"}"#));
    outcome.forwarded();
}

#[test]
fn more_connections_than_one_peer_may_hold_are_closed_unanswered() {
    let walk = Setup::new().policy(json!({ "limits": { "peer_connections": 2 } })).start();
    let mut first = walk.client();
    let mut second = walk.client();
    assert_eq!(first.ask(Vec::from(get("/public"))).status, 200);
    assert_eq!(second.ask(Vec::from(get("/public"))).status, 200);
    let mut third = walk.client();
    third.send(Vec::from(get("/public")));
    third.expect_closed();
    assert_eq!(walk.upstream.count(), 2);
    drop(first);
    portcullis_testkit::wait::until("the place is free again", || {
        let mut again = walk.client();
        again.send(Vec::from(get("/public")));
        again.response().is_ok()
    });
    walk.account_for_stray_events();
}
