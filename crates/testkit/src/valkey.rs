//! A real Valkey (or Redis) server of one test's own, to be killed, stopped and filled.
//!
//! `scripts/valkey` starts it, on loopback, with a password, TLS and a user who may do no more than a gateway needs. A
//! machine without one fails the test and is told what to install.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait;
use crate::workspace::Workspace;

/// The password of both of the server's users.
pub const PASSWORD: &str = "only-for-tests";
/// The user who may do what a gateway needs, and nothing else.
pub const USER: &str = "portcullis";

/// A server; it ends with the value.
#[derive(Debug)]
pub struct Valkey {
    folder: Workspace,
    ports: [u16; 2],
    options: Vec<String>,
    process: Option<Child>,
}

impl Default for Valkey {
    fn default() -> Self {
        Self::new()
    }
}

impl Valkey {
    /// Starts a server.
    #[must_use]
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// Starts one with further options of its command line, e.g. `["--maxmemory", "2mb"]`.
    #[must_use]
    pub fn with(options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { folder: Workspace::new(), ports: free_ports(), options, process: None };
        // Another process may take a port between the look and the start.
        while server.try_start() == Started::PortTaken {
            server.ports = free_ports();
        }
        server
    }

    /// Its address without TLS.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[0]).into()
    }

    /// Its address with TLS.
    #[must_use]
    pub fn tls_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[1]).into()
    }

    /// The file with the certificate that it presents.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path("server.crt")
    }

    /// Starts it again at the same addresses, empty.
    pub fn start(&mut self) {
        wait::until("its ports are free again", || self.try_start() == Started::Yes);
    }

    fn try_start(&mut self) -> Started {
        let [port, tls_port] = self.ports.map(|port| port.to_string());
        let child = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/valkey"))
            .arg("serve")
            .arg(self.folder.root())
            .args([&port, &tls_port])
            .args(&self.options)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("scripts/valkey can be run");
        self.process = Some(child);
        let mut started = Started::Yes;
        wait::until("a Valkey server that answers", || {
            if let Ok(Some(status)) = self.process.as_mut().expect("just started").try_wait() {
                // The script fails with 1 and says why; so does the server, of which the log is not shown.
                assert!(self.is_installed(), "Valkey is needed: run scripts/peers ({status})");
                started = Started::PortTaken;
                return true;
            }
            self.answers()
        });
        started
    }

    /// The script writes the configuration only once it has found a server.
    fn is_installed(&self) -> bool {
        self.folder.path("server.conf").exists()
    }

    /// Kills it, as a machine that loses power would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("a process of ours");
            process.wait().expect("a process of ours");
        }
    }

    /// Stops it without closing a connection: it accepts, reads and answers nothing any more.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Runs one command as the user who may do everything, and gives what the server answers, as it is on the wire.
    pub fn run(&self, command: &[&str]) -> String {
        self.ask(&[&["AUTH", PASSWORD], command]).expect("a server that answers")
    }

    fn answers(&self) -> bool {
        self.ask(&[&["AUTH", PASSWORD], &["PING"]]).is_ok_and(|answer| answer.contains("+PONG"))
    }

    /// All commands in one go, and all of the answer to the last one that comes before the connection ends.
    fn ask(&self, commands: &[&[&str]]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address(), Duration::from_secs(1))?;
        stream.set_read_timeout(Some(wait::PATIENCE))?;
        let mut request = String::new();
        for command in commands.iter().chain([&["QUIT"][..]].iter()) {
            request.push_str(&format!("*{}\r\n", command.len()));
            for word in *command {
                request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
            }
        }
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let answer = answer.strip_prefix("+OK\r\n").unwrap_or(&answer);
        Ok(answer.strip_suffix("+OK\r\n").unwrap_or(answer).trim_end().to_owned())
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("a server that runs");
        let status = Command::new("kill").arg(signal).arg(process.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "{signal} was not taken");
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A stopped process is killed as well.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Whether a server came up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Started {
    Yes,
    PortTaken,
}

/// Two ports that are free now. The server binds them itself; they and those of a cluster's bus, ten thousand above, are
/// below the range from which the system hands out its own.
fn free_ports() -> [u16; 2] {
    [0, 1].map(|which| {
        let mut random = [0; 2];
        loop {
            aws_lc_rs::rand::fill(&mut random).expect("randomness");
            let port = 10_000 + u16::from_be_bytes(random) % 6_000 * 2 + which;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return port;
            }
        }
    })
}
