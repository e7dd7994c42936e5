//! While the server is there: exact, in one round trip, and nothing at the server that names anybody.

use std::time::Duration;

use portcullis_limits::calendar::{Calendar, Every};
use portcullis_limits::{Key, Limiter, Purpose, Quota};
use portcullis_testkit::Valkey;

use crate::site::{Site, alice, hourly, settings};

// proves: LIM-08
#[tokio::test]
async fn two_gateways_under_load_admit_exactly_the_quota_between_them() {
    let server = Valkey::new();
    let quotas = [
        hourly(100),
        Quota::fixed("daily", 100, Calendar::new(Every::Month, jiff::tz::TimeZone::UTC)).unwrap(),
    ];
    for quota in quotas {
        let (first, second) = (Site::at(&server, quota.clone()).await, Site::at(&server, quota).await);
        let (one, other) =
            tokio::join!(first.admitted_by_tens(alice(), 500), second.admitted_by_tens(alice(), 500));
        assert_eq!(one + other, 100, "{one} and {other}");
        assert!(one > 0 && other > 0);
        let violated = first.take(alice()).await.unwrap_err();
        assert_eq!(violated.exceeded.standing.remaining, 0);
        assert!(first.take(Key::everybody()).await.is_ok(), "another key has a budget of its own");
    }
}

#[tokio::test]
async fn what_is_taken_at_one_gateway_is_missing_at_the_other_and_what_is_given_back_is_there_again() {
    let server = Valkey::new();
    let (first, second) = (Site::at(&server, hourly(10)).await, Site::at(&server, hourly(10)).await);
    let remaining = async |site: &Site| {
        let look = site.counters.take(&[site.charge(alice(), 0)], site.now()).await;
        look.unwrap().tightest.unwrap().standing.remaining
    };
    let taken = first.counters.take(&[first.charge(alice(), 7)], first.now()).await.unwrap();
    assert_eq!(taken.tightest.unwrap().standing.remaining, 3);
    assert_eq!(remaining(&second).await, 3);
    first.counters.give_back(&[first.charge(alice(), 4)], first.now());
    first.counters.charge(&[first.charge(alice(), 1)], first.now());
    // Nobody waits for the two; the same connection brings them before what follows, or shortly after.
    while remaining(&second).await != 6 {
        tokio::task::yield_now().await;
    }
    assert_eq!(remaining(&first).await, 6);
}

#[tokio::test]
async fn a_decision_of_several_quotas_is_one_call_and_spends_of_all_or_of_none() {
    let server = Valkey::new();
    let site = Site::at(&server, hourly(5)).await;
    let narrow = Limiter::new(Quota::new("narrow", 2, Duration::from_secs(3_600), 2).unwrap(), 100);
    let tenant = Key::named("tenant", "acme");
    let before = calls(&server);
    for round in 0..4 {
        let charges = [
            site.charge(alice(), 1),
            portcullis_limits::Charge { limiter: &narrow, ..site.charge(tenant, 1) },
        ];
        let taken = site.counters.take(&charges, site.now()).await;
        assert_eq!(taken.is_ok(), round < 2);
    }
    assert_eq!(calls(&server) - before, 4);
    let look = site.counters.take(&[site.charge(alice(), 0)], site.now()).await.unwrap();
    assert_eq!(look.tightest.unwrap().standing.remaining, 3, "what was refused was not spent");
}

#[tokio::test]
async fn keys_name_nobody_and_end_by_themselves() {
    let server = Valkey::new();
    let site = Site::at(&server, hourly(5)).await;
    for key in [alice(), Key::peer("192.0.2.77".parse().unwrap()), Key::credential(b"hunter2")] {
        assert!(site.take(key).await.is_ok());
    }
    let keys = server.run(&["KEYS", "*"]);
    let keys: Vec<&str> = keys.lines().map(str::trim).filter(|line| line.starts_with('{')).collect();
    // The trial's is one of them, if it has not ended yet.
    assert!(keys.len() >= 3, "{keys:?}");
    for key in keys {
        let digits = key.strip_prefix("{portcullis}:r:").expect(key);
        assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        let left: i64 = server.run(&["PTTL", key]).trim_start_matches(':').parse().unwrap();
        // An hour gives back five units, so one is back after twelve minutes; or the trial's has just ended.
        assert!((0..=721_000).contains(&left) || left == -2, "{left}");
    }
}

#[tokio::test]
async fn in_a_cluster_a_decision_finds_all_of_its_keys_in_one_slot() {
    let server = Valkey::with(&["--cluster-enabled", "yes"]);
    server.run(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let site = Site::at(&server, hourly(100)).await;
    let keys: Vec<Key> = (0..20).map(|number| Key::named("tenant", &number.to_string())).collect();
    let charges: Vec<_> = keys.iter().map(|key| site.charge(*key, 1)).collect();
    for _ in 0..3 {
        assert!(site.counters.take(&charges, site.now()).await.is_ok());
    }
    assert_eq!((site.shared.tally().asked, site.shared.tally().alone), (3, 0));
}

#[tokio::test]
async fn a_second_prefix_is_a_second_set_of_counts() {
    let server = Valkey::new();
    let site = Site::at(&server, hourly(1)).await;
    assert!(site.take(alice()).await.is_ok());
    // The user of these tests may touch no other keys, as the guide has it: the server itself keeps sets apart.
    let mut others = settings(&[server.address()]);
    others.prefix = "others".into();
    let other = Site::with(others, hourly(1), Purpose::Use);
    let told = other.told(1).await;
    assert_eq!(format!("{:?}", told[0]), "Lost(Refused(\"NOPERM\"))");
}

/// How often the script was called.
fn calls(server: &Valkey) -> u64 {
    let stats = server.run(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")).unwrap();
    line.split(',').next().unwrap().parse().unwrap()
}
