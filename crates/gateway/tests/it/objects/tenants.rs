//! Tenants: the credential, the host, the path and the object must be of one.

use portcullis_domain::Reason;
use serde_json::json;

use super::setup;
use crate::walk::{Setup, Walk, get, post_json};

fn token(walk: &Walk, who: &str, tenant: &str) -> String {
    walk.token_with(json!({ "sub": who, "org": tenant }))
}

fn owned_by_tenants() -> Setup {
    setup().api(json!({
        "hosts": ["red.api.test", "blue.api.test", "api.test"],
        "objects": { "thing": {
            "owned_by": { "claim": "org" },
            "tenant": { "claim": "org", "equals": [{ "path": "user" }] },
        } },
    }))
}

#[test]
fn a_tenant_stays_within_its_own() {
    let walk = owned_by_tenants().start();
    let (ann, abe) = (token(&walk, "ann", "red"), token(&walk, "abe", "red"));
    let bob = token(&walk, "bob", "blue");
    let made = walk.send(post_json("/things", "{\"name\":\"x\"}").bearer(&ann));
    let id = made.response.json()["id"].as_u64().unwrap();
    // All of a tenant own it.
    walk.send(super::thing(id).bearer(&abe)).passed();
    walk.send(super::thing(id).bearer(&bob)).refused(Reason::ObjectForeign);
    walk.send(get("/users/red").bearer(&ann)).passed();
    walk.send(get("/users/blue").bearer(&ann)).refused(Reason::ObjectForeign);
    // Who has no tenant is of none.
    let nobody = walk.token_with(json!({ "sub": "eve" }));
    walk.send(super::thing(id).bearer(&nobody)).refused(Reason::ObjectForeign);
}

#[test]
fn the_host_is_of_the_same_tenant() {
    let walk =
        owned_by_tenants().api(json!({ "objects": { "thing": { "tenant": { "host": true } } } })).start();
    let ann = token(&walk, "ann", "red");
    walk.send(get("/things/77").host("red.api.test").bearer(&ann)).ended(Reason::ObjectAbsent);
    walk.send(get("/things/77").host("blue.api.test").bearer(&ann)).refused(Reason::ObjectForeign);
}

// proves: AUTHZ-12
#[test]
fn token_host_path_object_and_the_operators_own_list_name_one_tenant() {
    let walk = owned_by_tenants()
        .policy(json!({ "ownership": { "tenants": ["red", "blue"] } }))
        .api(json!({
            "hosts": ["red.api.test", "blue.api.test", "black.api.test"],
            "objects": { "thing": { "tenant": { "host": true } } },
        }))
        .start();
    let (ann, bob) = (token(&walk, "ann", "red"), token(&walk, "bob", "blue"));
    let mal = token(&walk, "mal", "black");
    let made = walk.send(post_json("/things", "{\"name\":\"x\"}").host("red.api.test").bearer(&ann));
    let id = made.response.json()["id"].as_u64().unwrap();
    let at = |host: &str, path: &str, token: &str| walk.send(get(path).host(host).bearer(token));
    let thing = format!("/things/{id}");
    at("red.api.test", &thing, &ann).passed();
    at("red.api.test", "/users/red", &ann).passed();
    // Another path, another host, another object, both.
    at("red.api.test", "/users/blue", &ann).refused(Reason::ObjectForeign);
    at("blue.api.test", "/users/red", &ann).refused(Reason::ObjectForeign);
    at("blue.api.test", &thing, &bob).refused(Reason::ObjectForeign);
    at("red.api.test", &thing, &bob).refused(Reason::ObjectForeign);
    // Everything of black agrees, and there is no such tenant.
    at("black.api.test", "/users/black", &mal).refused(Reason::ObjectForeign);
    // Also where no object is named, if the host says who is asked.
    at("blue.api.test", "/lookup", &ann).refused(Reason::ObjectForeign);
    at("black.api.test", "/lookup", &mal).refused(Reason::ObjectForeign);
    at("red.api.test", "/lookup", &ann).passed();
    assert_eq!(Reason::ObjectForeign.status(), 404);
}

#[test]
fn tenants_may_count_for_themselves() {
    let walk = setup()
        .api(json!({ "objects": { "thing": { "tenant": { "claim": "org", "own_ids": true } } } }))
        .start();
    let (ann, bob) = (token(&walk, "ann", "red"), token(&walk, "bob", "blue"));
    let made = walk.send(post_json("/things", "{\"name\":\"x\"}").bearer(&ann));
    let id = made.response.json()["id"].as_u64().unwrap();
    // Thing 1 of one is not thing 1 of the other.
    walk.send(super::thing(id).bearer(&bob)).passed();
    let abe = token(&walk, "abe", "red");
    walk.send(super::thing(id).bearer(&abe)).refused(Reason::ObjectForeign);
}
