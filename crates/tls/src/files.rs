//! Reading certificates, keys and lists of revocations from files.
//!
//! In: a path. Out: DER, or a [`FileFault`] with a code and a help text. Every file has a bound, must be
//! a regular file (opening a pipe would hang the start), and a key must be private
//! (KEY-10). Nothing here judges what a certificate says.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use portcullis_config::codes::listener;
use portcullis_config::private_file::is_private;
use portcullis_config::{Code, Diagnostic, Place};
use portcullis_domain::Secret;
use rustls::RootCertStore;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// Bytes of a file with certificates or a key. A bundle of all public authorities has a quarter of it.
const CERTIFICATES_LENGTH: u64 = 1024 * 1024;
/// Bytes of a list of revocations; the longest public ones have about ten MiB.
const REVOCATIONS_LENGTH: u64 = 32 * 1024 * 1024;
/// Certificates in the chain of a server.
const CHAIN_LENGTH: usize = 10;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    #[error("`{}` cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: io::ErrorKind },
    #[error("`{}` is not a regular file", path.display())]
    NotRegular { path: PathBuf },
    #[error("`{}` is larger than {bound} bytes", path.display())]
    TooLarge { path: PathBuf, bound: u64 },
    #[error("the key `{}` can be read by everybody (mode {mode:04o})", path.display())]
    KeyOpen { path: PathBuf, mode: u32 },
    #[error("`{}` holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("`{}` holds more than {CHAIN_LENGTH} certificates", path.display())]
    ChainTooLong { path: PathBuf },
    #[error("`{}` holds a certificate that cannot be read", path.display())]
    CertificateMalformed { path: PathBuf },
    #[error("`{}` holds no private key", path.display())]
    NoKey { path: PathBuf },
    #[error("the key `{}` is encrypted", path.display())]
    KeyEncrypted { path: PathBuf },
    #[error("`{}` holds no list of revocations that can be read", path.display())]
    RevocationsMalformed { path: PathBuf },
}

impl FileFault {
    fn code(&self) -> Code {
        match self {
            Self::Unreadable { .. } | Self::NotRegular { .. } | Self::TooLarge { .. } => {
                listener::TLS_FILE_UNREADABLE
            }
            Self::KeyOpen { .. } => listener::KEY_FILE_OPEN,
            Self::NoCertificate { .. } | Self::ChainTooLong { .. } | Self::CertificateMalformed { .. } => {
                listener::CERTIFICATE_MALFORMED
            }
            Self::NoKey { .. } | Self::KeyEncrypted { .. } => listener::KEY_UNUSABLE,
            Self::RevocationsMalformed { .. } => listener::REVOCATIONS_MALFORMED,
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } | Self::NotRegular { .. } => {
                "check the path, which is relative to the configuration file, and its permissions".to_owned()
            }
            Self::TooLarge { .. } => "name a file that holds only what is needed".to_owned(),
            Self::KeyOpen { path, .. } => {
                format!(
                    "run `chmod 640 {}`, or stricter; if it was open for long, replace the key",
                    path.display()
                )
            }
            Self::NoCertificate { .. } | Self::CertificateMalformed { .. } => {
                "the file must be PEM, with lines `-----BEGIN CERTIFICATE-----`".to_owned()
            }
            Self::ChainTooLong { .. } => {
                "name the server's certificate and its intermediates, not a bundle of authorities".to_owned()
            }
            Self::NoKey { .. } => {
                "the file must be PEM, with a line `-----BEGIN PRIVATE KEY-----`".to_owned()
            }
            Self::KeyEncrypted { path } => {
                format!("decrypt it with `openssl pkey -in {}` into a file of mode 0600", path.display())
            }
            Self::RevocationsMalformed { .. } => {
                "the file must be a CRL (RFC 5280 §5), in PEM or DER".to_owned()
            }
        }
    }

    /// The mistake, shown at `place`.
    pub(crate) fn at(&self, place: Place) -> Diagnostic {
        Diagnostic::error(self.code(), self.to_string()).at(place).help(self.help())
    }
}

/// The certificates in a PEM file, in their order.
pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let chain = certificates(path, &read(path, CERTIFICATES_LENGTH)?)?;
    if chain.len() > CHAIN_LENGTH {
        return Err(FileFault::ChainTooLong { path: path.to_owned() });
    }
    Ok(chain)
}

/// The first private key in a PEM file.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileFault> {
    let metadata = regular(path)?;
    refuse_open_key(path, &metadata)?;
    let pem = Secret::new(read(path, CERTIFICATES_LENGTH)?);
    // `BEGIN ENCRYPTED PRIVATE KEY` (RFC 7468 §11) or the older `Proc-Type: 4,ENCRYPTED`.
    if pem.expose().windows(9).any(|window| window == b"ENCRYPTED") {
        return Err(FileFault::KeyEncrypted { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(pem.expose()).map_err(|_| FileFault::NoKey { path: path.to_owned() })
}

/// The authorities in a PEM file.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, FileFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, &read(path, CERTIFICATES_LENGTH)?)? {
        roots.add(certificate).map_err(|_| FileFault::CertificateMalformed { path: path.to_owned() })?;
    }
    Ok(roots)
}

/// The lists of revocations in a file, PEM or DER.
pub(crate) fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, FileFault> {
    let bytes = read(path, REVOCATIONS_LENGTH)?;
    let malformed = || FileFault::RevocationsMalformed { path: path.to_owned() };
    // DER starts with a SEQUENCE tag, PEM with a dash or a remark.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes.into()]);
    }
    let lists = CertificateRevocationListDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, PemError>>()
        .map_err(|_| malformed())?;
    if lists.is_empty() { Err(malformed()) } else { Ok(lists) }
}

fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let found = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<Vec<_>, PemError>>()
        .map_err(|_| FileFault::CertificateMalformed { path: path.to_owned() })?;
    if found.is_empty() { Err(FileFault::NoCertificate { path: path.to_owned() }) } else { Ok(found) }
}

fn read(path: &Path, bound: u64) -> Result<Vec<u8>, FileFault> {
    regular(path)?;
    let unreadable = |error: io::Error| FileFault::Unreadable { path: path.to_owned(), reason: error.kind() };
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(bound + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > bound {
        return Err(FileFault::TooLarge { path: path.to_owned(), bound });
    }
    Ok(bytes)
}

fn regular(path: &Path) -> Result<Metadata, FileFault> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| FileFault::Unreadable { path: path.to_owned(), reason: error.kind() })?;
    if metadata.is_file() { Ok(metadata) } else { Err(FileFault::NotRegular { path: path.to_owned() }) }
}

/// KEY-10, by the rule for all private files.
#[cfg(unix)]
fn refuse_open_key(path: &Path, metadata: &Metadata) -> Result<(), FileFault> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    if is_private(mode) { Ok(()) } else { Err(FileFault::KeyOpen { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_open_key(_: &Path, _: &Metadata) -> Result<(), FileFault> {
    Ok(())
}
