//! Rights that are granted for a while: used where they are needed, told at once, over when they are over
//! (AUTHZ-23).

use std::time::Duration;

use portcullis_domain::{AccessGrant, Approved, Clock, GrantId, GrantStore as _, Reason, Scopes, Timestamp};
use portcullis_testkit::Database;
use portcullis_testkit::wait::until;
use serde_json::{Value, json};

use crate::api_keys::{Keys, done, standing};
use crate::walk::{ISSUER, Outcome, SUBJECT, Setup, Walk, get};

pub(crate) fn granting(grants: Value) -> Setup {
    Setup::new().policy(json!({ "grants": grants })).api(json!({ "overrides": {
            "GET /admin/x": { "authorize": { "allow": { "roles": ["admin"] } } },
            "GET /me": { "authorize": { "allow": { "roles": ["user", "admin"] } } },
        } }))
}

/// What is different about a grant.
type Change = fn(&mut AccessGrant);

pub(crate) fn grant(walk: &Walk, id: u64, change: impl FnOnce(&mut AccessGrant)) -> AccessGrant {
    let now: Timestamp = walk.clock.now().wall;
    let mut grant = AccessGrant {
        id: GrantId(id),
        issuer: ISSUER.into(),
        subject: SUBJECT.into(),
        roles: Scopes::parse("admin"),
        scopes: Scopes::parse("admin"),
        cause: "incident 42".into(),
        opened_by: "carol".into(),
        opened_at: now,
        expires_at: now.plus(Duration::from_secs(1800)),
        needed: 0,
        approved_by: Vec::new(),
        closed: None,
        used_at: None,
    };
    change(&mut grant);
    grant
}

/// A user without the role and the scope that `/admin/x` asks for.
fn administer(walk: &Walk) -> Outcome {
    let claims = json!({ "scope": "orders:read", "roles": ["user"] });
    walk.send(get("/admin/x").bearer(&walk.token_with(claims)))
}

/// What one process writes to the store, another takes up.
#[track_caller]
fn until_status(walk: &Walk, status: u16) -> Outcome {
    let mut last = None;
    until("the store is followed", || {
        let outcome = administer(walk);
        let is_there = outcome.response.status == status;
        last = is_there.then_some(outcome);
        is_there
    });
    last.unwrap()
}

pub(crate) fn both() -> Value {
    json!({ "roles": ["admin"], "scopes": ["admin"], "longest": "1h" })
}

// proves: AUTHZ-23
#[test]
fn a_grant_opens_what_was_closed_is_marked_and_told_with_its_first_use_and_ends_by_itself() {
    let walk = granting(both()).clock(standing()).start();
    administer(&walk).refused(Reason::ScopeInsufficient);
    done(Keys::of(&walk).store().open_grant(grant(&walk, 7, |_| {})));
    let outcome = until_status(&walk, 200);
    // The upstream sees the rights by which it was let in.
    assert_eq!(outcome.passed().header("x-auth-roles").unwrap_or("admin user"), "admin user");
    let event = outcome.only_event();
    assert_eq!(event["grants"], "0000000000000007");
    let receipt = event["receipt"].clone();
    let alert = walk.record.wait_until("an alarm", |event| event["event"] == "authz_grant_used");
    assert_eq!((&alert["detector"], &alert["subject"]), (&json!("grants"), &json!("0000000000000007")));
    assert_eq!((&alert["explain"], &alert["operation"]), (&receipt, &json!("GET /admin/x")));
    assert!(alert["summary"].as_str().unwrap().contains("opened by carol: incident 42"));
    let change = walk.record.wait_until("the change", |event| event["event"] == "authz_change");
    assert_eq!((&change["state"], &change["by"]), (&json!("active"), &json!("carol")));

    // What the caller may do anyway is no use of it, and the second use is no second alarm.
    let usual =
        walk.send(get("/me").bearer(&walk.token_with(json!({ "scope": "orders:read", "roles": ["user"] }))));
    usual.passed();
    assert!(usual.only_event().get("grants").is_none());
    assert_eq!(administer(&walk).only_event()["grants"], "0000000000000007");
    let alarms = walk.record.all().iter().filter(|event| event["event"] == "authz_grant_used").count();
    assert_eq!(alarms, 1);
    // Nobody else has it.
    let other = walk.token_with(json!({ "sub": "bob", "scope": "admin", "roles": ["user"] }));
    walk.send(get("/admin/x").bearer(&other)).refused(Reason::PermitMissing);

    walk.clock.advance(Duration::from_secs(1799));
    // The list of revocations has become too old meanwhile; it is read again within a moment.
    until_status(&walk, 200);
    walk.clock.advance(Duration::from_secs(1));
    let over = administer(&walk);
    over.refused(Reason::ScopeInsufficient);
    assert_eq!(over.response.status, 403);
}

// proves: AUTHZ-23
#[test]
fn what_two_must_approve_gives_nothing_before_they_have() {
    let mut rules = both();
    rules["approvals"] = 2.into();
    let walk = granting(rules).start();
    let keys = Keys::of(&walk);
    // Whoever writes to the store past the command is held to the same.
    done(keys.store().open_grant(grant(&walk, 1, |_| {})));
    done(keys.store().open_grant(grant(&walk, 2, |grant| grant.needed = 2)));
    let approve = |by: &str| done(keys.store().approve_grant(GrantId(2), by, walk.clock.now().wall));
    let seen = |state: &str, by: &str| {
        walk.record.wait_until("the change is taken up", |event| {
            event["grant"] == "0000000000000002" && event["state"] == state && event["by"] == by
        });
    };
    seen("waiting", "carol");
    administer(&walk).refused(Reason::ScopeInsufficient);
    assert_eq!(approve("carol"), Approved::NotAnother);
    assert_eq!(approve("bob"), Approved::Counted);
    seen("waiting", "bob");
    administer(&walk).refused(Reason::ScopeInsufficient);
    assert_eq!(approve("dave"), Approved::Counted);
    assert_eq!(until_status(&walk, 200).only_event()["grants"], "0000000000000002");
    assert!(done(keys.store().close_grant(GrantId(2), "dave", walk.clock.now().wall)));
    until_status(&walk, 403).refused(Reason::ScopeInsufficient);
}

#[test]
fn nothing_is_granted_but_what_the_configuration_names_and_for_no_longer() {
    let cases: [(Value, Change); 4] = [
        (json!({ "roles": ["support"], "scopes": ["admin"] }), |_| {}),
        (json!({ "roles": ["admin"] }), |_| {}),
        (both(), |grant| grant.expires_at = grant.opened_at.plus(Duration::from_secs(7200))),
        (both(), |grant| grant.issuer = "https://other.test".into()),
    ];
    for (rules, change) in cases {
        let walk = granting(rules.clone()).start();
        done(Keys::of(&walk).store().open_grant(grant(&walk, 1, change)));
        walk.record.wait_until("it is taken up", |event| event["event"] == "authz_change");
        let refused = administer(&walk);
        assert_eq!(refused.response.status, 403, "{rules}");
        assert!(refused.only_event().get("grants").is_none());
    }
    // Without the section, the store may hold what it likes.
    let walk = granting(Value::Null).policy(json!({ "store": {} })).start();
    done(Keys::of(&walk).store().open_grant(grant(&walk, 1, |_| {})));
    walk.record.wait_until("it is taken up", |event| event["event"] == "authz_change");
    administer(&walk).refused(Reason::ScopeInsufficient);
}

#[test]
fn a_prohibition_holds_for_what_is_granted_too() {
    let walk = granting(both())
        .api(json!({ "overrides": { "GET /admin/x": { "authorize": { "deny": { "roles": ["user"] } } } } }))
        .start();
    done(Keys::of(&walk).store().open_grant(grant(&walk, 1, |_| {})));
    walk.record.wait_until("it is taken up", |event| event["event"] == "authz_change");
    let refused = administer(&walk);
    assert_eq!(refused.response.status, 403);
    assert!(refused.only_event().get("grants").is_none());
}

// proves: AUTHZ-23
#[test]
fn what_is_granted_at_one_gateway_holds_at_the_other_within_seconds_and_so_does_its_end() {
    const SECRET: &str = "q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C";
    let database = Database::new();
    let node = || {
        granting(both())
            .secret("url", database.url())
            .secret("root", SECRET)
            .policy(json!({ "store": { "postgresql": "${file:url}", "secret": "${file:root}" } }))
            .start()
    };
    let (one, mut other) = (node(), node());
    let keys = Keys::at(&one, &database.url(), SECRET);
    let began = Clock::machine();
    done(keys.store().open_grant(grant(&one, 9, |_| {})));
    for walk in [&one, &other] {
        until_status(walk, 200);
    }
    assert!(began.mono() < Duration::from_secs(5), "{:?}", began.mono());
    other.restart();
    until_status(&other, 200);
    let began = Clock::machine();
    done(keys.store().close_grant(GrantId(9), "carol", one.clock.now().wall));
    for walk in [&one, &other] {
        until_status(walk, 403);
    }
    assert!(began.mono() < Duration::from_secs(5), "{:?}", began.mono());
}
