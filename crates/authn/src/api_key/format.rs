//! What a key looks like.
//!
//! ```text
//! pcl_live_3Fq0Zk81xTb_Yc2m…32 characters…9Qw4TzR7d
//! ─┬─ ─┬── ─────┬───── ───────────┬────────── ──┬───
//!  │   │        │                 │             └ checksum: CRC-32 of all before it, 6 characters of base 62
//!  │   │        │                 └ secret: 32 random characters of base 62, 190 bits
//!  │   │        └ id: 11 characters, public, by which the key is looked up
//!  │   └ environment: tells production from test before anybody tries
//!  └ what scanners look for: see [`PATTERN`]
//! ```
//!
//! The checksum proves nothing. It makes a typing mistake and a scanner's guess cheap, since both are refused
//! before anything is looked up, and tells those who search repositories a key from a text that looks like one.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand;
use portcullis_domain::api_key::BASE_62;
use portcullis_domain::{KeyId, Secret};
use thiserror::Error;

const PREFIX: &[u8] = b"pcl_";
const SECRET: usize = 32;
const CHECKSUM: usize = 6;
const LONGEST_ENVIRONMENT: usize = 12;
/// Bytes of the longest key.
pub(crate) const LONGEST: usize =
    PREFIX.len() + LONGEST_ENVIRONMENT + 1 + KeyId::LENGTH + 1 + SECRET + CHECKSUM;

/// A regular expression for secret scanners; the checksum rules out what only looks alike.
pub const PATTERN: &str = r"\bpcl_[a-z0-9]{1,12}_[0-9A-Za-z]{11}_[0-9A-Za-z]{38}\b";

/// Which environment a key is for: one to twelve small letters and digits, such as `live` or `test`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEnvironment(Box<str>);

/// A text that names no environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an environment is one to twelve small letters and digits")]
pub struct NotAnEnvironment;

/// A key that was just made. The text is shown once and kept nowhere.
#[derive(Debug)]
pub struct MadeKey {
    /// Its public name.
    pub id: KeyId,
    /// The whole key.
    pub text: Secret,
}

/// A key whose form is right. It is not known yet whether there is such a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadKey<'t> {
    /// Its public name.
    pub id: KeyId,
    /// Which environment it says it is for.
    pub environment: &'t str,
}

/// A text that is no key. Says nothing of the text: it may be a key with a typing mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no API key: form or checksum is wrong")]
pub struct NotAKey;

/// There is no randomness; no key can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// Makes a key: id and secret from the system's generator.
///
/// # Errors
/// If the system gives no random bytes.
pub fn make(environment: &KeyEnvironment) -> Result<MadeKey, NoRandomness> {
    let mut id = [0; 8];
    rand::fill(&mut id).map_err(|_| NoRandomness)?;
    let id = KeyId(u64::from_be_bytes(id));
    // With its final size from the start: a buffer that grows leaves copies behind.
    let mut text = Vec::with_capacity(LONGEST);
    text.extend_from_slice(PREFIX);
    text.extend_from_slice(environment.0.as_bytes());
    text.push(b'_');
    text.extend_from_slice(id.to_string().as_bytes());
    text.push(b'_');
    push_secret(&mut text)?;
    let checksum = checksum(&text);
    text.extend_from_slice(&checksum);
    Ok(MadeKey { id, text: Secret::new(text) })
}

/// Reads a key and checks its checksum. Looks nothing up.
///
/// # Errors
/// [`NotAKey`].
pub fn read(text: &[u8]) -> Result<ReadKey<'_>, NotAKey> {
    try_read(text).ok_or(NotAKey)
}

fn try_read(text: &[u8]) -> Option<ReadKey<'_>> {
    if text.len() > LONGEST {
        return None;
    }
    let (body, shown) = text.split_last_chunk::<CHECKSUM>()?;
    let (front, secret) = body.split_last_chunk::<SECRET>()?;
    let front = front.strip_prefix(PREFIX)?.strip_suffix(b"_")?;
    let (environment, id) = front.split_last_chunk::<{ KeyId::LENGTH }>()?;
    let environment = environment.strip_suffix(b"_")?;
    if !is_environment(environment) || !secret.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    let environment = std::str::from_utf8(environment).ok()?;
    (checksum(body) == *shown).then_some(ReadKey { id, environment })
}

/// 62 does not divide 256: bytes beyond the last whole multiple are drawn anew, so that no character is
/// likelier than another.
fn push_secret(text: &mut Vec<u8>) -> Result<(), NoRandomness> {
    const FAIR: u8 = 248;
    let mut left = SECRET;
    while left > 0 {
        let mut byte = [0; 1];
        rand::fill(&mut byte).map_err(|_| NoRandomness)?;
        let [byte] = byte;
        if let (true, Some(digit)) = (byte < FAIR, BASE_62.get(usize::from(byte % 62))) {
            text.push(*digit);
            left -= 1;
        }
    }
    Ok(())
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(body);
    let mut text = [b'0'; CHECKSUM];
    for place in text.iter_mut().rev() {
        let digit = usize::try_from(rest % 62).unwrap_or_default();
        *place = BASE_62.get(digit).copied().unwrap_or(b'0');
        rest /= 62;
    }
    text
}

fn is_environment(text: &[u8]) -> bool {
    (1..=LONGEST_ENVIRONMENT).contains(&text.len())
        && text.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl FromStr for KeyEnvironment {
    type Err = NotAnEnvironment;

    fn from_str(text: &str) -> Result<Self, NotAnEnvironment> {
        if is_environment(text.as_bytes()) { Ok(Self(text.into())) } else { Err(NotAnEnvironment) }
    }
}

impl fmt::Display for KeyEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn made(environment: &str) -> MadeKey {
        make(&environment.parse().unwrap()).unwrap()
    }

    #[test]
    fn what_is_made_is_what_is_read() {
        for environment in ["live", "t", "staging00000"] {
            let key = made(environment);
            let text = key.text.expose();
            assert!(text.starts_with(b"pcl_"));
            assert!(text.len() <= LONGEST);
            assert_eq!(read(text), Ok(ReadKey { id: key.id, environment }));
        }
    }

    // proves: KEY-03
    #[test]
    fn a_scanner_finds_a_planted_key_and_the_checksum_tells_it_from_what_only_looks_alike() {
        let key = made("live");
        let planted = key.text.expose_text().unwrap();
        let alike = planted.replace("pcl_live_", "pcl_test_");
        let repository = portcullis_testkit::Workspace::new();
        repository.file("src/deep/settings.py", format!("KEY = '{planted}'\nOLD = '{alike}'\n"));
        repository.file("README.md", "keys look like pcl_live_… and are kept elsewhere");
        repository.file("blob", [&[0xff, 0xfe][..], b"pcl_live_tooshort_x"].concat());
        // What a scanner does: a regular expression over every file.
        let output = std::process::Command::new("grep")
            .args(["-raPoh", PATTERN])
            .arg(repository.root())
            .output()
            .expect("grep is installed");
        let found = String::from_utf8(output.stdout).unwrap();
        let mut found: Vec<&str> = found.lines().collect();
        found.sort_unstable();
        assert_eq!(found, [planted, &alike]);
        let real: Vec<&&str> = found.iter().filter(|text| read(text.as_bytes()).is_ok()).collect();
        assert_eq!(real, [&planted]);
    }

    // That a typing mistake is refused without a lookup is shown with the store in `tests`.
    #[test]
    fn one_wrong_character_anywhere_is_refused_before_any_lookup() {
        let key = made("live");
        let text = key.text.expose();
        for index in 0..text.len() {
            for other in [b'0', b'Z', b'a', b'_', b' ', 0xff] {
                let mut typo = text.to_vec();
                if typo[index] != other {
                    typo[index] = other;
                    assert_eq!(read(&typo), Err(NotAKey), "byte {index}");
                }
            }
            assert_eq!(read(&text[..index]), Err(NotAKey));
        }
        assert_eq!(read(&[text, b"0"].concat()), Err(NotAKey));
    }

    // proves-part: KEY-08 (other unguessable values)
    #[test]
    fn no_two_keys_share_id_or_secret_and_every_character_occurs() {
        let mut seen = HashSet::new();
        let mut characters = HashSet::new();
        for _ in 0..500 {
            let key = made("live");
            let text = key.text.expose_text().unwrap().to_owned();
            assert!(seen.insert(text[9..20].to_owned()) && seen.insert(text[21..53].to_owned()));
            characters.extend(text[21..53].bytes());
        }
        assert_eq!(characters.len(), 62);
        // log2(62^32) = 190.5
        assert!(f64::from(62u8).log2() * 32.0 > 128.0);
    }

    #[test]
    fn an_environment_is_short_and_plain() {
        for text in ["", "Live", "live-eu", "thirteenchars", "läb"] {
            assert_eq!(text.parse::<KeyEnvironment>(), Err(NotAnEnvironment), "{text}");
        }
    }

    #[test]
    fn the_form_stays_what_scanners_were_told() {
        // A key that was published with the documentation; it is in no store.
        let text = b"pcl_test_0000000000B_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";
        let checksum = checksum(text);
        assert_eq!(std::str::from_utf8(&checksum).unwrap(), CHECKSUM_OF_THE_EXAMPLE);
        assert_eq!(read(&[text.as_slice(), &checksum].concat()).unwrap().id, KeyId(11));
    }

    const CHECKSUM_OF_THE_EXAMPLE: &str = "0Nv0jm";

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&text);
        }
    }
}
