//! Which client certificates are believed.
//!
//! In: the authorities, lists of revocations and mode of a listener. Out: a verifier for rustls. The path
//! (RFC 5280 §6), validity, extended key usage, revocation and the proof of possession are webpki's; it
//! leaves out key usage, which is added here (TLS-15).

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};

use crate::config::{ClientCertificateMode, StaleRevocations};
use crate::facts::{Facts, Use};

/// Verifies client certificates by path, validity, use and revocation.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    webpki: Arc<dyn ClientCertVerifier>,
}

impl ClientVerifier {
    /// A verifier for certificates that `authorities` issue.
    ///
    /// # Errors
    /// When there is no authority, or a list of revocations is malformed.
    pub(crate) fn new(
        authorities: RootCertStore,
        revocations: Vec<CertificateRevocationListDer<'static>>,
        mode: ClientCertificateMode,
        stale: StaleRevocations,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, rustls::server::VerifierBuilderError> {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
            .with_crls(revocations);
        let builder = match mode {
            ClientCertificateMode::Required => builder,
            ClientCertificateMode::Optional => builder.allow_unauthenticated(),
        };
        let builder = match stale {
            StaleRevocations::Deny => builder.enforce_revocation_expiration(),
            StaleRevocations::Allow => builder,
        };
        Ok(Self { webpki: builder.build()? })
    }

    /// RFC 5280 §4.2.1.3: the certificate must be for signatures, its issuers for issuing, where they
    /// say so at all.
    fn verify_key_usage(
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        if Self::facts(end_entity)?.signing_use == Use::RuledOut {
            return Err(CertificateError::InvalidPurpose.into());
        }
        for intermediate in intermediates {
            if Self::facts(intermediate)?.issuing_use == Use::RuledOut {
                return Err(CertificateError::InvalidPurpose.into());
            }
        }
        Ok(())
    }

    fn facts(certificate: &CertificateDer<'_>) -> Result<Facts, Error> {
        Facts::read(certificate).map_err(|_| CertificateError::BadEncoding.into())
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.webpki.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.webpki.verify_client_cert(end_entity, intermediates, now)?;
        Self::verify_key_usage(end_entity, intermediates)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
