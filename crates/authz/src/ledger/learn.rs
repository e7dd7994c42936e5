//! What a request and its answer teach of an object.

use portcullis_domain::{
    Authority, ChangeKind, GrantChange, ObjectState, OwnedObject, OwnerKey, Right, Timestamp,
};

/// What was shown of one object, always by an answer of the upstream that let it happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody used it.
    Observed {
        /// Who.
        by: OwnerKey,
    },
    /// It was made.
    Created {
        /// Whose it is.
        owner: OwnerKey,
        /// Who chose its id.
        naming: Naming,
    },
    /// The upstream said whose it is.
    Asserted {
        /// Whose.
        owner: OwnerKey,
    },
    /// The operator said whose it is.
    Imported {
        /// Whose.
        owner: OwnerKey,
    },
    /// Its owner gave it away.
    Transferred {
        /// Who gave it.
        by: OwnerKey,
        /// To whom.
        to: OwnerKey,
    },
    /// Its owner shared it.
    Shared {
        /// Who.
        by: OwnerKey,
        /// With whom.
        with: OwnerKey,
        /// How far.
        right: Right,
    },
    /// Its owner took that back.
    Unshared {
        /// Who.
        by: OwnerKey,
        /// From whom.
        with: OwnerKey,
    },
    /// It is gone.
    Deleted,
}

/// Who chose the id of a new object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The upstream, which gives no id twice.
    ByUpstream,
    /// The client: it may name what is there already.
    ByClient,
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing.
    Nothing,
    /// This is known from now on.
    Changed {
        /// The object.
        object: OwnedObject,
        /// What changed it.
        kind: ChangeKind,
        /// With whom it is shared now, if that is what changed.
        grant: Option<GrantChange>,
    },
    /// It cannot be true together with what is known.
    Contradicted {
        /// What is known from now on.
        object: OwnedObject,
    },
}

/// What is known after `event`, which happened at `at`, to an object that lies in `parent`.
#[must_use]
pub fn learn(known: Option<&OwnedObject>, event: Event, parent: Option<u64>, at: Timestamp) -> Learned {
    let fresh = |owner, authority, state, version| OwnedObject {
        owner,
        authority,
        state,
        version,
        at,
        parent: parent.or_else(|| known.and_then(|known| known.parent)),
        grants: Default::default(),
    };
    let changed = |object, kind| Learned::Changed { object, kind, grant: None };
    let confirmed = |owner, authority, version| fresh(owner, authority, ObjectState::Confirmed, version);
    let known_as = known.map(|known| (known, known.state, known.version.saturating_add(1)));
    match event {
        Event::Observed { by } => match known {
            Some(_) => Learned::Nothing,
            None => changed(fresh(by, Authority::Observation, ObjectState::Claimed, 1), ChangeKind::Observed),
        },
        Event::Created { owner, naming } => match (known_as, naming) {
            (None, _) => changed(confirmed(owner, Authority::Create, 1), ChangeKind::Created),
            // A new life under an old name.
            (Some((_, ObjectState::Tombstone, next)), _) => {
                changed(confirmed(owner, Authority::Create, next), ChangeKind::Created)
            }
            // It was there before: whoever claims it now wants to lock its owner out.
            (Some((_, ObjectState::Claimed, _)), Naming::ByClient) => Learned::Nothing,
            (Some((known, ObjectState::Claimed, _)), Naming::ByUpstream) => {
                changed(confirmed(owner, Authority::Create, known.version), ChangeKind::Created)
            }
            (Some((known, ObjectState::Confirmed, _)), _) if known.owner == owner => Learned::Nothing,
            // The first one stays.
            (Some((known, ObjectState::Confirmed, _)), Naming::ByClient) => {
                Learned::Contradicted { object: known.clone() }
            }
            // The upstream gives away an id that has an owner: the old object ended without our seeing it, or
            // the id is no id. Either way nobody may be refused because of it.
            (Some((_, ObjectState::Confirmed, next)), Naming::ByUpstream) => Learned::Contradicted {
                object: fresh(owner, Authority::Observation, ObjectState::Claimed, next),
            },
        },
        Event::Asserted { owner } => match known_as {
            None => changed(confirmed(owner, Authority::Answer, 1), ChangeKind::Asserted),
            Some((_, ObjectState::Tombstone, next)) => {
                changed(confirmed(owner, Authority::Answer, next), ChangeKind::Asserted)
            }
            Some((known, ObjectState::Claimed, _)) => {
                changed(confirmed(owner, Authority::Answer, known.version), ChangeKind::Asserted)
            }
            Some((known, ObjectState::Confirmed, _)) if known.owner == owner => {
                if known.authority >= Authority::Answer {
                    return Learned::Nothing;
                }
                let object = OwnedObject { authority: Authority::Answer, ..known.clone() };
                changed(object, ChangeKind::Asserted)
            }
            // The upstream's word changed: it was given away behind our back.
            Some((known, ObjectState::Confirmed, next)) if known.authority >= Authority::Answer => {
                changed(confirmed(owner, Authority::Answer, next), ChangeKind::Transferred)
            }
            Some((known, ObjectState::Confirmed, _)) => {
                changed(confirmed(owner, Authority::Answer, known.version), ChangeKind::Asserted)
            }
        },
        Event::Imported { owner } => match known_as {
            None => changed(confirmed(owner, Authority::Import, 1), ChangeKind::Imported),
            Some((_, ObjectState::Tombstone, next)) => {
                changed(confirmed(owner, Authority::Import, next), ChangeKind::Imported)
            }
            Some((known, ObjectState::Claimed, _)) => {
                changed(confirmed(owner, Authority::Import, known.version), ChangeKind::Imported)
            }
            Some((known, ObjectState::Confirmed, next))
                if known.authority <= Authority::Import && known.owner != owner =>
            {
                changed(confirmed(owner, Authority::Import, next), ChangeKind::Transferred)
            }
            Some((_, ObjectState::Confirmed, _)) => Learned::Nothing,
        },
        Event::Transferred { by, to } => match known_as {
            Some((known, ObjectState::Confirmed, next)) if known.owner == by && to != by => {
                changed(confirmed(to, known.authority, next), ChangeKind::Transferred)
            }
            Some(_) | None => Learned::Nothing,
        },
        Event::Shared { by, with, right } => share(known, by, with, Some(right)),
        Event::Unshared { by, with } => share(known, by, with, None),
        Event::Deleted => match known {
            Some(known) if known.state != ObjectState::Tombstone => {
                let object = OwnedObject {
                    at,
                    grants: Default::default(),
                    state: ObjectState::Tombstone,
                    ..known.clone()
                };
                changed(object, ChangeKind::Deleted)
            }
            Some(_) | None => Learned::Nothing,
        },
    }
}

/// The owner alone shares; a grant that is there already changes nothing.
fn share(known: Option<&OwnedObject>, by: OwnerKey, with: OwnerKey, right: Option<Right>) -> Learned {
    let Some(known) = known.filter(|known| known.state == ObjectState::Confirmed && known.owner == by) else {
        return Learned::Nothing;
    };
    let before = known.grants.iter().find(|grant| grant.to == with).map(|grant| grant.right);
    let is_full = before.is_none() && known.grants.len() >= portcullis_domain::ownership::MOST_GRANTS;
    if before == right || with == by || (is_full && right.is_some()) {
        return Learned::Nothing;
    }
    let mut object = known.clone();
    object.grants.retain(|grant| grant.to != with);
    object.grants.extend(right.map(|right| portcullis_domain::Grant { to: with, right }));
    let kind = if right.is_some() { ChangeKind::Shared } else { ChangeKind::Unshared };
    Learned::Changed { object, kind, grant: Some(GrantChange { to: with, right }) }
}

/// Which of two stories of one object holds, whoever tells them and in whatever order.
#[must_use]
pub fn merge(one: OwnedObject, other: OwnedObject) -> OwnedObject {
    // Among equals any order will do, as long as it is one.
    let rank = |object: &OwnedObject| (object.precedence(), std::cmp::Reverse(object.owner));
    if rank(&one) >= rank(&other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Grant;
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{Decision, decide, decide_in_stead};

    const ALICE: OwnerKey = OwnerKey(1);
    const BOB: OwnerKey = OwnerKey(2);
    const CAROL: OwnerKey = OwnerKey(3);

    /// One gateway's story of one object.
    #[derive(Default)]
    struct Story(Option<OwnedObject>, u64);

    impl Story {
        fn then(mut self, event: Event) -> Self {
            self.1 += 1;
            match learn(self.0.as_ref(), event, None, Timestamp::from_seconds(1_800_000_000 + self.1)) {
                Learned::Nothing => {}
                Learned::Changed { object, .. } | Learned::Contradicted { object } => self.0 = Some(object),
            }
            self
        }

        #[track_caller]
        fn says(self, who: OwnerKey, need: Right, expected: Decision) -> Self {
            assert_eq!(decide(self.0.as_ref(), &[who], need), expected, "{:?}", self.0);
            self
        }
    }

    fn made(owner: OwnerKey, naming: Naming) -> Event {
        Event::Created { owner, naming }
    }

    #[test]
    fn who_makes_it_owns_it_and_the_first_one_stays() {
        Story::default()
            .says(BOB, Right::Write, Decision::Unknown)
            .then(made(ALICE, Naming::ByUpstream))
            .says(ALICE, Right::Write, Decision::Own)
            .says(BOB, Right::Read, Decision::Foreign)
            .then(made(BOB, Naming::ByClient))
            .says(ALICE, Right::Write, Decision::Own)
            .says(BOB, Right::Write, Decision::Foreign);
    }

    #[test]
    fn an_id_that_was_seen_before_cannot_be_claimed_by_naming_it() {
        Story::default()
            .then(Event::Observed { by: ALICE })
            .then(made(BOB, Naming::ByClient))
            .says(ALICE, Right::Write, Decision::Unknown)
            .says(BOB, Right::Write, Decision::Unknown)
            // The upstream's word is another matter.
            .then(Event::Asserted { owner: ALICE })
            .says(BOB, Right::Read, Decision::Foreign);
    }

    #[test]
    fn the_stronger_authority_wins_and_a_weaker_one_never_overwrites() {
        Story::default()
            .then(Event::Imported { owner: BOB })
            .then(made(ALICE, Naming::ByUpstream))
            .then(Event::Asserted { owner: CAROL })
            .then(Event::Imported { owner: BOB })
            .says(CAROL, Right::Write, Decision::Own)
            .says(BOB, Right::Read, Decision::Foreign)
            // What the upstream says later is a transfer.
            .then(Event::Asserted { owner: ALICE })
            .says(ALICE, Right::Write, Decision::Own);
    }

    #[test]
    fn only_the_owner_shares_and_gives_away() {
        Story::default()
            .then(made(ALICE, Naming::ByUpstream))
            .then(Event::Shared { by: BOB, with: BOB, right: Right::Write })
            .says(BOB, Right::Read, Decision::Foreign)
            .then(Event::Shared { by: ALICE, with: BOB, right: Right::Read })
            .says(BOB, Right::Read, Decision::Granted)
            .says(BOB, Right::Write, Decision::ReadOnly)
            .then(Event::Transferred { by: BOB, to: BOB })
            .says(ALICE, Right::Write, Decision::Own)
            .then(Event::Unshared { by: ALICE, with: BOB })
            .says(BOB, Right::Read, Decision::Foreign)
            .then(Event::Shared { by: ALICE, with: CAROL, right: Right::Write })
            .then(Event::Transferred { by: ALICE, to: BOB })
            .says(BOB, Right::Write, Decision::Own)
            .says(ALICE, Right::Read, Decision::Foreign)
            // A new owner shares anew.
            .says(CAROL, Right::Read, Decision::Foreign);
    }

    #[test]
    fn what_is_deleted_is_nobodys_until_it_is_made_anew() {
        Story::default()
            .then(made(ALICE, Naming::ByUpstream))
            .then(Event::Deleted)
            .says(BOB, Right::Write, Decision::Unknown)
            .then(made(BOB, Naming::ByClient))
            .says(BOB, Right::Write, Decision::Own)
            .says(ALICE, Right::Read, Decision::Foreign);
    }

    #[test]
    fn an_id_that_the_upstream_gives_away_twice_refuses_nobody() {
        Story::default()
            .then(made(ALICE, Naming::ByUpstream))
            .then(made(BOB, Naming::ByUpstream))
            .says(ALICE, Right::Write, Decision::Unknown)
            .says(BOB, Right::Write, Decision::Unknown);
    }

    fn who() -> impl Strategy<Value = OwnerKey> {
        (1u64..4).prop_map(OwnerKey)
    }

    fn right() -> impl Strategy<Value = Right> {
        prop_oneof![Just(Right::Read), Just(Right::Write)]
    }

    fn event() -> impl Strategy<Value = Event> {
        let naming = prop_oneof![Just(Naming::ByUpstream), Just(Naming::ByClient)];
        prop_oneof![
            who().prop_map(|by| Event::Observed { by }),
            (who(), naming).prop_map(|(owner, naming)| Event::Created { owner, naming }),
            who().prop_map(|owner| Event::Asserted { owner }),
            who().prop_map(|owner| Event::Imported { owner }),
            (who(), who()).prop_map(|(by, to)| Event::Transferred { by, to }),
            (who(), who(), right()).prop_map(|(by, with, right)| Event::Shared { by, with, right }),
            (who(), who()).prop_map(|(by, with)| Event::Unshared { by, with }),
            Just(Event::Deleted),
        ]
    }

    fn story() -> impl Strategy<Value = Option<OwnedObject>> {
        proptest::collection::vec(event(), 0..12)
            .prop_map(|events| events.into_iter().fold(Story::default(), Story::then).0)
    }

    fn without_grants(object: OwnedObject) -> OwnedObject {
        OwnedObject { grants: Default::default(), ..object }
    }

    proptest! {
        #[test]
        fn what_is_not_known_is_never_foreign(events in proptest::collection::vec(event(), 0..12), caller in who()) {
            let observed = |event: &Event| matches!(event, Event::Observed { .. } | Event::Transferred { .. }
                | Event::Shared { .. } | Event::Unshared { .. } | Event::Deleted);
            let teaches_nothing: Vec<Event> = events.into_iter().filter(observed).collect();
            let known = teaches_nothing.into_iter().fold(Story::default(), Story::then).0;
            prop_assert_eq!(decide(known.as_ref(), &[caller], Right::Write), Decision::Unknown);
        }

        #[test]
        fn only_what_is_confirmed_for_somebody_else_is_foreign(known in story(), caller in who()) {
            if decide(known.as_ref(), &[caller], Right::Read) == Decision::Foreign {
                let known = known.unwrap();
                prop_assert_eq!(known.state, ObjectState::Confirmed);
                prop_assert_ne!(known.owner, caller);
            }
        }

        #[test]
        fn whoever_stands_in_may_never_more_than_those_for_whom_they_do(
            known in story(), caller in who(), party in who(), right in right(), need in right(),
        ) {
            let stand = Grant { to: party, right };
            let alone = decide(known.as_ref(), &[caller], need);
            let together = decide_in_stead(known.as_ref(), &[caller], &[stand], need);
            let passes = |decision| matches!(decision, Decision::Own | Decision::Granted | Decision::Unknown);
            // Nobody loses by it, and who gains could be told to ask the other.
            prop_assert!(!passes(alone) || together == alone);
            let by_other = right >= need && passes(decide(known.as_ref(), &[party], need));
            prop_assert!(!passes(together) || passes(alone) || by_other);
            prop_assert_eq!(decide_in_stead(known.as_ref(), &[caller], &[], need), alone);
        }

        #[test]
        fn two_gateways_agree_whatever_comes_first(one in story(), other in story(), third in story()) {
            let (Some(one), Some(other), Some(third)) = (one, other, third) else { return Ok(()) };
            let [one, other, third] = [one, other, third].map(without_grants);
            prop_assert_eq!(merge(one.clone(), other.clone()), merge(other.clone(), one.clone()));
            prop_assert_eq!(
                merge(merge(one.clone(), other.clone()), third.clone()),
                merge(one.clone(), merge(other, third))
            );
            prop_assert_eq!(merge(one.clone(), one.clone()), one);
        }

        #[test]
        fn what_is_learned_outranks_what_was_known(known in story(), event in event()) {
            let at = Timestamp::from_seconds(1_900_000_000);
            if let (Some(known), Learned::Changed { object, grant: None, .. }) =
                (&known, learn(known.as_ref(), event, None, at))
            {
                prop_assert!(object.precedence() > known.precedence(), "{known:?} then {object:?}");
            }
        }
    }
}
