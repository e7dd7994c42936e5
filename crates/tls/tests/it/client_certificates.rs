//! Client certificates: who is believed, who is not, and how they are handed on.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use portcullis_domain::Timestamp;
use portcullis_tls::config::{
    ClientCertificateMode, ClientCertificatesConfig, ServerTlsConfig, StaleRevocations,
};
use portcullis_tls::{HandshakeFault, Resumption};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use rustls::{ClientConfig, HandshakeKind};

use crate::listener::{Listener, client, kind, visit};
use crate::mint::{Authority, DAY, Leaf, Scene, uri, valid};

struct Guarded {
    scene: Scene,
    servers: Authority,
    clients: Authority,
}

impl Guarded {
    fn new() -> Self {
        Self { scene: Scene::new(), servers: Authority::new("servers"), clients: Authority::new("clients") }
    }

    fn config(&self, change: impl FnOnce(&mut ClientCertificatesConfig)) -> ServerTlsConfig {
        let mut clients = ClientCertificatesConfig {
            authorities: self.scene.write("clients.pem", &self.clients.pem),
            mode: ClientCertificateMode::Required,
            revocations: Vec::new(),
            revocations_stale: StaleRevocations::Deny,
        };
        change(&mut clients);
        ServerTlsConfig {
            certificates: vec![self.scene.certificate("shop", &self.servers.server(&["shop.test"]))],
            client_certificates: Some(clients),
            ..ServerTlsConfig::default()
        }
    }

    /// A client that shows `leaf`, in TLS 1.3 or 1.2.
    fn client(&self, leaf: &Leaf, version: &'static rustls::SupportedProtocolVersion) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(portcullis_tls::provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(self.servers.roots())
            .with_client_auth_cert(leaf.chain.clone(), leaf.private_key())
            .unwrap();
        Arc::new(config)
    }
}

/// Shows `leaf` in both versions and expects `fault`.
async fn refused(guarded: &Guarded, listener: &mut Listener, leaf: &Leaf, fault: HandshakeFault) {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = guarded.client(leaf, version);
        assert!(visit(&config, listener.address, "shop.test").await.is_err(), "{fault:?}");
        assert_eq!(listener.failure().await.fault, fault);
    }
}

async fn accepted(guarded: &Guarded, listener: &mut Listener, leaf: &Leaf) {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        visit(&guarded.client(leaf, version), listener.address, "shop.test").await.unwrap();
        let handshake = listener.handshake().await;
        assert_eq!(handshake.client_certificate.unwrap().chain(), leaf.chain);
    }
}

// proves: TLS-15
#[tokio::test]
async fn only_fit_client_certificates_of_our_authority_are_believed() {
    use HandshakeFault as Fault;
    let guarded = Guarded::new();
    let mut listener = Listener::start(&guarded.scene, &guarded.config(|_| {})).await;
    let now = guarded.scene.clock.now().wall;
    let before = Timestamp::from_seconds(now.as_seconds() - 10 * DAY.as_secs());
    let client_use = |parameters: &mut rcgen::CertificateParams| {
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };

    accepted(&guarded, &mut listener, &guarded.clients.client("billing")).await;
    accepted(&guarded, &mut listener, &guarded.clients.intermediate("below").client("billing")).await;

    let stranger = Authority::new("clients").client("billing");
    // Same name as our authority, another key.
    refused(&guarded, &mut listener, &stranger, Fault::PeerCertificateSignatureBad).await;
    let stranger = Authority::new("strangers").client("billing");
    refused(&guarded, &mut listener, &stranger, Fault::PeerCertificateUntrusted).await;
    let expired = guarded.clients.leaf(&["billing"], |parameters| {
        client_use(parameters);
        valid(parameters, before, 5 * DAY);
    });
    refused(&guarded, &mut listener, &expired, Fault::PeerCertificateExpired).await;
    let early = guarded.clients.leaf(&["billing"], |parameters| {
        client_use(parameters);
        valid(parameters, now.plus(DAY), 5 * DAY);
    });
    refused(&guarded, &mut listener, &early, Fault::PeerCertificateNotYetValid).await;
    let server = guarded.clients.server(&["billing"]);
    refused(&guarded, &mut listener, &server, Fault::PeerCertificatePurposeWrong).await;
    let encipher_only = guarded.clients.leaf(&["billing"], |parameters| {
        client_use(parameters);
        parameters.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    });
    refused(&guarded, &mut listener, &encipher_only, Fault::PeerCertificatePurposeWrong).await;
    let authority = guarded.clients.leaf(&["billing"], |parameters| {
        client_use(parameters);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages.push(KeyUsagePurpose::KeyCertSign);
    });
    refused(&guarded, &mut listener, &authority, Fault::PeerCertificateInvalid).await;
}

#[tokio::test]
async fn a_certificate_is_demanded_or_merely_welcome() {
    let guarded = Guarded::new();
    let without = Arc::new(client(guarded.servers.roots()));
    let mut required = Listener::start(&guarded.scene, &guarded.config(|_| {})).await;
    assert!(visit(&without, required.address, "shop.test").await.is_err());
    assert_eq!(required.failure().await.fault, HandshakeFault::PeerCertificateMissing);

    let optional = guarded.config(|clients| clients.mode = ClientCertificateMode::Optional);
    let mut optional = Listener::start(&guarded.scene, &optional).await;
    visit(&without, optional.address, "shop.test").await.unwrap();
    assert!(optional.handshake().await.client_certificate.is_none());
    accepted(&guarded, &mut optional, &guarded.clients.client("billing")).await;
    let stranger = Authority::new("strangers").client("billing");
    refused(&guarded, &mut optional, &stranger, HandshakeFault::PeerCertificateUntrusted).await;
}

// proves-part: TLS-16 (reloading when a list changes, and the alert, are the gateway's)
#[tokio::test]
async fn a_revoked_certificate_is_refused_from_the_next_reload_on() {
    let guarded = Guarded::new();
    let (good, bad) = (guarded.clients.client("good"), guarded.clients.client("bad"));
    let tomorrow = guarded.scene.clock.now().wall.plus(DAY);
    guarded.scene.write("revoked.pem", guarded.clients.revocations(&[], tomorrow));
    let config = guarded.config(|clients| clients.revocations = vec!["revoked.pem".to_owned()]);
    let mut listener = Listener::start(&guarded.scene, &config).await;
    accepted(&guarded, &mut listener, &bad).await;
    // A ticket from before does not help either.
    let with_ticket = guarded.client(&bad, &rustls::version::TLS13);
    visit(&with_ticket, listener.address, "shop.test").await.unwrap();
    listener.handshake().await;

    guarded.scene.write("revoked.pem", guarded.clients.revocations(&[&bad], tomorrow));
    listener.tls.reload().unwrap();
    assert!(visit(&with_ticket, listener.address, "shop.test").await.is_err());
    assert_eq!(listener.failure().await.fault, HandshakeFault::PeerCertificateRevoked);
    refused(&guarded, &mut listener, &bad, HandshakeFault::PeerCertificateRevoked).await;
    accepted(&guarded, &mut listener, &good).await;
}

// proves-part: TLS-16 (reloading when a list changes, and the alert, are the gateway's)
#[tokio::test]
async fn what_a_stale_list_means_is_configured() {
    let guarded = Guarded::new();
    let (good, bad) = (guarded.clients.client("good"), guarded.clients.client("bad"));
    let now = guarded.scene.clock.now().wall;
    guarded.scene.write("revoked.pem", guarded.clients.revocations(&[&bad], now.plus(DAY)));
    let config = |stale| {
        guarded.config(|clients| {
            clients.revocations = vec!["revoked.pem".to_owned()];
            clients.revocations_stale = stale;
        })
    };
    let mut deny = Listener::start(&guarded.scene, &config(StaleRevocations::Deny)).await;
    let mut allow = Listener::start(&guarded.scene, &config(StaleRevocations::Allow)).await;
    guarded.scene.clock.advance(2 * DAY);
    refused(&guarded, &mut deny, &good, HandshakeFault::RevocationsStale).await;
    accepted(&guarded, &mut allow, &good).await;
    refused(&guarded, &mut allow, &bad, HandshakeFault::PeerCertificateRevoked).await;
    // Both are worth an alarm.
    for listener in [&deny, &allow] {
        let warnings = listener.tls.reload().unwrap();
        let codes: Vec<&str> = warnings.iter().map(|warning| warning.code().0).collect();
        assert_eq!(codes, ["C0146"]);
    }
}

#[tokio::test]
async fn a_certificate_whose_authority_has_no_list_is_refused() {
    let guarded = Guarded::new();
    let tomorrow = guarded.scene.clock.now().wall.plus(DAY);
    guarded.scene.write("revoked.pem", guarded.clients.revocations(&[], tomorrow));
    let config = guarded.config(|clients| clients.revocations = vec!["revoked.pem".to_owned()]);
    let mut listener = Listener::start(&guarded.scene, &config).await;
    let below = guarded.clients.intermediate("below").client("billing");
    refused(&guarded, &mut listener, &below, HandshakeFault::PeerCertificateStatusUnknown).await;
}

#[tokio::test]
async fn a_resumed_session_is_judged_again() {
    let guarded = Guarded::new();
    let now = guarded.scene.clock.now().wall;
    let short = guarded.clients.leaf(&["billing"], |parameters| {
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        valid(parameters, now, DAY / 24);
    });
    let mut listener = Listener::start(&guarded.scene, &guarded.config(|_| {})).await;
    let config = guarded.client(&short, &rustls::version::TLS13);
    visit(&config, listener.address, "shop.test").await.unwrap();
    let stream = visit(&config, listener.address, "shop.test").await.unwrap();
    assert_eq!(kind(&stream), HandshakeKind::Resumed);
    listener.handshake().await;
    let resumed = listener.handshake().await;
    assert_eq!(resumed.resumption, Resumption::Resumed);
    assert_eq!(resumed.client_certificate.unwrap().chain(), short.chain);
    // The ticket is still good, the certificate is not.
    guarded.scene.clock.advance(DAY / 12);
    assert!(visit(&config, listener.address, "shop.test").await.is_err());
    assert_eq!(listener.failure().await.fault, HandshakeFault::PeerCertificateExpired);
}

// proves-part: TLS-17 (the values are exact; the fields are set and forged ones removed by the gateway)
#[tokio::test]
async fn a_verified_certificate_is_handed_on_as_rfc_9440_says() {
    let guarded = Guarded::new();
    let mut listener = Listener::start(&guarded.scene, &guarded.config(|_| {})).await;
    let id = "spiffe://shop.test/ns/prod/sa/billing";
    let leaf = guarded.clients.intermediate("below").leaf(&["billing.test"], |parameters| {
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        parameters.subject_alt_names.push(uri(id));
    });
    let config = guarded.client(&leaf, &rustls::version::TLS13);
    visit(&config, listener.address, "shop.test").await.unwrap();
    let shown = listener.handshake().await.client_certificate.unwrap();

    let sequence = |der: &[u8]| format!(":{}:", BASE64_STANDARD.encode(der));
    assert_eq!(shown.client_cert(), sequence(&leaf.chain[0]));
    assert_eq!(shown.client_cert_chain(), Some(sequence(&leaf.chain[1]).as_str()));
    assert_eq!(shown.facts().dns_names, ["billing.test"]);
    assert_eq!(shown.spiffe_id(), Some(id));
}
