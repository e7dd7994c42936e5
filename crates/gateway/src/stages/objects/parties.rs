//! Who is who in a request: the caller as an owner, for whom it stands in, whose a new object will be, its tenant.
//!
//! In: the caller's credential, and what the request names. Out: parties by their digests, or the refusal of what
//! names another owner or tenant. Called by [`super::judge`] for each type of objects.

use portcullis_authz::ledger::{Decision, Event};
use portcullis_domain::{Denial, Grant, ObjectKey, OwnerKey, Principal, PrincipalKind};
use portcullis_message::Authority;
use serde_json::Value;
use smallvec::SmallVec;

use super::seen::Seen;
use super::{Judging, foreign};
use crate::ownership::{Effect, Named, OwnedBy, Place, Tenant, Touched};

/// Most parties for whom one claim lets a caller stand in.
const MOST_STANDS: usize = 256;

impl Judging<'_> {
    /// Everything by which the caller can own.
    pub(super) fn caller(&self) -> SmallVec<[OwnerKey; 1]> {
        let Some(principal) = self.principal else { return SmallVec::new() };
        let (kind, ownership) = (&self.rule.kind, &self.objects.ownership);
        let issuer = principal.issuer.as_str();
        match &kind.owned_by {
            OwnedBy::Subject => {
                kind.owner_key(ownership, issuer, principal.subject.as_str()).into_iter().collect()
            }
            OwnedBy::Claim(claim) => claimed(principal, claim)
                .iter()
                .filter_map(|value| kind.owner_key(ownership, issuer, value))
                .collect(),
        }
    }

    /// For whom the caller stands in, by what its credential says.
    pub(super) fn stands_for(&self) -> Vec<Grant> {
        let (Some(principal), kind) = (self.principal, &self.rule.kind) else { return Vec::new() };
        let issuer = principal.issuer.as_str();
        let stands = kind.stands_for.iter().flat_map(|(claim, right)| {
            let parties = claimed(principal, claim).into_iter().take(MOST_STANDS);
            parties.filter_map(|name| {
                let to = kind.owner_key(&self.objects.ownership, issuer, &name)?;
                Some(Grant { to, right: *right })
            })
        });
        stands.collect()
    }

    /// Whose a new object will be.
    pub(super) fn maker(
        &self,
        touched: &Touched,
        is_deputy: bool,
        reading: &Seen<'_, '_>,
    ) -> Option<OwnerKey> {
        let creation = self.rule.creation.as_ref()?;
        let principal = self.principal?;
        if is_deputy || principal.kind == PrincipalKind::Client {
            let named = reading.one(creation.owner_from.as_ref()?)?;
            return self.party(&named);
        }
        match touched.caller.as_slice() {
            [one] if !touched.is_exempt => Some(*one),
            // One of several groups, or whoever owns nothing.
            _ => None,
        }
    }

    /// The party that a request names.
    pub(super) fn party(&self, name: &str) -> Option<OwnerKey> {
        let kind = &self.rule.kind;
        kind.owner_key(&self.objects.ownership, kind.issuer.as_deref()?, name)
    }

    /// The object in which the request says that all lies.
    pub(super) fn parent(&self, touched: &Touched, reading: &Seen<'_, '_>) -> Option<ObjectKey> {
        let lying = self.rule.lying.as_ref()?;
        let id = reading.one(&Place::Path(lying.path.clone()))?;
        let key = self.objects.ownership.key()?;
        Some(key.object(&lying.kind.realm, &lying.kind.name, &touched.tenant, &id))
    }

    pub(super) fn effects(&self, touched: &Touched, reading: &Seen<'_, '_>) -> SmallVec<[Event; 1]> {
        let by = touched.caller.first().copied();
        let party = |place: &Place| reading.one(place).and_then(|name| self.party(&name));
        let event = |effect: &Effect| match effect {
            Effect::Delete => Some(Event::Deleted),
            Effect::Transfer { to } => Some(Event::Transferred { by: by?, to: party(to)? }),
            Effect::Share { with, right } => {
                Some(Event::Shared { by: by?, with: party(with)?, right: *right })
            }
            Effect::Unshare { with } => Some(Event::Unshared { by: by?, with: party(with)? }),
        };
        self.rule.effects.iter().filter_map(event).collect()
    }

    /// The refusal of a request that names another owner than its caller.
    pub(super) fn bound(&self, touched: &Touched, reading: &Seen<'_, '_>) -> Option<Denial> {
        let binding = self.rule.binding.as_ref()?;
        let named = reading.one(&Place::Path(binding.path.clone()))?;
        let is_own = self.principal.is_some_and(|principal| match &binding.equals {
            OwnedBy::Subject => principal.subject.as_str() == named,
            OwnedBy::Claim(claim) => claimed(principal, claim).iter().any(|value| *value == *named),
        });
        self.rule.kind.tally.count(if is_own { Decision::Own } else { Decision::Foreign });
        let is_refused = !is_own && !touched.is_exempt && !self.is_open(self.rule.need);
        is_refused.then(|| foreign("it is not the caller's own"))
    }

    /// The caller's tenant, if all that names one agrees.
    pub(super) fn tenant(
        &self,
        tenant: &Tenant,
        reading: &Seen<'_, '_>,
        authority: &Authority,
    ) -> Result<Box<str>, &'static str> {
        let claims = self.principal.map(|principal| claimed(principal, &tenant.claim)).unwrap_or_default();
        let [own] = claims.as_slice() else { return Err("the caller has no tenant, or several") };
        if tenant.known.as_ref().is_some_and(|known| !known.contains(own.as_str())) {
            return Err("its tenant is not on the operator's list");
        }
        for place in &tenant.places.places {
            match reading.at(place) {
                Named::Texts(texts) if texts.iter().all(|text| **text == **own) => {}
                Named::Texts(_) | Named::Unreadable => return Err("it names another tenant"),
            }
        }
        let label = authority.host().split('.').next().unwrap_or_default();
        if tenant.places.host && !label.eq_ignore_ascii_case(own) {
            return Err("its host is another tenant's");
        }
        Ok(if tenant.own_ids { own.as_str().into() } else { "".into() })
    }
}
/// The values of a claim: one, or a list of them.
fn claimed(principal: &Principal, claim: &str) -> SmallVec<[String; 1]> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match principal.claims.get(claim) {
        Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None => SmallVec::new(),
    }
}
