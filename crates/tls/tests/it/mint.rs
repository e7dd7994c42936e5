//! Certificates made while the test runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portcullis_config::{Document, Environment, Limits, Place};
use portcullis_domain::{Clock, Timestamp};
use portcullis_tls::config::CertificateConfig;
use portcullis_tls::{HttpTokens, PublicRoots, Surroundings};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// A moment in the type that rcgen wants, without naming it.
macro_rules! moment {
    ($seconds:expr) => {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs($seconds)
    };
}

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The wall time of every test that does not move it.
pub(crate) fn now() -> Timestamp {
    Clock::machine().now().wall
}

/// A directory with files, and everything a listener or upstream stands on.
pub(crate) struct Scene {
    pub(crate) directory: TempDir,
    pub(crate) clock: Clock,
    pub(crate) surroundings: Surroundings,
}

impl Scene {
    /// With a clock that stands at the real time.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(now());
        let surroundings = Surroundings {
            environment: Environment::fixed::<&str, &str>([]).with_base(directory.path()),
            clock: clock.clone(),
            roots: PublicRoots::fixed(RootCertStore::empty()),
            state: directory.path().join("state"),
            tokens: Arc::new(HttpTokens::default()),
        };
        Self { directory, clock, surroundings }
    }

    /// Writes a file and names it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        name.to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a chain and its key under `name`.
    pub(crate) fn certificate(&self, name: &str, leaf: &Leaf) -> CertificateConfig {
        CertificateConfig {
            chain: self.write(&format!("{name}.pem"), leaf.chain_pem()),
            key: self.write(&format!("{name}.key"), leaf.key.serialize_pem()),
        }
    }

    pub(crate) fn place() -> Place {
        Document::parse("portcullis.json", b"{}", &Limits::default()).unwrap().at("")
    }
}

/// A certificate authority.
pub(crate) struct Authority {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
    chain: Vec<CertificateDer<'static>>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let parameters = authority_parameters(name);
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(parameters, key),
            chain: Vec::new(),
        }
    }

    /// An authority below this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let parameters = authority_parameters(name);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(parameters, key),
            chain: vec![certificate.der().clone()],
        }
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// A certificate for a server with these names.
    pub(crate) fn server(&self, names: &[&str]) -> Leaf {
        self.leaf(names, |parameters| {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        })
    }

    /// A certificate for a client with this name.
    pub(crate) fn client(&self, name: &str) -> Leaf {
        self.leaf(&[name], |parameters| {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A certificate with changes.
    pub(crate) fn leaf(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "leaf");
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        valid(&mut parameters, now(), 90 * DAY);
        change(&mut parameters);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let mut chain = vec![certificate.der().clone()];
        chain.extend(self.chain.iter().cloned());
        Leaf { chain, key }
    }

    /// A list of revocations that is good until `next`.
    pub(crate) fn revocations(&self, revoked: &[&Leaf], next: Timestamp) -> String {
        let mut parameters = CertificateRevocationListParams {
            this_update: moment!(now().as_seconds() - 3600),
            next_update: moment!(next.as_seconds()),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        parameters.revoked_certs = revoked
            .iter()
            .map(|leaf| RevokedCertParams {
                serial_number: SerialNumber::from_slice(&leaf.serial()),
                revocation_time: moment!(now().as_seconds() - 60),
                reason_code: None,
                invalidity_date: None,
            })
            .collect();
        parameters.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// A certificate, its intermediates, and its key.
pub(crate) struct Leaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
}

impl Leaf {
    pub(crate) fn chain_pem(&self) -> String {
        self.chain.iter().map(pem).collect()
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    fn serial(&self) -> Vec<u8> {
        let facts = portcullis_tls::Facts::read(&self.chain[0]).unwrap();
        (0..facts.serial.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&facts.serial[at..at + 2], 16).unwrap())
            .collect()
    }
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// Sets the validity, from an hour before `from`.
pub(crate) fn valid(parameters: &mut CertificateParams, from: Timestamp, life: Duration) {
    parameters.not_before = moment!(from.as_seconds() - 3600);
    parameters.not_after = moment!(from.as_seconds() + life.as_secs());
}

pub(crate) fn pem(der: &CertificateDer<'static>) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The files of a certificate that OpenSSL mints, for what rcgen will not.
pub(crate) fn minted_by_openssl(scene: &Scene, name: &str, arguments: &[&str]) -> CertificateConfig {
    let (chain, key) = (format!("{name}.pem"), format!("{name}.key"));
    let output = std::process::Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=weak"])
        .args(arguments)
        .args(["-keyout", scene.path(&key).to_str().unwrap(), "-out", scene.path(&chain).to_str().unwrap()])
        .output()
        .expect("openssl is missing; install it with `apt-get install openssl`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    private(&scene.path(&key));
    CertificateConfig { chain, key }
}

pub(crate) fn private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn authority_parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut parameters, now(), 20 * YEAR);
    parameters
}
