//! What happens when something is missing that a decision depends on: nothing is let through (GW-14).

use portcullis_domain::{Cause, Reason};
use portcullis_gateway::StartError;
use portcullis_testkit::{Answer, Authority, ClosedPort, RawClient, TlsOffer, Upstream, Validity, wait};
use serde_json::{Value, json};

use crate::walk::{HOST, Setup, Walk, get};

/// Refusals for want of something that a decision depends on, and where a request meets each of them.
const DEPENDENCIES: [(Reason, &str); 15] = [
    (Reason::KeysUnavailable, "whatever_a_decision_depends_on_is_stopped_nothing_is_forwarded"),
    (Reason::RecordUnavailable, "whatever_a_decision_depends_on_is_stopped_nothing_is_forwarded"),
    (Reason::InternalFault, "a_panic_in_any_stage_is_answered_and_recorded_and_takes_nobody_down"),
    (
        Reason::PolicyMissing,
        "without a policy there is no gateway: what_a_policy_needs_must_be_there_or_nothing_starts",
    ),
    (Reason::IntrospectionUnavailable, "introspection::when_the_issuer_cannot_be_asked_nobody_is_let_in"),
    (
        Reason::StoreUnavailable,
        "revocation::two_gateways_share_what_is_revoked_and_let_nobody_in_when_they_cannot_tell_for_long",
    ),
    (
        Reason::ProviderUnavailable,
        "sessions::logins::a_provider_that_is_not_there_is_an_outage_and_no_session",
    ),
    (Reason::LoginsSaturated, "sessions::logins::logins_without_end_fill_no_more_than_their_room"),
    (Reason::ProofsSaturated, "possession::a_proof_that_cannot_be_remembered_is_refused"),
    (
        Reason::LimitsUnavailable,
        "shared_limits::without_the_server_each_gateway_grants_its_part_and_no_guess_beyond_it_and_somebody_is_told",
    ),
    (Reason::Overloaded, "limits::load::what_matters_least_gives_way_first"),
    (Reason::PasswordsSaturated, "authn: what_cannot_be_checked_soon_is_refused"),
    (Reason::ExchangeUnavailable, "hand_over::without_a_token_for_the_upstream_nothing_is_forwarded"),
    (Reason::RuleFailed, "authorization::a_policy_that_fails_refuses_although_it_only_forbids"),
    (Reason::DecisionUnavailable, "decisions::failing::one_that_is_not_there_or_too_slow_refuses_in_time"),
];

/// A dependency that is built later must come into the list above, with a test that stops it.
#[test]
fn every_refusal_for_want_of_a_dependency_is_accounted_for() {
    let mut found: Vec<Reason> =
        Reason::ALL.iter().copied().filter(|reason| reason.facts().cause == Cause::Gateway).collect();
    let mut listed: Vec<Reason> = DEPENDENCIES.iter().map(|(reason, _)| *reason).collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed);
    assert!(found.iter().all(|reason| reason.status() >= 500));
}

/// Asks until it is refused for `reason`, and shows that from then on the upstream sees nothing.
#[track_caller]
fn denies(walk: &Walk, request: &[u8], reason: Reason) {
    let ask = || walk.client().ask(request);
    wait::until(reason.code(), || ask().status == 503);
    let seen = walk.upstream.count();
    let refused = ask();
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!(reason.facts().public_code)));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(walk.upstream.count(), seen, "{reason} was forwarded");
    walk.account_for_stray_events();
}

// The key source and the record are what a request depends on outside this process. Contracts, schemas,
// limits and demands are compiled in; what their files may do is tested below.
// proves: GW-14
#[test]
fn whatever_a_decision_depends_on_is_stopped_nothing_is_forwarded() {
    let port = ClosedPort::new();
    let url = format!("https://localhost:{}/jwks", port.address().port());
    let keys = Setup::new()
        .policy(json!({ "identity": { "customers": { "jwks": { "file": null, "url": url } } } }))
        .start();
    denies(&keys, &Vec::from(get("/orders").bearer(&keys.token("orders:read"))), Reason::KeysUnavailable);
    assert_eq!(keys.upstream.count(), 0);

    let record = Setup::new().policy(json!({ "audit": { "on_failure": "deny" } })).start();
    record.send(get("/public")).passed();
    record.record.0.fail(true);
    denies(&record, &Vec::from(get("/public")), Reason::RecordUnavailable);
}

/// A policy that needs every kind of file there is.
fn guarded(authorities: &Authorities) -> Setup {
    let Authorities { servers, clients, upstreams } = authorities;
    let upstream = Upstream::plan()
        .tls(upstreams.server(&["localhost"]).server_config(&["http/1.1"]))
        .start(|_| Answer::ok("private"));
    let address = upstream.url_by_name("localhost");
    let server = servers.server(&[HOST]);
    Setup::new()
        .upstream(upstream)
        .file("mutual.pem", server.chain_pem())
        .secret("mutual.key", server.key_pem())
        .file("clients.pem", clients.pem())
        .file("revoked.pem", clients.revocations(&[], Validity::for_days(30).to))
        .file("upstream-ca.pem", upstreams.pem())
        .secret("admin.token", "0123456789abcdef0123456789abcdef")
        .policy(json!({
            "admin": { "address": "127.0.0.1:0", "token": "${file:admin.token}" },
            "listen": [
                { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "refuse" },
                { "address": "127.0.0.1:0", "protocol": "tls", "tls": {
                    "certificates": [{ "chain": "mutual.pem", "key": "mutual.key" }],
                    "client_certificates": { "authorities": "clients.pem", "revocations": ["revoked.pem"] },
                } },
            ],
        }))
        .api(json!({ "upstream": { "addresses": [address], "tls": { "authorities": "upstream-ca.pem" } } }))
}

struct Authorities {
    servers: Authority,
    clients: Authority,
    upstreams: Authority,
}

impl Authorities {
    fn new() -> Self {
        Self {
            servers: Authority::new(),
            clients: Authority::named("clients"),
            upstreams: Authority::named("upstreams"),
        }
    }
}

/// The files that the policy above is made of.
const FILES: [&str; 7] = [
    "openapi.json",
    "jwks.json",
    "mutual.pem",
    "mutual.key",
    "clients.pem",
    "revoked.pem",
    "upstream-ca.pem",
];

// proves: GW-14
#[test]
fn what_a_policy_needs_must_be_there_or_nothing_starts() {
    let authorities = Authorities::new();
    for (section, patch) in missing() {
        match guarded(&authorities).policy(patch).try_start() {
            Err(StartError::Configuration(mistakes)) => assert!(mistakes.has_errors(), "{section}"),
            Err(other) => println!("{section}: {other}"),
            Ok(_) => panic!("started without {section}"),
        }
    }
}

/// What is named by the configuration and is not there.
fn missing() -> Vec<(&'static str, Value)> {
    vec![
        ("the contract", json!({ "apis": { "shop": { "contract": "gone.json" } } })),
        ("the keys", json!({ "identity": { "customers": { "jwks": { "file": "gone.json" } } } })),
        (
            "the upstream's authorities",
            json!({ "apis": { "shop": { "upstream": { "tls": { "authorities": "gone.pem" } } } } }),
        ),
        (
            "the clients' authorities",
            json!({ "listen": [{ "address": "127.0.0.1:0", "protocol": "tls", "tls": {
                "certificates": [{ "chain": "mutual.pem", "key": "mutual.key" }],
                "client_certificates": { "authorities": "gone.pem" },
            } }] }),
        ),
        (
            "the revocations",
            json!({ "listen": [{ "address": "127.0.0.1:0", "protocol": "tls", "tls": {
                "certificates": [{ "chain": "mutual.pem", "key": "mutual.key" }],
                "client_certificates": { "authorities": "clients.pem", "revocations": ["gone.pem"] },
            } }] }),
        ),
        ("the admin token", json!({ "admin": { "token": "${file:gone.token}" } })),
    ]
}

// proves: GW-14
#[test]
fn a_file_that_breaks_under_a_running_gateway_opens_nothing() {
    let authorities = Authorities::new();
    let walk = guarded(&authorities).start();
    let identity = authorities.clients.client(&["caller.test"]);
    let strangers = Authority::named("strangers");
    let stranger = strangers.client(&["caller.test"]);
    let connect =
        |offer: TlsOffer| RawClient::connect_tls(walk.address(1), &offer.alpn(&["http/1.1"])).unwrap();
    let showing = |identity| connect(TlsOffer::showing(&authorities.servers, HOST, identity));
    let holds = |what: &str| {
        let token = walk.token("orders:read");
        walk.send_on(showing(&identity), get("/orders").bearer(&token)).passed();
        walk.send_on(showing(&identity), get("/orders")).refused(Reason::CredentialMissing);
        walk.send_on(showing(&identity), get("/admin/x").bearer(&token)).refused(Reason::ScopeInsufficient);
        walk.send_on(showing(&identity), get("/nowhere")).refused(Reason::OperationUnknown);
        for offer in [
            TlsOffer::new(&authorities.servers, HOST),
            TlsOffer::showing(&authorities.servers, HOST, &stranger),
        ] {
            let request: Vec<u8> = get("/public").into();
            let outcome = RawClient::connect_tls(walk.address(1), &offer).ok().and_then(|mut client| {
                let _ = client.try_send(&request);
                client.response().ok()
            });
            assert!(outcome.is_none(), "{what}: let in without a certificate we believe");
        }
    };
    holds("before");
    for name in FILES {
        for broken in [Some(""), Some("nonsense"), None] {
            let whole = walk.workspace.read(name);
            let write = |content: &str| match name.ends_with(".key") {
                true => walk.workspace.secret(name, content),
                false => walk.workspace.file(name, content),
            };
            match broken {
                Some(content) => _ = write(content),
                None => walk.workspace.remove(name),
            }
            println!("{name} is {broken:?}");
            walk.gateway().reload().expect_err(name);
            holds(name);
            let _ = write(&whole);
        }
    }
    walk.gateway().reload().expect("everything is back");
    holds("after");
}
