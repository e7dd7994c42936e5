//! From the written limits to limiters, with every mistake shown at its place.

use std::collections::HashSet;
use std::sync::Arc;

use portcullis_config::codes::limit as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use crate::concurrency::Concurrency;
use crate::config::{LimitsConfig, QuotaConfig};
use crate::failures::Failures;
use crate::key::Ipv6Prefix;
use crate::limiter::Limiter;
use crate::limits::Limits;
use crate::quota::{Quota, QuotaError};

/// The limits of a policy, ready to count.
#[derive(Clone, Debug)]
pub struct CompiledLimits {
    /// Requests of one peer.
    pub peer: Limits,
    /// Requests of one caller.
    pub caller: Limits,
    /// Failed credentials.
    pub failures: Arc<Failures>,
    /// Connections of one peer.
    pub peer_connections: Arc<Concurrency>,
    /// Calls of one caller at a time.
    pub caller_concurrency: Option<Arc<Concurrency>>,
    /// What makes an IPv6 peer.
    pub ipv6_prefix: Ipv6Prefix,
}

impl CompiledLimits {
    /// These limits with the counters of `running` wherever a quota did not change.
    #[must_use]
    pub fn carrying(self, running: &Self) -> Self {
        let quotas = |failures: &Failures| failures.limiters().map(|limiter| limiter.quota().clone());
        let is_same = |old: &Arc<Concurrency>, new: &Arc<Concurrency>| old.limit() == new.limit();
        Self {
            peer: running.peer.carried_into(&self.peer),
            caller: running.caller.carried_into(&self.caller),
            failures: match quotas(&running.failures) == quotas(&self.failures) {
                true => Arc::clone(&running.failures),
                false => self.failures,
            },
            peer_connections: match is_same(&running.peer_connections, &self.peer_connections) {
                true => Arc::clone(&running.peer_connections),
                false => self.peer_connections,
            },
            caller_concurrency: match (&running.caller_concurrency, self.caller_concurrency) {
                (Some(old), Some(new)) if is_same(old, &new) => Some(Arc::clone(old)),
                (_, new) => new,
            },
            ipv6_prefix: self.ipv6_prefix,
        }
    }
}

/// Compiles the whole `limits` section, which stands at `place`. `None` if anything in it is a mistake.
pub fn compile(
    config: &LimitsConfig,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<CompiledLimits> {
    let capacity = config.capacity as usize;
    let peer = compile_list(&config.peer, "peer", &place.child("peer"), capacity, diagnostics);
    let caller = compile_list(&config.caller, "caller", &place.child("caller"), capacity, diagnostics);

    let at = place.child("failures");
    let per_peer = compile_quota(&config.failures.peer, "failures-peer", &at.child("peer"), diagnostics);
    let per_credential = compile_quota(
        &config.failures.credential,
        "failures-credential",
        &at.child("credential"),
        diagnostics,
    );

    let peer_connections =
        compile_concurrency(config.peer_connections, capacity, &place.child("peer_connections"), diagnostics);
    let caller_concurrency = config
        .caller_concurrency
        .map(|limit| compile_concurrency(limit, capacity, &place.child("caller_concurrency"), diagnostics));
    let ipv6_prefix = Ipv6Prefix::new(config.ipv6_prefix);
    if ipv6_prefix.is_none() {
        diagnostics.push(
            Diagnostic::error(
                codes::PREFIX_RANGE,
                format!("`{}` is no usable IPv6 prefix", config.ipv6_prefix),
            )
            .at(place.child("ipv6_prefix"))
            .help("write a number from 32 to 128; 64 is what one subscriber usually has"),
        );
    }

    Some(CompiledLimits {
        peer: peer?,
        caller: caller?,
        failures: Arc::new(Failures::new(per_peer?, per_credential?, capacity)),
        peer_connections: peer_connections?,
        caller_concurrency: match caller_concurrency {
            None => None,
            Some(compiled) => Some(compiled?),
        },
        ipv6_prefix: ipv6_prefix?,
    })
}

/// Compiles one quota, which is called `default_name` if it has no name of its own.
pub fn compile_quota(
    config: &QuotaConfig,
    default_name: &str,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<Quota> {
    let name = config.name.as_deref().unwrap_or(default_name);
    let burst = config.burst.unwrap_or(config.rate.count);
    match Quota::new(name, config.rate.count, config.rate.per, burst) {
        Ok(quota) => Some(quota),
        Err(error) => {
            diagnostics.push(mistake(error, config, place));
            None
        }
    }
}

fn compile_list(
    configs: &[QuotaConfig],
    default_name: &str,
    place: &Place,
    capacity: usize,
    diagnostics: &mut Diagnostics,
) -> Option<Limits> {
    let mut names = HashSet::new();
    let mut limiters = Some(Vec::new());
    for (index, config) in configs.iter().enumerate() {
        let place = place.index(index);
        let numbered = match index {
            0 => default_name.to_owned(),
            _ => format!("{default_name}-{}", index + 1),
        };
        let quota = compile_quota(config, &numbered, &place, diagnostics);
        let is_new = quota.as_ref().is_none_or(|quota| names.insert(quota.name().to_owned()));
        if !is_new {
            diagnostics.push(
                Diagnostic::error(codes::QUOTA_NAME_REPEATED, "two quotas of one list have the same name")
                    .at(place.child("name"))
                    .label("a client could not tell which of them it has used up")
                    .help("give each quota its own `name:`"),
            );
        }
        match quota.filter(|_| is_new) {
            Some(quota) => {
                if let Some(limiters) = &mut limiters {
                    limiters.push(Arc::new(Limiter::new(quota, capacity)));
                }
            }
            None => limiters = None,
        }
    }
    limiters.map(Limits::new)
}

fn compile_concurrency(
    limit: u32,
    capacity: usize,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Concurrency>> {
    if limit == 0 {
        diagnostics.push(
            Diagnostic::error(codes::LIMIT_ZERO, "a limit of zero would refuse everything")
                .at(place.clone())
                .help("write how many may be there at once, or leave the setting out"),
        );
        return None;
    }
    Some(Concurrency::new(limit, capacity))
}

fn mistake(error: QuotaError, config: &QuotaConfig, place: &Place) -> Diagnostic {
    match error {
        QuotaError::Name => {
            let name = config.name.as_deref().unwrap_or_default();
            Diagnostic::error(
                codes::QUOTA_NAME,
                format!("`{}` cannot be the name of a quota", name.escape_debug()),
            )
            .at(place.child("name"))
            .label("it is sent to clients inside a header field")
            .help(error.to_string())
        }
        QuotaError::Count | QuotaError::Window => Diagnostic::error(codes::LIMIT_ZERO, error.to_string())
            .at(place.child("rate"))
            .help("write how many in how much time, like `100/s` or `600/5m`"),
        QuotaError::Burst => Diagnostic::error(codes::LIMIT_ZERO, error.to_string())
            .at(place.child("burst"))
            .help("leave `burst:` out to allow the whole count at once, or write at least 1"),
        QuotaError::Refill => Diagnostic::error(codes::REFILL_TOO_LONG, error.to_string())
            .at(place.child("rate"))
            .help("shorten the period, or lower the burst"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use portcullis_config::{Document, decode};
    use portcullis_domain::{Now, Timestamp};

    use super::*;
    use crate::key::Key;

    const NOW: Now = Now { wall: Timestamp::from_seconds(9), mono: Duration::from_secs(10) };

    #[track_caller]
    fn read(text: &str) -> Result<CompiledLimits, Vec<&'static str>> {
        let document = Document::parse("limits.json", text.as_bytes(), &portcullis_config::Limits::default());
        let document = document.unwrap_or_else(|mistakes| panic!("{}", mistakes.len()));
        let mut diagnostics = Diagnostics::new();
        let config: Option<LimitsConfig> = decode(&document, &mut diagnostics);
        let compiled = config.and_then(|config| compile(&config, &document.at(""), &mut diagnostics));
        assert_eq!(compiled.is_none(), diagnostics.has_errors());
        compiled.ok_or_else(|| diagnostics.iter().map(|mistake| mistake.code().0).collect())
    }

    #[test]
    fn nothing_said_gives_the_defaults() {
        let limits = read("{}").unwrap();
        assert_eq!(limits.peer.policy(), "\"peer\";q=500;w=1");
        assert!(limits.caller.is_empty());
        assert_eq!(limits.peer_connections.limit(), 256);
        assert_eq!(LimitsConfig::default(), serde_json::from_str("{}").unwrap());
    }

    #[test]
    fn everything_said_is_used() {
        let limits = read(
            r#"{"peer": [{"rate": "10/s", "burst": 20}, {"rate": "100/1m"}],
                "caller": [{"name": "plan", "rate": "1000/1d", "burst": 5}],
                "failures": {"peer": {"rate": "3/1m"}},
                "peer_connections": 7, "caller_concurrency": 2, "ipv6_prefix": 56, "capacity": 2048}"#,
        )
        .unwrap();
        assert_eq!(limits.peer.policy(), "\"peer\";q=10;w=1, \"peer-2\";q=100;w=60");
        assert_eq!(limits.caller.policy(), "\"plan\";q=1000;w=86400");
        assert_eq!(limits.failures.limiters().map(|limiter| limiter.quota().count()), [3, 5]);
        assert_eq!((limits.peer_connections.limit(), limits.caller_concurrency.unwrap().limit()), (7, 2));
        assert_eq!(limits.ipv6_prefix, Ipv6Prefix::new(56).unwrap());
    }

    #[test]
    fn every_mistake_is_shown_at_once() {
        let mistakes = read(
            r#"{"peer": [{"rate": "10/s", "burst": 0}, {"rate": "10/s", "name": "a b"}],
                "caller": [{"rate": "1/s", "name": "x"}, {"rate": "2/s", "name": "x"}],
                "failures": {"peer": {"rate": "1/7d", "burst": 4000000000}},
                "peer_connections": 0}"#,
        )
        .unwrap_err();
        assert_eq!(mistakes, ["C0501", "C0502", "C0503", "C0504", "C0501"]);
    }

    #[test]
    fn a_reload_keeps_what_is_owed() {
        let text = r#"{"peer": [{"rate": "1/1m"}], "failures": {"peer": {"rate": "1/1m"}}}"#;
        let running = read(text).unwrap();
        let peer = Key::peer(IpAddr::from([192, 0, 2, 1]));
        let token = Key::credential(b"bad");
        let permit = running.peer_connections.acquire(peer).unwrap();
        assert!(running.peer.take(peer, 1, NOW).is_ok());
        running.failures.record(peer, token, NOW);

        let reloaded = read(text).unwrap().carrying(&running);
        assert!(reloaded.peer.take(peer, 1, NOW).is_err());
        assert!(reloaded.failures.check(peer, Key::credential(b"other"), NOW).is_err());
        assert_eq!(reloaded.peer_connections.held(), 1);
        drop(permit);
        assert_eq!(reloaded.peer_connections.held(), 0);
    }
}
