//! The lives of objects, step by step: at none is anybody refused who may.

use portcullis_domain::{OwnershipStore as _, Reason};
use portcullis_testkit::{Answer, Upstream, wait};
use serde_json::json;

use super::{by, delete, make, put, setup, thing};
use crate::api_keys::{Keys, done};
use crate::walk::{Ask, get, post_json};

fn tell(id: u64, what: &str, body: &str) -> Ask {
    post_json(&format!("/things/{id}/{what}"), body)
}

// proves: AUTHZ-10
#[test]
fn who_may_read_what_is_shared_does_not_change_it() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    // A stranger shares nothing with anybody.
    by(&walk, "bob", tell(id, "share", "{\"user\":\"bob\"}")).refused(Reason::ObjectForeign);
    by(&walk, "alice", tell(id, "share", "{\"user\":\"bob\"}")).passed();
    by(&walk, "bob", thing(id)).passed();
    by(&walk, "bob", put(id)).refused(Reason::PermitMissing);
    by(&walk, "carol", thing(id)).refused(Reason::ObjectForeign);
    by(&walk, "alice", tell(id, "unshare", "{\"user\":\"bob\"}")).passed();
    by(&walk, "bob", thing(id)).refused(Reason::ObjectForeign);
    by(&walk, "alice", put(id)).passed();
}

#[test]
fn what_is_shared_to_be_changed_may_be_changed() {
    let share = json!([{ "operation": "shareThing", "with": { "body": "/user" }, "right": "write" }]);
    let walk = setup().api(json!({ "objects": { "thing": { "share": share } } })).start();
    let id = make(&walk, "alice");
    by(&walk, "alice", tell(id, "share", "{\"user\":\"bob\"}")).passed();
    by(&walk, "bob", put(id)).passed();
    // Who may change it does not own it.
    by(&walk, "bob", tell(id, "give", "{\"to\":\"bob\"}")).passed();
    by(&walk, "alice", put(id)).passed();
}

#[test]
fn what_is_given_away_is_the_new_owners() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    by(&walk, "alice", tell(id, "give", "{\"to\":\"bob\"}")).passed();
    by(&walk, "bob", put(id)).passed();
    by(&walk, "alice", thing(id)).refused(Reason::ObjectForeign);
}

#[test]
fn an_id_that_comes_again_begins_anew() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    by(&walk, "alice", delete(id)).passed();
    // It is nobody's, and the upstream has none.
    by(&walk, "bob", thing(id)).ended(Reason::ObjectAbsent);
    assert_eq!(make(&walk, "bob"), id);
    by(&walk, "bob", put(id)).passed();
    by(&walk, "alice", thing(id)).refused(Reason::ObjectForeign);
}

#[test]
fn support_may_touch_all_and_owns_nothing() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    let support = walk.token_with(json!({ "sub": "sue", "roles": ["support"] }));
    walk.send(put(id).bearer(&support)).passed();
    let made = walk.send(post_json("/things", "{\"name\":\"x\"}").bearer(&support));
    let id = made.response.json()["id"].as_u64().unwrap();
    by(&walk, "alice", thing(id)).passed();
}

#[test]
fn what_is_made_for_somebody_is_theirs() {
    let deputies = json!({ "roles": ["agent"], "owner_from": { "body": "/for" } });
    let walk = setup().api(json!({ "objects": { "thing": { "on_behalf": deputies } } })).start();
    let agent = walk.token_with(json!({ "sub": "ann", "roles": ["agent"] }));
    let made = walk.send(post_json("/things", "{\"name\":\"x\",\"for\":\"alice\"}").bearer(&agent));
    let id = made.response.json()["id"].as_u64().unwrap();
    by(&walk, "alice", put(id)).passed();
    by(&walk, "bob", thing(id)).refused(Reason::ObjectForeign);
    walk.send(thing(id).bearer(&agent)).passed();
}

/// What was made before the first day is nobody's business until it is known.
#[test]
fn what_nobody_knows_passes_unless_the_operator_says_otherwise() {
    let mut walk = setup().start();
    by(&walk, "bob", get("/lookup?thing=4711")).passed();
    walk.rewrite(json!({ "apis": { "shop": { "objects": { "thing": { "unknown": "deny" } } } } }));
    walk.restart();
    by(&walk, "bob", get("/lookup?thing=4711")).refused(Reason::ObjectForeign);
}

#[test]
fn a_create_that_fails_with_200_makes_nobody_an_owner() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    assert_eq!(id, 1);
    // The upstream says 200 and names the thing of alice.
    by(&walk, "bob", post_json("/things", "{\"name\":\"full\"}")).passed();
    by(&walk, "bob", thing(id)).refused(Reason::ObjectForeign);
    by(&walk, "alice", put(id)).passed();
}

#[test]
fn owners_survive_a_restart() {
    let mut walk = setup().start();
    let id = make(&walk, "alice");
    by(&walk, "alice", tell(id, "share", "{\"user\":\"bob\"}")).passed();
    walk.restart();
    by(&walk, "alice", put(id)).passed();
    by(&walk, "bob", thing(id)).passed();
    by(&walk, "carol", thing(id)).refused(Reason::ObjectForeign);
}

#[test]
fn a_type_that_contradicts_itself_is_only_watched_until_somebody_has_looked() {
    // The upstream gives out whatever id it is asked for, and calls it new.
    let upstream = Upstream::start(|seen| {
        let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let answer = json!({ "id": body["name"] }).to_string();
        Answer::respond(201, &[("Content-Type", "application/json")], answer)
    });
    let walk = setup().upstream(upstream).start();
    walk.account_for_stray_events();
    let status = |who: &str, request: Ask| {
        walk.client().ask(Vec::from(request.bearer(&walk.token_of(who, "")))).status
    };
    let make = |who: &str, id: u64| status(who, post_json("/things", &format!("{{\"name\":\"{id}\"}}")));
    make("alice", 7);
    assert_eq!(status("bob", thing(7)), 404);
    for id in [5, 6] {
        make("alice", id);
        assert_eq!(status("bob", thing(id)), 404);
        make("bob", id);
        // It is one of the two's, and so nobody is refused.
        assert_eq!((status("alice", thing(id)), status("bob", thing(id))), (201, 201));
    }
    wait::until("the type is only watched", || status("bob", thing(7)) == 201);
    let keys = Keys::of(&walk);
    wait::until("the store knows", || {
        done(keys.store().coverage()).first().is_some_and(|counts| counts.contradictions == 2)
    });
    assert!(done(keys.store().settle_contradictions("shop", "thing")));
    wait::until("the type is enforced again", || status("bob", thing(7)) == 404);
}
