//! The handshake of a listener.
//!
//! In: a connection. Out: an encrypted stream and what was agreed on, or a [`HandshakeFailure`] for the
//! record; the peer has then been sent the alert that fits. The hello is read before anything is decided,
//! because three decisions depend on it that rustls leaves to us: an unknown server name is refused with
//! its own alert (RFC 6066 §3), a hello from before TLS 1.2 is refused as such (RFC 8446 D.5), and a
//! client that lists the hybrid group gets it. Not done here: timeouts. The caller bounds the whole.

use std::io;
use std::sync::Arc;

use portcullis_domain::Timestamp;
use rustls::server::{Accepted as Hello, Acceptor, ClientHello, ServerConnection};
use rustls::{Error, HandshakeKind, NamedGroup, PeerIncompatible, ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::server::StartHandshake;

use crate::client_certificate::ClientCertificate;
use crate::fault::{self, HandshakeFault};
use crate::protocol::Protocol;
use crate::server::{Current, ServerTls};
use crate::stream::ServerStream;
use crate::wall_time::unix_time;

/// What came of a connection.
#[derive(Debug)]
pub enum Accepted<IO> {
    /// A client of ours.
    Connection {
        /// The encrypted stream.
        stream: ServerStream<IO>,
        /// What was agreed on.
        handshake: Handshake,
    },
    /// A certificate authority checked a TLS-ALPN-01 challenge; the connection is over.
    ChallengeAnswered,
}

/// What a handshake agreed on.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The cipher suite's name.
    pub suite: &'static str,
    /// The key exchange group's name; none in a resumed TLS 1.2 session.
    pub group: Option<&'static str>,
    /// What is spoken inside.
    pub protocol: Protocol,
    /// The host that the client asked for, lower case.
    pub server_name: Option<Arc<str>>,
    /// In full, or resumed from a ticket.
    pub resumption: Resumption,
    /// The client's certificate, verified.
    pub client_certificate: Option<Arc<ClientCertificate>>,
}

/// Whether keys were agreed on anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// A full handshake.
    Full,
    /// From a ticket.
    Resumed,
}

/// A handshake that failed, for the record.
#[derive(Debug, thiserror::Error)]
#[error("{}", fault.code())]
pub struct HandshakeFailure {
    /// Why.
    pub fault: HandshakeFault,
    /// What the library says, for the operator; bounded, without key material.
    pub note: String,
    /// The host that the client asked for, if it got so far.
    pub server_name: Option<Arc<str>>,
}

/// Alerts that rustls does not send for us (RFC 8446 §6).
#[derive(Clone, Copy)]
enum Alert {
    ProtocolVersion = 70,
    UnrecognizedName = 112,
}

impl ServerTls {
    /// Shakes hands on `io`.
    ///
    /// # Errors
    /// [`HandshakeFailure`]; the peer has been told, and `io` is closed.
    pub async fn accept<IO>(&self, mut io: IO) -> Result<Accepted<IO>, HandshakeFailure>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = read_hello(&mut io).await?;
        let server_name: Option<Arc<str>> = hello.client_hello().server_name().map(Arc::from);
        let failure =
            |fault, note: String| HandshakeFailure { fault, note, server_name: server_name.clone() };

        if let Some(config) = self.challenges.config_for(&hello.client_hello(), self.surroundings()) {
            return answer_challenge(hello, io, config)
                .await
                .map_err(|error| failure(HandshakeFault::from_io(&error), fault::note(&error)));
        }
        let current = self.current();
        if current.names.candidates(server_name.as_deref()).is_empty() {
            send_alert(&mut io, Alert::UnrecognizedName).await;
            let fault = if current.names.is_empty() {
                HandshakeFault::CertificateAbsent
            } else {
                HandshakeFault::ServerNameUnknown
            };
            return Err(failure(fault, String::new()));
        }
        let config = current.config_for(&hello.client_hello());
        let stream = StartHandshake::from_parts(hello, io)
            .into_stream(config)
            .await
            .map_err(|error| failure(HandshakeFault::from_io(&error), fault::note(&error)))?;
        let now = self.surroundings().clock.now().wall;
        let client_certificate = current
            .client_certificate(stream.get_ref().1, now)
            .map_err(|error| failure(HandshakeFault::from_rustls(&error), fault::note(&error)))?;
        let handshake = Handshake::of(stream.get_ref().1, server_name.clone(), client_certificate);
        Ok(Accepted::Connection { stream: ServerStream::new(stream), handshake })
    }
}

impl Current {
    fn config_for(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let lists_hybrid =
            hello.named_groups().is_some_and(|groups| groups.contains(&NamedGroup::X25519MLKEM768));
        Arc::clone(if lists_hybrid { &self.hybrid } else { &self.classic })
    }

    /// The certificate that the client proved to hold.
    ///
    /// A resumed session brings the certificate of its first handshake, which rustls does not verify
    /// again: it may have ended or been revoked since.
    fn client_certificate(
        &self,
        connection: &ServerConnection,
        now: Timestamp,
    ) -> Result<Option<Arc<ClientCertificate>>, Error> {
        let (Some(verifier), Some(chain)) = (&self.verifier, connection.peer_certificates()) else {
            return Ok(None);
        };
        let Some((leaf, intermediates)) = chain.split_first() else { return Ok(None) };
        if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            verifier.verify_client_cert(leaf, intermediates, unix_time(now))?;
        }
        let certificate = ClientCertificate::from_verified(chain)
            .map_err(|_| Error::InvalidCertificate(rustls::CertificateError::BadEncoding))?;
        Ok(certificate.map(Arc::new))
    }
}

impl Handshake {
    fn of(
        connection: &ServerConnection,
        server_name: Option<Arc<str>>,
        client_certificate: Option<Arc<ClientCertificate>>,
    ) -> Self {
        let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let group = connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
        Self {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "TLSv1.2",
            },
            suite: suite.unwrap_or("unknown"),
            group,
            protocol: Protocol::negotiated(connection.alpn_protocol()),
            server_name,
            resumption: match connection.handshake_kind() {
                Some(HandshakeKind::Resumed) => Resumption::Resumed,
                _ => Resumption::Full,
            },
            client_certificate,
        }
    }
}

/// Reads until the hello is complete; rustls bounds its length at 64 KiB.
async fn read_hello<IO>(io: &mut IO) -> Result<Hello, HandshakeFailure>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let failure = |fault, note| HandshakeFailure { fault, note, server_name: None };
    let mut acceptor = Acceptor::default();
    let mut start = HelloStart::default();
    let mut buffer = [0; 2048];
    loop {
        let length = io
            .read(&mut buffer)
            .await
            .map_err(|error| failure(HandshakeFault::from_io(&error), fault::note(&error)))?;
        let mut received = buffer.get(..length).unwrap_or_default();
        if received.is_empty() {
            return Err(failure(HandshakeFault::ConnectionClosed, String::new()));
        }
        start.extend(received);
        while !received.is_empty() {
            acceptor
                .read_tls(&mut received)
                .map_err(|error| failure(HandshakeFault::from_io(&error), fault::note(&error)))?;
            match acceptor.accept() {
                Ok(Some(hello)) => return Ok(hello),
                Ok(None) => {}
                Err((error, _)) if start.is_before_tls12(&error) => {
                    send_alert(io, Alert::ProtocolVersion).await;
                    return Err(failure(HandshakeFault::VersionUnsupported, fault::note(&error)));
                }
                Err((error, mut alert)) => {
                    let mut bytes = Vec::new();
                    // Writing to a `Vec` cannot fail.
                    let _ = alert.write_all(&mut bytes);
                    send_and_close(io, &bytes).await;
                    return Err(failure(HandshakeFault::from_rustls(&error), fault::note(&error)));
                }
            }
        }
    }
}

/// The bytes of a hello up to `legacy_version`: record header (5), handshake header (4), version (2).
#[derive(Default)]
struct HelloStart {
    bytes: [u8; 11],
    length: usize,
}

impl HelloStart {
    fn extend(&mut self, received: &[u8]) {
        for (slot, byte) in self.bytes.iter_mut().skip(self.length).zip(received) {
            *slot = *byte;
            self.length += 1;
        }
    }

    /// TLS 1.1 and older have no `signature_algorithms`, and rustls complains of that before it looks at
    /// the version.
    fn is_before_tls12(&self, error: &Error) -> bool {
        let [.., major, minor] = self.bytes;
        *error == Error::PeerIncompatible(PeerIncompatible::SignatureAlgorithmsExtensionRequired)
            && self.length == self.bytes.len()
            && [major, minor] < [3, 3]
    }
}

async fn answer_challenge<IO>(hello: Hello, io: IO, config: Arc<ServerConfig>) -> io::Result<Accepted<IO>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = StartHandshake::from_parts(hello, io).into_stream(config).await?;
    // The authority has what it wants (RFC 8737 §3); how it hangs up does not matter.
    let _ = stream.shutdown().await;
    Ok(Accepted::ChallengeAnswered)
}

async fn send_alert<IO: AsyncWrite + Unpin>(io: &mut IO, alert: Alert) {
    const ALERT_RECORD: u8 = 21;
    const FATAL: u8 = 2;
    // A record version that clients of every age accept (RFC 8446 §5.1).
    send_and_close(io, &[ALERT_RECORD, 3, 1, 0, 2, FATAL, alert as u8]).await;
}

/// The connection has failed already; that the peer cannot be told changes nothing.
async fn send_and_close<IO: AsyncWrite + Unpin>(io: &mut IO, bytes: &[u8]) {
    let _ = io.write_all(bytes).await;
    let _ = io.shutdown().await;
}
