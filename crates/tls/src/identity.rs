//! A certificate with its key, fit to be presented.
//!
//! In: a chain and a key. Out: an [`Identity`], after everything that would embarrass a server has been
//! looked for: a key that is not the certificate's, and every [`Weakness`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_config::codes::listener;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_domain::Timestamp;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::facts::Facts;
use crate::files;
use crate::provider::provider;
use crate::weakness::{self, Weakness};

/// A certificate, its key, and where they came from.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) facts: Facts,
    pub(crate) file: PathBuf,
}

/// Why a chain and a key make no identity.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityFault {
    #[error("the chain holds a certificate that cannot be read")]
    CertificateMalformed,
    #[error("the key is not the one that the certificate is for")]
    KeyMismatch,
    #[error("the key is of a kind that cannot be used")]
    KeyUnusable,
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Weak(Vec<Weakness>),
}

impl Identity {
    /// Puts a chain and a key together.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        file: &Path,
        now: Timestamp,
    ) -> Result<Self, IdentityFault> {
        let facts = chain
            .iter()
            .map(Facts::read)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| IdentityFault::CertificateMalformed)?;
        let weaknesses = weakness::of_chain(&facts, now);
        if !weaknesses.is_empty() {
            return Err(IdentityFault::Weak(weaknesses));
        }
        let leaf = facts.into_iter().next().ok_or(IdentityFault::CertificateMalformed)?;
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => IdentityFault::KeyMismatch,
            _ => IdentityFault::KeyUnusable,
        })?;
        Ok(Self { certified: Arc::new(certified), facts: leaf, file: file.to_owned() })
    }

    /// Reads both from files; what is wrong is shown at the places that name them.
    pub(crate) fn read(
        chain: (&Path, &Place),
        key: (&Path, &Place),
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let certificates =
            files::chain(chain.0).map_err(|fault| diagnostics.push(fault.at(chain.1.clone()))).ok();
        let secret =
            files::private_key(key.0).map_err(|fault| diagnostics.push(fault.at(key.1.clone()))).ok();
        Self::new(certificates?, secret?, chain.0, now)
            .map_err(|fault| diagnostics.extend(fault.diagnostics(chain, key)))
            .ok()
    }
}

impl IdentityFault {
    fn diagnostics(&self, chain: (&Path, &Place), key: (&Path, &Place)) -> Vec<Diagnostic> {
        match self {
            Self::CertificateMalformed => vec![
                Diagnostic::error(
                    listener::CERTIFICATE_MALFORMED,
                    format!("`{}` holds a certificate that cannot be read", chain.0.display()),
                )
                .at(chain.1.clone())
                .help("have it issued again, or copy it again"),
            ],
            Self::KeyMismatch => vec![
                Diagnostic::error(
                    listener::KEY_MISMATCH,
                    format!("the key `{}` is not the one of `{}`", key.0.display(), chain.0.display()),
                )
                .at(key.1.clone())
                .label("this key belongs to another certificate")
                .help("name the key that the certificate was issued for"),
            ],
            Self::KeyUnusable => vec![
                Diagnostic::error(
                    listener::KEY_UNUSABLE,
                    format!("the key `{}` is of a kind that cannot be used", key.0.display()),
                )
                .at(key.1.clone())
                .help("use ECDSA on P-256, P-384 or P-521, Ed25519, or RSA with 2048 to 8192 bits"),
            ],
            Self::Weak(weaknesses) => weaknesses
                .iter()
                .map(|weakness| {
                    Diagnostic::error(weakness.code(), weakness.to_string())
                        .at(chain.1.clone())
                        .help(weakness.help())
                })
                .collect(),
        }
    }
}
