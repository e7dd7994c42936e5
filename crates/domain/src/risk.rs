//! How much a caller's behavior looks like an attack.
//!
//! Made by the detectors of `audit`, from what was seen before; read by rules as `context.risk`, and by whoever
//! decides what a suspect may do. Says nothing of what this one request asks for.

/// From 0, nothing was noticed, to 100, an attack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Risk(u8);

impl Risk {
    /// Nothing was noticed.
    pub const NONE: Self = Self(0);
    /// An attack.
    pub const HIGHEST: Self = Self(100);

    /// `score`, a hundred at most.
    #[must_use]
    pub const fn new(score: u8) -> Self {
        if score > Self::HIGHEST.0 { Self::HIGHEST } else { Self(score) }
    }

    /// From 0 to 100.
    #[must_use]
    pub const fn score(self) -> u8 {
        self.0
    }
}
