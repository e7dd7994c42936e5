//! New files without a restart.

use std::sync::Arc;

use portcullis_tls::config::ServerTlsConfig;

use crate::listener::{Listener, client, echo, serial, visit};
use crate::mint::{Authority, Scene};

struct Shop {
    scene: Scene,
    authority: Authority,
    listener: Listener,
}

impl Shop {
    async fn open() -> Self {
        let scene = Scene::new();
        let authority = Authority::new("authority");
        let config = ServerTlsConfig {
            certificates: vec![scene.certificate("shop", &authority.server(&["shop.test"]))],
            ..ServerTlsConfig::default()
        };
        let listener = Listener::start(&scene, &config).await;
        Self { scene, authority, listener }
    }

    /// The serial number that a client without tickets is shown.
    async fn serial(&self) -> String {
        let config = Arc::new(client(self.authority.roots()));
        serial(&visit(&config, self.listener.address, "shop.test").await.unwrap())
    }
}

// proves-part: TLS-18 (reloading on change and sending the alerts are the gateway's)
#[tokio::test]
async fn new_files_serve_new_handshakes_and_old_streams_go_on() {
    let shop = Shop::open().await;
    let config = Arc::new(client(shop.authority.roots()));
    let mut old = visit(&config, shop.listener.address, "shop.test").await.unwrap();
    let before = serial(&old);

    shop.scene.certificate("shop", &shop.authority.server(&["shop.test"]));
    assert_eq!(shop.serial().await, before, "nothing changes before the reload");
    let warnings = shop.listener.tls.reload().unwrap();
    assert!(warnings.is_empty());
    assert_ne!(shop.serial().await, before);
    echo(&mut old, b"still here").await.unwrap();
}

// proves: TLS-04
#[tokio::test]
async fn unfit_files_change_nothing() {
    let shop = Shop::open().await;
    let before = shop.serial().await;
    let other = shop.authority.server(&["shop.test"]);
    for (chain, key, code) in [
        (Some("nonsense".to_owned()), None, "C0131"),
        (Some(other.chain_pem()), None, "C0134"),
        (None, Some("nonsense".to_owned()), "C0132"),
        (Some(String::new()), Some(String::new()), "C0131"),
    ] {
        let good = shop.authority.server(&["shop.test"]);
        shop.scene.certificate("shop", &good);
        if let Some(chain) = chain {
            shop.scene.write("shop.pem", chain);
        }
        if let Some(key) = key {
            shop.scene.write("shop.key", key);
        }
        let mistakes = shop.listener.tls.reload().unwrap_err();
        assert!(mistakes.errors().any(|mistake| mistake.code().0 == code), "{mistakes:?}");
        assert_eq!(shop.serial().await, before, "{code}");
    }
    std::fs::remove_file(shop.scene.path("shop.key")).unwrap();
    assert!(shop.listener.tls.reload().is_err());
    assert_eq!(shop.serial().await, before);
}

#[tokio::test]
async fn the_files_to_watch_are_named() {
    let shop = Shop::open().await;
    assert_eq!(shop.listener.tls.files(), [shop.scene.path("shop.pem"), shop.scene.path("shop.key")]);
}

#[tokio::test]
async fn a_listener_without_certificates_gets_one_for_development() {
    let scene = Scene::new();
    let config =
        ServerTlsConfig { development_hosts: vec!["shop.test".to_owned()], ..ServerTlsConfig::default() };
    let listener = Listener::start(&scene, &config).await;
    let development = listener.tls.development().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(development.authority_file()).unwrap();
    let authority =
        <rustls::pki_types::CertificateDer as rustls::pki_types::pem::PemObject>::from_pem_slice(&pem);
    roots.add(authority.unwrap()).unwrap();
    let config = Arc::new(client(roots));
    for name in ["localhost", "127.0.0.1", "::1", "shop.test"] {
        visit(&config, listener.address, name).await.unwrap();
    }
    // As a developer would: curl -k https://127.0.0.1, and openssl with the authority.
    let trusted = crate::foreign::client(
        listener.address,
        &[
            "-servername",
            "localhost",
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
            "-CAfile",
            development.authority_file().to_str().unwrap(),
            "-brief",
        ],
        None,
        "",
        None,
    )
    .await;
    assert!(trusted.text.contains("Verification: OK"), "{}", trusted.text);
}
