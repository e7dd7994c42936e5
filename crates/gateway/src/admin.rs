//! The operator's listener: health for everybody, everything else for whoever proves to be the operator.
//!
//! Its own socket, never reachable through the data listeners (GW-16). There is no default credential: a
//! token that is not configured is made at random and shown once. Beyond loopback only client
//! certificates will do.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc as blocking};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use portcullis_audit::{System, lines_about, newest_lines};
use portcullis_config::codes::listener as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_domain::Secret;
use portcullis_tls::{Accepted, ServerTls};
use rand::RngExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::compile::Workshop;
use crate::config::AdminConfig;
use crate::control::Command;
use crate::decisions::evaluate;
use crate::gateway::{StartError, system};
use crate::worker::{Phase, Shared};

/// The admin listener, bound but not yet serving.
pub(crate) struct Admin {
    listener: std::net::TcpListener,
    address: SocketAddr,
    token: Secret,
    auditor: Option<Secret>,
    /// Whether the token was made at this start.
    is_new: bool,
    tls: Option<Arc<ServerTls>>,
}

/// How a request proved to come from the operator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Certificate,
    None,
}

/// Who asks.
#[derive(Clone, Copy)]
struct Visitor {
    peer: IpAddr,
    proof: Proof,
}

/// What somebody may ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Operator,
    Auditor,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

/// Where decisions are asked for (AuthZEN 1.0 §10.1.1).
const EVALUATION: &str = "/access/v1/evaluation";
const METRICS: &str = "/metrics";
const RECORD: &str = "/record";

/// Connections served at once; the operator's tools need few.
const CONNECTIONS: usize = 64;

impl Admin {
    /// Binds the listener, if there is one.
    ///
    /// # Errors
    /// What is wrong with its settings, or what the system says.
    pub(crate) fn bind(
        config: &AdminConfig,
        root: &Place,
        workshop: &Workshop,
    ) -> Result<Option<Self>, StartError> {
        let Some(address) = &config.address else { return Ok(None) };
        let place = root.child("admin");
        let mut diagnostics = Diagnostics::new();
        let Ok(address) = address.parse::<SocketAddr>() else {
            diagnostics.push(
                Diagnostic::error(
                    codes::ADDRESS_MALFORMED,
                    format!("`{address}` is no address to listen on"),
                )
                .at(place.child("address"))
                .help("write address and port, e.g. `127.0.0.1:9901`"),
            );
            return Err(StartError::Configuration(diagnostics));
        };
        let has_certificates = config.tls.as_ref().is_some_and(|tls| tls.client_certificates.is_some());
        if !address.ip().is_loopback() && !has_certificates {
            diagnostics.push(
                Diagnostic::error(
                    codes::ADMIN_EXPOSED,
                    "the admin listener can be reached by other machines",
                )
                .at(place.child("address"))
                .help("listen on loopback, or set `admin.tls.client_certificates`"),
            );
        }
        let tls = config.tls.as_ref().map(|tls| {
            ServerTls::compile(tls, &place.child("tls"), &workshop.surroundings, &mut diagnostics)
        });
        let token = config
            .token
            .as_ref()
            .map(|token| token.resolve_at(&workshop.environment, &place.child("token"), &mut diagnostics));
        let auditor = config.auditor.as_ref().and_then(|auditor| {
            auditor.resolve_at(&workshop.environment, &place.child("auditor"), &mut diagnostics)
        });
        if diagnostics.has_errors() {
            return Err(StartError::Configuration(diagnostics));
        }
        let listener = std::net::TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| system(&format!("cannot listen on {address}"), error))?;
        let address = listener.local_addr().unwrap_or(address);
        let configured = token.flatten();
        Ok(Some(Self {
            listener,
            address,
            auditor,
            is_new: configured.is_none(),
            token: configured.unwrap_or_else(random_token),
            tls: tls.flatten(),
        }))
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token, if it was made at this start.
    pub(crate) fn first_secret(&self) -> Option<Secret> {
        self.is_new.then(|| self.token.clone())
    }

    /// Serves until the process drains.
    pub(crate) async fn serve(
        self,
        shared: Arc<Shared>,
        commands: mpsc::UnboundedSender<Command>,
        mut phase: watch::Receiver<Phase>,
    ) {
        let listener = match TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "the admin listener could not start");
                return;
            }
        };
        let (token, auditor) = (self.token, self.auditor);
        let desk = Arc::new(Desk { shared, commands, token, auditor, phase: phase.clone() });
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = phase.wait_for(|phase| *phase == Phase::Draining) => return,
            };
            let (Ok((stream, peer)), Ok(place)) = (accepted, Arc::clone(&places).acquire_owned().await)
            else {
                continue;
            };
            let (desk, tls) = (Arc::clone(&desk), self.tls.clone());
            tokio::spawn(async move {
                desk.welcome(stream, peer.ip().to_canonical(), tls).await;
                drop(place);
            });
        }
    }
}

/// Who answers the operator.
struct Desk {
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    token: Secret,
    auditor: Option<Secret>,
    phase: watch::Receiver<Phase>,
}

impl Desk {
    async fn welcome(self: Arc<Self>, stream: TcpStream, peer: IpAddr, tls: Option<Arc<ServerTls>>) {
        let visitor = |proof| Visitor { peer, proof };
        let Some(tls) = tls else { return self.converse(stream, visitor(Proof::None)).await };
        let patience = self.shared.policy.load().timeouts.handshake;
        if let Ok(Ok(Accepted::Connection { stream, handshake })) =
            tokio::time::timeout(patience, tls.accept(stream)).await
        {
            let proof = if handshake.client_certificate.is_some() { Proof::Certificate } else { Proof::None };
            self.converse(stream, visitor(proof)).await;
        }
    }

    async fn converse(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        visitor: Visitor,
    ) {
        let head = self.shared.policy.load().timeouts.head;
        let service = service_fn(move |request| {
            let desk = Arc::clone(&self);
            async move {
                let (head, body) = Request::into_parts(request);
                let answer = desk.answer(&Request::from_parts(head, ()), body, visitor).await;
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        // A client that breaks off hurts nobody here.
        let _ = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self, request: &Request<()>, body: Incoming, visitor: Visitor) -> Response<Full<Bytes>> {
        let is_draining = *self.phase.borrow() == Phase::Draining;
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health/live") => text(StatusCode::OK, "live\n"),
            (&Method::GET, "/health/ready") if is_draining => {
                text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
            }
            (&Method::GET, "/health/ready") => text(StatusCode::OK, "ready\n"),
            (_, path) => {
                let role = self.role(request, visitor.proof);
                let response = match role {
                    None => {
                        let mut response = text(StatusCode::UNAUTHORIZED, "the admin token is needed\n");
                        let challenge = HeaderValue::from_static("Bearer realm=\"portcullis-admin\"");
                        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                        response
                    }
                    Some(role) if !self.may(role, path) => {
                        text(StatusCode::FORBIDDEN, "not for this token\n")
                    }
                    Some(_) => self.serve(request, body).await,
                };
                self.note(request, visitor, role, response.status());
                response
            }
        }
    }

    /// Answers whoever may ask.
    async fn serve(&self, request: &Request<()>, body: Incoming) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, METRICS) => {
                let mut response = text(StatusCode::OK, "");
                *response.body_mut() = Full::new(Bytes::from(self.shared.metrics.encode()));
                let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(openmetrics));
                response
            }
            (&Method::GET, "/policy") => {
                text(StatusCode::OK, format!("{}\n", self.shared.policy.load().revision))
            }
            (&Method::GET, "/traffic") => {
                text(StatusCode::OK, format!("{}\n", self.shared.observatory.view().await))
            }
            (&Method::GET, RECORD) => self.record(request.uri().query()).await,
            (&Method::POST, EVALUATION) => {
                let policy = self.shared.policy.load_full();
                let now = self.shared.clock.now().wall;
                evaluate::respond(&policy, now, request.headers(), body).await
            }
            (&Method::POST, "/reload") => self.reload().await,
            (&Method::POST, "/store/refresh") => self.refresh_store().await,
            (_, EVALUATION | METRICS | "/policy" | RECORD | "/reload" | "/store/refresh" | "/traffic") => {
                text(StatusCode::METHOD_NOT_ALLOWED, "\n")
            }
            (_, _) => text(StatusCode::NOT_FOUND, "\n"),
        }
    }

    /// As whom somebody asks.
    fn role(&self, request: &Request<()>, proof: Proof) -> Option<Role> {
        let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        let shows = |token: &Secret| shown.is_some_and(|shown| token.matches(shown.as_bytes()));
        match &self.auditor {
            Some(auditor) if shows(auditor) => Some(Role::Auditor),
            Some(_) | None if proof == Proof::Certificate || shows(&self.token) => Some(Role::Operator),
            Some(_) | None => None,
        }
    }

    /// Whether this is for them. The record is for auditors, where there are any.
    fn may(&self, role: Role, path: &str) -> bool {
        match (role, path) {
            (_, METRICS) | (Role::Auditor, RECORD) => true,
            (Role::Auditor, _) => false,
            (Role::Operator, RECORD) => self.auditor.is_none(),
            (Role::Operator, _) => true,
        }
    }

    /// Tells the record (AUD-03, AUD-23). Not of scrapes that went well: they come every few seconds, for ever.
    fn note(&self, request: &Request<()>, visitor: Visitor, role: Option<Role>, status: StatusCode) {
        let path = request.uri().path();
        if path == METRICS && status == StatusCode::OK {
            return;
        }
        let action = format!("{} {path}", request.method());
        let by = role.map_or("nobody", Role::name);
        self.shared.recorder.note(&System::AdminCalled {
            action: &action,
            peer: visitor.peer,
            by,
            status: status.as_u16(),
        });
    }

    /// The newest lines of the record, or those about one request: `?receipt=ID`.
    async fn record(&self, query: Option<&str>) -> Response<Full<Bytes>> {
        let Some(file) = self.shared.recorder.file().map(std::path::Path::to_owned) else {
            return text(StatusCode::NOT_FOUND, "the record is not kept in a file here\n");
        };
        let receipt = query.and_then(|query| query.strip_prefix("receipt=")).map(str::to_owned);
        let read = tokio::task::spawn_blocking(move || match receipt {
            Some(receipt) => lines_about(&file, &receipt),
            None => newest_lines(&file),
        });
        match read.await {
            Ok(Ok(lines)) => {
                let mut response = text(StatusCode::OK, lines);
                let ndjson = HeaderValue::from_static("application/x-ndjson");
                response.headers_mut().insert(header::CONTENT_TYPE, ndjson);
                response
            }
            Ok(Err(error)) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        }
    }

    /// Takes up what others revoked, at once and not at the next look.
    async fn refresh_store(&self) -> Response<Full<Bytes>> {
        let lasting = Arc::clone(&self.shared.policy.load().lasting);
        match lasting.look().await {
            Ok(()) => text(StatusCode::OK, "refreshed\n"),
            Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        }
    }

    async fn reload(&self) -> Response<Full<Bytes>> {
        let (answer, answered) = blocking::channel();
        if self.commands.send(Command::Reload(Some(answer))).is_err() {
            return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
        }
        match tokio::task::spawn_blocking(move || answered.recv()).await {
            Ok(Ok(Ok(revision))) => text(StatusCode::OK, format!("{revision}\n")),
            Ok(Ok(Err(diagnostics))) => {
                text(StatusCode::CONFLICT, diagnostics.render(portcullis_config::Color::Never))
            }
            Ok(Err(_)) | Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        }
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 256 random bits, in hexadecimal.
fn random_token() -> Secret {
    let mut bytes = [0u8; 32];
    rand::rng().fill(&mut bytes);
    Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes())
}
