//! Syslog over TLS (RFC 5425), and to this machine over TCP (RFC 6587) and UDP (RFC 5426).
//!
//! The protocol has no answers: what a server had not read when it went down is lost, and neither side learns of it.
//! Before each delivery the connection is looked at, so that one that was closed meanwhile is opened anew instead.

use std::io;

use portcullis_audit::format::Format;
use portcullis_audit::ship::{Carrier, CarryError, Framing, SyslogNames, syslog_message};
use portcullis_tls::{ClientStream, ClientTls};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::wire::{Wire, unreachable};

/// How a server is reached.
pub(super) enum Way {
    Tls(ClientTls),
    Tcp,
    Udp,
}

/// A server and the connection to it.
pub(super) struct Syslog {
    host: String,
    port: u16,
    way: Way,
    names: SyslogNames,
    format: Format,
    wire: Wire,
    open: Option<Open>,
}

enum Open {
    Tls(Box<ClientStream<TcpStream>>),
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Syslog {
    pub(super) fn new(host: String, port: u16, way: Way, names: SyslogNames) -> Self {
        let format = Format::Portcullis;
        Self { host, port, way, names, format, wire: Wire::default(), open: None }
    }

    pub(super) const fn told_in(mut self, format: Format) -> Self {
        self.format = format;
        self
    }
}

impl Carrier for Syslog {
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError> {
        let Self { host, port, way, names, format, wire, open } = self;
        let held = open.take();
        let sent = wire.wait(async {
            let mut connection = match held {
                Some(connection) => match still_open(connection).await {
                    Some(connection) => connection,
                    None => connect(host, *port, way).await?,
                },
                None => connect(host, *port, way).await?,
            };
            send(&mut connection, lines, *format, names).await.map_err(|error| unreachable(&error))?;
            Ok(connection)
        });
        *open = Some(sent?);
        Ok(())
    }
}

async fn connect(host: &str, port: u16, way: &Way) -> Result<Open, CarryError> {
    let tcp = async || TcpStream::connect((host, port)).await.map_err(|error| unreachable(&error));
    match way {
        Way::Tcp => Ok(Open::Tcp(tcp().await?)),
        Way::Tls(tls) => {
            let (stream, _) = tls
                .connect(host, tcp().await?)
                .await
                .map_err(|failure| CarryError::Unreachable(format!("no TLS: {}", failure.fault.code())))?;
            Ok(Open::Tls(Box::new(stream)))
        }
        Way::Udp => {
            let socket = UdpSocket::bind(if host.contains(':') { "[::1]:0" } else { "127.0.0.1:0" })
                .await
                .map_err(|error| unreachable(&error))?;
            socket.connect((host, port)).await.map_err(|error| unreachable(&error))?;
            Ok(Open::Udp(socket))
        }
    }
}

/// The connection, unless its other end has closed it. Servers of syslog send nothing.
async fn still_open(mut connection: Open) -> Option<Open> {
    let is_open = match &mut connection {
        Open::Tls(stream) => has_no_end(stream).await,
        Open::Tcp(stream) => has_no_end(stream).await,
        Open::Udp(_) => true,
    };
    is_open.then_some(connection)
}

async fn has_no_end(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut byte = [0; 1];
    tokio::select! {
        biased;
        read = stream.read(&mut byte) => matches!(read, Ok(1)),
        // Nothing to read, as it should be. Once round the runtime, so that what arrived is seen.
        () = tokio::task::yield_now() => true,
    }
}

async fn send(connection: &mut Open, lines: &[u8], format: Format, names: &SyslogNames) -> io::Result<()> {
    match connection {
        Open::Tls(stream) => stream_messages(stream, lines, format, names).await,
        Open::Tcp(stream) => stream_messages(stream, lines, format, names).await,
        Open::Udp(socket) => {
            let mut message = Vec::new();
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                message.clear();
                syslog_message(&mut message, line, format, names, Framing::Datagram);
                socket.send(&message).await?;
            }
            Ok(())
        }
    }
}

async fn stream_messages(
    stream: &mut (impl AsyncWrite + Unpin),
    lines: &[u8],
    format: Format,
    names: &SyslogNames,
) -> io::Result<()> {
    let mut messages = Vec::with_capacity(lines.len() + lines.len() / 4);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        syslog_message(&mut messages, line, format, names, Framing::OctetCounting);
    }
    stream.write_all(&messages).await?;
    stream.flush().await
}
