//! A gateway in this process between a client and an upstream of the test.

mod outcome;
mod policy;
mod record;
mod request;
mod tokens;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;

use portcullis_audit::{Memory, SinkChoice};
use portcullis_config::{Color, Environment};
use portcullis_domain::Clock;
use portcullis_gateway::{Gateway, Options, StartError, Watch};
use portcullis_testkit::h2_frames::H2Frames;
use portcullis_testkit::{Answer, Authority, H2Client, RawClient, Response, TlsOffer, Upstream, Workspace};
use portcullis_tls::PublicRoots;
use rustls::RootCertStore;
use serde_json::{Value, json};

pub(crate) use outcome::Outcome;
pub(crate) use policy::{contract, merge};
pub(crate) use record::Record;
pub(crate) use request::{Ask, HOST, ask, get, post_json};
use tokens::Tokens;

/// The issuer that the policy believes.
pub(crate) const ISSUER: &str = "https://id.test";
/// The API's name at that issuer.
pub(crate) const AUDIENCE: &str = "shop-api";

/// Whom the usual token is about.
pub(crate) const SUBJECT: &str = "alice";

/// What a walk will be like, before the gateway starts.
pub(crate) struct Setup {
    configuration: Value,
    contract: Value,
    upstream: Option<Upstream>,
    clock: Clock,
    watch: Watch,
    /// The name of the file of the record, if it is kept in one.
    record_file: Option<&'static str>,
    roots: RootCertStore,
    workspace: Workspace,
    authority: Authority,
}

impl Setup {
    /// The usual policy.
    pub(crate) fn new() -> Self {
        Self {
            configuration: json!({}),
            contract: contract(),
            upstream: None,
            clock: Clock::machine(),
            watch: Watch::Nothing,
            record_file: None,
            // Nobody we meet: whom an upstream's certificate must come from, a test says in its policy.
            roots: (*Authority::named("the public").roots()).clone(),
            workspace: Workspace::new(),
            authority: Authority::new(),
        }
    }

    /// Changes the configuration; see [`merge`].
    pub(crate) fn policy(mut self, patch: Value) -> Self {
        merge(&mut self.configuration, patch);
        self
    }

    /// Changes the configuration of the one API.
    pub(crate) fn api(self, patch: Value) -> Self {
        self.policy(json!({ "apis": { "shop": patch } }))
    }

    /// Changes the contract; see [`merge`].
    pub(crate) fn contract(mut self, patch: Value) -> Self {
        merge(&mut self.contract, patch);
        self
    }

    /// Forwards to this upstream.
    pub(crate) fn upstream(mut self, upstream: Upstream) -> Self {
        self.upstream = Some(upstream);
        self
    }

    /// Forwards to an upstream that always answers this.
    pub(crate) fn answering(self, answer: Answer) -> Self {
        self.upstream(Upstream::answering(answer))
    }

    /// Lets time stand still but for [`Walk::clock`].
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps the record in a file of the workspace; [`Walk::record`] stays empty then.
    pub(crate) fn recording_to(mut self, name: &'static str) -> Self {
        self.record_file = Some(name);
        self
    }

    /// Lets the gateway watch its files.
    pub(crate) fn watching(mut self) -> Self {
        self.watch = Watch::Files;
        self
    }

    /// Lets the public trust this authority.
    pub(crate) fn public_authority(mut self, authority: &Authority) -> Self {
        self.roots = (*authority.roots()).clone();
        self
    }

    /// One TLS listener with a certificate of `servers`, which asks for one of `clients` and does not insist.
    pub(crate) fn asking_for_certificates(self, servers: &Authority, clients: &Authority) -> Self {
        let identity = servers.server(&[HOST]);
        self.file("clients.pem", clients.pem())
            .file("own.pem", identity.chain_pem())
            .secret("own.key", identity.key_pem())
            .policy(json!({ "listen": [{
                "address": "127.0.0.1:0", "protocol": "tls",
                "tls": {
                    "certificates": [{ "chain": "own.pem", "key": "own.key" }],
                    "client_certificates": { "authorities": "clients.pem", "mode": "optional" },
                },
            }] }))
    }

    /// Puts a file beside the configuration that only its owner may read.
    pub(crate) fn secret(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.workspace.secret(name, content);
        self
    }

    /// Puts a file where the configuration finds it.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.workspace.file(name, content);
        self
    }

    /// Starts the gateway.
    #[track_caller]
    pub(crate) fn start(self) -> Walk {
        match self.try_start() {
            Ok(walk) => walk,
            Err(StartError::Configuration(mistakes)) => panic!("{}", mistakes.render(Color::Never)),
            Err(error) => panic!("the gateway does not start: {error}"),
        }
    }

    /// Starts the gateway, which may have reasons not to.
    pub(crate) fn try_start(self) -> Result<Walk, StartError> {
        let upstream = self.upstream.unwrap_or_else(|| Upstream::answering(Answer::ok("hello")));
        let mut configuration = policy::configuration(&upstream.url());
        merge(&mut configuration, self.configuration);
        let identity = self.authority.server(&[HOST, "other.test", "localhost", "127.0.0.1"]);
        self.workspace.file("server.pem", identity.chain_pem());
        self.workspace.secret("server.key", identity.key_pem());
        self.workspace.file("openapi.json", self.contract.to_string());
        let tokens = Tokens::new(&self.clock);
        self.workspace.file("jwks.json", tokens.jwks());
        self.workspace.file("portcullis.yaml", serde_json::to_string_pretty(&configuration).unwrap());

        let record = Memory::default();
        let launch = Launch {
            record: match self.record_file {
                Some(name) => SinkChoice::File(self.workspace.path(name)),
                None => SinkChoice::Memory(record.clone()),
            },
            roots: PublicRoots::fixed(self.roots),
            watch: self.watch,
        };
        let gateway = launch.gateway(&self.workspace, &self.clock)?;
        Ok(Walk {
            gateway: Some(gateway),
            launch,
            upstream,
            record: Record(record),
            workspace: self.workspace,
            authority: self.authority,
            clock: self.clock,
            tokens,
            configuration: RefCell::new(configuration),
            events: Cell::default(),
            requests: Cell::default(),
            accounting: Cell::new(Accounting::Strict),
        })
    }
}

/// What a gateway is started with, the first time and again.
struct Launch {
    record: SinkChoice,
    roots: PublicRoots,
    watch: Watch,
}

impl Launch {
    fn gateway(&self, workspace: &Workspace, clock: &Clock) -> Result<Gateway, StartError> {
        Gateway::start(Options {
            file: workspace.path("portcullis.yaml"),
            environment: Environment::fixed([("UNUSED", "")]).with_base(workspace.root()),
            clock: clock.clone(),
            record: Some(self.record.clone()),
            roots: self.roots.clone(),
            watch: self.watch,
        })
    }
}

/// A running gateway, its upstream and its record.
pub(crate) struct Walk {
    gateway: Option<Gateway>,
    launch: Launch,
    pub(crate) upstream: Upstream,
    pub(crate) record: Record,
    pub(crate) workspace: Workspace,
    pub(crate) authority: Authority,
    pub(crate) clock: Clock,
    tokens: Tokens,
    configuration: RefCell<Value>,
    /// Events and upstream requests that are accounted for.
    events: Cell<usize>,
    requests: Cell<usize>,
    accounting: Cell<Accounting>,
}

/// Whether every event must have been asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accounting {
    Strict,
    /// The test cannot know how many events or requests there are.
    Loose,
}

impl Walk {
    /// The usual policy before an upstream that answers `hello`.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Setup::new().start()
    }

    /// The running gateway.
    pub(crate) fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("running until dropped")
    }

    /// Where the listener number `index` of the configuration is.
    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        self.gateway().addresses()[index]
    }

    /// A plaintext connection.
    #[track_caller]
    pub(crate) fn client(&self) -> RawClient {
        RawClient::connect(self.address(0))
    }

    /// What a client of the TLS listener offers.
    pub(crate) fn offer(&self) -> TlsOffer {
        TlsOffer::new(&self.authority, HOST).alpn(&["http/1.1"])
    }

    /// An HTTP/1.1 connection over TLS.
    #[track_caller]
    pub(crate) fn tls_client(&self) -> RawClient {
        RawClient::connect_tls(self.address(1), &self.offer()).expect("a handshake")
    }

    /// An HTTP/2 connection of a proper client.
    #[track_caller]
    pub(crate) fn h2(&self) -> H2Client {
        H2Client::connect_tls(self.address(1), &self.offer().alpn(&["h2"])).expect("a handshake").naming(HOST)
    }

    /// An HTTP/2 connection, frame by frame.
    #[track_caller]
    pub(crate) fn h2_frames(&self) -> H2Frames {
        H2Frames::connect_tls(self.address(1), &self.offer().alpn(&["h2"])).expect("a handshake")
    }

    /// The same in plaintext, by prior knowledge: what the gateway said last can be read even after it
    /// has stopped to take what we send.
    #[track_caller]
    pub(crate) fn h2_frames_in_plaintext(&self) -> H2Frames {
        H2Frames::connect(self.address(0)).expect("a connection")
    }

    /// Sends these bytes over a fresh plaintext connection and tells what came of them.
    #[track_caller]
    pub(crate) fn send(&self, request: impl Into<Vec<u8>>) -> Outcome {
        self.send_on(self.client(), request)
    }

    /// The same over TLS.
    #[track_caller]
    pub(crate) fn send_tls(&self, request: impl Into<Vec<u8>>) -> Outcome {
        self.send_on(self.tls_client(), request)
    }

    /// The same over this connection.
    #[track_caller]
    pub(crate) fn send_on(&self, mut client: RawClient, request: impl Into<Vec<u8>>) -> Outcome {
        let request = request.into();
        let response = client.ask(&request);
        let mut outcome = self.settle(response);
        outcome.client = Some(client);
        outcome
    }

    /// The outcome of a request whose response the test has read itself.
    #[track_caller]
    pub(crate) fn settle(&self, response: Response) -> Outcome {
        let before = self.events.get();
        let recorded = self.record.wait_for(before + 1);
        let events = recorded[before..].to_vec();
        self.events.set(recorded.len());
        let all = self.upstream.seen();
        let seen = all[self.requests.get()..].to_vec();
        self.requests.set(all.len());
        Outcome { response, seen, strange: self.upstream.strange(), events, client: None }
    }

    /// Waits for `events` more events of requests whose responses are of no interest, and accounts for
    /// them and whatever the upstream saw.
    #[track_caller]
    pub(crate) fn settle_events(&self, events: usize) -> Vec<Value> {
        let before = self.events.get();
        let recorded = self.record.wait_for(before + events);
        assert_eq!(recorded.len(), before + events, "recorded {:#?}", &recorded[before..]);
        self.events.set(recorded.len());
        self.requests.set(self.upstream.count());
        recorded[before..].to_vec()
    }

    /// Waits for `count` more requests at the upstream whose outcome is of no interest, and accounts for them.
    #[track_caller]
    pub(crate) fn account_for_requests(&self, count: usize) {
        let expected = self.requests.get() + count;
        assert_eq!(self.upstream.wait_for(expected).len(), expected);
        self.requests.set(expected);
    }

    /// Gives up counting, for a test that cannot know how many events or requests there will be.
    pub(crate) fn account_for_stray_events(&self) {
        self.accounting.set(Accounting::Loose);
    }

    /// A good token of [`SUBJECT`] with these scopes.
    pub(crate) fn token(&self, scopes: &str) -> String {
        self.token_of(SUBJECT, scopes)
    }

    /// A good token of this subject with these scopes.
    pub(crate) fn token_of(&self, subject: &str, scopes: &str) -> String {
        self.tokens.sign(json!({}), json!({ "sub": subject, "scope": scopes }))
    }

    /// A token that is good but for these claims; `null` takes one away.
    pub(crate) fn token_with(&self, claims: Value) -> String {
        self.tokens.sign(json!({}), claims)
    }

    /// A token that is good but for these header parameters.
    pub(crate) fn token_with_header(&self, header: Value) -> String {
        self.tokens.sign(header, json!({}))
    }

    /// Changes the configuration file; the gateway notices or is told.
    pub(crate) fn rewrite(&self, patch: Value) {
        let mut configuration = self.configuration.borrow_mut();
        merge(&mut configuration, patch);
        self.workspace.file("portcullis.yaml", serde_json::to_string_pretty(&*configuration).unwrap());
    }

    /// Stops the gateway and starts it again in the same folder, as it is left there.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.shutdown();
        }
        let started = self.launch.gateway(&self.workspace, &self.clock);
        self.gateway = Some(started.unwrap_or_else(|error| panic!("it does not start again: {error}")));
    }

    /// Stops the gateway and hands back everything it has recorded.
    pub(crate) fn stop(&mut self) -> Vec<Value> {
        if let Some(gateway) = self.gateway.take() {
            gateway.shutdown();
        }
        self.record.all()
    }
}

impl Drop for Walk {
    /// Nothing may have happened that no test has accounted for: a second event for a request, or a
    /// request that reached the upstream after its refusal.
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() || self.accounting.get() == Accounting::Loose {
            return;
        }
        let events = self.record.requests();
        assert_eq!(
            events.len(),
            self.events.get(),
            "events that nobody asked for: {:#?}",
            &events[self.events.get()..]
        );
        let seen = self.upstream.seen();
        assert_eq!(
            seen.len(),
            self.requests.get(),
            "requests that nobody sent: {:#?}",
            &seen[self.requests.get()..]
        );
    }
}
