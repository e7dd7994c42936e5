//! What is known about a connection, for all requests that come over it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use portcullis_message::Authority;
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
}

/// How the bytes come.
pub(crate) enum Transport {
    Plaintext,
    /// What the handshake agreed on, a verified client certificate included.
    Tls(Box<Handshake>),
}

impl Connection {
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
