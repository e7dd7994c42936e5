//! API keys as applications use them, and what becomes of them on the way (AUTHN-36, KEY-01 to KEY-06).

use std::time::Duration;

use portcullis_authn::api_key;
use portcullis_config::Color;
use portcullis_domain::{
    ApiKeyRecord, Clock, KeyId, KeyReach, KeyStore as _, Pepper as _, Reason, Scopes, Secret, StoreFuture,
};
use portcullis_gateway::StartError;
use portcullis_store::{Location, RootSecrets, Settings, Store};
use portcullis_testkit::RawClient;
use portcullis_testkit::wait::until;
use serde_json::{Value, json};

use crate::walk::{Outcome, Setup, Walk, get};

/// The usual contract, with operations for applications.
pub(crate) fn for_applications() -> Setup {
    let ok = json!({ "200": { "description": "Done." } });
    let needs = |alternatives: Value| json!({ "security": alternatives, "responses": ok });
    Setup::new().contract(json!({
        "paths": {
            "/stock": { "get": needs(json!([{ "partners": ["stock:read"] }])) },
            "/either": { "get": needs(json!([{ "partners": [] }, { "customers": ["orders:read"] }])) },
            "/mine": { "get": needs(json!([{ "partners": [] }, { "customers": ["orders:read"] }])) },
        },
        "components": { "securitySchemes": {
            "partners": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
        } },
    }))
}

/// The store of a walk, as the subcommands open it.
pub(crate) struct Keys {
    store: Store,
    clock: Clock,
}

impl Keys {
    pub(crate) fn of(walk: &Walk) -> Self {
        Self::open(
            walk,
            Location::File(walk.workspace.path(".portcullis/store.db")),
            RootSecrets::File(walk.workspace.path(".portcullis/store.key")),
        )
    }

    fn open(walk: &Walk, location: Location, secrets: RootSecrets) -> Self {
        let (poll, grace) = (Duration::from_millis(250), Duration::from_secs(30));
        let settings = Settings { location, secrets, poll, grace };
        Self { store: Store::open(&settings).unwrap(), clock: walk.clock.clone() }
    }

    /// The same for a shared store.
    pub(crate) fn at(walk: &Walk, url: &str, root: &str) -> Self {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Self::open(
            walk,
            Location::Postgres { url: secret(url), tls: tls.into() },
            RootSecrets::Given { newest: secret(root), previous: Vec::new() },
        )
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    fn record(&self, made: &api_key::MadeKey) -> ApiKeyRecord {
        let now = self.clock.now().wall;
        ApiKeyRecord {
            id: made.id,
            digest: self.store.pepper().digest(made.text.expose()),
            owner: "erp".into(),
            label: "".into(),
            scopes: Scopes::parse("stock:read"),
            reach: KeyReach::EveryApi,
            networks: [].into(),
            created_at: now,
            expires_at: now.plus(Duration::from_secs(3600)),
            revoked_at: None,
            successor: None,
            last_used_at: None,
        }
    }

    pub(crate) fn add(&self, change: impl FnOnce(&mut ApiKeyRecord)) -> (KeyId, String) {
        let made = api_key::make(&"live".parse().unwrap()).unwrap();
        let mut record = self.record(&made);
        change(&mut record);
        done(self.store.add_key(record));
        (made.id, made.text.expose_text().unwrap().to_owned())
    }

    pub(crate) fn rotate(&self, old: KeyId, overlap: Duration) -> String {
        let made = api_key::make(&"live".parse().unwrap()).unwrap();
        let ends = self.clock.now().wall.plus(overlap);
        done(self.store.rotate_key(old, self.record(&made), ends));
        made.text.expose_text().unwrap().to_owned()
    }
}

/// A clock that stands until it is moved; today, for certificates end.
pub(crate) fn standing() -> Clock {
    Clock::manual(Clock::machine().now().wall)
}

/// Waits for the store's answer.
pub(crate) fn done<T>(answer: StoreFuture<'_, T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(answer).unwrap()
}

fn show(walk: &Walk, target: &str, key: &str) -> Outcome {
    walk.send(get(target).with(format!("X-API-Key: {key}")))
}

/// Shows the key until it is refused: a change is taken up within a second, and not at once.
#[track_caller]
fn until_refused(walk: &Walk, target: &str, key: &str, reason: Reason) {
    let mut last = None;
    until("the change is taken up", || {
        let outcome = show(walk, target, key);
        let is_refused = outcome.response.status != 200;
        if is_refused {
            last = Some(outcome);
        } else {
            outcome.passed();
        }
        is_refused
    });
    last.unwrap().refused(reason);
}

#[track_caller]
fn mistakes(setup: Setup) -> String {
    match setup.try_start() {
        Err(StartError::Configuration(mistakes)) => mistakes.render(Color::Never),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}

// proves: AUTHN-36
#[test]
fn a_key_is_for_applications_in_a_header_and_nowhere_else() {
    let walk = for_applications()
        .api(json!({ "overrides": { "GET /mine": { "authorize": { "callers": "users" } } } }))
        .start();
    let keys = Keys::of(&walk);
    let (id, key) = keys.add(|_| {});
    let outcome = show(&walk, "/stock", &key);
    let seen = outcome.passed();
    assert!(!String::from_utf8_lossy(&seen.raw).contains(&key), "the upstream saw the key");
    assert_eq!(seen.header("x-auth-subject"), Some("erp"));
    let event = outcome.only_event();
    assert_eq!((&event["subject"], &event["client_id"]), (&json!("erp"), &json!(id.to_string())));
    // In the URL it is worth nothing, and hidden in the record.
    for name in ["X-API-Key", "api_key", "key", "q"] {
        walk.send(get(&format!("/stock?{name}={key}"))).refused(Reason::CredentialMissing);
    }
    // Alone it is not enough for what belongs to a user.
    show(&walk, "/mine", &key).refused(Reason::PermitMissing);
    walk.send(get("/mine").bearer(&walk.token("orders:read"))).passed();
    let secret = &key[21..];
    assert!(!walk.record.text().contains(secret), "the record holds a key");
}

#[test]
fn a_missing_key_is_asked_for() {
    let walk = for_applications().start();
    let outcome = walk.send(get("/stock"));
    outcome.refused(Reason::CredentialMissing);
    assert_eq!(outcome.header("www-authenticate"), Some("ApiKey realm=\"shop\", header=\"x-api-key\""));
    let either = walk.send(get("/either"));
    either.refused(Reason::CredentialMissing);
    let challenges: Vec<_> = either.response.headers.all("www-authenticate");
    assert!(challenges.iter().any(|challenge| challenge.starts_with("Bearer ")), "{challenges:?}");
    assert!(challenges.iter().any(|challenge| challenge.starts_with("ApiKey ")), "{challenges:?}");
}

#[test]
fn a_key_and_a_token_are_one_credential_too_many() {
    let walk = for_applications().start();
    let (_, key) = Keys::of(&walk).add(|_| {});
    let token = walk.token("orders:read");
    let with_key = |request: crate::walk::Ask| request.with(format!("X-API-Key: {key}"));
    for request in [
        with_key(get("/either").bearer(&token)),
        with_key(get("/orders").bearer(&token)),
        with_key(with_key(get("/stock"))),
        with_key(get("/stock").with("Authorization: Basic YTpi")),
        with_key(get(&format!("/stock?access_token={token}"))),
    ] {
        walk.send(request).refused(Reason::CredentialAmbiguous);
    }
}

#[test]
fn a_key_never_reaches_the_upstream_of_another_operation() {
    let walk = for_applications().start();
    let (_, key) = Keys::of(&walk).add(|_| {});
    let outcome = show(&walk, "/public", &key);
    assert!(!String::from_utf8_lossy(&outcome.passed().raw).contains(&key));
    show(&walk, "/orders", &key).refused(Reason::CredentialMissing);
}

#[test]
fn every_bad_key_gets_the_same_answer() {
    let walk = for_applications().start();
    let keys = Keys::of(&walk);
    let (_, good) = keys.add(|_| {});
    let (_, elsewhere) = keys.add(|record| record.reach = KeyReach::Apis(["other".into()].into()));
    let (_, far) = keys.add(|record| record.networks = ["192.0.2.0/24".parse().unwrap()].into());
    let (_, ended) = keys.add(|record| record.expires_at = record.created_at);
    let stranger = api_key::make(&"live".parse().unwrap()).unwrap();
    let mut typo = good.clone();
    typo.replace_range(25..26, if &good[25..26] == "x" { "y" } else { "x" });
    let mut answers = Vec::new();
    for (key, reason) in [
        (typo.as_str(), Reason::KeyMalformed),
        ("hunter2", Reason::KeyMalformed),
        (stranger.text.expose_text().unwrap(), Reason::KeyUnknown),
        (&elsewhere, Reason::KeyMisplaced),
        (&far, Reason::KeyMisplaced),
        (&ended, Reason::KeyExpired),
    ] {
        let outcome = show(&walk, "/stock", key);
        outcome.refused(reason);
        let mut problem = outcome.response.json();
        problem["instance"] = "".into();
        answers.push((problem, outcome.header("www-authenticate").map(str::to_owned)));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    show(&walk, "/stock", &good).passed();
}

// proves-part: KEY-04 (an owner for other credentials; that the list shows the last use is shown in store)
#[test]
fn a_key_ends_by_itself_and_does_no_more_than_its_scopes() {
    let clock = standing();
    let walk = for_applications().clock(clock).start();
    let keys = Keys::of(&walk);
    let (_, key) = keys.add(|record| record.expires_at = record.created_at.plus(Duration::from_secs(10)));
    let (_, without) = keys.add(|record| record.scopes = Scopes::parse("orders:read"));
    show(&walk, "/stock", &key).passed();
    show(&walk, "/stock", &without).refused(Reason::ScopeInsufficient);
    walk.clock.advance(Duration::from_secs(10));
    show(&walk, "/stock", &key).refused(Reason::KeyExpired);
}

#[test]
fn a_rotated_key_is_good_until_the_overlap_is_over() {
    let clock = standing();
    let walk = for_applications().clock(clock).start();
    let keys = Keys::of(&walk);
    let (id, old) = keys.add(|_| {});
    show(&walk, "/stock", &old).passed();
    let new = keys.rotate(id, Duration::from_secs(5));
    show(&walk, "/stock", &new).passed();
    show(&walk, "/stock", &old).passed();
    walk.clock.advance(Duration::from_secs(5));
    show(&walk, "/stock", &new).passed();
    // The end of the old one came with the change that the gateway follows.
    until_refused(&walk, "/stock", &old, Reason::KeyExpired);
    show(&walk, "/stock", &new).passed();
}

#[test]
fn a_revoked_key_is_refused_by_every_worker_and_after_a_restart() {
    let mut walk = for_applications().policy(json!({ "workers": 2 })).start();
    let keys = Keys::of(&walk);
    let (id, key) = keys.add(|_| {});
    for _ in 0..8 {
        show(&walk, "/stock", &key).passed();
    }
    done(keys.store().revoke_key(id, walk.clock.now().wall));
    until_refused(&walk, "/stock", &key, Reason::KeyRevoked);
    // From then on by each of them: connections are spread over the workers. (More would be guessing.)
    for _ in 0..3 {
        show(&walk, "/stock", &key).refused(Reason::KeyRevoked);
    }
    walk.restart();
    show(&walk, "/stock", &key).refused(Reason::KeyRevoked);
}

#[test]
fn whoever_guesses_keys_is_stopped() {
    let walk = for_applications().start();
    let (_, good) = Keys::of(&walk).add(|_| {});
    let mut refused = None;
    for _ in 0..200 {
        let stranger = api_key::make(&"live".parse().unwrap()).unwrap();
        let outcome = show(&walk, "/stock", stranger.text.expose_text().unwrap());
        if outcome.response.status == 429 {
            refused = Some(outcome);
            break;
        }
        outcome.refused(Reason::KeyUnknown);
    }
    refused.expect("two hundred guesses").refused(Reason::FailuresExceeded);
    show(&walk, "/stock", &good).refused(Reason::FailuresExceeded);
}

#[test]
fn the_last_use_is_noted_in_time() {
    let walk = for_applications().clock(standing()).start();
    let keys = Keys::of(&walk);
    let (id, key) = keys.add(|_| {});
    show(&walk, "/stock", &key).passed();
    walk.clock.advance(Duration::from_secs(5));
    until("the use is written", || done(keys.store().find_key(id)).unwrap().last_used_at.is_some());
}

#[test]
fn a_key_outside_of_a_header_of_its_own_does_not_compile() {
    for scheme in [
        json!({ "type": "apiKey", "in": "query", "name": "key" }),
        json!({ "type": "apiKey", "in": "cookie", "name": "key" }),
        json!({ "type": "apiKey", "in": "header", "name": "Authorization" }),
        json!({ "type": "apiKey", "in": "header", "name": "Cookie" }),
        json!({ "type": "apiKey", "in": "header", "name": "not a header" }),
    ] {
        let setup = for_applications()
            .contract(json!({ "components": { "securitySchemes": { "partners": scheme } } }));
        let mistakes = mistakes(setup);
        assert!(mistakes.contains("C0711"), "{mistakes}");
    }
}

#[test]
fn mistakes_in_the_two_sections_are_shown() {
    for (patch, code) in [
        (json!({ "api_keys": { "environment": "Live!" } }), "C0025"),
        (json!({ "api_keys": { "lifetime": "0s" } }), "C0712"),
        (json!({ "api_keys": { "lifetime": "400d" } }), "C0712"),
        (json!({ "store": { "poll": "1h" } }), "C0706"),
    ] {
        let mistakes = mistakes(Setup::new().policy(patch));
        assert!(mistakes.contains(code), "{mistakes}");
    }
    // One reference for two purposes (KEY-12).
    let twice = json!({
        "store": { "secret": "${file:token}" },
        "admin": { "address": "127.0.0.1:0", "token": "${file:token}" },
    });
    let setup = Setup::new().secret("token", "q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C").policy(twice);
    let mistakes = mistakes(setup);
    assert!(mistakes.contains("C0705"), "{mistakes}");
}

// proves-part: KEY-15 (logs and responses)
#[test]
fn a_key_in_an_address_is_recorded_as_leaked_and_revoked_where_that_is_wanted() {
    let leaks = |walk: &Walk| {
        let events = walk.record.all();
        let leaked = events.into_iter().filter(|event| event["event"] == "authn_credential_exposed");
        leaked.map(|event| (event["key"].clone(), event["fate"].clone())).collect::<Vec<_>>()
    };
    for (wanted, fate) in [("report", "reported"), ("revoke", "revoked")] {
        let walk = for_applications().policy(json!({ "api_keys": { "leaked": wanted } })).start();
        let keys = Keys::of(&walk);
        let (id, key) = keys.add(|_| {});
        let (_, other) = keys.add(|_| {});
        show(&walk, "/stock", &key).passed();
        // The id of a good key with another secret is a guess, and must not end the key.
        let forged = api_key::make(&"live".parse().unwrap()).unwrap();
        let forged = forged.text.expose_text().unwrap();
        walk.send(get(&format!("/stock?q={forged}"))).refused(Reason::CredentialMissing);
        assert_eq!(leaks(&walk), []);
        walk.send(get(&format!("/stock?q={key}"))).refused(Reason::CredentialMissing);
        until("it is recorded", || !leaks(&walk).is_empty());
        assert_eq!(leaks(&walk), [(json!(id.to_string()), json!(fate))]);
        match wanted {
            "revoke" => drop(show(&walk, "/stock", &key).refused(Reason::KeyRevoked)),
            _ => drop(show(&walk, "/stock", &key).passed()),
        }
        show(&walk, "/stock", &other).passed();
        assert!(!walk.record.text().contains(&key[21..]), "the record holds a key");
    }
}

// proves: KEY-05
#[test]
fn rotation_under_load_fails_nobody_and_the_old_key_ends() {
    let walk = for_applications().clock(standing()).start();
    let keys = Keys::of(&walk);
    let (id, old) = keys.add(|_| {});
    let address = walk.address(0);
    let ask = move |key: &str| {
        let request = get("/stock").with(format!("X-API-Key: {key}"));
        RawClient::connect(address).ask(Vec::from(request)).status
    };
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let (new, statuses) = std::thread::scope(|scope| {
        let load = || {
            let mut statuses = Vec::new();
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) || statuses.len() < 20 {
                statuses.push(ask(&old));
            }
            statuses
        };
        let clients = [scope.spawn(load), scope.spawn(load)];
        let new = keys.rotate(id, Duration::from_secs(10));
        for _ in 0..50 {
            assert_eq!(ask(&new), 200);
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        (new, clients.map(|client| client.join().unwrap()).concat())
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    walk.account_for_stray_events();
    walk.clock.advance(Duration::from_secs(10));
    until("the rotation is taken up", || ask(&old) == 401);
    assert_eq!(ask(&new), 200);
}
