//! No key material leaves the process.

use std::process::Command;
use std::sync::Arc;

use portcullis_config::Diagnostics;
use portcullis_tls::config::{ClientTlsConfig, ServerTlsConfig};
use portcullis_tls::{ClientTls, Protocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::listener::Listener;
use crate::mint::{Authority, Scene};

/// A handshake with our code on both sides; also run by the test below, in a process of its own.
#[tokio::test]
async fn both_sides_of_a_handshake_are_ours() {
    let scene = Scene::new();
    let authority = Authority::new("authority");
    let config = ServerTlsConfig {
        certificates: vec![scene.certificate("shop", &authority.server(&["shop.test"]))],
        ..ServerTlsConfig::default()
    };
    let listener = Listener::start(&scene, &config).await;
    let trust = ClientTlsConfig {
        authorities: Some(scene.write("ca.pem", &authority.pem)),
        ..ClientTlsConfig::default()
    };
    let mut diagnostics = Diagnostics::new();
    let tls = ClientTls::compile(
        &trust,
        &[Protocol::Http1],
        &Scene::place(),
        &scene.surroundings,
        &mut diagnostics,
    );
    let tls = tls.unwrap();
    assert!(!tls.rustls().key_log.will_log("CLIENT_TRAFFIC_SECRET_0"));
    let socket = TcpStream::connect(listener.address).await.unwrap();
    let (mut stream, _) = tls.connect("shop.test", socket).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
}

// proves-part: TLS-20 (no key log; the events of failed handshakes are the gateway's)
#[test]
fn the_key_log_variable_makes_no_file() {
    let scene = Scene::new();
    let log = scene.path("keys.log");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "secrets::both_sides_of_a_handshake_are_ours"])
        .env("SSLKEYLOGFILE", &log)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert!(!log.exists(), "key material was written");
}

#[tokio::test]
async fn nothing_that_is_printed_holds_a_key() {
    let scene = Scene::new();
    let leaf = Authority::new("authority").server(&["shop.test"]);
    let config = ServerTlsConfig {
        certificates: vec![scene.certificate("shop", &leaf)],
        ..ServerTlsConfig::default()
    };
    let listener = Listener::start(&scene, &config).await;
    let printed = format!("{:?}", Arc::clone(&listener.tls));
    let bytes: Vec<String> = leaf.key.serialized_der().iter().map(ToString::to_string).collect();
    assert!(!printed.contains(&bytes[36..52].join(", ")), "{printed}");
}
