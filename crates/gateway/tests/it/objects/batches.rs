//! Ids wherever they travel: path, query, header, body, lists; one that is foreign refuses all.

use portcullis_domain::Reason;
use serde_json::json;

use super::{by, make, setup};
use crate::walk::{ask, get, post_json};

// proves: AUTHZ-09
#[test]
fn one_foreign_id_among_many_refuses_them_all() {
    let walk = setup().start();
    let mut ids: Vec<u64> = (0..49).map(|_| make(&walk, "bob")).collect();
    let batch = |ids: &[u64]| {
        let things: Vec<_> = ids.iter().map(|id| json!({ "thing": id })).collect();
        post_json("/batch", &json!({ "things": things }).to_string())
    };
    by(&walk, "bob", batch(&ids)).passed();
    ids.insert(25, make(&walk, "alice"));
    by(&walk, "bob", batch(&ids)).refused(Reason::ObjectForeign);
}

// proves: AUTHZ-09
#[test]
fn an_own_id_in_one_place_hides_no_foreign_one_in_another() {
    let walk = setup().start();
    let (mine, theirs) = (make(&walk, "bob"), make(&walk, "alice"));
    let change = |path: u64, body: &str| {
        ask("PUT", &format!("/things/{path}")).with("Content-Type: application/json").body(body)
    };
    by(&walk, "bob", change(mine, &format!("{{\"thing\":{theirs}}}"))).refused(Reason::ObjectAmbiguous);
    by(&walk, "bob", change(theirs, &format!("{{\"thing\":{mine}}}"))).refused(Reason::ObjectForeign);
    by(&walk, "bob", change(mine, &format!("{{\"thing\":{mine}}}"))).passed();
    by(&walk, "bob", change(mine, &format!("{{\"thing\":{mine}.0}}"))).passed();
    let lookup =
        |query: u64, header: u64| get(&format!("/lookup?thing={query}")).with(format!("X-Thing: {header}"));
    by(&walk, "bob", lookup(mine, theirs)).refused(Reason::ObjectAmbiguous);
    by(&walk, "bob", lookup(theirs, theirs)).refused(Reason::ObjectForeign);
    by(&walk, "bob", lookup(mine, mine)).passed();
    by(&walk, "bob", get("/lookup").with(format!("X-Thing: {theirs}"))).refused(Reason::ObjectForeign);
}

#[test]
fn two_places_may_differ_where_the_operator_says_so() {
    let walk = setup().api(json!({ "objects": { "thing": { "ids_may_differ": true } } })).start();
    let (mine, too, theirs) = (make(&walk, "bob"), make(&walk, "bob"), make(&walk, "alice"));
    let change = |id: u64| {
        ask("PUT", &format!("/things/{mine}"))
            .with("Content-Type: application/json")
            .body(format!("{{\"thing\":{id}}}"))
    };
    by(&walk, "bob", change(too)).passed();
    by(&walk, "bob", change(theirs)).refused(Reason::ObjectForeign);
}

#[test]
fn an_id_in_another_spelling_is_the_same_id() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    for path in [format!("/things/%3{id}"), format!("/./things/{id}")] {
        by(&walk, "bob", get(&path)).refused(Reason::ObjectForeign);
    }
    by(&walk, "bob", get(&format!("/lookup?thing=%3{id}"))).refused(Reason::ObjectForeign);
    // What the contract does not take as a number is none.
    by(&walk, "bob", get(&format!("/things/0{id}"))).refused(Reason::RequestInvalid);
}

#[test]
fn a_body_that_cannot_be_searched_for_ids_is_refused() {
    let walk = setup().start();
    let request = ask("POST", "/batch").with("Content-Type: text/plain").body("thing 1");
    by(&walk, "bob", request).refused(Reason::ObjectAmbiguous);
    // Without a body there is nothing to search.
    by(&walk, "bob", ask("POST", "/batch")).passed();
}

#[test]
fn an_id_that_two_readers_would_read_differently_hides_nothing_where_the_contract_only_records() {
    let walk = setup().api(json!({ "stages": { "validate": "shadow" } })).start();
    let (mine, theirs) = (make(&walk, "bob"), make(&walk, "alice"));
    let change = |body: String| {
        ask("PUT", &format!("/things/{mine}")).with("Content-Type: application/json").body(body)
    };
    by(&walk, "bob", change(format!("{{\"thing\":{mine}}}"))).passed();
    for body in [
        format!("{{\"thing\":{theirs},\"thing\":{mine}}}"),
        format!("{{\"thing\":{theirs},\"th\\u0069ng\":{mine}}}"),
    ] {
        by(&walk, "bob", change(body)).refused(Reason::ObjectAmbiguous);
    }
    // A name that one parser takes for a document within the document is a name like any other: no id stands here.
    let inside = json!({ "things": [{ "thing": mine }] }).to_string();
    let odd = json!({ "$serde_json::private::RawValue": inside, "things": [{ "thing": theirs }] });
    by(&walk, "bob", post_json("/batch", &odd.to_string())).refused(Reason::ObjectForeign);
}
