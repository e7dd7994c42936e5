//! From what was taken down of a request to a decision as the journal holds it.
//!
//! Runs on the journal's thread, with the policy that the request was judged by. What the request says becomes digests
//! here; the rules are asked once more, for their reasons. Nothing is judged anew: what the trail says, counts.

use http::HeaderMap;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use portcullis_audit::journal::{
    AssuranceFacts, CallerFacts, Claim, Decision, JournalKey, Kind, Outcome, Refusal, RuleFact,
    Said as SaidFact, StepAnswer, StepFact, Transport as TransportFact, ValueFact, ViolationFact,
};
use portcullis_audit::redact;
use portcullis_authz::Demand;
use portcullis_authz::rules::{self, Effect, Explanation, Facts, Part, Reach, Said, Transport};
use portcullis_authz::spelling::canonical;
use portcullis_contract::{Lookup, PathParameters};
use portcullis_domain::{Answer, Denial, Principal, PrincipalKind, Reason, Stage, Step};
use portcullis_message::Target;
use serde_json::Value;
use std::borrow::Cow;
use std::net::IpAddr;

use super::Naming;
use super::taken::{End, Heard, Link, Taken};
use crate::config::SubjectsConfig;
use crate::ownership::{Content, Reading};

/// Most values of a request, and most claims of a caller, that are kept.
pub(super) const MOST: usize = 64;
/// Longer names are not kept: they are no names that somebody declared.
const LONGEST_NAME: usize = 128;
/// Most violations that are kept.
const VIOLATIONS: usize = 16;
/// Claims by which a token is told from another one, or believed: no rule compares them.
const TECHNICAL: [&str; 12] =
    ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "sid", "azp", "nonce", "cnf", "scope"];

/// How much is told of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What the stage said.
    Noted,
    /// What would have helped, too.
    Explained,
}

/// Tells a decision.
pub(super) fn tell(taken: &Taken, key: &JournalKey, naming: &Naming, depth: Depth) -> Decision {
    let (api, route) = (taken.api(), taken.route());
    let mut told = Spoken { taken, key, values: Vec::new(), explanation: None };
    told.look(depth);
    let Spoken { values, explanation, .. } = told;
    let deciding = explanation.iter().flat_map(|explanation| &explanation.deciding);
    Decision {
        receipt: taken.receipt.to_string(),
        at: taken.trail.arrived().wall.as_millis(),
        revision: taken.policy.revision.clone(),
        method: redact::text(taken.method.as_str()).into_owned(),
        api: api.map(|api| api.name.clone()),
        operation: route.map(|route| route.operation.id.to_string()),
        template: route.map(|route| route.operation.template.to_string()),
        network: network_of(taken.client).to_string(),
        transport: match taken.link {
            Link::Plaintext => TransportFact::Plaintext,
            Link::Tls { .. } => TransportFact::Tls,
        },
        certificate: match taken.link {
            Link::Tls { certificate: Some(thumbprint) } => {
                Some(thumbprint.iter().map(|byte| format!("{byte:02x}")).collect())
            }
            Link::Tls { certificate: None } | Link::Plaintext => None,
        },
        caller: taken.principal.as_deref().map(|principal| caller(principal, key, naming)),
        risk: taken.risk.score(),
        values,
        steps: taken.trail.steps().iter().map(step).collect(),
        outcome: match taken.end {
            End::Answered => Outcome::Answered,
            End::Denied(_) => Outcome::Denied,
            End::Failed(_) => Outcome::Failed,
        },
        status: taken.status,
        grants: taken.grants.as_deref().map(str::to_owned),
        rules: deciding
            .map(|rule| RuleFact {
                at: rule.rule.to_string(),
                name: rule.name.clone(),
                effect: match rule.effect {
                    Effect::Permit => "permit".to_owned(),
                    Effect::Forbid => "forbid".to_owned(),
                },
            })
            .collect(),
        facts: explanation
            .iter()
            .flat_map(|explanation| &explanation.facts)
            .map(|fact| (fact.name.clone(), redact::text(&fact.value).into_owned()))
            .collect(),
        refusal: refusal(taken, explanation.as_ref()),
    }
}

/// The network that an address is in, as far as it is kept: what a provider gives to one customer, not what one
/// person uses.
fn network_of(client: IpAddr) -> IpNet {
    let length = match client {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 48,
    };
    IpNet::new(client, length).map_or_else(|_| IpNet::from(client), |network| network.trunc())
}

fn step(step: &Step) -> StepFact {
    let (answer, reason) = match step.answer {
        Answer::Passed => (StepAnswer::Passed, None),
        Answer::WouldDeny(reason) => (StepAnswer::WouldDeny, Some(reason)),
        Answer::Denied(reason) => (StepAnswer::Denied, Some(reason)),
        Answer::Failed(reason) => (StepAnswer::Failed, Some(reason)),
    };
    StepFact {
        stage: step.stage.name().to_owned(),
        answer,
        reason: reason.map(|reason| reason.code().to_owned()),
        us: u64::try_from(step.at().as_micros()).unwrap_or(u64::MAX),
    }
}

fn caller(principal: &Principal, key: &JournalKey, naming: &Naming) -> CallerFacts {
    let name = principal.subject.as_str();
    let kept = principal.claims.iter().filter(|(name, _)| !TECHNICAL.contains(&name.as_str()));
    let count = kept.clone().count();
    CallerFacts {
        issuer: principal.issuer.to_string(),
        subject: key.digest(&canonical(Cow::Borrowed(name))),
        name: match naming.subjects {
            SubjectsConfig::Hashed => None,
            SubjectsConfig::Named => Some(redact::text(name).into_owned()),
        },
        kind: match principal.kind {
            PrincipalKind::User => Kind::User,
            PrincipalKind::Client => Kind::Client,
        },
        client: principal.client.as_deref().map(str::to_owned),
        scheme: principal.scheme.to_string(),
        scopes: principal.scopes.iter().map(str::to_owned).collect(),
        roles: principal.roles.iter().map(str::to_owned).collect(),
        assurance: AssuranceFacts {
            context: principal.assurance.context.as_deref().map(str::to_owned),
            reached: principal.assurance.reached.iter().map(str::to_owned).collect(),
            methods: principal.assurance.methods.iter().map(str::to_owned).collect(),
            at: principal.assurance.at.map(portcullis_domain::Timestamp::as_millis),
        },
        claims: kept
            .filter(|(name, _)| name.len() <= LONGEST_NAME)
            .take(MOST)
            .map(|(name, value)| (name.clone(), claim(name, value, key, naming)))
            .collect(),
        claims_left_out: count.checked_sub(MOST).filter(|more| *more > 0),
    }
}

fn claim(name: &str, value: &Value, key: &JournalKey, naming: &Naming) -> Claim {
    let digest = |text: &str| key.digest(&canonical(Cow::Borrowed(text)));
    match value {
        Value::String(text) => Claim::Text(digest(text)),
        Value::Bool(truth) => Claim::Truth(*truth),
        // A number may be somebody's birthday; one that was declared for rules is an attribute.
        Value::Number(number) if naming.numbers.contains(name) => {
            number.as_i64().map_or(Claim::Withheld, Claim::Number)
        }
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().take(MOST + 1).map(Value::as_str).collect();
            match texts.filter(|texts| texts.len() <= MOST) {
                Some(texts) => Claim::List(texts.into_iter().map(digest).collect()),
                None => Claim::Withheld,
            }
        }
        Value::Null | Value::Number(_) | Value::Object(_) => Claim::Withheld,
    }
}

/// What a request says, as it is read once more.
struct Spoken<'t> {
    taken: &'t Taken,
    key: &'t JournalKey,
    values: Vec<ValueFact>,
    explanation: Option<Explanation>,
}

impl Spoken<'_> {
    /// Reads the target as the walk has read it, and hands it on.
    fn look(&mut self, depth: Depth) {
        let Some((api, route)) = self.taken.api().zip(self.taken.route()) else { return };
        let Some(raw) = self.taken.target.path_and_query() else { return };
        let policy = &self.taken.policy;
        let Ok(target) = Target::read(&self.taken.method, raw, &policy.bounds) else { return };
        for prefix in policy.hosts.prefixes_of(api.index) {
            let within = match prefix {
                "" => Some(target.clone()),
                prefix => target.strip_prefix(prefix),
            };
            let Some(within) = within else { continue };
            if let Lookup::Found { operation, path_parameters } =
                api.contract.find(&self.taken.method, within.path())
                && operation.index == route.operation.index
            {
                self.note_values(&path_parameters, within.query());
                self.explain(&path_parameters, within.query(), depth);
                return;
            }
        }
    }

    fn note_values(&mut self, path: &PathParameters<'_, '_>, query: Option<&str>) {
        let key = self.key;
        let text = |text: Cow<'_, str>| SaidFact::Text(key.digest(&canonical(text)));
        for parameter in path.iter() {
            let said =
                percent_decode_str(parameter.text).decode_utf8().ok().map(|decoded| vec![text(decoded)]);
            self.push(Part::Path, parameter.name, said);
        }
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).take(MOST) {
            // A token in an address is a secret also where nobody reads it.
            if name == "access_token" || name.len() > LONGEST_NAME {
                continue;
            }
            let said = text(value);
            let known = self.values.iter_mut().find(|known| known.part == "query" && *known.name == *name);
            match known.and_then(|known| known.said.as_mut()) {
                Some(known) => known.push(said),
                None => self.push(Part::Query, &redact::text(&name), Some(vec![said])),
            }
        }
        for Heard { part, name, said } in &self.taken.heard {
            let said = said.as_ref().map(|said| {
                let facts = said.iter().take(MOST).map(|one| match one {
                    Said::Text(said) => text(Cow::Borrowed(said)),
                    Said::Truth(truth) => SaidFact::Truth(*truth),
                });
                facts.collect()
            });
            self.push(*part, name, said);
        }
    }

    fn push(&mut self, part: Part, name: &str, said: Option<Vec<SaidFact>>) {
        if self.values.len() < MOST {
            self.values.push(ValueFact { part: part.name().to_owned(), name: name.to_owned(), said });
        }
    }

    /// Asks the rules why, if it was they who decided.
    fn explain(&mut self, path: &PathParameters<'_, '_>, query: Option<&str>, depth: Depth) {
        let taken = self.taken;
        let refused_by_rules = matches!(&taken.end, End::Denied(denial) if is_of_rules(denial.reason()));
        let is_asked = refused_by_rules && depth == Depth::Explained || matches!(taken.end, End::Answered);
        let Some(route) = taken.route().filter(|_| is_asked) else { return };
        let (Some(rules), Some(principal)) = (&route.rules, taken.principal.as_ref()) else { return };
        // What the document demands comes first.
        if route.demand.decide(portcullis_domain::Caller::Authenticated(principal.clone())).is_err() {
            return;
        }
        let reach = match rules.rules.reads_body() && was_validated(taken.trail.steps()) {
            true => Reach::Whole,
            false => Reach::Head,
        };
        let headers = HeaderMap::new();
        let reading = Reading { path, query, headers: &headers, body: Content::Nothing };
        let (wanted, places) = (rules.rules.wanted(reach), rules.places(reach));
        let said = |index: usize| {
            let wanted: &rules::Wanted = wanted.get(index)?;
            match wanted.part {
                Part::Path | Part::Query => reading.said(places.get(index)?),
                Part::Header | Part::Body => {
                    let heard = taken.heard.iter();
                    heard
                        .filter(|heard| heard.part == wanted.part && heard.name == wanted.name)
                        .find_map(|heard| heard.said.clone())
                }
            }
        };
        let now = taken.trail.arrived().wall;
        let facts = Facts {
            principal,
            now,
            local: &|| rules.local(now),
            client: taken.client,
            transport: match &taken.link {
                Link::Plaintext => Transport::Plaintext,
                Link::Tls { certificate } => Transport::Tls { certificate: certificate.as_ref() },
            },
            risk: taken.risk,
            said: &said,
        };
        self.explanation = Some(rules.rules.explain(reach, &facts));
    }
}

/// Whether rules of an operation refuse for this reason.
pub(super) fn is_of_rules(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::PermitMissing
            | Reason::ScopeInsufficient
            | Reason::AuthenticationInsufficient
            | Reason::ObjectConcealed
            | Reason::RuleFailed
            | Reason::DecisionUnavailable
    )
}

/// Whether the contract was asked, which is before rules look into a body.
fn was_validated(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.stage == Stage::Validate)
}

fn refusal(taken: &Taken, explanation: Option<&Explanation>) -> Option<Refusal> {
    match &taken.end {
        End::Answered => None,
        End::Failed(fault) => Some(Refusal {
            reason: fault.reason().code().to_owned(),
            note: fault.note().map(|note| redact::text(note.as_str()).into_owned()),
            retry_after: fault.retry_after().map(|wait| wait.seconds()),
            ..Refusal::default()
        }),
        End::Denied(denial) => Some(Refusal {
            reason: denial.reason().code().to_owned(),
            note: denial.note().map(|note| redact::text(note.as_str()).into_owned()),
            violations: violations(denial),
            quotas: denial.violated_policies().to_vec(),
            retry_after: denial.retry_after().map(|wait| wait.seconds()),
            would_help: match explanation {
                Some(explanation) => explanation.smallest.iter().map(ToString::to_string).collect(),
                None => demanded(taken, denial),
            },
        }),
    }
}

fn violations(denial: &Denial) -> Vec<ViolationFact> {
    let fact = |violation: &portcullis_domain::Violation| ViolationFact {
        part: violation.location.to_owned(),
        at: redact::text(&violation.at).into_owned(),
        keyword: violation.keyword.to_string(),
        expected: violation.expected.clone(),
    };
    denial.violations().iter().take(VIOLATIONS).map(fact).collect()
}

/// What the document and the settings of the operation demand and the caller does not have.
fn demanded(taken: &Taken, denial: &Denial) -> Vec<String> {
    if !is_of_rules(denial.reason()) {
        return Vec::new();
    }
    let Some(Demand::Authenticated { alternatives, roles, .. }) = taken.route().map(|route| &route.demand)
    else {
        return Vec::new();
    };
    let Some(principal) = &taken.principal else { return Vec::new() };
    let mut ways: Vec<&portcullis_domain::Scopes> =
        alternatives.iter().filter(|way| way.scheme == principal.scheme).map(|way| &way.scopes).collect();
    ways.sort_by_key(|scopes| scopes.iter().filter(|scope| !principal.scopes.contains(scope)).count());
    let mut help = Vec::new();
    if let Some(nearest) = ways.first() {
        let missing: Vec<&str> = nearest.iter().filter(|scope| !principal.scopes.contains(scope)).collect();
        if !missing.is_empty() {
            help.push(format!("the scopes `{}`", missing.join(" ")));
        }
    }
    if let Some(roles) = roles
        && !roles.iter().any(|role| principal.roles.contains(role))
    {
        help.push(format!("one of the roles `{roles}`"));
    }
    help
}
