//! Which facts Cedar is told, and their shape for it.
//!
//! In: what the policies of an operation leave for Cedar to decide. Out: the caller as an entity and the request as
//! a context, with what those policies read and nothing else. Called by [`super::decide`]. UUIDs are in lower case,
//! whoever says them. Cedar's own values are built as they are, rather than expressions that it would evaluate first: they
//! are all literals, sets and records of literals (decision 0024).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use cedar_policy_core::ast::{Context, Entity, EntityUID, Expr, ExprKind, PartialValue, Value, Var};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use portcullis_domain::{PrincipalKind, Timestamp};
use smallvec::SmallVec;

use super::change::{Change, Shown};
use super::config::ClaimTypeConfig;
use super::facts::{Facts, Transport};
use super::guard::client_of;
use super::kin::{Kin, Membership};
use super::needs::{Part, Wanted};
use super::values::{address, claim, heard, hexadecimal, text, texts};

/// What the policies of one operation read.
pub(super) struct FactPlan {
    /// What is wanted of the request, of all policies: what stands there must be something that can be compared.
    pub(super) wanted: Vec<Wanted>,
    attributes: Vec<Attribute>,
    circumstances: Vec<Circumstance>,
    pub(super) claims: Vec<(Box<str>, ClaimTypeConfig)>,
    /// Roles and groups that a condition names where no guard could see them.
    pub(super) memberships: Vec<Arc<Membership>>,
    asks_action: AsksAction,
}

/// Whether a condition looks at the action again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AsksAction {
    Never,
    Sometimes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    Subject,
    Issuer,
    Scheme,
    Kind,
    Client,
    Scopes,
    Claims,
}

impl Attribute {
    const ALL: [(&'static str, Self); 7] = [
        ("subject", Self::Subject),
        ("issuer", Self::Issuer),
        ("scheme", Self::Scheme),
        ("kind", Self::Kind),
        ("client", Self::Client),
        ("scopes", Self::Scopes),
        ("claims", Self::Claims),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circumstance {
    Now,
    Weekday,
    Minute,
    Client,
    Tls,
    Certificate,
    Acr,
    Acrs,
    Amr,
    AuthAge,
    Risk,
}

impl Circumstance {
    const ALL: [(&'static str, Self); 11] = [
        ("now", Self::Now),
        ("weekday", Self::Weekday),
        ("minute", Self::Minute),
        ("client", Self::Client),
        ("tls", Self::Tls),
        ("certificate", Self::Certificate),
        ("acr", Self::Acr),
        ("acrs", Self::Acrs),
        ("amr", Self::Amr),
        ("auth_age", Self::AuthAge),
        ("risk", Self::Risk),
    ];
}

/// What a request says at the wanted places, in their order.
pub(super) type Heard = SmallVec<[Option<Value>; 4]>;

impl FactPlan {
    /// The plan for what is left of some policies for Cedar.
    pub(super) fn new<'e>(
        rests: impl Iterator<Item = &'e Expr>,
        wanted: BTreeSet<Wanted>,
        claims: impl Iterator<Item = (Box<str>, ClaimTypeConfig)>,
        kin: &mut Kin,
    ) -> Self {
        let mut reads: BTreeSet<(Var, &str)> = BTreeSet::new();
        let mut asks_action = AsksAction::Never;
        let mut memberships: BTreeMap<EntityUID, Arc<Membership>> = BTreeMap::new();
        for part in rests.flat_map(|rest| {
            memberships.extend(kin.named(rest).into_iter().map(|one| (one.uid.clone(), one)));
            rest.subexpressions()
        }) {
            match part.expr_kind() {
                ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } => {
                    if let ExprKind::Var(variable) = expr.expr_kind() {
                        reads.insert((*variable, attr));
                    }
                }
                ExprKind::ExtHasAttr { expr, attrs } => {
                    if let ExprKind::Var(variable) = expr.expr_kind() {
                        reads.insert((*variable, attrs.first()));
                    }
                }
                ExprKind::Var(Var::Action) => asks_action = AsksAction::Sometimes,
                _ => {}
            }
        }
        let read = |variable, name| reads.contains(&(variable, name));
        let attributes = Attribute::ALL.into_iter().filter(|(name, _)| read(Var::Principal, name));
        let circumstances = Circumstance::ALL.into_iter().filter(|(name, _)| read(Var::Context, name));
        let reads_claims = read(Var::Principal, "claims");
        Self {
            wanted: wanted.into_iter().collect(),
            attributes: attributes.map(|(_, attribute)| attribute).collect(),
            circumstances: circumstances.map(|(_, circumstance)| circumstance).collect(),
            claims: claims.filter(|_| reads_claims).collect(),
            memberships: memberships.into_values().collect(),
            asks_action,
        }
    }

    /// What the request says at each wanted place.
    ///
    /// # Errors
    /// The first place where it says what no policy could compare.
    pub(super) fn hear(&self, facts: &Facts<'_>, supposed: &[&Change]) -> Result<Heard, &Wanted> {
        let heard = self.wanted.iter().enumerate().map(|(index, wanted)| {
            let instead = supposed.iter().find_map(|change| match change {
                Change::Says { part, name, said, .. } if *part == wanted.part && *name == wanted.name => {
                    Some(said.clone())
                }
                _ => None,
            });
            let said = instead.or_else(|| (facts.said)(index)).ok_or(wanted)?;
            if said.is_empty() {
                return Ok(None);
            }
            heard(wanted, &said).map(Some).ok_or(wanted)
        });
        heard.collect()
    }

    /// What Cedar knows of the caller and the action.
    pub(super) fn entities(
        &self,
        caller: &EntityUID,
        action: &Entity,
        facts: &Facts<'_>,
        supposed: &[&Change],
    ) -> Option<Entities> {
        let principal = facts.principal;
        let attributes = self.attributes.iter().filter_map(|attribute| {
            let (name, value) = match attribute {
                Attribute::Subject => ("subject", text(principal.subject.as_str())),
                Attribute::Issuer => ("issuer", text(principal.issuer.as_str())),
                Attribute::Scheme => ("scheme", text(&principal.scheme)),
                Attribute::Kind => (
                    "kind",
                    text(match principal.kind {
                        PrincipalKind::User => "user",
                        PrincipalKind::Client => "client",
                    }),
                ),
                Attribute::Client => ("client", text(principal.client.as_ref()?)),
                Attribute::Scopes => {
                    let more = supposed.iter().flat_map(|change| match change {
                        Change::Scopes(scopes) => scopes.as_slice(),
                        _ => &[],
                    });
                    ("scopes", texts(principal.scopes.iter().chain(more.map(String::as_str))))
                }
                Attribute::Claims => ("claims", self.claims(facts, supposed)),
            };
            Some((name.into(), PartialValue::from(value)))
        });
        let parents: HashSet<EntityUID> = self
            .memberships
            .iter()
            .filter(|one| one.holds(principal, supposed))
            .map(|one| one.uid.clone())
            .collect();
        let caller =
            Entity::new_with_attr_partial_value(caller.clone(), attributes, HashSet::new(), parents, []);
        let action = match self.asks_action {
            AsksAction::Never => None,
            AsksAction::Sometimes => Some(action.clone()),
        };
        Entities::from_entities(
            std::iter::once(caller).chain(action),
            None::<&NoEntitiesSchema>,
            // No entity has a parent that has parents.
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        )
        .ok()
    }

    fn claims(&self, facts: &Facts<'_>, supposed: &[&Change]) -> Value {
        let claims = self.claims.iter().filter_map(|(name, kind)| {
            let instead = supposed.iter().find_map(|change| match change {
                Change::Claim { name: changed, value } if *changed == **name => Some(value),
                _ => None,
            });
            let said = instead.or_else(|| facts.principal.claims.get(&**name))?;
            Some((&**name, claim(said, *kind)?))
        });
        Value::record(claims, None)
    }

    /// The context of the request as Cedar knows it; `None` if a circumstance has no such form.
    pub(super) fn context(&self, facts: &Facts<'_>, supposed: &[&Change], heard: Heard) -> Option<Context> {
        let mut members = BTreeMap::new();
        for circumstance in &self.circumstances {
            if let Some((name, value)) = circumstance.value(facts, supposed)? {
                members.insert(name.into(), value);
            }
        }
        let mut records: [Option<BTreeMap<_, Value>>; 4] = Default::default();
        for (wanted, heard) in self.wanted.iter().zip(heard) {
            let Some(record) = records.get_mut(wanted.part as usize) else { continue };
            let record = record.get_or_insert_default();
            if let Some(value) = heard {
                record.insert(wanted.name.as_str().into(), value);
            }
        }
        for (part, record) in Part::ALL.into_iter().zip(records) {
            if let Some(record) = record {
                members.insert(part.name().into(), Value::record_arc(Arc::new(record), None));
            }
        }
        Some(Context::Value(Arc::new(members)))
    }
}

impl Circumstance {
    /// Its name and value; `Some(None)` if it is not known, `None` if Cedar cannot be told.
    #[expect(clippy::option_option, reason = "not to know is no failure")]
    fn value(self, facts: &Facts<'_>, supposed: &[&Change]) -> Option<Option<(&'static str, Value)>> {
        let login = supposed.iter().find_map(|change| match change {
            Change::Login { acr, amr, .. } => Some((acr, amr)),
            _ => None,
        });
        Some(Some(match self {
            Self::Now => ("now", Value::from(i64::try_from(facts.now.as_seconds()).ok()?)),
            Self::Weekday => {
                let day = supposed.iter().find_map(|change| match change {
                    Change::Day(day) => Some(*day),
                    _ => None,
                });
                ("weekday", Value::from(day.unwrap_or_else(|| (facts.local)().weekday).name()))
            }
            Self::Minute => {
                let minute = supposed.iter().find_map(|change| match change {
                    Change::Minute(minute) => Some(*minute),
                    _ => None,
                });
                ("minute", Value::from(minute.unwrap_or_else(|| (facts.local)().minute)))
            }
            Self::Client => ("client", address(&client_of(facts, supposed).to_string())?),
            Self::Tls => {
                let is_tls = matches!(facts.transport, Transport::Tls { .. });
                ("tls", Value::from(is_tls || supposed.contains(&&Change::Tls)))
            }
            Self::Certificate => {
                let instead = supposed.iter().find_map(|change| match change {
                    Change::Certificate(shown) => Some(*shown),
                    _ => None,
                });
                match (instead, facts.transport) {
                    (Some(Shown::Shown), _) => ("certificate", Value::from("")),
                    (None, Transport::Tls { certificate: Some(thumbprint) }) => {
                        ("certificate", Value::from(hexadecimal(thumbprint)))
                    }
                    (Some(Shown::Withheld), _)
                    | (None, Transport::Tls { certificate: None } | Transport::Plaintext) => {
                        return Some(None);
                    }
                }
            }
            Self::Acr => {
                let shown = facts.principal.assurance.context.as_deref();
                match login.and_then(|(acr, _)| acr.as_deref()).or(shown) {
                    Some(acr) => ("acr", text(acr)),
                    None => return Some(None),
                }
            }
            Self::Acrs => {
                let more = login.and_then(|(acr, _)| acr.as_deref());
                ("acrs", texts(facts.principal.assurance.reached.iter().chain(more)))
            }
            Self::Amr => {
                let more = login.into_iter().flat_map(|(_, amr)| amr).map(String::as_str);
                ("amr", texts(facts.principal.assurance.methods.iter().chain(more)))
            }
            Self::AuthAge => match (login, age(facts.principal.assurance.at, facts.now)) {
                (Some(_), _) => ("auth_age", Value::from(0)),
                (None, Some(age)) => ("auth_age", Value::from(age)),
                (None, None) => return Some(None),
            },
            Self::Risk => {
                let instead = supposed.iter().find_map(|change| match change {
                    Change::Risk(risk) => Some(*risk),
                    _ => None,
                });
                ("risk", Value::from(i64::from(instead.unwrap_or(facts.risk.score()))))
            }
        }))
    }
}

/// How far ahead of ours an issuer's clock may be.
const SKEW: Duration = Duration::from_secs(60);

/// Seconds since the caller logged in; a moment ahead is now, and more than that cannot be.
fn age(at: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    let at = at?;
    if at > now.plus(SKEW) {
        return None;
    }
    i64::try_from(now.since(at).as_secs()).ok()
}
