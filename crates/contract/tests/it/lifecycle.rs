//! Deprecation and sunset.

use portcullis_contract::{CompileOptions, Lifecycle, LifecycleChange, Selected, State, is_link, moment};
use portcullis_domain::Timestamp;

use crate::support::{contract, contract_with, finds};

fn document(top: &str, operation: &str) -> String {
    format!(
        "openapi: 3.1.1\ninfo: {{title: t, version: '2'}}\n{top}\npaths:\n  /it:\n    get: {{x-portcullis-access: public, {operation}}}\n"
    )
}

#[test]
fn dates_and_successor_are_read() {
    let contract = contract(&document(
        "x-portcullis-lifecycle: {deprecated_at: 2027-01-01, sunset_at: '2027-07-01T12:00:00+02:00', successor: /v3}",
        "",
    ));
    let lifecycle = &contract.operations()[0].lifecycle;
    assert_eq!(lifecycle, &contract.lifecycle);
    assert_eq!(lifecycle.state, State::Deprecated);
    assert_eq!(lifecycle.deprecated_at, Some(Timestamp::from_seconds(1_798_761_600)));
    assert_eq!(lifecycle.sunset_at, Some(Timestamp::from_seconds(1_814_436_000)));
    assert_eq!(lifecycle.successor.as_deref(), Some("/v3"));
    assert_eq!((contract.title.as_str(), contract.version.as_str()), ("t", "2"));
}

#[test]
fn deprecated_is_a_state_of_its_own() {
    assert_eq!(
        contract(&document("", "deprecated: true")).operations()[0].lifecycle.state,
        State::Deprecated
    );
    assert_eq!(contract(&document("", "")).operations()[0].lifecycle.state, State::Active);
    let retired = contract(&document("", "x-portcullis-lifecycle: {state: retired}, deprecated: true"));
    assert_eq!(retired.operations()[0].lifecycle.state, State::Retired);
}

// proves-part: VER-04 (reversed dates are refused; the header is the gateway's)
#[test]
fn a_sunset_before_the_deprecation_is_refused() {
    finds(
        &document("", "x-portcullis-lifecycle: {deprecated_at: 2027-02-01, sunset_at: 2027-01-01}"),
        &["C0326"],
    );
    finds(&document("", "x-portcullis-lifecycle: {deprecated_at: 2027-01-01, sunset_at: 2027-01-01}"), &[]);
}

#[test]
fn slips_in_the_extension_are_mistakes() {
    for slip in [
        "deprecated_at: soon",
        "sunset: 2027-01-01",
        "state: gone",
        "successor: 1",
        "deprecated_at: 2027-13-01",
    ] {
        finds(&document("", &format!("x-portcullis-lifecycle: {{{slip}}}")), &["C0304"]);
    }
    finds(&document("", "x-portcullis-lifecycle: deprecated"), &["C0304"]);
}

#[test]
fn the_names_that_other_tools_write_say_the_same() {
    let contract = contract(&document(
        "x-sunset-at: 2028-01-01",
        "deprecated: true, x-deprecated-at: 2027-01-01, x-portcullis-lifecycle: {successor: /v3}",
    ));
    let lifecycle = &contract.operations()[0].lifecycle;
    assert_eq!(lifecycle.deprecated_at, Some(Timestamp::from_seconds(1_798_761_600)));
    assert_eq!(lifecycle.sunset_at, contract.lifecycle.sunset_at, "the document's, where it says nothing");
    assert_eq!((lifecycle.state, lifecycle.successor.as_deref()), (State::Deprecated, Some("/v3")));
    finds(&document("", "x-sunset-at: 1"), &["C0304"]);
    finds(&document("", "x-deprecated-at: 2028-01-01, x-sunset-at: 2027-01-01"), &["C0326"]);
}

#[test]
fn said_nearer_wins_and_the_configuration_wins_at_the_same_distance() {
    let text = document(
        "x-portcullis-lifecycle: {deprecated_at: 2027-01-01, sunset_at: 2028-01-01}",
        "x-deprecated-at: 2027-02-01",
    );
    let decided = |selected: Option<&Selected<'_>>| match selected {
        None => LifecycleChange { deprecated_at: moment("2026-01-01"), ..LifecycleChange::default() },
        Some(_) => LifecycleChange { successor: Some("/v2".to_owned()), ..LifecycleChange::default() },
    };
    let contract = contract_with(&text, &CompileOptions { lifecycle: &decided, ..CompileOptions::default() });
    assert_eq!(contract.lifecycle.deprecated_at, moment("2026-01-01"));
    let lifecycle = &contract.operations()[0].lifecycle;
    assert_eq!(lifecycle.deprecated_at, moment("2027-02-01"));
    assert_eq!((lifecycle.sunset_at, lifecycle.successor.as_deref()), (moment("2028-01-01"), Some("/v2")));
}

#[test]
fn an_operation_that_calls_itself_active_has_no_part_in_the_end_of_the_others() {
    let contract = contract(&document(
        "x-portcullis-lifecycle: {deprecated_at: 2027-01-01, sunset_at: 2028-01-01, successor: /v2}",
        "x-portcullis-lifecycle: {state: active}",
    ));
    assert_eq!(contract.operations()[0].lifecycle, Lifecycle::default());
}

#[test]
fn a_link_cannot_end_its_field() {
    for good in ["/v2", "https://example.com/v2?a=b#c", "../v2"] {
        assert!(is_link(good), "{good}");
    }
    for bad in ["", "/v2>; rel=\"next\"", "/v 2", "/v2\r\nX: y", "/ü"] {
        assert!(!is_link(bad), "{bad:?}");
        finds(&document("", &format!("x-portcullis-lifecycle: {{successor: {bad:?}}}")), &["C0304"]);
    }
}
