//! What a scraper of the admin listener sees. How numbers are made is tested in `portcullis-audit`.

use portcullis_testkit::{ClosedPort, RawClient, wait};
use serde_json::json;

use crate::walk::{Setup, Walk, get};

fn with_admin() -> Setup {
    Setup::new().policy(json!({ "admin": { "address": "127.0.0.1:0" } }))
}

/// What a scraper of this gateway gets.
pub(crate) fn scrape(walk: &Walk) -> String {
    let secret = walk.gateway().admin_secret().expect("a secret made at start").expose_text().unwrap();
    let address = walk.gateway().admin_address().expect("an admin listener");
    RawClient::connect(address).ask(Vec::from(get("/metrics").bearer(secret))).text().to_owned()
}

#[test]
fn the_keys_that_limiters_hold_are_told_by_quota() {
    let walk = with_admin()
        .policy(json!({ "limits": { "caller": [{ "name": "overall", "rate": "100/1h" }] } }))
        .api(json!({ "limits": { "caller": [{ "name": "ours", "rate": "100/1h" }] } }))
        .start();
    for subject in ["alice", "bob", "alice"] {
        walk.send(get("/orders").bearer(&walk.token_of(subject, "orders:read"))).passed();
    }
    let text = scrape(&walk);
    for line in [
        r#"portcullis_limiter_keys{quota="caller/overall"} 2"#,
        r#"portcullis_limiter_keys{quota="shop/caller/ours"} 2"#,
        r#"portcullis_limiter_keys{quota="failures-credential"} 0"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    // Counters live on when the policy is compiled anew, and so does what is told of them.
    walk.rewrite(json!({ "pseudonym": "after" }));
    walk.gateway().reload().expect("a good file");
    assert!(scrape(&walk).contains(r#"{quota="shop/caller/ours"} 2"#));
}

#[test]
fn a_certificate_that_cannot_be_had_is_recorded_and_counted() {
    let port = ClosedPort::new();
    let walk = with_admin()
        .policy(json!({ "listen": [
            { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" },
            { "address": "127.0.0.1:0", "protocol": "tls", "tls": { "acme": {
                "names": ["api.test"],
                "terms_of_service": "agreed",
                "directory": format!("https://localhost:{}/dir", port.address().port()),
            } } },
        ] }))
        .start();
    let listener = walk.address(1).to_string();
    let event = walk.record.wait_until("the failure", |event| event["event"] == "sys_certificate_refused");
    assert_eq!(event["certificate"], listener, "{event:#}");
    assert!(event["cause"].is_string(), "{event:#}");
    wait::until("the count", || {
        let text = scrape(&walk);
        let count = |result: &str| {
            format!(r#"portcullis_certificate_renewals_total{{listener="{listener}",result="{result}"}}"#)
        };
        text.contains(&format!("{} 0", count("renewed"))) && text.contains(&count("failed"))
    });
}
