//! The stages of the walk, and how strictly each one works.

use std::fmt;

/// A stage of the walk, in the order in which a request meets them.
///
/// The name is module, method, metric label and log field alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Accepting the connection, TLS, framing, the strict reading of the head.
    Listen,
    /// How often, how many: by peer before, by caller after identification.
    Limit,
    /// Which declared operation this is.
    Route,
    /// Who is calling.
    Identify,
    /// May they.
    Authorize,
    /// Does the request keep the contract.
    Validate,
    /// Does it look like an attack.
    Inspect,
    /// Reaching the upstream.
    Forward,
    /// Does the response keep the contract, and what of it may leave.
    Release,
    /// Building the answer.
    Respond,
    /// Remembering.
    Record,
}

impl Stage {
    /// Every stage, in walking order.
    pub const ALL: [Self; 11] = [
        Self::Listen,
        Self::Limit,
        Self::Route,
        Self::Identify,
        Self::Authorize,
        Self::Validate,
        Self::Inspect,
        Self::Forward,
        Self::Release,
        Self::Respond,
        Self::Record,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Limit => "limit",
            Self::Route => "route",
            Self::Identify => "identify",
            Self::Authorize => "authorize",
            Self::Validate => "validate",
            Self::Inspect => "inspect",
            Self::Forward => "forward",
            Self::Release => "release",
            Self::Respond => "respond",
            Self::Record => "record",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How strictly a stage works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strength {
    /// A refusal refuses.
    #[default]
    Enforce,
    /// A refusal is recorded as `would_deny` and the request passes.
    Shadow,
}

impl Strength {
    /// The stable name, as written in configuration and record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
        }
    }
}
