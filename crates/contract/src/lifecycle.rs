//! Where an API or an operation stands in its life.
//!
//! In: `deprecated`, `x-deprecated-at`, `x-sunset-at` and `x-portcullis-lifecycle` of a document, and what
//! `portcullis.yaml` says beside it. Out: [`Lifecycle`], from which the gateway makes `Deprecation` (RFC
//! 9745), `Sunset` (RFC 8594), links (RFC 9745 §3, RFC 8594 §6, RFC 5829 §3.3) and 410 answers (VER-02 to
//! VER-06). There is no clock here: dates are compared with each other, and with a moment that is handed in.
//!
//! Said nearer wins, one by one: an operation's own date over its path's, over the document's. At the same
//! distance `portcullis.yaml` wins over the document (decision 0019).

use portcullis_config::{Diagnostic, Place, codes};
use portcullis_domain::Timestamp;

use crate::reading::{Findings, Node};

/// The extension's name.
pub(crate) const LIFECYCLE: &str = "x-portcullis-lifecycle";
/// The same dates under the names that other tools write, too.
const DEPRECATED_AT: &str = "x-deprecated-at";
const SUNSET_AT: &str = "x-sunset-at";

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
    /// Where people read what the deprecation means for them: a URL or a path.
    pub policy: Option<String>,
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

/// What is said of a life at one place; what is not said holds as it did before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifecycleChange {
    /// The state. `active` and `preview` also take away the dates and links that were said further out.
    pub state: Option<State>,
    /// From when on it should not be used for new work.
    pub deprecated_at: Option<Timestamp>,
    /// From when on it is gone.
    pub sunset_at: Option<Timestamp>,
    /// What to use instead.
    pub successor: Option<String>,
    /// Where people read about it.
    pub policy: Option<String>,
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
    /// This life with a change.
    #[must_use]
    pub fn changed(&self, change: &LifecycleChange) -> Self {
        let outer = match change.state {
            Some(State::Active | State::Preview) => Self::default(),
            Some(State::Deprecated | State::Retired) | None => self.clone(),
        };
        let state = match (change.state, outer.state) {
            (Some(state), _) => state,
            (None, State::Active | State::Preview) if change.is_dated() => State::Deprecated,
            (None, state) => state,
        };
        Self {
            state,
            deprecated_at: change.deprecated_at.or(outer.deprecated_at),
            sunset_at: change.sunset_at.or(outer.sunset_at),
            successor: change.successor.clone().or(outer.successor),
            policy: change.policy.clone().or(outer.policy),
        }
    }

    /// Where it stands at `moment`.
    #[must_use]
    pub fn state_at(&self, moment: Timestamp) -> State {
        match self.sunset_at {
            Some(sunset) if sunset <= moment => State::Retired,
            Some(_) | None => self.state,
        }
    }

    /// Whether the end comes before the warning (RFC 9745 §4).
    #[must_use]
    pub fn is_reversed(&self) -> bool {
        matches!((self.deprecated_at, self.sunset_at), (Some(deprecated), Some(sunset)) if sunset < deprecated)
    }

    /// Reads what `node` says, the document, a path or an operation; `outer` holds where it says nothing, and
    /// `decided` is what `portcullis.yaml` says of the same.
    pub(crate) fn read(
        node: &Node<'_>,
        outer: &Self,
        decided: &LifecycleChange,
        findings: &mut Findings<'_>,
    ) -> Self {
        let own = LifecycleChange::read(node, findings);
        let lifecycle = outer.changed(&own).deprecated_if(node.says("deprecated")).changed(decided);
        if (own.is_dated() || decided.is_dated()) && lifecycle.is_reversed() {
            findings.refuse(reversed(node));
        }
        lifecycle
    }

    /// The same, as `deprecated: true` has it.
    #[must_use]
    pub(crate) fn deprecated_if(mut self, is_deprecated: bool) -> Self {
        if is_deprecated && matches!(self.state, State::Active | State::Preview) {
            self.state = State::Deprecated;
        }
        self
    }
}

impl LifecycleChange {
    /// This, and what `before` says where this says nothing.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            state: self.state.or(before.state),
            deprecated_at: self.deprecated_at.or(before.deprecated_at),
            sunset_at: self.sunset_at.or(before.sunset_at),
            successor: self.successor.or(before.successor),
            policy: self.policy.or(before.policy),
        }
    }

    /// Whether it says when.
    #[must_use]
    pub const fn is_dated(&self) -> bool {
        self.deprecated_at.is_some() || self.sunset_at.is_some()
    }

    fn read(node: &Node<'_>, findings: &mut Findings<'_>) -> Self {
        let standard = Self {
            deprecated_at: node.child(DEPRECATED_AT).and_then(|child| date(&child, findings)),
            sunset_at: node.child(SUNSET_AT).and_then(|child| date(&child, findings)),
            ..Self::default()
        };
        match node.child(LIFECYCLE) {
            Some(extension) => Self::read_extension(&extension, findings).or(standard),
            None => standard,
        }
    }

    fn read_extension(node: &Node<'_>, findings: &mut Findings<'_>) -> Self {
        let mut change = Self::default();
        if node.object().is_none() {
            findings.refuse(malformed(node, format!("`{LIFECYCLE}` is an object")));
        }
        for (name, child) in node.members() {
            match name {
                "state" => change.state = state(&child, findings),
                "deprecated_at" => change.deprecated_at = date(&child, findings),
                "sunset_at" => change.sunset_at = date(&child, findings),
                "successor" => change.successor = link(name, &child, findings),
                "policy" => change.policy = link(name, &child, findings),
                _ => {
                    findings.refuse(malformed(&child, format!("there is no `{name}` in `{LIFECYCLE}`")).help(
                        "known are `state`, `deprecated_at`, `sunset_at`, `successor` and `policy`; \
                         brownouts are said in portcullis.yaml",
                    ))
                }
            }
        }
        change
    }
}

/// A day (its first moment in UTC) or a moment with offset (RFC 3339).
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    let moment = text.parse::<jiff::Timestamp>().or_else(|_| {
        let day = text.parse::<jiff::civil::Date>()?;
        jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
    });
    let millis = moment.ok().and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    millis.map(Timestamp::from_millis)
}

/// Whether `text` can stand between `<` and `>` of a `Link` (RFC 3986 §2, RFC 8288 §3): what a document says
/// must not be able to end the field and begin another.
#[must_use]
pub fn is_link(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&byte))
}

fn state(node: &Node<'_>, findings: &mut Findings<'_>) -> Option<State> {
    let text = node.value().as_str().unwrap_or_default();
    let stated = State::ALL.into_iter().find(|state| state.name() == text);
    if stated.is_none() {
        let known: Vec<_> = State::ALL.iter().map(|state| format!("`{}`", state.name())).collect();
        findings.refuse(malformed(node, format!("`state` is one of {}", known.join(", "))));
    }
    stated
}

fn date(node: &Node<'_>, findings: &mut Findings<'_>) -> Option<Timestamp> {
    let found = node.value().as_str().and_then(moment);
    if found.is_none() {
        findings.refuse(
            malformed(node, "this is no date".to_owned())
                .help("write `2027-01-31` or `2027-01-31T12:00:00Z` (RFC 3339)"),
        );
    }
    found
}

fn link(name: &str, node: &Node<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let found = node.value().as_str().filter(|text| is_link(text)).map(str::to_owned);
    if found.is_none() {
        findings.refuse(malformed(node, format!("`{name}` is a URL or a path")));
    }
    found
}

fn malformed(node: &Node<'_>, what: String) -> Diagnostic {
    Diagnostic::error(codes::contract::EXTENSION_MALFORMED, what).at(node.place())
}

fn reversed(node: &Node<'_>) -> Diagnostic {
    let stated = |inner: &str, standard: &str| -> Option<Place> {
        let extension = node.child(LIFECYCLE).and_then(|extension| extension.child(inner));
        extension.or_else(|| node.child(standard)).map(|child| child.place())
    };
    let diagnostic =
        Diagnostic::error(codes::contract::LIFECYCLE_REVERSED, "the sunset comes before the deprecation")
            .at(stated("sunset_at", SUNSET_AT).unwrap_or_else(|| node.place().key()))
            .help("clients must be warned before the end (RFC 9745 §4)");
    match stated("deprecated_at", DEPRECATED_AT) {
        Some(place) => diagnostic.related(place, "deprecated only from here on"),
        None => diagnostic,
    }
}
