//! A certificate for development, from an authority of this machine.
//!
//! In: a state directory and the hosts to name. Out: a [`Development`]: a certificate for them, its key,
//! the authority to trust, and how to trust it. The authority is kept, so that it is trusted once; it is
//! constrained to these names (RFC 5280 §4.2.1.10), so that a stolen key forges nothing else, and it is
//! made anew only when a host is added that it may not vouch for. The leaf is renewed when it nears its
//! end. Never used when a certificate or ACME is configured.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portcullis_config::codes::listener;
use portcullis_config::{Diagnostic, Place};
use portcullis_domain::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::public_trust::believes;
use crate::state_directory::StateDirectory;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the authority lives.
const AUTHORITY_LIFE: Duration = Duration::from_secs(5 * 365 * 24 * 60 * 60);
/// How long a leaf lives: less than the 398 days that clients accept.
const LEAF_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How much life must be left in what is found.
const MARGIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Names that every development certificate has.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const AUTHORITY: &str = "authority.pem";
const AUTHORITY_KEY: &str = "authority.key";
const IDENTITY: &str = "identity.pem";

/// A development certificate in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Development {
    state: StateDirectory,
    names: Vec<String>,
}

impl Development {
    /// The authority's certificate, to be trusted.
    #[must_use]
    pub fn authority_file(&self) -> PathBuf {
        self.state.path(AUTHORITY)
    }

    /// The names that the certificate has.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How to trust the authority, in a few lines for the terminal.
    #[must_use]
    pub fn how_to_trust(&self) -> String {
        let file = self.authority_file();
        let file = file.display();
        let names = self.names.join(", ");
        format!(
            "a development certificate is in use, for {names}\n\
             trust its authority, or let one command trust it:\n  \
             curl:     curl --cacert {file} https://localhost:PORT/\n  \
             Debian:   sudo cp {file} /usr/local/share/ca-certificates/portcullis-development.crt && sudo update-ca-certificates\n  \
             macOS:    sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}\n  \
             Windows:  certutil -addstore -f ROOT {file}\n  \
             Firefox:  settings, certificates, authorities, import\n\
             the authority can vouch for these names only; for real hosts configure `certificates:` or `acme:`\n"
        )
    }

    pub(crate) fn identity_file(&self) -> PathBuf {
        self.state.path(IDENTITY)
    }
}

/// Why there is no development certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevelopmentFault {
    #[error("the state directory `{}` cannot be used: {reason}", path.display())]
    State { path: PathBuf, reason: io::ErrorKind },
    #[error("a development certificate cannot be made for `{name}`")]
    Name { name: String },
    #[error("a development certificate cannot be made: {0}")]
    Minting(#[from] rcgen::Error),
}

impl DevelopmentFault {
    pub(crate) fn at(&self, place: Place) -> Diagnostic {
        let (code, help) = match self {
            Self::State { .. } => (
                listener::STATE_UNUSABLE,
                "give the gateway a directory that it may write to, or configure `certificates:`",
            ),
            Self::Name { .. } => {
                (listener::SERVER_NAME_INVALID, "write host names or addresses, without ports")
            }
            Self::Minting(_) => {
                (listener::TLS_UNUSABLE, "configure `certificates:` instead, and please report this")
            }
        };
        Diagnostic::error(code, self.to_string()).at(place).help(help)
    }
}

/// Makes sure that a certificate for the loopback names and `hosts` is in `state`, valid for a while from
/// `now`; keeps what is there as long as it will do.
pub(crate) fn mint(state: &Path, hosts: &[String], now: Timestamp) -> Result<Development, DevelopmentFault> {
    let mut names: Vec<String> = LOOPBACK.map(str::to_owned).to_vec();
    for host in hosts {
        let host = host.to_ascii_lowercase();
        if ServerName::try_from(host.as_str()).is_err() {
            return Err(DevelopmentFault::Name { name: host });
        }
        if !names.contains(&host) {
            names.push(host);
        }
    }
    let state = StateDirectory::new(state.join("development"));
    let refused = |error: io::Error| DevelopmentFault::State { path: state.path(""), reason: error.kind() };
    let minted = Minted { state: &state, names: &names, now };

    let authority = minted.read_authority().map_err(refused)?;
    let leaf_fits = match &authority {
        Some(authority) => minted.leaf_fits(authority).map_err(refused)?,
        None => false,
    };
    if !leaf_fits {
        let (certificate, key) = match authority {
            Some(authority) if minted.may_vouch(&authority)? => authority,
            Some(_) | None => {
                let (certificate, key) = minted.make_authority()?;
                state.write(AUTHORITY_KEY, key.serialize_pem().as_bytes()).map_err(refused)?;
                state.write(AUTHORITY, certificate.pem().as_bytes()).map_err(refused)?;
                (certificate.der().clone(), key)
            }
        };
        let identity = minted.make_leaf(&certificate, &key)?;
        state.write(IDENTITY, identity.as_bytes()).map_err(refused)?;
    }
    Ok(Development { state, names })
}

type Authority = (CertificateDer<'static>, KeyPair);

/// What is asked for, and where it is kept.
struct Minted<'a> {
    state: &'a StateDirectory,
    names: &'a [String],
    now: Timestamp,
}

impl Minted<'_> {
    /// The authority as found; whatever cannot be read is as good as none.
    fn read_authority(&self) -> io::Result<Option<Authority>> {
        let (Some(certificate), Some(key)) = (self.state.read(AUTHORITY)?, self.state.read(AUTHORITY_KEY)?)
        else {
            return Ok(None);
        };
        let certificate = CertificateDer::from_pem_slice(&certificate).ok();
        let key = std::str::from_utf8(&key).ok().and_then(|pem| KeyPair::from_pem(pem).ok());
        Ok(certificate.zip(key))
    }

    /// Whether the leaf that is there will do for all names.
    fn leaf_fits(&self, authority: &Authority) -> io::Result<bool> {
        let Some(identity) = self.state.read(IDENTITY)? else { return Ok(false) };
        let leaf = CertificateDer::from_pem_slice(&identity).ok();
        Ok(leaf.is_some_and(|leaf| self.is_believed(&leaf, &authority.0)))
    }

    /// Whether a leaf of this authority for all names would be believed: it may be near its end, or
    /// constrained to fewer names.
    fn may_vouch(&self, authority: &Authority) -> Result<bool, DevelopmentFault> {
        let leaf = self.sign_leaf(&authority.0, &authority.1, &KeyPair::generate()?);
        Ok(leaf.is_ok_and(|leaf| self.is_believed(leaf.der(), &authority.0)))
    }

    fn is_believed(&self, leaf: &CertificateDer<'static>, authority: &CertificateDer<'static>) -> bool {
        let mut roots = RootCertStore::empty();
        if roots.add(authority.clone()).is_err() {
            return false;
        }
        let (roots, chain) = (Arc::new(roots), [leaf.clone()]);
        let soon = self.now.plus(MARGIN);
        self.names
            .iter()
            .all(|name| believes(&roots, &chain, name, self.now) && believes(&roots, &chain, name, soon))
    }

    fn make_authority(&self) -> Result<(rcgen::Certificate, KeyPair), DevelopmentFault> {
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.distinguished_name.push(DnType::CommonName, "Portcullis development authority");
        parameters
            .distinguished_name
            .push(DnType::OrganizationName, "made on this machine, for this machine");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        parameters.name_constraints = Some(NameConstraints {
            permitted_subtrees: self.names.iter().map(|name| subtree(name)).collect(),
            excluded_subtrees: Vec::new(),
        });
        set_validity(&mut parameters, self.now, AUTHORITY_LIFE);
        let key = KeyPair::generate()?;
        Ok((parameters.self_signed(&key)?, key))
    }

    /// A leaf and its key in one file, so that no crash can leave half of them.
    fn make_leaf(
        &self,
        authority: &CertificateDer<'static>,
        key: &KeyPair,
    ) -> Result<String, DevelopmentFault> {
        let leaf_key = KeyPair::generate()?;
        let leaf = self.sign_leaf(authority, key, &leaf_key)?;
        Ok(format!("{}{}", leaf.pem(), leaf_key.serialize_pem()))
    }

    fn sign_leaf(
        &self,
        authority: &CertificateDer<'static>,
        key: &KeyPair,
        leaf_key: &KeyPair,
    ) -> Result<rcgen::Certificate, rcgen::Error> {
        let mut parameters = CertificateParams::new(self.names)?;
        parameters.distinguished_name.push(DnType::CommonName, "Portcullis development");
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        set_validity(&mut parameters, self.now, LEAF_LIFE);
        parameters.signed_by(leaf_key, &Issuer::from_ca_cert_der(authority, key)?)
    }
}

fn subtree(name: &str) -> GeneralSubtree {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => GeneralSubtree::IpAddress(CidrSubnet::V4(address.octets(), [0xff; 4])),
        Ok(IpAddr::V6(address)) => GeneralSubtree::IpAddress(CidrSubnet::V6(address.octets(), [0xff; 16])),
        Err(_) => GeneralSubtree::DnsName(name.to_owned()),
    }
}

/// From a day before `now`, for clients whose clock is behind.
fn set_validity(parameters: &mut CertificateParams, now: Timestamp, life: Duration) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = Duration::from_secs(now.as_seconds());
    parameters.not_before = epoch + now.saturating_sub(DAY);
    parameters.not_after = epoch + now + life;
}

impl fmt::Display for Development {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how_to_trust())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_764_000_000)
    }

    struct Place(tempfile::TempDir);

    impl Place {
        fn mint(&self, hosts: &[&str], now: Timestamp) -> Result<Development, DevelopmentFault> {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            mint(self.0.path(), &hosts, now)
        }

        fn file(&self, name: &str) -> Vec<u8> {
            fs::read(self.0.path().join("development").join(name)).unwrap()
        }

        /// Whether the leaf is believed for `name` by who trusts the authority.
        fn believed(&self, name: &str, now: Timestamp) -> bool {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(&self.file(AUTHORITY)).unwrap()).unwrap();
            let leaf = CertificateDer::from_pem_slice(&self.file(IDENTITY)).unwrap();
            believes(&Arc::new(roots), &[leaf], name, now)
        }
    }

    fn place() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    #[test]
    fn the_certificate_is_believed_for_its_names_and_no_other() {
        let place = place();
        place.mint(&["shop.test", "10.1.2.3"], now()).unwrap();
        for name in ["localhost", "127.0.0.1", "::1", "shop.test", "10.1.2.3"] {
            assert!(place.believed(name, now()), "{name}");
        }
        assert!(!place.believed("evil.test", now()));
    }

    #[test]
    fn what_is_there_is_kept_while_it_will_do() {
        let place = place();
        place.mint(&[], now()).unwrap();
        let before = (place.file(AUTHORITY), place.file(IDENTITY));
        place.mint(&[], now().plus(59 * DAY)).unwrap();
        assert_eq!((place.file(AUTHORITY), place.file(IDENTITY)), before);
    }

    #[test]
    fn a_leaf_near_its_end_is_renewed_by_the_same_authority() {
        let place = place();
        place.mint(&[], now()).unwrap();
        let (authority, leaf) = (place.file(AUTHORITY), place.file(IDENTITY));
        let later = now().plus(61 * DAY);
        place.mint(&[], later).unwrap();
        assert_eq!(place.file(AUTHORITY), authority);
        assert_ne!(place.file(IDENTITY), leaf);
        assert!(place.believed("localhost", later.plus(MARGIN)));
    }

    #[test]
    fn the_authority_is_constrained_so_a_new_host_needs_a_new_one() {
        let place = place();
        place.mint(&[], now()).unwrap();
        let authority = place.file(AUTHORITY);
        place.mint(&["shop.test"], now()).unwrap();
        assert_ne!(place.file(AUTHORITY), authority);
        assert!(place.believed("shop.test", now()));
    }

    #[test]
    fn a_broken_file_is_replaced() {
        let place = place();
        place.mint(&[], now()).unwrap();
        for name in [AUTHORITY, AUTHORITY_KEY, IDENTITY] {
            fs::write(place.0.path().join("development").join(name), b"broken").unwrap();
            place.mint(&[], now()).unwrap();
            assert!(place.believed("localhost", now()), "{name}");
        }
    }

    #[test]
    fn keys_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let place = place();
        let made = place.mint(&[], now()).unwrap();
        for name in [AUTHORITY_KEY, IDENTITY] {
            let mode = fs::metadata(made.state.path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for name in ["", "a b", "https://a", "a:1"] {
            assert!(matches!(place().mint(&[name], now()), Err(DevelopmentFault::Name { .. })), "{name}");
        }
    }

    #[test]
    fn the_text_says_where_the_authority_is() {
        let made = place().mint(&[], now()).unwrap();
        let text = made.how_to_trust();
        assert!(text.contains(made.authority_file().to_str().unwrap()));
        assert!(text.contains("localhost, 127.0.0.1, ::1"));
    }
}
