//! Callers in two places at once, where the operator has a list of places.

use std::time::Duration;

use serde_json::json;

use super::{alert, alerts, watched};
use crate::walk::{Walk, get};

const PLACES: &str = "network,latitude,longitude\n192.0.2.0/24,52.52,13.40\n198.51.100.0/24,-33.87,151.21\n";

fn walk() -> Walk {
    watched(json!({}))
        .file("places.csv", PLACES)
        .policy(json!({ "detect": { "places": "places.csv" }, "trusted_proxies": ["127.0.0.0/8"] }))
        .start()
}

fn from(walk: &Walk, who: &str, address: &str) {
    let token = walk.token_of(who, "orders:read");
    let ask = get("/orders/7").bearer(&token).with(format!("X-Forwarded-For: {address}"));
    walk.send(ask).passed();
}

// proves-part: AUD-21 (undeclared endpoints and volumes are shown in `portcullis-audit`; ends of keys are events of the record)
#[test]
fn two_far_regions_in_minutes_are_impossible_travel_and_in_a_day_they_are_not() {
    let walk = walk();
    from(&walk, "alice", "192.0.2.7");
    walk.clock.advance(Duration::from_secs(24 * 3600));
    from(&walk, "alice", "198.51.100.7");
    from(&walk, "mallory", "192.0.2.8");
    walk.clock.advance(Duration::from_secs(600));
    from(&walk, "mallory", "198.51.100.8");
    let told = alert(&walk, "travel");
    assert_eq!(told["event"], "authn_impossible_travel");
    assert_eq!((&told["samples"]["kilometers"], &told["samples"]["minutes"]), (&json!(16094), &json!(10)));
    assert_eq!(alerts(&walk, "travel").len(), 1);
}
