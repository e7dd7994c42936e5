//! The journal of decisions: explained by receipt, put to other policies, and free of what it must not hold.

use std::path::Path;

use portcullis_audit::journal::{Decision, Missing, Outcome, StepAnswer};
use portcullis_config::Environment;
use portcullis_domain::{Reason, Timestamp};
use portcullis_gateway::{
    Change, Explained, NotExplained, Options, Standing, Watch, WhatIf, explain_receipt, what_if,
};
use portcullis_tls::PublicRoots;
use serde_json::{Value, json};

use crate::walk::{Setup, Walk, get, merge, post_json};

/// Rules on three kinds of facts: roles, values of the request, and whose a user is.
const RULES: &str = r#"
@id("staff-read")
permit(principal in Role::"staff", action, resource);
permit(principal, action == Action::"readUser", resource) when { context.path.id == principal.subject };
@id("no-secret-region")
forbid(principal, action, resource) when { context.query has region && context.query.region.contains("secret") };
permit(principal, action == Action::"writeUser", resource)
when { context.header has "x-desk" && context.header["x-desk"].contains("front") };
"#;

fn contract() -> Value {
    let text = json!({ "type": "string", "maxLength": 60 });
    let operation = |id: &str| {
        json!({
            "operationId": id,
            "security": [{ "customers": [] }],
            "parameters": [{ "name": "region", "in": "query", "schema": text }],
            "responses": { "200": { "description": "Done." } },
        })
    };
    let mut write = operation("writeUser");
    merge(
        &mut write,
        json!({ "requestBody": { "content": { "application/json": { "schema": {
        "type": "object", "properties": { "name": { "type": "string", "maxLength": 10 } },
    } } } } }),
    );
    json!({ "paths": { "/users/{id}": {
        "parameters": [{ "name": "id", "in": "path", "required": true, "schema": text }],
        "get": operation("readUser"),
        "post": write,
    } } })
}

fn setup() -> Setup {
    Setup::new()
        .contract(contract())
        .file("shop.cedar", RULES)
        .api(json!({ "rules": { "policies": ["shop.cedar"] } }))
        .policy(json!({ "journal": { "allows": "all" } }))
}

fn options(walk: &Walk) -> Options {
    Options {
        file: walk.workspace.path("portcullis.yaml"),
        environment: Environment::fixed([("UNUSED", "")]).with_base(walk.workspace.root()),
        clock: walk.clock.clone(),
        record: None,
        roots: PublicRoots::fixed((*walk.authority.roots()).clone()),
        watch: Watch::Nothing,
    }
}

#[track_caller]
fn explained(walk: &Walk, receipt: &str) -> Explained {
    explain_receipt(&options(walk), receipt).unwrap_or_else(|error| panic!("{receipt}: {error}"))
}

/// What the rules at hand would make of the journal if the configuration were this.
fn with(walk: &Walk, name: &str, patch: Value) -> WhatIf {
    let mut candidate: Value = serde_json::from_str(&walk.workspace.read("portcullis.yaml")).unwrap();
    merge(&mut candidate, patch);
    walk.workspace.file(name, candidate.to_string());
    what_if(&options(walk), &walk.workspace.path(name), Timestamp::default())
        .unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

fn receipt(outcome: &crate::walk::Outcome) -> String {
    outcome.header("x-request-id").expect("every answer has an id").to_owned()
}

fn bearer(walk: &Walk, subject: &str, roles: &[&str]) -> String {
    walk.token_with(json!({ "sub": subject, "roles": roles, "department": "secret-department" }))
}

#[test]
fn a_refusal_is_explained_by_its_receipt_and_the_client_sees_class_and_id_alone() {
    let mut walk = setup().start();
    let foreign = walk.send(get("/users/bob?region=north").bearer(&bearer(&walk, "alice", &["customer"])));
    foreign.refused(Reason::PermitMissing);
    let told = foreign.response.json();
    let members: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    for member in members {
        assert!(["type", "title", "status", "code", "instance", "detail"].contains(&member), "{told:#}");
    }
    let forbidden = walk.send(get("/users/alice?region=secret").bearer(&bearer(&walk, "alice", &["staff"])));
    forbidden.refused(Reason::PermitMissing);
    let invalid = walk.send(
        post_json("/users/alice", r#"{"name":"much too long a name"}"#)
            .with("X-Desk: front")
            .bearer(&bearer(&walk, "alice", &[])),
    );
    invalid.refused(Reason::RequestInvalid);
    let nobody = walk.send(get("/users/alice"));
    nobody.refused(Reason::CredentialMissing);
    walk.stop();

    let Explained { decision, spots, standing } = explained(&walk, &receipt(&foreign));
    assert_eq!(standing, Standing::Same);
    assert_eq!(spots.len(), 1, "{spots:?}");
    assert!(spots[0].what.contains("readUser") && spots[0].file.ends_with("openapi.json"), "{spots:?}");
    assert_eq!((decision.outcome, decision.status), (Outcome::Denied, 403));
    assert_eq!(decision.operation.as_deref(), Some("readUser"));
    assert_eq!(decision.network, "127.0.0.0/24");
    let refusal = decision.refusal.as_ref().unwrap();
    assert_eq!(refusal.reason, Reason::PermitMissing.code());
    assert_eq!(refusal.would_help.len(), 1, "{refusal:?}");
    let last = decision.refused_by().unwrap();
    assert_eq!((last.stage.as_str(), last.answer), ("authorize", StepAnswer::Denied));

    let Explained { decision, .. } = explained(&walk, &receipt(&forbidden));
    assert_eq!(decision.rules.len(), 1, "{decision:?}");
    assert_eq!(
        (decision.rules[0].effect.as_str(), decision.rules[0].name.as_deref()),
        ("forbid", Some("no-secret-region"))
    );
    assert!(decision.rules[0].at.starts_with("shop.cedar:"), "{:?}", decision.rules);

    let Explained { decision, .. } = explained(&walk, &receipt(&invalid));
    let violation = &decision.refusal.as_ref().unwrap().violations[0];
    assert_eq!((violation.part.as_str(), violation.at.as_str()), ("body", "/name"));
    assert!(!violation.expected.is_empty());

    let Explained { decision, .. } = explained(&walk, &receipt(&nobody));
    assert!(decision.caller.is_none() && decision.refused_by().unwrap().stage == "identify", "{decision:?}");
}

// proves: AUTHZ-21
#[test]
fn a_decision_is_kept_with_policy_rule_and_redacted_inputs_and_its_replay_gives_the_same_outcome() {
    let mut walk = setup().start();
    let staff = bearer(&walk, "sam", &["staff"]);
    let alice = bearer(&walk, "alice", &["customer"]);
    let own = walk.send(get("/users/alice").bearer(&alice));
    own.passed();
    walk.send(get("/users/alice?region=secret").bearer(&staff)).refused(Reason::PermitMissing);
    walk.send(get("/users/bob").bearer(&alice)).refused(Reason::PermitMissing);
    walk.send(get("/users/bob").bearer(&staff)).passed();
    walk.send(post_json("/users/bob", r#"{"name":"x"}"#).with("X-Desk: front").bearer(&alice)).passed();
    walk.send(post_json("/users/bob", r#"{"name":"x"}"#).with("X-Desk: back").bearer(&alice))
        .refused(Reason::PermitMissing);
    walk.send(get("/users/bob")).refused(Reason::CredentialMissing);
    walk.stop();
    let Explained { decision, .. } = explained(&walk, &receipt(&own));
    assert_eq!(decision.revision, own.only_event()["revision"].as_str().unwrap());
    assert_eq!(decision.rules[0].effect, "permit");
    assert!(decision.rules[0].at.starts_with("shop.cedar:"), "{decision:?}");
    assert_eq!(decision.values[0].name, "id");

    let same = with(&walk, "same.yaml", json!({}));
    assert_eq!((same.decisions, same.same), (7, 7), "{same:#?}");
    assert!(same.changes.is_empty() && same.not_replayed.is_empty(), "{same:#?}");
}

#[test]
fn what_a_candidate_would_change_is_told_both_ways_by_operation_rule_and_role() {
    let mut walk = setup().start();
    let alice = bearer(&walk, "alice", &["customer"]);
    let foreign = walk.send(get("/users/bob").bearer(&alice));
    foreign.refused(Reason::PermitMissing);
    let own = walk.send(get("/users/alice").bearer(&alice));
    own.passed();
    walk.stop();

    walk.workspace
        .file("wider.cedar", "@id(\"all\")\npermit(principal in Role::\"customer\", action, resource);");
    let rules = |file: &str| json!({ "apis": { "shop": { "rules": { "policies": [file] } } } });
    let wider = with(&walk, "wider.yaml", rules("wider.cedar"));
    assert_eq!((wider.changes.len(), wider.same), (1, 1), "{wider:#?}");
    let group = &wider.changes[0];
    assert_eq!((group.change, group.count), (Change::DenyToAllow, 1));
    assert_eq!((group.operation.as_str(), group.call.as_str()), ("readUser", "GET /users/{id}"));
    assert_eq!(group.roles, ["customer"]);
    assert_eq!(group.before, Reason::PermitMissing.code());
    assert_eq!(group.after, "wider.cedar:1 (all)");
    assert_eq!(group.unseen, ["limits", "the contract"], "a request that was refused never met them");
    assert_eq!(group.receipts, [receipt(&foreign)]);

    walk.workspace.file("narrower.cedar", "permit(principal in Role::\"staff\", action, resource);");
    let narrower = with(&walk, "narrower.yaml", rules("narrower.cedar"));
    assert_eq!((narrower.changes.len(), narrower.same), (1, 1), "{narrower:#?}");
    let group = &narrower.changes[0];
    assert_eq!((group.change, group.after.as_str()), (Change::AllowToDeny, Reason::PermitMissing.code()));
    assert!(group.before.starts_with("shop.cedar:"), "{group:?}");
    assert_eq!(group.receipts, [receipt(&own)]);

    // A stage in shadow refuses nobody.
    let shadow =
        with(&walk, "shadow.yaml", json!({ "apis": { "shop": { "stages": { "authorize": "shadow" } } } }));
    assert_eq!(shadow.changes.iter().map(|group| group.change).collect::<Vec<_>>(), [Change::DenyToAllow]);
}

#[test]
fn what_the_journal_does_not_hold_is_not_guessed() {
    let mut walk = setup().start();
    let alice = bearer(&walk, "alice", &["customer"]);
    walk.send(get("/users/alice").bearer(&alice)).passed();
    walk.send(get("/users/alice").bearer("no-token")).ended(Reason::TokenMalformed);
    walk.send(get("/nowhere").bearer(&alice)).refused(Reason::OperationUnknown);
    walk.stop();
    let rules = |text: &str| {
        walk.workspace.file("candidate.cedar", text);
        with(
            &walk,
            "candidate.yaml",
            json!({ "apis": { "shop": { "rules": { "policies": ["candidate.cedar"] } } } }),
        )
    };
    let why =
        |told: &WhatIf| told.not_replayed.iter().map(|one| one.why.clone()).collect::<Vec<_>>().join("\n");
    let pattern = rules("permit(principal, action, resource) when { principal.subject like \"a*\" };");
    assert!(pattern.changes.is_empty() && why(&pattern).contains("looks into texts"), "{pattern:#?}");
    assert!(why(&pattern).contains("credential") && why(&pattern).contains("before"), "{pattern:#?}");
    let header = rules(
        "permit(principal, action, resource) when { context.header has \"x-new\" && context.header[\"x-new\"].contains(\"1\") };",
    );
    assert!(why(&header).contains("header `x-new` was not taken down"), "{header:#?}");
    let address =
        rules("permit(principal, action, resource) when { context.client.isInRange(ip(\"127.0.0.1/32\")) };");
    assert!(why(&address).contains("127.0.0.1/32"), "{address:#?}");
    let network =
        rules("permit(principal, action, resource) when { context.client.isInRange(ip(\"127.0.0.0/8\")) };");
    assert_eq!(network.same, 1, "{network:#?}");
}

#[test]
fn no_value_of_a_request_and_no_name_of_a_caller_is_in_the_journal() {
    let mut walk = setup().start();
    let token = bearer(&walk, "alice-of-wonderland", &["customer"]);
    walk.send(get("/users/somebody-else?region=far-away").bearer(&token)).refused(Reason::PermitMissing);
    let body = r#"{"name":"tell-tale"}"#;
    walk.send(post_json("/users/another-one", body).with("X-Desk: behind-it").bearer(&token))
        .refused(Reason::PermitMissing);
    walk.stop();
    let folder = walk.workspace.path(".portcullis/journal");
    let text = journal_text(&folder);
    assert!(text.contains("\"customer\"") && text.contains("/users/{id}"), "{text}");
    for secret in [
        token.as_str(),
        "alice-of-wonderland",
        "somebody-else",
        "far-away",
        "tell-tale",
        "behind-it",
        "another-one",
        "secret-department",
        "127.0.0.1",
    ] {
        assert!(!text.contains(secret), "`{secret}` is in the journal: {text}");
    }
}

fn journal_text(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    text
}

#[test]
fn a_receipt_is_explained_after_a_restart_and_a_missing_one_says_why() {
    let mut walk = setup().policy(json!({ "journal": { "allows": "none", "subjects": "named" } })).start();
    let alice = bearer(&walk, "alice", &["customer"]);
    let refused = walk.send(get("/users/bob").bearer(&alice));
    refused.refused(Reason::PermitMissing);
    let answered = walk.send(get("/users/alice").bearer(&alice));
    answered.passed();
    walk.restart();
    walk.send(get("/users/carol").bearer(&alice)).refused(Reason::PermitMissing);
    walk.stop();
    let decision: Decision = explained(&walk, &receipt(&refused)).decision;
    assert_eq!(decision.caller.unwrap().name.as_deref(), Some("alice"));
    let why = |receipt: &str| match explain_receipt(&options(&walk), receipt) {
        Err(NotExplained::Missing { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(&receipt(&answered)), Missing::NotKept { one_in: 0 });
    assert!(matches!(why("01800000-0000-7000-8000-000000000001"), Missing::AgedOut { .. }));
    assert!(matches!(explain_receipt(&options(&walk), "42"), Err(NotExplained::NoReceipt(_))));
}

#[test]
fn a_journal_that_cannot_be_kept_is_a_mistake_and_none_is_kept_when_it_is_off() {
    let mut walk = setup().policy(json!({ "journal": { "mode": "off" } })).start();
    walk.send(get("/users/alice")).refused(Reason::CredentialMissing);
    walk.stop();
    assert!(!walk.workspace.path(".portcullis/journal").exists());
    let refused = setup().policy(json!({ "journal": { "size": "1 KiB", "age": "0s" } })).try_start();
    let Err(portcullis_gateway::StartError::Configuration(mistakes)) = refused else { panic!("it starts") };
    assert_eq!(mistakes.errors().count(), 2);
}
