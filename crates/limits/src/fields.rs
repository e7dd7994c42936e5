//! The `RateLimit-Policy` and `RateLimit` response fields (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! In: quotas and where a caller stands with them. Out: structured fields (RFC 9651), ready to be sent as
//! header fields, never as trailers (§3.1, §4.1). The numbers are those of the caller who asks, and of nobody
//! else (LIM-21). A partition key is sent only where the operator wants it, and says nothing of whose it is
//! (LIM-05).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::decision::Standings;
use crate::quota::Quota;

/// Whether clients are shown which of their budgets a quota was spent of (`pk`, draft §4.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartitionKeys {
    /// They are not.
    #[default]
    Hidden,
    /// As eight bytes of a keyed hash: equal for equal budgets, and nothing more.
    Shown,
}

/// The value of `RateLimit-Policy`: `"burst";q=100;w=60, "daily";q=1000;w=86400` (§3). It depends on the
/// configuration only, so it is made once.
#[must_use]
pub fn ratelimit_policy(quotas: &[&Quota]) -> String {
    let items: Vec<&str> = quotas.iter().map(|quota| quota.policy_item()).collect();
    items.join(", ")
}

/// The value of `RateLimit`: `"default";r=50;t=30` (§4). `t` is rounded up to whole seconds, so that it
/// never promises too early.
#[must_use]
pub fn ratelimit(standings: &[Standings<'_>], keys: PartitionKeys) -> String {
    let mut value = String::with_capacity(standings.len() * 32);
    for (index, Standings { quota, key, standing }) in standings.iter().enumerate() {
        if index > 0 {
            value.push_str(", ");
        }
        let (name, remaining, reset) = (quota.name(), standing.remaining, whole_seconds(standing.reset));
        // On the path of every request: without the machinery of formatting.
        value.extend(["\"", name, "\";r=", &remaining.to_string(), ";t=", &reset.to_string()]);
        if keys == PartitionKeys::Shown {
            value.push_str(";pk=:");
            STANDARD.encode_string(key.shown(), &mut value);
            value.push(':');
        }
    }
    value
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::Key;
    use crate::limiter::Standing;

    fn quota(name: &str, count: u32, seconds: u64) -> Quota {
        Quota::new(name, count, Duration::from_secs(seconds), count).unwrap()
    }

    fn standing(quota: &Quota, remaining: u32, millis: u64) -> Standings<'_> {
        let key = Key::subject("https://id.example", "alice@example.com");
        let standing = Standing { limit: 100, remaining, reset: Duration::from_millis(millis) };
        Standings { quota, key, standing }
    }

    // proves: LIM-05
    #[test]
    fn a_partition_key_is_opaque_bytes_without_the_name_of_anybody() {
        let quota = quota("default", 100, 60);
        let value = ratelimit(&[standing(&quota, 50, 30_000)], PartitionKeys::Shown);
        let encoded = value.strip_prefix("\"default\";r=50;t=30;pk=:").unwrap().strip_suffix(':').unwrap();
        let bytes = STANDARD.decode(encoded).unwrap();
        assert_eq!(bytes.len(), 8);
        assert!(!value.contains("alice") && !value.contains("id.example"));
        // Neither the key itself nor a hash that one could make of the name without the secret of this process.
        let name = b"alice@example.com";
        let known = [Key::credential(name).to_bytes(), standing(&quota, 1, 1).key.to_bytes()];
        assert!(known.iter().all(|known| !known.windows(8).any(|part| part == bytes)));
        let unkeyed = siphasher::sip::SipHasher13::new().hash(name).to_be_bytes();
        assert_ne!(bytes, unkeyed);
    }

    #[test]
    fn the_fields_look_as_in_the_draft() {
        let (burst, daily) = (quota("burst", 100, 60), quota("daily", 1_000, 86_400));
        assert_eq!(ratelimit_policy(&[&burst, &daily]), "\"burst\";q=100;w=60, \"daily\";q=1000;w=86400");
        assert_eq!(
            ratelimit(&[standing(&burst, 50, 30_000), standing(&daily, 0, 1)], PartitionKeys::Hidden),
            "\"burst\";r=50;t=30, \"daily\";r=0;t=1"
        );
    }

    /// A string and its parameters.
    type Item = (String, Vec<(String, u64)>);

    /// A strict reader of the structured fields used here (RFC 9651 §4.2): a list of strings, each with
    /// integer parameters.
    fn read(mut rest: &str) -> Option<Vec<Item>> {
        let mut items = Vec::new();
        loop {
            rest = rest.strip_prefix('"')?;
            let (name, after) = rest.split_once('"')?;
            if !name.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'\\') {
                return None;
            }
            rest = after;
            let mut parameters = Vec::new();
            while let Some(after) = rest.strip_prefix(';') {
                let end = after.find([';', ',']).unwrap_or(after.len());
                let (parameter, after) = after.split_at(end);
                let (key, digits) = parameter.split_once('=')?;
                let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase()) && !key.is_empty();
                let is_integer =
                    (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
                if !is_key || !is_integer {
                    return None;
                }
                parameters.push((key.to_owned(), digits.parse().ok()?));
                rest = after;
            }
            items.push((name.to_owned(), parameters));
            match rest.strip_prefix(", ") {
                Some(after) => rest = after,
                None if rest.is_empty() => return Some(items),
                None => return None,
            }
        }
    }

    proptest! {
        // proves: LIM-02
        #[test]
        fn the_fields_are_strict_structured_lists(
            name in "[a-zA-Z0-9_.-]{1,64}", count in 1u32.., millis in 1u64..10_000_000_000,
            remaining in 0u32.., reset in 0u64..10_000_000_000,
        ) {
            let quota = Quota::new(&name, count, Duration::from_millis(millis), 1);
            prop_assume!(quota.is_ok());
            let quota = quota.unwrap();

            let policy = read(&ratelimit_policy(&[&quota, &quota])).unwrap();
            prop_assert_eq!(policy.len(), 2);
            prop_assert_eq!(&policy[0].0, &name);
            let [(q, _), (w, window)] = &policy[0].1[..] else { panic!("{policy:?}") };
            prop_assert_eq!((q.as_str(), w.as_str()), ("q", "w"));
            prop_assert!(*window > 0);

            let limit = read(&ratelimit(&[standing(&quota, remaining, reset)], PartitionKeys::Hidden)).unwrap();
            prop_assert_eq!(&limit[0].0, &name);
            let [(r, left), (t, until)] = &limit[0].1[..] else { panic!("{limit:?}") };
            prop_assert_eq!((r.as_str(), t.as_str()), ("r", "t"));
            prop_assert_eq!(*left, u64::from(remaining));
            prop_assert!(*until * 1_000 >= reset && *until * 1_000 < reset + 1_000);
        }
    }
}
