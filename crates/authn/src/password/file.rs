//! The file with users and the hashes of their passwords.
//!
//! In: lines of `name:$argon2id$…`, comments behind `#`. Out: the users, or the first line that is none.
//! Only argon2id, with at least what OWASP recommends and no more than a gateway can spend.

use std::collections::HashMap;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use portcullis_domain::Secret;
use thiserror::Error;

/// KiB of memory: OWASP's least (with two passes), and what two checks at once may take.
const MEMORY: std::ops::RangeInclusive<u32> = 19_456..=262_144;
/// Passes over the memory.
const PASSES: std::ops::RangeInclusive<u32> = 1..=10;

/// Why a file of users is not used. Never shows what a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UsersFault {
    /// Not UTF-8.
    #[error("the file is no text")]
    NotText,
    /// No user at all.
    #[error("no user is in the file")]
    Empty,
    /// Not `name:hash`.
    #[error("line {0} is no `name:$argon2id$…`")]
    Malformed(usize),
    /// The hash is of another kind, or too cheap or too dear.
    #[error("the hash in line {0} is not argon2id with m from 19456 to 262144 and t from 1 to 10")]
    Unfit(usize),
    /// The same name twice.
    #[error("line {0} names a user again")]
    Repeated(usize),
}

/// Reads a file of users.
///
/// # Errors
/// The first line that cannot be used.
pub fn read_users(file: &Secret) -> Result<HashMap<Box<str>, PasswordHash>, UsersFault> {
    let text = file.expose_text().ok_or(UsersFault::NotText)?;
    let mut users = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (user, hash) = line.split_once(':').ok_or(UsersFault::Malformed(number))?;
        if user.is_empty() || user.len() > 255 {
            return Err(UsersFault::Malformed(number));
        }
        let hash = PasswordHash::new(hash).map_err(|_| UsersFault::Malformed(number))?;
        if !is_fit(&hash) {
            return Err(UsersFault::Unfit(number));
        }
        if users.insert(Box::from(user), hash).is_some() {
            return Err(UsersFault::Repeated(number));
        }
    }
    if users.is_empty() { Err(UsersFault::Empty) } else { Ok(users) }
}

fn is_fit(hash: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(hash) else { return false };
    hash.algorithm.as_str() == "argon2id"
        && hash.hash.is_some()
        && hash.salt.is_some()
        && MEMORY.contains(&params.m_cost())
        && PASSES.contains(&params.t_cost())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTlzQs0tVd4yW7kmMcgtyPPtXyo3GZyJ1GCZ1f8D7M";

    #[track_caller]
    fn check(file: &str, expected: Result<usize, UsersFault>) {
        let users = read_users(&Secret::new(file.as_bytes().to_vec()));
        assert_eq!(users.map(|users| users.len()), expected, "{file}");
    }

    #[test]
    fn only_argon2id_of_a_sensible_cost_is_taken() {
        check(&format!("# users\n\nalice:{GOOD}\nbob:{GOOD}\n"), Ok(2));
        check("", Err(UsersFault::Empty));
        check("alice", Err(UsersFault::Malformed(1)));
        check(&format!(":{GOOD}"), Err(UsersFault::Malformed(1)));
        check("alice:secret", Err(UsersFault::Malformed(1)));
        check("alice:$2y$05$abcdefghijklmnopqrstuu", Err(UsersFault::Malformed(1)));
        check(&format!("alice:{}", GOOD.replace("argon2id", "argon2i")), Err(UsersFault::Unfit(1)));
        check(&format!("alice:{}", GOOD.replace("m=19456", "m=1024")), Err(UsersFault::Unfit(1)));
        check(&format!("alice:{}", GOOD.replace("m=19456", "m=4194304")), Err(UsersFault::Unfit(1)));
        check(&format!("alice:{}", GOOD.replace("t=2", "t=1000")), Err(UsersFault::Unfit(1)));
        check(&format!("alice:{GOOD}\nalice:{GOOD}"), Err(UsersFault::Repeated(2)));
    }
}
