//! Deprecation and sunset.

use portcullis_contract::State;
use portcullis_domain::Timestamp;

use crate::support::{contract, finds};

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
