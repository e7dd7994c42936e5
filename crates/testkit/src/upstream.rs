//! An API behind the gateway that remembers every byte it was sent.
//!
//! One thread accepts, one more serves each connection; requests are read by the strict reader of
//! [`crate::wire`], so that [`Seen::raw`] is what the gateway really wrote.

use std::collections::HashMap;
use std::fmt;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use rustls::ServerConfig;

use crate::answer::{Afterwards, Answer};
use crate::socket::Socket;
use crate::wait::PATIENCE;
use crate::wire::{Broken, Fields, Framing, Head, Reader, framing};

/// One request as the upstream got it.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// On which connection, counted from 0.
    pub connection: usize,
    /// The method.
    pub method: String,
    /// The target.
    pub target: String,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub version: String,
    /// The header fields, in order.
    pub headers: Fields,
    /// The body.
    pub body: Vec<u8>,
    /// The trailer fields.
    pub trailers: Fields,
    /// How the body was delimited.
    pub framing: Framing,
    /// Every byte of the head, up to and with the empty line; empty for HTTP/2.
    pub raw: Vec<u8>,
}

impl Seen {
    /// The first value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.first(name)
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }

    /// Method and target, for comparison in one assertion.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// As a reader of a failed test wants it.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over connection {}, {:?}", self.version, self.connection, self.framing)?;
        write!(
            f,
            "\n{} {}\n{:?}{}{:?}",
            self.method,
            self.target,
            self.headers,
            self.body.escape_ascii(),
            self.trailers
        )
    }
}

type Answers = dyn Fn(&Seen) -> Answer + Send + Sync;
type EarlyAnswers = dyn Fn(&Seen) -> Option<Answer> + Send + Sync;

/// What an upstream will be, before it listens.
pub struct Plan {
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    early: Box<EarlyAnswers>,
}

impl Plan {
    /// Over TLS.
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// At this address, for an upstream that comes back.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Answers some requests as soon as their head is read, and never reads their body.
    #[must_use]
    pub fn early(mut self, answers: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static) -> Self {
        self.early = Box::new(answers);
        self
    }

    /// Starts to listen and to answer.
    ///
    /// # Panics
    /// When the address cannot be had.
    #[must_use]
    #[track_caller]
    pub fn start(self, answers: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind(self.address).expect("a port on loopback");
        let address = listener.local_addr().expect("a bound socket");
        let memory = Arc::new(Memory::default());
        let service = Arc::new(Service {
            memory: Arc::clone(&memory),
            tls: self.tls.clone(),
            answers: Box::new(answers),
            early: self.early,
        });
        std::thread::spawn(move || accept(listener, &service));
        Upstream {
            address,
            memory,
            scheme: if self.tls.is_some() { "https" } else { "http" },
            version: Version::One,
        }
    }
}

/// An upstream that is listening; it stops when dropped.
pub struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) memory: Arc<Memory>,
    pub(crate) scheme: &'static str,
    pub(crate) version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

impl Upstream {
    /// An HTTP/1.1 upstream to be described further.
    #[must_use]
    pub fn plan() -> Plan {
        Plan { address: SocketAddr::from(([127, 0, 0, 1], 0)), tls: None, early: Box::new(|_| None) }
    }

    /// A plaintext HTTP/1.1 upstream whose answer depends on the request.
    #[must_use]
    #[track_caller]
    pub fn start(answers: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::plan().start(answers)
    }

    /// A plaintext HTTP/1.1 upstream that always says the same.
    #[must_use]
    #[track_caller]
    pub fn answering(answer: Answer) -> Self {
        Self::start(move |_| answer.clone())
    }

    /// A plaintext HTTP/1.1 upstream that gives these answers in turn, and the last one ever after.
    #[must_use]
    #[track_caller]
    pub fn in_turn(answers: Vec<Answer>) -> Self {
        let mut left = answers.into_iter().peekable();
        let script = Mutex::new(move || {
            let next = left.next().expect("at least one answer");
            if left.peek().is_none() {
                // The last one stays.
                left = vec![next.clone()].into_iter().peekable();
            }
            next
        });
        Self::start(move |_| (script.lock().unwrap())())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its root, without a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The same by a name that resolves to loopback, for certificates that know only names.
    #[must_use]
    pub fn url_by_name(&self, name: &str) -> String {
        format!("{}://{name}:{}", self.scheme, self.address.port())
    }

    /// The requests so far, in the order in which they were complete.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.memory.lock().seen.clone()
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.memory.lock().seen.len()
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.memory.lock().connections
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.memory.lock().open.len()
    }

    /// What came and was not a request: what was read of it, and what is wrong.
    #[must_use]
    pub fn strange(&self) -> Vec<String> {
        self.memory.lock().strange.clone()
    }

    /// The requests, once there are `count` of them.
    ///
    /// # Panics
    /// When there are not, in time.
    #[must_use]
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Seen> {
        let memory = self.memory.lock();
        let (memory, waited) = self
            .memory
            .changed
            .wait_timeout_while(memory, PATIENCE, |memory| memory.seen.len() < count)
            .expect("no thread of ours panics");
        assert!(!waited.timed_out(), "waited for {count} requests, saw {:#?}", memory.seen);
        memory.seen.clone()
    }

    /// Waits until nothing is connected any more.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        crate::wait::until("the upstream's connections are closed", || self.open_connections() == 0);
    }

    /// The one request there was.
    ///
    /// # Panics
    /// When there was none, or more than one, or anything that was not a request.
    #[must_use]
    #[track_caller]
    pub fn only(&self) -> Seen {
        let memory = self.memory.lock();
        assert!(memory.strange.is_empty(), "the upstream saw {:?}", memory.strange);
        assert_eq!(memory.seen.len(), 1, "the upstream saw {:#?}", memory.seen);
        memory.seen[0].clone()
    }

    /// Asserts that not one byte of a request came.
    ///
    /// # Panics
    /// When one did.
    #[track_caller]
    pub fn expect_none(&self) {
        let memory = self.memory.lock();
        assert!(memory.seen.is_empty(), "the upstream saw {:#?}", memory.seen);
        assert!(memory.strange.is_empty(), "the upstream saw {:?}", memory.strange);
    }

    /// Forgets what was seen.
    pub fn forget(&self) {
        let mut memory = self.memory.lock();
        memory.seen.clear();
        memory.strange.clear();
    }

    /// Stops listening and closes every connection. The same as dropping it, said aloud.
    pub fn stop(self) {}
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.memory.over.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it is over. Once the connection is accepted
        // or refused, the port is free again.
        let _ = TcpStream::connect(self.address);
        for stream in self.memory.lock().open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if self.version == Version::One {
            let memory = self.memory.lock();
            drop(self.memory.changed.wait_timeout_while(memory, PATIENCE, |memory| !memory.closed));
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.url())
    }
}

#[derive(Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
    changed: Condvar,
    pub(crate) over: AtomicBool,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) seen: Vec<Seen>,
    pub(crate) strange: Vec<String>,
    pub(crate) connections: usize,
    open: HashMap<usize, TcpStream>,
    closed: bool,
}

impl Memory {
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread of ours panics")
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

struct Service {
    memory: Arc<Memory>,
    tls: Option<Arc<ServerConfig>>,
    answers: Box<Answers>,
    early: Box<EarlyAnswers>,
}

fn accept(listener: TcpListener, service: &Arc<Service>) {
    while let Ok((stream, _)) = listener.accept() {
        if service.memory.over.load(Ordering::SeqCst) {
            break;
        }
        let mut number = 0;
        service.memory.change(|memory| {
            number = memory.connections;
            memory.connections += 1;
            if let Ok(clone) = stream.try_clone() {
                memory.open.insert(number, clone);
            }
        });
        let service = Arc::clone(service);
        std::thread::spawn(move || {
            let ended = service.serve(stream, number);
            // The clone goes first: the socket ends, or is reset, with the last handle on it.
            service.memory.change(|memory| drop(memory.open.remove(&number)));
            match ended {
                Some((socket, Afterwards::Reset)) => socket.reset(),
                Some((socket, _)) => drop(socket),
                None => {}
            }
        });
    }
    drop(listener);
    service.memory.change(|memory| memory.closed = true);
}

impl Service {
    fn serve(&self, stream: TcpStream, connection: usize) -> Option<(Socket, Afterwards)> {
        let socket = match &self.tls {
            None => Socket::accept(stream),
            Some(config) => Socket::accept_tls(stream, Arc::clone(config)),
        };
        // A handshake that fails is what several tests are about.
        let mut reader = Reader::new(socket.ok()?);
        // An idle pooled connection is silent for as long as it likes.
        reader.source().tcp().set_read_timeout(None).ok()?;
        loop {
            let seen = match self.read(&mut reader, connection) {
                Ok(Some(seen)) => seen,
                Ok(None) => return Some((reader.into_source(), Afterwards::Close)),
                Err(broken) => {
                    self.note_strange(&broken);
                    return Some((reader.into_source(), Afterwards::Close));
                }
            };
            let (seen, answer) = seen;
            let to_head = seen.method == "HEAD";
            let answer = answer.unwrap_or_else(|| (self.answers)(&seen));
            match answer.say(reader.source(), to_head) {
                Ok(Afterwards::Continue) => {}
                Ok(Afterwards::Stall) => {
                    // Until the peer gives up, or the test ends.
                    let _ = reader.to_end();
                    return Some((reader.into_source(), Afterwards::Close));
                }
                Ok(afterwards) => return Some((reader.into_source(), afterwards)),
                Err(_) => return Some((reader.into_source(), Afterwards::Close)),
            }
        }
    }

    /// Reads one request and remembers it; an answer comes along if it was given before the body.
    fn read(
        &self,
        reader: &mut Reader<Socket>,
        connection: usize,
    ) -> Result<Option<(Seen, Option<Answer>)>, Broken> {
        let Some(head) = reader.head()? else { return Ok(None) };
        let framed = framing(&head, Framing::Empty)?;
        let mut seen = seen(head, connection, framed)?;
        if let Some(answer) = (self.early)(&seen) {
            self.memory.change(|memory| memory.seen.push(seen.clone()));
            return Ok(Some((seen, Some(answer))));
        }
        match framed {
            Framing::Length(length) => seen.body = reader.exactly(length)?,
            Framing::Chunked => (seen.body, seen.trailers) = reader.chunks()?,
            Framing::Empty | Framing::Close | Framing::Frames => {}
        }
        self.memory.change(|memory| memory.seen.push(seen.clone()));
        Ok(Some((seen, None)))
    }

    fn note_strange(&self, broken: &Broken) {
        // An idle connection that the peer resets has shown nothing.
        if matches!(broken, Broken::Failed(_, bytes) if bytes.is_empty()) {
            return;
        }
        self.memory.change(|memory| memory.strange.push(broken.to_string()));
    }
}

fn seen(head: Head, connection: usize, framed: Framing) -> Result<Seen, Broken> {
    let words: Vec<&str> = head.start.split(' ').collect();
    let [method, target, version] = words.as_slice() else {
        return Err(Broken::Malformed("a request line that is not three words", head.raw));
    };
    Ok(Seen {
        connection,
        method: (*method).to_owned(),
        target: (*target).to_owned(),
        version: (*version).to_owned(),
        headers: head.fields,
        body: Vec::new(),
        trailers: Fields::default(),
        framing: framed,
        raw: head.raw,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::authority::{Authority, TlsOffer};
    use crate::raw_client::{RawClient, Rest};

    const GET: &str = "GET /a?b HTTP/1.1\r\nHost: up\r\n\r\n";

    #[test]
    fn it_remembers_bytes_order_body_and_connection() {
        let upstream = Upstream::answering(Answer::ok("hello"));
        let mut first = RawClient::connect(upstream.address());
        assert_eq!(first.ask(GET).text(), "hello");
        let mut second = RawClient::connect(upstream.address());
        second.ask(
            "POST / HTTP/1.1\r\nHost: up\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n",
        );
        first.ask("POST /c HTTP/1.1\r\nHost: up\r\nContent-Length: 3\r\n\r\nabc");

        let seen = upstream.wait_for(3);
        assert_eq!(seen.iter().map(|seen| seen.connection).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(seen[0].line(), "GET /a?b");
        assert_eq!(seen[0].raw, GET.as_bytes());
        assert_eq!(
            (seen[1].text(), seen[1].trailers.first("x-t"), seen[1].framing),
            ("hi", Some("1"), Framing::Chunked)
        );
        assert_eq!((seen[2].text(), seen[2].framing), ("abc", Framing::Length(3)));
        assert_eq!((upstream.connections(), upstream.open_connections()), (2, 2));
    }

    #[test]
    fn a_fresh_one_has_seen_nothing_and_half_a_request_is_something() {
        let upstream = Upstream::answering(Answer::ok(""));
        let mut client = RawClient::connect(upstream.address());
        upstream.expect_none();
        client.send("GET / HT").finish_sending();
        crate::wait::until("half a request is noticed", || !upstream.strange().is_empty());
    }

    #[test]
    fn answers_are_given_in_turn_and_the_last_one_stays() {
        let upstream = Upstream::in_turn(vec![Answer::ok("1"), Answer::ok("2")]);
        let mut client = RawClient::connect(upstream.address());
        let bodies: Vec<String> = (0..3).map(|_| client.ask(GET).text().to_owned()).collect();
        assert_eq!(bodies, ["1", "2", "2"]);
    }

    #[test]
    fn every_way_to_fail_looks_as_it_should() {
        let ask = |answer: Answer| {
            let upstream = Upstream::answering(answer);
            let mut client = RawClient::connect(upstream.address());
            client.send(GET);
            client.rest()
        };
        assert_eq!(ask(Answer::CloseBefore), Rest::Closed(vec![]));
        assert_eq!(ask(Answer::Reset), Rest::Reset(vec![]));
        assert_eq!(ask(Answer::RawThenClose(b"nonsense".to_vec())), Rest::Closed(b"nonsense".to_vec()));
        let cut = ask(Answer::CloseMidBody { announced: 9, sent: b"half".to_vec() });
        assert_eq!(cut, Rest::Closed(b"HTTP/1.1 200 Stated\r\nContent-Length: 9\r\n\r\nhalf".to_vec()));
    }

    #[test]
    fn a_stalled_answer_says_nothing_and_keeps_the_connection() {
        let upstream = Upstream::answering(Answer::Stall);
        let mut client = RawClient::connect(upstream.address());
        client.send(GET);
        assert_eq!(upstream.wait_for(1).len(), 1);
        assert!(!client.stirs_within(Duration::from_millis(20)));
        drop(client);
        upstream.wait_until_idle();
    }

    #[test]
    fn chunks_trailers_hints_drips_and_switches_are_spoken() {
        let upstream = Upstream::start(|seen| match seen.target.as_str() {
            "/chunks" => Answer::chunked(&[], &["a", "b"], &[("X-T", "9")]),
            "/hints" => {
                Answer::EarlyHints(vec![("Link".into(), "</x>".into())], Box::new(Answer::ok("late")))
            }
            "/drip" => Answer::SlowDrip {
                bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_vec(),
                pause: Duration::from_micros(10),
            },
            _ => Answer::SwitchAndEcho(vec![("Upgrade".into(), "echo".into())]),
        });
        let mut client = RawClient::connect(upstream.address());
        let chunked = client.ask("GET /chunks HTTP/1.1\r\nHost: up\r\n\r\n");
        assert_eq!((chunked.text(), chunked.trailers.first("x-t")), ("ab", Some("9")));
        let hinted = client.ask("GET /hints HTTP/1.1\r\nHost: up\r\n\r\n");
        assert_eq!((hinted.text(), hinted.interim[0].0), ("late", 103));
        assert_eq!(client.ask("GET /drip HTTP/1.1\r\nHost: up\r\n\r\n").text(), "x");
        assert_eq!(client.ask("GET /switch HTTP/1.1\r\nHost: up\r\n\r\n").status, 101);
        client.send("ping");
        assert_eq!(client.exactly(4).unwrap(), b"ping");
    }

    #[test]
    fn a_fed_answer_goes_out_chunk_by_chunk() {
        let (answer, feeder) = Answer::fed(&[("Content-Type", "text/event-stream")]);
        let upstream = Upstream::answering(answer);
        let mut client = RawClient::connect(upstream.address());
        client.send(GET);
        let (status, _) = client.response_head().unwrap();
        assert_eq!(status, 200);
        feeder.give("one");
        assert_eq!(client.chunk().unwrap(), crate::wire::Chunk::Content(b"one".to_vec()));
        feeder.give("two");
        assert_eq!(client.chunk().unwrap(), crate::wire::Chunk::Content(b"two".to_vec()));
        drop(feeder);
        assert_eq!(client.chunk().unwrap(), crate::wire::Chunk::Last(Fields::default()));
    }

    #[test]
    fn an_early_answer_does_not_wait_for_the_body() {
        let upstream = Upstream::plan()
            .early(|_| Some(Answer::respond(413, &[("Connection", "close")], "")))
            .start(|_| Answer::Stall);
        let mut client = RawClient::connect(upstream.address());
        client.send("POST / HTTP/1.1\r\nHost: up\r\nContent-Length: 1000000\r\n\r\n");
        assert_eq!(client.response().unwrap().status, 413);
    }

    #[test]
    fn it_speaks_tls_and_comes_back_at_the_same_address() {
        let authority = Authority::new();
        let identity = authority.server(&["up.test"]);
        let upstream =
            Upstream::plan().tls(identity.server_config(&["http/1.1"])).start(|_| Answer::ok("tls"));
        assert!(upstream.url().starts_with("https://127.0.0.1:"));
        let mut client =
            RawClient::connect_tls(upstream.address(), &TlsOffer::new(&authority, "up.test")).unwrap();
        assert_eq!(client.ask(GET).text(), "tls");

        let address = upstream.address();
        upstream.stop();
        assert!(!crate::unreachable::accepts(address));
        let again = Upstream::plan().at(address).start(|_| Answer::ok("back"));
        assert_eq!(RawClient::connect(again.address()).ask(GET).text(), "back");
    }
}
