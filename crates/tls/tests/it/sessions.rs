//! Resumption: how long, with whose ticket, and never early.

use std::sync::Arc;
use std::time::Duration;

use portcullis_tls::config::{ClientCertificatesConfig, ServerTlsConfig, SessionTickets};
use portcullis_tls::{HandshakeFault, Resumption, Urgency};
use rustls::{ClientConfig, HandshakeKind};

use crate::foreign;
use crate::listener::{Listener, Outcome, client, kind, visit};
use crate::mint::{Authority, Scene};

const HOUR: Duration = Duration::from_secs(60 * 60);

struct Shop {
    scene: Scene,
    authority: Authority,
    config: ServerTlsConfig,
}

fn shop() -> Shop {
    let scene = Scene::new();
    let authority = Authority::new("authority");
    let config = ServerTlsConfig {
        certificates: vec![scene.certificate("shop", &authority.server(&["shop.test"]))],
        ..ServerTlsConfig::default()
    };
    Shop { scene, authority, config }
}

fn only_tls12(config: &mut ClientConfig, roots: rustls::RootCertStore) {
    *config = ClientConfig::builder_with_provider(portcullis_tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
}

async fn resumes(config: &Arc<ClientConfig>, listener: &mut Listener) -> HandshakeKind {
    let stream = visit(config, listener.address, "shop.test").await.unwrap();
    let agreed = kind(&stream);
    let seen = listener.handshake().await.resumption;
    assert_eq!(seen == Resumption::Resumed, agreed == HandshakeKind::Resumed);
    agreed
}

// proves: TLS-07
#[tokio::test]
async fn a_ticket_resumes_for_a_while_and_then_gets_a_full_handshake() {
    let shop = shop();
    let mut listener = Listener::start(&shop.scene, &shop.config).await;
    let mut tls12 = client(shop.authority.roots());
    only_tls12(&mut tls12, shop.authority.roots());
    for config in [client(shop.authority.roots()), tls12] {
        let config = Arc::new(config);
        assert_eq!(resumes(&config, &mut listener).await, HandshakeKind::Full);
        assert_eq!(resumes(&config, &mut listener).await, HandshakeKind::Resumed);
        shop.scene.clock.advance(5 * HOUR);
        assert_eq!(resumes(&config, &mut listener).await, HandshakeKind::Full);
        assert_eq!(resumes(&config, &mut listener).await, HandshakeKind::Resumed);
        shop.scene.clock.advance(13 * HOUR);
        assert_eq!(resumes(&config, &mut listener).await, HandshakeKind::Full);
    }
}

#[tokio::test]
async fn a_listener_without_tickets_never_resumes() {
    let shop = shop();
    let config = ServerTlsConfig { session_tickets: SessionTickets::Never, ..shop.config };
    let mut listener = Listener::start(&shop.scene, &config).await;
    let mut tls12 = client(shop.authority.roots());
    only_tls12(&mut tls12, shop.authority.roots());
    for config in [client(shop.authority.roots()), tls12] {
        let config = Arc::new(config);
        for _ in 0..3 {
            assert_eq!(resumes(&config, &mut listener).await, HandshakeKind::Full);
        }
    }
}

// proves: TLS-08
#[tokio::test]
async fn a_ticket_of_an_open_host_does_not_open_a_guarded_one() {
    let shop = shop();
    let clients = Authority::new("clients");
    let guarded = ServerTlsConfig {
        client_certificates: Some(ClientCertificatesConfig {
            authorities: shop.scene.write("clients.pem", &clients.pem),
            mode: portcullis_tls::config::ClientCertificateMode::Required,
            revocations: Vec::new(),
            revocations_stale: portcullis_tls::config::StaleRevocations::Deny,
        }),
        ..shop.config.clone()
    };
    let mut open = Listener::start(&shop.scene, &shop.config).await;
    let mut guarded = Listener::start(&shop.scene, &guarded).await;
    let mut tls12 = client(shop.authority.roots());
    only_tls12(&mut tls12, shop.authority.roots());
    for config in [client(shop.authority.roots()), tls12] {
        let config = Arc::new(config);
        assert_eq!(resumes(&config, &mut open).await, HandshakeKind::Full);
        assert_eq!(resumes(&config, &mut open).await, HandshakeKind::Resumed);
        // The same client with its tickets, same name: a certificate is demanded all the same.
        assert!(visit(&config, guarded.address, "shop.test").await.is_err());
        assert_eq!(guarded.failure().await.fault, HandshakeFault::PeerCertificateMissing);
    }
}

// proves: TLS-06
#[tokio::test]
async fn early_data_is_neither_offered_nor_read() {
    let shop = shop();
    let mut listener = Listener::start(&shop.scene, &shop.config).await;
    let session = shop.scene.path("session.pem");
    let session = session.to_str().unwrap();
    let common = ["-servername", "shop.test", "-tls1_3"];
    let first = [&common[..], &["-sess_out", session]].concat();
    let visit = foreign::client(listener.address, &first, None, "hello\n", Some("hello\n")).await;
    assert!(visit.text.contains("Max Early Data: 0"), "the ticket allows early data: {}", visit.text);
    listener.handshake().await;

    // An attacker ignores the ticket's bound: forge one into the session and send a request early.
    let forged = forge_early_data(&std::fs::read_to_string(session).unwrap());
    std::fs::write(session, forged).unwrap();
    let post = shop.scene.path("post.txt");
    std::fs::write(&post, "POST /pay HTTP/1.1\r\nHost: shop.test\r\n\r\n").unwrap();
    let second = [&common[..], &["-sess_in", session, "-early_data", post.to_str().unwrap()]].concat();
    let visit = foreign::client(listener.address, &second, None, "late\n", Some("late\n")).await;
    assert!(visit.text.contains("Early data was rejected"), "{}", visit.text);
    let received = loop {
        if let Outcome::Received(bytes, _) = listener.outcome().await
            && bytes != b"hello\n"
        {
            break bytes;
        }
    };
    assert_eq!(received, b"late\n", "only what came after the handshake was read");
}

/// Sets `max_early_data` (field 15, explicit) of OpenSSL's saved session.
fn forge_early_data(pem: &str) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    const FIELD: &[u8] = &[0xaf, 0x04, 0x02, 0x02, 0x40, 0x00];
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(text).unwrap();
    let mut rest = element(&der).1;
    let mut fields = Vec::new();
    let mut forged = false;
    while !rest.is_empty() {
        let (whole, _) = element(rest);
        // Context fields are in order of their tags; other fields come first.
        if !forged && rest[0] > 0xaf {
            fields.extend_from_slice(FIELD);
            forged = true;
        }
        fields.extend_from_slice(&rest[..whole]);
        rest = &rest[whole..];
    }
    if !forged {
        fields.extend_from_slice(FIELD);
    }
    let length = u16::try_from(fields.len()).unwrap().to_be_bytes();
    let der = [&[0x30, 0x82], &length[..], &fields].concat();
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!(
        "-----BEGIN SSL SESSION PARAMETERS-----\n{}\n-----END SSL SESSION PARAMETERS-----\n",
        lines.join("\n")
    )
}

/// The length of the DER element at the start of `bytes`, and its content.
fn element(bytes: &[u8]) -> (usize, &[u8]) {
    let (header, length) = match bytes[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        0x81 => (3, usize::from(bytes[2])),
        0x82 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        other => panic!("length byte {other:#x}"),
    };
    (header + length, &bytes[header..header + length])
}

#[tokio::test]
async fn ends_are_listed_and_warned_of() {
    let shop = shop();
    let listener = Listener::start(&shop.scene, &shop.config).await;
    let expiries = listener.tls.expiries();
    let [certificate] = expiries.as_slice() else { panic!("{expiries:?}") };
    assert_eq!(certificate.name, "shop.test");
    let now = shop.scene.clock.now().wall;
    assert_eq!(certificate.urgency(now), Urgency::None);
    assert_eq!(certificate.urgency(now.plus(85 * 24 * HOUR)), Urgency::Week);
}
