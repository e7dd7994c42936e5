//! A certificate authority that mints at test time, and what a client offers in a handshake.
//!
//! Nothing is stored: each test has keys of its own, and no certificate of the repository ever expires.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::{Clock, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The provider that everything here uses, without touching the process default.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// From when to when a certificate holds.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
}

impl Validity {
    /// Yesterday to `days` days from now.
    #[must_use]
    pub fn for_days(days: u32) -> Self {
        let now = Clock::machine().now().wall;
        Self { from: before(now, DAY), to: now.plus(DAY * days) }
    }

    /// Ten days ago to yesterday.
    #[must_use]
    pub fn over() -> Self {
        let now = Clock::machine().now().wall;
        Self { from: before(now, DAY * 10), to: before(now, DAY) }
    }

    /// Tomorrow to ten days from now.
    #[must_use]
    pub fn not_yet() -> Self {
        let now = Clock::machine().now().wall;
        Self { from: now.plus(DAY), to: now.plus(DAY * 10) }
    }
}

fn before(moment: Timestamp, span: Duration) -> Timestamp {
    Timestamp::from_millis(moment.as_millis() - u64::try_from(span.as_millis()).unwrap())
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// TLS server.
    Server,
    /// TLS client.
    Client,
    /// Both.
    Both,
}

/// What a leaf certificate shall say.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Subject alternative names: IP addresses, `scheme://…` as URI, anything else as DNS name.
    pub names: Vec<String>,
    /// The subject's common name.
    pub common_name: Option<String>,
    /// When it holds.
    pub validity: Validity,
    /// What for.
    pub usage: Usage,
}

impl Leaf {
    /// A server certificate for `names`, valid for a month.
    #[must_use]
    pub fn server(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(ToString::to_string).collect(),
            common_name: None,
            validity: Validity::for_days(30),
            usage: Usage::Server,
        }
    }

    /// A client certificate for `names`, valid for a month.
    #[must_use]
    pub fn client(names: &[&str]) -> Self {
        Self { usage: Usage::Client, ..Self::server(names) }
    }

    /// The same with another validity.
    #[must_use]
    pub fn valid(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// The same with a common name.
    #[must_use]
    pub fn common_name(mut self, name: &str) -> Self {
        self.common_name = Some(name.to_owned());
        self
    }

    fn parameters(&self) -> CertificateParams {
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = self.names.iter().map(|name| alternative_name(name)).collect();
        parameters.distinguished_name.remove(DnType::CommonName);
        if let Some(name) = &self.common_name {
            parameters.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        set_validity(&mut parameters, self.validity);
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = match self.usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        };
        parameters
    }
}

fn alternative_name(name: &str) -> SanType {
    if let Ok(address) = name.parse::<IpAddr>() {
        SanType::IpAddress(address)
    } else if name.contains("://") {
        SanType::URI(name.try_into().expect("an ASCII URI"))
    } else {
        SanType::DnsName(name.try_into().expect("an ASCII name"))
    }
}

fn set_validity(parameters: &mut CertificateParams, validity: Validity) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + Duration::from_secs(validity.from.as_seconds());
    parameters.not_after = epoch + Duration::from_secs(validity.to.as_seconds());
}

/// A certificate authority of one test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    above: Vec<CertificateDer<'static>>,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A root authority.
    #[must_use]
    pub fn new() -> Self {
        Self::named("portcullis test authority")
    }

    /// A root authority with this common name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let parameters = authority_parameters(name);
        let key = KeyPair::generate().expect("a key pair");
        let certificate = parameters.self_signed(&key).expect("a root certificate").der().clone();
        Self { issuer: Issuer::new(parameters, key), certificate, above: Vec::new() }
    }

    /// An authority under this one; its leaves bring its certificate along.
    #[must_use]
    pub fn intermediate(&self, name: &str) -> Self {
        let mut parameters = authority_parameters(name);
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key pair");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        let mut above = vec![certificate.clone()];
        above.extend(self.above.iter().cloned());
        Self { issuer: Issuer::new(parameters, key), certificate, above }
    }

    /// A certificate as described.
    #[must_use]
    pub fn issue(&self, leaf: &Leaf) -> Identity {
        let key = KeyPair::generate().expect("a key pair");
        let mut parameters = leaf.parameters();
        let serial = serial(&key);
        parameters.serial_number = Some(SerialNumber::from_slice(&serial));
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        let mut chain = vec![certificate];
        chain.extend(self.above.iter().cloned());
        Identity { chain, key: key.serialize_der(), serial }
    }

    /// A list of revocations, in PEM, that is good until `next_update`.
    #[must_use]
    pub fn revocations(&self, revoked: &[&Identity], next_update: Timestamp) -> String {
        let moment =
            |moment: Timestamp| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(moment.as_seconds());
        let earlier = moment(before(Clock::machine().now().wall, DAY));
        let revoked = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&identity.serial),
            revocation_time: earlier,
            reason_code: None,
            invalidity_date: None,
        });
        CertificateRevocationListParams {
            this_update: earlier,
            next_update: moment(next_update),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        }
        .signed_by(&self.issuer)
        .expect("a list")
        .pem()
        .expect("a list")
    }

    /// A good server certificate for `names`.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Identity {
        self.issue(&Leaf::server(names))
    }

    /// A good client certificate for `names`.
    #[must_use]
    pub fn client(&self, names: &[&str]) -> Identity {
        self.issue(&Leaf::client(names))
    }

    /// A server certificate that ended yesterday.
    #[must_use]
    pub fn expired_server(&self, names: &[&str]) -> Identity {
        self.issue(&Leaf::server(names).valid(Validity::over()))
    }

    /// A server certificate for a name that nobody asks for.
    #[must_use]
    pub fn wrong_name_server(&self) -> Identity {
        self.server(&["elsewhere.test"])
    }

    /// A server certificate that has `name` in the subject only. RFC 6125 as renewed by RFC 9525 §2:
    /// a common name identifies nobody.
    #[must_use]
    pub fn common_name_only_server(&self, name: &str) -> Identity {
        self.issue(&Leaf::server(&[]).common_name(name))
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A trust store with this authority alone.
    #[must_use]
    pub fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("our own certificate");
        Arc::new(roots)
    }
}

/// A serial number that no other certificate of the test has: as random as the key.
fn serial(key: &KeyPair) -> Vec<u8> {
    let mut serial: Vec<u8> = key.public_key_raw().iter().rev().take(16).copied().collect();
    // RFC 5280 §4.1.2.2: positive, and one encoding only.
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    serial
}

fn authority_parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut parameters, Validity::for_days(3650));
    parameters
}

/// A certificate chain and its key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
    serial: Vec<u8>,
}

impl Identity {
    /// A server certificate that nobody else signed.
    #[must_use]
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("a key pair");
        let mut parameters = Leaf::server(names).parameters();
        parameters.use_authority_key_identifier_extension = false;
        let serial = serial(&key);
        parameters.serial_number = Some(SerialNumber::from_slice(&serial));
        let certificate = parameters.self_signed(&key).expect("a certificate").der().clone();
        Self { chain: vec![certificate], key: key.serialize_der(), serial }
    }

    /// The leaf's serial number.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The chain, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The chain, leaf first, as a PEM file has it.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect()
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    /// The key, as a PEM file has it.
    #[must_use]
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }

    /// A TLS server that shows this identity and asks for no client certificate.
    #[must_use]
    pub fn server_config(&self, alpn: &[&str]) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut config = builder
            .expect("default versions")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key())
            .expect("a matching key");
        config.alpn_protocols = protocols(alpn);
        Arc::new(config)
    }

    /// A TLS server that shows this identity and demands a client certificate of `clients`.
    #[must_use]
    pub fn server_config_demanding(&self, clients: &Authority, alpn: &[&str]) -> Arc<ServerConfig> {
        let verifier = WebPkiClientVerifier::builder_with_provider(clients.roots(), provider())
            .build()
            .expect("a verifier");
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut config = builder
            .expect("default versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key())
            .expect("a matching key");
        config.alpn_protocols = protocols(alpn);
        Arc::new(config)
    }
}

fn protocols(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// What a client offers in a handshake, and whom it believes.
#[derive(Clone)]
pub struct TlsOffer {
    server_name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl TlsOffer {
    /// Believes `authority` about `server_name`, offers TLS 1.2 and 1.3, no ALPN, no certificate.
    #[must_use]
    pub fn new(authority: &Authority, server_name: &str) -> Self {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = builder
            .expect("default versions")
            .with_root_certificates(authority.roots())
            .with_no_client_auth();
        Self { server_name: name(server_name), config: Arc::new(config) }
    }

    /// Believes anybody; for a server whose certificate is not the subject of the test.
    #[must_use]
    pub fn believing_anybody(server_name: &str) -> Self {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = builder
            .expect("default versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Credulous))
            .with_no_client_auth();
        Self { server_name: name(server_name), config: Arc::new(config) }
    }

    /// Believes `authority` and shows `identity`.
    #[must_use]
    pub fn showing(authority: &Authority, server_name: &str, identity: &Identity) -> Self {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = builder
            .expect("default versions")
            .with_root_certificates(authority.roots())
            .with_client_auth_cert(identity.chain.clone(), identity.key())
            .expect("a matching key");
        Self { server_name: name(server_name), config: Arc::new(config) }
    }

    /// Offers an arbitrary configuration.
    #[must_use]
    pub fn with_config(server_name: &str, config: ClientConfig) -> Self {
        Self { server_name: name(server_name), config: Arc::new(config) }
    }

    /// The same, offering these protocols in ALPN.
    #[must_use]
    pub fn alpn(mut self, names: &[&str]) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = protocols(names);
        self.config = Arc::new(config);
        self
    }

    /// The same, asking for another name (SNI).
    #[must_use]
    pub fn named(mut self, server_name: &str) -> Self {
        self.server_name = name(server_name);
        self
    }

    /// The name that is asked for.
    #[must_use]
    pub fn server_name(&self) -> ServerName<'static> {
        self.server_name.clone()
    }

    /// The client's configuration; sessions are resumed between connections that share it.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

fn name(server_name: &str) -> ServerName<'static> {
    ServerName::try_from(server_name.to_owned()).expect("a host name or address")
}

#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::Socket;

    #[track_caller]
    fn handshake(server: &Identity, offer: &TlsOffer) -> Result<(), String> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = server.server_config(&[]);
        let serving = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            Socket::accept_tls(stream, config).map(drop)
        });
        let client = Socket::connect_tls(address, offer).map(drop).map_err(|error| error.to_string());
        let _ = serving.join().unwrap();
        client
    }

    #[test]
    fn a_client_believes_the_authority_it_was_given_and_no_other() {
        let authority = Authority::new();
        let identity = authority.server(&["shop.test", "127.0.0.1"]);
        handshake(&identity, &TlsOffer::new(&authority, "shop.test")).unwrap();
        handshake(&identity, &TlsOffer::new(&authority, "127.0.0.1")).unwrap();
        let stranger = Authority::new();
        handshake(&identity, &TlsOffer::new(&stranger, "shop.test")).unwrap_err();
        handshake(&identity, &TlsOffer::believing_anybody("shop.test")).unwrap();
    }

    #[test]
    fn a_leaf_of_an_intermediate_brings_the_chain_along() {
        let root = Authority::new();
        let identity = root.intermediate("test intermediate").server(&["shop.test"]);
        assert_eq!(identity.chain().len(), 2);
        handshake(&identity, &TlsOffer::new(&root, "shop.test")).unwrap();
    }

    #[test]
    fn each_broken_certificate_is_broken_in_its_way() {
        let authority = Authority::new();
        let offer = TlsOffer::new(&authority, "shop.test");
        for (identity, complaint) in [
            (authority.expired_server(&["shop.test"]), "expired"),
            (authority.issue(&Leaf::server(&["shop.test"]).valid(Validity::not_yet())), "not valid yet"),
            (authority.wrong_name_server(), "not valid for name"),
            (authority.common_name_only_server("shop.test"), "not valid for"),
            (authority.client(&["shop.test"]), "key usage"),
            (Identity::self_signed(&["shop.test"]), "UnknownIssuer"),
        ] {
            let error = handshake(&identity, &offer).unwrap_err();
            assert!(error.to_lowercase().contains(&complaint.to_lowercase()), "{complaint}: {error}");
        }
    }

    #[test]
    fn pem_is_what_other_readers_expect() {
        use rustls_pki_types::pem::PemObject as _;
        let authority = Authority::new();
        let identity = authority.server(&["shop.test"]);
        let read = CertificateDer::from_pem_slice(identity.chain_pem().as_bytes()).unwrap();
        assert_eq!(read, identity.chain()[0]);
        PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
        assert_eq!(&CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap(), authority.der());
    }
}
