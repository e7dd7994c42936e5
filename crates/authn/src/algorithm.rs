//! Signature algorithms that an issuer may use, and the one kind of key that each works with.
//!
//! In: a name from a token header, a key or the configuration. Out: an [`Algorithm`], or nothing.
//! RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2. `none` and the MACs are no variants: what cannot be said
//! cannot be accepted (RFC 8725 §3.1, §3.2).

use std::fmt;

/// A signature algorithm with public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519. `EdDSA` and the fully specified `Ed25519` are two names of this one (RFC 9864 §2.2);
    /// Ed448 is not supported.
    EdDsa,
}

/// The kinds of key. An algorithm works with exactly one, so that no header can make one key pass
/// for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

impl Algorithm {
    /// Every algorithm.
    pub(crate) const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The algorithm with this registered name. Names are case-sensitive (RFC 7515 §4.1.1).
    #[must_use]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The registered name.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The kind of key it works with.
    pub(crate) const fn key_kind(self) -> KeyKind {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => KeyKind::Rsa,
            Self::Es256 => KeyKind::P256,
            Self::Es384 => KeyKind::P384,
            Self::Es512 => KeyKind::P521,
            Self::EdDsa => KeyKind::Ed25519,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one issuer may sign with, most preferred first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedAlgorithms(Box<[Algorithm]>);

impl AllowedAlgorithms {
    pub(crate) fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        Self(algorithms.into_iter().collect())
    }

    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Algorithm> {
        self.0.iter().copied()
    }

    /// Their names, separated by spaces.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|algorithm| algorithm.name()).collect();
        names.join(" ")
    }

    /// The algorithm to which a key of this kind is bound when the key itself names none.
    ///
    /// For curves there is one at most. An RSA key could serve six; it gets the issuer's first, so that
    /// it is bound to one before any header is read (RFC 8725 §3.1).
    pub(crate) fn binding_for(&self, kind: KeyKind) -> Option<Algorithm> {
        self.0.iter().copied().find(|algorithm| algorithm.key_kind() == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_nothing_else_does() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        }
        for name in
            ["none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "rs256", "RS1", "ES256K", "Ed448"]
        {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn both_names_of_ed25519_mean_the_same() {
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDsa));
        assert_eq!(Algorithm::from_name("EdDSA"), Some(Algorithm::EdDsa));
    }

    #[test]
    fn an_rsa_key_is_bound_to_the_first_rsa_algorithm_of_the_issuer() {
        let allowed = AllowedAlgorithms::new([Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256]);
        assert_eq!(allowed.binding_for(KeyKind::Rsa), Some(Algorithm::Ps256));
        assert_eq!(allowed.binding_for(KeyKind::P384), None);
    }
}
