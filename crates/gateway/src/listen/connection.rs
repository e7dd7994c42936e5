//! What is known about a connection, for all requests that come over it.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Version, header};
use portcullis_audit::{Origin, OriginFacts};
use portcullis_domain::Reason;
use portcullis_limits::Key;
use portcullis_message::Authority;
use portcullis_message::forwarded::{Assertion, Proto};
use portcullis_tls::{ClientCertificate, Handshake};

use super::guarded::Signals;
use super::{ListenerKind, ListenerPlan};
use crate::together::Crowd;

/// One client connection. Nothing here authenticates a request: each request shows its own credential
/// (AUTHN-40); a client certificate is a fact that `identify` judges like any other.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) plan: Arc<ListenerPlan>,
    pub(crate) signals: Arc<Signals>,
    asserted: RefCell<Option<Asserted>>,
    origin: RefCell<Option<KnownOrigin>>,
    peer_key: Cell<Option<(IpAddr, Key)>>,
    /// The last `Host` that stood alone, copied, and what it means. The field itself would hold on to the
    /// parser's whole buffer.
    authority: RefCell<Option<(Box<[u8]>, Authority)>>,
}

/// What was last told to the upstream of who asks for which host: requests of one connection rarely differ
/// in it.
struct Asserted {
    client: IpAddr,
    authority: Authority,
    host: HeaderValue,
    assertion: Assertion,
}

/// How the last request's origin was worded for the record, and of what.
struct KnownOrigin {
    client: IpAddr,
    version: Version,
    host: Option<Box<str>>,
    user_agent: Option<Box<str>>,
    origin: Rc<Origin>,
}

/// How the bytes come.
pub(crate) enum Transport {
    Plaintext,
    /// What the handshake agreed on, a verified client certificate included.
    Tls(Box<Handshake>),
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr, transport: Transport, plan: Arc<ListenerPlan>, crowd: Crowd) -> Self {
        let signals = Arc::new(Signals::new(crowd));
        Self {
            peer,
            transport,
            plan,
            signals,
            asserted: RefCell::default(),
            origin: RefCell::default(),
            peer_key: Cell::default(),
            authority: RefCell::default(),
        }
    }

    /// Writes `Forwarded` and its older kin, and tells the value of `Host`.
    pub(crate) fn assert(
        &self,
        headers: &mut HeaderMap,
        client: IpAddr,
        authority: &Authority,
    ) -> HeaderValue {
        let mut asserted = self.asserted.borrow_mut();
        let known = asserted.take().filter(|known| known.client == client && known.authority == *authority);
        let known = asserted.insert(known.unwrap_or_else(|| {
            let host = authority.header_value();
            let proto = if self.is_tls() { Proto::Https } else { Proto::Http };
            let assertion = Assertion::new(client, proto, Some(host.clone()));
            Asserted { client, authority: authority.clone(), host, assertion }
        }));
        known.assertion.write(headers);
        known.host.clone()
    }

    /// Where a request comes from, for the record.
    pub(crate) fn origin(
        &self,
        client: IpAddr,
        version: Version,
        host: Option<&str>,
        user_agent: Option<&str>,
    ) -> Rc<Origin> {
        let mut known = self.origin.borrow_mut();
        if let Some(known) = known.as_ref()
            && known.client == client
            && known.version == version
            && known.host.as_deref() == host
            && known.user_agent.as_deref() == user_agent
        {
            return Rc::clone(&known.origin);
        }
        let origin = Rc::new(Origin::new(&OriginFacts {
            listener: &self.plan.name,
            peer: self.peer_ip(),
            client,
            tls: self.tls_version(),
            protocol: protocol(version),
            host,
            user_agent,
        }));
        let owned = |text: Option<&str>| text.map(Box::from);
        *known = Some(KnownOrigin {
            client,
            version,
            host: owned(host),
            user_agent: owned(user_agent),
            origin: Rc::clone(&origin),
        });
        origin
    }

    /// Whom a request is addressed to. Requests of one connection mostly say it in the same bytes.
    ///
    /// # Errors
    /// The reasons of [`Authority::read`]; [`Reason::HostMalformed`] if none is named.
    pub(crate) fn authority(&self, parts: &Parts) -> Result<Authority, Reason> {
        let mut hosts = parts.headers.get_all(header::HOST).iter();
        let only_host = match (parts.uri.authority(), hosts.next(), hosts.next()) {
            (None, Some(host), None) => Some(host),
            (_, _, _) => None,
        };
        if let (Some(host), Some((text, authority))) = (only_host, &*self.authority.borrow())
            && **text == *host.as_bytes()
        {
            return Ok(authority.clone());
        }
        let authority = Authority::read(parts)?.ok_or(Reason::HostMalformed)?;
        if let Some(host) = only_host {
            *self.authority.borrow_mut() = Some((host.as_bytes().into(), authority.clone()));
        }
        Ok(authority)
    }

    /// The key of `client`'s budget.
    pub(crate) fn peer_key(&self, client: IpAddr) -> Key {
        match self.peer_key.get() {
            Some((known, key)) if known == client => key,
            Some(_) | None => {
                let key = Key::peer(client);
                self.peer_key.set(Some((client, key)));
                key
            }
        }
    }

    fn tls_version(&self) -> Option<&'static str> {
        match &self.transport {
            Transport::Plaintext => None,
            Transport::Tls(handshake) => Some(handshake.version),
        }
    }

    /// The address at the socket's other end, IPv4 in its plain form.
    pub(crate) fn peer_ip(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }

    /// Whether TLS protects the connection.
    pub(crate) const fn is_tls(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// The client's certificate, if it showed one.
    pub(crate) fn client_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        match &self.transport {
            Transport::Plaintext => None,
            Transport::Tls(handshake) => handshake.client_certificate.as_ref(),
        }
    }

    /// Whether a request for `authority` belongs on another connection: on a listener that asks for client
    /// certificates, what was verified was verified for the name of the handshake (RFC 9113 §9.1.1).
    pub(crate) fn is_misdirected(&self, authority: &Authority) -> bool {
        let (Transport::Tls(handshake), ListenerKind::Tls(tls)) = (&self.transport, &self.plan.kind) else {
            return false;
        };
        tls.client_certificates().is_some()
            && handshake.server_name.as_deref().is_some_and(|name| name != authority.host())
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "http/1.0",
        Version::HTTP_2 => "h2",
        Version::HTTP_3 => "h3",
        _ => "http/1.1",
    }
}
