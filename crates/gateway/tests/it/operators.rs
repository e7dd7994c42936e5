//! What operators do, and what becomes of credentials, as the record tells it.

use std::time::Duration;

use portcullis_audit::chain::verify;
use portcullis_domain::{GrantStore as _, KeyStore as _, Reason, RevocationStore as _};
use portcullis_testkit::{Answer, Authority, RawClient, Response, Upstream, wait};
use serde_json::{Value, json};

use crate::api_keys::{Keys, done, for_applications};
use crate::grants;
use crate::walk::{Setup, Walk, ask, get};

const OPERATOR: &str = "operator-token-for-tests-0123456789";
const AUDITOR: &str = "auditor-token-for-tests-01234567890";

fn with_admin(admin: Value) -> Setup {
    administered(Setup::new(), admin)
}

fn administered(setup: Setup, admin: Value) -> Setup {
    let mut admin = admin;
    admin["address"] = json!("127.0.0.1:0");
    admin["token"] = json!("${file:operator.token}");
    setup
        .policy(json!({ "admin": admin }))
        .secret("operator.token", OPERATOR)
        .secret("auditor.token", AUDITOR)
}

fn call(walk: &Walk, method: &str, path: &str, token: Option<&str>) -> Response {
    let request = ask(method, path);
    let request = if let Some(token) = token { request.bearer(token) } else { request };
    RawClient::connect(walk.gateway().admin_address().unwrap()).ask(Vec::from(request))
}

fn is_call(event: &Value, name: &str, action: &str, by: &str) -> bool {
    event["event"] == name && event["action"] == action && event["by"] == by
}

// proves: AUD-03
#[test]
fn refusals_changes_of_rights_and_calls_of_operators_have_names_of_their_own() {
    let walk = administered(grants::granting(grants::both()), json!({})).start();
    let token = walk.token_with(json!({ "scope": "orders:read", "roles": ["user"] }));
    let refused = walk.send(get("/admin/x").bearer(&token));
    refused.refused(Reason::ScopeInsufficient);
    assert_eq!(refused.only_event()["event"], "authz_fail");
    done(Keys::of(&walk).store().open_grant(grants::grant(&walk, 7, |_| {})));
    let change = walk.record.wait_until("the change of rights", |event| event["event"] == "authz_change");
    assert_eq!((&change["roles"], &change["by"]), (&json!("admin"), &json!("carol")));
    assert_eq!(call(&walk, "POST", "/reload", Some(OPERATOR)).status, 200);
    walk.record.wait_until("the call", |event| is_call(event, "authz_admin", "POST /reload", "operator"));
}

#[test]
fn what_operators_do_is_recorded_and_so_is_who_was_not_let() {
    let walk = with_admin(json!({})).start();
    assert_eq!(call(&walk, "GET", "/policy", Some(OPERATOR)).status, 200);
    assert_eq!(call(&walk, "POST", "/reload", Some(OPERATOR)).status, 200);
    assert_eq!(call(&walk, "POST", "/reload", Some("guessed")).status, 401);
    assert_eq!(call(&walk, "GET", "/metrics", Some(OPERATOR)).status, 200);
    assert_eq!(call(&walk, "GET", "/health/live", None).status, 200);
    let record = &walk.record;
    record.wait_until("a look", |event| is_call(event, "authz_admin", "GET /policy", "operator"));
    record.wait_until("a change", |event| is_call(event, "authz_admin", "POST /reload", "operator"));
    let refused =
        record.wait_until("a refusal", |event| is_call(event, "authn_login_fail", "POST /reload", "nobody"));
    assert_eq!((&refused["status"], &refused["peer"]), (&json!(401), &json!("127.0.0.1")));
    let calls = record.all().iter().filter(|event| event.get("action").is_some()).count();
    assert_eq!(calls, 3, "neither health nor scrapes that went well");
    assert!(!walk.record.text().contains("guessed") && !walk.record.text().contains(OPERATOR));
}

// proves: AUD-23
#[test]
fn the_record_is_for_auditors_whoever_else_asks_is_refused_and_each_reading_is_recorded() {
    let walk = with_admin(json!({ "auditor": "${file:auditor.token}" })).recording_to("audit.log").start();
    let recorded = || std::fs::read_to_string(walk.workspace.path("audit.log")).unwrap();
    let response = walk.client().ask(Vec::from(get("/nowhere")));
    let receipt = response.header("x-request-id").unwrap().to_owned();
    wait::until("the event", || recorded().contains(&receipt));

    for (token, status) in [(None, 401), (Some("guessed"), 401), (Some(OPERATOR), 403), (Some(AUDITOR), 200)]
    {
        assert_eq!(call(&walk, "GET", "/record", token).status, status, "{token:?}");
    }
    assert_eq!(call(&walk, "POST", "/reload", Some(AUDITOR)).status, 403, "auditors change nothing");
    let whole = call(&walk, "GET", "/record", Some(AUDITOR)).text().to_owned();
    assert!(verify(whole.as_bytes(), None).is_ok(), "{whole}");
    let about = call(&walk, "GET", &format!("/record?receipt={receipt}"), Some(AUDITOR)).text().to_owned();
    assert_eq!(about.lines().count(), 1);
    assert!(about.contains(&receipt));

    wait::until("the readings", || recorded().matches("\"action\":\"GET /record\",").count() == 6);
    let text = recorded();
    assert!(text.contains("\"event\":\"authz_fail\",\"level\":\"CRITICAL\",\"action\":\"GET /record\",\"peer\":\"127.0.0.1\",\"by\":\"operator\",\"status\":403"), "{text}");
    assert!(text.contains("\"event\":\"authz_admin\",\"level\":\"WARN\",\"action\":\"GET /record\",\"peer\":\"127.0.0.1\",\"by\":\"auditor\",\"status\":200"), "{text}");
    walk.account_for_stray_events();
}

// proves: AUD-05
#[test]
fn keys_and_tokens_are_followed_from_making_to_the_try_to_use_them_after_their_end() {
    let walk = for_applications().start();
    let keys = Keys::of(&walk);
    let (id, text) = keys.add(|_| ());
    let id_text = id.to_string();
    let record = &walk.record;
    let created = record.wait_until("the making", |event| event["event"] == "authn_token_created");
    assert_eq!((&created["key"], &created["change"]), (&json!(id_text), &json!("created")));
    let successor = keys.rotate(id, Duration::from_secs(60));
    record
        .wait_until("the rotation", |event| event["change"] == "replaced" && event["key"] == json!(id_text));
    done(keys.store().revoke_key(id, walk.clock.now().wall));
    let revoked = record.wait_until("the end", |event| event["event"] == "authn_token_revoked");
    assert_eq!((&revoked["key"], &revoked["change"]), (&json!(id_text), &json!("revoked")));
    let reused = walk.send(get("/stock").with(format!("X-API-Key: {text}")));
    reused.refused(Reason::KeyRevoked);
    let event = reused.only_event();
    assert_eq!((&event["event"], &event["level"]), (&json!("authn_token_reuse"), &json!("CRITICAL")));

    let now = walk.clock.now().wall;
    done(keys.store().revoke(portcullis_domain::Revocation {
        kind: portcullis_domain::RevocationKind::Subject,
        issuer: crate::walk::ISSUER.into(),
        value: "mallory".into(),
        issued_before: None,
        revoked_at: now,
        forget_at: now.plus(Duration::from_secs(3600)),
        cause: "left the company".into(),
    }));
    let revoked = record.wait_until("the other end", |event| event["kind"] == "sub");
    assert_eq!((&revoked["event"], &revoked["value"]), (&json!("authn_token_revoked"), &json!("mallory")));
    assert!(
        !walk.record.text().contains(&text) && !walk.record.text().contains(&successor),
        "no key is shown"
    );
}

// proves: AUD-02
#[test]
fn a_lock_is_recorded_once_when_it_begins() {
    let walk = Setup::new()
        .policy(json!({ "limits": { "failures": { "credential": { "rate": "3/1h" } } } }))
        .start();
    let guess = || walk.send(get("/orders").bearer("not-a-token"));
    for _ in 0..3 {
        assert_eq!(guess().only_event()["event"], "authn_login_fail");
    }
    let refused = guess();
    refused.refused(Reason::FailuresExceeded);
    assert_eq!(refused.only_event()["event"], "authn_login_fail_max");
    guess().refused(Reason::FailuresExceeded);
    let lock = walk.record.wait_until("the lock", |event| event["event"] == "authn_login_lock");
    assert_eq!(lock["client"], "127.0.0.1");
    assert!(lock["wait_seconds"].as_u64().unwrap() > 0);
    let locks = walk.record.all().iter().filter(|event| event["event"] == "authn_login_lock").count();
    assert_eq!(locks, 1);
}

// proves-part: AUD-06 (failures of TLS with clients are shown in `tls_events`, with upstreams below)
#[test]
fn a_change_of_configuration_is_recorded_with_its_actor_and_digest_and_without_secrets() {
    let mut walk = with_admin(json!({})).start();
    walk.rewrite(json!({ "bounds": { "fields": 77 } }));
    assert_eq!(call(&walk, "POST", "/reload", Some(OPERATOR)).status, 200);
    let loaded = walk.record.wait_until("the change", |event| event["event"] == "sys_policy_loaded");
    assert_eq!(
        (&loaded["actor"], &loaded["revision"]),
        (&json!("operator"), &json!(walk.gateway().revision()))
    );
    let digest = loaded["digest"].as_str().unwrap();
    assert!(digest.len() == 64 && digest.starts_with(&walk.gateway().revision()), "{loaded}");
    walk.rewrite(json!({ "bounds": { "fields": "hunter2-is-no-number" } }));
    assert_eq!(call(&walk, "POST", "/reload", Some(OPERATOR)).status, 409);
    let refused = walk.record.wait_until("the mistake", |event| event["event"] == "sys_policy_refused");
    assert_eq!((&refused["actor"], &refused["mistakes"]), (&json!("operator"), &json!(1)));
    assert_eq!(refused["digest"].as_str().unwrap().len(), 64);
    let events = walk.stop();
    for name in ["audit_opened", "sys_startup", "sys_shutdown", "audit_closed"] {
        assert_eq!(events.iter().filter(|event| event["event"] == name).count(), 1, "{name}");
    }
    assert!(!walk.record.text().contains(OPERATOR));
}

// proves: AUD-06
#[test]
fn start_change_failed_tls_with_an_upstream_and_stop_are_one_event_each() {
    let upstream = Upstream::plan()
        .tls(Authority::named("others").server(&["localhost"]).server_config(&["http/1.1"]))
        .start(|_| Answer::ok("never"));
    let address = upstream.url_by_name("localhost");
    let mut walk = with_admin(json!({}))
        .upstream(upstream)
        .api(json!({ "upstream": { "addresses": [address], "retry": { "attempts": 0 } } }))
        .start();
    let failed = walk.send(get("/public"));
    failed.refused(Reason::UpstreamUntrusted);
    assert_eq!(failed.only_event()["event"], "crypt_handshake_fail");
    assert_eq!(call(&walk, "POST", "/reload", Some(OPERATOR)).status, 200);
    let events = walk.stop();
    for name in ["sys_startup", "sys_policy_loaded", "crypt_handshake_fail", "sys_shutdown"] {
        assert_eq!(events.iter().filter(|event| event["event"] == name).count(), 1, "{name}");
    }
    let loaded = events.iter().find(|event| event["event"] == "sys_policy_loaded").unwrap();
    assert_eq!((&loaded["actor"], loaded["digest"].as_str().unwrap().len()), (&json!("operator"), 64));
    assert!(!walk.record.text().contains(OPERATOR), "no secret");
}
