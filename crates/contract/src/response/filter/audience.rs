//! Who may see a value, and what is known of the caller who asks.
//!
//! In: `x-portcullis-visible-to` as the planner read it. Out: an [`Audience`], which the gateway holds
//! against the caller once per request, and the [`Sight`] that comes of it. Which roles a caller has is
//! not known here: the gateway says.

use portcullis_domain::{Scopes, Subject};
use smallvec::SmallVec;

/// Who may see a value: whoever any of these holds for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Audience {
    /// Scopes, each of which is enough.
    pub scopes: Scopes,
    /// Roles, each of which is enough.
    pub roles: Scopes,
    /// The one whom it is about.
    pub owner: Option<Owner>,
}

/// Where the owner of a value is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// In a member of the same object. The filter finds it.
    Property(Box<str>),
    /// In a parameter of the path. The gateway finds it.
    Path(Box<str>),
}

/// The caller, as an [`Audience`] sees one.
#[derive(Clone, Copy)]
pub struct Viewer<'a> {
    /// What was delegated.
    pub scopes: &'a Scopes,
    /// The roles.
    pub roles: &'a Scopes,
    /// Whom the credential stands for; `None` for a caller without one.
    pub subject: Option<&'a Subject>,
    /// The value of a parameter of the path, decoded.
    pub path_parameter: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl Audience {
    /// Whether it is known, before any answer is seen, that `viewer` belongs to it.
    #[must_use]
    pub fn admits(&self, viewer: &Viewer<'_>) -> bool {
        let has_any = |own: &Scopes, wanted: &Scopes| wanted.iter().any(|one| own.contains(one));
        has_any(viewer.scopes, &self.scopes)
            || has_any(viewer.roles, &self.roles)
            || match &self.owner {
                Some(Owner::Path(name)) => viewer
                    .subject
                    .is_some_and(|subject| (viewer.path_parameter)(name) == Some(subject.as_str())),
                Some(Owner::Property(_)) | None => false,
            }
    }
}

/// Which audiences of a plan the caller belongs to.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    admitted: SmallVec<[u64; 2]>,
    subject: Option<Subject>,
}

impl Sight {
    /// The sight of a caller who belongs to no audience.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Holds `viewer` against each of a plan's audiences.
    #[must_use]
    pub fn of(audiences: &[Audience], viewer: &Viewer<'_>) -> Self {
        let mut sight = Self { admitted: SmallVec::new(), subject: viewer.subject.cloned() };
        for (index, audience) in audiences.iter().enumerate() {
            if audience.admits(viewer) {
                sight.admit(index);
            }
        }
        sight
    }

    fn admit(&mut self, index: usize) {
        let word = index / 64;
        if self.admitted.len() <= word {
            self.admitted.resize(word + 1, 0);
        }
        if let Some(bits) = self.admitted.get_mut(word) {
            *bits |= 1 << (index % 64);
        }
    }

    pub(super) fn admits(&self, index: usize) -> bool {
        self.admitted.get(index / 64).is_some_and(|bits| bits >> (index % 64) & 1 == 1)
    }

    pub(super) fn subject(&self) -> Option<&str> {
        self.subject.as_ref().map(Subject::as_str)
    }
}
