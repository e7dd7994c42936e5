//! A well-behaved HTTP/2 client (the h2 crate, on a runtime of its own). For a badly behaved one see
//! [`crate::h2_frames`].

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::authority::TlsOffer;
use crate::h2_upstream::fields;
use crate::wait::PATIENCE;
use crate::wire::{Framing, Response};

/// One connection.
pub struct H2Client {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
    scheme: &'static str,
    authority: String,
}

/// One request, as it will be sent.
#[derive(Clone, Debug)]
pub struct H2Request {
    method: Method,
    uri: String,
    headers: HeaderMap,
    body: Option<Bytes>,
    trailers: HeaderMap,
}

impl H2Request {
    /// Adds a header field.
    ///
    /// # Panics
    /// When it is not well-formed: this client cannot misbehave.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(field_name(name), field_value(value));
        self
    }

    /// Sends this body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(Bytes::copy_from_slice(body.as_ref()));
        self
    }

    /// Sends a trailer field after the body.
    ///
    /// # Panics
    /// When it is not well-formed.
    #[must_use]
    #[track_caller]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.append(field_name(name), field_value(value));
        self
    }
}

fn field_name(name: &str) -> HeaderName {
    HeaderName::try_from(name).expect("a header name")
}

fn field_value(value: &str) -> HeaderValue {
    HeaderValue::try_from(value).expect("a header value")
}

impl H2Client {
    /// Connects in plaintext, by prior knowledge.
    ///
    /// # Panics
    /// When nobody accepts, or it is no HTTP/2.
    #[must_use]
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        let runtime = runtime();
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("a listening peer");
            start(stream).await.expect("an HTTP/2 peer")
        });
        Self { runtime, sender, scheme: "http", authority: address.to_string() }
    }

    /// Connects over TLS; the offer should name `h2`.
    ///
    /// # Errors
    /// When the handshake fails or settles on something else than HTTP/2.
    pub fn connect_tls(address: SocketAddr, offer: &TlsOffer) -> io::Result<Self> {
        let runtime = runtime();
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await?;
            let connector = tokio_rustls::TlsConnector::from(offer.config());
            let stream = connector.connect(offer.server_name(), stream).await?;
            if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                return Err(io::Error::other("the peer did not agree on h2"));
            }
            start(stream).await.map_err(io::Error::other)
        })?;
        Ok(Self { runtime, sender, scheme: "https", authority: offer.server_name().to_str().into_owned() })
    }

    /// The same, naming another `:authority` in the requests it makes from now on.
    #[must_use]
    pub fn naming(mut self, authority: &str) -> Self {
        authority.clone_into(&mut self.authority);
        self
    }

    /// A request without fields and body.
    ///
    /// # Panics
    /// When the method is no token.
    #[must_use]
    #[track_caller]
    pub fn request(&self, method: &str, target: &str) -> H2Request {
        H2Request {
            method: method.parse().expect("a method"),
            uri: format!("{}://{}{target}", self.scheme, self.authority),
            headers: HeaderMap::new(),
            body: None,
            trailers: HeaderMap::new(),
        }
    }

    /// Sends a request and reads its response.
    ///
    /// # Errors
    /// When the stream or the connection is ended by the peer.
    ///
    /// # Panics
    /// When nothing happens in time.
    #[track_caller]
    pub fn ask(&mut self, request: H2Request) -> Result<Response, h2::Error> {
        let sender = self.sender.clone();
        self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, exchange(sender, request)).await.expect("an answer in time")
        })
    }

    /// Sends these requests at once, each on a stream of its own, and reads their responses.
    ///
    /// # Panics
    /// When nothing happens in time.
    #[track_caller]
    pub fn ask_all(&mut self, requests: Vec<H2Request>) -> Vec<Result<Response, h2::Error>> {
        let sender = self.sender.clone();
        self.runtime.block_on(async {
            let under_way: Vec<_> =
                requests.into_iter().map(|request| tokio::spawn(exchange(sender.clone(), request))).collect();
            let mut responses = Vec::new();
            for exchange in under_way {
                let response = tokio::time::timeout(PATIENCE, exchange).await.expect("an answer in time");
                responses.push(response.expect("no panic"));
            }
            responses
        })
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn start<S>(stream: S) -> Result<SendRequest<Bytes>, h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = h2::client::handshake(stream).await?;
    // How the connection ends shows in the streams on it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn exchange(sender: SendRequest<Bytes>, request: H2Request) -> Result<Response, h2::Error> {
    let mut sender = sender.ready().await?;
    let mut head = http::Request::new(());
    *head.method_mut() = request.method;
    *head.uri_mut() = request.uri.parse::<Uri>().expect("a target");
    *head.headers_mut() = request.headers;
    let ends_with_head = request.body.is_none() && request.trailers.is_empty();
    let (response, mut stream) = sender.send_request(head, ends_with_head)?;
    if let Some(body) = request.body {
        send_body(&mut stream, body, request.trailers.is_empty()).await?;
    }
    if !request.trailers.is_empty() {
        stream.send_trailers(request.trailers)?;
    }
    read(response.await?).await
}

async fn send_body(stream: &mut h2::SendStream<Bytes>, mut body: Bytes, last: bool) -> Result<(), h2::Error> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let granted = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
        let Some(granted) = granted.transpose()? else {
            // The peer wants no more of it; its answer says why.
            return Ok(());
        };
        let part = body.split_to(granted.min(body.len()));
        stream.send_data(part, last && body.is_empty())?;
    }
    Ok(())
}

async fn read(response: http::Response<h2::RecvStream>) -> Result<Response, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await?.unwrap_or_default();
    Ok(Response {
        status: parts.status.as_u16(),
        version: "HTTP/2.0".into(),
        headers: fields(&parts.headers),
        body,
        trailers: fields(&trailers),
        framing: Framing::Frames,
        interim: Vec::new(),
    })
}
