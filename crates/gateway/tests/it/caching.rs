//! One caller's response is never another's (GW-26).

use portcullis_testkit::{Answer, Upstream};

use crate::walk::{Setup, get};

// proves: GW-26
#[test]
fn each_caller_gets_its_own_answer_from_the_same_url() {
    let upstream = Upstream::start(|seen| {
        let subject = seen.header("x-auth-subject").unwrap_or("nobody").to_owned();
        Answer::respond(
            200,
            &[("Cache-Control", "public, max-age=3600"), ("ETag", "\"1\""), ("Content-Type", "text/css")],
            subject,
        )
    });
    let walk = Setup::new().upstream(upstream).start();
    let alice = walk.token_of("alice", "orders:read");
    let bob = walk.token_of("bob", "orders:read");
    for path in ["/me", "/me/x.css"] {
        for (token, name) in [(&alice, "alice"), (&bob, "bob"), (&alice, "alice")] {
            let outcome = walk.send(get(path).bearer(token));
            outcome.passed();
            assert_eq!(outcome.response.text(), name, "{path}");
            assert_eq!(outcome.response.headers.all("cache-control"), ["no-store"], "{path}");
        }
    }
    let _ = walk.send(get("/me")).refused(portcullis_domain::Reason::CredentialMissing);
}

// proves: GW-26
#[test]
fn a_conditional_request_is_answered_by_the_upstream_and_nobody_else() {
    let upstream = Upstream::start(|seen| match seen.header("if-none-match") {
        Some(_) => Answer::respond(304, &[("ETag", "\"1\"")], ""),
        None => Answer::respond(200, &[("ETag", "\"1\"")], "hello"),
    });
    let walk = Setup::new().upstream(upstream).start();
    let token = walk.token("orders:read");
    let outcome = walk.send(get("/me").bearer(&token).with("If-None-Match: \"1\""));
    assert_eq!(outcome.response.status, 304);
    outcome.passed();
    let outcome = walk.send(get("/me").bearer(&token));
    assert_eq!(outcome.passed().header("if-none-match"), None);
}
