//! Versions, suites, groups, and the features of old TLS that are gone.

use std::sync::Arc;

use portcullis_tls::config::{MinimumVersion, ServerTlsConfig};
use portcullis_tls::{HandshakeFault, Protocol, provider};
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{ClientConfig, RootCertStore};

use crate::foreign::{self, lax};
use crate::hello::{Answer, Hello, send};
use crate::listener::{Listener, Outcome, client, visit};
use crate::mint::{Authority, Scene};

const HANDSHAKE_FAILURE: u8 = 40;
const ILLEGAL_PARAMETER: u8 = 47;
const PROTOCOL_VERSION: u8 = 70;

async fn shop(change: impl FnOnce(&mut ServerTlsConfig)) -> (Scene, Authority, Listener) {
    let scene = Scene::new();
    let authority = Authority::new("authority");
    let mut config = ServerTlsConfig {
        certificates: vec![scene.certificate("shop", &authority.server(&["shop.test"]))],
        ..ServerTlsConfig::default()
    };
    change(&mut config);
    let listener = Listener::start(&scene, &config).await;
    (scene, authority, listener)
}

// proves: TLS-01
#[tokio::test]
async fn versions_before_1_2_are_refused_as_such() {
    let (scene, _, mut listener) = shop(|_| {}).await;
    for (version, signature_algorithms) in [([3, 0], false), ([3, 1], false), ([3, 2], false), ([3, 2], true)]
    {
        let hello = Hello { version, signature_algorithms, ..Hello::sound("shop.test") };
        assert_eq!(hello.answer(listener.address).await, Answer::FatalAlert(PROTOCOL_VERSION), "{version:?}");
        assert_eq!(listener.failure().await.fault, HandshakeFault::VersionUnsupported);
    }
    let lax = lax(&scene, "");
    for version in ["-tls1", "-tls1_1"] {
        let visit =
            foreign::client(listener.address, &["-servername", "shop.test", version], Some(&lax), "", None)
                .await;
        assert!(visit.text.contains("alert protocol version"), "{}", visit.text);
        assert_eq!(listener.failure().await.fault, HandshakeFault::VersionUnsupported);
    }
}

// proves: TLS-01
#[tokio::test]
async fn a_client_that_speaks_both_gets_1_3() {
    let (_, authority, mut listener) = shop(|_| {}).await;
    for (arguments, version) in [
        (&["-servername", "shop.test"][..], "TLSv1.3"),
        (&["-servername", "shop.test", "-tls1_2"], "TLSv1.2"),
    ] {
        let talk =
            foreign::client(listener.address, &[arguments, &["-brief"]].concat(), None, "", None).await;
        assert!(talk.text.contains(version), "{}", talk.text);
        assert_eq!(listener.handshake().await.version, version);
    }
    visit(&Arc::new(client(authority.roots())), listener.address, "shop.test").await.unwrap();
    assert_eq!(listener.handshake().await.version, "TLSv1.3");
}

#[tokio::test]
async fn a_listener_can_ask_for_1_3_alone() {
    let (_, _, mut listener) = shop(|config| config.minimum = MinimumVersion::Tls13).await;
    let hello = Hello::sound("shop.test");
    assert_eq!(hello.answer(listener.address).await, Answer::FatalAlert(PROTOCOL_VERSION));
    assert_eq!(listener.failure().await.fault, HandshakeFault::VersionUnsupported);
}

// proves: TLS-02
#[tokio::test]
async fn suites_without_forward_secrecy_or_aead_are_refused() {
    const REFUSED: &[(u16, &str)] = &[
        (0x0001, "NULL-MD5"),
        (0x0005, "RC4-SHA"),
        (0x000a, "DES-CBC3-SHA"),
        (0x002f, "AES128-SHA: RSA key exchange, CBC"),
        (0x009c, "AES128-GCM-SHA256: RSA key exchange"),
        (0x0033, "DHE-RSA-AES128-SHA"),
        (0x009e, "DHE-RSA-AES128-GCM-SHA256"),
        (0xc006, "ECDHE-ECDSA-NULL-SHA"),
        (0xc007, "ECDHE-ECDSA-RC4-SHA"),
        (0xc008, "ECDHE-ECDSA-DES-CBC3-SHA"),
        (0xc009, "ECDHE-ECDSA-AES128-SHA: CBC"),
        (0xc023, "ECDHE-ECDSA-AES128-SHA256: CBC"),
        (0xc0ac, "ECDHE-ECDSA-AES128-CCM: not on the list"),
        (0x0018, "ADH-RC4-MD5: anonymous"),
        (0x008c, "PSK-AES128-CBC-SHA"),
    ];
    let (_, _, mut listener) = shop(|_| {}).await;
    for (suite, name) in REFUSED {
        let hello = Hello { suites: &[*suite], ..Hello::sound("shop.test") };
        assert_eq!(hello.answer(listener.address).await, Answer::FatalAlert(HANDSHAKE_FAILURE), "{name}");
        let fault = listener.failure().await.fault;
        assert!(
            matches!(
                fault,
                HandshakeFault::CipherSuitesUnacceptable | HandshakeFault::SignaturesUnacceptable
            ),
            "{name}: {fault:?}"
        );
    }
    let all: Vec<u16> = REFUSED.iter().map(|(suite, _)| *suite).collect();
    let hello = Hello { suites: &all, ..Hello::sound("shop.test") };
    assert_eq!(hello.answer(listener.address).await, Answer::FatalAlert(HANDSHAKE_FAILURE));
    assert_eq!(Hello::sound("shop.test").answer(listener.address).await, Answer::ServerHello);
}

// proves: TLS-02
#[tokio::test]
async fn openssl_gets_good_suites_only() {
    let (scene, _, listener) = shop(|_| {}).await;
    let lax = lax(&scene, "");
    for (suite, accepted) in [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", true),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", true),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", true),
        ("ECDHE-ECDSA-AES128-SHA", false),
        ("ECDHE-ECDSA-AES256-SHA384", false),
        ("ECDHE-ECDSA-AES128-CCM", false),
        ("DHE-RSA-AES128-GCM-SHA256", false),
        ("AES128-GCM-SHA256", false),
        ("AES128-SHA", false),
        ("NULL-SHA256", false),
    ] {
        let visit = foreign::client(
            listener.address,
            &["-servername", "shop.test", "-tls1_2", "-brief", "-cipher", suite],
            Some(&lax),
            "",
            None,
        )
        .await;
        if accepted {
            assert!(visit.text.contains(&format!("Ciphersuite: {suite}")), "{suite}: {}", visit.text);
        } else {
            assert!(visit.text.contains("alert handshake failure"), "{suite}: {}", visit.text);
        }
    }
}

fn client_with_groups(roots: RootCertStore, groups: &[&'static dyn SupportedKxGroup]) -> Arc<ClientConfig> {
    let provider = CryptoProvider { kx_groups: groups.to_vec(), ..CryptoProvider::clone(&provider()) };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

// proves: TLS-03
#[tokio::test]
async fn a_capable_client_gets_the_hybrid_group_and_an_older_one_x25519() {
    let (_, authority, mut listener) = shop(|_| {}).await;
    let cases: [(&[&'static dyn SupportedKxGroup], &str); 5] = [
        (&[kx_group::X25519MLKEM768, kx_group::X25519], "X25519MLKEM768"),
        // Capable, but with another order: the server's preference holds.
        (&[kx_group::X25519, kx_group::SECP256R1, kx_group::X25519MLKEM768], "X25519MLKEM768"),
        (&[kx_group::X25519, kx_group::SECP256R1], "X25519"),
        (&[kx_group::SECP256R1, kx_group::SECP384R1], "secp256r1"),
        (&[kx_group::SECP384R1], "secp384r1"),
    ];
    for (groups, expected) in cases {
        let config = client_with_groups(authority.roots(), groups);
        visit(&config, listener.address, "shop.test").await.unwrap();
        assert_eq!(listener.handshake().await.group, Some(expected));
    }
    let openssl = foreign::client(
        listener.address,
        &["-servername", "shop.test", "-brief", "-groups", "P-256:X25519"],
        None,
        "",
        None,
    )
    .await;
    assert!(openssl.succeeded, "{}", openssl.text);
    assert!(matches!(listener.handshake().await.group, Some("X25519" | "secp256r1")));
}

#[tokio::test]
async fn a_client_without_a_common_group_is_refused() {
    let (scene, _, mut listener) = shop(|_| {}).await;
    let lax = lax(&scene, "");
    let visit = foreign::client(
        listener.address,
        &["-servername", "shop.test", "-groups", "P-521"],
        Some(&lax),
        "",
        None,
    )
    .await;
    assert!(visit.text.contains("alert handshake failure"), "{}", visit.text);
    assert_eq!(listener.failure().await.fault, HandshakeFault::GroupsUnacceptable);
}

// proves: TLS-05
#[tokio::test]
async fn tls_1_2_without_extended_master_secret_is_refused() {
    let (scene, _, mut listener) = shop(|_| {}).await;
    let hello = Hello { extended_master_secret: false, ..Hello::sound("shop.test") };
    assert_eq!(hello.answer(listener.address).await, Answer::FatalAlert(HANDSHAKE_FAILURE));
    assert_eq!(listener.failure().await.fault, HandshakeFault::ExtendedMasterSecretMissing);

    let arguments = ["-servername", "shop.test", "-tls1_2", "-brief"];
    let without = lax(&scene, "Options = -ExtendedMasterSecret");
    let visit = foreign::client(listener.address, &arguments, Some(&without), "", None).await;
    assert!(visit.text.contains("alert handshake failure"), "{}", visit.text);
    assert_eq!(listener.failure().await.fault, HandshakeFault::ExtendedMasterSecretMissing);
    let with = lax(&scene, "");
    assert!(foreign::client(listener.address, &arguments, Some(&with), "", None).await.succeeded);
}

// proves: TLS-05
#[tokio::test]
async fn compression_is_never_agreed_on() {
    let (_, _, listener) = shop(|_| {}).await;
    let only = Hello { compression: &[1], ..Hello::sound("shop.test") };
    assert_eq!(only.answer(listener.address).await, Answer::FatalAlert(ILLEGAL_PARAMETER));
    let lax = lax(&Scene::new(), "Options = Compression");
    let visit =
        foreign::client(listener.address, &["-servername", "shop.test", "-tls1_2"], Some(&lax), "", None)
            .await;
    assert!(visit.text.contains("Compression: NONE"), "{}", visit.text);
}

// proves: TLS-05
#[tokio::test]
async fn renegotiation_is_refused_and_the_connection_ends() {
    let (_, _, mut listener) = shop(|_| {}).await;
    // `R` at the start of a line makes s_client renegotiate; it would stay for more input if it could.
    let visit = foreign::client(
        listener.address,
        &["-servername", "shop.test", "-tls1_2"],
        None,
        "R\n",
        Some("nothing that is ever said"),
    )
    .await;
    assert!(visit.text.contains("RENEGOTIATING"), "{}", visit.text);
    assert!(visit.text.contains("no renegotiation"), "{}", visit.text);
    assert!(!visit.succeeded);
    listener.handshake().await;
    let Outcome::Received(received, Err(ended)) = listener.outcome().await else { panic!("not ended") };
    assert_eq!(received, b"");
    assert!(ended.to_string().contains("renegotiate"), "{ended}");
}

// proves-part: TLS-20 (the fault and peer are there to record; the event is the gateway's)
#[tokio::test]
async fn what_is_not_tls_is_named_so() {
    let (_, _, mut listener) = shop(|_| {}).await;
    for (bytes, fault) in [
        (&b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"[..], HandshakeFault::NotTls),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00garbage", HandshakeFault::MessageMalformed),
    ] {
        send(listener.address, bytes).await;
        assert_eq!(listener.failure().await.fault, fault, "{bytes:?}");
    }
    drop(tokio::net::TcpStream::connect(listener.address).await.unwrap());
    assert_eq!(listener.failure().await.fault, HandshakeFault::ConnectionClosed);
}

#[tokio::test]
async fn http_2_is_preferred_and_http_1_is_what_nothing_means() {
    let (_, authority, mut listener) = shop(|_| {}).await;
    let cases: [(&[&[u8]], Protocol); 4] = [
        (&[b"http/1.1", b"h2"], Protocol::Http2),
        (&[b"h2"], Protocol::Http2),
        (&[b"http/1.1"], Protocol::Http1),
        (&[], Protocol::Http1),
    ];
    for (offered, expected) in cases {
        let mut config = client(authority.roots());
        config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
        visit(&Arc::new(config), listener.address, "shop.test").await.unwrap();
        assert_eq!(listener.handshake().await.protocol, expected);
    }
}
