//! What a stranger can tell of what is there, and what the upstream is told of certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::Reason;
use portcullis_testkit::{Authority, RawClient, TlsOffer};
use serde_json::json;

use crate::walk::{HOST, Setup, get};

// proves-part: ERR-05 (the timing band is not measured)
#[test]
fn forbidden_and_absent_cannot_be_told_apart_where_that_was_asked_for() {
    let walk = Setup::new()
        .api(json!({ "overrides": { "GET /admin/x": { "authorize": { "confidential": true } } } }))
        .start();
    let token = walk.token("orders:read");
    let shape = |path: &str, reason| {
        let outcome = walk.send(get(path).bearer(&token));
        let response = &outcome.refused(reason).response;
        let mut problem = response.json();
        problem["instance"] = json!(null);
        let mut names = response.headers.names();
        names.sort();
        (response.status, problem, names)
    };
    assert_eq!(shape("/admin/x", Reason::ObjectConcealed), shape("/admin/nothing", Reason::OperationUnknown));
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
