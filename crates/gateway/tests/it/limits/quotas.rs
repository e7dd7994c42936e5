//! How much, of what, and what is said of it.

use std::time::Duration;

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::json;

use super::{admitted, behind_a_proxy, from, left, wait};
use crate::metrics::scrape;
use crate::walk::{Setup, Walk, ask, get, post_json};

fn note(text: &str) -> crate::walk::Ask {
    post_json("/notes", &json!({ "text": text }).to_string())
}

// proves: LIM-03, LIM-04
#[test]
fn the_tightest_quota_is_told_and_all_that_are_used_up_are_named() {
    let walk = behind_a_proxy()
        .answering(Answer::chunked(&[("trailer", "x-sum")], &["one", "two"], &[("x-sum", "6")]))
        .policy(json!({ "limits": { "caller": [{ "name": "wide", "rate": "100/1m" }] } }))
        .api(json!({
            "limits": { "caller": [{ "name": "minute", "rate": "3/1m" }] },
            "overrides": { "GET /orders": { "limits": { "caller": [{ "name": "hour", "rate": "3/1h" }] } } },
        }))
        .start();
    let token = walk.token("orders:read");
    for remaining in (0..3).rev() {
        let outcome = walk.send(get("/orders").bearer(&token).with("TE: trailers"));
        outcome.passed();
        assert_eq!(
            outcome.header("ratelimit-policy"),
            Some("\"wide\";q=100;w=60, \"minute\";q=3;w=60, \"hour\";q=3;w=3600")
        );
        assert_eq!(left(&outcome), remaining);
        let trailers = format!("{:?}", outcome.response.trailers).to_lowercase();
        assert!(!trailers.contains("ratelimit"), "{trailers}");
    }
    let outcome = walk.send(get("/orders").bearer(&token));
    outcome.refused(Reason::CallerRateExceeded);
    let problem = outcome.response.json();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["minute", "hour"]));
    // The longest wait is the one that is worth waiting for, and never shorter than the reset that is told.
    let field = outcome.header("ratelimit").unwrap();
    assert!(field.starts_with("\"hour\";r=0;t="), "{field}");
    let reset: u64 = field.rsplit_once(";t=").unwrap().1.parse().unwrap();
    assert!(wait(&outcome) >= reset && reset == 1_200, "{} {reset}", wait(&outcome));
    // What is refused is charged to no quota.
    walk.clock.advance(Duration::from_secs(1_200));
    assert_eq!(left(&walk.send(get("/orders").bearer(&walk.token("orders:read")))), 0);
}

#[test]
fn a_fixed_quota_comes_back_at_midnight_of_its_zone() {
    let walk = behind_a_proxy()
        .api(json!({ "limits": { "caller": [{ "name": "daily", "fixed": {
            "count": 2, "every": "day", "zone": "Etc/GMT-2",
        } }] } }))
        .start();
    let ask = from("192.0.2.1", get("/public"));
    assert_eq!(admitted(&walk, &ask), 2);
    let outcome = walk.send(ask.clone());
    outcome.refused(Reason::CallerRateExceeded);
    // Noon is two in the afternoon there. Not everybody comes back in the first second.
    let reset = 10 * 3_600;
    assert_eq!(outcome.header("ratelimit"), Some(format!("\"daily\";r=0;t={reset}").as_str()));
    assert!((reset..reset + 60).contains(&wait(&outcome)), "{}", wait(&outcome));
    walk.clock.advance(Duration::from_secs(reset - 1));
    walk.send(ask.clone()).refused(Reason::CallerRateExceeded);
    walk.clock.advance(Duration::from_secs(1));
    assert_eq!(admitted(&walk, &ask), 2);
}

// proves: LIM-15
#[test]
fn what_costs_more_spends_more_and_bytes_and_calls_at_a_time_are_counted_too() {
    let walk = Setup::new()
        .api(json!({
            "limits": { "caller": [{ "name": "units", "rate": "25/1h" }] },
            "overrides": { "POST /notes": { "limits": { "cost": 10 } } },
        }))
        .start();
    assert_eq!(left(&walk.send(get("/public"))), 24);
    assert_eq!(left(&walk.send(note("x"))), 14);
    assert_eq!(left(&walk.send(note("x"))), 4);
    walk.send(note("x")).refused(Reason::CallerRateExceeded);
    assert_eq!(left(&walk.send(get("/public"))), 3);

    let walk = Setup::new()
        .api(json!({ "limits": { "caller": [{ "name": "upload", "rate": "1000/1h", "counts": "content_bytes" }] } }))
        .start();
    let outcome =
        walk.send(ask("POST", "/upload").with("Content-Type: application/octet-stream").body([7; 600]));
    outcome.passed();
    assert_eq!(outcome.header("ratelimit-policy"), Some("\"upload\";q=1000;w=3600;qu=\"content-bytes\""));
    assert_eq!(left(&outcome), 400);
    walk.send(ask("POST", "/upload").with("Content-Type: application/octet-stream").body([7; 600]))
        .refused(Reason::CallerRateExceeded);
    walk.send(get("/public")).passed();
    // Of a body whose length is not announced as much is charged as came.
    let chunked = "POST /upload HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/octet-stream\r\n\
        Transfer-Encoding: chunked\r\n\r\n12c\r\n";
    let mut body = chunked.as_bytes().to_vec();
    body.extend([7; 300]);
    body.extend(b"\r\n0\r\n\r\n");
    walk.send(body).passed();
    walk.send(ask("POST", "/upload").with("Content-Type: application/octet-stream").body([7; 101]))
        .refused(Reason::CallerRateExceeded);

    let walk = Setup::new().answering(Answer::Stall).api(json!({ "limits": { "concurrency": 10 } })).start();
    let token = walk.token("orders:read");
    let held: Vec<_> = (0..10)
        .map(|_| {
            let mut client = walk.client();
            client.send(Vec::from(get("/orders").bearer(&token)));
            client
        })
        .collect();
    walk.account_for_requests(10);
    walk.send(get("/orders").bearer(&token)).refused(Reason::ConcurrencyExceeded);
    drop(held);
    walk.account_for_stray_events();
}

// proves: LIM-16
#[test]
fn a_business_flow_is_limited_by_user_and_period_whatever_its_operations_are_called() {
    let shop = Upstream::start(|seen| match String::from_utf8_lossy(&seen.body).contains("sold out") {
        true => Answer::respond(409, &[], "sold out"),
        false => Answer::ok("a ticket"),
    });
    let walk = behind_a_proxy()
        .upstream(shop)
        .api(json!({ "limits": { "keyed": [{
            "by": ["caller"],
            "on": ["POST /notes", "POST /orders"],
            "quotas": [{ "name": "tickets", "rate": "3/1h", "counts": "served" }],
        }] } }))
        .start();
    let token = walk.token_of("alice", "orders:write orders:read");
    let buy = |path: &str, text: &str| post_json(path, &json!({ "text": text }).to_string()).bearer(&token);
    walk.send(buy("/orders", "one")).passed();
    // What was not to be had is not counted.
    for _ in 0..5 {
        assert_eq!(walk.send(buy("/orders", "sold out")).response.status, 409);
        walk.send(buy("/orders", &"x".repeat(101))).refused(Reason::RequestInvalid);
    }
    walk.send(buy("/orders", "two")).passed();
    walk.send(buy("/orders", "three")).passed();
    let fourth = walk.send(buy("/orders", "four"));
    fourth.refused(Reason::CallerRateExceeded);
    assert_eq!(fourth.response.json()["violated-policies"], json!(["tickets"]));
    // Looking is free, and others buy on.
    walk.send(get("/orders").bearer(&token)).passed();
    let bob = walk.token_of("bob", "orders:write");
    walk.send(post_json("/orders", r#"{"text":"one"}"#).bearer(&bob)).passed();
    walk.clock.advance(Duration::from_secs(1_200));
    let token = walk.token_of("alice", "orders:write");
    walk.send(post_json("/orders", r#"{"text":"later"}"#).bearer(&token)).passed();
}

// proves: LIM-19
#[test]
fn a_budget_toward_somebody_who_is_paid_ends_and_is_announced_before() {
    let walk = behind_a_proxy()
        .api(json!({ "limits": { "keyed": [{
            "by": [],
            "on": ["POST /notes"],
            "quotas": [{ "name": "sms", "fixed": { "count": 100, "every": "month" }, "alert": 80 }],
        }] }, "overrides": { "POST /notes": { "limits": { "cost": 7 } } } }))
        .start();
    let send = |index: usize| walk.send(from(&format!("192.0.2.{index}"), note("x")));
    for index in 1..=11 {
        send(index).passed();
    }
    assert!(walk.record.all().iter().all(|event| event["event"] != "sys_budget_low"));
    // 84 of 100.
    send(12).passed();
    let alert = walk.record.wait_until("the alert", |event| event["event"] == "sys_budget_low");
    assert!(alert.to_string().contains("sms"), "{alert:#}");
    send(13).passed();
    send(14).passed();
    let refused = send(15);
    refused.refused(Reason::BudgetExhausted);
    assert_eq!(refused.header("ratelimit"), None);
    let alerts = walk.record.all().iter().filter(|event| event["event"] == "sys_budget_low").count();
    assert_eq!(alerts, 1);
    walk.clock.advance(Duration::from_secs(wait(&refused)));
    send(16).passed();
}

// proves: LIM-22
#[test]
fn a_quota_in_shadow_lets_everything_pass_and_says_what_it_would_have_refused() {
    let shadows = |walk: &Walk| {
        walk.send(get("/public")).passed();
        let outcome = walk.send(get("/public"));
        outcome.passed();
        let event = outcome.only_event();
        assert_eq!(event["would_deny"], json!([Reason::CallerRateExceeded.code()]), "{event:#}");
        let text = scrape(walk);
        let line = text.lines().find(|line| {
            line.starts_with("portcullis_would_deny_total")
                && line.contains(Reason::CallerRateExceeded.code())
        });
        assert!(line.is_some_and(|line| line.ends_with(" 1")), "{text}");
        outcome.header("ratelimit").map(str::to_owned)
    };
    let admin = json!({ "admin": { "address": "127.0.0.1:0" } });
    // One quota among others.
    let walk = Setup::new()
        .policy(admin.clone())
        .api(json!({ "limits": { "caller": [
            { "name": "real", "rate": "50/1h" }, { "name": "trial", "rate": "1/1h", "mode": "shadow" },
        ] } }))
        .start();
    assert!(shadows(&walk).is_some_and(|told| told.starts_with("\"real\";r=48;")));
    // Or the whole stage.
    let walk = Setup::new()
        .policy(admin)
        .api(json!({ "stages": { "limit": "shadow" }, "limits": { "caller": [{ "rate": "1/1h" }] } }))
        .start();
    assert_eq!(shadows(&walk), None);
}
