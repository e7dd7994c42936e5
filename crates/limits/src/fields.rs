//! The `RateLimit-Policy` and `RateLimit` response fields (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! In: quotas and where a caller stands with them. Out: structured fields (RFC 9651), ready to be sent as
//! header fields, never as trailers (§3.1, §4.1). No partition key is sent: the numbers are those of the
//! caller who asks, and of nobody else (LIM-05, LIM-21).

use std::time::Duration;

use crate::limiter::Standing;
use crate::quota::Quota;

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
pub fn ratelimit(standings: &[(&Quota, Standing)]) -> String {
    let mut value = String::with_capacity(standings.len() * 32);
    for (index, (quota, standing)) in standings.iter().enumerate() {
        if index > 0 {
            value.push_str(", ");
        }
        let (name, remaining, reset) = (quota.name(), standing.remaining, whole_seconds(standing.reset));
        // On the path of every request: without the machinery of formatting.
        value.extend(["\"", name, "\";r=", &remaining.to_string(), ";t=", &reset.to_string()]);
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

    fn quota(name: &str, count: u32, seconds: u64) -> Quota {
        Quota::new(name, count, Duration::from_secs(seconds), count).unwrap()
    }

    fn standing(remaining: u32, millis: u64) -> Standing {
        Standing { limit: 100, remaining, reset: Duration::from_millis(millis) }
    }

    #[test]
    fn the_fields_look_as_in_the_draft() {
        let (burst, daily) = (quota("burst", 100, 60), quota("daily", 1_000, 86_400));
        assert_eq!(ratelimit_policy(&[&burst, &daily]), "\"burst\";q=100;w=60, \"daily\";q=1000;w=86400");
        assert_eq!(
            ratelimit(&[(&burst, standing(50, 30_000)), (&daily, standing(0, 1))]),
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

            let limit = read(&ratelimit(&[(&quota, standing(remaining, reset))])).unwrap();
            prop_assert_eq!(&limit[0].0, &name);
            let [(r, left), (t, until)] = &limit[0].1[..] else { panic!("{limit:?}") };
            prop_assert_eq!((r.as_str(), t.as_str()), ("r", "t"));
            prop_assert_eq!(*left, u64::from(remaining));
            prop_assert!(*until * 1_000 >= reset && *until * 1_000 < reset + 1_000);
        }
    }
}
