//! For tests only: an upstream that remembers, a token issuer, a certificate authority.
