//! The operator's listener: health for everybody, everything else for whoever proves to be the operator.
//!
//! Its own socket, never reachable through the data listeners (GW-16). There is no default credential: a
//! token that is not configured is made at random and shown once. Beyond loopback only client
//! certificates will do.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc as blocking};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
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
use crate::gateway::{StartError, system};
use crate::worker::{Phase, Shared};

/// The admin listener, bound but not yet serving.
pub(crate) struct Admin {
    listener: std::net::TcpListener,
    address: SocketAddr,
    token: Secret,
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
        let desk = Arc::new(Desk { shared, commands, token: self.token, phase: phase.clone() });
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = phase.wait_for(|phase| *phase == Phase::Draining) => return,
            };
            let (Ok((stream, _)), Ok(place)) = (accepted, Arc::clone(&places).acquire_owned().await) else {
                continue;
            };
            let (desk, tls) = (Arc::clone(&desk), self.tls.clone());
            tokio::spawn(async move {
                desk.welcome(stream, tls).await;
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
    phase: watch::Receiver<Phase>,
}

impl Desk {
    async fn welcome(self: Arc<Self>, stream: TcpStream, tls: Option<Arc<ServerTls>>) {
        let Some(tls) = tls else { return self.converse(stream, Proof::None).await };
        let patience = self.shared.policy.load().timeouts.handshake;
        if let Ok(Ok(Accepted::Connection { stream, handshake })) =
            tokio::time::timeout(patience, tls.accept(stream)).await
        {
            let proof = if handshake.client_certificate.is_some() { Proof::Certificate } else { Proof::None };
            self.converse(stream, proof).await;
        }
    }

    async fn converse(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        proof: Proof,
    ) {
        let head = self.shared.policy.load().timeouts.head;
        let service = service_fn(move |request| {
            let desk = Arc::clone(&self);
            async move { Ok::<_, std::convert::Infallible>(desk.answer(&request, proof).await) }
        });
        // A client that breaks off hurts nobody here.
        let _ = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self, request: &Request<Incoming>, proof: Proof) -> Response<Full<Bytes>> {
        let is_draining = *self.phase.borrow() == Phase::Draining;
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health/live") => text(StatusCode::OK, "live\n"),
            (&Method::GET, "/health/ready") if is_draining => {
                text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
            }
            (&Method::GET, "/health/ready") => text(StatusCode::OK, "ready\n"),
            (_, _) if !self.is_operator(request, proof) => {
                let mut response = text(StatusCode::UNAUTHORIZED, "the admin token is needed\n");
                let challenge = HeaderValue::from_static("Bearer realm=\"portcullis-admin\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                response
            }
            (&Method::GET, "/metrics") => {
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
            (&Method::POST, "/reload") => self.reload().await,
            (&Method::POST, "/store/refresh") => self.refresh_store().await,
            (_, "/metrics" | "/policy" | "/reload" | "/store/refresh" | "/traffic") => {
                text(StatusCode::METHOD_NOT_ALLOWED, "\n")
            }
            (_, _) => text(StatusCode::NOT_FOUND, "\n"),
        }
    }

    fn is_operator(&self, request: &Request<Incoming>, proof: Proof) -> bool {
        let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        proof == Proof::Certificate || shown.is_some_and(|token| self.token.matches(token.as_bytes()))
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
