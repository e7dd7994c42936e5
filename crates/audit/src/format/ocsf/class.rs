//! Which class an event belongs to, and what that class asks for.

use serde_json::{Map, Value, json};

use super::members::{self, Fields};

/// A class of OCSF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    ApiActivity,
    HttpActivity,
    Authentication,
    DetectionFinding,
    ApplicationLifecycle,
}

/// What was done, in the words of a class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    pub(super) id: u32,
    pub(super) name: &'static str,
}

const fn activity(id: u32, name: &'static str) -> Activity {
    Activity { id, name }
}

const OTHER: Activity = activity(99, "Other");

impl Class {
    pub(super) fn of(event: &str, fields: &Fields) -> Self {
        let is_request = fields.has("receipt") && fields.has("method");
        if event.starts_with("authn_") {
            return Self::Authentication;
        }
        if event.starts_with("malicious_") || event == "audit_lost" || fields.has("detector") {
            return Self::DetectionFinding;
        }
        match (is_request, fields.has("operation")) {
            (true, true) => Self::ApiActivity,
            (true, false) => Self::HttpActivity,
            (false, _) => Self::ApplicationLifecycle,
        }
    }

    pub(super) const fn uid(self) -> u32 {
        match self {
            Self::ApiActivity => 6003,
            Self::HttpActivity => 4002,
            Self::Authentication => 3002,
            Self::DetectionFinding => 2004,
            Self::ApplicationLifecycle => 6002,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ApiActivity => "API Activity",
            Self::HttpActivity => "HTTP Activity",
            Self::Authentication => "Authentication",
            Self::DetectionFinding => "Detection Finding",
            Self::ApplicationLifecycle => "Application Lifecycle",
        }
    }

    /// The category is the first digit of the class.
    pub(super) const fn category(self) -> u32 {
        self.uid() / 1000
    }

    pub(super) fn activity(self, event: &str, fields: &Fields) -> Activity {
        let method = fields.peek("method").unwrap_or_default();
        match (self, method) {
            (Self::ApiActivity, "POST") => activity(1, "Create"),
            (Self::ApiActivity, "GET" | "HEAD") => activity(2, "Read"),
            (Self::ApiActivity, "PUT" | "PATCH") => activity(3, "Update"),
            (Self::ApiActivity, "DELETE") => activity(4, "Delete"),
            (Self::HttpActivity, "CONNECT") => activity(1, "Connect"),
            (Self::HttpActivity, "DELETE") => activity(2, "Delete"),
            (Self::HttpActivity, "GET") => activity(3, "Get"),
            (Self::HttpActivity, "HEAD") => activity(4, "Head"),
            (Self::HttpActivity, "OPTIONS") => activity(5, "Options"),
            (Self::HttpActivity, "POST") => activity(6, "Post"),
            (Self::HttpActivity, "PUT") => activity(7, "Put"),
            (Self::HttpActivity, "TRACE") => activity(8, "Trace"),
            (Self::HttpActivity, "PATCH") => activity(9, "Patch"),
            (Self::DetectionFinding, _) => activity(1, "Create"),
            (Self::Authentication, _) if event.starts_with("authn_login") => activity(1, "Logon"),
            (Self::ApplicationLifecycle, _) => match event {
                "sys_startup" => activity(3, "Start"),
                "sys_shutdown" => activity(4, "Stop"),
                "sys_policy_loaded" | "sys_certificate_loaded" => activity(8, "Update"),
                _ => OTHER,
            },
            (Self::ApiActivity | Self::HttpActivity | Self::Authentication, _) => OTHER,
        }
    }

    /// What this class has beyond what all have.
    pub(super) fn members(self, event: &str, time: i64, fields: &mut Fields) -> Map<String, Value> {
        let mut own = Map::new();
        match self {
            Self::ApiActivity => {
                own.insert("actor".to_owned(), members::actor(fields));
                own.insert("src_endpoint".to_owned(), members::source(fields));
                own.insert("api".to_owned(), members::api(fields));
                own.insert("http_request".to_owned(), members::http_request(fields));
                members::http_response(fields)
                    .map(|response| own.insert("http_response".to_owned(), response));
            }
            Self::HttpActivity => {
                own.insert("src_endpoint".to_owned(), members::source(fields));
                own.insert("http_request".to_owned(), members::http_request(fields));
                members::http_response(fields)
                    .map(|response| own.insert("http_response".to_owned(), response));
            }
            Self::Authentication => {
                own.insert("src_endpoint".to_owned(), members::source(fields));
                own.insert(
                    "service".to_owned(),
                    json!({ "name": fields.text("api").unwrap_or("portcullis".into()) }),
                );
                own.extend(members::authentication(event, fields));
                if fields.has("target") {
                    own.insert("http_request".to_owned(), members::http_request(fields));
                }
                members::http_response(fields)
                    .map(|response| own.insert("http_response".to_owned(), response));
            }
            Self::DetectionFinding => {
                own.insert("finding_info".to_owned(), members::finding(event, time, fields));
                own.insert("is_alert".to_owned(), json!(true));
                if fields.has("target") {
                    let evidence = json!({
                        "src_endpoint": members::source(fields),
                        "actor": members::actor(fields),
                        "http_request": members::http_request(fields),
                    });
                    own.insert("evidences".to_owned(), json!([evidence]));
                }
            }
            Self::ApplicationLifecycle => {
                own.insert("app".to_owned(), members::product(fields));
            }
        }
        if let Some(duration) = fields.number("duration_us") {
            // OCSF counts milliseconds.
            own.insert("duration".to_owned(), json!(duration / 1000));
        }
        if let Some(count) = fields.number("repeated") {
            own.insert("count".to_owned(), json!(count));
        }
        own
    }
}
