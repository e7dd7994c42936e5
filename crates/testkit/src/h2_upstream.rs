//! The upstream of [`crate::upstream`], speaking HTTP/2 (with hyper, on a runtime of its own).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt as _, Empty, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};

use crate::answer::Answer;
use crate::upstream::{Memory, Seen, Upstream, Version};
use crate::wire::{Fields, Framing};

type Answers = dyn Fn(&Seen) -> Answer + Send + Sync;

impl Upstream {
    /// An HTTP/2 upstream: over TLS with ALPN `h2` if a certificate is given, else by prior knowledge.
    ///
    /// Of the answers, those that are bytes on a connection have no meaning here: `CloseBefore` and
    /// `Reset` reset the stream, and the raw ones are refused with a panic.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    #[track_caller]
    pub fn start_h2(
        tls: Option<Arc<ServerConfig>>,
        answers: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener =
            std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        listener.set_nonblocking(true).expect("a socket of ours");
        let address = listener.local_addr().expect("a bound socket");
        let memory = Arc::new(Memory::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let service = Arc::new(Service { memory: Arc::clone(&memory), tls, answers: Box::new(answers) });
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(accept(listener, service));
        });
        Self { address, memory, scheme, version: Version::Two }
    }
}

struct Service {
    memory: Arc<Memory>,
    tls: Option<Arc<ServerConfig>>,
    answers: Box<Answers>,
}

async fn accept(listener: std::net::TcpListener, service: Arc<Service>) {
    let listener = TcpListener::from_std(listener).expect("a socket of ours");
    while let Ok((stream, _)) = listener.accept().await {
        if service.memory.over.load(Ordering::SeqCst) {
            return;
        }
        let mut number = 0;
        service.memory.change(|memory| {
            number = memory.connections;
            memory.connections += 1;
        });
        tokio::spawn(serve(stream, number, Arc::clone(&service)));
    }
}

async fn serve(stream: TcpStream, connection: usize, service: Arc<Service>) {
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let answering = Arc::clone(&service);
    let respond =
        hyper::service::service_fn(move |request| answer(request, connection, Arc::clone(&answering)));
    // How a connection ends is the client's affair.
    match &service.tls {
        None => drop(builder.serve_connection(TokioIo::new(stream), respond).await),
        Some(config) => {
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(config));
            if let Ok(stream) = acceptor.accept(stream).await {
                drop(builder.serve_connection(TokioIo::new(stream), respond).await);
            }
        }
    }
}

/// The error that makes hyper reset a stream.
#[derive(Debug)]
struct ResetStream;

impl std::fmt::Display for ResetStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the upstream resets this stream")
    }
}

impl std::error::Error for ResetStream {}

type Body = BoxBody<Bytes, ResetStream>;

async fn answer(
    request: http::Request<Incoming>,
    connection: usize,
    service: Arc<Service>,
) -> Result<http::Response<Body>, ResetStream> {
    let (parts, mut body) = request.into_parts();
    let mut seen = Seen {
        connection,
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        version: format!("{:?}", parts.version),
        headers: fields(&parts.headers),
        body: Vec::new(),
        trailers: Fields::default(),
        framing: Framing::Frames,
        raw: Vec::new(),
    };
    if let Some(authority) = parts.uri.authority() {
        seen.headers.0.insert(0, (":authority".into(), authority.to_string()));
    }
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            service.memory.change(|memory| memory.strange.push("a request body that was broken off".into()));
            return Err(ResetStream);
        };
        match frame.into_data() {
            Ok(data) => seen.body.extend_from_slice(&data),
            Err(frame) => {
                if let Some(trailers) = frame.trailers_ref() {
                    seen.trailers = fields(trailers);
                }
            }
        }
    }
    service.memory.change(|memory| memory.seen.push(seen.clone()));
    say((service.answers)(&seen)).await
}

fn say(answer: Answer) -> Pin<Box<dyn Future<Output = Result<http::Response<Body>, ResetStream>> + Send>> {
    Box::pin(async move {
        match answer {
            Answer::Respond { status, headers, body } => {
                let body = Full::new(Bytes::from(body)).map_err(|never: Infallible| match never {}).boxed();
                Ok(response(status, &headers, body))
            }
            Answer::Chunked { status, headers, chunks, trailers } => {
                let (mut sender, body) = Channel::<Bytes, ResetStream>::new(chunks.len() + 1);
                for chunk in chunks {
                    let _ = sender.send_data(Bytes::from(chunk)).await;
                }
                let trailers = header_map(&trailers);
                if !trailers.is_empty() {
                    let _ = sender.send(Frame::trailers(trailers)).await;
                }
                drop(sender);
                Ok(response(status, &headers, body.boxed()))
            }
            Answer::Fed { headers, feed } => {
                let (mut sender, body) = Channel::<Bytes, ResetStream>::new(1);
                let runtime = tokio::runtime::Handle::current();
                std::thread::spawn(move || {
                    while let Some(chunk) = feed.next() {
                        if runtime.block_on(sender.send_data(Bytes::from(chunk))).is_err() {
                            return;
                        }
                    }
                });
                Ok(response(200, &headers, body.boxed()))
            }
            Answer::CloseMidBody { announced, sent } => {
                let (mut sender, body) = Channel::<Bytes, ResetStream>::new(2);
                let _ = sender.send_data(Bytes::from(sent)).await;
                sender.abort(ResetStream);
                Ok(response(200, &[("content-length".into(), announced.to_string())], body.boxed()))
            }
            Answer::CloseBefore | Answer::Reset => Err(ResetStream),
            Answer::Stall => {
                std::future::pending::<()>().await;
                Ok(response(500, &[], Empty::new().map_err(|never: Infallible| match never {}).boxed()))
            }
            Answer::EarlyHints(..)
            | Answer::RawBytes(_)
            | Answer::RawThenClose(_)
            | Answer::RawThenStall(_)
            | Answer::SlowDrip { .. }
            | Answer::SwitchAndEcho(_) => panic!("{answer:?} has no meaning in HTTP/2"),
        }
    })
}

fn response(status: u16, headers: &[(String, String)], body: Body) -> http::Response<Body> {
    let mut response = http::Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    *response.headers_mut() = header_map(headers);
    response
}

fn header_map(headers: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::try_from(name.as_str()).expect("a header name"),
            HeaderValue::try_from(value.as_str()).expect("a header value"),
        );
    }
    map
}

/// Header fields as text, values as Latin-1.
pub(crate) fn fields(headers: &HeaderMap) -> Fields {
    let latin1 = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    Fields(headers.iter().map(|(name, value)| (name.to_string(), latin1(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Authority, TlsOffer};
    use crate::h2_client::H2Client;

    #[test]
    fn it_remembers_what_came_over_http2_with_trailers_both_ways() {
        let upstream = Upstream::start_h2(None, |_| {
            Answer::chunked(&[("x-a", "1")], &["he", "llo"], &[("grpc-status", "0")])
        });
        let mut client = H2Client::connect(upstream.address());
        let request = client.request("POST", "/call").header("x-b", "2").body("ping").trailer("x-sum", "7");
        let response = client.ask(request).unwrap();
        assert_eq!(
            (response.status, response.text(), response.trailers.first("grpc-status")),
            (200, "hello", Some("0"))
        );
        let seen = upstream.only();
        assert_eq!(
            (seen.line().as_str(), seen.text(), seen.version.as_str()),
            ("POST /call", "ping", "HTTP/2.0")
        );
        assert_eq!((seen.header("x-b"), seen.trailers.first("x-sum")), (Some("2"), Some("7")));
    }

    #[test]
    fn over_tls_it_agrees_on_h2() {
        let authority = Authority::new();
        let config = authority.server(&["up.test"]).server_config(&["h2"]);
        let upstream = Upstream::start_h2(Some(config), |_| Answer::ok("tls"));
        let offer = TlsOffer::new(&authority, "up.test").alpn(&["h2"]);
        let mut client = H2Client::connect_tls(upstream.address(), &offer).unwrap();
        let request = client.request("GET", "/");
        assert_eq!(client.ask(request).unwrap().text(), "tls");
    }

    #[test]
    fn a_stream_can_be_reset_or_cut() {
        let upstream = Upstream::start_h2(None, |seen| match seen.target.as_str() {
            "/reset" => Answer::Reset,
            _ => Answer::CloseMidBody { announced: 10, sent: b"half".to_vec() },
        });
        let mut client = H2Client::connect(upstream.address());
        let request = client.request("GET", "/reset");
        assert!(client.ask(request).is_err());
        let request = client.request("GET", "/cut");
        assert!(client.ask(request).is_err());
    }
}
