//! From the written limits to limiters, with every mistake shown at its place.

use std::sync::Arc;

use jiff::tz::TimeZone;
use portcullis_config::codes::limit as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use crate::calendar::{Calendar, Every};
use crate::concurrency::Concurrency;
use crate::config::{
    CountsConfig, EveryConfig, FixedConfig, LimitsConfig, PartitionKeysConfig, QuotaConfig, QuotaModeConfig,
};
use crate::counters::Counters;
use crate::failures::Failures;
use crate::fields::PartitionKeys;
use crate::key::Ipv6Prefix;
use crate::limiter::{Limiter, Purpose, Span};
use crate::limits::Limits;
use crate::quota::{Quota, QuotaError, Unit};
use crate::stock::Stock;
use crate::term::{Standing, Term, compile_terms};

/// Finds a time zone by its name.
pub type ReadZone<'a> = &'a dyn Fn(&str) -> Option<TimeZone>;

/// The limits of a policy, ready to count.
#[derive(Clone, Debug)]
pub struct CompiledLimits {
    /// Requests of one peer.
    pub peer: Limits,
    /// Requests of one caller.
    pub caller: Vec<Term>,
    /// Failed credentials.
    pub failures: Arc<Failures>,
    /// Connections of one peer.
    pub peer_connections: Arc<Concurrency>,
    /// Calls of one caller at a time.
    pub caller_concurrency: Option<Arc<Concurrency>>,
    /// What makes an IPv6 peer.
    pub ipv6_prefix: Ipv6Prefix,
    /// Whether clients are shown which budget was spent.
    pub partition_keys: PartitionKeys,
    /// Where limits by caller are counted.
    pub counters: Counters,
}

impl CompiledLimits {
    /// These limits with the counters of `running` wherever a quota did not change. Limits by caller have them from
    /// their stock.
    #[must_use]
    pub fn carrying(self, running: &Self) -> Self {
        let quotas = |failures: &Failures| failures.limiters().map(|limiter| limiter.quota().clone());
        let is_same = |old: &Arc<Concurrency>, new: &Arc<Concurrency>| old.limit() == new.limit();
        Self {
            peer: running.peer.carried_into(&self.peer),
            failures: match quotas(&running.failures) == quotas(&self.failures) {
                true => Arc::clone(&running.failures),
                false => self.failures,
            },
            peer_connections: match is_same(&running.peer_connections, &self.peer_connections) {
                true => Arc::clone(&running.peer_connections),
                false => self.peer_connections,
            },
            ..self
        }
    }
}

/// Compiles the whole `limits` section, which stands at `place`. `None` if anything in it is a mistake.
pub fn compile(
    config: &LimitsConfig,
    place: &Place,
    zones: ReadZone<'_>,
    stock: &mut Stock,
    diagnostics: &mut Diagnostics,
) -> Option<CompiledLimits> {
    let capacity = config.capacity as usize;
    let peer = compile_plain(&config.peer, "peer", &place.child("peer"), capacity, diagnostics);
    let standing = Standing { place: "caller", name: "caller", purpose: Purpose::Use };
    let caller = compile_terms(&config.caller, standing, &place.child("caller"), zones, stock, diagnostics);

    let at = place.child("failures");
    let mut failures = |config, name, child| {
        let at = at.child(child);
        let quota = compile_quota(config, name, &at, &no_zone, diagnostics)?;
        is_plain(config, &at, diagnostics).then_some(quota)
    };
    let per_peer = failures(&config.failures.peer, "failures-peer", "peer");
    let per_credential = failures(&config.failures.credential, "failures-credential", "credential");

    let peer_connections =
        is_possible(config.peer_connections, &place.child("peer_connections"), diagnostics)
            .then(|| Concurrency::new(config.peer_connections, capacity));
    let caller_concurrency = match config.caller_concurrency {
        Some(limit) => is_possible(limit, &place.child("caller_concurrency"), diagnostics)
            .then(|| Some(stock.concurrency("caller", limit))),
        None => Some(None),
    };
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

    if caller.len() < config.caller.len() {
        return None;
    }
    Some(CompiledLimits {
        peer: peer?,
        caller,
        failures: Arc::new(Failures::new(per_peer?, per_credential?, capacity)),
        peer_connections: peer_connections?,
        caller_concurrency: caller_concurrency?,
        ipv6_prefix: ipv6_prefix?,
        partition_keys: match config.partition_keys {
            PartitionKeysConfig::Hidden => PartitionKeys::Hidden,
            PartitionKeysConfig::Shown => PartitionKeys::Shown,
        },
        counters: Counters::Local,
    })
}

/// Compiles one quota, which is called `default_name` if it has no name of its own.
pub(crate) fn compile_quota(
    config: &QuotaConfig,
    default_name: &str,
    place: &Place,
    zones: ReadZone<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Quota> {
    let name = config.name.as_deref().unwrap_or(default_name);
    let quota = match (config.rate, &config.fixed) {
        (Some(rate), None) => Quota::new(name, rate.count, rate.per, config.burst.unwrap_or(rate.count)),
        (None, Some(fixed)) if config.burst.is_none() => {
            Quota::fixed(name, fixed.count, calendar(fixed, place, zones, diagnostics)?)
        }
        (Some(_), Some(_)) | (None, Some(_) | None) => {
            diagnostics.push(
                Diagnostic::error(codes::QUOTA_PACE, "a quota is either a `rate` or `fixed`")
                    .at(place.clone())
                    .help("write `rate: 100/1m`, or `fixed: { count: 1000, every: day }`; `burst` goes with a rate"),
            );
            return None;
        }
    };
    let unit = match config.counts {
        CountsConfig::Requests | CountsConfig::Served => Unit::Requests,
        CountsConfig::ContentBytes => Unit::ContentBytes,
    };
    match quota {
        Ok(quota) => Some(quota.counting(unit)),
        Err(error) => {
            diagnostics.push(mistake(error, config, place));
            None
        }
    }
}

fn calendar(
    config: &FixedConfig,
    place: &Place,
    zones: ReadZone<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Calendar> {
    let zone = match &config.zone {
        None => TimeZone::UTC,
        Some(name) => match zones(name) {
            Some(zone) => zone,
            None => {
                diagnostics.push(
                    Diagnostic::error(codes::QUOTA_ZONE, format!("`{name}` is no time zone of this system"))
                        .at(place.child("fixed").child("zone")),
                );
                return None;
            }
        },
    };
    let every = match config.every {
        EveryConfig::Day => Every::Day,
        EveryConfig::Month => Every::Month,
    };
    Some(Calendar::new(every, zone))
}

/// Compiles quotas that stand before everything, and so can only count requests and refuse.
pub fn compile_plain(
    configs: &[QuotaConfig],
    place: &str,
    at: &Place,
    capacity: usize,
    diagnostics: &mut Diagnostics,
) -> Option<Limits> {
    let mut stock = Stock::after(None, capacity);
    let name = place.replace('/', "-");
    let standing = Standing { place, name: &name, purpose: Purpose::Use };
    let terms = compile_terms(configs, standing, at, &no_zone, &mut stock, diagnostics);
    // All of them are told.
    let misplaced = configs
        .iter()
        .enumerate()
        .filter(|(index, config)| !is_plain(config, &at.index(*index), diagnostics));
    let are_plain = misplaced.count() == 0;
    // Kept by nobody: they must cost nothing.
    let limiter = |term: Term| {
        let quota = term.limiter.quota().clone();
        Arc::new(Limiter::at(term.limiter.place(), quota, Purpose::Use, Span::Process, capacity))
    };
    (are_plain && terms.len() == configs.len()).then(|| Limits::new(terms.into_iter().map(limiter).collect()))
}

/// Whether a quota can stand where only requests are counted, by this process and for as long as it lives.
fn is_plain(config: &QuotaConfig, place: &Place, diagnostics: &mut Diagnostics) -> bool {
    let settings = [
        ("fixed", config.fixed.is_some()),
        ("counts", config.counts != CountsConfig::default()),
        ("mode", config.mode != QuotaModeConfig::default()),
        ("alert", config.alert.is_some()),
    ];
    let mut is_plain = true;
    for (name, _) in settings.into_iter().filter(|(_, is_set)| *is_set) {
        is_plain = false;
        diagnostics.push(
            Diagnostic::error(codes::QUOTA_MISPLACED, format!("`{name}` cannot be set here"))
                .at(place.child(name).key())
                .help(
                    "limits of addresses and of failures are plain rates; use `caller` or `keyed` for this",
                ),
        );
    }
    is_plain
}

fn no_zone(_: &str) -> Option<TimeZone> {
    None
}

/// Whether so many may be there at once.
pub fn is_possible(limit: u32, place: &Place, diagnostics: &mut Diagnostics) -> bool {
    if limit == 0 {
        diagnostics.push(
            Diagnostic::error(codes::LIMIT_ZERO, "a limit of zero would refuse everything")
                .at(place.clone())
                .help("write how many may be there at once, or leave the setting out"),
        );
    }
    limit != 0
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
            .at(place.child(if config.fixed.is_some() { "fixed" } else { "rate" }))
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
    use portcullis_domain::{Now, Strength, Timestamp};

    use super::*;
    use crate::key::Key;

    const NOW: Now = Now { wall: Timestamp::from_seconds(9), mono: Duration::from_secs(10) };

    #[track_caller]
    fn read(text: &str) -> Result<CompiledLimits, Vec<&'static str>> {
        let document = Document::parse("limits.json", text.as_bytes(), &portcullis_config::Limits::default());
        let document = document.unwrap_or_else(|mistakes| panic!("{}", mistakes.len()));
        let mut diagnostics = Diagnostics::new();
        let config: Option<LimitsConfig> = decode(&document, &mut diagnostics);
        let zones = |name: &str| (name == "UTC").then_some(TimeZone::UTC);
        let mut stock = Stock::after(None, 1_024);
        let compiled = config
            .and_then(|config| compile(&config, &document.at(""), &zones, &mut stock, &mut diagnostics));
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
                "caller": [{"name": "plan", "rate": "1000/1d", "burst": 5},
                    {"fixed": {"count": 90, "every": "month", "zone": "UTC"}, "counts": "content_bytes",
                     "mode": "shadow", "alert": 80}],
                "failures": {"peer": {"rate": "3/1m"}},
                "peer_connections": 7, "caller_concurrency": 2, "ipv6_prefix": 56, "capacity": 2048}"#,
        )
        .unwrap();
        assert_eq!(limits.peer.policy(), "\"peer\";q=10;w=1, \"peer-2\";q=100;w=60");
        let [plan, month] = &limits.caller[..] else { panic!("{:?}", limits.caller) };
        assert_eq!(plan.limiter.quota().policy_item(), "\"plan\";q=1000;w=86400");
        // Five at once are back within minutes, however long the period is.
        assert_eq!((plan.limiter.place(), plan.limiter.span()), ("caller/plan", Span::Process));
        assert_eq!((month.limiter.place(), month.limiter.span()), ("caller/caller-2", Span::Lasting));
        assert_eq!(month.limiter.quota().policy_item(), "\"caller-2\";q=90;w=2678400;qu=\"content-bytes\"");
        assert_eq!((month.strength, month.alert_at), (Strength::Shadow, Some(18)));
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
    fn a_quota_has_one_pace_and_stands_where_it_can() {
        let mistakes = read(
            r#"{"caller": [{"rate": "1/s", "fixed": {"count": 1, "every": "day"}}, {}, {"burst": 1, "fixed": {"count": 1, "every": "day"}},
                    {"fixed": {"count": 1, "every": "day", "zone": "Nowhere/Land"}}],
                "peer": [{"rate": "1/s", "mode": "shadow"}], "failures": {"peer": {"rate": "1/s", "alert": 50}}}"#,
        )
        .unwrap_err();
        let expected = ["C0506", "C0506", "C0506", "C0507", "C0508", "C0508"];
        let (mut mistakes, mut expected) = (mistakes, expected.to_vec());
        mistakes.sort_unstable();
        expected.sort_unstable();
        assert_eq!(mistakes, expected);
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
