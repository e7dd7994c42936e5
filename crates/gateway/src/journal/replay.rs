//! What another policy would have said of a decision that was taken down.
//!
//! In: a compiled policy and a decision. Out: [`Replayed`]. Follows [`crate::admit`]'s order. Who may call is decided
//! anew, by the same code as ever, on the facts that were kept; all else is what the trail says of it, as far as that can
//! still hold. Where the answer depends on something that is not in the journal (a body, a credential, how much of a
//! limit was left) it says so and does not guess.

use portcullis_audit::journal::{
    Decision, JournalKey, Outcome, StepAnswer, StepFact, Transport as TransportFact,
};
use portcullis_authz::Demand;
use portcullis_authz::rules::{Effect, Facts, Reach, Transport, Verdict};
use portcullis_domain::{Caller, Denial, Reason, Risk, Stage, Strength, Timestamp};
use std::sync::Arc;

use super::facts::{self, Texts};
use super::tell::is_of_rules;
use crate::ownership::Mode;
use crate::policy::{Api, Policy, Route};
use crate::rules::RouteRules;

/// What a policy would have said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Replayed {
    /// It would have let the request pass.
    Allowed {
        /// The rule by which.
        rule: Option<String>,
        /// What the request never met, and would have met.
        unseen: Vec<&'static str>,
    },
    /// It would have refused it.
    Denied {
        reason: Reason,
        /// The rule by which.
        rule: Option<String>,
    },
    /// This keeps from telling.
    Untold(String),
}

/// Whether the request was let through when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    Allowed,
    Denied,
}

impl Was {
    /// How a decision ended, as far as policies decide it: what broke on its way to the upstream had been let through.
    pub(super) fn of(decision: &Decision) -> Option<Self> {
        match decision.outcome {
            Outcome::Answered => Some(Self::Allowed),
            Outcome::Denied if decision.refused_by().is_some_and(|step| is(step, Stage::Release)) => {
                Some(Self::Allowed)
            }
            Outcome::Denied => Some(Self::Denied),
            Outcome::Failed => {
                let has_left =
                    decision.steps.iter().any(|step| is(step, Stage::Forward) || is(step, Stage::Release));
                has_left.then_some(Self::Allowed)
            }
        }
    }
}

fn is(step: &StepFact, stage: Stage) -> bool {
    step.stage == stage.name()
}

/// Asks a policy about a decision.
pub(super) fn replay(policy: &Policy, decision: &Decision, key: &JournalKey) -> Replayed {
    let route = match find(policy, decision) {
        Ok(found) => found,
        Err(replayed) => return replayed,
    };
    let walk = Walk { route, decision, key };
    match walk.run() {
        Ok(replayed) => replayed,
        Err(Stop::Refused(reason, rule)) => Replayed::Denied { reason, rule },
        Err(Stop::Untold(why)) => Replayed::Untold(why),
    }
}

/// The operation that a request would have met.
fn find<'p>(policy: &'p Policy, decision: &Decision) -> Result<&'p Route, Replayed> {
    let untold = |why: String| Err(Replayed::Untold(why));
    let (Some(api), Some(template)) = (&decision.api, &decision.template) else {
        return untold("it was decided before an operation was found".to_owned());
    };
    let Some(api) = policy.apis.iter().find(|one| one.name == *api) else {
        return untold(format!(
            "there is no API `{api}` any more, and what is served in its place is not known"
        ));
    };
    let same = |route: &&Route| {
        route.operation.method.as_str() == decision.method && is_same(&route.operation.template, template)
    };
    match api.routes.iter().find(same) {
        Some(route) => Ok(route),
        None if api.routes.iter().any(|route| overlaps(&route.operation.template, template)) => {
            untold(format!("`{template}` is gone, and another path could take its requests"))
        }
        None => Err(Replayed::Denied { reason: reason_of_gone(api, template), rule: None }),
    }
}

fn reason_of_gone(api: &Api, template: &str) -> Reason {
    match api.routes.iter().any(|route| is_same(&route.operation.template, template)) {
        true => Reason::MethodUndeclared,
        false => Reason::OperationUnknown,
    }
}

fn is_gap(segment: &str) -> bool {
    segment.contains('{')
}

/// Whether two templates are one path, whatever their gaps are called.
fn is_same(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other || (is_gap(one) && is_gap(other)) => {}
            (_, _) => return false,
        }
    }
}

/// Whether a path could be one of both.
fn overlaps(one: &str, other: &str) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
    one != other
        && one.len() == other.len()
        && !is_same(&one.join("/"), &other.join("/"))
        && one.iter().zip(&other).all(|(one, other)| one == other || is_gap(one) || is_gap(other))
}

/// Why a walk ends before its end.
enum Stop {
    Refused(Reason, Option<String>),
    Untold(String),
}

fn untold<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Untold(why.into()))
}

struct Walk<'w> {
    route: &'w Route,
    decision: &'w Decision,
    key: &'w JournalKey,
}

impl Walk<'_> {
    fn run(&self) -> Result<Replayed, Stop> {
        let (route, decision) = (self.route, self.decision);
        if let Err(gone) = route.life.judge(Timestamp::from_millis(decision.at)) {
            return Err(Stop::Refused(gone.reason(), None));
        }
        if let Some(ended) = decision.refused_by()
            && (is(ended, Stage::Listen) || is(ended, Stage::Route) || self.is_before(ended, Stage::Identify))
        {
            return untold(format!(
                "it was refused before anybody was asked who they are ({})",
                reason_of(ended)
            ));
        }
        if decision.grants.is_some() {
            return untold("it passed by a grant, which no policy holds");
        }
        let caller = self.identify()?;
        let rule = self.authorize(caller)?;
        let unseen = self.later()?;
        Ok(Replayed::Allowed { rule, unseen })
    }

    /// Whether a limit refused it before a stage was reached.
    fn is_before(&self, ended: &StepFact, stage: Stage) -> bool {
        is(ended, Stage::Limit) && !self.decision.steps.iter().any(|step| is(step, stage))
    }

    fn identify(&self) -> Result<Caller, Stop> {
        let (route, decision) = (self.route, self.decision);
        let is_public = matches!(route.demand, Demand::Public);
        let said = decision.steps.iter().find(|step| is(step, Stage::Identify));
        let refused = said.filter(|step| step.answer != StepAnswer::Passed);
        match (&decision.caller, refused) {
            (_, Some(_)) if is_public => Ok(Caller::Anonymous),
            (_, Some(step)) => match (known(step), route.strengths.identify) {
                (Some(reason @ Reason::CredentialMissing), Strength::Enforce) => {
                    Err(Stop::Refused(reason, None))
                }
                (Some(_), Strength::Shadow) => Ok(Caller::Anonymous),
                (_, Strength::Enforce) => untold(format!(
                    "it was refused for its credential, which is not kept ({})",
                    reason_of(step)
                )),
                (None, Strength::Shadow) => untold("it failed while the caller was identified"),
            },
            (Some(_), None) if is_public => Ok(Caller::Anonymous),
            (Some(caller), None) => {
                let compares = route.rules.as_ref().map(|rules| rules.rules.compares()).unwrap_or_default();
                let principal = Texts::of(&compares, self.key).principal(caller);
                Ok(Caller::Authenticated(Arc::new(principal)))
            }
            (None, None) if is_public => Ok(Caller::Anonymous),
            // It was public when it came, and nobody was asked who they are.
            (None, None) => untold("nobody was asked for a credential when it came"),
        }
    }

    /// Decides who may call, by the same code as in a request's way.
    fn authorize(&self, caller: Caller) -> Result<Option<String>, Stop> {
        let route = self.route;
        let decided = route.demand.decide(caller.clone()).map(drop).map_err(|denial| (denial, None));
        let judged = match decided {
            Ok(()) => self.ask_rules(&caller)?,
            Err(refused) => Err(refused),
        };
        match (judged, route.strengths.authorize) {
            (Ok(rule), _) => Ok(rule),
            (Err(_), Strength::Shadow) => Ok(None),
            (Err((denial, rule)), Strength::Enforce) => Err(Stop::Refused(denial.reason(), rule)),
        }
    }

    #[expect(clippy::type_complexity, reason = "a refusal and its rule, or the rule that permits")]
    fn ask_rules(&self, caller: &Caller) -> Result<Result<Option<String>, (Denial, Option<String>)>, Stop> {
        let (Some(rules), Some(principal)) = (&self.route.rules, caller.principal()) else {
            return Ok(Ok(None));
        };
        let decision = self.decision;
        let compares = rules.rules.compares();
        facts::check_caller(decision.caller.as_ref(), &compares).map_err(Stop::Untold)?;
        let client = facts::client(decision, &compares).map_err(Stop::Untold)?;
        let certificate = decision.certificate.as_deref().and_then(thumbprint);
        let texts = Texts::of(&compares, self.key);
        // First what can be decided without the body, as in a request's way; it may be all that is known.
        for reach in reaches(rules).iter().copied() {
            let said = match texts.request(rules.rules.wanted(reach), decision) {
                Ok(said) => said,
                Err(why) => return untold(why),
            };
            let now = Timestamp::from_millis(decision.at);
            let facts = Facts {
                principal,
                now,
                local: &|| rules.local(now),
                client,
                transport: match decision.transport {
                    TransportFact::Plaintext => Transport::Plaintext,
                    TransportFact::Tls => Transport::Tls { certificate: certificate.as_ref() },
                },
                risk: Risk::new(decision.risk),
                said: &|index| said.get(index).cloned().flatten(),
            };
            let explained = rules.rules.explain(reach, &facts);
            let rule = cited(&explained.deciding);
            match explained.verdict {
                Verdict::Undecided => {}
                Verdict::Permitted if reach == Reach::Head && rules.rules.reads_body() => {}
                Verdict::Permitted => return Ok(Ok(rule)),
                Verdict::Unpermitted | Verdict::Forbidden | Verdict::Unreadable(_) | Verdict::Failed(_) => {
                    // The same code that refuses requests says with which reason.
                    return Ok(match rules.rules.judge(&self.route.demand, reach, &facts) {
                        Err(denial) => Err((denial, rule)),
                        Ok(()) => Ok(rule),
                    });
                }
            }
        }
        Ok(Ok(None))
    }

    /// What the stages behind say, as far as they were met.
    fn later(&self) -> Result<Vec<&'static str>, Stop> {
        let (route, decision) = (self.route, self.decision);
        let refused = decision.refused_by();
        // The last that was met is where the walk ended.
        let authorized = decision.steps.iter().position(|step| is(step, Stage::Authorize));
        let behind = authorized.and_then(|at| decision.steps.get(at + 1..)).unwrap_or_default();
        for step in behind {
            let strength = match step.stage.as_str() {
                "limit" => route.strengths.limit,
                "validate" => route.strengths.validate,
                "authorize" => match known(step) {
                    Some(Reason::ObjectForeign | Reason::ObjectAmbiguous) => self.strength_of_objects()?,
                    // Decided anew, above.
                    Some(reason) if is_of_rules(reason) && !self.asks_others() => Strength::Shadow,
                    Some(_) => route.strengths.authorize,
                    None => Strength::Enforce,
                },
                _ => continue,
            };
            match (step.answer, strength) {
                (StepAnswer::Passed, _) | (StepAnswer::WouldDeny, Strength::Shadow) => {}
                (StepAnswer::WouldDeny, Strength::Enforce) => match known(step) {
                    Some(reason) => return Err(Stop::Refused(reason, None)),
                    None => return untold("it has a reason that this version does not know"),
                },
                (StepAnswer::Denied, Strength::Shadow) => {}
                (StepAnswer::Denied, Strength::Enforce) => return untold(self.kept_back(step)),
                (StepAnswer::Failed, _) => return untold(format!("it failed ({})", reason_of(step))),
            }
        }
        if Was::of(decision) == Some(Was::Allowed) && route.asks.is_none() {
            return Ok(Vec::new());
        }
        // It ended there, so what comes behind never saw it.
        let mut unseen = Vec::new();
        let has_met = |stage: Stage| behind.iter().any(|step| is(step, stage));
        if refused.is_some() && !has_met(Stage::Validate) {
            unseen.extend(["limits", "the contract"]);
        }
        if refused.is_some() && route.objects.is_some() {
            unseen.push("whose the objects are");
        }
        if route.asks.is_some() {
            unseen.push("a decision point outside");
        }
        Ok(unseen)
    }

    fn asks_others(&self) -> bool {
        self.route.asks.is_some()
    }

    /// How strictly owners are held to, if that is one answer.
    fn strength_of_objects(&self) -> Result<Strength, Stop> {
        let Some(objects) = &self.route.objects else { return Ok(Strength::Shadow) };
        let mut modes = objects.types.iter().map(|on_route| on_route.kind.mode == Mode::Enforce);
        match (modes.clone().all(|enforced| enforced), modes.any(|enforced| enforced)) {
            (true, _) => Ok(Strength::Enforce),
            (_, false) => Ok(Strength::Shadow),
            (false, true) => untold("of the types of objects here, some are enforced and some are not"),
        }
    }

    fn kept_back(&self, step: &StepFact) -> String {
        let reason = reason_of(step);
        match step.stage.as_str() {
            "limit" => format!("it was refused by a limit, and how much was left is not kept ({reason})"),
            "validate" => format!("it was refused by the contract, and what it said is not kept ({reason})"),
            _ => {
                format!("it was refused for an object or by others, and these are not asked again ({reason})")
            }
        }
    }
}

/// How far rules are asked, in this order.
fn reaches(rules: &RouteRules) -> &'static [Reach] {
    match rules.rules.reads_body() {
        true => &[Reach::Head, Reach::Whole],
        false => &[Reach::Whole],
    }
}

fn known(step: &StepFact) -> Option<Reason> {
    Reason::from_code(step.reason.as_deref()?)
}

fn reason_of(step: &StepFact) -> &str {
    step.reason.as_deref().unwrap_or("no reason")
}

fn cited(deciding: &[portcullis_authz::rules::Deciding]) -> Option<String> {
    let of = |effect| deciding.iter().find(move |rule| rule.effect == effect);
    let rule = of(Effect::Forbid).or_else(|| of(Effect::Permit))?;
    Some(match &rule.name {
        Some(name) => format!("{} ({name})", rule.rule),
        None => rule.rule.to_string(),
    })
}

fn thumbprint(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0u8; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
