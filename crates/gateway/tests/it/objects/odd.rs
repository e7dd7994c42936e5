//! Ids as attackers write them: whatever is not one id in one spelling is refused, or is another id for all.

use portcullis_domain::Reason;
use serde_json::json;

use super::{by, make, setup, thing};
use crate::walk::{ask, get, post_json};

#[test]
fn an_id_in_an_odd_encoding_never_reaches_what_is_somebody_elses() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    for path in [
        // Encoded, twice encoded, overlong, wide, with a space, a sign, an exponent, a fraction, other digits.
        format!("/things/%3{id}"),
        format!("/things/%253{id}"),
        format!("/things/%C0%B{id}"),
        format!("/things/%EF%BC%9{id}"),
        format!("/things/%20{id}"),
        format!("/things/+{id}"),
        format!("/things/{id}e0"),
        format!("/things/{id}.0"),
        format!("/things/0x{id}"),
        format!("/things/{id}%00"),
        format!("/things/{id}%2F..%2F{id}"),
        format!("/things/{id};a=b"),
        format!("/things/x/../{id}"),
    ] {
        let outcome = by(&walk, "bob", get(&path));
        assert!(outcome.seen.is_empty(), "{path}: {:#?}", outcome.seen);
        assert!((400..=404).contains(&outcome.response.status), "{path}: {:#?}", outcome.response);
    }
}

#[test]
fn a_uuid_in_capitals_is_the_same_uuid() {
    let walk = setup()
        .api(json!({ "objects": { "name": {
            "mode": "enforce", "id": [{ "path": "name" }],
            "create": [{ "operation": "PUT /names/{name}", "id": { "path": "name" }, "success": [200] }],
        } } }))
        .start();
    let uuid = "0190f5fe-7c00-7a00-8000-00000000000a";
    by(&walk, "alice", ask("PUT", &format!("/names/{uuid}"))).passed();
    by(&walk, "bob", get(&format!("/names/{}", uuid.to_uppercase()))).refused(Reason::ObjectForeign);
    by(&walk, "alice", get(&format!("/names/{}", uuid.to_uppercase()))).passed();
}

#[test]
fn an_id_twice_in_the_wrong_place_or_in_arrays_is_found_or_refused() {
    let walk = setup().api(json!({ "stages": { "validate": "shadow" } })).start();
    let (mine, theirs) = (make(&walk, "bob"), make(&walk, "alice"));
    let refused = |request, reason| {
        by(&walk, "bob", request).refused(reason);
    };
    refused(get(&format!("/lookup?thing={mine}&thing={theirs}")), Reason::ObjectAmbiguous);
    refused(get(&format!("/lookup?thing={mine}&th%69ng={theirs}")), Reason::ObjectAmbiguous);
    let twice = get("/lookup").with(format!("X-Thing: {mine}")).with(format!("X-Thing: {theirs}"));
    refused(twice, Reason::ObjectAmbiguous);
    // A list where one is expected, an object where an id is, lists in lists.
    for (value, reason) in [
        (json!([theirs]), Reason::ObjectForeign),
        (json!([mine, theirs]), Reason::ObjectAmbiguous),
        (json!({ "id": theirs }), Reason::ObjectAmbiguous),
        (json!([[theirs]]), Reason::ObjectAmbiguous),
        (json!(true), Reason::ObjectAmbiguous),
    ] {
        refused(post_json("/batch", &json!({ "thing": value }).to_string()), reason);
    }
    let nested = json!({ "things": [{ "thing": mine }, [{ "thing": theirs }]] });
    refused(post_json("/batch", &nested.to_string()), Reason::ObjectForeign);
    by(&walk, "bob", thing(mine)).passed();
}
