//! What of a JSON answer its caller gets to see, decided while it streams through.
//!
//! In: pieces of an answer, cut anywhere. Out: what may leave, appended to the caller's buffer, and at
//! the end what was met that the contract does not have. Called by the gateway's `release` stage for
//! each answer whose [`FilterPlan`] has something to do. RFC 8259, read strictly. Pure: no input or
//! output, no clock. Not done here: checking values against schemas ([`crate::schema`] does, on whole
//! bodies), and finding out who the caller is.

//! The parts: [`plan`] hears the schemas ([`said`], [`extension`]) and makes a graph of [`shape`]s;
//! [`walk`] reads an answer by it. Memory does not grow with an answer: 128 containers within each other
//! ([`frame`]), 64 KiB of members that wait for their owner ([`hold`]), some thousand names ([`repeated`]),
//! a name and its comma ([`output`]), 1 KiB of a string ([`text`]): below 256 KiB in all.
//!
//! Why a reader of our own: decision record 0016.

mod audience;
mod draft;
mod extension;
mod found;
mod frame;
mod hold;
mod mask;
mod member;
mod number;
mod output;
mod owner;
mod plan;
mod pointer;
mod repeated;
mod said;
mod scalar;
mod shape;
mod skip;
mod text;
mod value;
mod walk;

use std::collections::HashSet;
use std::sync::Arc;

use bytes::BytesMut;

use shape::{RuleId, ShapeId, Shapes};
use walk::Walk;

pub use audience::{Audience, Owner, Sight, Viewer};
pub use found::{Found, FoundPlace, Kind};
pub(crate) use plan::{PlanRoot, Planner, Plans};
pub use portcullis_message::json::{JsonFault as FilterFault, JsonFaultKind as FilterFaultKind};

/// What one answer's schema says of what may be seen: compiled once, immutable, shared.
#[derive(Debug)]
pub struct FilterPlan {
    shapes: Arc<Shapes>,
    root: ShapeId,
    /// Those that this answer needs, and where they stand among those of all answers.
    audiences: Vec<Audience>,
    places: Vec<u16>,
    rules: Vec<RuleId>,
    is_trivial: bool,
}

/// What happens to members that no schema declares, in objects that are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUndeclared {
    /// They pass and are listed.
    Report,
    /// They do not pass, and are listed.
    Remove,
}

/// Looks for what should not be where no schema describes what stands there.
pub trait Detect: Send + Sync {
    /// What `text` is: a string without its quotes and escapes, or a number, cut off after 256 bytes.
    fn judge(&self, text: &[u8]) -> Judgement;
}

/// What a [`Detect`] says of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing.
    Harmless,
    /// Something of this class, which passes and is listed.
    Listed(&'static str),
    /// Something of this class, which is listed and replaced by `"***"`.
    Masked(&'static str),
}

/// One answer on its way through.
pub struct Filter {
    plan: Arc<FilterPlan>,
    walk: Walk,
}

impl FilterPlan {
    /// A plan that lets everything through: for JSON that no schema describes, where a [`Detect`] is all
    /// that there is to do.
    #[must_use]
    pub fn open() -> Arc<Self> {
        Arc::new(Self::of(&Arc::new(Shapes::open()), ShapeId::OPEN))
    }

    /// The plan of an answer of this shape.
    fn of(shapes: &Arc<Shapes>, root: ShapeId) -> Self {
        let mut plan = Self {
            shapes: Arc::clone(shapes),
            root,
            audiences: Vec::new(),
            places: Vec::new(),
            rules: Vec::new(),
            is_trivial: true,
        };
        let mut met = HashSet::from([root]);
        let mut waiting = vec![root];
        while let Some(id) = waiting.pop() {
            let shape = shapes.shape(id);
            plan.is_trivial &= !shape.says_something();
            if shape.rule != RuleId::NONE {
                plan.rules.push(shape.rule);
            }
            waiting.extend(shape.within().filter(|within| met.insert(*within)));
        }
        plan.rules.sort_unstable_by_key(|rule| rule.0);
        plan.rules.dedup();
        for rule in &plan.rules {
            plan.places.extend(shapes.rule(*rule).all_audiences());
        }
        plan.places.sort_unstable();
        plan.places.dedup();
        let audience = |place: &u16| shapes.audiences.get(usize::from(*place)).cloned();
        plan.audiences = plan.places.iter().filter_map(audience).collect();
        plan
    }

    /// The distinct audiences, in the order of [`Sight`].
    #[must_use]
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// Whether there is nothing to remove, mask or report, whoever asks.
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        self.is_trivial
    }

    /// Whether an answer may come out other than it went in, if [`Detect`] masks nothing: if not, its
    /// `Content-Length`, validators and digests stay true.
    #[must_use]
    pub fn may_alter(&self, sight: &Sight, undeclared: OnUndeclared) -> bool {
        let hides = |rule: &RuleId| {
            let rule = self.shapes.rule(*rule);
            rule.write_only
                || !rule.all_audiences().all(|audience| self.admits(sight, audience))
                || rule.masks.iter().any(|(_, audience)| audience.is_none())
        };
        self.rules.iter().any(hides) || (undeclared == OnUndeclared::Remove && !self.is_trivial)
    }

    /// Begins an answer.
    #[must_use]
    pub fn start(self: &Arc<Self>, sight: Sight, undeclared: OnUndeclared) -> Filter {
        Filter { plan: Arc::clone(self), walk: Walk::new(self.root, sight, undeclared) }
    }

    /// Whether `sight` is known to be of the audience that stands at `place` among those of all answers.
    fn admits(&self, sight: &Sight, place: u16) -> bool {
        self.places.binary_search(&place).is_ok_and(|index| sight.admits(index))
    }
}

impl Filter {
    /// The same, with something that looks at what no schema describes.
    #[must_use]
    pub fn with_detect(mut self, detect: Arc<dyn Detect>) -> Self {
        self.walk.detect = Some(detect);
        self
    }

    /// Takes the next piece, and appends to `out` all that is decided to leave.
    ///
    /// # Errors
    /// The first fault, and from then on the same one. What stands in `out` was decided before it; nothing
    /// of what follows may leave.
    pub fn push(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<(), FilterFault> {
        self.walk.push(&self.plan, chunk, out)
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// The first fault, or [`FilterFaultKind::EndsEarly`] if the document is not complete.
    pub fn finish(mut self, out: &mut BytesMut) -> Result<Found, FilterFault> {
        self.walk.finish(&self.plan, out)?;
        Ok(self.walk.finder.finish())
    }
}
