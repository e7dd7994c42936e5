//! What a caller may do with an object.

use portcullis_domain::{ObjectState, OwnedObject, OwnerKey, Right};

/// What a caller may do with an object, by what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It is the caller's.
    Own,
    /// It is shared with the caller, far enough for this.
    Granted,
    /// It is shared with the caller, who may look at it and no more.
    ReadOnly,
    /// It is somebody else's.
    Foreign,
    /// Nobody knows whose it is.
    Unknown,
}

/// Decides for a caller that is all of `caller`: a subject, a tenant.
#[must_use]
pub fn decide(object: Option<&OwnedObject>, caller: &[OwnerKey], need: Right) -> Decision {
    let Some(object) = object else { return Decision::Unknown };
    match object.state {
        ObjectState::Claimed | ObjectState::Tombstone => return Decision::Unknown,
        ObjectState::Confirmed => {}
    }
    if caller.contains(&object.owner) {
        return Decision::Own;
    }
    let rights = object.grants.iter().filter(|grant| caller.contains(&grant.to)).map(|grant| grant.right);
    match (rights.max(), need) {
        (None, _) => Decision::Foreign,
        (Some(Right::Read), Right::Write) => Decision::ReadOnly,
        (Some(Right::Read | Right::Write), _) => Decision::Granted,
    }
}
