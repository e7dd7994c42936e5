//! Why a handshake failed, in words that stay the same.
//!
//! In: an error of rustls or of the socket. Out: a [`HandshakeFault`] whose code goes into the audit
//! event and the metric, and for connections to upstreams the [`Reason`] of the answer. The error's own
//! text is kept as a note for the operator; neither holds key material (TLS-20).

use std::io;

use portcullis_domain::Reason;
use rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible};

macro_rules! faults {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal; )+) => {
        /// A closed set of ways in which a handshake fails, on either side.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum HandshakeFault { $( $(#[doc = $doc])+ $name, )+ }

        impl HandshakeFault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $( Self::$name => $code, )+ }
            }
        }
    };
}

faults! {
    /// The peer speaks something else, often plain HTTP.
    NotTls = "not_tls";
    /// A message does not follow the grammar of TLS, or comes out of turn.
    MessageMalformed = "message_malformed";
    /// The peer speaks no version that we do.
    VersionUnsupported = "version_unsupported";
    /// The peer offers no cipher suite that we accept.
    CipherSuitesUnacceptable = "cipher_suites_unacceptable";
    /// The peer offers no key exchange group that we accept.
    GroupsUnacceptable = "groups_unacceptable";
    /// The peer accepts no signature that our certificate can make.
    SignaturesUnacceptable = "signatures_unacceptable";
    /// TLS 1.2 without extended master secret (RFC 7627).
    ExtendedMasterSecretMissing = "extended_master_secret_missing";
    /// The peer lacks something else that we require.
    PeerIncompatible = "peer_incompatible";
    /// The peer broke the protocol.
    PeerMisbehaved = "peer_misbehaved";
    /// A record did not decrypt, or was changed on the way.
    RecordCorrupt = "record_corrupt";
    /// The client asks for a host that this listener has no certificate for.
    ServerNameUnknown = "server_name_unknown";
    /// No certificate has been issued yet (ACME).
    CertificateAbsent = "certificate_absent";
    /// No application protocol in common.
    ApplicationProtocolUnknown = "application_protocol_unknown";
    /// The peer must show a certificate and shows none.
    PeerCertificateMissing = "peer_certificate_missing";
    /// The peer's certificate cannot be read.
    PeerCertificateMalformed = "peer_certificate_malformed";
    /// The peer's certificate is past its end.
    PeerCertificateExpired = "peer_certificate_expired";
    /// The peer's certificate is not valid yet.
    PeerCertificateNotYetValid = "peer_certificate_not_yet_valid";
    /// The peer's certificate has been revoked.
    PeerCertificateRevoked = "peer_certificate_revoked";
    /// Whether the peer's certificate has been revoked is not known.
    PeerCertificateStatusUnknown = "peer_certificate_status_unknown";
    /// The list of revocations is past its next update.
    RevocationsStale = "revocations_stale";
    /// The peer's certificate does not lead to an authority that we trust.
    PeerCertificateUntrusted = "peer_certificate_untrusted";
    /// The peer's certificate is for another name.
    PeerCertificateNameMismatch = "peer_certificate_name_mismatch";
    /// The peer's certificate is for another use.
    PeerCertificatePurposeWrong = "peer_certificate_purpose_wrong";
    /// The peer's certificate, or its proof, carries a bad or too weak signature.
    PeerCertificateSignatureBad = "peer_certificate_signature_bad";
    /// The peer's certificate is not acceptable for another cause, such as being an authority.
    PeerCertificateInvalid = "peer_certificate_invalid";
    /// The peer refused us with an alert.
    AlertReceived = "alert_received";
    /// The peer closed the connection during the handshake.
    ConnectionClosed = "connection_closed";
    /// The connection broke during the handshake.
    ConnectionBroken = "connection_broken";
    /// The handshake took too long; given by the caller, who holds the timer.
    TimedOut = "handshake_timed_out";
    /// Something on our side failed.
    Internal = "handshake_internal_fault";
}

impl HandshakeFault {
    /// The fault behind an error of a TLS stream.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Self {
        if let Some(error) = rustls_error(error) {
            return Self::from_rustls(error);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::ConnectionClosed,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::ConnectionBroken,
        }
    }

    /// The fault behind an error of rustls.
    #[must_use]
    pub fn from_rustls(error: &Error) -> Self {
        match error {
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. } => Self::MessageMalformed,
            Error::PeerIncompatible(cause) => Self::from_incompatibility(cause),
            Error::PeerMisbehaved(_) => Self::PeerMisbehaved,
            Error::DecryptError | Error::PeerSentOversizedRecord => Self::RecordCorrupt,
            Error::NoApplicationProtocol => Self::ApplicationProtocolUnknown,
            Error::NoCertificatesPresented => Self::PeerCertificateMissing,
            Error::InvalidCertificate(cause) => Self::from_certificate(cause),
            Error::InvalidCertRevocationList(_) => Self::PeerCertificateStatusUnknown,
            Error::UnsupportedNameType => Self::PeerCertificateNameMismatch,
            Error::AlertReceived(_) => Self::AlertReceived,
            _ => Self::Internal,
        }
    }

    fn from_incompatibility(cause: &PeerIncompatible) -> Self {
        match cause {
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired => Self::VersionUnsupported,
            PeerIncompatible::NoCipherSuitesInCommon => Self::CipherSuitesUnacceptable,
            PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::KeyShareExtensionRequired => Self::GroupsUnacceptable,
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired => Self::SignaturesUnacceptable,
            PeerIncompatible::ExtendedMasterSecretExtensionRequired => Self::ExtendedMasterSecretMissing,
            _ => Self::PeerIncompatible,
        }
    }

    fn from_certificate(cause: &CertificateError) -> Self {
        match cause {
            CertificateError::BadEncoding => Self::PeerCertificateMalformed,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Self::PeerCertificateExpired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::PeerCertificateNotYetValid
            }
            CertificateError::Revoked => Self::PeerCertificateRevoked,
            CertificateError::UnknownRevocationStatus => Self::PeerCertificateStatusUnknown,
            CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => Self::RevocationsStale,
            CertificateError::UnknownIssuer => Self::PeerCertificateUntrusted,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::PeerCertificateNameMismatch
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::PeerCertificatePurposeWrong
            }
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::PeerCertificateSignatureBad
            }
            _ => Self::PeerCertificateInvalid,
        }
    }

    /// What the client of the gateway is told when the handshake with an upstream failed so.
    ///
    /// Everything that leaves open who answered is [`Reason::UpstreamUntrusted`]; a peer that is merely
    /// gone, slow or unwilling is [`Reason::UpstreamUnreachable`] or [`Reason::UpstreamTimeout`].
    #[must_use]
    pub const fn upstream_reason(self) -> Reason {
        match self {
            Self::NotTls
            | Self::MessageMalformed
            | Self::VersionUnsupported
            | Self::CipherSuitesUnacceptable
            | Self::GroupsUnacceptable
            | Self::SignaturesUnacceptable
            | Self::ExtendedMasterSecretMissing
            | Self::PeerIncompatible
            | Self::PeerMisbehaved
            | Self::RecordCorrupt
            | Self::ServerNameUnknown
            | Self::ApplicationProtocolUnknown
            | Self::PeerCertificateMissing
            | Self::PeerCertificateMalformed
            | Self::PeerCertificateExpired
            | Self::PeerCertificateNotYetValid
            | Self::PeerCertificateRevoked
            | Self::PeerCertificateStatusUnknown
            | Self::RevocationsStale
            | Self::PeerCertificateUntrusted
            | Self::PeerCertificateNameMismatch
            | Self::PeerCertificatePurposeWrong
            | Self::PeerCertificateSignatureBad
            | Self::PeerCertificateInvalid => Reason::UpstreamUntrusted,
            Self::AlertReceived
            | Self::CertificateAbsent
            | Self::ConnectionClosed
            | Self::ConnectionBroken
            | Self::Internal => Reason::UpstreamUnreachable,
            Self::TimedOut => Reason::UpstreamTimeout,
        }
    }
}

/// The error of rustls inside an error of a stream.
pub(crate) fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The longest note taken from an error: a peer chooses the names in its certificate.
const NOTE_LENGTH: usize = 300;

/// What the library says, cut to a bound; for the operator's record only.
pub(crate) fn note(error: &dyn std::error::Error) -> String {
    error.to_string().chars().take(NOTE_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn codes_are_unique() {
        let codes: HashSet<&str> = HandshakeFault::ALL.iter().map(|fault| fault.code()).collect();
        assert_eq!(codes.len(), HandshakeFault::ALL.len());
    }

    #[test]
    fn an_error_keeps_its_meaning_inside_an_io_error() {
        let error = io::Error::new(
            io::ErrorKind::InvalidData,
            Error::InvalidCertificate(CertificateError::UnknownIssuer),
        );
        assert_eq!(HandshakeFault::from_io(&error), HandshakeFault::PeerCertificateUntrusted);
    }

    #[test]
    fn a_lost_connection_is_not_mistaken_for_distrust() {
        for (kind, reason) in [
            (io::ErrorKind::UnexpectedEof, Reason::UpstreamUnreachable),
            (io::ErrorKind::ConnectionReset, Reason::UpstreamUnreachable),
            (io::ErrorKind::TimedOut, Reason::UpstreamTimeout),
        ] {
            assert_eq!(HandshakeFault::from_io(&kind.into()).upstream_reason(), reason);
        }
        let alert = Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(HandshakeFault::from_rustls(&alert).upstream_reason(), Reason::UpstreamUnreachable);
    }

    #[test]
    fn every_certificate_fault_of_an_upstream_is_distrust() {
        for fault in HandshakeFault::ALL.iter().filter(|fault| fault.code().starts_with("peer_certificate")) {
            assert_eq!(fault.upstream_reason(), Reason::UpstreamUntrusted, "{fault:?}");
        }
    }

    #[test]
    fn a_note_has_a_bound() {
        let error = io::Error::other("x".repeat(10_000));
        assert_eq!(note(&error).len(), NOTE_LENGTH);
    }
}
