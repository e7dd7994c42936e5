//! An explanation, written for people and for programs.
//!
//! In: a decision and the places that it speaks of. Out: text, in the order in which somebody asks: what happened, who
//! and whence, what each layer said, why, what would have let it pass, what to do.

use portcullis_audit::journal::{Claim, Decision, Kind, Outcome, Refusal, Said, StepAnswer, Transport};
use portcullis_domain::Reason;
use portcullis_gateway::{Explained, Standing};
use serde_json::{Value, json};

/// The explanation for programs: the decision as the journal holds it, and what stands around it.
pub(super) fn json(explained: &Explained) -> Value {
    let Explained { decision, spots, standing } = explained;
    let spots: Vec<Value> =
        spots.iter().map(|spot| json!({ "what": spot.what, "file": spot.file, "line": spot.line })).collect();
    json!({
        "decision": decision,
        "places": spots,
        "policy": match standing {
            Standing::Same => json!({ "standing": "same" }),
            Standing::Changed(revision) => json!({ "standing": "changed", "revision": revision }),
            Standing::Unknown => json!({ "standing": "unknown" }),
        },
        "would_help": decision.refusal.as_ref().map(would_help).unwrap_or_default(),
        "means": reason(decision).map(|reason| reason.explanation().trim().to_owned()),
    })
}

/// The explanation for people.
pub(super) fn text(explained: &Explained) -> String {
    let Explained { decision, spots, standing } = explained;
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(words.trim_end());
        text.push('\n');
    };
    line(headline(decision));
    line(String::new());
    line(format!("  receipt   {}", decision.receipt));
    line(format!("  when      {}", moment(decision.at)));
    line(format!("  call      {}", call(decision)));
    for spot in spots {
        line(format!("            {}: {}:{}", spot.what, spot.file, spot.line));
    }
    line(format!("  from      {}", origin(decision)));
    line(format!("  who       {}", who(decision)));
    for words in credential(decision) {
        line(format!("            {words}"));
    }
    for value in &decision.values {
        line(format!("  says      {} `{}`: {}", value.part, value.name, said(value.said.as_deref())));
    }
    line(format!("  policy    {}{}", decision.revision, standing_of(standing)));
    line(String::new());
    for step in &decision.steps {
        let (mark, words) = match step.answer {
            StepAnswer::Passed => ("ok", String::new()),
            StepAnswer::WouldDeny => {
                ("shadow", format!("would have refused: {}", titled(step.reason.as_deref())))
            }
            StepAnswer::Denied => ("NO", titled(step.reason.as_deref())),
            StepAnswer::Failed => ("BROKEN", titled(step.reason.as_deref())),
        };
        line(format!("  {:<10} {mark:<7} {:>9}  {words}", step.stage, took(step.us)));
    }
    if !decision.rules.is_empty() {
        line(String::new());
        line(match decision.refusal {
            Some(_) => "Refused by".to_owned(),
            None => "Permitted by".to_owned(),
        });
        for rule in &decision.rules {
            let name = rule.name.as_deref().map(|name| format!("  {name}")).unwrap_or_default();
            line(format!("  {} {}{name}", rule.effect, rule.at));
        }
    }
    if !decision.facts.is_empty() {
        line(String::new());
        line("What the rules looked at".to_owned());
        for (name, value) in &decision.facts {
            line(format!("  {name} = {value}"));
        }
    }
    if let Some(refusal) = &decision.refusal {
        line(String::new());
        line("Why".to_owned());
        if let Some(note) = &refusal.note {
            line(format!("  {note}"));
        }
        for violation in &refusal.violations {
            let (part, at, keyword) = (&violation.part, &violation.at, &violation.keyword);
            line(format!("  {part} `{at}` breaks `{keyword}`: {} is expected", violation.expected));
        }
        for quota in &refusal.quotas {
            line(format!("  the quota `{quota}` was used up"));
        }
        if let Some(reason) = Reason::from_code(&refusal.reason) {
            for words in reason.explanation().trim().lines() {
                line(format!("  {}", words.trim()));
            }
        }
        let help = would_help(refusal);
        if !help.is_empty() {
            line(String::new());
            line("What would have let it pass".to_owned());
            for words in help {
                line(format!("  {words}"));
            }
        }
        if let Some(reason) = Reason::from_code(&refusal.reason) {
            line(String::new());
            line(format!(
                "The client saw status {}, the code `{}` and this receipt. More: portcullis explain {}",
                decision.status,
                reason.facts().public_code,
                refusal.reason
            ));
        }
    }
    text
}

/// The smallest changes that are known.
fn would_help(refusal: &Refusal) -> Vec<String> {
    let mut help = Vec::new();
    match refusal.would_help.as_slice() {
        [] => {}
        changes => help.push(changes.join(", together with ")),
    }
    if let Some(seconds) = refusal.retry_after {
        help.push(format!("the same request {seconds} seconds later"));
    }
    help.extend(
        refusal.violations.iter().map(|violation| {
            format!("{} at `{}` in the {}", violation.expected, violation.at, violation.part)
        }),
    );
    match Reason::from_code(&refusal.reason) {
        Some(Reason::ObjectForeign) => help.push(
            "the object being the caller's own, or shared with it: `portcullis objects why TYPE ID` tells whose it is"
                .to_owned(),
        ),
        Some(Reason::CredentialMissing) => help.push("a credential that this operation accepts".to_owned()),
        Some(_) | None => {}
    }
    help
}

fn headline(decision: &Decision) -> String {
    match (decision.outcome, &decision.refusal) {
        (Outcome::Answered, _) => format!("Let through, answered with {}", decision.status),
        (Outcome::Denied, refusal) => {
            let by = decision.refused_by().map(|step| format!(" by {}", step.stage)).unwrap_or_default();
            let code = refusal.as_ref().map(|refusal| refusal.reason.as_str()).unwrap_or_default();
            format!("Refused{by} with {}: {code}", decision.status)
        }
        (Outcome::Failed, refusal) => {
            let code = refusal.as_ref().map(|refusal| refusal.reason.as_str()).unwrap_or_default();
            format!("Failed with {}: {code}", decision.status)
        }
    }
}

fn call(decision: &Decision) -> String {
    match (&decision.api, &decision.operation, &decision.template) {
        (Some(api), Some(operation), Some(template)) => {
            let call = format!("{} {template}", decision.method);
            // Without an id of its own an operation is called by these.
            match *operation == call {
                true => format!("{call}  ({api})"),
                false => format!("{call}  ({api}: {operation})"),
            }
        }
        (Some(api), _, _) => format!("{} of no operation of `{api}`", decision.method),
        (None, _, _) => format!("{} of no API", decision.method),
    }
}

fn origin(decision: &Decision) -> String {
    let over = match (decision.transport, &decision.certificate) {
        (Transport::Plaintext, _) => "without TLS".to_owned(),
        (Transport::Tls, None) => "over TLS".to_owned(),
        (Transport::Tls, Some(thumbprint)) => format!("over TLS with the client certificate {thumbprint}"),
    };
    format!("{} {over}", decision.network)
}

fn who(decision: &Decision) -> String {
    let Some(caller) = &decision.caller else { return "nobody that was recognized".to_owned() };
    let kind = match caller.kind {
        Kind::User => "user",
        Kind::Client => "program",
    };
    let name = match &caller.name {
        Some(name) => format!("`{name}`"),
        None => format!("{} ({} bytes)", caller.subject.hex, caller.subject.length),
    };
    format!("{kind} {name} of {}, by `{}`", caller.issuer, caller.scheme)
}

fn credential(decision: &Decision) -> Vec<String> {
    let Some(caller) = &decision.caller else { return Vec::new() };
    let mut lines = Vec::new();
    let mut list = |what: &str, items: &[String]| {
        if !items.is_empty() {
            lines.push(format!("{what}: {}", items.join(" ")));
        }
    };
    list("roles", &caller.roles);
    list("scopes", &caller.scopes);
    list("logged in by", &caller.assurance.methods);
    list("contexts", &caller.assurance.reached);
    if let Some(client) = &caller.client {
        lines.push(format!("client: {client}"));
    }
    if let Some(at) = caller.assurance.at {
        let age = decision.at.saturating_sub(at) / 1000;
        lines.push(format!("logged in {age} seconds before"));
    }
    for (name, claim) in &caller.claims {
        lines.push(format!("claim {name}: {}", claimed(claim)));
    }
    if let Some(grants) = &decision.grants {
        lines.push(format!("passed by a grant: {grants}"));
    }
    if decision.risk > 0 {
        lines.push(format!("risk: {}", decision.risk));
    }
    lines
}

fn claimed(claim: &Claim) -> String {
    match claim {
        Claim::Text(digest) => format!("{} bytes, {}", digest.length, digest.hex),
        Claim::Number(number) => number.to_string(),
        Claim::Truth(truth) => truth.to_string(),
        Claim::List(list) => format!("{} texts", list.len()),
        Claim::Withheld => "not kept".to_owned(),
    }
}

fn said(said: Option<&[Said]>) -> String {
    let Some(said) = said else { return "something that cannot be read".to_owned() };
    if said.is_empty() {
        return "nothing".to_owned();
    }
    let words = said.iter().map(|one| match one {
        Said::Text(digest) => format!("{} bytes, {}", digest.length, digest.hex),
        Said::Truth(truth) => truth.to_string(),
    });
    words.collect::<Vec<_>>().join("; ")
}

fn standing_of(standing: &Standing) -> String {
    match standing {
        Standing::Same => ", as in the files now".to_owned(),
        Standing::Changed(revision) => format!("; the files now are {revision}, and lines may have moved"),
        Standing::Unknown => "; the files now do not compile".to_owned(),
    }
}

fn reason(decision: &Decision) -> Option<Reason> {
    Reason::from_code(&decision.refusal.as_ref()?.reason)
}

fn titled(code: Option<&str>) -> String {
    let code = code.unwrap_or_default();
    match Reason::from_code(code) {
        Some(reason) => format!("{code}: {}", reason.facts().title),
        None => code.to_owned(),
    }
}

fn took(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}

/// A moment for people, in UTC.
pub(super) fn moment(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |at| at.to_string())
}
