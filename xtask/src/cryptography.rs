//! Which cryptography ships, and where randomness comes from (KEY-08, KEY-17).
//!
//! In: `cargo tree` and the sources. Out: one sentence for each cryptographic crate that the tables
//! below do not allow, for each that they allow in vain, and for each source of randomness that is not the
//! system's. Algorithms below 128 bits have no name in our sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What ships, and why it may.
const ALLOWED: [(&str, &str); 14] = [
    ("aws-lc-rs", "the library for everything of ours"),
    ("aws-lc-sys", "its C and assembly"),
    ("rustls", "TLS"),
    ("rustls-webpki", "verification of certificate chains"),
    ("tokio-rustls", "TLS over tokio"),
    ("rcgen", "certificates for development and ACME"),
    ("argon2", "password hashes (RFC 9106); aws-lc has none"),
    ("password-hash", "the notation of argon2"),
    ("blake2", "part of argon2"),
    ("sha2", "SCRAM-SHA-256 to PostgreSQL, by way of postgres-protocol"),
    ("hmac", "the same"),
    ("md-5", "part of postgres-protocol; our settings refuse servers that ask for it"),
    ("chacha20", "the generator of `rand`, seeded by the system"),
    ("subtle", "comparison in constant time"),
];

/// Names that make a crate cryptographic. Whoever adds one that is missing here adds it to both tables.
const CRYPTOGRAPHIC: [&str; 62] = [
    "aes",
    "aes-gcm",
    "argon2",
    "aws-lc-rs",
    "aws-lc-sys",
    "aws-lc-fips-sys",
    "bcrypt",
    "blake2",
    "blake3",
    "blowfish",
    "boring",
    "boring-sys",
    "cast5",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "crypto-bigint",
    "cmac",
    "curve25519-dalek",
    "des",
    "dsa",
    "ecdsa",
    "ed25519",
    "ed25519-dalek",
    "elliptic-curve",
    "fastrand",
    "ghash",
    "hkdf",
    "hmac",
    "idea",
    "jsonwebtoken",
    "k256",
    "md-5",
    "md2",
    "md4",
    "md5",
    "native-tls",
    "openssl",
    "openssl-sys",
    "oorandom",
    "p256",
    "p384",
    "password-hash",
    "pbkdf2",
    "poly1305",
    "rc2",
    "rc4",
    "rcgen",
    "ring",
    "ripemd",
    "rsa",
    "rust-crypto",
    "rustls",
    "rustls-webpki",
    "scrypt",
    "sha1",
    "sha1_smol",
    "sha2",
    "sha3",
    "sodiumoxide",
    "subtle",
    "tokio-rustls",
];

/// Words that have no place in sources that ship: generators that can be guessed, and primitives of less
/// than 128 bits.
const REFUSED: [(&str, &str); 9] = [
    ("SmallRng", "a generator that can be guessed"),
    ("StdRng::seed_from_u64", "a generator with a small seed"),
    ("fastrand::", "a generator that can be guessed"),
    ("rand::random", "name the generator: `aws_lc_rs::rand` for secrets"),
    ("SHA1_FOR_LEGACY_USE_ONLY", "SHA-1"),
    ("RSA_PKCS1_1024_8192", "RSA below 2048 bits"),
    ("HMAC_SHA1", "SHA-1"),
    ("digest::SHA1", "SHA-1"),
    ("RSA_PKCS1_2048_8192_SHA1", "SHA-1"),
];

/// Files in which a word is, for a reason, no weakness.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "crates/waf/src/transform/encode.rs",
    "SHA1_FOR_LEGACY_USE_ONLY",
    "`t:sha1` is a word of SecLang; rules name collections by it, and nothing is protected by it",
)];

/// Checks the workspace below `root`.
pub(crate) fn run(root: &Path) -> Result<Vec<String>> {
    let mut findings = judge_crates(&shipped(root)?);
    for source in sources(&root.join("crates"))? {
        let text =
            fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
        let name = source.strip_prefix(root).unwrap_or(&source).display().to_string();
        findings.extend(judge_source(&name, &text));
    }
    Ok(findings)
}

/// The names of all crates that the binary is linked from. `cargo metadata` would name more: it joins the
/// features that tests ask for with those that ship.
fn shipped(root: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("cargo")
        .args(["tree", "--offline", "--package", "portcullis", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}", "--no-dedupe"])
        .current_dir(root)
        .output()
        .context("cannot run `cargo tree`")?;
    ensure!(output.status.success(), "`cargo tree` failed: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).context("`cargo tree` says something unreadable")?;
    Ok(lines.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn judge_crates(shipped: &BTreeSet<String>) -> Vec<String> {
    let is_allowed = |name: &str| ALLOWED.iter().any(|(allowed, _)| *allowed == name);
    let strange =
        CRYPTOGRAPHIC.iter().filter(|name| shipped.contains(**name) && !is_allowed(name)).map(|name| {
            format!("crate `{name}` ships, and is not among the cryptography of xtask/src/cryptography.rs")
        });
    let vain = ALLOWED
        .iter()
        .filter(|(name, _)| !shipped.contains(*name))
        .map(|(name, _)| format!("crate `{name}` is allowed in xtask/src/cryptography.rs and does not ship"));
    strange.chain(vain).collect()
}

/// Everything before the tests of a file ships.
fn judge_source(name: &str, text: &str) -> Vec<String> {
    let ships = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    REFUSED
        .iter()
        .filter(|(word, _)| ships.contains(word))
        .filter(|(word, _)| !EXCEPTIONS.iter().any(|(file, known, _)| file == &name && known == word))
        .map(|(word, why)| format!("{name} names `{word}`: {why}"))
        .collect()
}

/// The sources of all crates that ship.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            let is_for_tests = ["tests", "benches", "testkit", "target"].iter().any(|other| name == *other);
            if !is_for_tests {
                found.extend(sources(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: KEY-08, KEY-17
    #[test]
    fn what_ships_has_allow_listed_cryptography_and_no_generator_that_can_be_guessed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(run(root).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_strange_crate_and_a_weak_word_are_found() {
        let mut shipped: BTreeSet<String> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert!(judge_crates(&shipped).is_empty());
        shipped.insert("md5".to_owned());
        shipped.remove("argon2");
        assert_eq!(judge_crates(&shipped).len(), 2);
        assert_eq!(judge_source("a.rs", "let x = fastrand::u8(..);").len(), 1);
        let (file, word, _) = EXCEPTIONS[0];
        assert!(judge_source(file, word).is_empty());
        assert_eq!(judge_source("a.rs", word).len(), 1);
        assert!(judge_source("a.rs", "fn a() {}\n#[cfg(test)]\nmod tests { SmallRng }").is_empty());
    }

    #[test]
    fn what_is_allowed_is_known_to_be_cryptographic() {
        for (name, _) in ALLOWED {
            assert!(CRYPTOGRAPHIC.contains(&name), "{name}");
        }
    }
}
