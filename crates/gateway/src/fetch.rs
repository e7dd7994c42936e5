//! The gateway's own questions: key sets, issuer metadata and introspection, under guard (GW-08).
//!
//! In: an address from the configuration or from an issuer's metadata. Out: what was served. The name is
//! resolved once and that address is connected to, so that a second answer of the resolver cannot lead
//! elsewhere; addresses that are not public are refused unless the operator said that the issuer lives
//! there; redirects are not followed; size and time are bounded.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::BytesMut;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use portcullis_audit::{Recorder, System};
use portcullis_authn::{Fetch, FetchBounds, FetchError, FetchFuture, Fetched, Form, Reach};
use portcullis_domain::{Reason, is_public};
use portcullis_tls::{ClientTls, Protocol, Surroundings};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

/// A client that reaches only where it may.
pub(crate) struct GuardedFetch {
    tls: ClientTls,
    recorder: Arc<Recorder>,
}

impl GuardedFetch {
    /// Verifies servers by the public authorities of this machine; tells the record what was not had.
    ///
    /// # Errors
    /// What rustls says; without any authority, for instance.
    pub(crate) fn new(surroundings: &Surroundings, recorder: Arc<Recorder>) -> Result<Self, rustls::Error> {
        Ok(Self::over(ClientTls::public(&[Protocol::Http1], surroundings)?, recorder))
    }

    /// The same with trust of its own.
    pub(crate) const fn over(tls: ClientTls, recorder: Arc<Recorder>) -> Self {
        Self { tls, recorder }
    }

    /// Sends `request` to `url`, which names the target.
    ///
    /// # Errors
    /// [`FetchError`], which is noted in the record as well.
    pub(crate) async fn send(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        bounds: FetchBounds,
    ) -> Result<Fetched, FetchError> {
        let fetched = match tokio::time::timeout(bounds.time, self.fetch(url, request, bounds)).await {
            Ok(result) => result,
            Err(_) => Err(FetchError::TimedOut),
        };
        fetched.inspect_err(|error| self.note(url, error))
    }

    /// Tells the record what was not had.
    pub(crate) fn note(&self, url: &Url, error: &FetchError) {
        self.recorder.note(&System::FetchRefused { url: url.as_str(), cause: &error.to_string() });
    }

    /// A connection for several questions, driven by a task of this runtime until either side closes it. Who
    /// asks bounds the time.
    ///
    /// # Errors
    /// [`FetchError`]; nothing is noted in the record.
    pub(crate) async fn connect(&self, url: &Url, bounds: FetchBounds) -> Result<Kept, FetchError> {
        match self.reach(url, bounds).await? {
            Reached::Plaintext(stream) => keep(stream).await,
            Reached::Tls(stream) => keep(*stream).await,
        }
    }

    async fn fetch(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        bounds: FetchBounds,
    ) -> Result<Fetched, FetchError> {
        match self.reach(url, bounds).await? {
            Reached::Plaintext(stream) => ask(stream, url, request, bounds).await,
            Reached::Tls(stream) => ask(*stream, url, request, bounds).await,
        }
    }

    /// Connects to where `url` may lead.
    async fn reach(&self, url: &Url, bounds: FetchBounds) -> Result<Reached, FetchError> {
        let host = url.host().ok_or(FetchError::AddressRefused)?;
        let port = url.port_or_known_default().ok_or(FetchError::AddressRefused)?;
        let address = resolve(&host, port, bounds.reach, look_up).await?;
        let is_tls = match url.scheme() {
            "https" => true,
            // Plaintext never leaves the machine.
            "http" if bounds.reach == Reach::PrivateToo && address.ip().is_loopback() => false,
            _ => return Err(FetchError::AddressRefused),
        };
        let tcp = TcpStream::connect(address).await.map_err(|_| FetchError::Unreachable)?;
        if !is_tls {
            return Ok(Reached::Plaintext(tcp));
        }
        let name = host.to_string();
        let name = name.trim_start_matches('[').trim_end_matches(']');
        match self.tls.connect(name, tcp).await {
            Ok((stream, _)) => Ok(Reached::Tls(Box::new(stream))),
            Err(failure) if failure.fault.upstream_reason() == Reason::UpstreamUntrusted => {
                Err(FetchError::Untrusted)
            }
            Err(_) => Err(FetchError::Unreachable),
        }
    }
}

impl Fetch for GuardedFetch {
    fn get<'a>(&'a self, url: &'a Url, bounds: FetchBounds) -> FetchFuture<'a> {
        self.within_bounds(url, None, bounds)
    }

    fn post<'a>(&'a self, url: &'a Url, form: &'a Form, bounds: FetchBounds) -> FetchFuture<'a> {
        self.within_bounds(url, Some(form), bounds)
    }
}

impl GuardedFetch {
    fn within_bounds<'a>(
        &'a self,
        url: &'a Url,
        form: Option<&'a Form>,
        bounds: FetchBounds,
    ) -> FetchFuture<'a> {
        Box::pin(async move {
            let mut request = Request::new(Full::default());
            if let Some(form) = form {
                fill(&mut request, form)?;
            }
            self.send(url, request, bounds).await
        })
    }
}

/// One address, and only if every address of the name may be connected to: a name that mixes public and
/// private ones is how rebinding begins. The resolver can be asked once only, as its type says: what it
/// would answer a moment later changes nothing.
async fn resolve<L>(host: &Host<&str>, port: u16, reach: Reach, look_up: L) -> Result<SocketAddr, FetchError>
where
    L: AsyncFnOnce(&str, u16) -> std::io::Result<Vec<SocketAddr>>,
{
    let addresses = match host {
        Host::Ipv4(address) => vec![SocketAddr::from((*address, port))],
        Host::Ipv6(address) => vec![SocketAddr::from((*address, port))],
        Host::Domain(name) => look_up(name, port).await.map_err(|_| FetchError::NameUnknown)?,
    };
    if reach == Reach::PublicOnly && !addresses.iter().all(|address| is_public(address.ip())) {
        return Err(FetchError::AddressRefused);
    }
    // Link-local addresses hold cloud metadata services; no issuer lives there.
    addresses.iter().copied().find(|address| !is_link_local(address.ip())).ok_or(match addresses.is_empty() {
        true => FetchError::NameUnknown,
        false => FetchError::AddressRefused,
    })
}

/// Asks this machine's resolver.
async fn look_up(name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, port)).await?.collect())
}

fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// What was connected to.
enum Reached {
    Plaintext(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that outlives a question.
pub(crate) struct Kept(SendRequest<Full<Bytes>>);

impl Kept {
    /// Whether another question can be asked.
    pub(crate) async fn is_open(&mut self) -> bool {
        self.0.ready().await.is_ok()
    }

    /// Sends `request` to `url`, which names the target. Who asks bounds the time.
    ///
    /// # Errors
    /// [`FetchError`]; the connection is of no more use then.
    pub(crate) async fn ask(
        &mut self,
        url: &Url,
        mut request: Request<Full<Bytes>>,
        bounds: FetchBounds,
    ) -> Result<Fetched, FetchError> {
        address(url, &mut request)?;
        exchange(&mut self.0, request, bounds).await
    }
}

async fn keep<S>(stream: S) -> Result<Kept, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| FetchError::Unreachable)?;
    // How it ends is seen by whoever asks next.
    drop(tokio::spawn(connection));
    Ok(Kept(sender))
}

async fn ask<S>(
    stream: S,
    url: &Url,
    mut request: Request<Full<Bytes>>,
    bounds: FetchBounds,
) -> Result<Fetched, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| FetchError::Unreachable)?;
    address(url, &mut request)?;
    let asking = exchange(&mut sender, request, bounds);
    tokio::pin!(asking);
    tokio::select! {
        biased;
        fetched = &mut asking => fetched,
        // The connection may end together with the answer.
        _ = connection => asking.await,
    }
}

/// Names the target.
fn address(url: &Url, request: &mut Request<Full<Bytes>>) -> Result<(), FetchError> {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    *request.uri_mut() = target.parse().map_err(|_| FetchError::Malformed)?;
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let host = HeaderValue::from_str(authority).map_err(|_| FetchError::Malformed)?;
    request.headers_mut().insert(header::HOST, host);
    request
        .headers_mut()
        .insert(header::ACCEPT, HeaderValue::from_static("application/json, application/jwk-set+json"));
    Ok(())
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    bounds: FetchBounds,
) -> Result<Fetched, FetchError> {
    let response = sender.send_request(request).await.map_err(|_| FetchError::Malformed)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(FetchError::Redirected);
    }
    let body = read(response.into_body(), bounds.body).await?;
    Ok(Fetched { status: status.as_u16(), body })
}

/// Makes a POST of it. What is sent holds secrets and is marked as such.
fn fill(request: &mut Request<Full<Bytes>>, form: &Form) -> Result<(), FetchError> {
    *request.method_mut() = Method::POST;
    *request.body_mut() = Full::new(Bytes::copy_from_slice(form.body.expose()));
    let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, media_type);
    if let Some(authorization) = &form.authorization {
        let mut value = HeaderValue::from_bytes(authorization.expose()).map_err(|_| FetchError::Malformed)?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(())
}

/// The whole of a body that is not larger than `bound`.
///
/// # Errors
/// [`FetchError::TooLarge`], or [`FetchError::Malformed`] if it breaks off.
pub(crate) async fn read(mut body: Incoming, bound: usize) -> Result<Bytes, FetchError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| FetchError::Malformed)?.into_data() else { continue };
        if whole.len() + data.len() > bound {
            return Err(FetchError::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a name that resolves to these addresses.
    async fn found(addresses: &[&str], reach: Reach) -> Result<SocketAddr, FetchError> {
        let host = Host::Domain("id.test");
        resolve(&host, 443, reach, async |_: &str, port| {
            Ok(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), port)).collect())
        })
        .await
    }

    // proves: GW-08
    #[tokio::test]
    async fn a_name_is_believed_only_if_all_its_addresses_may_be_connected_to() {
        use Reach::{PrivateToo, PublicOnly};
        let refused = Err(FetchError::AddressRefused);
        let at = |address: &str| Ok(SocketAddr::new(address.parse().unwrap(), 443));
        assert_eq!(found(&["1.1.1.1", "2606:4700::1111"], PublicOnly).await, at("1.1.1.1"));
        for private in
            ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:169.254.169.254"]
        {
            assert_eq!(found(&[private], PublicOnly).await, refused, "{private}");
            assert_eq!(
                found(&["1.1.1.1", private], PublicOnly).await,
                refused,
                "{private} behind a public one"
            );
            assert_eq!(found(&[private, "1.1.1.1"], PublicOnly).await, refused, "{private}");
        }
        assert_eq!(found(&["10.0.0.1"], PrivateToo).await, at("10.0.0.1"));
        for metadata in ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"] {
            assert_eq!(found(&[metadata], PrivateToo).await, refused, "{metadata}");
        }
        assert_eq!(found(&[], PublicOnly).await, Err(FetchError::NameUnknown));
    }

    #[tokio::test]
    async fn metadata_addresses_are_refused_even_where_private_ones_are_not() {
        let metadata = Host::Ipv4("169.254.169.254".parse().unwrap());
        assert_eq!(
            resolve(&metadata, 443, Reach::PrivateToo, look_up).await,
            Err(FetchError::AddressRefused)
        );
        let loopback = Host::Domain("localhost");
        assert_eq!(
            resolve(&loopback, 443, Reach::PublicOnly, look_up).await,
            Err(FetchError::AddressRefused)
        );
        assert!(resolve(&loopback, 443, Reach::PrivateToo, look_up).await.is_ok());
    }
}
