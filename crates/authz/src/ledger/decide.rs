//! What a caller may do with an object.

use portcullis_domain::{Grant, ObjectState, OwnedObject, OwnerKey, Right};

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

/// Decides for a caller that also stands in for others, each as far as it may: a delegate, or whoever has reports.
/// It may what they may, and never more; what only they own is not its own.
#[must_use]
pub fn decide_in_stead(
    object: Option<&OwnedObject>,
    caller: &[OwnerKey],
    stands_for: &[Grant],
    need: Right,
) -> Decision {
    let own = decide(object, caller, need);
    match own {
        Decision::Own | Decision::Granted | Decision::Unknown => return own,
        Decision::Foreign | Decision::ReadOnly => {}
    }
    let may =
        |party: OwnerKey, right| matches!(decide(object, &[party], right), Decision::Own | Decision::Granted);
    let far_enough = |stand: &&Grant| stand.right >= need && may(stand.to, need);
    if stands_for.iter().any(|stand| far_enough(&stand)) {
        return Decision::Granted;
    }
    let may_look = stands_for.iter().any(|stand| may(stand.to, Right::Read));
    if may_look { Decision::ReadOnly } else { own }
}
