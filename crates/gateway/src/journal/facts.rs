//! From a decision of the journal back to facts that rules can be asked about.
//!
//! In: digests, and what the rules of one operation compare facts with. Out: a principal and what the request says, or
//! what of it is not known. A digest that is that of a text which a rule names becomes this text, every other one a
//! text that no rule names; so all that is compared for being the same gives what it gave. Where a rule looks into a
//! text, or at something that was never taken down, it is said so, and nothing is guessed (AUTHZ-21).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use portcullis_audit::journal::{CallerFacts, Claim, Decision, Digest, JournalKey, Kind, Said as SaidFact};
use portcullis_authz::rules::{Compares, Part, Said, TextsAre, Wanted};
use portcullis_domain::{Assurance, Issuer, Principal, PrincipalKind, Subject, Timestamp};
use serde_json::Value;

use super::tell::MOST as MOST_VALUES;

/// The texts behind digests, as far as they matter.
pub(super) struct Texts {
    known: BTreeMap<String, String>,
}

impl Texts {
    /// Those that these rules name.
    pub(super) fn of(compares: &Compares, key: &JournalKey) -> Self {
        let known = compares.texts.iter().map(|text| (key.digest(text).hex, text.clone()));
        Self { known: known.collect() }
    }

    /// The text of a digest, or one that stands for it.
    fn text(&self, digest: &Digest) -> String {
        // No rule says this: a text that it names has been found above.
        self.known.get(&digest.hex).cloned().unwrap_or_else(|| format!("\u{1}{}", digest.hex))
    }

    fn said(&self, said: &SaidFact) -> Said {
        match said {
            SaidFact::Text(digest) => Said::Text(self.text(digest)),
            SaidFact::Truth(truth) => Said::Truth(*truth),
        }
    }

    /// What a request says at the places that rules want to look at, in their order.
    ///
    /// # Errors
    /// The first place that was not taken down.
    pub(super) fn request(
        &self,
        wanted: &[Wanted],
        decision: &Decision,
    ) -> Result<Vec<Option<Vec<Said>>>, String> {
        let one = |wanted: &Wanted| {
            let mut values = decision.values.iter();
            let found = values.find(|value| value.part == wanted.part.name() && value.name == wanted.name);
            match (found, wanted.part) {
                (Some(value), _) => {
                    let said = value.said.as_ref();
                    Ok(said.map(|said| said.iter().map(|one| self.said(one)).collect()))
                }
                // The whole query was taken down: what is not there was not said.
                (None, Part::Query) if decision.values.len() < MOST_VALUES => Ok(Some(Vec::new())),
                (None, Part::Query | Part::Path | Part::Header | Part::Body) => {
                    Err(format!("the {} `{}` was not taken down", wanted.part, wanted.name))
                }
            }
        };
        wanted.iter().map(one).collect()
    }

    /// The caller, as far as rules can tell it from another.
    pub(super) fn principal(&self, caller: &CallerFacts) -> Principal {
        let claims = caller.claims.iter().filter_map(|(name, claim)| {
            let value = match claim {
                Claim::Text(digest) => Value::String(self.text(digest)),
                Claim::Number(number) => Value::from(*number),
                Claim::Truth(truth) => Value::Bool(*truth),
                Claim::List(list) => {
                    Value::Array(list.iter().map(|one| Value::String(self.text(one))).collect())
                }
                Claim::Withheld => return None,
            };
            Some((name.clone(), value))
        });
        Principal {
            issuer: Issuer::from(caller.issuer.as_str()),
            subject: Subject::from(self.text(&caller.subject).as_str()),
            kind: match caller.kind {
                Kind::User => PrincipalKind::User,
                Kind::Client => PrincipalKind::Client,
            },
            client: caller.client.as_deref().map(Arc::from),
            scopes: caller.scopes.iter().map(String::as_str).collect(),
            roles: caller.roles.iter().map(String::as_str).collect(),
            expires_at: None,
            claims: Arc::new(claims.collect()),
            scheme: Arc::from(caller.scheme.as_str()),
            assurance: Assurance {
                context: caller.assurance.context.as_deref().map(Arc::from),
                reached: caller.assurance.reached.iter().map(String::as_str).collect(),
                methods: caller.assurance.methods.iter().map(String::as_str).collect(),
                at: caller.assurance.at.map(Timestamp::from_millis),
            },
        }
    }
}

/// An address that is in all of these networks in which the client's was, and in none of the others.
///
/// # Errors
/// If its network does not tell that.
pub(super) fn client(decision: &Decision, compares: &Compares) -> Result<IpAddr, String> {
    let Ok(network) = decision.network.parse::<IpNet>() else {
        return Err("the client's network cannot be read".to_owned());
    };
    let parts = |asked: &&IpNet| network.contains(*asked) && network != **asked;
    match compares.networks.iter().find(parts) {
        Some(asked) => Err(format!("a rule asks for `{asked}`, and of the client only `{network}` is known")),
        None => Ok(network.addr()),
    }
}

/// Whether a rule asks for something of a caller that was not taken down.
///
/// # Errors
/// What it is.
pub(super) fn check_caller(caller: Option<&CallerFacts>, compares: &Compares) -> Result<(), String> {
    if compares.texts_are == TextsAre::LookedInto {
        return Err("a rule looks into texts, of which only digests are kept".to_owned());
    }
    let Some(caller) = caller else { return Ok(()) };
    for name in &compares.claims {
        match caller.claims.get(name) {
            Some(Claim::Withheld) => {
                return Err(format!("the claim `{name}` is not kept in a form to compare"));
            }
            None if caller.claims_left_out.is_some() => {
                return Err(format!("the claim `{name}` may be among those that were left out"));
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}
