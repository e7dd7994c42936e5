//! Which permissions a file with a secret or a key may have: one rule for all of them (decision 0011).
//!
//! In: the mode of an opened file. Out: whether it is private. Called by [`crate::SecretReference`] and by
//! `portcullis-tls` for private keys (KEY-10, ASVS 13.3.2).
//!
//! The owner may do anything, the group may read, everybody else nothing. The group may read because that is
//! how secrets are handed to services: Debian's keys belong to `root:ssl-cert` with mode 0640, Kubernetes
//! gives the files of a secret to the pod's `fsGroup` with mode 0440. Nobody but the owner may change what
//! the gateway believes, so the group may not write.

/// What nobody but the owner may: writing and executing for the group, anything for others.
const EXPOSING: u32 = 0o037;

/// Whether a file of this mode may hold a secret.
#[must_use]
pub const fn is_private(mode: u32) -> bool {
    mode & EXPOSING == 0
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn the_group_may_read_and_nobody_else_may_anything() {
        for mode in [0o600, 0o400, 0o700, 0o640, 0o440] {
            assert!(is_private(mode), "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o602, 0o601, 0o660, 0o620, 0o650, 0o777] {
            assert!(!is_private(mode), "{mode:o}");
        }
    }
}
