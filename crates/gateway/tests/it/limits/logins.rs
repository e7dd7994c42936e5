//! Guesses at passwords and codes.

use std::time::Duration;

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use super::{behind_a_proxy, from, wait};
use crate::walk::{Ask, Setup, Walk, post_json};

/// An upstream at which every password is `right`.
fn accounts() -> Upstream {
    Upstream::start(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        match (asked["password"].as_str(), seen.target.as_str()) {
            (Some("right"), "/login") => Answer::json(r#"{"ok":true}"#),
            (_, "/login") => Answer::respond(401, &[("content-type", "application/json")], r#"{"ok":false}"#),
            // One that says it in its answer alone.
            (Some("right"), _) => Answer::json(r#"{"result":{"ok":true}}"#),
            (_, _) => Answer::json(r#"{"result":{"ok":false}}"#),
        }
    })
}

fn contract() -> Value {
    let text = json!({ "type": "string", "maxLength": 100 });
    let login = json!({
        "x-portcullis-access": "public",
        "requestBody": { "required": true, "content": { "application/json": { "schema": {
            "type": "object", "required": ["username", "password"],
            "properties": { "username": text, "password": text },
        } } } },
        "responses": { "200": { "description": "Welcome." }, "401": { "description": "No." } },
    });
    json!({ "paths": { "/login": { "post": login }, "/sessions": { "post": login } } })
}

fn scene() -> Setup {
    behind_a_proxy().upstream(accounts()).contract(contract())
}

/// Attempts at `POST /login`, counted by account and address.
fn counting(attempts: Value) -> Walk {
    scene().api(json!({ "overrides": { "POST /login": { "limits": { "attempts": attempts } } } })).start()
}

fn by_username() -> Value {
    json!({ "account": { "body": "/username" } })
}

fn login(address: &str, user: &str, password: &str) -> Ask {
    from(address, post_json("/login", &json!({ "username": user, "password": password }).to_string()))
}

#[track_caller]
fn fails(walk: &Walk, ask: Ask) {
    let outcome = walk.send(ask);
    assert_eq!(outcome.response.status, 401, "{:#?}", outcome.response);
    outcome.forwarded();
}

// proves: LIM-07
#[test]
fn the_sixth_login_of_a_minute_is_refused_though_the_normal_budget_is_unused() {
    let limits = json!({ "limits": { "caller": [{ "name": "normal", "rate": "1000/1m" }] } });
    // Said, or seen by its name.
    for declared in
        [json!({ "overrides": { "POST /login": { "limits": { "class": "authentication" } } } }), json!({})]
    {
        let walk = scene().api(limits.clone()).api(declared.clone()).start();
        let warnings = walk.gateway().warnings().iter().filter(|warning| warning.code().0 == "C0513").count();
        assert_eq!(warnings, usize::from(declared == json!({})), "/sessions is not called like one");
        for _ in 0..5 {
            fails(&walk, login("192.0.2.1", "alice", "wrong"));
        }
        let sixth = walk.send(login("192.0.2.1", "bob", "right"));
        sixth.refused(Reason::CallerRateExceeded);
        assert_eq!(sixth.response.json()["violated-policies"], json!(["authentication"]));
        assert_eq!(wait(&sixth), 12);
        walk.send(login("192.0.2.2", "bob", "right")).passed();
        walk.send(from("192.0.2.1", crate::walk::get("/public"))).passed();
    }
    // An operation that is none of them says so.
    let ordinary = json!({ "overrides": { "POST /login": { "limits": { "class": "ordinary" } } } });
    let walk = scene().api(ordinary).start();
    assert!(walk.gateway().warnings().iter().all(|warning| warning.code().0 != "C0513"));
    for _ in 0..9 {
        fails(&walk, login("192.0.2.1", "alice", "wrong"));
    }
}

#[test]
fn an_account_is_guessed_at_from_many_addresses_and_slowed_down_before_it_is_blocked() {
    let walk = counting(by_username());
    // Three at once, then one in ten seconds.
    for address in 1..=3 {
        fails(&walk, login(&format!("192.0.2.{address}"), "alice", "wrong"));
    }
    let slowed = walk.send(login("192.0.2.4", "ALICE ", "wrong"));
    slowed.refused(Reason::FailuresExceeded);
    assert_eq!(wait(&slowed), 10);
    assert_eq!(slowed.header("ratelimit"), None, "where an account stands is nobody's business");
    // Whether there is such an account cannot be told: others are counted all the same.
    for address in 11..=13 {
        fails(&walk, login(&format!("192.0.2.{address}"), "nobody", "wrong"));
    }
    walk.send(login("192.0.2.14", "nobody", "wrong")).refused(Reason::FailuresExceeded);
    // Ten in an hour, then one in six minutes.
    let mut tries = 3;
    let blocked = loop {
        walk.clock.advance(Duration::from_secs(10));
        let outcome = walk.send(login(&format!("198.51.100.{tries}"), "alice", "wrong"));
        if outcome.response.status == 429 {
            break outcome;
        }
        tries += 1;
    };
    assert!((10..=11).contains(&tries), "{tries}");
    assert!(wait(&blocked) > 200, "{}", wait(&blocked));
    // For a while, and never for good.
    walk.clock.advance(Duration::from_secs(wait(&blocked)));
    walk.send(login("203.0.113.9", "alice", "right")).passed();
}

#[test]
fn a_victim_gets_in_from_where_he_was_before_however_long_others_guess() {
    let walk = counting(by_username());
    walk.send(login("203.0.113.7", "alice", "right")).passed();
    for round in 0..20u32 {
        for guess in 0..4 {
            let address = format!("198.51.{round}.{guess}");
            walk.send(login(&address, "alice", "wrong"));
        }
        // The account is closed to strangers, and open to him.
        walk.send(login("192.0.2.1", "alice", "right")).refused(Reason::FailuresExceeded);
        walk.send(login("203.0.113.7", "alice", "right")).passed();
        walk.clock.advance(Duration::from_secs(60));
    }
    // His own mistakes are counted as anybody's.
    for _ in 0..3 {
        fails(&walk, login("203.0.113.7", "alice", "wrong"));
    }
    walk.send(login("203.0.113.7", "alice", "right")).refused(Reason::FailuresExceeded);
    // And he is a stranger at every other account.
    for address in 1..=3 {
        fails(&walk, login(&format!("192.0.2.{address}"), "bob", "wrong"));
    }
    walk.send(login("203.0.113.7", "bob", "right")).refused(Reason::FailuresExceeded);
}

#[test]
fn an_address_that_tries_many_accounts_is_stopped() {
    let walk = counting(by_username());
    for user in 0..10 {
        fails(&walk, login("192.0.2.1", &format!("user{user}"), "wrong"));
    }
    walk.send(login("192.0.2.1", "user10", "right")).refused(Reason::FailuresExceeded);
    walk.send(login("192.0.2.2", "user10", "right")).passed();
    // Those who get in use up nothing: an office behind one address.
    for user in 0..30 {
        walk.send(login("192.0.2.3", &format!("staff{user}"), "right")).passed();
    }
}

#[test]
fn a_failed_login_is_told_by_what_the_answer_says() {
    let attempts = json!({
        "account": { "body": "/username" },
        "failed": { "answer": { "at": "/result/ok", "is": [false] } },
        "per_account": [{ "rate": "2/1h" }],
    });
    let walk = scene()
        .api(json!({ "overrides": { "POST /sessions": { "limits": { "attempts": attempts } } } }))
        .start();
    let login = |password: &str| {
        let body = json!({ "username": "alice", "password": password });
        let ask = post_json("/sessions", &body.to_string()).with("Accept-Encoding: gzip");
        from("192.0.2.1", ask)
    };
    for _ in 0..5 {
        let outcome = walk.send(login("right"));
        assert_eq!(outcome.passed().header("accept-encoding"), Some("identity"));
    }
    // Familiar by now: with tries of his own, and no more of them than others have.
    for _ in 0..2 {
        walk.send(login("wrong")).passed();
    }
    walk.send(login("right")).refused(Reason::FailuresExceeded);
}

#[test]
fn guesses_at_once_are_no_better_than_one_after_the_other() {
    let walk = scene()
        .upstream(Upstream::answering(Answer::Stall))
        .api(json!({ "overrides": { "POST /login": { "limits": { "attempts": by_username() } } } }))
        .start();
    let mut held = Vec::new();
    for guess in 0..3 {
        let mut client = walk.client();
        client.send(Vec::from(login(&format!("192.0.2.{guess}"), "alice", "wrong")));
        held.push(client);
    }
    walk.account_for_requests(3);
    walk.send(login("192.0.2.9", "alice", "wrong")).refused(Reason::FailuresExceeded);
    // Who leaves before the answer has guessed all the same.
    drop(held);
    walk.settle_events(3);
    walk.send(login("192.0.2.9", "alice", "wrong")).refused(Reason::FailuresExceeded);
}

#[test]
fn an_upstream_that_breaks_counts_nobody_as_a_guesser() {
    let walk = scene()
        .upstream(Upstream::answering(Answer::respond(500, &[], "broken")))
        .api(json!({ "overrides": { "POST /login": { "limits": { "attempts": by_username() } } } }))
        .start();
    for _ in 0..20 {
        walk.send(login("192.0.2.1", "alice", "right")).ended(Reason::UpstreamFailed);
    }
    // Nor does a request that is no attempt.
    for _ in 0..20 {
        let ask = from("192.0.2.1", post_json("/login", r#"{"username":"alice"}"#));
        walk.send(ask).refused(Reason::RequestInvalid);
    }
    walk.send(login("192.0.2.1", "alice", "right")).ended(Reason::UpstreamFailed);
}
