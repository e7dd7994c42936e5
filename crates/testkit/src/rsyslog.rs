//! A real syslog server (rsyslog) of one test's own, to be killed and started again.
//!
//! `scripts/rsyslog` starts it, on loopback, with TLS and without. A machine without one fails the test and is told what
//! to install.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::authority::Identity;
use crate::wait;
use crate::workspace::Workspace;

/// A server; it ends with the value.
#[derive(Debug)]
pub struct Rsyslog {
    folder: Workspace,
    ports: [u16; 3],
    process: Option<Child>,
}

/// A message as the server took it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Facility and severity in one number.
    pub priority: String,
    /// When it was made.
    pub time: String,
    /// Who made it.
    pub host: String,
    /// The program.
    pub program: String,
    /// Which kind of message.
    pub id: String,
    /// Structured data.
    pub data: String,
    /// The text.
    pub text: String,
}

impl Rsyslog {
    /// Starts a server that proves itself with `identity`.
    #[must_use]
    pub fn new(identity: &Identity) -> Self {
        let folder = Workspace::new();
        folder.file("chain.pem", identity.chain_pem());
        folder.secret("key.pem", identity.key_pem());
        let bound = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let ports = bound.map(|listener| listener.local_addr().expect("an address").port());
        let mut server = Self { folder, ports, process: None };
        server.start();
        server
    }

    /// The port for TLS.
    #[must_use]
    pub const fn tls_port(&self) -> u16 {
        self.ports[0]
    }

    /// The port for TCP.
    #[must_use]
    pub const fn tcp_port(&self) -> u16 {
        self.ports[1]
    }

    /// The port for UDP.
    #[must_use]
    pub const fn udp_port(&self) -> u16 {
        self.ports[2]
    }

    /// Starts the server, at the same ports as before.
    pub fn start(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/rsyslog");
        let process = Command::new(script)
            .arg("run")
            .arg(self.folder.root())
            .args(self.ports.map(|port| port.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("scripts/rsyslog can be run");
        self.process = Some(process);
        for port in [self.tls_port(), self.tcp_port()] {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            wait::until("rsyslog, which scripts/peers installs", || TcpStream::connect(address).is_ok());
        }
    }

    /// Kills the server.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("a process to kill");
            process.wait().expect("its end");
            // Of a server that is killed it stays, and keeps the next from starting.
            let _ = std::fs::remove_file(self.folder.path("rsyslog.pid"));
        }
    }

    /// What arrived so far.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let text = std::fs::read_to_string(self.file()).unwrap_or_default();
        // The last line may be on its way.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(Message::read).collect()
    }

    /// The file in which it keeps them.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path("messages")
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Message {
    fn read(line: &str) -> Self {
        let mut parts = line.splitn(7, " | ").map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        Self {
            priority: part(),
            time: part(),
            host: part(),
            program: part(),
            id: part(),
            data: part(),
            text: part().trim_start().to_owned(),
        }
    }
}
