//! What is known about a connection, for all requests that come over it.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use portcullis_message::Authority;
use portcullis_message::forwarded::{Assertion, Proto};
use portcullis_tls::{ClientCertificate, Handshake};

use super::guarded::Signals;
use super::{ListenerKind, ListenerPlan};

/// One client connection. Nothing here authenticates a request: each request shows its own credential
/// (AUTHN-40); a client certificate is a fact that `identify` judges like any other.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) plan: Arc<ListenerPlan>,
    pub(crate) signals: Arc<Signals>,
    asserted: RefCell<Option<Asserted>>,
}

/// What was last told to the upstream of who asks for which host: requests of one connection rarely differ
/// in it.
struct Asserted {
    client: IpAddr,
    authority: Authority,
    host: HeaderValue,
    assertion: Assertion,
}

/// How the bytes come.
pub(crate) enum Transport {
    Plaintext,
    /// What the handshake agreed on, a verified client certificate included.
    Tls(Box<Handshake>),
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr, transport: Transport, plan: Arc<ListenerPlan>) -> Self {
        Self { peer, transport, plan, signals: Arc::default(), asserted: RefCell::new(None) }
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
