//! Walking a made-up request through the policy, to see what would become of it.
//!
//! In: a request that nobody sent, and the configuration. Out: the same [`Explained`] as for one that came. It goes through
//! hyper and [`crate::admit`] like every other, in this process and over no network, and ends where it would be handed
//! to the upstream. Nothing of it remains: limits are counted in a policy of its own, no event is recorded, owners
//! are looked up and not learned, no token is exchanged, no contract is learnt. What the policy itself asks outside is asked: keys of issuers,
//! introspection, decision points.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::{Method, Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis_audit::journal::{Decision, JournalKey};
use portcullis_audit::{Metrics, Verdict};
use portcullis_domain::{Clock, Denial, ReceiptId};
use portcullis_tls::{Handshake, Protocol, Resumption};
use rand::RngExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, LocalOptions};

use super::explain::{Explained, NotExplained};
use super::taken::Taken;
use super::tell::{Depth, tell};
use super::{Naming, SubjectsConfig};
use crate::admit::admit;
use crate::arrival::Envelope;
use crate::check;
use crate::compile::Compiled;
use crate::config::PlaintextConfig;
use crate::gateway::{Options, StartError, compile_all, system};
use crate::listen::{Connection, ListenerKind, ListenerPlan, Transport};
use crate::policy::Policy;
use crate::together::Crowd;
use crate::trace::Trace;

/// A request that nobody sent.
#[derive(Clone, Debug)]
pub struct MadeUp {
    /// Its method.
    pub method: Method,
    /// Where it goes; `https` and `http` tell how it would come.
    pub url: Uri,
    /// Its header fields, but for those that its client would make itself (`Host`, `Content-Length`).
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// The address that it comes from.
    pub from: SocketAddr,
}

/// Most bytes of a made-up request that are on their way at once.
const PIPE: usize = 64 * 1024;

/// What is known of a request that was walked.
pub(super) struct Walked {
    pub(super) policy: Arc<Policy>,
    pub(super) envelope: Envelope,
    pub(super) trace: Trace,
    pub(super) refused: Option<Denial>,
}

/// Walks a made-up request and explains what would become of it.
///
/// # Errors
/// [`NotExplained::Configuration`].
pub fn explain_request(options: &Options, made_up: &MadeUp) -> Result<Explained, NotExplained> {
    let (compiled, walked) = walk(options, made_up)?;
    Ok(Explained::of(walked.decision(), Some(&compiled)))
}

/// Walks a made-up request.
///
/// # Errors
/// [`NotExplained::Configuration`].
pub(super) fn walked(options: &Options, made_up: &MadeUp) -> Result<Walked, NotExplained> {
    walk(options, made_up).map(|(_, walked)| walked)
}

fn walk(options: &Options, made_up: &MadeUp) -> Result<(Compiled, Walked), NotExplained> {
    let failed = |error: std::io::Error| NotExplained::Configuration(system("cannot walk a request", error));
    let (compiled, metrics) = rehearsal(options).map_err(NotExplained::Configuration)?;
    let runtime =
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).map_err(failed)?;
    let rehearsal = Rehearsal {
        policy: &compiled.policy,
        clock: &options.clock,
        connection: Rc::new(connection(made_up, &metrics)),
        ended: RefCell::new(None),
    };
    let walked = runtime.block_on(rehearsal.walk(made_up)).map_err(failed)?;
    Ok((compiled, walked))
}

impl Walked {
    /// The decision as a journal would hold it, with the names that whoever made it up knows.
    fn decision(&self) -> Decision {
        let (verdict, status) = match &self.refused {
            None => (Verdict::Answered, 200),
            Some(denial) => (Verdict::Denied(denial), denial.reason().status()),
        };
        let taken = Taken::of(Arc::clone(&self.policy), &self.envelope, &self.trace, verdict, status);
        let mut key = [0u8; 32];
        rand::rng().fill(&mut key);
        let naming = Naming { subjects: SubjectsConfig::Named, numbers: BTreeSet::new() };
        tell(&taken, &JournalKey::from_bytes(&key), &naming, Depth::Explained)
    }
}

/// A policy of its own, which shares no counts and tells nobody anything.
fn rehearsal(options: &Options) -> Result<(Compiled, Arc<Metrics>), StartError> {
    let recorder = check::forgetful_recorder(options)?;
    let metrics = Arc::new(Metrics::new(Arc::clone(&recorder), Box::new(|_| {})));
    let mut workshop = check::workshop(options, Arc::clone(&metrics), recorder)?;
    workshop.shared_limits = None;
    let (mut compiled, _) = compile_all(&workshop)?;
    // Keys, revocations and owners, if there are any; a store that nobody made is not made for this.
    if workshop.lasting.exists() {
        let opened = workshop.lasting.open();
        opened.map_err(|error| system("cannot open the store", std::io::Error::other(error)))?;
    }
    let Some(policy) = Arc::get_mut(&mut compiled.policy) else {
        return Err(system("cannot walk a request", std::io::Error::other("the policy is in use")));
    };
    for api in &mut policy.apis {
        // Both would leave something behind elsewhere.
        api.exchange = None;
        api.learning = None;
    }
    Ok((compiled, metrics))
}

fn connection(made_up: &MadeUp, metrics: &Metrics) -> Connection {
    let transport = match made_up.url.scheme_str() {
        Some("http") => Transport::Plaintext,
        Some(_) | None => Transport::Tls(Box::new(Handshake {
            version: "TLSv1.3",
            suite: "made up",
            group: None,
            protocol: Protocol::Http1,
            server_name: made_up.url.host().map(Arc::from),
            resumption: Resumption::Full,
            client_certificate: None,
        })),
    };
    let plan = ListenerPlan {
        name: "made up".to_owned(),
        metrics: metrics.listener("made up"),
        kind: ListenerKind::Plaintext { policy: PlaintextConfig::Serve, redirect_port: None },
    };
    Connection::new(made_up.from, transport, Arc::new(plan), Crowd::default())
}

struct Rehearsal<'r> {
    policy: &'r Arc<Policy>,
    clock: &'r Clock,
    connection: Rc<Connection>,
    ended: RefCell<Option<Walked>>,
}

impl Rehearsal<'_> {
    /// Sends the request through hyper to [`Self::judge`].
    async fn walk(&self, made_up: &MadeUp) -> std::io::Result<Walked> {
        // Keys of issuers, which a gateway gets in the background.
        self.policy.authenticator.refresh_due().await;
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let service = service_fn(async |request: Request<Incoming>| {
            self.judge(request).await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let serving =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(ours), service);
        let sending = async move {
            let (mut reading, mut writing) = tokio::io::split(theirs);
            // What is refused is answered before it is read to its end.
            let _ = writing.write_all(&head(made_up)).await;
            let _ = writing.write_all(&made_up.body).await;
            let mut answer = Vec::new();
            let _ = reading.read_to_end(&mut answer).await;
        };
        // hyper's own refusals are in what it answers; ours in what was judged.
        let (served, ()) = tokio::join!(serving, sending);
        match (self.ended.take(), served) {
            (Some(walked), _) => Ok(walked),
            (None, Err(error)) => Err(std::io::Error::other(error)),
            (None, Ok(())) => Err(std::io::Error::other("it is no request that can be read")),
        }
    }

    /// Judges it as every request is judged, and keeps what came of it.
    async fn judge(&self, request: Request<Incoming>) {
        let now = self.clock.now();
        let (mut parts, body) = request.into_parts();
        let mut random = [0u8; 10];
        rand::rng().fill(&mut random);
        let receipt = ReceiptId::new(now.wall, &random);
        let envelope = Envelope::new(self.policy, Rc::clone(&self.connection), &parts, now, receipt);
        let mut trace = Trace::new(self.clock, now);
        // Boxed, as in a connection: it is the size of the whole walk.
        let admitted = Box::pin(admit(self.policy, &envelope, &mut parts, body, None, &mut trace)).await;
        let refused = admitted.err();
        let policy = Arc::clone(self.policy);
        self.ended.replace(Some(Walked { policy, envelope, trace, refused }));
    }
}

/// The head as an HTTP/1.1 client would send it.
fn head(made_up: &MadeUp) -> Vec<u8> {
    let target = made_up.url.path_and_query().map_or("/", |target| target.as_str());
    let mut head = format!("{} {target} HTTP/1.1\r\n", made_up.method);
    let has = |wanted: &str| made_up.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    if let Some(authority) = made_up.url.authority().filter(|_| !has("host")) {
        head.push_str(&format!("Host: {authority}\r\n"));
    }
    for (name, value) in &made_up.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !made_up.body.is_empty() && !has("content-length") && !has("transfer-encoding") {
        head.push_str(&format!("Content-Length: {}\r\n", made_up.body.len()));
    }
    if !has("connection") {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}
