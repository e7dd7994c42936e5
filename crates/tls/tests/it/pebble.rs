//! Pebble, the certificate authority that Let's Encrypt wrote for tests, and its DNS, both from Debian.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis_config::Diagnostics;
use portcullis_tls::config::ClientTlsConfig;
use portcullis_tls::{ClientTls, Protocol};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::mint::{Authority, Scene, YEAR, valid};

const MISSING: &str = "pebble is missing; install it with `apt-get install pebble`";

/// Where Pebble and its peers listen.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) directory: u16,
    management: u16,
    dns: u16,
    dns_management: u16,
}

impl Ports {
    /// Ports that are free, below those that the system gives to others meanwhile.
    pub(crate) fn free() -> Self {
        let first = 10_000 + u16::try_from(std::process::id() * 16 % 20_000).unwrap();
        let mut free = (first..).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let [directory, management, dns, dns_management] = [(); 4].map(|()| free.next().unwrap());
        Self { directory, management, dns, dns_management }
    }

    pub(crate) fn directory_url(self) -> String {
        format!("https://localhost:{}/dir", self.directory)
    }
}

/// A running Pebble; ended when dropped.
pub(crate) struct Pebble {
    ports: Ports,
    pebble: Option<Running>,
    _dns: Running,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The file of the authority that vouches for Pebble's own address.
pub(crate) const DIRECTORY_AUTHORITY: &str = "directory-ca.pem";

/// Writes what Pebble's own address needs. Pebble is no part of what it issues.
pub(crate) fn prepare(scene: &Scene) {
    let authority = Authority::new("directory");
    scene.write(DIRECTORY_AUTHORITY, &authority.pem);
    let now = scene.clock.now().wall;
    let leaf = authority.leaf(&["localhost"], |parameters| valid(parameters, now, 10 * YEAR));
    scene.certificate("directory", &leaf);
}

impl Pebble {
    /// Starts Pebble with validation on `http` and `tls`; every name leads to 127.0.0.1.
    pub(crate) async fn start(scene: &Scene, ports: Ports, http: u16, tls: u16) -> Self {
        let local = |port: u16| format!("127.0.0.1:{port}");
        let config = serde_json::json!({ "pebble": {
            "listenAddress": local(ports.directory),
            "managementListenAddress": local(ports.management),
            "certificate": scene.path("directory.pem"),
            "privateKey": scene.path("directory.key"),
            "httpPort": http,
            "tlsPort": tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        fs::write(scene.path("pebble.json"), config.to_string()).unwrap();
        let dns = start(
            Command::new("pebble-challtestsrv")
                .args(["-dns01", &local(ports.dns), "-management", &local(ports.dns_management)])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]),
        );
        reachable(ports.dns).await;
        let mut pebble = Self { ports, pebble: None, _dns: dns };
        pebble.restart(scene).await;
        pebble
    }

    /// Starts it anew; it remembers nothing.
    pub(crate) async fn restart(&mut self, scene: &Scene) {
        self.pebble = None;
        self.pebble = Some(start(
            Command::new("pebble")
                .args(["-config", scene.path("pebble.json").to_str().unwrap()])
                .args(["-dnsserver", &format!("127.0.0.1:{}", self.ports.dns)])
                // No waiting before validation, and a validation for every order.
                .env("PEBBLE_VA_NOSLEEP", "1")
                .env("PEBBLE_AUTHZREUSE", "0")
                .env_remove("PEBBLE_VA_ALWAYS_VALID"),
        ));
        reachable(self.ports.directory).await;
        reachable(self.ports.management).await;
    }

    /// Starts it anew, to validate over plain HTTP at another port.
    pub(crate) async fn validate_at(&mut self, scene: &Scene, http: u16) {
        let mut config: serde_json::Value =
            serde_json::from_slice(&fs::read(scene.path("pebble.json")).unwrap()).unwrap();
        config["pebble"]["httpPort"] = http.into();
        fs::write(scene.path("pebble.json"), config.to_string()).unwrap();
        self.restart(scene).await;
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        self.pebble = None;
    }

    /// The root of what this Pebble issues; it makes a new one at each start.
    pub(crate) async fn roots(&self, scene: &Scene) -> RootCertStore {
        let trust = ClientTlsConfig {
            authorities: Some(DIRECTORY_AUTHORITY.to_owned()),
            ..ClientTlsConfig::default()
        };
        let tls = ClientTls::compile(
            &trust,
            &[Protocol::Http1],
            &Scene::place(),
            &scene.surroundings,
            &mut Diagnostics::new(),
        );
        let socket = TcpStream::connect(("127.0.0.1", self.ports.management)).await.unwrap();
        let (mut stream, _) = tls.unwrap().connect("localhost", socket).await.unwrap();
        stream.write_all(b"GET /roots/0 HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // Pebble may end without a close_notify.
        let _ = stream.read_to_end(&mut answer).await;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&answer).unwrap()).unwrap();
        roots
    }
}

fn start(command: &mut Command) -> Running {
    Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect(MISSING))
}

/// Waits until somebody listens.
async fn reachable(port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for _ in 0..1000 {
        if TcpStream::connect(address).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing listens on {address}; is another program in its place?");
}
