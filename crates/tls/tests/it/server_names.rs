//! Several certificates, and names and protocols that nobody serves.

use std::sync::Arc;

use portcullis_tls::HandshakeFault;
use portcullis_tls::config::ServerTlsConfig;
use rustls::pki_types::ServerName;

use crate::foreign;
use crate::hello::{Answer, Hello};
use crate::listener::{Listener, client, serial, visit};
use crate::mint::{Authority, Scene};

const UNRECOGNIZED_NAME: u8 = 112;

struct Hosts {
    _scene: Scene,
    authority: Authority,
    listener: Listener,
}

async fn hosts() -> Hosts {
    let scene = Scene::new();
    let authority = Authority::new("authority");
    let config = ServerTlsConfig {
        certificates: vec![
            scene.certificate("first", &authority.server(&["shop.test", "127.0.0.1"])),
            scene.certificate("second", &authority.server(&["*.shop.test"])),
            scene.certificate("third", &authority.server(&["api.shop.test"])),
        ],
        ..ServerTlsConfig::default()
    };
    let listener = Listener::start(&scene, &config).await;
    Hosts { _scene: scene, authority, listener }
}

#[tokio::test]
async fn each_name_gets_its_own_certificate() {
    let mut hosts = hosts().await;
    let config = Arc::new(client(hosts.authority.roots()));
    let mut serials = Vec::new();
    for name in ["shop.test", "www.shop.test", "api.shop.test"] {
        // The client verifies the name, so success means the right certificate.
        let stream = visit(&config, hosts.listener.address, name).await.unwrap();
        serials.push(serial(&stream));
        assert_eq!(hosts.listener.handshake().await.server_name.as_deref(), Some(name));
    }
    serials.dedup();
    assert_eq!(serials.len(), 3);
}

// proves: TLS-09
#[tokio::test]
async fn an_unknown_name_is_refused_with_unrecognized_name() {
    let mut hosts = hosts().await;
    for name in ["evil.test", "shop.test.evil.test", "a.b.shop.test", "localhost"] {
        let answer = Hello::sound(name).answer(hosts.listener.address).await;
        assert_eq!(answer, Answer::FatalAlert(UNRECOGNIZED_NAME), "{name}");
        let failure = hosts.listener.failure().await;
        assert_eq!(failure.fault, HandshakeFault::ServerNameUnknown);
        assert_eq!(failure.server_name.as_deref(), Some(name));
    }
    let visit = foreign::client(hosts.listener.address, &["-servername", "evil.test"], None, "", None).await;
    assert!(visit.text.contains("unrecognized name"), "{}", visit.text);
    assert!(!visit.succeeded);
}

// proves: TLS-09
#[tokio::test]
async fn no_common_protocol_is_refused_with_no_application_protocol() {
    let mut hosts = hosts().await;
    for version in ["-tls1_3", "-tls1_2"] {
        let visit = foreign::client(
            hosts.listener.address,
            &["-servername", "shop.test", version, "-alpn", "spdy/3,acme-tls/1"],
            None,
            "",
            None,
        )
        .await;
        assert!(visit.text.contains("no application protocol"), "{}", visit.text);
        assert_eq!(hosts.listener.failure().await.fault, HandshakeFault::ApplicationProtocolUnknown);
    }
}

#[tokio::test]
async fn a_client_that_names_nobody_gets_the_first_certificate() {
    let mut hosts = hosts().await;
    let config = Arc::new(client(hosts.authority.roots()));
    // An address is never sent as a name (RFC 6066 §3).
    assert!(matches!(ServerName::try_from("127.0.0.1").unwrap(), ServerName::IpAddress(_)));
    visit(&config, hosts.listener.address, "127.0.0.1").await.unwrap();
    assert_eq!(hosts.listener.handshake().await.server_name, None);
}

#[tokio::test]
async fn names_are_compared_without_regard_to_case() {
    let mut hosts = hosts().await;
    assert_eq!(Hello::sound("SHOP.Test").answer(hosts.listener.address).await, Answer::ServerHello);
    assert_eq!(hosts.listener.failure().await.server_name.as_deref(), Some("shop.test"));
}
