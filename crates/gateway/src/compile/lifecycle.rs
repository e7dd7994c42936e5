//! From what is said of a life to what clients are told, and when it ends.
//!
//! In: `lifecycle:` of an API and its overrides; the contract's [`Lifecycle`]s, which are made with them. Out: a
//! [`Life`] for the API and for each route. Which word wins is for `contract` to say; here is only the rim.
//! RFC 9745 (`Deprecation`), RFC 8594 (`Sunset`), RFC 8288 and RFC 5829 (`Link`). Decision 0019.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, header};
use portcullis_config::codes::version as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{
    Contract, Lifecycle, LifecycleChange, Operation, Selected, State, is_link, moment,
};
use portcullis_domain::Timestamp;

use super::brownouts;
use super::selectors::{matching, selected};
use crate::config::{ApiConfig, BrownoutConfig, LifecycleConfig, StateConfig};
use crate::life::{Brownouts, Life};

/// What `portcullis.yaml` says of the lives of an API and its operations.
pub(crate) struct Decided<'c> {
    config: &'c ApiConfig,
    api: LifecycleChange,
    /// By selector.
    overrides: BTreeMap<&'c str, LifecycleChange>,
}

impl<'c> Decided<'c> {
    /// Reads it once, whatever number of operations it holds for.
    pub(crate) fn read(config: &'c ApiConfig, place: &Place, diagnostics: &mut Diagnostics) -> Self {
        let mut read = |config: Option<&LifecycleConfig>, place: &Place| {
            config.map(|config| change(config, &place.child("lifecycle"), diagnostics)).unwrap_or_default()
        };
        let api = read(config.lifecycle.as_ref(), place);
        let overrides = config.overrides.iter().map(|(selector, settings)| {
            let place = place.child("overrides").child(selector);
            (selector.as_str(), read(settings.lifecycle.as_ref(), &place))
        });
        Self { config, api, overrides: overrides.collect() }
    }

    /// What it says of an operation, or with `None` of the API; the most specific selector first.
    pub(crate) fn of(&self, operation: Option<&Selected<'_>>) -> LifecycleChange {
        let Some(operation) = operation else { return self.api.clone() };
        matching(self.config, operation)
            .filter_map(|(selector, _)| self.overrides.get(selector.as_str()))
            .fold(LifecycleChange::default(), |before, change| change.clone().or(before))
    }
}

fn change(config: &LifecycleConfig, place: &Place, diagnostics: &mut Diagnostics) -> LifecycleChange {
    LifecycleChange {
        state: config.state.map(|state| match state {
            StateConfig::Preview => State::Preview,
            StateConfig::Active => State::Active,
            StateConfig::Deprecated => State::Deprecated,
            StateConfig::Retired => State::Retired,
        }),
        deprecated_at: date(config.deprecated_at.as_ref(), &place.child("deprecated_at"), diagnostics),
        sunset_at: date(config.sunset_at.as_ref(), &place.child("sunset_at"), diagnostics),
        successor: link(config.successor.as_ref(), &place.child("successor"), diagnostics),
        policy: link(config.policy.as_ref(), &place.child("policy"), diagnostics),
    }
}

/// A day or a moment; one that is none is reported.
pub(crate) fn date(text: Option<&String>, place: &Place, diagnostics: &mut Diagnostics) -> Option<Timestamp> {
    let text = text?;
    let found = moment(text);
    if found.is_none() {
        diagnostics.push(
            Diagnostic::error(codes::LIFECYCLE_MALFORMED, format!("`{text}` is no date"))
                .at(place.clone())
                .help("write `2027-01-31` or `2027-01-31T12:00:00Z` (RFC 3339)"),
        );
    }
    found
}

/// What can stand in a `Link`; what cannot is reported.
pub(crate) fn link(text: Option<&String>, place: &Place, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = text?;
    if is_link(text) {
        return Some(text.clone());
    }
    diagnostics.push(
        Diagnostic::error(codes::LIFECYCLE_MALFORMED, format!("`{text}` is no link"))
            .at(place.clone())
            .help("write a URL or a path, with everything else than ASCII percent-encoded (RFC 3986)"),
    );
    None
}

/// The life of the API as a whole: of its paths that no operation has, and of all while it says nothing of each.
pub(crate) fn of_api(
    config: &ApiConfig,
    lifecycle: &Lifecycle,
    place: &Place,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) -> Life {
    let said = config.lifecycle.as_ref().map(|config| config.brownouts.as_slice()).unwrap_or_default();
    let place = place.child("lifecycle").child("brownouts");
    life(lifecycle, brownouts_until(said, lifecycle, &place, now, diagnostics))
}

/// The life of one operation.
pub(crate) fn of_operation(
    config: &ApiConfig,
    operation: &Operation,
    of_api: &Life,
    place: &Place,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) -> Life {
    let lifecycle = &operation.lifecycle;
    let selected = selected(operation);
    let settings = matching(config, &selected).filter_map(|(selector, settings)| {
        let lifecycle = settings.lifecycle.as_ref().filter(|lifecycle| !lifecycle.brownouts.is_empty())?;
        Some((selector, lifecycle))
    });
    // The most specific selector decides, as everywhere.
    let brownouts = match settings.last() {
        Some((selector, said)) => {
            let place = place.child("overrides").child(selector).child("lifecycle").child("brownouts");
            brownouts_until(&said.brownouts, lifecycle, &place, now, diagnostics)
        }
        None if lifecycle.sunset_at.is_some() => of_api.brownouts.clone(),
        // An operation that stays has no part in the end of the others.
        None => Brownouts::default(),
    };
    life(lifecycle, brownouts)
}

fn brownouts_until(
    said: &[BrownoutConfig],
    lifecycle: &Lifecycle,
    place: &Place,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) -> Brownouts {
    if said.is_empty() {
        return Brownouts::default();
    }
    let Some(sunset) = lifecycle.sunset_at else {
        diagnostics.push(
            Diagnostic::error(codes::BROWNOUT_MALFORMED, "there are brownouts and no sunset")
                .at(place.key())
                .help("say when it ends for good: `sunset_at`"),
        );
        return Brownouts::default();
    };
    let begin = lifecycle.deprecated_at.map_or(now, |deprecated| deprecated.max(now));
    brownouts::compile(said, brownouts::Term { begin, sunset }, place, diagnostics)
}

/// A life without brownouts is also what is left of a version that is gone.
pub(crate) fn life(lifecycle: &Lifecycle, brownouts: Brownouts) -> Life {
    let end = match lifecycle.state {
        State::Retired => Some(Timestamp::default()),
        State::Preview | State::Active | State::Deprecated => lifecycle.sunset_at,
    };
    let sunset = lifecycle.sunset_at.map(http_date);
    let told = [
        ("sunset", sunset),
        ("successor", lifecycle.successor.clone()),
        ("policy", lifecycle.policy.clone()),
    ];
    Life {
        fields: fields(lifecycle),
        end,
        brownouts,
        told: told.into_iter().filter_map(|(name, text)| Some((name, text?))).collect(),
    }
}

/// `Deprecation` (RFC 9745 §2.1), `Sunset` (RFC 8594 §3), and where to go (RFC 9745 §3, RFC 8594 §6, RFC 5829
/// §3.3).
fn fields(lifecycle: &Lifecycle) -> Vec<(HeaderName, HeaderValue)> {
    let deprecation = lifecycle.deprecated_at.map(|at| format!("@{}", at.as_seconds()));
    let sunset = lifecycle.sunset_at.map(http_date);
    let mut links = Vec::new();
    if let Some(policy) = &lifecycle.policy {
        if matches!(lifecycle.state, State::Deprecated | State::Retired) {
            links.push(format!("<{policy}>; rel=\"deprecation\""));
        }
        if lifecycle.sunset_at.is_some() {
            links.push(format!("<{policy}>; rel=\"sunset\""));
        }
    }
    if let Some(successor) = &lifecycle.successor {
        links.push(format!("<{successor}>; rel=\"successor-version\""));
    }
    let link = (!links.is_empty()).then(|| links.join(", "));
    let fields = [
        (HeaderName::from_static("deprecation"), deprecation),
        (HeaderName::from_static("sunset"), sunset),
        (header::LINK, link),
    ];
    let value = |text: Option<String>| HeaderValue::from_str(&text?).ok();
    fields.into_iter().filter_map(|(name, text)| Some((name, value(text)?))).collect()
}

/// IMF-fixdate (RFC 9110 §5.6.7).
fn http_date(at: Timestamp) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(at.as_seconds()))
}

/// Says that clients are not told of deprecations that nobody has dated.
pub(crate) fn report_undated(contract: &Contract, place: &Place, diagnostics: &mut Diagnostics) {
    let is_undated = |operation: &&std::sync::Arc<Operation>| {
        operation.lifecycle.state == State::Deprecated && operation.lifecycle.deprecated_at.is_none()
    };
    let mut undated = contract.operations().iter().filter(is_undated);
    let Some(first) = undated.next() else { return };
    let more = match undated.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    diagnostics.push(
        Diagnostic::warning(
            codes::DEPRECATION_UNDATED,
            format!("`{}`{more}: deprecated, and nobody says since when", first.id),
        )
        .at(place.key())
        .help(
            "add `lifecycle: {deprecated_at: …}` here or under `overrides`; until then clients are not told",
        ),
    );
}
