//! Marked secrets into every input, and none of them in any sink (AUD-07, KEY-09).
//!
//! Inputs: the configuration's own secrets, every place of a request where a credential may stand, bodies,
//! and what upstreams and issuers answer. Sinks: the record, the process's log, metrics, the answers to
//! clients, the effective configuration and diagnostics. The fields that carry a credential on to whom it is
//! meant for are not sinks.

use std::io;
use std::sync::{Arc, Mutex};

use portcullis_config::Environment;
use portcullis_gateway::{Options, check};
use portcullis_testkit::{Answer, RawClient, Upstream};
use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::walk::{Ask, Setup, ask, get, merge, post_json};

/// Begins every planted secret.
const MARK: &str = "Canary7Q2x";

/// The process's log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn planted(name: &str) -> String {
    format!("{MARK}{name}0123456789abcdefABCDEF")
}

/// Credentials in every place, under every name, good and broken.
fn requests() -> Vec<Ask> {
    let mark = planted("request");
    let jwt = format!("eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.{mark}.{mark}");
    let mut requests = vec![
        get("/orders").bearer(&mark),
        get("/orders").bearer(&jwt),
        get("/orders").with(format!("Authorization: DPoP {jwt}")).with(format!("DPoP: {jwt}")),
        get("/orders").with(format!("Authorization: Basic {mark}")),
        get("/orders").with(format!("Authorization: Bearer {mark}, {mark}")),
        get("/orders").with(format!("Authorization: {mark}")),
        get("/orders").bearer(&jwt).with(format!("Authorization: Bearer {jwt}")),
        get("/public").with(format!("Cookie: session={mark}; a={mark}")),
        get("/public").with(format!("X-API-Key: {mark}")),
        get("/public").with(format!("X-Auth-Token: {mark}")),
        get("/public").with(format!("Proxy-Authorization: Bearer {mark}")),
        get("/public").with(format!("User-Agent: tool/1 Bearer {mark}")),
        get("/public").with(format!("X-Request-Id: Bearer {mark}")),
        get(&format!("/nowhere/reset-password/{mark}")),
        get(&format!("/nowhere/{jwt}")),
        post_json("/notes", &format!(r#"{{"text":"x","password":"{mark}"}}"#)),
        post_json("/notes", &format!(r#"{{"text":{{"token":"{mark}"}}}}"#)),
        post_json("/notes", &format!("{{\"text\":\"{mark}")),
        ask("POST", "/nowhere").body(format!("password={mark}")),
    ];
    for name in ["access_token", "token", "api_key", "password", "code", "secret", "sig", "id_token_hint"] {
        requests.push(get(&format!("/public?{name}={mark}")));
        requests.push(get(&format!("/nowhere?q=1&{name}={mark}")));
    }
    requests
}

// proves: AUD-07, KEY-09
#[test]
fn no_sink_shows_a_planted_secret() {
    let log = Log::default();
    // All that our own code says, and what libraries say above the level of bytes.
    let filter = EnvFilter::new("portcullis=trace,debug");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(log.clone()).with_ansi(false).init();

    let issuer = Upstream::start(|_| Answer::json(r#"{"active":false}"#));
    let mut configuration = json!({
        "admin": { "address": "127.0.0.1:0", "token": "${file:admin.token}" },
        "identity": { "customers": { "allow_private_network": true, "introspection": {
            "url": format!("{}/introspect", issuer.url()), "client": "gate", "secret": "${file:client.secret}",
        } } },
    });
    merge(&mut configuration, json!({ "store": { "secret": "${file:store.secret}" } }));
    let leaky = Answer::respond(
        500,
        &[("set-cookie", &format!("session={}", planted("upstream"))), ("x-debug", &planted("upstream"))],
        format!("password={}", planted("upstream")),
    );
    let walk = Setup::new()
        .secret("admin.token", planted("admin"))
        .secret("client.secret", planted("client"))
        .secret("store.secret", planted("store"))
        .policy(configuration)
        .answering(leaky)
        .start();

    let mut answers = String::new();
    for request in requests() {
        let outcome = walk.send(request);
        answers.push_str(&format!("{:?}", outcome.response));
    }
    walk.gateway().reload().expect("a good file");
    walk.workspace.file("broken.yaml", format!("listen: []\nadmin: {{ token: {} }}\n", planted("literal")));
    let broken = Options {
        environment: Environment::process().with_base(walk.workspace.path("")),
        ..Options::new(walk.workspace.path("broken.yaml"))
    };
    let diagnostics = format!("{:?}", check(&broken).err().expect("mistakes"));
    let effective =
        check(&Options::new(walk.workspace.path("portcullis.yaml"))).expect("a good file").effective;
    let admin = walk.gateway().admin_address().unwrap();
    let metrics = RawClient::connect(admin).ask(Vec::from(get("/metrics").bearer(&planted("admin"))));
    assert_eq!(metrics.status, 200);

    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    // Both were really looked at.
    assert!(!log.is_empty() && walk.record.text().contains("[redacted]"));
    for (sink, text) in [
        ("the record", walk.record.text()),
        ("the log", log),
        ("the metrics", metrics.text().to_owned()),
        ("an answer", answers),
        ("the effective configuration", effective.to_string()),
        ("the diagnostics", diagnostics),
    ] {
        if let Some(at) = text.find(MARK) {
            let around = text.get(at.saturating_sub(200)..(at + 40).min(text.len())).unwrap_or_default();
            panic!("{sink} shows a secret: {around}");
        }
    }
}
