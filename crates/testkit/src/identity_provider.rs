//! A real identity provider: `oidc-provider`, which nobody here wrote, for one test.
//!
//! `tests/peers/identity-provider.mjs` runs it; `scripts/peers` installs it. A machine without it fails the
//! test and is told so. It ends with the value, or with the test's process: its input ends then.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::authority::{Authority, TlsOffer};
use crate::raw_client::RawClient;
use crate::workspace::Workspace;

const CLIENT: &str = "robot:robot-secret-that-nobody-may-reuse";

/// A running provider that speaks TLS.
pub struct IdentityProvider {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    issuer: String,
    offer: TlsOffer,
    _files: Workspace,
}

impl IdentityProvider {
    /// Starts it with a certificate of `authority`.
    #[must_use]
    pub fn start(authority: &Authority) -> Self {
        let files = Workspace::new();
        let identity = authority.server(&["localhost", "127.0.0.1"]);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/identity-provider.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .arg("--certificate")
            .arg(files.file("provider.pem", identity.chain_pem()))
            .arg("--key")
            .arg(files.secret("provider.key", identity.key_pem()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node.js is needed: install nodejs, then run scripts/peers");
        let commands = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let offer = TlsOffer::new(authority, "localhost").alpn(&["http/1.1"]);
        let mut provider = Self { process, commands, answers, issuer: String::new(), offer, _files: files };
        let ready = provider.line().expect("oidc-provider is needed: run scripts/peers");
        provider.issuer = ready["issuer"].as_str().expect("an issuer").to_owned();
        provider
    }

    /// Its issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// An access token of its client, by client credentials (RFC 6749 §4.4).
    #[must_use]
    pub fn token(&self, scope: &str) -> String {
        use base64::Engine as _;
        let authority = self.issuer.trim_start_matches("https://");
        let (_, port) = authority.rsplit_once(':').expect("a port");
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
        let basic = base64::engine::general_purpose::STANDARD.encode(CLIENT);
        let form = format!("grant_type=client_credentials&scope={}", scope.replace(' ', "+"));
        let response =
            RawClient::connect_tls(address, &self.offer).expect("a handshake with the provider").ask(format!(
                "POST /token HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Basic {basic}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{form}",
                form.len()
            ));
        let token = response.json();
        token["access_token"].as_str().unwrap_or_else(|| panic!("no token: {token:#}")).to_owned()
    }

    /// Signs with a new key from now on; the old ones are still published.
    pub fn rotate(&mut self) {
        self.command("rotate");
    }

    /// Publishes no key but the newest.
    pub fn retire(&mut self) {
        self.command("retire");
    }

    fn command(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("a provider that listens");
        let done = self.line().expect("an answer");
        assert_eq!(done["known"], true, "{done:#}");
    }

    /// The next line that the script itself has written; the provider has advice of its own to give.
    fn line(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            self.answers.read_line(&mut line).ok().filter(|length| *length > 0)?;
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).expect("a line of JSON"));
            }
        }
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
