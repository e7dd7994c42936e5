//! Client hellos that no library will send, byte by byte (RFC 5246 §7.4.1.2).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::listener::PATIENCE;

/// A hello of TLS 1.2 or before.
pub(crate) struct Hello<'a> {
    /// `legacy_version`, such as `[3, 3]` for TLS 1.2.
    pub(crate) version: [u8; 2],
    pub(crate) suites: &'a [u16],
    pub(crate) compression: &'a [u8],
    pub(crate) server_name: &'a str,
    pub(crate) extended_master_secret: bool,
    pub(crate) signature_algorithms: bool,
}

impl Hello<'_> {
    /// One that our listener would take.
    pub(crate) fn sound(server_name: &str) -> Hello<'_> {
        Hello {
            version: [3, 3],
            suites: &[0xc02b],
            compression: &[0],
            server_name,
            extended_master_secret: true,
            signature_algorithms: true,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        let name = [&[0], &sized(2, self.server_name.as_bytes())[..]].concat();
        extend(&mut extensions, 0, &sized(2, &name));
        // x25519, secp256r1; uncompressed points.
        extend(&mut extensions, 10, &sized(2, &[0, 0x1d, 0, 0x17]));
        extend(&mut extensions, 11, &sized(1, &[0]));
        if self.signature_algorithms {
            extend(&mut extensions, 13, &sized(2, &[4, 3, 8, 4, 4, 1]));
        }
        if self.extended_master_secret {
            extend(&mut extensions, 23, &[]);
        }
        let suites: Vec<u8> = self.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        let body = [
            &self.version[..],
            &[7; 32],
            &sized(1, &[]),
            &sized(2, &suites),
            &sized(1, self.compression),
            &sized(2, &extensions),
        ]
        .concat();
        let handshake = [&[1], &sized(3, &body)[..]].concat();
        [&[22, 3, 1], &sized(2, &handshake)[..]].concat()
    }

    /// What the server answers first.
    pub(crate) async fn answer(&self, address: SocketAddr) -> Answer {
        send(address, &self.bytes()).await
    }
}

/// The first record of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    ServerHello,
    FatalAlert(u8),
    Closed,
    Other(Vec<u8>),
}

/// Sends anything and reads what comes back first.
pub(crate) async fn send(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = vec![0; 7];
    let read = tokio::time::timeout(PATIENCE, socket.read_exact(&mut answer)).await.expect("no answer");
    match (read, answer.as_slice()) {
        (Err(_), _) => Answer::Closed,
        (Ok(_), [22, 3, _, _, _, 2, _]) => Answer::ServerHello,
        (Ok(_), [21, 3, _, 0, 2, 2, alert]) => Answer::FatalAlert(*alert),
        (Ok(_), other) => Answer::Other(other.to_vec()),
    }
}

fn sized(width: usize, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[length.len() - width..], bytes].concat()
}

fn extend(extensions: &mut Vec<u8>, kind: u16, content: &[u8]) {
    extensions.extend(kind.to_be_bytes());
    extensions.extend(sized(2, content));
}
