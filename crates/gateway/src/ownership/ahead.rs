//! Asking the upstream whose an object is, before it is changed.
//!
//! In: a request as it would be sent, and what it has at stake. Out: nothing, if the upstream's own answer says that
//! the object is its caller's; or the refusal. Asked is with the caller's own credential, by the operation that reads
//! the object: the beginning of the same path. Called by the walk between its halves, only under `unknown: verify`
//! and only for an object of which nothing is known: what the answer says is learned, so that the next change asks
//! nobody (decision 0026). One call for each type of object and 1 MiB of answer at most, within the upstream's own limits
//! of time.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, Uri, header};
use portcullis_authz::ledger::Event;
use portcullis_domain::{Denial, Fault, Grant, OwnerKey, Reason, Stage};
use portcullis_message::json::{self, JsonBounds};

use super::answer::{is_plain_json, read};
use super::rules::OnRoute;
use super::stake::{Stake, Touched};
use crate::arrival::Envelope;
use crate::forward::{self, Outflow, RequestBody};
use crate::policy::Api;
use crate::release;
use crate::trace::Trace;
use crate::worker::Worker;

/// Fields that speak of the body that is not sent, or of conditions that are not meant here.
const OF_CHANGES: [HeaderName; 13] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::EXPECT,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("idempotency-key"),
];

impl Stake {
    /// Whether the upstream has to be asked first.
    pub(crate) fn asks_ahead(&self) -> bool {
        self.touched.iter().any(|touched| touched.read_ahead.is_some())
    }

    /// Asks the upstream first, if it has to be asked.
    ///
    /// # Errors
    /// [`Reason::ObjectForeign`] if the object is somebody else's, is not there, or nobody says whose it is; what ends
    /// a call of the upstream early.
    pub(crate) async fn ask_ahead(
        &self,
        worker: &Worker,
        api: &Api,
        envelope: &Envelope,
        request: &Request<RequestBody>,
        trace: &mut Trace,
    ) -> Result<Result<(), Denial>, Fault> {
        for (rule, touched) in self.each() {
            let (Some(key), Some(segments)) = (touched.read_ahead, rule.read_ahead) else { continue };
            let Some(question) = question(request, segments) else { continue };
            let owner = self.ask(rule, question, worker, api, envelope).await?;
            if let Some(owner) = owner {
                self.learn(&rule.kind, key, Event::Asserted { owner }, touched.lies_in);
            }
            if let Some(note) = refusal(rule, touched, owner) {
                let denial = Denial::new(Reason::ObjectForeign).with_note(note);
                if let Err(denial) = trace.step_at::<()>(Stage::Authorize, rule.kind.strength(), Err(denial))
                {
                    return Ok(Err(denial));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Whose it is, by the upstream's own word.
    async fn ask(
        &self,
        rule: &OnRoute,
        question: Box<Request<RequestBody>>,
        worker: &Worker,
        api: &Api,
        envelope: &Envelope,
    ) -> Result<Option<OwnerKey>, Fault> {
        let clock = &worker.shared.clock;
        let reply = forward::forward(&worker.pool, &api.upstream, question, clock, envelope.now).await?;
        let (parts, body) = reply.response.into_parts();
        if parts.status != StatusCode::OK || !is_plain_json(&parts.headers) {
            return Ok(None);
        }
        let mut outflow = Outflow::new(body, reply.lease, api.upstream.plan.patience.between_bytes);
        let whole = read(&mut outflow).await?.whole();
        let answer = whole.and_then(|whole| json::parse(&whole, &JsonBounds::ANSWER).ok());
        Ok(answer.and_then(|answer| self.owner_in(rule, &answer)))
    }
}

fn refusal(rule: &OnRoute, touched: &Touched, owner: Option<OwnerKey>) -> Option<&'static str> {
    let may = |owner: OwnerKey| {
        let far_enough = |stand: &Grant| stand.to == owner && stand.right >= rule.need;
        touched.caller.contains(&owner) || touched.stands_for.iter().any(far_enough)
    };
    match owner {
        Some(owner) if may(owner) => None,
        Some(_) => Some("the upstream says that it is somebody else's"),
        None => Some("nobody knows whose it is, and the upstream does not say so"),
    }
}

/// The call that reads what `request` would change: its path up to the object's id.
fn question(request: &Request<RequestBody>, segments: usize) -> Option<Box<Request<RequestBody>>> {
    let path = request.uri().path();
    let end = path.match_indices('/').nth(segments).map_or(path.len(), |(at, _)| at);
    let path: PathAndQuery = path.get(..end)?.parse().ok()?;
    let mut uri = request.uri().clone().into_parts();
    uri.path_and_query = Some(path);
    let mut question = Box::new(Request::new(RequestBody::Empty));
    *question.method_mut() = Method::GET;
    *question.uri_mut() = Uri::from_parts(uri).ok()?;
    *question.version_mut() = request.version();
    *question.headers_mut() = plain(request.headers().clone());
    Some(question)
}

fn plain(mut headers: HeaderMap) -> HeaderMap {
    OF_CHANGES.iter().for_each(|name| drop(headers.remove(name)));
    release::ask_plainly(&mut headers);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_where_its_path_begins() {
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = "/things/a%2Fb/share?deep=1".parse().unwrap();
        request.headers_mut().insert(header::IF_MATCH, "\"1\"".parse().unwrap());
        request.headers_mut().insert("x-auth-subject", "alice".parse().unwrap());
        let asked = question(&request, 2).unwrap();
        assert_eq!((asked.method(), asked.uri().to_string().as_str()), (&Method::GET, "/things/a%2Fb"));
        assert!(!asked.headers().contains_key(header::IF_MATCH));
        assert_eq!(asked.headers()["x-auth-subject"], "alice");
        *request.uri_mut() = "/things/7".parse().unwrap();
        assert_eq!(question(&request, 2).unwrap().uri(), "/things/7");
    }
}
