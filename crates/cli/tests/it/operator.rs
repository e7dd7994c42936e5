//! A folder with a configuration, the binary run in it, and a gateway that serves it.

use std::process::{Command, Output};

use portcullis_gateway::{Gateway, Options, Watch};
use portcullis_testkit::{Answer, Authority, RawClient, Upstream, Workspace};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.test";

/// An operator at work.
pub(crate) struct Operator {
    pub(crate) workspace: Workspace,
    upstream: Upstream,
    authority: Authority,
}

/// What a run of the binary gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Operator {
    pub(crate) fn new() -> Self {
        let operator = Self {
            workspace: Workspace::new(),
            upstream: Upstream::answering(Answer::ok("hello")),
            authority: Authority::new(),
        };
        let identity = operator.authority.server(&["api.test"]);
        operator.workspace.file("server.pem", identity.chain_pem());
        operator.workspace.secret("server.key", identity.key_pem());
        operator.workspace.file("openapi.json", contract().to_string());
        operator.configure(&json!({}));
        operator
    }

    /// Writes the configuration, with more identity than there is.
    pub(crate) fn configure(&self, identity: &Value) {
        let configuration = json!({
            "listen": [{ "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" }],
            "apis": { "shop": {
                "contract": "openapi.json",
                "hosts": ["api.test"],
                "upstream": { "addresses": [self.upstream.url()] },
            } },
            "identity": identity,
            "audit": { "file": "audit.jsonl" },
            "timeouts": { "drain": "200ms" },
            "workers": 1,
        });
        self.workspace.file("portcullis.yaml", configuration.to_string());
    }

    /// Runs `portcullis ARGUMENTS` in the folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(arguments)
            .current_dir(self.workspace.root())
            .env_remove("PORTCULLIS_CONFIG")
            .output()
            .expect("the binary runs");
        Ran {
            code: status.code().expect("it was not killed"),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Runs it, and it must go well.
    #[track_caller]
    pub(crate) fn well(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{ran:#?}");
        ran
    }

    /// Runs it with `--json`, and it must go well.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.well(&[arguments, &["--json"]].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
    }

    /// How many requests the upstream has seen.
    pub(crate) fn upstream_count(&self) -> usize {
        self.upstream.count()
    }

    /// A gateway that serves the folder.
    pub(crate) fn gateway(&self) -> Gateway {
        let options = Options::new(self.workspace.path("portcullis.yaml"));
        Gateway::start(Options { watch: Watch::Nothing, ..options }).unwrap()
    }
}

/// The status that a request with this key gets.
pub(crate) fn status_with(gateway: &Gateway, key: &str) -> u16 {
    let request = format!("GET /stock HTTP/1.1\r\nHost: api.test\r\nX-API-Key: {key}\r\n\r\n");
    RawClient::connect(gateway.addresses()[0]).ask(request.as_bytes()).status
}

fn contract() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1" },
        "paths": { "/stock": { "get": {
            "operationId": "getStock",
            "security": [{ "partners": ["stock:read"] }],
            "responses": { "200": { "description": "Done." } },
        } } },
        "components": { "securitySchemes": {
            "partners": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
        } },
    })
}
