//! The objects that events are made of. Each takes out of the recorded fields what it tells.

use serde_json::{Map, Value, json};

use super::VERSION;

/// The fields of a recorded line that nobody has told yet.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) const fn new(recorded: Map<String, Value>) -> Self {
        Self(recorded)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn peek(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn peek_number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.0.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.0.insert(name.to_owned(), other);
                None
            }
            None => None,
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Option<u64> {
        self.0.shift_remove(name)?.as_u64()
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    /// Milliseconds since 1970.
    pub(super) fn moment(&mut self, name: &str) -> Option<i64> {
        let moment: jiff::Timestamp = self.peek(name)?.parse().ok()?;
        self.0.shift_remove(name);
        Some(moment.as_millisecond())
    }

    /// What is left, without what the event tells in other words already.
    pub(super) fn rest(mut self) -> Map<String, Value> {
        for told in ["outcome", "status", "level", "amr"] {
            self.0.shift_remove(told);
        }
        self.0
    }
}

/// An object of the members that there are.
fn object(members: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect())
}

pub(super) fn metadata(event: &str, fields: &mut Fields) -> Value {
    object([
        ("version", Some(json!(VERSION))),
        ("product", Some(product(fields))),
        ("profiles", Some(json!(["security_control"]))),
        ("log_name", Some(json!("audit"))),
        ("event_code", Some(json!(event))),
        ("uid", fields.take("receipt")),
        ("correlation_uid", fields.take("external_id")),
        ("sequence", fields.take("seq")),
        ("log_level", fields.peek("level").map(|level| json!(level))),
    ])
}

pub(super) fn product(fields: &mut Fields) -> Value {
    let version = fields.take("version").filter(Value::is_string);
    let version = version.unwrap_or_else(|| json!(env!("CARGO_PKG_VERSION")));
    json!({ "name": "Portcullis", "vendor_name": "Portcullis", "version": version })
}

pub(super) fn user(fields: &mut Fields) -> Value {
    let uid = fields.take("subject");
    let name = if uid.is_none() { Some(json!("unknown")) } else { None };
    object([
        ("uid", uid),
        ("name", name),
        ("domain", fields.take("issuer")),
        ("credential_uid", fields.take("jti").or_else(|| fields.take("key"))),
    ])
}

/// Somebody, known or not: OCSF wants to hear of one or the other.
pub(super) fn actor(fields: &mut Fields) -> Value {
    let is_known = fields.has("subject");
    let client = fields.take("client_id");
    let session = fields.take("sid").map(|sid| json!({ "uid": sid }));
    object([
        ("app_uid", client.clone()),
        ("app_name", (client.is_none() && !is_known).then(|| json!("anonymous"))),
        ("user", is_known.then(|| user(fields))),
        ("session", session),
    ])
}

/// Where it came from: the client that trusted proxies name, else the socket's other end.
pub(super) fn source(fields: &mut Fields) -> Value {
    let peer = fields.take("peer");
    let (ip, proxy) = match fields.take("client") {
        Some(client) => (Some(client), peer),
        None => (peer, None),
    };
    let name = if ip.is_none() { Some(json!("unknown")) } else { None };
    object([
        ("ip", ip),
        ("name", name),
        ("intermediate_ips", proxy.map(|proxy| json!([proxy]))),
        ("interface_name", fields.take("listener")),
    ])
}

pub(super) fn api(fields: &mut Fields) -> Value {
    let service = fields.take("api").map(|name| json!({ "name": name }));
    let code = fields.peek_number("status");
    let error = fields.peek("reason").map(|reason| json!(reason));
    object([
        ("operation", fields.take("operation")),
        ("service", service),
        ("request", fields.peek("receipt").map(|receipt| json!({ "uid": receipt }))),
        ("response", Some(object([("code", code.map(|code| json!(code))), ("error", error)]))),
    ])
}

pub(super) fn http_request(fields: &mut Fields) -> Value {
    const METHODS: [&str; 9] =
        ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"];
    let target = fields.text("target").unwrap_or_default();
    let (path, query) =
        target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
    let url = object([
        ("path", Some(json!(path))),
        ("query_string", query.map(|query| json!(query))),
        ("hostname", fields.take("host").filter(is_hostname)),
    ]);
    let method = fields.peek("method").filter(|method| METHODS.contains(method)).map(|method| json!(method));
    if method.is_some() {
        fields.take("method");
    }
    object([
        ("http_method", method),
        ("url", Some(url)),
        ("user_agent", fields.take("user_agent")),
        ("version", fields.take("protocol")),
        ("body_length", fields.take("request_bytes")),
    ])
}

/// What OCSF would take as the name of a host; what a client wrote there can be anything.
fn is_hostname(host: &Value) -> bool {
    host.as_str().is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    })
}

pub(super) fn http_response(fields: &mut Fields) -> Option<Value> {
    let code = fields.peek_number("status")?;
    let latency = fields.number("upstream_us").map(|micros| json!(micros / 1000));
    let body = fields.take("response_bytes");
    Some(object([("code", Some(json!(code))), ("latency", latency), ("body_length", body)]))
}

/// Who logged in, how, and with how many factors.
pub(super) fn authentication(event: &str, fields: &mut Fields) -> Map<String, Value> {
    let mut members = Map::new();
    let (id, protocol) = protocol(fields);
    let is_mfa = is_multi_factor(fields);
    members.insert("user".to_owned(), user(fields));
    if let Some(sid) = fields.take("sid") {
        members.insert("session".to_owned(), json!({ "uid": sid }));
    }
    members.insert("auth_protocol_id".to_owned(), json!(id));
    members.insert("auth_protocol".to_owned(), json!(protocol));
    members.insert("is_mfa".to_owned(), json!(is_mfa));
    members.insert("is_cleartext".to_owned(), json!(event == "authn_credential_exposed"));
    members
}

/// OCSF 1.8.0, `auth_protocol_id`: 4 OpenID, 6 OAuth 2.0, 11 basic authentication.
fn protocol(fields: &mut Fields) -> (u32, &'static str) {
    match fields.text("authn_method").as_deref() {
        Some("openid") => (4, "OpenID"),
        Some("oauth2") => (6, "OAUTH 2.0"),
        Some("password") => (11, "Basic Authentication"),
        Some("certificate") => (99, "X.509 certificate"),
        Some("api_key") => (99, "API key"),
        Some(_) => (99, "Other"),
        None => (0, "Unknown"),
    }
}

/// RFC 8176 §2: `mfa` says so; else something known and something held or inherent were shown.
fn is_multi_factor(fields: &Fields) -> bool {
    let Some(Value::Array(methods)) = fields.0.get("amr") else { return false };
    let has = |kinds: &[&str]| methods.iter().filter_map(Value::as_str).any(|method| kinds.contains(&method));
    has(&["mfa"])
        || has(&["pwd", "pin", "kba"])
            && has(&["otp", "hwk", "swk", "sms", "tel", "sc", "face", "fpt", "iris", "retina", "vbm"])
}

pub(super) fn finding(event: &str, time: i64, fields: &mut Fields) -> Value {
    // A finding is found again by its receipt; without a request, by its place in the record.
    let uid = fields.peek("receipt").map_or_else(
        || format!("{event}-{}-{}", time, fields.peek_number("seq").unwrap_or_default()),
        str::to_owned,
    );
    let title = fields.text("summary").or_else(|| fields.peek("reason").map(str::to_owned));
    let analytic = fields.text("detector").map(|name| json!({ "name": name, "type_id": 1 }));
    object([
        ("uid", Some(json!(uid))),
        ("title", Some(json!(title.unwrap_or_else(|| event.to_owned())))),
        ("types", Some(json!([event]))),
        ("created_time", Some(json!(time))),
        ("analytic", analytic),
        ("first_seen_time", fields.moment("first_seen").map(|at| json!(at))),
        ("last_seen_time", fields.moment("last_seen").map(|at| json!(at))),
    ])
}
