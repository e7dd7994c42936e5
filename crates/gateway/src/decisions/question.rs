//! What a decision point is asked: who wants to do what to which, and the facts that the operator lets it know.
//!
//! In: a request that was found valid. Out: JSON. AuthZEN 1.0 §5 gives the four parts their names; Open Policy
//! Agent gets the same under `input`. No credential is ever a fact. Values that a client can repeat are lists,
//! always: a text that turns into a list when it is sent twice slips past comparisons.

use portcullis_authz::rules::Said;
use portcullis_domain::{Principal, PrincipalKind, ReceiptId};
use serde_json::{Map, Value, json};

use super::Shape;
use crate::arrival::Envelope;
use crate::ownership::{Place, Reading};
use crate::policy::Route;

/// One fact that a decision point is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Roles,
    Scopes,
    /// How strongly the subject is authenticated (`acr`).
    Acr,
    /// The client through which the subject acts.
    Client,
    /// The client's address.
    Address,
    Claim(Box<str>),
    /// What stands at a place of the request, by the name it was given.
    At {
        name: Box<str>,
        place: Place,
    },
}

impl Fact {
    pub(super) const fn is_in_body(&self) -> bool {
        matches!(self, Self::At { place: Place::Body(_), .. })
    }
}

/// A question, complete.
pub(crate) struct Question<'q> {
    envelope: &'q Envelope,
    value: Value,
}

/// A place holds something that is no value: an object, or more than is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable(pub(crate) Box<str>);

impl<'q> Question<'q> {
    /// Gathers the facts.
    ///
    /// # Errors
    /// [`Unreadable`] with the fact's name: what cannot be told must not be left out in silence.
    pub(crate) fn about(
        facts: &[Fact],
        route: &Route,
        api: &str,
        principal: &Principal,
        envelope: &'q Envelope,
        reading: &Reading<'_, '_>,
    ) -> Result<Self, Unreadable> {
        let mut who = Map::new();
        who.insert("issuer".into(), principal.issuer.as_str().into());
        let mut what = Map::new();
        what.insert("api".into(), api.into());
        what.insert("operation".into(), (*route.operation.id).into());
        let mut context = Map::new();
        for fact in facts {
            match fact {
                Fact::Roles => {
                    who.insert("roles".into(), principal.roles.iter().collect());
                }
                Fact::Scopes => {
                    who.insert("scopes".into(), principal.scopes.iter().collect());
                }
                Fact::Acr => {
                    let acr = principal.assurance.context.as_deref();
                    who.extend(acr.map(|acr| ("acr".to_owned(), acr.into())));
                }
                Fact::Client => {
                    who.extend(
                        principal.client.as_deref().map(|client| ("client".to_owned(), client.into())),
                    );
                }
                Fact::Claim(name) => {
                    if let Some(claim) = principal.claims.get(&**name) {
                        member(&mut who, "claims").insert((**name).to_owned(), claim.clone());
                    }
                }
                Fact::Address => {
                    context.insert("address".into(), envelope.client.to_string().into());
                }
                Fact::At { name, place } => {
                    let said = reading.said(place).ok_or_else(|| Unreadable(name.clone()))?;
                    if said.is_empty() {
                        continue;
                    }
                    let mut values = said.into_iter().map(value);
                    let (parent, group, value) = match place {
                        // One segment of the path is one value.
                        Place::Path(_) => (&mut what, "path", values.next().unwrap_or_default()),
                        Place::Query(_) => (&mut what, "query", values.collect()),
                        Place::Header(_) => (&mut context, "header", values.collect()),
                        Place::Body(_) | Place::Graphql(_) => (&mut context, "body", values.collect()),
                    };
                    member(parent, group).insert((**name).to_owned(), value);
                }
            }
        }
        let kind = match principal.kind {
            PrincipalKind::User => "user",
            PrincipalKind::Client => "client",
        };
        let mut value = json!({
            "subject": { "type": kind, "id": principal.subject.as_str(), "properties": who },
            "action": { "name": envelope.method.as_str() },
            "resource": { "type": "route", "id": route.operation.template, "properties": what },
        });
        if let (false, Some(members)) = (context.is_empty(), value.as_object_mut()) {
            members.insert("context".into(), context.into());
        }
        Ok(Self { envelope, value })
    }

    /// The request that it is about, for the other side's own record.
    pub(super) const fn receipt(&self) -> ReceiptId {
        self.envelope.receipt
    }

    pub(super) fn write(&self, shape: Shape) -> String {
        match shape {
            Shape::Authzen => self.value.to_string(),
            Shape::Opa => format!("{{\"input\":{}}}", self.value),
        }
    }
}

fn value(said: Said) -> Value {
    match said {
        Said::Text(text) => text.into(),
        Said::Truth(truth) => truth.into(),
    }
}

/// The object called `name` within `parent`, made if need be.
fn member<'m>(parent: &'m mut Map<String, Value>, name: &str) -> &'m mut Map<String, Value> {
    let entry = parent.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    #[expect(clippy::expect_used, reason = "it was made an object in the line before")]
    entry.as_object_mut().expect("an object")
}
