//! OpenSSL as the other end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::mint::Scene;

/// What an OpenSSL client said and how it ended.
pub(crate) struct Visit {
    pub(crate) text: String,
    pub(crate) succeeded: bool,
}

/// A configuration that allows what Debian forbids: old versions, weak suites, no extended master secret.
pub(crate) fn lax(scene: &Scene, options: &str) -> String {
    let text = format!(
        "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = lax\n[lax]\n\
         MinProtocol = TLSv1\nCipherString = ALL:eNULL:@SECLEVEL=0\n{options}\n"
    );
    let path = scene.path("lax.cnf");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// `openssl s_client` against `address`, with `arguments`, under the configuration `lax`; `input` is typed
/// and, if `until` is given, the input stays open until that text has been seen.
pub(crate) async fn client(
    address: SocketAddr,
    arguments: &[&str],
    lax: Option<&str>,
    input: &str,
    until: Option<&str>,
) -> Visit {
    let mut command = Command::new("timeout");
    command.args(["20", "openssl", "s_client", "-connect", &address.to_string()]).args(arguments);
    if let Some(lax) = lax {
        command.env("OPENSSL_CONF", lax);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (input, until) = (input.to_owned(), until.map(str::to_owned));
    tokio::task::spawn_blocking(move || talk(command, &input, until.as_deref())).await.unwrap()
}

fn talk(mut command: Command, input: &str, until: Option<&str>) -> Visit {
    let mut child = command.spawn().expect("openssl is missing; install it with `apt-get install openssl`");
    let mut typed = child.stdin.take().unwrap();
    // It may be gone already; what it said tells why.
    let _ = typed.write_all(input.as_bytes());
    let mut stderr = child.stderr.take().unwrap();
    let complaints = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let mut text = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    if let Some(until) = until {
        while !text.contains(until) {
            if stdout.read_line(&mut text).unwrap_or(0) == 0 {
                break;
            }
        }
    }
    drop(typed);
    let _ = stdout.read_to_string(&mut text);
    let succeeded = child.wait().unwrap().success();
    text.push_str(&complaints.join().unwrap());
    Visit { text, succeeded }
}

/// A running `openssl s_server`, ended when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts one and waits until it accepts.
    pub(crate) fn start(arguments: &[&str], lax: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(arguments)
            .env("OPENSSL_CONF", lax)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is missing; install it with `apt-get install openssl`");
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("ACCEPT ") {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "s_server ended");
        }
        let address = line.trim_start_matches("ACCEPT ").trim().parse().unwrap();
        // It talks on; somebody has to listen, or it blocks.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Self { address, child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
