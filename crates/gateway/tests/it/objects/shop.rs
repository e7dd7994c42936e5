//! The example shop, whose flaws are on: nobody asks there whose an order is.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use portcullis_config::{Document, Limits};
use portcullis_domain::Reason;
use portcullis_testkit::RawClient;
use serde_json::{Value, json};

use crate::walk::{Setup, Walk, ask, get, merge, post_json};

/// The shop, running by itself.
struct Shop {
    process: Child,
    url: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Shop {
    fn start() -> Self {
        let mut process = Command::new("python3")
            .arg(root().join("examples/shop/shop.py"))
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs the example shop: install it with `apt-get install python3`");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("shop: ").expect("the shop says where it is").to_owned();
        Self { process, url }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The settings of the guide, in its order.
fn shown() -> Vec<Value> {
    let guide = std::fs::read_to_string(root().join("docs/guides/stop-cross-user-access.md")).unwrap();
    let blocks = guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks
        .map(|block| Document::parse("guide", block.as_bytes(), &Limits::default()).unwrap().value().clone())
        .collect()
}

fn token(walk: &Walk, who: &str) -> String {
    walk.token_of(who, "orders:read orders:write users:read users:write")
}

/// Status and JSON of an answer.
fn send(walk: &Walk, who: &str, request: crate::walk::Ask) -> (u16, Value) {
    let answer = walk.client().ask(Vec::from(request.bearer(&token(walk, who))));
    (answer.status, answer.json())
}

fn change(user: &str) -> crate::walk::Ask {
    ask("PATCH", &format!("/users/{user}"))
        .with("Content-Type: application/json")
        .body("{\"name\":\"Mallory\"}")
}

fn order() -> crate::walk::Ask {
    post_json("/orders", "{\"items\":[{\"product\":\"p-1\",\"quantity\":1}]}")
}

// proves: AUTHZ-08
#[test]
fn the_guide_closes_the_shops_hole_and_denies_nobody_what_is_theirs() {
    let shop = Shop::start();
    // The bare shop lets everybody do everything.
    let address = shop.url.strip_prefix("http://").unwrap().parse().unwrap();
    let bare = |who: &str, line: &str| {
        let request =
            format!("{line} HTTP/1.1\r\nHost: shop\r\nX-Auth-Subject: {who}\r\nContent-Length: 0\r\n\r\n");
        RawClient::connect(address).ask(request.into_bytes())
    };
    assert_eq!(bare("alice", "GET /orders/2").json()["customer"], "bob");

    let openapi = std::fs::read_to_string(root().join("examples/shop/openapi.yaml")).unwrap();
    let [learning, enforcing] = shown().try_into().expect("two settings");
    let mut walk = Setup::new()
        .file("shop.yaml", openapi)
        .policy(json!({ "timeouts": { "conceal": "1ms" } }))
        .api(json!({ "contract": "shop.yaml", "upstream": { "addresses": [shop.url] } }))
        .policy(learning)
        .start();
    walk.account_for_stray_events();
    // Learning denies nothing.
    let (status, made) = send(&walk, "alice", order());
    assert_eq!(status, 201);
    let id = made["id"].as_u64().unwrap();
    let read = |id: u64| get(&format!("/orders/{id}"));
    assert_eq!(send(&walk, "bob", read(id)).0, 200);

    walk.rewrite(enforcing);
    walk.restart();
    for (who, request, expected) in [
        // What was learned, and what is older than the gateway.
        ("alice", read(id), 200),
        ("bob", read(id), 404),
        ("alice", read(1), 200),
        ("bob", read(1), 404),
        ("bob", read(2), 200),
        ("alice", read(2), 404),
        ("alice", read(4711), 404),
        ("alice", get("/users/alice"), 200),
        ("alice", get("/users/bob"), 404),
        ("alice", change("bob"), 404),
        ("bob", change("bob"), 200),
        ("bob", order(), 201),
    ] {
        let line = format!("{request:?}");
        assert_eq!(send(&walk, who, request).0, expected, "{who}: {line}");
    }
    let (status, list) = send(&walk, "alice", get("/orders"));
    assert_eq!(status, 200);
    let customers: Vec<_> = list.as_array().unwrap().iter().map(|order| order["customer"].clone()).collect();
    assert_eq!(customers, ["alice", "alice"]);
    // The shop itself is as open as before.
    assert_eq!(bare("alice", "GET /orders/2").json()["customer"], "bob");
    let foreign = |event: &Value| event["reason"] == Reason::ObjectForeign.code();
    walk.record.wait_until("a refusal of what is foreign", foreign);
}

#[test]
fn what_the_guide_shows_fits_the_examples_own_settings() {
    let text = std::fs::read_to_string(root().join("examples/shop/portcullis.yaml")).unwrap();
    let example = Document::parse("portcullis.yaml", text.as_bytes(), &Limits::default()).unwrap();
    for settings in shown() {
        let mut merged = example.value().clone();
        merge(&mut merged, settings);
        assert_eq!(merged["apis"]["shop"]["contract"], "openapi.yaml");
    }
}
