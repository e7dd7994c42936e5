//! One connection, plain or TLS, from either end: blocking, and never for longer than its patience.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::CertificateDer;

use crate::authority::TlsOffer;
use crate::wait::PATIENCE;

/// A connected socket.
pub enum Socket {
    /// Bytes as they are.
    Plain(TcpStream),
    /// TLS, as its client.
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// TLS, as its server.
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Socket {
    /// Connects in plaintext.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::Plain(connected(address)?))
    }

    /// Connects and completes the handshake.
    ///
    /// # Errors
    /// Whatever the system or the handshake says.
    pub fn connect_tls(address: SocketAddr, offer: &TlsOffer) -> io::Result<Self> {
        let connection =
            ClientConnection::new(offer.config(), offer.server_name()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, connected(address)?);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self::Client(Box::new(stream)))
    }

    /// The certificates that the other end showed, leaf first; none in plaintext.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let shown = match self {
            Self::Plain(_) => None,
            Self::Client(stream) => stream.conn.peer_certificates(),
            Self::Server(stream) => stream.conn.peer_certificates(),
        };
        shown.unwrap_or_default()
    }

    /// Serves a connection that was accepted in plaintext.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn accept(stream: TcpStream) -> io::Result<Self> {
        Ok(Self::Plain(patient(stream)?))
    }

    /// Serves a connection and completes the handshake.
    ///
    /// # Errors
    /// Whatever the system or the handshake says.
    pub fn accept_tls(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, patient(stream)?);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self::Server(Box::new(stream)))
    }

    /// The TCP connection below.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Client(stream) => &stream.sock,
            Self::Server(stream) => &stream.sock,
        }
    }

    /// The protocol agreed in ALPN.
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Client(stream) => stream.conn.alpn_protocol(),
            Self::Server(stream) => stream.conn.alpn_protocol(),
        }
    }

    /// The client's side of the TLS session, if this is one.
    #[must_use]
    pub fn client_session(&self) -> Option<&ClientConnection> {
        match self {
            Self::Client(stream) => Some(&stream.conn),
            Self::Plain(_) | Self::Server(_) => None,
        }
    }

    /// Says that nothing more will be sent, and stays open for reading.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => {}
            Self::Client(stream) => {
                stream.conn.send_close_notify();
                stream.flush()?;
            }
            Self::Server(stream) => {
                stream.conn.send_close_notify();
                stream.flush()?;
            }
        }
        self.tcp().shutdown(Shutdown::Write)
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub fn reset(self) {
        let _ = socket2::SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO));
    }

    /// How long one read or write may take from now on.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.tcp().set_read_timeout(Some(patience))?;
        self.tcp().set_write_timeout(Some(patience))
    }
}

fn connected(address: SocketAddr) -> io::Result<TcpStream> {
    patient(TcpStream::connect_timeout(&address, PATIENCE)?)
}

fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Client(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Client(stream) => stream.write(bytes),
            Self::Server(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}
