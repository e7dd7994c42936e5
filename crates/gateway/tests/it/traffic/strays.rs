//! What is called or sent and is not declared.

use portcullis_domain::{MemberPlace, Stray, UsageStore as _};
use portcullis_testkit::Answer;
use serde_json::json;

use super::{ALWAYS, done, keeping, store};
use crate::walk::{Walk, ask, get, post_json};

fn strays(walk: &mut Walk) -> Vec<Stray> {
    walk.stop();
    done(store(walk).strays_since(ALWAYS)).unwrap()
}

fn refused(strays: &[Stray]) -> Vec<(&str, &str, u64)> {
    strays.iter().map(|stray| (&*stray.method, &*stray.template, stray.refused)).collect()
}

// proves-part: VER-10 (what is past its end, and what nobody calls, are shown with `portcullis inventory`)
#[test]
fn what_is_called_and_not_declared_is_noted_without_its_values() {
    let mut walk = keeping().start();
    for path in ["/internal/export", "/internal/export?token=abc123", "/users/17/cards", "/users/18/cards"] {
        walk.send(get(path));
    }
    walk.send(ask("DELETE", "/public"));
    walk.send(ask("PROPFINDSECRET123", "/public"));
    walk.send(get("/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"));
    walk.send(get("/mail/alice%40example.com"));
    // Declared, but not for everybody: that is no stray.
    walk.send(get("/admin/x"));
    let strays = strays(&mut walk);
    assert_eq!(
        refused(&strays),
        [
            ("GET", "/internal/export", 2),
            ("GET", "/mail/{}", 1),
            ("*", "/public", 1),
            ("DELETE", "/public", 1),
            ("GET", "/reset/{}", 1),
            ("GET", "/users/{}/cards", 2),
        ]
    );
    assert!(strays.iter().all(|stray| &*stray.api == "shop" && stray.answered == 0));
}

#[test]
fn what_stands_under_a_mount_is_noted_without_it() {
    let mut walk = keeping().api(json!({ "mount": "/shop/v1" })).start();
    walk.send(get("/shop/v1/hidden"));
    assert_eq!(refused(&strays(&mut walk)), [("GET", "/hidden", 1)]);
}

#[test]
fn scanners_push_nothing_out() {
    let mut walk = keeping().start();
    let mut client = walk.client();
    let mut sent = 0;
    let mut call = |path: &str| {
        sent += 1;
        client.ask(Vec::from(get(path)));
    };
    (0..20).for_each(|_| call("/internal/export"));
    let words =
        ["admin", "backup", "config", "database", "editor", "files", "git", "hooks", "images", "java"];
    for one in words {
        for other in words {
            for third in ["", "/old", "/new"] {
                call(&format!("/{one}{other}{third}"));
            }
        }
    }
    walk.settle_events(sent);
    let strays = strays(&mut walk);
    let sum: u64 = strays.iter().map(|stray| stray.refused).sum();
    assert_eq!(usize::try_from(sum).unwrap(), sent, "every call is counted somewhere");
    assert!(refused(&strays).contains(&("GET", "/internal/export", 20)), "{strays:#?}");
    assert!(strays.len() < 150, "{}", strays.len());
}

#[test]
fn members_that_are_not_declared_are_noted_by_name_whether_they_are_refused_or_not() {
    for strength in ["enforce", "shadow"] {
        let mut walk = keeping().api(json!({ "stages": { "validate": strength } })).start();
        walk.send(post_json(
            "/notes",
            r#"{"text":"x","isAdmin":true,"3fa85f64-5717-4562-b3fc-2c963f66afa6":1}"#,
        ));
        walk.send(post_json("/notes", r#"{"text":"x","isAdmin":"secret"}"#));
        walk.send(get("/public?debug=hunter2"));
        walk.stop();
        let members = done(store(&walk).stray_members_since(ALWAYS)).unwrap();
        let found: Vec<_> = members
            .iter()
            .map(|member| (&*member.operation.operation, member.place, &*member.name, member.times))
            .collect();
        assert_eq!(
            found,
            [
                ("GET /public", MemberPlace::Query, "debug", 1),
                ("POST /notes", MemberPlace::Body, "/*", 1),
                ("POST /notes", MemberPlace::Body, "/isAdmin", 2),
            ],
            "{strength}"
        );
    }
}

#[test]
fn members_that_are_answered_and_not_declared_are_noted_by_name() {
    let schema = json!({ "type": "object", "properties": { "id": { "type": "integer" } } });
    let mut walk = keeping()
        .answering(Answer::json(r#"{"id":1,"internalMargin":3}"#))
        .contract(json!({ "paths": { "/public": { "get": { "responses": { "200": {
            "content": { "application/json": { "schema": schema } },
        } } } } } }))
        .start();
    walk.send(get("/public")).passed();
    walk.stop();
    let members = done(store(&walk).stray_members_since(ALWAYS)).unwrap();
    let found: Vec<_> = members.iter().map(|member| (member.place, &*member.name, member.times)).collect();
    assert_eq!(found, [(MemberPlace::Answer, "/internalMargin", 1)]);
}
