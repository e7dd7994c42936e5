//! A decision point of its own process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use portcullis_testkit::RawClient;
use serde_json::Value;

pub(crate) struct Service {
    process: Child,
    url: String,
}

impl Service {
    /// Starts it and waits until it says where it is.
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/decision_point.py");
        let mut process = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs the decision point: install it with `apt-get install python3`");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("decision point: ").expect("it says where it is").to_owned();
        Self { process, url }
    }

    /// An address of it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What it was asked so far.
    pub(crate) fn questions(&self) -> Vec<Value> {
        self.seen()["questions"].as_array().unwrap().clone()
    }

    /// On how many connections.
    pub(crate) fn connections(&self) -> u64 {
        self.seen()["connections"].as_u64().unwrap()
    }

    fn seen(&self) -> Value {
        let address: SocketAddr = self.url.strip_prefix("http://").unwrap().parse().unwrap();
        let request = "GET /seen HTTP/1.1\r\nHost: pdp\r\nConnection: close\r\n\r\n";
        RawClient::connect(address).ask(request.as_bytes()).json()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
