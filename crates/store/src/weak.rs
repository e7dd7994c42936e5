//! Secrets that protect nothing: too short, without variety, or printed in every tutorial (KEY-14).

/// Least bytes of a root secret: 256 bits, if they are random.
const LEAST: usize = 32;
/// Fewest different bytes. 32 random bytes have fewer than this once in more than 2^60 times.
const LEAST_VARIETY: usize = 12;

/// Published somewhere; compared without case, anywhere in the secret.
const PUBLISHED: [&str; 14] = [
    // RFC 7515 A.1, and its text form.
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
    "your_secret_key",
    "a-string-secret-at-least-256-bits-long",
    "changeme",
    "change-me",
    "change_me",
    "replace-me",
    "supersecret",
    "super-secret",
    "my-secret-key",
    "0123456789abcdef0123456789abcdef",
];

/// Why a secret must not be used, if it must not.
pub(crate) fn weakness(secret: &[u8]) -> Option<&'static str> {
    if secret.len() < LEAST {
        return Some("it is shorter than 32 bytes");
    }
    let mut seen = [false; 256];
    for byte in secret {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    if seen.iter().filter(|seen| **seen).count() < LEAST_VARIETY {
        return Some("it repeats itself");
    }
    let lower = secret.to_ascii_lowercase();
    let is_published = PUBLISHED.iter().any(|published| {
        let published = published.to_ascii_lowercase();
        lower.windows(published.len()).any(|window| window == published.as_bytes())
    });
    is_published.then_some("it is published as an example")
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves-part: KEY-14 (public keys and certificates that are published as examples)
    #[test]
    fn a_weak_or_published_secret_is_named_as_such() {
        for weak in [
            "short",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "Your-256-bit-secret, and then some more of it",
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
            "changeme-changeme-changeme-changeme-1234",
        ] {
            assert!(weakness(weak.as_bytes()).is_some(), "{weak}");
        }
        assert_eq!(weakness(b"q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C"), None);
    }
}
