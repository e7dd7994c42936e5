//! A real identity provider: `oidc-provider`, which nobody here wrote, for one test.
//!
//! `tests/peers/identity-provider.mjs` runs it; `scripts/peers` installs it. A machine without it fails the
//! test and is told so. It ends with the value, or with the test's process: its input ends then.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use portcullis_domain::Timestamp;
use serde_json::{Value, json};

use crate::authority::{Authority, TlsOffer};
use crate::prover::{Prover, changed};
use crate::raw_client::RawClient;
use crate::wire::Response;
use crate::workspace::Workspace;

/// The secret of the client `shop-web`, for which users of browsers sign in.
pub const WEB_SECRET: &str = "web-secret-that-nobody-may-reuse";
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
        self.access_token(&format!("scope={}", scope.replace(' ', "+")), "")
    }

    /// One that says nothing: only the provider knows what it is good for (RFC 7662).
    #[must_use]
    pub fn opaque_token(&self, scope: &str) -> String {
        self.access_token(&format!("resource=urn:shop-opaque&scope={}", scope.replace(' ', "+")), "")
    }

    /// One that is bound to the key of `prover` (RFC 9449 §5).
    #[must_use]
    pub fn bound_token(&self, prover: &Prover, scope: &str, now: Timestamp) -> String {
        let claims =
            prover.claims("POST", &format!("{}/token", self.issuer), "", "at-the-token-endpoint", now);
        let proof = prover.sign(&prover.header(), &changed(claims, json!({ "ath": null })));
        self.access_token(&format!("scope={}", scope.replace(' ', "+")), &format!("DPoP: {proof}\r\n"))
    }

    /// Takes a token back (RFC 7009).
    pub fn revoke(&self, token: &str) {
        let response = self.ask("/token/revocation", &format!("token={token}"), "");
        assert_eq!(response.status, 200, "{response:#?}");
    }

    fn access_token(&self, parameters: &str, lines: &str) -> String {
        let form = format!("grant_type=client_credentials&{parameters}");
        let token = self.ask("/token", &form, lines).json();
        token["access_token"].as_str().unwrap_or_else(|| panic!("no token: {token:#}")).to_owned()
    }

    /// Posts a form as the client.
    fn ask(&self, path: &str, form: &str, lines: &str) -> Response {
        use base64::Engine as _;
        let authority = self.issuer.trim_start_matches("https://");
        let (_, port) = authority.rsplit_once(':').expect("a port");
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
        let basic = base64::engine::general_purpose::STANDARD.encode(CLIENT);
        RawClient::connect_tls(address, &self.offer).expect("a handshake with the provider").ask(format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Basic {basic}\r\n{lines}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{form}",
            form.len()
        ))
    }

    /// Signs with a new key from now on; the old ones are still published.
    pub fn rotate(&mut self) {
        self.command("rotate");
    }

    /// Publishes no key but the newest.
    pub fn retire(&mut self) {
        self.command("retire");
    }

    /// Says where the client `shop-web` is, as browsers see it and as the provider itself can reach it.
    pub fn send_users_to(&mut self, page: &str, backchannel: &str) {
        self.command(&format!("web {page} {backchannel}"));
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
