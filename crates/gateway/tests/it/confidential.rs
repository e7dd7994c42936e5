//! What a stranger can tell of what is there, and what the upstream is told of certificates.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Answer, Authority, RawClient, TlsOffer, Upstream, wait};
use serde_json::{Value, json};

use crate::walk::{Ask, HOST, Outcome, Setup, Walk, get};

/// What must not differ: status, body but for the receipt, and which fields there are.
fn shape(outcome: &Outcome) -> (u16, Value, Vec<String>) {
    let mut problem = outcome.response.json();
    problem["instance"] = json!(null);
    let mut names = outcome.response.headers.names();
    names.sort();
    (outcome.response.status, problem, names)
}

const BAND: Duration = Duration::from_millis(200);

/// An API whose orders are confidential. The upstream has none of the first name and refuses the second.
fn confidential() -> Walk {
    let upstream = Upstream::start(|seen| match seen.target.as_str() {
        "/orders/absent" => Answer::respond(404, &[("ETag", "\"1\""), ("X-Shard", "7")], "no such order"),
        "/orders/theirs" => Answer::respond(403, &[("Content-Type", "text/plain")], "not yours, but bob's"),
        _ => Answer::ok("yours"),
    });
    Setup::new()
        .upstream(upstream)
        .policy(json!({ "timeouts": { "conceal": "200ms" } }))
        .api(json!({
            "limits": { "caller": [{ "name": "default", "rate": "100/1h" }] },
            "overrides": {
                "GET /orders/{name}": { "authorize": { "confidential": true } },
                "GET /admin/x": { "authorize": { "confidential": true } },
            },
        }))
        .start()
}

/// Every way to be told that there is nothing, by the reason in the record.
fn ways(walk: &Walk) -> [(Ask, Reason); 5] {
    let (reader, writer) = (walk.token("orders:read"), walk.token("orders:write"));
    [
        (get("/orders/absent").bearer(&reader), Reason::ObjectAbsent),
        (get("/orders/theirs").bearer(&reader), Reason::ObjectAbsent),
        (get("/orders/7").bearer(&writer), Reason::ObjectConcealed),
        (get("/admin/x").bearer(&reader), Reason::ObjectConcealed),
        (get("/admin/nothing").bearer(&reader), Reason::OperationUnknown),
    ]
}

// proves: ERR-05
#[test]
fn forbidden_and_absent_cannot_be_told_apart_where_that_was_asked_for() {
    let walk = confidential();
    let shapes: Vec<_> = ways(&walk)
        .into_iter()
        .map(|(request, reason)| {
            let outcome = walk.send(request);
            outcome.ended(reason);
            shape(&outcome)
        })
        .collect();
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]), "{shapes:#?}");
    assert_eq!(shapes[0].0, 404);
}

// Answers leave at the ends of bands, by a timer: none of them can come before, however fast the machine is,
// and each of them comes in the first band sooner or later, however slow it is.
// proves: ERR-05
#[test]
fn forbidden_and_absent_take_equally_long() {
    let walk = confidential();
    let clock = Clock::machine();
    for (request, reason) in ways(&walk) {
        let bytes = Vec::from(request);
        wait::until(&format!("{reason} in the first band"), || {
            let asked = clock.now().mono;
            let response = walk.client().ask(&bytes);
            let took = clock.now().mono.saturating_sub(asked);
            assert_eq!(response.status, 404, "{reason}");
            assert!(took >= BAND, "{reason} was told after {took:?}");
            took < 2 * BAND
        });
    }
    walk.account_for_stray_events();
}

// proves: ERR-05
#[test]
fn forbidden_and_absent_cost_the_caller_the_same() {
    let walk = confidential();
    let left = || {
        let outcome = walk.send(get("/orders/7").bearer(&walk.token("orders:read")));
        let field = outcome.header("ratelimit").expect("a standing").to_owned();
        let rest = field.split(";r=").nth(1).and_then(|rest| rest.split(';').next()).expect("a rest");
        rest.parse::<u32>().expect("a number")
    };
    for (request, reason) in ways(&walk).into_iter().take(4) {
        let before = left();
        walk.send(request).ended(reason);
        assert_eq!(left(), before - 2, "{reason}");
    }
}

#[test]
fn what_is_not_confidential_says_what_it_is() {
    let walk = Setup::new().answering(Answer::respond(404, &[], "no such order")).start();
    let outcome = walk.send(get("/orders/7").bearer(&walk.token("orders:read")));
    assert_eq!((outcome.response.status, outcome.response.text()), (404, "no such order"));
    outcome.forwarded();
    walk.send(get("/orders/7").bearer(&walk.token("orders:write"))).refused(Reason::ScopeInsufficient);
}

// proves: TLS-17
#[test]
fn a_certificate_reaches_the_upstream_as_it_was_verified_and_in_no_other_way() {
    let servers = Authority::new();
    let server = servers.server(&[HOST]);
    let clients = Authority::named("clients");
    let walk = Setup::new()
        .file("mutual.pem", server.chain_pem())
        .secret("mutual.key", server.key_pem())
        .file("clients.pem", clients.pem())
        .policy(json!({
            "listen": [
                { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" },
                { "address": "127.0.0.1:0", "protocol": "tls", "tls": {
                    "certificates": [{ "chain": "mutual.pem", "key": "mutual.key" }],
                    "client_certificates": { "authorities": "clients.pem", "mode": "optional" },
                } },
            ],
        }))
        .start();
    let connect = |offer: &TlsOffer| RawClient::connect_tls(walk.address(1), offer).unwrap();
    let forged = || get("/public").with("Client-Cert: :Zm9yZ2Vk:").with("client_cert_chain: :Zm9yZ2Vk:");

    let nobody = walk.send_on(connect(&TlsOffer::new(&servers, HOST)), forged());
    assert_eq!(nobody.passed().header("client-cert"), None);
    assert!(!nobody.passed().text().to_lowercase().contains("zm9yz2vk"));

    let identity = clients.client(&["caller.test"]);
    let somebody = walk.send_on(connect(&TlsOffer::showing(&servers, HOST, &identity)), forged());
    // RFC 9440 §2.2: the certificate's DER as a byte sequence of structured fields.
    let leaf = STANDARD.encode(&identity.chain()[0]);
    assert_eq!(somebody.passed().header("client-cert"), Some(format!(":{leaf}:").as_str()));
    assert!(!somebody.passed().text().to_lowercase().contains(":zm9yz2vk:"));
}
