//! What was found in one answer, gathered for the record.

use portcullis_audit::{Finding, FindingKind};
use portcullis_contract::filter::{FilterFault, Found, Kind};
use portcullis_domain::Violation;

/// Adds one more of `kind`, found at `place`.
pub(super) fn note(findings: &mut Vec<Finding>, kind: FindingKind, place: String) {
    match findings.iter_mut().find(|finding| finding.kind == kind) {
        Some(finding) => {
            finding.count = finding.count.saturating_add(1);
            finding.places.push(place.into());
        }
        None => findings.push(Finding::at(kind, place)),
    }
}

/// Adds in what a head or a whole body breaks its promise.
pub(super) fn note_violations(findings: &mut Vec<Finding>, violations: &[Violation]) {
    for violation in violations {
        let kind = match (violation.location, violation.at.as_str(), violation.keyword.as_ref()) {
            ("status", _, _) => FindingKind::Status,
            ("header", "content-type", _) => FindingKind::MediaType,
            ("header", _, _) => FindingKind::Header,
            (_, _, "json") => FindingKind::Malformed,
            (_, _, _) => FindingKind::Schema,
        };
        let place = match violation.at.as_str() {
            "" => violation.keyword.clone().into_owned(),
            at => format!("{at} {}", violation.keyword),
        };
        note(findings, kind, place);
    }
}

/// Adds what the filter met.
pub(super) fn note_found(findings: &mut Vec<Finding>, found: &Found) {
    for kind in Kind::ALL {
        let count = found.count(kind);
        if count == 0 {
            continue;
        }
        let of_kind = found.places.iter().filter(|place| place.kind == kind);
        let places = of_kind.map(|place| match place.class {
            Some(class) => format!("{} {class}", place.pointer).into(),
            None => place.pointer.as_str().into(),
        });
        findings.push(Finding { kind: named(kind), count, places: places.collect() });
    }
}

/// Adds that an answer is no JSON that can be read in one way.
pub(super) fn note_fault(findings: &mut Vec<Finding>, fault: FilterFault) {
    note(findings, FindingKind::Malformed, fault.to_string());
}

const fn named(kind: Kind) -> FindingKind {
    match kind {
        Kind::Undeclared => FindingKind::Undeclared,
        Kind::Mistyped => FindingKind::Mistyped,
        Kind::WriteOnly => FindingKind::WriteOnly,
        Kind::Hidden => FindingKind::Hidden,
        Kind::Masked => FindingKind::Masked,
        Kind::TooLargeToHold => FindingKind::TooLargeToHold,
        Kind::Detected => FindingKind::Sensitive,
    }
}
