//! Requests to the certificate authority.
//!
//! One connection for each request, over verified TLS, with a bound on time and on the answer. An order
//! takes a dozen requests every two months, so a pool would be a second subject.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tokio::net::TcpStream;

use crate::client::ClientTls;

/// How long one request may take.
const TIME: Duration = Duration::from_secs(30);
/// Bytes of an answer; a chain has a few thousand.
const LENGTH: usize = 1024 * 1024;

/// Talks to one certificate authority.
pub(super) struct AcmeHttp(pub(super) ClientTls);

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the certificate authority's address is no https URL")]
    Address,
    #[error("no connection to `{0}`: {1}")]
    Connection(String, std::io::Error),
    #[error("no trusted connection to `{0}`: {1}")]
    Untrusted(String, crate::HandshakeFailure),
    #[error("the certificate authority's answer is longer than {LENGTH} bytes")]
    TooLong,
    #[error("the certificate authority did not answer in time")]
    TimedOut,
    #[error("the certificate authority's answer is broken: {0}")]
    Broken(#[from] hyper::Error),
}

impl HttpClient for AcmeHttp {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let tls = self.0.clone();
        Box::pin(async move {
            let answer = tokio::time::timeout(TIME, exchange(tls, request))
                .await
                .unwrap_or(Err(Fault::TimedOut))
                .map_err(|fault| Error::Other(Box::new(fault)))?;
            Ok(BytesResponse::from(answer.map(Full::new)))
        })
    }
}

async fn exchange(tls: ClientTls, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Bytes>, Fault> {
    let (mut parts, body) = request.into_parts();
    let uri = parts.uri.clone();
    if uri.scheme_str() != Some("https") {
        return Err(Fault::Address);
    }
    let host = uri.host().ok_or(Fault::Address)?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(443);
    let authority = uri.authority().ok_or(Fault::Address)?.as_str();
    parts.headers.insert(http::header::HOST, authority.parse().map_err(|_| Fault::Address)?);
    parts.uri = uri.path_and_query().ok_or(Fault::Address)?.clone().into();

    let socket = TcpStream::connect((host.as_str(), port))
        .await
        .map_err(|error| Fault::Connection(host.clone(), error))?;
    let (stream, _) =
        tls.connect(&host, socket).await.map_err(|failure| Fault::Untrusted(host.clone(), failure))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let (parts, body) = sender.send_request(Request::from_parts(parts, body)).await?.into_parts();
        Ok(Response::from_parts(parts, read(body).await?))
    };
    // The connection only moves while it is polled, and ends with the exchange.
    tokio::select! {
        answer = exchange => answer,
        ended = drive(connection) => Err(ended),
    }
}

/// Moves the connection along; when it ends in order, the exchange still reads what has arrived.
async fn drive<F: Future<Output = hyper::Result<()>>>(connection: F) -> Fault {
    match connection.await {
        Ok(()) => std::future::pending().await,
        Err(error) => Fault::Broken(error),
    }
}

async fn read(mut body: Incoming) -> Result<Bytes, Fault> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Some(part) = frame?.data_ref() {
            if bytes.len() + part.len() > LENGTH {
                return Err(Fault::TooLong);
            }
            bytes.extend_from_slice(part);
        }
    }
    Ok(bytes.freeze())
}
