//! What the operator decided about objects, compiled once: types, and what each operation does with them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use portcullis_domain::{Right, Scopes};

use super::{Ownership, Tally};

/// A type of object.
pub(crate) struct ObjectType {
    pub(crate) name: Box<str>,
    /// Where ids are told apart.
    pub(crate) realm: Box<str>,
    pub(crate) mode: Mode,
    pub(crate) unknown: OnUnknown,
    pub(crate) visibility: Visibility,
    pub(crate) owned_by: OwnedBy,
    /// Whose subjects own, where owners are only named.
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) exempt: Scopes,
    /// Roles that make objects for others, beside all programs.
    pub(crate) deputies: Scopes,
    /// Claims by which callers stand in for others, and how far.
    pub(crate) stands_for: Box<[(Box<str>, Right)]>,
    pub(crate) ids_may_differ: bool,
    pub(crate) tally: Arc<Tally>,
}

/// How strictly a type is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Learn,
    Shadow,
    Enforce,
}

/// What happens to objects of which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnUnknown {
    /// They pass, and are nobody's business.
    Allow,
    /// They pass, and are counted.
    Monitor,
    Verify,
    Deny,
}

/// Who may see objects that are not shared with anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Private,
    Shared,
    Public,
}

/// What owners are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnedBy {
    Subject,
    Claim(Box<str>),
}

impl OwnedBy {
    /// Who vouches for an owner's name: the issuer, or what its claim says.
    pub(crate) fn authority<'a>(&self, issuer: &'a str) -> Cow<'a, str> {
        match self {
            Self::Subject => Cow::Borrowed(issuer),
            Self::Claim(claim) => Cow::Owned(format!("{issuer} {claim}")),
        }
    }
}

/// What one operation does with objects.
pub(crate) struct RouteObjects {
    pub(crate) ownership: Arc<Ownership>,
    pub(crate) types: Box<[OnRoute]>,
}

impl RouteObjects {
    /// Whether some answers are looked into, so that they must come whole and uncoded.
    pub(crate) fn reads_answers(&self) -> bool {
        self.types.iter().any(OnRoute::reads_answers)
    }

    /// Whether refusals here look like absence, so that absence must look like them.
    pub(crate) fn conceals(&self) -> bool {
        self.types.iter().any(|on_route| on_route.kind.mode == Mode::Enforce && !on_route.ids.is_empty())
    }

    /// Whether any of these roles is exempt here, or makes objects for others.
    pub(crate) fn regard(&self, roles: &Scopes) -> bool {
        let mut kinds = self.types.iter().map(|on_route| &on_route.kind);
        kinds.any(|kind| kind.exempt.iter().chain(kind.deputies.iter()).any(|role| roles.contains(role)))
    }

    /// Whether anything is looked for in the arguments of GraphQL.
    pub(crate) fn reads_graphql(&self) -> bool {
        let is_argument = |place: &Place| matches!(place, Place::Graphql(_));
        self.types.iter().any(|on_route| on_route.ids.iter().any(is_argument))
    }

    /// Whether anything is looked for in the request's body.
    pub(crate) fn reads_body(&self) -> bool {
        self.types.iter().any(|on_route| {
            let ids = on_route.ids.iter().chain(&on_route.watched).any(Place::is_in_body);
            let tenant = on_route.tenant.as_ref().is_some_and(|tenant| tenant.places.has_body());
            let effects = on_route.effects.iter().filter_map(Effect::place).any(Place::is_in_body);
            let deputy = on_route
                .creation
                .as_ref()
                .is_some_and(|creation| creation.owner_from.as_ref().is_some_and(Place::is_in_body));
            ids || tenant || effects || deputy
        })
    }
}

/// What one operation does with objects of one type.
pub(crate) struct OnRoute {
    pub(crate) kind: Arc<ObjectType>,
    /// Where ids are.
    pub(crate) ids: Box<[Place]>,
    /// Where something stands that looks like an id, and nobody has said so.
    pub(crate) watched: Box<[Place]>,
    /// How many segments of this path are that of the operation which reads the object: it can be asked whose the
    /// object is before it is changed.
    pub(crate) read_ahead: Option<usize>,
    pub(crate) need: Right,
    pub(crate) binding: Option<Binding>,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) lying: Option<Lying>,
    /// Where the answer names the owner of the one object that the request names.
    pub(crate) answer_owner: Option<Pointer>,
    pub(crate) creation: Option<Creation>,
    pub(crate) effects: Box<[Effect]>,
    pub(crate) list: Option<List>,
}

impl OnRoute {
    pub(crate) fn reads_answers(&self) -> bool {
        let by_creation =
            self.creation.as_ref().is_some_and(|creation| matches!(creation.id, NewId::Answer(_)));
        self.answer_owner.is_some() || by_creation || self.list.is_some()
    }
}

/// A parameter of the path that is the owner.
pub(crate) struct Binding {
    pub(crate) path: Box<str>,
    pub(crate) equals: OwnedBy,
}

/// The tenant to which requests must keep.
pub(crate) struct Tenant {
    pub(crate) claim: Box<str>,
    /// The operator's own list, if there is one.
    pub(crate) known: Option<Arc<HashSet<Box<str>>>>,
    pub(crate) places: TenantPlaces,
    /// Each tenant counts its own ids.
    pub(crate) own_ids: bool,
}

/// Where a tenant is named, beside the credential.
pub(crate) struct TenantPlaces {
    pub(crate) places: Box<[Place]>,
    /// The first label of the host name.
    pub(crate) host: bool,
}

impl TenantPlaces {
    fn has_body(&self) -> bool {
        self.places.iter().any(Place::is_in_body)
    }
}

/// The object in which others lie.
pub(crate) struct Lying {
    pub(crate) kind: Arc<ObjectType>,
    pub(crate) path: Box<str>,
    /// What whoever may do that with the parent may do with what lies in it.
    pub(crate) inherited: Option<Right>,
}

/// How an operation makes objects.
pub(crate) struct Creation {
    pub(crate) id: NewId,
    pub(crate) success: Box<[u16]>,
    /// Where the request names the owner, if its caller makes objects for others.
    pub(crate) owner_from: Option<Place>,
}

/// Where the id of a new object is.
pub(crate) enum NewId {
    Answer(Pointer),
    LastSegmentOfLocation,
    /// The client chooses it.
    Request(Place),
}

/// What an operation does to the objects that it names.
pub(crate) enum Effect {
    Transfer { to: Place },
    Share { with: Place, right: Right },
    Unshare { with: Place },
    Delete,
}

impl Effect {
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Transfer { to: place }
            | Self::Share { with: place, .. }
            | Self::Unshare { with: place } => Some(place),
            Self::Delete => None,
        }
    }
}

/// An answer that lists objects.
pub(crate) struct List {
    pub(crate) of: ListOf,
    pub(crate) on_foreign: OnForeign,
}

/// Where the items are, and what of them is known.
pub(crate) struct ListOf {
    pub(crate) items: Pointer,
    pub(crate) id: Pointer,
    /// Where in an item its owner is named.
    pub(crate) owner: Option<Pointer>,
}

/// What happens to items of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnForeign {
    Remove,
    Report,
}

/// A place of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path(Box<str>),
    Query(Box<str>),
    Header(HeaderName),
    Body(Pointer),
    /// In what a GraphQL request gives to its fields: `/FIELD/ARGUMENT`, and on into it.
    Graphql(Pointer),
}

impl Place {
    pub(crate) const fn is_in_body(&self) -> bool {
        matches!(self, Self::Body(_) | Self::Graphql(_))
    }

    /// Whether it may hold several values that need not agree.
    pub(crate) fn is_many(&self) -> bool {
        match self {
            Self::Body(pointer) => pointer.0.contains(&Segment::Every),
            // One field may stand there many times.
            Self::Graphql(_) => true,
            Self::Path(_) | Self::Query(_) | Self::Header(_) => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(name) => write!(f, "`{name}` in the path"),
            Self::Query(name) => write!(f, "`{name}` in the query"),
            Self::Header(name) => write!(f, "`{name}` in the header"),
            Self::Body(pointer) => write!(f, "`{pointer}` in the body"),
            Self::Graphql(pointer) => write!(f, "`{pointer}` in the arguments of GraphQL"),
        }
    }
}

/// A JSON pointer (RFC 6901) in which `*` stands for every item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer(pub(super) Box<[Segment]>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Member(Box<str>),
    Every,
}

impl Pointer {
    /// Reads a pointer; the empty one is the whole.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self([].into()));
        }
        let segment = |part: &str| match part {
            "*" => Segment::Every,
            name => Segment::Member(name.replace("~1", "/").replace("~0", "~").into()),
        };
        Some(Self(text.strip_prefix('/')?.split('/').map(segment).collect()))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Member(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Segment::Every => f.write_str("/*"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_as_rfc_6901_has_it_with_a_star_for_every_item() {
        let member = |name: &str| Segment::Member(name.into());
        assert_eq!(*Pointer::parse("").unwrap().0, []);
        assert_eq!(*Pointer::parse("/a/*/b~1c").unwrap().0, [member("a"), Segment::Every, member("b/c")]);
        assert_eq!(Pointer::parse("a"), None);
        for text in ["", "/a/*/b~1c~0"] {
            assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
        }
    }
}
