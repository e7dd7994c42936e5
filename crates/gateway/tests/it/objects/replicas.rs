//! Several gateways on one store, and a store that goes away.

use portcullis_domain::Reason;
use portcullis_testkit::{Database, Upstream, wait};
use serde_json::{Value, json};

use super::{by, contract, make, post_json, put, thing, things, upstream};
use crate::walk::{Ask, Setup, Walk, get};

const ROOT: &str = "d1f5c0a97b3e64821c0de5a4b7936f2840cc7b19";

fn replica(database: &Database, upstream: &Upstream) -> Walk {
    replica_of(database, upstream, json!({ "objects": things() })).start()
}

fn replica_of(database: &Database, upstream: &Upstream, api: Value) -> Setup {
    Setup::new()
        .contract(contract())
        .secret("root", ROOT)
        .secret("url", database.url())
        .policy(json!({
            "timeouts": { "conceal": "1ms" },
            "store": { "postgresql": "${file:url}", "secret": "${file:root}", "poll": "50ms" },
        }))
        .api(json!({ "upstream": { "addresses": [upstream.url()] } }))
        .api(api)
}

/// Asks until the answer has this status: what another gateway learned arrives within a moment.
#[track_caller]
fn until(walk: &Walk, who: &str, id: u64, status: u16) {
    let request = Vec::from(thing(id).bearer(&walk.token_of(who, "")));
    wait::until(&format!("{who} gets {status}"), || walk.client().ask(&request).status == status);
    walk.account_for_stray_events();
}

#[test]
fn what_one_gateway_learns_holds_at_the_other() {
    let (database, shared) = (Database::new(), upstream());
    let (one, other) = (replica(&database, &shared), replica(&database, &shared));
    let id = by_replica(&one, "alice");
    // Before it arrives it is unknown, and nobody who may is refused at any time.
    until(&other, "alice", id, 200);
    until(&other, "bob", id, 404);
    share(&one, id);
    // What the other one remembers is old: it asks before it refuses.
    until(&other, "bob", id, 200);
    until(&other, "carol", id, 404);
}

fn by_replica(walk: &Walk, who: &str) -> u64 {
    walk.account_for_stray_events();
    let request = Vec::from(post_json("/things", "{\"name\":\"x\"}").bearer(&walk.token_of(who, "")));
    walk.client().ask(&request).json()["id"].as_u64().unwrap()
}

fn share(walk: &Walk, id: u64) {
    let request = post_json(&format!("/things/{id}/share"), "{\"user\":\"bob\"}");
    let answer = walk.client().ask(Vec::from(request.bearer(&walk.token_of("alice", ""))));
    assert_eq!(answer.status, 200);
}

#[test]
fn two_who_make_one_name_at_once_at_two_gateways_never_lock_each_other_out() {
    let names = json!({ "name": {
        "mode": "enforce",
        "id": [{ "path": "name" }],
        "create": [{ "operation": "createName", "id": { "request": "/name" }, "success": [200] }],
    } });
    let (database, shared) = (Database::new(), upstream());
    let gateway = || {
        let walk = replica_of(&database, &shared, json!({ "objects": names })).start();
        walk.account_for_stray_events();
        walk
    };
    let gateways = [gateway(), gateway()];
    let ask = |walk: &Walk, who: &str, request: Ask| {
        walk.client().ask(Vec::from(request.bearer(&walk.token_of(who, "")))).status
    };
    for round in 0..5 {
        let make = || post_json("/names", &format!("{{\"name\":\"n{round}\"}}"));
        std::thread::scope(|scope| {
            for (walk, who) in gateways.iter().zip(["alice", "bob"]) {
                let (mut client, request) =
                    (walk.client(), Vec::from(make().bearer(&walk.token_of(who, ""))));
                scope.spawn(move || client.ask(&request));
            }
        });
        let read = || get(&format!("/names/n{round}"));
        let seen = |walk: &Walk| (ask(walk, "alice", read()), ask(walk, "bob", read()));
        wait::until("both gateways say the same", || {
            let [one, other] = [seen(&gateways[0]), seen(&gateways[1])];
            assert!(one != (404, 404) && other != (404, 404), "{one:?} {other:?}");
            one == other
        });
    }
}

#[test]
fn while_the_store_is_away_nobody_is_refused_what_is_theirs_and_what_was_learned_is_kept_later() {
    let (database, shared) = (Database::new(), upstream());
    let walk = replica(&database, &shared);
    walk.account_for_stray_events();
    let before = by_replica(&walk, "alice");
    until(&walk, "bob", before, 404);
    database.close();
    let during = by_replica(&walk, "alice");
    for id in [before, during] {
        let answer = walk.client().ask(Vec::from(put(id).bearer(&walk.token_of("alice", ""))));
        assert_eq!(answer.status, 200, "{id}");
    }
    database.open();
    // It has arrived when another gateway knows it.
    let other = replica(&database, &shared);
    until(&other, "bob", during, 404);
    until(&other, "alice", during, 200);
}

#[test]
fn a_thing_is_refused_to_others_from_the_moment_that_its_maker_knows_of_it() {
    let walk = super::setup().start();
    for _ in 0..20 {
        let id = make(&walk, "alice");
        by(&walk, "bob", thing(id)).refused(Reason::ObjectForeign);
    }
}
