//! When the server is lost: killed, frozen, full, demoted; and found again.

use std::time::Duration;

use portcullis_limits::shared::{Change, Fault, WhenLost};
use portcullis_limits::{Grounds, Key, Purpose};
use portcullis_testkit::{BlackHole, ClosedPort, Valkey};

use crate::site::{Site, alice, hourly, settings};

#[tokio::test]
async fn a_server_that_is_killed_under_load_leaves_no_more_than_the_quota_and_nobody_waiting() {
    let mut server = Valkey::new();
    let (first, second) = (Site::at(&server, hourly(100)).await, Site::at(&server, hourly(100)).await);
    let offender = Key::named("tenant", "offender");
    assert_eq!(first.admitted(offender, 150).await, 100);
    assert!(second.take(offender).await.is_err());
    assert_eq!(first.admitted(alice(), 20).await, 20);
    assert!(second.take(alice()).await.is_ok());

    let kill = async { server.kill() };
    let (one, other, ()) =
        tokio::join!(first.admitted_by_tens(alice(), 400), second.admitted_by_tens(alice(), 400), kill);
    // Each has its half of what is left by what it heard last: of the 79, give or take the twenty that were under way.
    assert!((55..=99).contains(&(one + other)), "{one} and {other}");
    for site in [&first, &second] {
        assert!(matches!(site.told(1).await[0], Change::Lost(_)));
        assert!(site.take(offender).await.is_err(), "who had used up the quota gets none of the other");
        assert!(site.shared.tally().alone > 0);
    }

    // The server comes back and knows nothing; what the gateways know of a key counts for all of them.
    server.start();
    for site in [&first, &second] {
        assert_eq!(site.told(2).await[1], Change::Found);
        assert!(site.take(offender).await.is_err());
    }
    assert!(first.take(Key::everybody()).await.is_ok());
}

#[tokio::test]
async fn a_guess_that_cannot_be_counted_is_refused_for_that_and_not_for_being_one_too_many() {
    let server = Valkey::new();
    let closed = ClosedPort::new();
    let there = Site::with(settings(&[server.address()]), hourly(10), Purpose::Guessing);
    there.connected().await;
    assert_eq!(there.admitted(alice(), 15).await, 10);
    assert_eq!(there.take(alice()).await.unwrap_err().grounds, Grounds::UsedUp);

    let lost = |purpose| Site::with(settings(&[closed.address()]), hourly(10), purpose);
    let (guessing, using) = (lost(Purpose::Guessing), lost(Purpose::Use));
    guessing.told(1).await;
    // Of ten, as one of two gateways: five.
    assert_eq!(guessing.admitted(alice(), 15).await, 5);
    assert_eq!(guessing.take(alice()).await.unwrap_err().grounds, Grounds::Uncounted);
    assert_eq!(using.admitted(alice(), 15).await, 5);
    assert_eq!(using.take(alice()).await.unwrap_err().grounds, Grounds::UsedUp);
}

#[tokio::test]
async fn whoever_wants_nothing_uncounted_gets_nothing_while_the_server_is_lost() {
    let closed = ClosedPort::new();
    let mut strict = settings(&[closed.address()]);
    strict.when_lost = WhenLost::Refuse;
    let site = Site::with(strict, hourly(10), Purpose::Use);
    let violated = site.take(alice()).await.unwrap_err();
    assert_eq!((violated.grounds, &violated.names[..]), (Grounds::Uncounted, &["hourly"][..]));
    assert!(violated.exceeded.retry_after >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_frozen_server_is_waited_for_once_and_taken_back_when_it_goes_on() {
    let server = Valkey::new();
    let mut hasty = settings(&[server.address()]);
    hasty.timeout = Duration::from_millis(200);
    let site = Site::with(hasty, hourly(100), Purpose::Use);
    site.connected().await;
    server.freeze();
    // All that are under way wait for the same time, side by side; and then nobody any more.
    let began = site.now().mono;
    assert_eq!(site.admitted(alice(), 200).await, 50);
    assert!(site.now().mono - began >= Duration::from_millis(200));
    assert_eq!(site.told(1).await, [Change::Lost(Fault::Slow)]);
    for _ in 0..1_000 {
        assert!(site.take(alice()).await.is_err());
    }
    assert_eq!(site.shared.tally().alone, 1_200);
    server.thaw();
    assert_eq!(site.told(2).await[1], Change::Found);
    assert!(site.take(Key::everybody()).await.is_ok());
    assert_eq!(site.shared.tally().asked, 1);
}

#[tokio::test]
async fn a_full_server_is_lost_until_there_is_room() {
    let server = Valkey::new();
    let site = Site::at(&server, hourly(10)).await;
    server.run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    server.run(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(site.admitted(alice(), 20).await, 5);
    assert_eq!(site.told(1).await, [Change::Lost(Fault::Refused("OOM".into()))]);
    server.run(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(site.told(2).await[1], Change::Found);
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica_gives_way_to_the_next_server() {
    let (old, new) = (Valkey::new(), Valkey::new());
    let site = Site::with(settings(&[old.address(), new.address()]), hourly(10), Purpose::Use);
    site.connected().await;
    assert_eq!(site.admitted(alice(), 4).await, 4);
    old.run(&["REPLICAOF", "127.0.0.1", &new.address().port().to_string()]);
    assert!(site.take(alice()).await.is_ok());
    assert_eq!(site.told(1).await, [Change::Lost(Fault::Refused("READONLY".into()))]);
    assert_eq!(site.told(2).await[1], Change::Found);
    // The new primary never heard of the four, nor of the one that counted for two.
    assert_eq!(site.admitted(alice(), 20).await, 4);
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_never_answers_a_connection() {
    let hole = BlackHole::new();
    let site = Site::with(settings(&[hole.address()]), hourly(10), Purpose::Use);
    assert_eq!(site.admitted(alice(), 100).await, 5);
    assert_eq!((site.shared.tally().alone, site.shared.connections()), (100, 0));
}

#[tokio::test]
async fn a_wrong_password_is_told_as_what_it_is() {
    let server = Valkey::new();
    let mut wrong = settings(&[server.address()]);
    wrong.login.password = Some(portcullis_domain::Secret::new(b"guess".to_vec()));
    let site = Site::with(wrong, hourly(10), Purpose::Use);
    assert_eq!(site.told(1).await, [Change::Lost(Fault::Login)]);
}
