//! Writing a well-formed HTTP/1.1 request, so that a test says only what is special about its own.

/// The host that [`super::policy`] serves.
pub(crate) const HOST: &str = "api.test";

/// A request that is about to be bytes.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    target: String,
    host: String,
    lines: Vec<String>,
    body: Option<Vec<u8>>,
}

/// `METHOD target`, with Host and nothing else.
pub(crate) fn ask(method: &str, target: &str) -> Ask {
    Ask { method: method.into(), target: target.into(), host: HOST.into(), lines: Vec::new(), body: None }
}

/// `GET target`.
pub(crate) fn get(target: &str) -> Ask {
    ask("GET", target)
}

/// `POST target` with a JSON body.
pub(crate) fn post_json(target: &str, body: &str) -> Ask {
    ask("POST", target).with("Content-Type: application/json").body(body)
}

impl Ask {
    /// Adds a header line.
    pub(crate) fn with(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Adds a bearer token.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with(format!("Authorization: Bearer {token}"))
    }

    /// Names another host.
    pub(crate) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Adds a body, and its length.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }
}

impl From<Ask> for Vec<u8> {
    fn from(ask: Ask) -> Self {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nHost: {}\r\n", ask.method, ask.target, ask.host).into_bytes();
        for line in ask.lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &ask.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&ask.body.unwrap_or_default());
        bytes
    }
}
