//! Listeners and TLS (C0100 to C0199).

codes! {
    ADDRESS_MALFORMED = "C0101" {
        title: "listener address is malformed",
        means: "`address` is not host and port, or the host has no address on this machine.",
        matters: "Nothing would be listening where clients expect it.",
        mend: "Write host and port, e.g. `0.0.0.0:8443` or `[::]:8443`.",
    }
    PLAINTEXT_ON_TLS = "C0102" {
        title: "plaintext policy on a TLS listener",
        means: "A listener has `plaintext:` although it speaks TLS.",
        matters: "Whoever wrote it expects something that does not happen.",
        mend: "Remove it, or write `protocol: plaintext`.",
    }
    PLAINTEXT_EXPOSED = "C0103" {
        title: "API served without TLS beyond loopback",
        means: "`plaintext: serve` stands on an address that other machines can reach.",
        matters: "Credentials and data pass in the clear (ASVS 12.3.1).",
        mend: "Use TLS, or write `exposed_plaintext: true` if TLS ends right in front of this gateway.",
    }
    ADMIN_EXPOSED = "C0104" {
        title: "admin listener beyond loopback without client certificates",
        means: "`admin.address` can be reached by other machines, and `admin.tls.client_certificates` is not set.",
        matters: "A bearer token alone, over the network, is no protection for the control plane.",
        mend: "Listen on loopback, or set `admin.tls.client_certificates`.",
    }
    TLS_FILE_UNREADABLE = "C0130" {
        title: "a file of the TLS settings cannot be read",
        means: "A certificate, key, authority or revocation file does not exist, is no regular file, is too large, or may not be read by this user.",
        matters: "A listener without its certificate serves nobody, and one without its authorities would believe anybody.",
        mend: "Check the path, which is relative to the configuration file, and its permissions.",
    }
    CERTIFICATE_MALFORMED = "C0131" {
        title: "certificate file cannot be used",
        means: "The file holds no certificate in PEM form, or one that cannot be read, or far too many.",
        matters: "Clients would refuse the handshake without saying why.",
        mend: "Name a PEM file with the server's certificate first and its intermediates after it.",
    }
    KEY_UNUSABLE = "C0132" {
        title: "private key cannot be used",
        means: "The file holds no private key, an encrypted one, or one of a kind that TLS does not use.",
        matters: "Without its key a certificate proves nothing.",
        mend: "Name a PEM file with an unencrypted ECDSA, Ed25519 or RSA key, of mode 0600.",
    }
    KEY_FILE_OPEN = "C0133" {
        title: "private key can be read by everybody",
        means: "The permissions of the key file let everyone read, write or execute it, or its group more than read it (ASVS 13.3.2).",
        matters: "Whoever has the key can answer in the name of your hosts.",
        mend: "Run `chmod 640` on the file, or 600 if no group needs it; if it was open for long, replace the key and revoke the certificate.",
    }
    KEY_MISMATCH = "C0134" {
        title: "private key belongs to another certificate",
        means: "The public key in the certificate is not the one of the private key.",
        matters: "Every handshake would fail.",
        mend: "Name the key that the certificate was issued for.",
    }
    CERTIFICATE_KEY_TOO_SHORT = "C0135" {
        title: "certified key is too short",
        means: "A certificate of the chain is for an RSA key of fewer than 2048 bits (RFC 9325 §4.5).",
        matters: "Such keys can be factored, and clients refuse them.",
        mend: "Get a certificate for a P-256 key, or for RSA with at least 2048 bits.",
    }
    CERTIFICATE_KEY_UNKNOWN = "C0136" {
        title: "certified key is of an unknown kind",
        means: "A certificate of the chain is for a key that TLS clients do not accept, such as DSA or an unusual curve.",
        matters: "Every handshake would fail.",
        mend: "Use ECDSA on P-256, P-384 or P-521, Ed25519, or RSA.",
    }
    CERTIFICATE_SIGNATURE_BROKEN = "C0137" {
        title: "certificate is signed with a broken hash",
        means: "A certificate of the chain is signed with MD5 or SHA-1 (RFC 9325 §4.5).",
        matters: "Collisions can be made, so the signature proves nothing, and clients refuse it.",
        mend: "Have it issued again with a SHA-256 signature.",
    }
    CERTIFICATE_EXPIRED = "C0138" {
        title: "certificate has expired",
        means: "A certificate of the chain is past its last moment.",
        matters: "Clients refuse it, or worse, are taught to ignore the warning.",
        mend: "Renew it; new files are picked up without a restart.",
    }
    CERTIFICATE_NOT_YET_VALID = "C0139" {
        title: "certificate is not valid yet",
        means: "The validity of a certificate of the chain starts in the future.",
        matters: "Clients refuse it until then.",
        mend: "Check the clock of this machine, or wait.",
    }
    CERTIFICATE_NAMES_NOBODY = "C0140" {
        title: "certificate names no host",
        means: "The certificate has no subjectAltName; the common name has not counted for years (RFC 9525 §2).",
        matters: "No client can tell that the certificate is for the host it wanted.",
        mend: "Have it issued with a subjectAltName for every host.",
    }
    CERTIFICATE_NOT_FOR_SERVERS = "C0141" {
        title: "certificate is not for servers",
        means: "The certificate lists extended key usages, and serverAuth is none of them.",
        matters: "Clients refuse it.",
        mend: "Have it issued with the extended key usage serverAuth.",
    }
    CERTIFICATE_CHAIN_BROKEN = "C0142" {
        title: "certificates of the chain do not follow each other",
        means: "A certificate in the file did not issue the one before it.",
        matters: "Clients that lack the missing link refuse the handshake, others accept it: a fault that only some see.",
        mend: "Write the server's certificate first, then each one's issuer.",
    }
    CERTIFICATE_NOT_PUBLICLY_TRUSTED = "C0143" {
        title: "no public authority vouches for a public host",
        means: "The certificate has a name that strangers may visit, and its chain does not lead to a public authority.",
        matters: "Browsers show a warning that users learn to click away.",
        mend: "Get a certificate from a public authority, for example with `acme:`, and include its intermediates.",
    }
    CERTIFICATE_ENDS_SOON = "C0144" {
        title: "certificate ends soon",
        means: "The certificate has thirty days or less to go.",
        matters: "An outage on a date that is known in advance.",
        mend: "Renew it, or let `acme:` do it; new files are picked up without a restart.",
    }
    REVOCATIONS_MALFORMED = "C0145" {
        title: "list of revocations cannot be used",
        means: "A file named under `revocations` holds no certificate revocation list, or one of a kind that is not supported.",
        matters: "A revoked certificate would still be let in.",
        mend: "Name complete version 2 lists (RFC 5280 §5) in PEM or DER.",
    }
    REVOCATIONS_STALE = "C0146" {
        title: "list of revocations is out of date",
        means: "A list is past the moment by which its authority promised the next one.",
        matters: "What was revoked since is not known; `revocations_stale` decides what that means.",
        mend: "Fetch the list from its authority more often than it ends.",
    }
    VERIFICATION_SKIPPED = "C0147" {
        title: "an upstream is not verified",
        means: "`dangerously_skip_verification` is set: whoever answers is taken for the upstream.",
        matters: "Anybody on the way can read and change every request, credentials included.",
        mend: "Name the upstream's authority under `authorities` instead; keep the switch to development.",
    }
    PUBLIC_ROOTS_MISSING = "C0148" {
        title: "no public authorities on this machine",
        means: "The certificate store of the system is empty, and no `authorities` are named.",
        matters: "No upstream and no issuer could be verified, so none would be reached.",
        mend: "Install the package `ca-certificates`, or name a file under `authorities`.",
    }
    SERVER_NAME_INVALID = "C0149" {
        title: "server name cannot be one",
        means: "The name is neither a host name nor an address.",
        matters: "No certificate could ever match it.",
        mend: "Write a host name such as `api.internal`, without scheme, port or path.",
    }
    ACME_UNUSABLE = "C0150" {
        title: "automatic certificates cannot be had as written",
        means: "The directory is no https URL, or a name is one for which this kind of proof does not exist.",
        matters: "No certificate would ever be issued.",
        mend: "Use an https directory and plain host names; wildcards need a DNS challenge, which is not offered.",
    }
    STATE_UNUSABLE = "C0151" {
        title: "state directory cannot be used",
        means: "A key that the gateway makes for itself cannot be written or read.",
        matters: "Without a place of its own the gateway would present a new identity at every start.",
        mend: "Give the gateway a directory that it may write to and others may not read.",
    }
    TLS_UNUSABLE = "C0152" {
        title: "TLS cannot be set up",
        means: "The TLS library refused settings that should be sound.",
        matters: "The listener would not answer.",
        mend: "This is a fault of the gateway or the machine; please report it.",
    }
}
