//! What is spent of a day or a month is spent after a restart, too.

use std::time::Duration;

use portcullis_domain::Reason;
use serde_json::json;

use super::{admitted, behind_a_proxy, from, left};
use crate::walk::get;

// proves: LIM-10
#[test]
fn a_restart_in_the_middle_of_the_day_gives_nothing_back() {
    let mut walk = behind_a_proxy()
        .api(json!({ "limits": { "caller": [
            { "name": "burst", "rate": "100/1m" },
            { "name": "daily", "fixed": { "count": 5, "every": "day" } },
            { "name": "rolling", "rate": "6/1d" },
        ] } }))
        .start();
    let ask = |user: &str| from(user, get("/public"));
    for _ in 0..3 {
        walk.send(ask("192.0.2.1")).passed();
    }
    assert_eq!(left(&walk.send(ask("192.0.2.1"))), 1);
    walk.restart();
    assert_eq!(left(&walk.send(ask("192.0.2.1"))), 0);
    walk.send(ask("192.0.2.1")).refused(Reason::CallerRateExceeded);
    assert_eq!(admitted(&walk, &ask("192.0.2.2")), 5);
    // The next day it is all there again, but for what comes back bit by bit.
    walk.clock.advance(Duration::from_secs(12 * 3_600));
    walk.restart();
    assert_eq!(admitted(&walk, &ask("192.0.2.1")), 4);
}
