//! A client that sends exactly the bytes it is given, and reads what comes back by the strict reader.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::authority::TlsOffer;
use crate::socket::Socket;
use crate::wire::{Broken, Chunk, Filled, Framing, Head, Reader, Response, framing};

/// One connection.
pub struct RawClient {
    reader: Reader<Socket>,
}

/// What was left on a connection, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The peer closed in order after these bytes.
    Closed(Vec<u8>),
    /// The peer reset the connection after these bytes.
    Reset(Vec<u8>),
    /// The peer kept the connection open for as long as we waited.
    Open(Vec<u8>),
}

impl RawClient {
    /// Connects in plaintext.
    ///
    /// # Panics
    /// When nobody accepts.
    #[must_use]
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(Socket::connect(address).unwrap_or_else(|error| panic!("connect to {address}: {error}")))
    }

    /// Connects over TLS.
    ///
    /// # Errors
    /// When the handshake fails, which may be what a test wants to see.
    pub fn connect_tls(address: SocketAddr, offer: &TlsOffer) -> io::Result<Self> {
        Socket::connect_tls(address, offer).map(Self::over)
    }

    /// Talks over a socket that is already there.
    #[must_use]
    pub fn over(socket: Socket) -> Self {
        Self { reader: Reader::new(socket) }
    }

    /// The connection.
    pub fn socket(&mut self) -> &mut Socket {
        self.reader.source()
    }

    /// Gives the connection back.
    #[must_use]
    pub fn into_socket(self) -> Socket {
        self.reader.into_source()
    }

    /// Sends these bytes and nothing else.
    ///
    /// # Errors
    /// When the peer has closed: often what a refusal looks like to a client that is still sending.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket().write_all(bytes.as_ref())?;
        self.socket().flush()
    }

    /// Sends these bytes; that the peer no longer takes them all is no mistake.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.try_send(bytes);
        self
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) -> &mut Self {
        let _ = self.socket().finish_sending();
        self
    }

    /// Sends a request and reads its response.
    ///
    /// # Panics
    /// When the response cannot be read.
    #[track_caller]
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        let request = request.as_ref();
        self.send(request);
        let read = if request.starts_with(b"HEAD ") { self.response_to_head() } else { self.response() };
        read.unwrap_or_else(|broken| panic!("{broken}; in answer to `{}`", request.escape_ascii()))
    }

    /// The next final response, with the interim ones before it.
    ///
    /// # Errors
    /// See [`Broken`]; an orderly end before the first byte is [`Broken::Ended`] of nothing.
    pub fn response(&mut self) -> Result<Response, Broken> {
        self.read(false)
    }

    /// The next response, which has no body because HEAD asked for it.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn response_to_head(&mut self) -> Result<Response, Broken> {
        self.read(true)
    }

    /// The next head alone, interim or final; the body stays unread.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn response_head(&mut self) -> Result<(u16, Head), Broken> {
        let head = self.reader.head()?.ok_or_else(|| Broken::Ended(Vec::new()))?;
        let status = status(&head)?;
        Ok((status, head))
    }

    /// The next chunk of a body whose head was read by [`Self::response_head`].
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn chunk(&mut self) -> Result<Chunk, Broken> {
        self.reader.chunk()
    }

    /// Exactly `count` bytes, for a connection that has switched protocols.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Broken> {
        self.reader.exactly(count)
    }

    /// Waits for the end of the connection.
    pub fn rest(&mut self) -> Rest {
        match self.reader.to_end() {
            Ok(bytes) | Err(Broken::Ended(bytes)) => Rest::Closed(bytes),
            Err(Broken::Failed(_, bytes)) => Rest::Reset(bytes),
            Err(Broken::Silent(bytes) | Broken::Malformed(_, bytes)) => Rest::Open(bytes),
        }
    }

    /// Waits for the end of the connection and wants nothing before it. A reset is an end, too: it is
    /// what a peer's close becomes when we were still sending.
    ///
    /// # Panics
    /// When more bytes come, or the connection stays open.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        match self.rest() {
            Rest::Closed(bytes) | Rest::Reset(bytes) if bytes.is_empty() => {}
            other => panic!("expected a closed connection with nothing left on it: {other:?}"),
        }
    }

    /// Whether bytes came, or the end, within `moment`; for tests that show that something has NOT
    /// happened yet, where no condition can be waited for.
    pub fn stirs_within(&mut self, moment: Duration) -> bool {
        let _ = self.socket().set_patience(moment);
        let stirred = !matches!(self.reader.fill(), Err(Broken::Silent(_)));
        let _ = self.socket().set_patience(crate::wait::PATIENCE);
        stirred
    }

    fn read(&mut self, to_head: bool) -> Result<Response, Broken> {
        let mut interim = Vec::new();
        let (status, head) = loop {
            let (status, head) = self.response_head()?;
            if status == 101 || !(100..200).contains(&status) {
                break (status, head);
            }
            interim.push((status, head.fields));
        };
        // A 1xx, 204 or 304, and an answer to HEAD, end with their head whatever they announce (RFC 9112 §6.3).
        let framed = if to_head || matches!(status, 101 | 204 | 304) {
            Framing::Empty
        } else {
            framing(&head, Framing::Close)?
        };
        let (body, trailers) = match framed {
            Framing::Empty | Framing::Frames => Default::default(),
            Framing::Length(length) => (self.reader.exactly(length)?, Default::default()),
            Framing::Chunked => self.reader.chunks()?,
            Framing::Close => (self.reader.to_end()?, Default::default()),
        };
        let version = head.start.split(' ').next().unwrap_or_default().to_owned();
        Ok(Response { status, version, headers: head.fields, body, trailers, framing: framed, interim })
    }

    /// Receives without reading; tells whether there was more.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn fill(&mut self) -> Result<Filled, Broken> {
        self.reader.fill()
    }
}

fn status(head: &Head) -> Result<u16, Broken> {
    let mut words = head.start.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    let status = words.next().unwrap_or_default();
    // RFC 9112 §4: the space after the status is there even when the reason phrase is not.
    let well_formed = matches!(version, "HTTP/1.1" | "HTTP/1.0")
        && status.len() == 3
        && status.bytes().all(|byte| byte.is_ascii_digit())
        && words.next().is_some();
    match status.parse() {
        Ok(code) if well_formed => Ok(code),
        _ => Err(Broken::Malformed("a malformed status line", head.raw.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;
    use crate::authority::Authority;

    /// A server that answers `answer` to whatever comes first, and closes.
    fn canned(answer: &'static [u8]) -> (SocketAddr, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut socket = Socket::accept(stream).unwrap();
            let mut first = vec![0; 4096];
            let count = socket.read(&mut first).unwrap();
            first.truncate(count);
            socket.write_all(answer).unwrap();
            first
        });
        (address, serving)
    }

    #[test]
    fn exactly_the_given_bytes_are_sent() {
        let (address, serving) = canned(b"HTTP/1.1 204 No Content\r\n\r\n");
        let mut client = RawClient::connect(address);
        let request = b"GET / HTTP/1.1\nHost : odd\r\n\r\n";
        let response = client.ask(request);
        assert_eq!(response.status, 204);
        assert_eq!(serving.join().unwrap(), request);
        client.expect_closed();
    }

    #[test]
    fn interim_responses_stand_before_the_final_one() {
        let (address, _serving) = canned(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokleft",
        );
        let mut client = RawClient::connect(address);
        let response = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((response.status, response.text(), response.framing), (200, "ok", Framing::Length(2)));
        assert_eq!(response.interim[0].0, 103);
        assert_eq!(client.rest(), Rest::Closed(b"left".to_vec()));
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let (address, _serving) = canned(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n");
        let mut client = RawClient::connect(address);
        let response = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((response.status, response.header("content-length")), (200, Some("20")));
        client.expect_closed();
    }

    #[test]
    fn a_response_cut_short_is_not_a_response() {
        let (address, _serving) = canned(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf");
        let mut client = RawClient::connect(address);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(matches!(client.response(), Err(Broken::Ended(bytes)) if bytes == b"half"));
    }

    #[test]
    fn tls_is_spoken_with_the_protocol_offered() {
        let authority = Authority::new();
        let config = authority.server(&["shop.test"]).server_config(&["h2", "http/1.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut socket = Socket::accept_tls(stream, config).unwrap();
            let mut reader = Reader::new(&mut socket);
            reader.head().unwrap().unwrap();
            socket
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
                .unwrap();
            socket.finish_sending().unwrap();
        });
        let offer = TlsOffer::new(&authority, "shop.test").alpn(&["http/1.1"]);
        let mut client = RawClient::connect_tls(address, &offer).unwrap();
        assert_eq!(client.socket().protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "ok");
        client.expect_closed();
        serving.join().unwrap();
    }
}
