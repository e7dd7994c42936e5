//! Two processes of the binary that share limits at one server (LIM-08).

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use portcullis_testkit::valkey::{PASSWORD, USER};
use portcullis_testkit::{Answer, Authority, RawClient, Upstream, Valkey, Workspace, wait};
use serde_json::json;

/// A gateway in a process of its own.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn serve(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "--log", "info"])
            .current_dir(folder)
            .env_remove("PORTCULLIS_CONFIG")
            .env("NO_COLOR", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = lines
            .by_ref()
            .find_map(|line| {
                let plain: String = strip(&line);
                plain.split_once("address=").map(|(_, address)| address.trim().parse().unwrap())
            })
            .expect("it says where it listens");
        // Whatever else it says: a full pipe must not stop it.
        thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The line without what colors it.
fn strip(line: &str) -> String {
    let mut plain = String::new();
    let mut is_code = false;
    for letter in line.chars() {
        match (is_code, letter) {
            (false, '\u{1b}') => is_code = true,
            (true, 'm') => is_code = false,
            (true, _) => {}
            (false, letter) => plain.push(letter),
        }
    }
    plain
}

fn folder(server: &Valkey, upstream: &Upstream) -> Workspace {
    let workspace = Workspace::new();
    let identity = Authority::new().server(&["api.test"]);
    workspace.file("server.pem", identity.chain_pem());
    workspace.secret("server.key", identity.key_pem());
    workspace.secret("valkey.password", PASSWORD);
    workspace.secret("limits.secret", "2f6b8a52c1d94e07a3b5f0c8e7d61942");
    let contract = json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1" },
        "paths": { "/stock": { "get": {
            "operationId": "getStock", "x-portcullis-access": "public",
            "responses": { "200": { "description": "Done." } },
        } } },
    });
    workspace.file("openapi.json", contract.to_string());
    let configuration = json!({
        "listen": [{ "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" }],
        "apis": { "shop": {
            "contract": "openapi.json",
            "hosts": ["api.test"],
            "upstream": { "addresses": [upstream.url()] },
        } },
        "audit": { "file": "audit.jsonl" },
        "timeouts": { "drain": "200ms" },
        "workers": 2,
        "limits": {
            "peer": [],
            "caller": [{ "name": "hourly", "rate": "100/1h" }],
            "shared": {
                "servers": [server.address().to_string()],
                "user": USER,
                "password": "${file:valkey.password}",
                "secret": "${file:limits.secret}",
                "replicas": 2,
                "timeout": "1s",
            },
        },
    });
    workspace.file("portcullis.yaml", configuration.to_string());
    workspace
}

/// How many of a thousand requests are let through, of ten clients at a time.
fn admitted(address: SocketAddr) -> usize {
    let clients = || {
        (0..5).map(|_| {
            thread::spawn(move || {
                let ask = || {
                    let request = b"GET /stock HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n";
                    RawClient::connect(address).ask(request).status
                };
                let statuses: Vec<u16> = (0..100).map(|_| ask()).collect();
                assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
                statuses.iter().filter(|status| **status == 200).count()
            })
        })
    };
    let running: Vec<_> = clients().collect();
    running.into_iter().map(|client| client.join().unwrap()).sum()
}

// proves: LIM-08
#[test]
fn two_processes_under_load_admit_exactly_the_quota_between_them() {
    let server = Valkey::new();
    let upstream = Upstream::answering(Answer::ok("hello"));
    let folders = [folder(&server, &upstream), folder(&server, &upstream)];
    let processes = folders.each_ref().map(|folder| Process::serve(folder.root()));
    // Each worker of each of them is connected when the script has run four times for a trial.
    wait::until("four connections", || {
        server.run(&["INFO", "commandstats"]).contains("cmdstat_evalsha:calls=4,")
    });
    // And each of them asks from then on.
    let loads = processes.each_ref().map(|process| {
        let address = process.address;
        thread::spawn(move || admitted(address))
    });
    let counts = loads.map(|load| load.join().unwrap());
    assert_eq!(counts.iter().sum::<usize>(), 100, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(upstream.count(), 100);
}
