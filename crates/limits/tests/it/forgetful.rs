//! A server that forgets: emptied, or short of room and throwing keys away.

use portcullis_limits::Quota;
use portcullis_limits::calendar::{Calendar, Every};
use portcullis_testkit::Valkey;

use crate::site::{Site, alice, hourly};

#[tokio::test]
async fn a_server_that_forgot_a_key_is_told_by_whoever_knows() {
    let server = Valkey::new();
    let daily = Quota::fixed("daily", 5, Calendar::new(Every::Month, jiff::tz::TimeZone::UTC)).unwrap();
    for quota in [hourly(5), daily] {
        let (first, second) = (Site::at(&server, quota.clone()).await, Site::at(&server, quota).await);
        assert_eq!(first.admitted(alice(), 10).await, 5);
        server.run(&["FLUSHALL"]);
        assert!(first.take(alice()).await.is_err());
        assert!(
            second.take(alice()).await.is_err(),
            "the refused attempt told the server, and so the others"
        );
    }
}

#[tokio::test]
async fn what_was_spent_before_the_server_forgot_counts_with_what_is_spent_after() {
    let server = Valkey::new();
    let (first, second) = (Site::at(&server, hourly(10)).await, Site::at(&server, hourly(10)).await);
    assert_eq!(first.admitted(alice(), 6).await, 6);
    server.run(&["FLUSHALL"]);
    assert!(first.take(alice()).await.is_ok());
    assert_eq!(second.admitted(alice(), 10).await, 3);
}

#[tokio::test]
async fn a_server_that_forgot_the_script_is_given_it_again() {
    let server = Valkey::new();
    let site = Site::at(&server, hourly(10)).await;
    server.run(&["SCRIPT", "FLUSH"]);
    assert!(site.take(alice()).await.is_ok());
    site.told(2).await;
    assert!(site.take(alice()).await.is_ok());
    assert_eq!(site.shared.tally().asked, 1);
}
