//! What the gateway makes of changed certificates, of revocations and of handshakes that fail
//! (TLS-16, 18, 20). How TLS itself behaves is tested in `portcullis-tls`.

use std::time::Duration;

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Answer, Authority, Identity, Leaf, RawClient, TlsOffer, Validity, wait};
use serde_json::{Value, json};

use crate::walk::{HOST, Setup, Walk, get};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One TLS listener with the certificate files `mutual.pem` and `mutual.key`.
fn listener(more: Value) -> Value {
    let mut tls = json!({ "certificates": [{ "chain": "mutual.pem", "key": "mutual.key" }] });
    crate::walk::merge(&mut tls, more);
    json!({ "listen": [
        { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" },
        { "address": "127.0.0.1:0", "protocol": "tls", "tls": tls },
    ] })
}

fn with_certificate(setup: Setup, server: &Identity) -> Setup {
    setup.file("mutual.pem", server.chain_pem()).secret("mutual.key", server.key_pem())
}

/// Whether a client that shows this certificate gets an answer.
fn is_let_in(walk: &Walk, servers: &Authority, identity: &Identity) -> bool {
    let offer = TlsOffer::showing(servers, HOST, identity);
    let Ok(mut client) = RawClient::connect_tls(walk.address(1), &offer) else { return false };
    client.try_send(Vec::from(get("/public"))).is_ok() && client.response().is_ok()
}

// proves: TLS-16
#[test]
fn a_revoked_certificate_is_refused_as_soon_as_the_list_changes() {
    let (servers, clients) = (Authority::new(), Authority::named("clients"));
    let (good, bad) = (clients.client(&["good.test"]), clients.client(&["bad.test"]));
    let next = Validity::for_days(60).to;
    let setup = with_certificate(Setup::new(), &servers.server(&[HOST]))
        .file("clients.pem", clients.pem())
        .file("revoked.pem", clients.revocations(&[], next));
    let walk = setup
        .policy(listener(json!({ "client_certificates": {
            "authorities": "clients.pem", "revocations": ["revoked.pem"],
        } })))
        .watching()
        .start();
    assert!(is_let_in(&walk, &servers, &bad));
    walk.workspace.file("revoked.pem", clients.revocations(&[&bad], next));
    wait::until("the changed list is noticed", || !is_let_in(&walk, &servers, &bad));
    assert!(is_let_in(&walk, &servers, &good));
    walk.record.wait_until("the refusal", |event| {
        event["event"] == "crypt_handshake_fail" && event["cause"].to_string().contains("revoked")
    });
    walk.account_for_stray_events();
}

// proves: TLS-16
#[test]
fn a_list_past_its_next_update_lets_nobody_in_and_raises_an_alarm() {
    let clock = Clock::manual(Clock::machine().now().wall);
    let (servers, clients) = (Authority::new(), Authority::named("clients"));
    let good = clients.client(&["good.test"]);
    let server = servers.issue(&Leaf::server(&[HOST]).valid(Validity::for_days(300)));
    let walk = with_certificate(Setup::new(), &server)
        .clock(clock.clone())
        .file("clients.pem", clients.pem())
        .file("revoked.pem", clients.revocations(&[], Validity::for_days(1).to))
        .policy(listener(json!({ "client_certificates": {
            "authorities": "clients.pem", "revocations": ["revoked.pem"],
        } })))
        .start();
    assert!(is_let_in(&walk, &servers, &good));
    clock.advance(2 * DAY);
    assert!(!is_let_in(&walk, &servers, &good), "a stale list was believed");
    walk.record.wait_until("the refusal", |event| {
        event["event"] == "crypt_handshake_fail" && event["cause"].to_string().contains("stale")
    });
    walk.gateway().reload().expect("a stale list is a warning");
    walk.record.wait_until("the alarm", |event| {
        event["event"] == "sys_certificate_expiring" && event.to_string().contains("revocation")
    });
    walk.account_for_stray_events();
}

// proves: TLS-18
#[test]
fn changed_files_are_served_to_new_handshakes_while_old_streams_finish() {
    let servers = Authority::new();
    let (before, after) = (servers.server(&[HOST]), servers.server(&[HOST]));
    let (answer, feeder) = Answer::fed(&[]);
    let walk = with_certificate(Setup::new(), &before)
        .upstream(portcullis_testkit::Upstream::in_turn(vec![answer]))
        .policy(listener(json!({})))
        .watching()
        .start();
    let offer = TlsOffer::new(&servers, HOST);
    let shown = || {
        let client = RawClient::connect_tls(walk.address(1), &offer).expect("a handshake");
        client.into_socket().peer_certificates().to_vec()
    };
    let mut old = RawClient::connect_tls(walk.address(1), &offer).expect("a handshake");
    old.send(Vec::from(get("/public")));
    assert_eq!(old.response_head().unwrap().0, 200);
    assert_eq!(shown(), before.chain());

    walk.workspace.file("mutual.pem", after.chain_pem());
    walk.workspace.secret("mutual.key", after.key_pem());
    wait::until("the new certificate is shown", || shown() == after.chain());
    feeder.give("still here");
    assert_eq!(old.chunk().unwrap(), portcullis_testkit::wire::Chunk::Content(b"still here".to_vec()));
    drop(feeder);
    assert!(matches!(old.chunk().unwrap(), portcullis_testkit::wire::Chunk::Last(_)));
    walk.settle_events(1);
}

// proves: TLS-18
#[test]
fn a_certificate_that_ends_is_warned_of_at_thirty_fourteen_and_seven_days() {
    let clock = Clock::manual(Clock::machine().now().wall);
    let servers = Authority::new();
    let server = servers.issue(&Leaf::server(&[HOST]).valid(Validity::for_days(40)));
    let walk =
        with_certificate(Setup::new(), &server).clock(clock.clone()).policy(listener(json!({}))).start();
    let warnings = || {
        let all = walk.record.all();
        all.iter().filter(|event| event["event"] == "sys_certificate_expiring").count()
    };
    assert_eq!(warnings(), 0);
    for (days, expected) in [(11, 1), (1, 1), (16, 2), (1, 2), (5, 3)] {
        clock.advance(days * DAY);
        walk.gateway().reload().expect("nothing is wrong");
        // The look at the calendar comes right after the reload; a second one has surely seen it.
        walk.gateway().reload().expect("nothing is wrong");
        wait::until("the warning", || warnings() >= expected);
        assert_eq!(warnings(), expected);
    }
}

// proves: TLS-20
#[test]
fn a_failed_handshake_is_recorded_on_either_side_and_without_keys() {
    let (servers, clients) = (Authority::new(), Authority::named("clients"));
    let walk = with_certificate(Setup::new(), &servers.server(&[HOST]))
        .file("clients.pem", clients.pem())
        .policy(listener(json!({ "client_certificates": { "authorities": "clients.pem" } })))
        .start();
    RawClient::connect(walk.address(1)).send("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n");
    let stranger = Authority::named("strangers").client(&["caller.test"]);
    assert!(!is_let_in(&walk, &servers, &stranger));
    let listener = walk.address(1).to_string();
    for cause in ["not_tls", "peer_certificate"] {
        let event = walk.record.wait_until(cause, |event| {
            event["event"] == "crypt_handshake_fail" && event["cause"].to_string().contains(cause)
        });
        assert_eq!(
            (&event["peer"], &event["listener"]),
            (&json!("127.0.0.1"), &json!(listener)),
            "{event:#}"
        );
    }

    let upstream = portcullis_testkit::Upstream::plan()
        .tls(Authority::named("others").server(&["localhost"]).server_config(&["http/1.1"]))
        .start(|_| Answer::ok("never"));
    let address = upstream.url_by_name("localhost");
    let walk = Setup::new()
        .upstream(upstream)
        .file("upstream-ca.pem", servers.pem())
        .api(json!({ "upstream": { "addresses": [address], "tls": { "authorities": "upstream-ca.pem" } } }))
        .start();
    let outcome = walk.send(get("/public"));
    outcome.refused(Reason::UpstreamUntrusted);
    let event = outcome.only_event();
    assert_eq!(event["event"], "crypt_handshake_fail", "{event:#}");
    assert!(event["note"].to_string().contains("UnknownIssuer"), "{event:#}");
    assert!(!walk.record.text().contains("PRIVATE KEY"));
}
