//! What the filter met that the contract does not have, or hides.
//!
//! Places and counts, never values. The list is bounded; the counts are exact.

/// Entries of one list.
pub(super) const LISTED: usize = 20;

/// What was met in one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The first place of each kind in each schema: at most twenty.
    pub places: Vec<FoundPlace>,
    /// How often each [`Kind`] was met, listed or not; ask with [`Found::count`].
    pub(super) counts: [u64; Kind::ALL.len()],
}

/// Something that was met, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPlace {
    /// What.
    pub kind: Kind,
    /// A JSON pointer in which `[]` stands for every item of an array and `*` for a name that no schema
    /// has and that might itself be a value.
    pub pointer: String,
    /// What a [`super::Detect`] called it.
    pub class: Option<&'static str>,
}

/// What can be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A member that no schema declares, in an object that is closed.
    Undeclared,
    /// A value of another kind than every schema of it says.
    Mistyped,
    /// A `writeOnly` member.
    WriteOnly,
    /// A value that the caller may not see.
    Hidden,
    /// A value that the caller sees masked.
    Masked,
    /// A value that may be the caller's to see, but was larger than what is held until that is known.
    TooLargeToHold,
    /// Something that a [`super::Detect`] knows, where no schema describes what stands there.
    Detected,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Undeclared,
        Self::Mistyped,
        Self::WriteOnly,
        Self::Hidden,
        Self::Masked,
        Self::TooLargeToHold,
        Self::Detected,
    ];

    /// A stable word for records and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undeclared => "undeclared",
            Self::Mistyped => "mistyped",
            Self::WriteOnly => "write_only",
            Self::Hidden => "hidden",
            Self::Masked => "masked",
            Self::TooLargeToHold => "too_large_to_hold",
            Self::Detected => "detected",
        }
    }
}

impl Found {
    /// How often `kind` was met.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(kind as usize).copied().unwrap_or_default()
    }

    /// Whether nothing was met.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

/// Collects what is met.
#[derive(Default)]
pub(super) struct Finder {
    found: Found,
    /// What tells listed places apart, without building their pointers: those of one member in one schema
    /// are one, wherever it stands.
    keys: Vec<(Kind, u64)>,
}

/// How many entries may be of what was promised to be taken away: they must not crowd out the others.
const PROMISED: usize = LISTED / 2;

impl Finder {
    /// Counts `kind`; `place` is asked for the first of each `key`.
    pub(super) fn add(&mut self, kind: Kind, key: u64, place: impl FnOnce() -> FoundPlace) {
        if let Some(count) = self.found.counts.get_mut(kind as usize) {
            *count += 1;
        }
        let is_known = || self.keys.contains(&(kind, key));
        if self.keys.len() >= LISTED || is_known() || (kind.is_promised() && self.promised() >= PROMISED) {
            return;
        }
        self.keys.push((kind, key));
        self.found.places.push(place());
    }

    fn promised(&self) -> usize {
        self.keys.iter().filter(|(kind, _)| kind.is_promised()).count()
    }

    pub(super) fn finish(self) -> Found {
        self.found
    }
}

impl Kind {
    const fn is_promised(self) -> bool {
        match self {
            Self::WriteOnly | Self::Hidden | Self::Masked => true,
            Self::Undeclared | Self::Mistyped | Self::TooLargeToHold | Self::Detected => false,
        }
    }
}
