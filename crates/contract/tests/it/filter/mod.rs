//! The streaming filter: a schema, an answer, and what of it leaves.

mod changes;
mod examples;
mod naive;
mod properties;
mod reading;
mod rules;

use std::sync::Arc;

use bytes::BytesMut;
use portcullis_config::{Color, Diagnostics};
use portcullis_contract::filter::{FilterFault, FilterPlan, Found, Kind, OnUndeclared, Sight, Viewer};
use portcullis_contract::{NoReferences, Objects};
use portcullis_domain::{Scopes, Subject};

use crate::support::document;

/// The plan for a schema; `more` are further schemas beside it.
#[track_caller]
fn plan_in(version: &str, schema: &str, more: &str) -> (Option<Arc<FilterPlan>>, Diagnostics) {
    let text = format!(
        r#"{{"openapi":"{version}","info":{{"title":"t","version":"1"}},"paths":{{}},
            "components":{{"schemas":{{"It":{schema}{more}}}}}}}"#
    );
    let mut diagnostics = Diagnostics::new();
    let plan = FilterPlan::compile(
        &document("openapi.json", &text),
        &NoReferences,
        "/components/schemas/It",
        Objects::Closed,
        &mut diagnostics,
    );
    (plan, diagnostics)
}

#[track_caller]
fn plan(schema: &str) -> Arc<FilterPlan> {
    plan_with(schema, "")
}

#[track_caller]
fn plan_with(schema: &str, more: &str) -> Arc<FilterPlan> {
    let (plan, diagnostics) = plan_in("3.1.1", schema, more);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(Color::Never));
    plan.unwrap()
}

/// A caller with these scopes and roles.
fn sight(plan: &FilterPlan, scopes: &str, roles: &str, subject: Option<&str>) -> Sight {
    let (scopes, roles) = (Scopes::parse(scopes), Scopes::parse(roles));
    let subject = subject.map(Subject::from);
    let viewer = Viewer {
        scopes: &scopes,
        roles: &roles,
        subject: subject.as_ref(),
        path_parameter: &|name| (name == "userId").then_some("ada"),
    };
    Sight::of(plan.audiences(), &viewer)
}

/// What leaves of an answer that comes in pieces of `size` bytes.
fn filtered(
    plan: &Arc<FilterPlan>,
    sight: &Sight,
    undeclared: OnUndeclared,
    answer: &[u8],
    size: usize,
) -> Result<(String, Found), FilterFault> {
    let mut filter = plan.start(sight.clone(), undeclared);
    let mut out = BytesMut::new();
    for piece in answer.chunks(size.max(1)) {
        filter.push(piece, &mut out)?;
    }
    let found = filter.finish(&mut out)?;
    Ok((String::from_utf8(out.to_vec()).unwrap(), found))
}

/// Asserts what leaves, whatever the pieces are, and what is found: kinds and pointers.
#[track_caller]
fn check_as(
    plan: &Arc<FilterPlan>,
    sight: &Sight,
    undeclared: OnUndeclared,
    answer: &str,
    expected: &str,
    found: &[(Kind, &str)],
) {
    for size in [answer.len(), 1, 2, 3, 5, 7, 11, 64] {
        let (out, what) = filtered(plan, sight, undeclared, answer.as_bytes(), size).unwrap();
        assert_eq!(out, expected, "in pieces of {size}");
        let listed: Vec<_> = what.places.iter().map(|place| (place.kind, place.pointer.as_str())).collect();
        assert_eq!(listed, found, "in pieces of {size}");
    }
}

#[track_caller]
fn removes(plan: &Arc<FilterPlan>, answer: &str, expected: &str, found: &[(Kind, &str)]) {
    check_as(plan, &Sight::none(), OnUndeclared::Remove, answer, expected, found);
}

/// Asserts that the answer passes as it is, and what is reported of it.
#[track_caller]
fn reports(plan: &Arc<FilterPlan>, answer: &str, found: &[(Kind, &str)]) {
    check_as(plan, &Sight::none(), OnUndeclared::Report, answer, answer, found);
}
