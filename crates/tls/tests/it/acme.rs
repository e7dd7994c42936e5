//! Automatic certificates, from Pebble.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_tls::config::{AcmeChallenge, AcmeConfig, ServerTlsConfig, TermsOfService};
use portcullis_tls::{AcmeError, AcmeRenewal, HandshakeFault, HttpTokens, Renewal};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::hello::Hello;
use crate::listener::{Listener, Outcome, client, compile, serial, visit};
use crate::mint::{DAY, Scene};
use crate::pebble::{DIRECTORY_AUTHORITY, Pebble, Ports, prepare};

/// A listener that gets its certificate from a Pebble.
struct Shop {
    scene: Scene,
    listener: Listener,
    renewal: AcmeRenewal,
    ports: Ports,
    pebble: Pebble,
}

fn config(ports: Ports, challenge: AcmeChallenge, names: &[&str]) -> ServerTlsConfig {
    ServerTlsConfig {
        acme: Some(AcmeConfig {
            names: names.iter().map(ToString::to_string).collect(),
            terms_of_service: TermsOfService::Agreed,
            directory: ports.directory_url(),
            contact: Some("ops@shop.test".to_owned()),
            authorities: Some(DIRECTORY_AUTHORITY.to_owned()),
            challenge,
        }),
        ..ServerTlsConfig::default()
    }
}

impl Shop {
    async fn open(challenge: AcmeChallenge, names: &[&str]) -> Self {
        let scene = Scene::new();
        prepare(&scene);
        // What Pebble issues is valid from the moment of issue, which is later than a clock that stands.
        scene.clock.advance(DAY / 24);
        let ports = Ports::free();
        let listener = Listener::start(&scene, &config(ports, challenge, names)).await;
        let renewal = listener.tls.acme().unwrap();
        let http = serve_tokens(Arc::clone(&scene.surroundings.tokens)).await;
        let pebble = Pebble::start(&scene, ports, http, listener.address.port()).await;
        Self { scene, listener, renewal, ports, pebble }
    }

    /// Visits every name, trusting Pebble alone, and returns the serial number shown.
    async fn serial(&self, names: &[&str]) -> String {
        let roots = self.pebble.roots(&self.scene).await;
        let config = Arc::new(client(roots));
        let mut shown = String::new();
        for name in names {
            shown = serial(&visit(&config, self.listener.address, name).await.unwrap());
        }
        shown
    }

    async fn renew(&self) {
        let renewed = self.renewal.step().await;
        assert!(matches!(renewed, Ok(Renewal::Renewed { .. })), "{renewed:?}");
    }
}

/// What the plaintext listener will do: answer tokens, and nothing else.
async fn serve_tokens(tokens: Arc<HttpTokens>) -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = socket.accept().await {
            let mut connection = BufReader::new(connection);
            let mut line = String::new();
            let _ = connection.read_line(&mut line).await;
            let path = line.split(' ').nth(1).unwrap_or_default();
            let answer = match tokens.answer(path) {
                Some(body) => format!("HTTP/1.0 200 OK\r\n\r\n{body}"),
                None => "HTTP/1.0 404 Not Found\r\n\r\n".to_owned(),
            };
            let _ = connection.write_all(answer.as_bytes()).await;
            let _ = connection.shutdown().await;
        }
    });
    port
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

// proves-part: TLS-21 (Encrypted Client Hello is missing)
#[tokio::test]
async fn a_certificate_is_had_over_http_and_renewed_at_two_thirds_of_its_life() {
    let names = ["shop.test", "www.shop.test"];
    let mut shop = Shop::open(AcmeChallenge::Http01, &names).await;
    Hello::sound("shop.test").answer(shop.listener.address).await;
    assert_eq!(shop.listener.failure().await.fault, HandshakeFault::CertificateAbsent);

    shop.renew().await;
    let first = shop.serial(&names).await;
    let Ok(Renewal::NotDue { until }) = shop.renewal.step().await else { panic!("due at once") };
    let ends = shop.listener.tls.expiries()[0].ends;
    let now = shop.scene.clock.now().wall;
    let (wait, life) = (until.since(now).as_secs_f64(), ends.since(now).as_secs_f64());
    assert!((wait / life - 2.0 / 3.0).abs() < 0.01, "{wait} of {life}");

    shop.scene.clock.advance(until.since(now) - DAY);
    assert_eq!(shop.renewal.step().await.unwrap(), Renewal::NotDue { until });
    shop.scene.clock.advance(2 * DAY);
    shop.renew().await;
    assert_ne!(shop.serial(&names).await, first);
}

// proves-part: TLS-21 (Encrypted Client Hello is missing)
#[tokio::test]
async fn a_certificate_is_had_by_a_handshake_of_the_listener() {
    let names = ["shop.test", "api.shop.test"];
    let mut shop = Shop::open(AcmeChallenge::TlsAlpn01, &names).await;
    shop.renew().await;
    for _ in names {
        assert!(matches!(shop.listener.outcome().await, Outcome::ChallengeAnswered));
    }
    shop.serial(&names).await;
    // What was put in place for the authority is gone.
    let leftover = crate::foreign::client(
        shop.listener.address,
        &["-servername", "shop.test", "-alpn", "acme-tls/1"],
        None,
        "",
        None,
    )
    .await;
    assert!(leftover.text.contains("no application protocol"), "{}", leftover.text);
}

#[tokio::test]
async fn account_and_certificate_are_kept_for_their_owner_only() {
    let shop = Shop::open(AcmeChallenge::Http01, &["shop.test"]).await;
    shop.renew().await;
    let kept = files_below(&shop.scene.surroundings.state);
    assert_eq!(kept.len(), 2, "{kept:?}");
    for file in &kept {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    // A restart finds both.
    let again = compile(&shop.scene, &config(shop.ports, AcmeChallenge::Http01, &["shop.test"])).unwrap();
    assert!(matches!(again.acme().unwrap().step().await, Ok(Renewal::NotDue { .. })));
    assert_eq!(again.expiries().len(), 1);
}

#[tokio::test]
async fn an_unproven_name_is_named_and_changes_nothing() {
    let names = ["shop.test"];
    let mut shop = Shop::open(AcmeChallenge::Http01, &names).await;
    shop.renew().await;
    let before = shop.serial(&names).await;
    // Somebody else answers at port 80 now, and the certificate is gone from disk, so it is due.
    let roots = shop.pebble.roots(&shop.scene).await;
    let elsewhere = serve_tokens(Arc::default()).await;
    shop.pebble.validate_at(&shop.scene, elsewhere).await;
    let identity = files_below(&shop.scene.surroundings.state);
    let identity = identity.iter().find(|path| path.ends_with("identity.pem")).unwrap();
    fs::remove_file(identity).unwrap();

    let error = shop.renewal.step().await.unwrap_err();
    assert!(matches!(&error, AcmeError::NotProven { name, .. } if name == "shop.test"), "{error:?}");
    let stream = visit(&Arc::new(client(roots)), shop.listener.address, "shop.test").await.unwrap();
    assert_eq!(serial(&stream), before);
}

#[tokio::test]
async fn an_account_that_the_authority_forgot_is_made_anew() {
    let names = ["shop.test"];
    let mut shop = Shop::open(AcmeChallenge::Http01, &names).await;
    shop.renew().await;
    let before = shop.serial(&names).await;
    // Pebble remembers nothing over a restart.
    shop.pebble.restart(&shop.scene).await;
    for file in files_below(&shop.scene.surroundings.state) {
        if file.ends_with("identity.pem") {
            fs::remove_file(file).unwrap();
        }
    }
    shop.renew().await;
    assert_ne!(shop.serial(&names).await, before);
}

#[tokio::test]
async fn an_authority_that_is_away_changes_nothing() {
    let names = ["shop.test"];
    let mut shop = Shop::open(AcmeChallenge::Http01, &names).await;
    shop.renew().await;
    let before = shop.serial(&names).await;
    let roots = shop.pebble.roots(&shop.scene).await;
    shop.pebble.stop();
    let Ok(Renewal::NotDue { until }) = shop.renewal.step().await else { panic!("due at once") };
    let now = shop.scene.clock.now().wall;
    shop.scene.clock.advance(until.since(now));
    let error = shop.renewal.step().await.unwrap_err();
    assert!(matches!(error, AcmeError::Authority(_)), "{error:?}");
    let stream = visit(&Arc::new(client(roots)), shop.listener.address, "shop.test").await.unwrap();
    assert_eq!(serial(&stream), before);
}

#[test]
fn what_cannot_be_proven_is_a_mistake_at_load() {
    let scene = Scene::new();
    prepare(&scene);
    let mut config =
        config(Ports::free(), AcmeChallenge::Http01, &["*.shop.test", "127.0.0.1", "a b", "shop.test."]);
    if let Some(acme) = &mut config.acme {
        acme.directory = "http://ca.test/dir".to_owned();
    }
    let found = compile(&scene, &config).unwrap_err();
    let codes: Vec<&str> = found.errors().map(|mistake| mistake.code().0).collect();
    assert_eq!(codes, ["C0150"; 5]);
}
