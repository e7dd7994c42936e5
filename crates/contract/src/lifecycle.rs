//! Where an API or an operation stands in its life.
//!
//! In: `deprecated` and `x-portcullis-lifecycle`. Out: [`Lifecycle`], from which the gateway makes
//! `Deprecation` (RFC 9745), `Sunset` (RFC 8594), links to the successor (RFC 5829) and 410 answers
//! (VER-02 to VER-05). There is no clock here: dates are compared with each other only.

use portcullis_config::{Diagnostic, codes};
use portcullis_domain::Timestamp;

use crate::reading::{Findings, Node};

/// The extension's name.
pub(crate) const LIFECYCLE: &str = "x-portcullis-lifecycle";

/// Where an API or an operation stands, and when that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// What the document calls it.
    pub state: State,
    /// From when on it should not be used for new work.
    pub deprecated_at: Option<Timestamp>,
    /// From when on it is gone.
    pub sunset_at: Option<Timestamp>,
    /// What to use instead: a URL or a path.
    pub successor: Option<String>,
}

/// A state of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not promised yet.
    Preview,
    /// In use.
    #[default]
    Active,
    /// Still answered; going away.
    Deprecated,
    /// Answered with 410 whatever the date.
    Retired,
}

impl State {
    const ALL: [Self; 4] = [Self::Preview, Self::Active, Self::Deprecated, Self::Retired];

    /// The word in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }
}

impl Lifecycle {
    /// Reads what `node`, an operation or the document, says; `outer` holds where it says nothing.
    pub(crate) fn read(node: &Node<'_>, outer: &Self, findings: &mut Findings<'_>) -> Self {
        let mut lifecycle = match node.child(LIFECYCLE) {
            Some(extension) => Self::read_extension(&extension, findings),
            None => outer.clone(),
        };
        if node.says("deprecated") && matches!(lifecycle.state, State::Active | State::Preview) {
            lifecycle.state = State::Deprecated;
        }
        lifecycle
    }

    fn read_extension(node: &Node<'_>, findings: &mut Findings<'_>) -> Self {
        let mut lifecycle = Self::default();
        let mut stated = None;
        if node.object().is_none() {
            findings.refuse(malformed(node, format!("`{LIFECYCLE}` is an object")));
        }
        for (name, child) in node.members() {
            let text = child.value().as_str().unwrap_or_default();
            match name {
                "state" => {
                    stated = State::ALL.into_iter().find(|state| state.name() == text);
                    if stated.is_none() {
                        let known: Vec<_> =
                            State::ALL.iter().map(|state| format!("`{}`", state.name())).collect();
                        findings.refuse(malformed(&child, format!("`state` is one of {}", known.join(", "))));
                    }
                }
                "deprecated_at" => lifecycle.deprecated_at = date(&child, findings),
                "sunset_at" => lifecycle.sunset_at = date(&child, findings),
                "successor" if !text.is_empty() => lifecycle.successor = Some(text.to_owned()),
                "successor" => {
                    findings.refuse(malformed(&child, "`successor` is a URL or a path".to_owned()))
                }
                _ => findings.refuse(
                    malformed(&child, format!("there is no `{name}` in `{LIFECYCLE}`"))
                        .help("known are `state`, `deprecated_at`, `sunset_at` and `successor`"),
                ),
            }
        }
        if let (Some(deprecated), Some(sunset)) = (lifecycle.deprecated_at, lifecycle.sunset_at)
            && sunset < deprecated
        {
            findings.refuse(
                Diagnostic::error(
                    codes::contract::LIFECYCLE_REVERSED,
                    "the sunset comes before the deprecation",
                )
                .at(node.place().child("sunset_at"))
                .related(node.place().child("deprecated_at"), "deprecated only from here on")
                .help("clients must be warned before the end (RFC 9745 §4)"),
            );
        }
        let dated = lifecycle.deprecated_at.is_some() || lifecycle.sunset_at.is_some();
        lifecycle.state = stated.unwrap_or(if dated { State::Deprecated } else { State::Active });
        lifecycle
    }
}

/// A day (its first moment in UTC) or a moment with offset (RFC 3339).
fn date(node: &Node<'_>, findings: &mut Findings<'_>) -> Option<Timestamp> {
    let text = node.value().as_str().unwrap_or_default();
    let moment = text.parse::<jiff::Timestamp>().or_else(|_| {
        let day = text.parse::<jiff::civil::Date>()?;
        jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
    });
    let millis = moment.ok().and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    if millis.is_none() {
        findings.refuse(
            malformed(node, "this is no date".to_owned())
                .help("write `2027-01-31` or `2027-01-31T12:00:00Z` (RFC 3339)"),
        );
    }
    millis.map(Timestamp::from_millis)
}

fn malformed(node: &Node<'_>, what: String) -> Diagnostic {
    Diagnostic::error(codes::contract::EXTENSION_MALFORMED, what).at(node.place())
}
