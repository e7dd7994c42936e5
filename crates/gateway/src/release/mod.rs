//! What of the upstream's answer may leave.
//!
//! In: the upstream's response, and who will see it. Out: the same without what was meant for the hop, tells
//! a stranger how the API is built, or is not for this caller; or a [`Fault`] in place of a 5xx, whose body
//! may hold anything (ASVS 16.5.1), and of an answer that breaks the contract where that is blocked. Called
//! by the walk, once per answer of an upstream.
//!
//! [`rules`] says what the operator and the document decided; [`onlooker`] who looks; [`watch`] looks at a
//! body, [`shaped`] while it streams through and [`whole`] before it leaves.

mod findings;
mod head;
mod hygiene;
mod onlooker;
mod rules;
mod shaped;
mod watch;
mod whole;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use portcullis_audit::FindingKind;
use portcullis_contract::filter::{Filter, FilterPlan, Sight};
use portcullis_contract::{AnswerHead, AnswerSchema, Carries, PromisedBody};
use portcullis_domain::{Fault, Reason};
use portcullis_limits::Permit as Place;
use portcullis_message::{MediaType, hop_by_hop};

use crate::config::UpstreamErrorsConfig;
use crate::cors;
use crate::forward::{AnswerBody, Lease, Outflow};
use crate::ownership::Stake;
use crate::policy::{Api, Route};
use crate::trace::Trace;
pub(crate) use onlooker::Onlooker;
use rules::AnswerMode;
pub(crate) use rules::{AnswerRules, Copies, Owners, StreamType};
pub(crate) use shaped::Shaped;
use watch::{Passing, Watch, WholeCopy};

/// Whether a field of the upstream's is not for the client: it names products or versions (GW-18), or says
/// what is for the gateway to say.
fn is_withheld(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "server"
            | "strict-transport-security"
            | "x-powered-by"
            | "x-aspnet-version"
            | "x-aspnetmvc-version"
            | "x-generator"
            | "x-runtime"
            | "x-version"
            | "x-backend-server"
            | "x-served-by"
            | "via"
    ) || cors::is_answer(name)
}

/// An answer of the upstream, and what belongs to it.
pub(crate) struct Reply<'a> {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
    pub(crate) place: Option<Place>,
    pub(crate) method: &'a Method,
    pub(crate) onlooker: Onlooker,
    /// The objects that the request names, if it names any.
    pub(crate) stake: Option<Box<Stake>>,
}

/// Releases a response.
///
/// # Errors
/// [`Reason::UpstreamFailed`], [`Reason::UpstreamUnavailable`] or [`Reason::UpstreamTimeout`] for a 5xx
/// that is not to be handed on; [`Reason::AnswerForeign`] for one that is somebody else's; [`Reason::ResponseInvalid`] for an answer that breaks the contract, or of
/// which nobody can say what the caller may see.
pub(crate) async fn release(
    api: &Api,
    route: &Route,
    reply: Reply<'_>,
    trace: &mut Trace,
) -> Result<Response<AnswerBody>, Fault> {
    let Reply { response, lease, place, method, onlooker, stake } = reply;
    if response.status().is_server_error() && route.upstream_errors == UpstreamErrorsConfig::Replace {
        trace.remark(format!("the upstream answered {}", response.status().as_u16()));
        return Err(hidden(&response));
    }
    let (mut parts, body) = response.into_parts();
    withhold(&mut parts.headers);
    api.own_cookies.guard(&mut parts.headers);
    let carries = match method {
        &Method::HEAD => Carries::OnlyHead,
        _ if body.is_end_stream() || body.size_hint().exact() == Some(0) => Carries::Empty,
        _ => Carries::Body,
    };
    let outflow = Outflow::new(body, lease, api.upstream.plan.patience.between_bytes);
    let outflow = match stake {
        None => outflow,
        // Boxed: few answers are held, and all would carry its size.
        Some(stake) => Box::pin(stake.attend(&mut parts, outflow, trace)).await?,
    };
    let body = match route.answers.mode {
        AnswerMode::Off => AnswerBody::upstream(outflow),
        AnswerMode::Log | AnswerMode::Strip | AnswerMode::Block => {
            let (status, headers) = (parts.status, &mut parts.headers);
            hold_to_promise(route, &onlooker, status, headers, carries, outflow, trace).await?
        }
    };
    if has_body(parts.status) && !parts.headers.contains_key(header::CONTENT_TYPE) {
        // Without a type a browser guesses (GW-30).
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    Ok(Response::from_parts(parts, body.with_place(place)))
}

/// Holds an answer to what the document promises, as strictly as the operator wants it, and finds how its
/// body leaves.
async fn hold_to_promise(
    route: &Route,
    onlooker: &Onlooker,
    status: StatusCode,
    headers: &mut HeaderMap,
    carries: Carries,
    outflow: Outflow,
    trace: &mut Trace,
) -> Result<AnswerBody, Fault> {
    let (rules, operation) = (&route.answers, &*route.operation);
    let streams_by_type = || {
        let value = headers.get(header::CONTENT_TYPE)?;
        Some(rules.is_stream(MediaType::parse(value).ok()?.essence()))
    };
    if !rules.streams.is_empty() && streams_by_type() == Some(true) {
        return Ok(AnswerBody::upstream(outflow));
    }
    let promised = operation.promise(AnswerHead { status: status.as_u16(), headers, carries });
    findings::note_violations(&mut trace.findings, &promised.violations);
    if rules.mode == AnswerMode::Block && !promised.violations.is_empty() {
        return Err(whole::invalid("its head breaks the contract"));
    }
    let is_error = status.is_client_error() || status.is_server_error();
    let json = match promised.body {
        PromisedBody::Stream | PromisedBody::Absent => return Ok(AnswerBody::upstream(outflow)),
        PromisedBody::Opaque if !is_error => return Ok(AnswerBody::upstream(outflow)),
        // Nobody can say what of it this caller may see.
        PromisedBody::Unpromised if status.is_success() && rules.hides() => {
            return Err(whole::invalid("its status or type is not declared, and some of it may be hidden"));
        }
        PromisedBody::Opaque | PromisedBody::Unpromised => None,
        PromisedBody::Json { plan, schema } => Some(Json::new(rules, onlooker, plan, schema)),
    };
    let alters = json.as_ref().is_some_and(|json| json.alters);
    if alters {
        head::adapt(headers);
    }
    if carries == Carries::OnlyHead {
        return Ok(AnswerBody::upstream(outflow));
    }
    if json.is_some() && (status == StatusCode::PARTIAL_CONTENT || head::is_coded(headers)) {
        // It was asked for whole and uncoded, if anything of it is not for everybody.
        let what = if head::is_coded(headers) { "content-encoding" } else { "content-range" };
        findings::note(&mut trace.findings, FindingKind::Unseen, what.to_owned());
        return match rules.asks_plainly() {
            true => Err(whole::invalid("its body cannot be looked into")),
            false => Ok(AnswerBody::upstream(outflow)),
        };
    }
    if rules.mode == AnswerMode::Block {
        let json = json.map(|json| (json.start(rules), json.schema));
        let judgment = whole::Judgment { operation, most: rules.whole, json, is_error };
        headers.remove(header::CONTENT_LENGTH);
        // Boxed: most answers are not held back, and all would carry its size.
        let (body, trailers) = Box::pin(whole::judge(outflow, judgment, &mut trace.findings)).await?;
        return Ok(AnswerBody::held(body, trailers));
    }
    let mut watch = Watch::new(if alters { Passing::Filtered } else { Passing::AsTheyCame });
    if is_error || json.is_none() {
        watch.first = Some(Vec::new());
    }
    if let Some(json) = json {
        if !json.is_trivial {
            watch.filter = Some(json.start(rules));
        }
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // Without a schema, the filter sees all that there is to see.
        let is_checked = json.schema.is_some() || watch.filter.is_none();
        if is_checked && announced.is_none_or(|length: usize| length <= rules.whole) && rules.whole > 0 {
            watch.copy = Some((WholeCopy::new(rules.whole, Arc::clone(&rules.copies)), json.schema));
        }
    }
    Ok(match watch.is_idle() {
        true => AnswerBody::upstream(outflow),
        false => AnswerBody::shaped(Shaped::new(outflow, watch)),
    })
}

/// A JSON body, as one caller gets to see it.
struct Json<'o> {
    plan: &'o Arc<FilterPlan>,
    schema: Option<AnswerSchema>,
    sight: Sight,
    /// Whether it may leave other than it came.
    alters: bool,
    /// Whether there is nothing to look for.
    is_trivial: bool,
}

impl<'o> Json<'o> {
    fn new(
        rules: &AnswerRules,
        onlooker: &Onlooker,
        plan: &'o Arc<FilterPlan>,
        schema: Option<AnswerSchema>,
    ) -> Self {
        let sight = onlooker.sight(plan);
        let alters = rules.masks() || plan.may_alter(&sight, rules.mode.on_undeclared());
        let is_trivial = plan.is_trivial() && rules.detect.is_none();
        Self { plan, schema, sight, alters, is_trivial }
    }

    fn start(&self, rules: &AnswerRules) -> Filter {
        let filter = self.plan.start(self.sight.clone(), rules.mode.on_undeclared());
        match &rules.detect {
            Some(detect) => filter.with_detect(Arc::clone(detect)),
            None => filter,
        }
    }
}

/// Lets the upstream answer in whole and uncoded: what has to be looked into must be readable.
pub(crate) fn ask_plainly(headers: &mut HeaderMap) {
    headers.remove(header::RANGE);
    headers.remove(header::IF_RANGE);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Takes away what was meant for this hop, and what is not for the client.
pub(crate) fn withhold(headers: &mut HeaderMap) {
    hop_by_hop::strip(headers, is_withheld);
}

fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}

fn hidden(response: &Response<Incoming>) -> Fault {
    let status = response.status();
    let note = format!("the upstream answered {}", status.as_u16());
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            let fault = Fault::new(Reason::UpstreamUnavailable).with_note(note);
            let wait = response
                .headers()
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.parse().ok());
            match wait {
                Some(seconds) => fault.with_retry_after(std::time::Duration::from_secs(seconds)),
                None => fault,
            }
        }
        StatusCode::GATEWAY_TIMEOUT => Fault::new(Reason::UpstreamTimeout).with_note(note),
        _ => Fault::new(Reason::UpstreamFailed).with_note(note),
    }
}
