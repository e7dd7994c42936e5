//! What came of a request: at the client, at the upstream, in the record.

use portcullis_domain::{Reason, Stage};
use portcullis_testkit::{RawClient, Response, Seen};
use serde_json::Value;

/// The response to one request, what the upstream saw of it, and what was recorded.
pub(crate) struct Outcome {
    /// What the client got.
    pub(crate) response: Response,
    /// What the upstream saw, if anything.
    pub(crate) seen: Vec<Seen>,
    /// What came to the upstream and was no request.
    pub(crate) strange: Vec<String>,
    /// What was recorded.
    pub(crate) events: Vec<Value>,
    /// The connection, for what comes after.
    pub(crate) client: Option<RawClient>,
}

impl Outcome {
    /// The reason in the problem document, as the client sees it.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.response.json()["code"].as_str().expect("a problem document has a code").to_owned()
    }

    /// The first value of a response header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.header(name)
    }

    /// Asserts that it was refused for `reason`: the answer is the right problem document, the upstream
    /// saw nothing, and there is exactly one audit event, with reason, route and correlation id.
    #[track_caller]
    pub(crate) fn refused(&self, reason: Reason) -> &Self {
        assert!(self.seen.is_empty(), "{reason}: the upstream saw {:#?}", self.seen);
        assert!(self.strange.is_empty(), "{reason}: the upstream saw {:?}", self.strange);
        self.ended(reason)
    }

    /// Asserts that it ended with `reason`, whether or not the upstream saw it: answer and event as in
    /// [`Self::refused`].
    #[track_caller]
    pub(crate) fn ended(&self, reason: Reason) -> &Self {
        self.is_problem(reason);
        let event = self.only_event();
        assert_eq!(event["reason"], reason.code(), "{event:#}");
        assert_eq!(event["status"], reason.status(), "{event:#}");
        // Before an operation is found the route is what was asked for.
        assert!(event["target"].is_string(), "{event:#}");
        // A login is at no operation of the contract.
        let is_login = event["target"].as_str().is_some_and(|target| target.starts_with("/.portcullis/"));
        if reason.facts().stage > Stage::Route && reason != Reason::PeerRateExceeded && !is_login {
            assert!(event["operation"].is_string() && event["api"].is_string(), "{event:#}");
        }
        assert_eq!(event["receipt"].as_str(), self.header("x-request-id"), "{event:#}");
        self
    }

    /// Asserts that the response is the problem document of `reason` (RFC 9457 §3.1).
    #[track_caller]
    pub(crate) fn is_problem(&self, reason: Reason) {
        let facts = reason.facts();
        let response = &self.response;
        assert_eq!(response.status, facts.status, "{reason}: {response:#?}");
        assert_eq!(
            response.header("content-type"),
            Some("application/problem+json"),
            "{reason}: {response:#?}"
        );
        let problem = response.json();
        assert_eq!(problem["status"], facts.status, "{reason}: {problem:#}");
        assert_eq!(problem["code"], facts.public_code, "{reason}: {problem:#}");
        assert_eq!(problem["title"], facts.title, "{reason}: {problem:#}");
        let kind = problem["type"].as_str().unwrap_or_default();
        // The registered types (RateLimit fields draft §5).
        let expected = match reason {
            Reason::PeerRateExceeded | Reason::CallerRateExceeded | Reason::BudgetExhausted => {
                "#quota-exceeded"
            }
            Reason::Overloaded => "#temporary-reduced-capacity",
            Reason::FailuresExceeded => "#abnormal-usage-detected",
            _ => facts.public_code,
        };
        assert!(kind.ends_with(expected), "{reason}: type {kind:?}");
        let receipt = response.header("x-request-id").expect("every answer has an id");
        let instance = problem["instance"].as_str().unwrap_or_default();
        assert!(instance.contains(receipt), "{reason}: instance {instance:?} without {receipt}");
    }

    /// Asserts that it was let through, once, and answered as the upstream answered; returns what the
    /// upstream saw.
    #[track_caller]
    pub(crate) fn passed(&self) -> &Seen {
        assert!((200..400).contains(&self.response.status), "{:#?}", self.response);
        self.forwarded()
    }

    /// Asserts that the upstream saw it exactly once; returns what it saw.
    #[track_caller]
    pub(crate) fn forwarded(&self) -> &Seen {
        assert!(self.strange.is_empty(), "the upstream saw {:?}", self.strange);
        assert_eq!(
            self.seen.len(),
            1,
            "the upstream saw {:#?}; the client got {:#?}",
            self.seen,
            self.response
        );
        let event = self.only_event();
        assert_eq!(event["receipt"].as_str(), self.header("x-request-id"), "{event:#}");
        &self.seen[0]
    }

    /// The one event there is.
    #[track_caller]
    pub(crate) fn only_event(&self) -> &Value {
        assert_eq!(self.events.len(), 1, "recorded {:#?}; the client got {:#?}", self.events, self.response);
        &self.events[0]
    }

    /// Asserts that nothing more comes and the connection is closed.
    #[track_caller]
    pub(crate) fn closed(&mut self) {
        self.client.as_mut().expect("a connection of our own").expect_closed();
    }

    /// Asserts that the connection was kept, by asking again on it.
    #[track_caller]
    pub(crate) fn kept(&mut self) {
        let client = self.client.as_mut().expect("a connection of our own");
        let request: Vec<u8> = super::get("/public").into();
        let response = client.ask(request);
        assert_eq!(response.status, 200, "{response:#?}");
    }
}
