//! TLS to upstreams: who is believed, and what happens before anybody is.

use std::net::SocketAddr;
use std::sync::Arc;

use portcullis_config::Diagnostics;
use portcullis_domain::{Reason, Timestamp};
use portcullis_tls::config::{ClientTlsConfig, MinimumVersion};
use portcullis_tls::{ClientTls, HandshakeFailure, HandshakeFault, Protocol, PublicRoots};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::foreign::{Server, lax};
use crate::listener::PATIENCE;
use crate::mint::{Authority, DAY, Leaf, Scene, valid};

/// An upstream that reports what it received after the handshake, or nothing when there was none.
struct Upstream {
    address: SocketAddr,
    received: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Upstream {
    async fn tls(leaf: &Leaf, protocols: &[&[u8]]) -> Self {
        let mut config = ServerConfig::builder_with_provider(portcullis_tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(leaf.chain.clone(), leaf.private_key())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self::start(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    /// Answers in the clear, whatever comes.
    async fn plaintext() -> Self {
        Self::start(None).await
    }

    async fn start(acceptor: Option<TlsAcceptor>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = socket.accept().await {
                let mut bytes = Vec::new();
                match &acceptor {
                    Some(acceptor) => {
                        if let Ok(mut stream) = acceptor.accept(connection).await {
                            let _ = stream.read_to_end(&mut bytes).await;
                        }
                    }
                    None => {
                        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
                        let _ = connection.read_to_end(&mut bytes).await;
                    }
                }
                let _ = sender.send(bytes);
            }
        });
        Self { address, received }
    }

    async fn received(&mut self) -> Vec<u8> {
        tokio::time::timeout(PATIENCE, self.received.recv()).await.expect("nobody came").unwrap()
    }
}

const SECRET: &[u8] = b"GET / HTTP/1.1\r\nAuthorization: Bearer secret\r\n\r\n";

/// What the gateway does: connect, shake hands, and only then send the request.
async fn send(tls: &ClientTls, host: &str, address: SocketAddr) -> Result<Protocol, HandshakeFailure> {
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut stream, protocol) = tls.connect(host, socket).await?;
    stream.write_all(SECRET).await.unwrap();
    stream.shutdown().await.unwrap();
    Ok(protocol)
}

fn compile(scene: &Scene, config: &ClientTlsConfig) -> Result<(ClientTls, Diagnostics), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let both = [Protocol::Http2, Protocol::Http1];
    let tls = ClientTls::compile(config, &both, &Scene::place(), &scene.surroundings, &mut diagnostics);
    match tls {
        Some(tls) => Ok((tls, diagnostics)),
        None => Err(diagnostics),
    }
}

fn trusting(scene: &Scene, authority: &Authority) -> ClientTls {
    let authorities = Some(scene.write("upstream-ca.pem", &authority.pem));
    compile(scene, &ClientTlsConfig { authorities, ..ClientTlsConfig::default() }).unwrap().0
}

fn common_name_only(authority: &Authority) -> Leaf {
    authority.leaf(&[], |parameters| {
        parameters.distinguished_name.push(DnType::CommonName, "api.internal");
    })
}

fn self_signed() -> Leaf {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["api.internal".to_owned()]).unwrap().self_signed(&key).unwrap();
    Leaf { chain: vec![certificate.der().clone()], key }
}

// proves-part: TLS-13 (the answer to the client and the event are the gateway's)
#[tokio::test]
async fn an_upstream_that_cannot_prove_its_name_gets_no_bytes() {
    let scene = Scene::new();
    let authority = Authority::new("upstreams");
    let tls = trusting(&scene, &authority);
    let long_ago = Timestamp::from_seconds(scene.clock.now().wall.as_seconds() - 10 * DAY.as_secs());
    let expired = authority.leaf(&["api.internal"], |parameters| valid(parameters, long_ago, DAY));
    let for_clients = authority.client("api.internal");
    for (leaf, fault) in [
        (self_signed(), HandshakeFault::PeerCertificateUntrusted),
        (Authority::new("strangers").server(&["api.internal"]), HandshakeFault::PeerCertificateUntrusted),
        // An authority that took the name of ours.
        (Authority::new("upstreams").server(&["api.internal"]), HandshakeFault::PeerCertificateSignatureBad),
        (authority.server(&["other.internal"]), HandshakeFault::PeerCertificateNameMismatch),
        (common_name_only(&authority), HandshakeFault::PeerCertificateNameMismatch),
        (expired, HandshakeFault::PeerCertificateExpired),
        (for_clients, HandshakeFault::PeerCertificatePurposeWrong),
    ] {
        let mut upstream = Upstream::tls(&leaf, &[]).await;
        let failure = send(&tls, "api.internal", upstream.address).await.unwrap_err();
        assert_eq!(failure.fault, fault);
        assert_eq!(failure.fault.upstream_reason(), Reason::UpstreamUntrusted);
        assert_eq!(upstream.received().await, b"", "{fault:?}");
    }
}

// proves-part: TLS-13 (the answer to the client and the event are the gateway's)
#[tokio::test]
async fn an_upstream_that_proves_its_name_gets_the_request() {
    let scene = Scene::new();
    let authority = Authority::new("upstreams");
    let tls = trusting(&scene, &authority);
    for name in ["api.internal", "127.0.0.1"] {
        let mut upstream = Upstream::tls(&authority.server(&[name]), &[]).await;
        send(&tls, name, upstream.address).await.unwrap();
        assert_eq!(upstream.received().await, SECRET);
    }
}

// proves-part: TLS-14 (the answer to the client is the gateway's)
#[tokio::test]
async fn an_upstream_that_answers_in_the_clear_gets_no_bytes_of_the_request() {
    let scene = Scene::new();
    let tls = trusting(&scene, &Authority::new("upstreams"));
    let mut upstream = Upstream::plaintext().await;
    let failure = send(&tls, "api.internal", upstream.address).await.unwrap_err();
    assert_eq!(failure.fault, HandshakeFault::NotTls);
    assert_eq!(failure.fault.upstream_reason(), Reason::UpstreamUntrusted);
    let received = upstream.received().await;
    assert!(!received.windows(6).any(|window| window == b"secret"));
    assert_eq!(received.first(), Some(&22), "the hello and nothing else");
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_not_called_untrusted() {
    let scene = Scene::new();
    let tls = trusting(&scene, &Authority::new("upstreams"));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let gone = tokio::spawn(async move {
        let (mut connection, _) = socket.accept().await.unwrap();
        let _ = connection.read(&mut [0; 4096]).await;
    });
    let failure = send(&tls, "api.internal", address).await.unwrap_err();
    gone.await.unwrap();
    assert_eq!(failure.fault.upstream_reason(), Reason::UpstreamUnreachable, "{failure:?}");
}

// proves-part: TLS-13 (the answer to the client and the event are the gateway's)
#[tokio::test]
async fn verification_is_skipped_only_by_a_switch_that_warns() {
    let scene = Scene::new();
    let config = ClientTlsConfig { dangerously_skip_verification: true, ..ClientTlsConfig::default() };
    let (tls, diagnostics) = compile(&scene, &config).unwrap();
    let codes: Vec<&str> = diagnostics.warnings().map(|warning| warning.code().0).collect();
    assert_eq!(codes, ["C0147"]);
    let mut upstream = Upstream::tls(&self_signed(), &[]).await;
    send(&tls, "anything", upstream.address).await.unwrap();
    assert_eq!(upstream.received().await, SECRET);
}

#[tokio::test]
async fn a_configured_server_name_is_the_one_that_is_proven() {
    let scene = Scene::new();
    let authority = Authority::new("upstreams");
    let config = ClientTlsConfig {
        authorities: Some(scene.write("ca.pem", &authority.pem)),
        server_name: Some("api.internal".to_owned()),
        ..ClientTlsConfig::default()
    };
    let (tls, _) = compile(&scene, &config).unwrap();
    let mut right = Upstream::tls(&authority.server(&["api.internal"]), &[]).await;
    send(&tls, "10.0.0.1", right.address).await.unwrap();
    assert_eq!(right.received().await, SECRET);
    let wrong = Upstream::tls(&authority.server(&["10.0.0.1"]), &[]).await;
    assert!(send(&tls, "10.0.0.1", wrong.address).await.is_err());
}

#[tokio::test]
async fn the_protocol_is_agreed_on() {
    let scene = Scene::new();
    let authority = Authority::new("upstreams");
    let tls = trusting(&scene, &authority);
    let leaf = authority.server(&["api.internal"]);
    let cases: [(&[&[u8]], Protocol); 3] =
        [(&[b"h2", b"http/1.1"], Protocol::Http2), (&[b"http/1.1"], Protocol::Http1), (&[], Protocol::Http1)];
    for (served, expected) in cases {
        let upstream = Upstream::tls(&leaf, served).await;
        assert_eq!(send(&tls, "api.internal", upstream.address).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_floor_holds_towards_upstreams_too() {
    let scene = Scene::new();
    let authority = Authority::new("upstreams");
    let leaf = scene.certificate("upstream", &authority.server(&["api.internal"]));
    let tls = trusting(&scene, &authority);
    let (chain, key) = (scene.path(&leaf.chain), scene.path(&leaf.key));
    let files = ["-cert", chain.to_str().unwrap(), "-key", key.to_str().unwrap()];
    let lax = lax(&scene, "");

    let good = Server::start(&files, &lax);
    send(&tls, "api.internal", good.address).await.unwrap();
    let old = Server::start(&[&files[..], &["-tls1_1"]].concat(), &lax);
    let failure = send(&tls, "api.internal", old.address).await.unwrap_err();
    assert!(
        matches!(failure.fault, HandshakeFault::VersionUnsupported | HandshakeFault::AlertReceived),
        "{failure:?}"
    );
    let weak = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"];
    let weak = Server::start(&[&files[..], &weak].concat(), &lax);
    assert!(send(&tls, "api.internal", weak.address).await.is_err());

    let modern = ClientTlsConfig {
        authorities: Some("upstream-ca.pem".to_owned()),
        minimum: MinimumVersion::Tls13,
        ..ClientTlsConfig::default()
    };
    let (modern, _) = compile(&scene, &modern).unwrap();
    let only12 = Server::start(&[&files[..], &["-tls1_2"]].concat(), &lax);
    send(&tls, "api.internal", only12.address).await.unwrap();
    assert!(send(&modern, "api.internal", only12.address).await.is_err());
}

#[tokio::test]
async fn the_gateway_shows_its_certificate_to_an_upstream_that_asks() {
    let scene = Scene::new();
    let (authority, gateways) = (Authority::new("upstreams"), Authority::new("gateways"));
    let config = ClientTlsConfig {
        authorities: Some(scene.write("ca.pem", &authority.pem)),
        client_certificate: Some(scene.certificate("gateway", &gateways.client("gateway"))),
        ..ClientTlsConfig::default()
    };
    let (tls, _) = compile(&scene, &config).unwrap();
    let leaf = authority.server(&["api.internal"]);
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(gateways.roots()),
        portcullis_tls::provider(),
    );
    let server = ServerConfig::builder_with_provider(portcullis_tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(leaf.chain.clone(), leaf.private_key())
        .unwrap();
    let mut upstream = Upstream::start(Some(TlsAcceptor::from(Arc::new(server)))).await;
    send(&tls, "api.internal", upstream.address).await.unwrap();
    assert_eq!(upstream.received().await, SECRET);
}

#[test]
fn mistakes_in_the_settings_of_an_upstream_are_all_named() {
    let scene = Scene::new();
    let config = ClientTlsConfig {
        authorities: Some("absent.pem".to_owned()),
        server_name: Some("https://api.internal".to_owned()),
        ..ClientTlsConfig::default()
    };
    let found = compile(&scene, &config).unwrap_err();
    assert_eq!(found.errors().map(|mistake| mistake.code().0).collect::<Vec<_>>(), ["C0130", "C0149"]);
    // Neither a store nor a file.
    let found = compile(&scene, &ClientTlsConfig::default()).unwrap_err();
    assert_eq!(found.errors().map(|mistake| mistake.code().0).collect::<Vec<_>>(), ["C0148"]);
}

#[tokio::test]
async fn public_hosts_are_verified_by_the_store_of_the_system() {
    let mut scene = Scene::new();
    let public = Authority::new("public");
    scene.surroundings.roots = PublicRoots::fixed(public.roots());
    let tls = ClientTls::public(&[Protocol::Http1], &scene.surroundings).unwrap();
    let mut known = Upstream::tls(&public.server(&["id.test"]), &[]).await;
    send(&tls, "id.test", known.address).await.unwrap();
    assert_eq!(known.received().await, SECRET);
    let unknown = Upstream::tls(&Authority::new("other").server(&["id.test"]), &[]).await;
    assert!(send(&tls, "id.test", unknown.address).await.is_err());
}
