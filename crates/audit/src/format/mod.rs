//! The same record in other words: what a collector wants to read.
//!
//! In: one recorded line. Out: the line itself, or an event of the Open Cybersecurity Schema Framework
//! ([`ocsf`]). Called by whoever carries lines to a sink, on that sink's own thread; neither requests nor the
//! writer of the record wait for a translation. How words travel is not said here: see [`crate::ship`].

mod cef;
pub mod ocsf;

use std::borrow::Cow;

/// In which words a sink is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The recorded line as it is, with its place in the chain.
    #[default]
    Portcullis,
    /// OCSF.
    Ocsf,
    /// Common Event Format; alerts only, other lines are told as they are.
    Cef,
}

impl Format {
    /// One recorded line, with or without its line break, in these words; without a line break.
    ///
    /// What is no record is told as it is rather than lost.
    #[must_use]
    pub fn word(self, line: &[u8]) -> Cow<'_, [u8]> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match self {
            Self::Portcullis => Cow::Borrowed(line),
            Self::Ocsf => ocsf::translate(line).map_or(Cow::Borrowed(line), Cow::Owned),
            Self::Cef => cef::translate(line).map_or(Cow::Borrowed(line), Cow::Owned),
        }
    }
}
